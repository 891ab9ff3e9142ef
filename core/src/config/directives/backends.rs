//! How backends are dialled, and what is said of them by their URLs.

use core::net::IpAddr;

use crate::config::backends::Backends;
use crate::config::context::Context;
use crate::config::problem::Flaw;
use crate::config::sections::Kind;
use crate::config::table::{Directive, Origin};
use crate::config::values::socket_buffer;
use crate::config::words::Word;
use crate::route::Setting;

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
                .say(socket_buffer(&args[0]), |host, bytes| host.dials.receive_buffer = bytes)
        },
    },
    Directive {
        name: "ProxyBlock",
        args: "word...",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Requests for a backend in whose host name one of these words stands, or for any with \
                  *, are answered with 403, as are those for a balancer with such a member; no DNS is asked.",
        example: "ProxyBlock internal.example",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let words: Vec<_> = args.iter().map(|word| word.text().to_ascii_lowercase()).collect();
            loader.draft.say(Ok(words), |host, words| host.blocks.extend(words))
        },
    },
    Directive {
        name: "<Proxy>",
        args: "[~] url [key=value]...",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What is said of the backends whose URLs begin with this one, before what <Location> says: \
                  `*`, `?` and `[...]` stand for letters, and ~ makes it a regular expression. The \
                  parameters are set as by ProxySet. `balancer://name` describes that balancer: BalancerMember \
                  names its members.",
        example: "<Proxy http://app.example:9000/>",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let (mut backends, parameters) = match args {
                [tilde, url, rest @ ..] if tilde.text() == "~" => (Backends::matching(url)?, rest),
                _ => (Backends::of(&args[0])?, &args[1..]),
            };
            backends.set(parameters, &mut loader.flaws);
            loader.draft.open_backends(backends);
            loader.begin(Kind::Backends);
            Ok(())
        },
    },
    Directive {
        name: "<ProxyMatch>",
        args: "expression",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What is said of the backends in whose URLs a regular expression is found.",
        example: "<ProxyMatch ^https?://[^/]*\\.example/>",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.open_backends(Backends::matching(&args[0])?);
            loader.begin(Kind::Backends);
            Ok(())
        },
    },
    Directive {
        name: "ProxySet",
        args: "[url] key=value...",
        default: None,
        contexts: &[Context::Server, Context::Host, Context::Backends],
        origin: Origin::Httpd,
        summary: "Sets parameters of a balancer, or of the rules and members whose URLs begin with this one, over what \
                  they say themselves, wherever they stand; in a <Proxy> its URL is meant, and none is given.",
        example: "ProxySet ws://b retry=5",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            if let Some(backends) = loader.draft.section_of_backends() {
                backends.set(args, &mut loader.flaws);
                return Ok(());
            }
            let mut backends = Backends::of(&args[0])?;
            backends.set(&args[1..], &mut loader.flaws);
            loader.draft.backends(backends);
            Ok(())
        },
    },
    Directive {
        name: "Require",
        args: "all granted|denied",
        default: Some("all granted"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether requests are served, or all of them answered with 403; nothing else can be required.",
        example: "Require all denied",
        count: 1..=usize::MAX,
        apply: |loader, args| loader.draft.set(denied(args).map(Setting::Denied)),
    },
];

fn denied(args: &[Word]) -> Result<bool, Flaw> {
    match args {
        [all, what] if all.is("all") && what.is("granted") => Ok(false),
        [all, what] if all.is("all") && what.is("denied") => Ok(true),
        _ => {
            let flaw = args[0].flaw("only `Require all` is built, and tells nobody apart");
            Err(flaw.help("write `Require all granted` or `Require all denied`"))
        }
    }
}

fn address(word: &Word) -> Result<IpAddr, Flaw> {
    let inner = word.text().strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.unwrap_or(word.text()).parse().map_err(|_| {
        word.flaw(format!("`{word}` is not an address")).help("no DNS is asked for it")
    })
}

#[cfg(test)]
mod tests {
    use crate::config::testing::problem;

    #[test]
    fn nothing_but_all_is_required() {
        let only = "conf:1:9: only `Require all` is built, and tells nobody apart \
                    (write `Require all granted` or `Require all denied`)";
        for says in ["ip granted", "ip denied", "all x", "all", "all denied x"] {
            assert_eq!(problem(&format!("Require {says}")), only, "{says}");
        }
    }
}
