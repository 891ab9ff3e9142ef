//! The table of directives, from which they are read, suggested and documented.

use core::num::NonZeroU16;

use super::LogLevel;
use super::pace::set_pace;
use super::problem::Flaw;
use super::proxy_pass::pass;
use super::table::{Directive, Origin};
use super::url;
use super::values::{number, some_wait, switch, wait, wait_or_none};
use super::words::Word;
use crate::limits::{FIELDS_MOST, HEAD_MOST};

/// Every directive.
pub static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "Listen",
        args: "[address:]port",
        default: None,
        context: SERVER,
        origin: Origin::Httpd,
        summary: "An address on which clients are awaited; all addresses if none is given.",
        count: 1..=1,
        apply: |loader, args| loader.draft.listen(url::listen(&args[0])?, &args[0]),
    },
    Directive {
        name: "ServerName",
        args: "[scheme://]name[:port]",
        default: Some("underpass"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "The name of this server, which X-Forwarded-Server says.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.server_name, url::server_name(&args[0])),
    },
    Directive {
        name: "Threads",
        args: "number",
        default: None,
        context: SERVER,
        origin: Origin::Ours,
        summary: "How many event loops there are; one per core if absent.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.threads, threads(&args[0])),
    },
    Directive {
        name: "LogLevel",
        args: "emerg|alert|crit|error|warn|notice|info|debug|trace1..trace8",
        default: Some("warn"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "What is logged: this and all that is graver.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.log_level, log_level(&args[0])),
    },
    Directive {
        name: "Define",
        args: "name [value]",
        default: None,
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Makes ${name} stand for the value from here on.",
        count: 1..=2,
        apply: |loader, args| loader.define(&args[0], args.get(1)),
    },
    Directive {
        name: "Include",
        args: "file",
        default: None,
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Reads that file here; a relative path begins in the folder of the file \
                  that includes it.",
        count: 1..=1,
        apply: |loader, args| loader.include(&args[0]),
    },
    Directive {
        name: "Timeout",
        args: "time[ms|s|mi|h]",
        default: Some("60"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long either side may take to answer or to take what is sent to it, \
                  and how long a half-closed tunnel may be silent.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.timeout, some_wait(&args[0])),
    },
    Directive {
        name: "KeepAlive",
        args: "On|Off",
        default: Some("On"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether a client may send several requests on one connection.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.keep_alive, switch(&args[0])),
    },
    Directive {
        name: "KeepAliveTimeout",
        args: "time[ms|s|mi|h]",
        default: Some("5"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long a client may be silent between two requests.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.limits.keep_alive, some_wait(&args[0])),
    },
    Directive {
        name: "MaxKeepAliveRequests",
        args: "number",
        default: Some("100"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How many requests one connection may carry; 0 means any number.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.limits.requests, requests(&args[0])),
    },
    Directive {
        name: "RequestReadTimeout",
        args: "[header=first[-most][,MinRate=bytes]] [body=first[-most][,MinRate=bytes]]",
        default: Some("header=20-40,MinRate=500 body=20,MinRate=500"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long a request's head and body may take, and how many bytes buy a \
                  second more; 0 switches the clock off.",
        count: 1..=2,
        apply: |loader, args| {
            let limits = &mut loader.draft.limits;
            loader.flaws.extend(args.iter().filter_map(|word| set_pace(limits, word).err()));
            Ok(())
        },
    },
    Directive {
        name: "LimitRequestLine",
        args: "bytes",
        default: Some("8190"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long a request line may be.",
        count: 1..=1,
        apply: |loader, args| {
            set(&mut loader.draft.limits.line, number(&args[0], LINE_LEAST..=LINE_MOST))
        },
    },
    Directive {
        name: "LimitRequestFieldSize",
        args: "bytes",
        default: Some("8190"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long one header field of a request may be.",
        count: 1..=1,
        apply: |loader, args| {
            set(&mut loader.draft.limits.field, number(&args[0], LINE_LEAST..=LINE_MOST))
        },
    },
    Directive {
        name: "LimitRequestFields",
        args: "number",
        default: Some("100"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How many header fields a request may have.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.limits.fields, fields(&args[0])),
    },
    Directive {
        name: "ProxyPass",
        args: "path !|url [key=value]...",
        default: None,
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Forwards the requests below a path to a backend, or excludes them with \
                  !; the first match decides.",
        count: 2..=usize::MAX,
        apply: |loader, args| {
            let pass = pass(args, &mut loader.flaws);
            loader.draft.passes.extend(pass);
            Ok(())
        },
    },
    Directive {
        name: "ProxyTimeout",
        args: "time[ms|s|mi|h]",
        default: None,
        context: SERVER,
        origin: Origin::Httpd,
        summary: "What Timeout says, for forwarded requests; what Timeout says if absent.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.proxy_timeout, some_wait(&args[0]).map(Some)),
    },
    Directive {
        name: "ProxyPreserveHost",
        args: "On|Off",
        default: Some("Off"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether the backend sees the client's Host instead of its own.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.preserve_host, switch(&args[0])),
    },
    Directive {
        name: "ProxyAddHeaders",
        args: "On|Off",
        default: Some("On"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Server are added.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.add_headers, switch(&args[0])),
    },
    Directive {
        name: "ProxyWebsocketAsync",
        args: "On|Off",
        default: Some("On"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether a silent tunnel gives its buffers back until there is traffic \
                  again.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.parks, switch(&args[0])),
    },
    Directive {
        name: "ProxyWebsocketAsyncDelay",
        args: "time[ms|s|mi|h]",
        default: Some("0"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long a tunnel is silent before it gives its buffers back.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.park_delay, wait(&args[0])),
    },
    Directive {
        name: "ProxyWebsocketIdleTimeout",
        args: "time[ms|s|mi|h]",
        default: Some("0"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "How long a tunnel may be silent in both directions; 0 means for ever.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.idle, wait_or_none(&args[0])),
    },
    Directive {
        name: "ProxyWebsocketFallbackToProxyHttp",
        args: "On|Off",
        default: Some("On"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether ordinary requests to a ws:// rule are forwarded as HTTP; if not, \
                  the next rule is tried.",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.falls_back, switch(&args[0])),
    },
];

const SERVER: &str = "server";
const LEVELS: &str =
    "they are emerg, alert, crit, error, warn, notice, info, debug and trace1 to trace8";

/// A request line or field may be so short: one that is shorter would refuse every browser.
const LINE_LEAST: u32 = 64;
/// And so long: half of a head leaves room for the rest of it.
const LINE_MOST: u32 = HEAD_MOST as u32 / 2;

fn set<T>(slot: &mut T, value: Result<T, Flaw>) -> Result<(), Flaw> {
    *slot = value?;
    Ok(())
}

fn threads(word: &Word) -> Result<Option<NonZeroU16>, Flaw> {
    number(word, 1..=u16::MAX).map(NonZeroU16::new)
}

fn requests(word: &Word) -> Result<u32, Flaw> {
    number(word, 0..=u32::MAX).map(|most| if most == 0 { u32::MAX } else { most })
}

fn fields(word: &Word) -> Result<u32, Flaw> {
    number(word, 1..=FIELDS_MOST as u32).map_err(|flaw| match word.text() {
        "0" => flaw.help("0 is httpd's word for no limit, which would leave memory without one"),
        _ => flaw,
    })
}

fn log_level(word: &Word) -> Result<LogLevel, Flaw> {
    match word.text().to_ascii_lowercase().as_str() {
        "emerg" | "alert" | "crit" | "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "notice" | "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace1" | "trace2" | "trace3" | "trace4" | "trace5" | "trace6" | "trace7" | "trace8" => {
            Ok(LogLevel::Trace)
        }
        _ => Err(word.flaw(format!("`{word}` is not a log level")).help(LEVELS)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, problems};
    use super::*;
    use crate::time::Wait;

    /// A line for each directive, in the order of the table.
    const EXAMPLES: &[&str] = &[
        "Listen 127.0.0.1:8080",
        "ServerName proxy.example",
        "Threads 4",
        "LogLevel info",
        "Define port 9000",
        "Include other",
        "Timeout 30",
        "KeepAlive Off",
        "KeepAliveTimeout 15",
        "MaxKeepAliveRequests 0",
        "RequestReadTimeout header=10-30,MinRate=500 body=0",
        "LimitRequestLine 4096",
        "LimitRequestFieldSize 4096",
        "LimitRequestFields 256",
        "ProxyPass /ws ws://app.example:9000/ws timeout=20 upgrade=ANY",
        "ProxyTimeout 1mi",
        "ProxyPreserveHost On",
        "ProxyAddHeaders Off",
        "ProxyWebsocketAsync OFF",
        "ProxyWebsocketAsyncDelay 100ms",
        "ProxyWebsocketIdleTimeout 1h",
        "ProxyWebsocketFallbackToProxyHttp Off",
    ];

    #[test]
    fn every_directive_has_an_example_that_works() {
        assert_eq!(DIRECTIVES.len(), EXAMPLES.len());
        for (directive, example) in DIRECTIVES.iter().zip(EXAMPLES) {
            assert_eq!(example.split(' ').next(), Some(directive.name));
            let upper = directive.name.to_ascii_uppercase();
            assert_eq!(good(example), good(&example.replace(directive.name, &upper)));
        }
    }

    #[test]
    fn the_default_of_the_table_is_what_absence_means() {
        for directive in DIRECTIVES {
            if let Some(args) = directive.default {
                let line = format!("ProxyPass / ws://b\n{} {args}", directive.name);
                assert_eq!(good(&line), good("ProxyPass / ws://b"), "{line}");
            }
        }
    }

    #[test]
    fn the_last_of_two_settings_wins() {
        assert_eq!(good("ServerName a\nServerName b").rules.server_name, "b");
        let rules = good("Timeout 1\nProxyPass / ws://b\nTimeout 2").rules;
        assert_eq!(rules.forward(0).map(|rule| rule.terms.answer), Some(Wait::from_secs(2)));
    }

    #[test]
    fn limits_are_within_ours() {
        let range = "is not in the range";
        assert_eq!(problem("Threads 0"), format!("conf:1:9: 0 {range} 1 to 65535"));
        assert_eq!(problem("LimitRequestLine 63"), format!("conf:1:18: 63 {range} 64 to 32768"));
        let large = format!("conf:1:23: 32769 {range} 64 to 32768");
        assert_eq!(problem("LimitRequestFieldSize 32769"), large);
        assert_eq!(problem("LimitRequestFields 257"), format!("conf:1:20: 257 {range} 1 to 256"));
        let none = "(0 is httpd's word for no limit, which would leave memory without one)";
        let message = format!("conf:1:20: 0 {range} 1 to 256 {none}");
        assert_eq!(problem("LimitRequestFields 0"), message);
    }

    #[test]
    fn levels_are_httpds() {
        let level = |name: &str| good(&format!("LogLevel {name}")).log_level;
        assert_eq!(["emerg", "Alert", "crit", "error"].map(level), [LogLevel::Error; 4]);
        assert_eq!(["warn", "notice"].map(level), [LogLevel::Warn, LogLevel::Info]);
        assert_eq!(["info", "debug"].map(level), [LogLevel::Info, LogLevel::Debug]);
        assert_eq!(["trace1", "TRACE8"].map(level), [LogLevel::Trace; 2]);
        let unknown = format!("conf:1:10: `ssl:info` is not a log level ({LEVELS})");
        assert_eq!(problem("LogLevel ssl:info"), unknown);
    }

    #[test]
    fn arguments_that_make_no_sense_are_problems() {
        assert_eq!(problems("RequestReadTimeout header=x body=y\nListen 1").len(), 2);
        assert_eq!(problem("ProxyTimeout 0"), "conf:1:14: the time must be more than 0");
        assert_eq!(problem("ProxyAddHeaders 1"), "conf:1:17: `1` is neither `On` nor `Off`");
    }
}
