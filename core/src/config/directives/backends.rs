//! How backends are dialled, and what is said of them by their URLs.

use core::net::IpAddr;

use crate::config::context::Context;
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::values::receive_buffer;
use crate::config::words::Word;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxySourceAddress",
        args: "address",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "The address of this machine that backends are dialled from: one that it has not \
                  dials none of them. A Unix socket has no address.",
        example: "ProxySourceAddress 192.0.2.1",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(address(&args[0]), |host, address| host.dials.source = Some(address))
        },
    },
    Directive {
        name: "ProxyReceiveBufferSize",
        args: "bytes",
        default: Some("0"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How many bytes the system holds for a connection to a backend, at least 512; 0 \
                  leaves that to the system.",
        example: "ProxyReceiveBufferSize 65536",
        count: 1..=1,
        apply: |loader, args| {
            loader
                .draft
                .say(receive_buffer(&args[0]), |host, bytes| host.dials.receive_buffer = bytes)
        },
    },
];

fn address(word: &Word) -> Result<IpAddr, Flaw> {
    let inner = word.text().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.unwrap_or(word.text()).parse().map_err(|_| {
        word.flaw(format!("`{word}` is not an address")).help("no DNS is asked for it")
    })
}
