//! How long a tunnel lives, and what it holds while it is silent.

use crate::config::context::Context;
use crate::config::table::{Directive, Origin};
use crate::config::values::{some_wait, switch, wait, wait_or_none};
use crate::route::Setting;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyWebsocketAsync",
        args: "On|Off",
        default: Some("On"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether a silent tunnel gives its buffers back until there is traffic \
                  again.",
        example: "ProxyWebsocketAsync OFF",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::Parks)),
    },
    Directive {
        name: "ProxyWebsocketAsyncDelay",
        args: "time[ms|s|mi|h]",
        default: Some("0"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "How long a tunnel is silent before it gives its buffers back.",
        example: "ProxyWebsocketAsyncDelay 100ms",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(wait(&args[0]).map(Setting::ParkDelay)),
    },
    Directive {
        name: "ProxyWebsocketIdleTimeout",
        args: "time[ms|s|mi|h]",
        default: Some("0"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "How long a tunnel may be silent in both directions; 0 means for ever.",
        example: "ProxyWebsocketIdleTimeout 1h",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(wait_or_none(&args[0]).map(Setting::Idle)),
    },
    Directive {
        name: "ProxyWebsocketHalfCloseTimeout",
        args: "time[ms|s|mi|h]",
        default: None,
        contexts: Context::EVERYWHERE,
        origin: Origin::Ours,
        summary: "How long a tunnel may be silent once one side has ended; what Timeout says if absent.",
        example: "ProxyWebsocketHalfCloseTimeout 10",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(some_wait(&args[0]).map(Setting::HalfClosed)),
    },
    Directive {
        name: "ProxyWebsocketMaxDuration",
        args: "time[ms|s|mi|h]",
        default: Some("0"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Ours,
        summary: "How long a tunnel may live, silent or not; 0 means for ever.",
        example: "ProxyWebsocketMaxDuration 24h",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(wait_or_none(&args[0]).map(Setting::Lifetime)),
    },
    Directive {
        name: "ProxyWebsocketFallbackToProxyHttp",
        args: "On|Off",
        default: Some("On"),
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Whether ordinary requests to a ws:// rule are forwarded as HTTP; if not, \
                  the next rule is tried.",
        example: "ProxyWebsocketFallbackToProxyHttp Off",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::FallsBack)),
    },
];
