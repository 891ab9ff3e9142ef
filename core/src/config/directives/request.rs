//! What a client may send, how long it may take, and how often it may ask.

use crate::config::context::Context;
use crate::config::pace::clock;
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::values::{number, some_wait, switch};
use crate::config::words::Word;
use crate::limits::{FIELDS_MOST, HEAD_MOST, LENGTH_MOST};

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "KeepAlive",
        args: "On|Off",
        default: Some("On"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether a client may send several requests on one connection.",
        example: "KeepAlive Off",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(switch(&args[0]), |host, keep_alive| host.keep_alive = keep_alive)
        },
    },
    Directive {
        name: "KeepAliveTimeout",
        args: "time[ms|s|mi|h]",
        default: Some("5"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How long a client may be silent between two requests.",
        example: "KeepAliveTimeout 15",
        count: 1..=1,
        apply: |loader, args| {
            loader
                .draft
                .say(some_wait(&args[0]), |host, keep_alive| host.limits.keep_alive = keep_alive)
        },
    },
    Directive {
        name: "MaxKeepAliveRequests",
        args: "number",
        default: Some("100"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How many requests one connection may carry; 0 means any number.",
        example: "MaxKeepAliveRequests 0",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(requests(&args[0]), |host, requests| host.limits.requests = requests)
        },
    },
    Directive {
        name: "RequestReadTimeout",
        args: "[handshake=time] [header=first[-most][,MinRate=bytes]] [body=first[-most][,MinRate=bytes]]",
        default: Some("handshake=20 header=20-40,MinRate=500 body=20,MinRate=500"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How long a TLS handshake (httpd's default is 0), and a request's head and body behind \
                  it may take, and how many bytes buy a second more; 0 switches the clock off.",
        example: "RequestReadTimeout handshake=5 header=10-30,MinRate=500 body=0",
        count: 1..=3,
        apply: |loader, args| {
            for word in args {
                let clock = clock(word);
                let said = loader.draft.say(clock, |host, clock| clock.set(&mut host.limits));
                loader.flaws.extend(said.err());
            }
            Ok(())
        },
    },
    Directive {
        name: "LimitRequestLine",
        args: "bytes",
        default: Some("8190"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How long a request line may be.",
        example: "LimitRequestLine 4096",
        count: 1..=1,
        apply: |loader, args| {
            loader
                .draft
                .say(number(&args[0], LINE_LEAST..=LINE_MOST), |host, line| host.limits.line = line)
        },
    },
    Directive {
        name: "LimitRequestFieldSize",
        args: "bytes",
        default: Some("8190"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How long one header field of a request may be.",
        example: "LimitRequestFieldSize 4096",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(number(&args[0], LINE_LEAST..=LINE_MOST), |host, field| {
                host.limits.field = field
            })
        },
    },
    Directive {
        name: "LimitRequestFields",
        args: "number",
        default: Some("100"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How many header fields a request may have.",
        example: "LimitRequestFields 256",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(fields(&args[0]), |host, fields| host.limits.fields = fields)
        },
    },
    Directive {
        name: "LimitRequestBody",
        args: "bytes",
        default: Some("0"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How long the body of a request may be; 0 means any length, which is the \
                  default here because httpd's does not apply to forwarded requests.",
        example: "LimitRequestBody 1048576",
        count: 1..=1,
        apply: |loader, args| {
            loader
                .draft
                .say(body_most(&args[0]), |host, body_most| host.limits.body_most = body_most)
        },
    },
];

/// A request line or field may be so short: one that is shorter would refuse every browser.
const LINE_LEAST: u32 = 64;
/// And so long: half of a head leaves room for the rest of it.
const LINE_MOST: u32 = HEAD_MOST as u32 / 2;

fn requests(word: &Word) -> Result<u32, Flaw> {
    number(word, 0..=u32::MAX).map(|most| if most == 0 { u32::MAX } else { most })
}

fn fields(word: &Word) -> Result<u32, Flaw> {
    number(word, 1..=FIELDS_MOST as u32).map_err(|flaw| match word.text() {
        "0" => flaw.help("0 is httpd's word for no limit, which would leave memory without one"),
        _ => flaw,
    })
}

/// A limit beyond what a Content-Length may say (R21) is none.
fn body_most(word: &Word) -> Result<u64, Flaw> {
    number(word, 0..=LENGTH_MOST).map(|most| if most == 0 { u64::MAX } else { most })
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem, problems};

    #[test]
    fn limits_are_within_ours() {
        let range = "is not in the range";
        assert_eq!(problem("LimitRequestLine 63"), format!("conf:1:18: 63 {range} 64 to 32768"));
        let large = format!("conf:1:23: 32769 {range} 64 to 32768");
        assert_eq!(problem("LimitRequestFieldSize 32769"), large);
        assert_eq!(problem("LimitRequestFields 257"), format!("conf:1:20: 257 {range} 1 to 256"));
        let none = "(0 is httpd's word for no limit, which would leave memory without one)";
        let message = format!("conf:1:20: 0 {range} 1 to 256 {none}");
        assert_eq!(problem("LimitRequestFields 0"), message);
    }

    #[test]
    fn a_body_may_have_any_length_or_so_many_bytes() {
        let most = |text: &str| good(text).rules.main().limits.body_most;
        assert_eq!(most("LimitRequestBody 5"), 5);
        assert_eq!(most("LimitRequestBody 5\nLimitRequestBody 0"), u64::MAX);
        let range = "is not in the range 0 to 9223372036854775807";
        let large = format!("conf:1:18: 9223372036854775808 {range}");
        assert_eq!(problem("LimitRequestBody 9223372036854775808"), large);
    }

    #[test]
    fn every_bad_pace_of_a_line_is_told() {
        assert_eq!(problems("RequestReadTimeout header=x body=y\nListen 1").len(), 2);
    }
}
