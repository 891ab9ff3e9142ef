//! Where the daemon listens, what it is called, how it reads its own configuration.

use core::num::NonZeroU16;

use super::set;
use crate::config::LogLevel;
use crate::config::context::Context;
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::tls::one_of;
use crate::config::url;
use crate::config::values::{number, socket_buffer, some_wait};
use crate::config::words::Word;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "Listen",
        args: "[address:]port [http|https]",
        default: None,
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "An address on which clients are awaited; all addresses if none is given. Whether TLS is spoken \
                  there is said by SSLEngine; `http` and `https` are checked against that.",
        example: "Listen 127.0.0.1:8080",
        count: 1..=2,
        apply: |loader, args| {
            let address = url::listen(&args[0])?;
            let is_secure = |word| one_of(word, &[("http", false), ("https", true)]);
            let says = args.get(1).map(|word| is_secure(word).map(|it| (it, word))).transpose()?;
            loader.draft.listen(address, &args[0])?;
            says.into_iter().for_each(|(it, word)| loader.draft.listen_for(it, word));
            Ok(())
        },
    },
    Directive {
        name: "SendBufferSize",
        args: "bytes",
        default: Some("0"),
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "How many bytes the system holds for a client that does not acknowledge them, at least 512; 0 leaves \
                  that to the system, which may hold some MiB for one that does not read. It counts from \
                  the next start on.",
        example: "SendBufferSize 262144",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.socket_buffers.send, socket_buffer(&args[0])),
    },
    Directive {
        name: "ReceiveBufferSize",
        args: "bytes",
        default: Some("0"),
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "How many bytes the system holds from a client that have not been read, at least 512; 0 leaves that \
                  to the system. It counts as SendBufferSize does.",
        example: "ReceiveBufferSize 262144",
        count: 1..=1,
        apply: |loader, args| {
            set(&mut loader.draft.socket_buffers.receive, socket_buffer(&args[0]))
        },
    },
    Directive {
        name: "ServerName",
        args: "[scheme://]name[:port]",
        default: Some("underpass"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "The name of this server, which X-Forwarded-Server and Via say; behind a device that speaks TLS also \
                  the scheme and port by which clients ask for it, in the URLs that ProxyPassReverse writes, \
                  in X-Forwarded-Proto and Forwarded, and for ProxyWebsocketOrigin same.",
        example: "ServerName https://proxy.example:8443",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(url::server_name(&args[0]), |host, name| {
                (host.scheme, host.name, host.port) = (name.scheme, name.host, name.port);
            })
        },
    },
    Directive {
        name: "ServerAlias",
        args: "name...",
        default: None,
        contexts: &[Context::Host],
        origin: Origin::Httpd,
        summary: "Further names of a virtual host: * stands for any letters, ? for one.",
        example: "ServerAlias www.proxy.example *.proxy.example",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let aliases: Result<Vec<_>, _> = args.iter().map(url::alias).collect();
            loader.draft.say(aliases, |host, aliases| host.aliases.extend(aliases))
        },
    },
    Directive {
        name: "Threads",
        args: "number",
        default: None,
        contexts: Context::SERVER,
        origin: Origin::Ours,
        summary: "How many event loops there are; one per core if absent.",
        example: "Threads 4",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.threads, threads(&args[0])),
    },
    Directive {
        name: "LogLevel",
        args: "emerg|alert|crit|error|warn|notice|info|debug|trace1..trace8",
        default: Some("warn"),
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "What is logged: this and all that is graver.",
        example: "LogLevel info",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.log_level, log_level(&args[0])),
    },
    Directive {
        name: "Define",
        args: "name [value]",
        default: None,
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Makes ${name} stand for the value from here on.",
        example: "Define port 9000",
        count: 1..=2,
        apply: |loader, args| loader.define(&args[0], args.get(1)),
    },
    Directive {
        name: "Include",
        args: "files",
        default: None,
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Reads a file here, all files of a folder, or all that are like a pattern, at least one; \
                  a relative path begins in the folder of the file that includes them.",
        example: "Include other",
        count: 1..=1,
        apply: |loader, args| loader.include(&args[0], true),
    },
    Directive {
        name: "IncludeOptional",
        args: "files",
        default: None,
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "As Include, but there may be no such file.",
        example: "IncludeOptional sites/*.conf",
        count: 1..=1,
        apply: |loader, args| loader.include(&args[0], false),
    },
    Directive {
        name: "Timeout",
        args: "time[ms|s|mi|h]",
        default: Some("60"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How long either side may take to answer or to take what is sent to it, \
                  and how long a half-closed tunnel may be silent.",
        example: "Timeout 30",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(some_wait(&args[0]), |host, timeout| host.timeout = timeout)
        },
    },
];

const LEVELS: &str =
    "they are emerg, alert, crit, error, warn, notice, info, debug and trace1 to trace8";

fn threads(word: &Word) -> Result<Option<NonZeroU16>, Flaw> {
    number(word, 1..=u16::MAX).map(NonZeroU16::new)
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
    use core::num::NonZeroU32;

    use super::*;
    use crate::config::SocketBuffers;
    use crate::config::testing::{good, problem};

    #[test]
    fn the_last_of_two_settings_wins() {
        assert_eq!(good("ServerName a\nServerName b").rules.main().name, "b");
    }

    #[test]
    fn buffers_are_left_to_the_system_or_of_some_size() {
        let (send, receive) = (NonZeroU32::new(512), NonZeroU32::new(65_536));
        let both = good("SendBufferSize 512\nReceiveBufferSize 65536").socket_buffers;
        assert_eq!(both, SocketBuffers { send, receive });
        assert_eq!(good("SendBufferSize 0").socket_buffers, SocketBuffers::default());
        assert_eq!(problem("SendBufferSize 511"), "conf:1:16: 511 is less than 512, and not 0");
    }

    #[test]
    fn threads_are_at_least_one() {
        assert_eq!(problem("Threads 0"), "conf:1:9: 0 is not in the range 1 to 65535");
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
}
