//! How long a tunnel lives, and what it holds while it is silent.

use super::{SERVER, set};
use crate::config::table::{Directive, Origin};
use crate::config::values::{switch, wait, wait_or_none};

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyWebsocketAsync",
        args: "On|Off",
        default: Some("On"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether a silent tunnel gives its buffers back until there is traffic \
                  again.",
        example: "ProxyWebsocketAsync OFF",
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
        example: "ProxyWebsocketAsyncDelay 100ms",
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
        example: "ProxyWebsocketIdleTimeout 1h",
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
        example: "ProxyWebsocketFallbackToProxyHttp Off",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.falls_back, switch(&args[0])),
    },
];
