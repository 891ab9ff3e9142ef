//! Who may ask for a tunnel, by which subprotocol, and how many may have one.

use core::num::NonZeroU32;

use crate::config::context::Context;
use crate::config::origins::origins;
use crate::config::protocols::protocols;
use crate::config::table::{Directive, Origin};
use crate::config::values::number;
use crate::route::Setting;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyWebsocketOrigin",
        args: "[missing=allow|deny] origin...|same|null|*",
        default: Some("*"),
        contexts: Context::ALL,
        origin: Origin::Ours,
        summary: "Whose pages may ask for an upgrade, by the Origin that browsers send: those of these \
                  origins (scheme, host and port, without wildcards), of what the request itself is for \
                  (same), without a known origin (null), or all (*); anybody else gets 403, and so does \
                  who sends no Origin, unless missing=allow lets programs in that are no browsers.",
        example: "ProxyWebsocketOrigin https://app.example https://admin.example:8443",
        count: 1..=usize::MAX,
        apply: |loader, args| loader.draft.set(origins(args).map(Setting::Origins)),
    },
    Directive {
        name: "ProxyWebsocketProtocol",
        args: "protocol...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Ours,
        summary: "Which subprotocols the rules beside it are for: they are passed over by all requests but \
                  WebSocket handshakes that offer one of them in Sec-WebSocket-Protocol.",
        example: "ProxyWebsocketProtocol mqtt v1.mqtt",
        count: 1..=usize::MAX,
        apply: |loader, args| loader.draft.set_protocols(protocols(args)),
    },
    Directive {
        name: "ProxyWebsocketMaxTunnels",
        args: "number",
        default: Some("0"),
        contexts: Context::ALL,
        origin: Origin::Ours,
        summary: "How many tunnels, handshakes under way included, there may be at once of all that this line \
                  is about, over all threads; one more gets 503, and 0 is any number.",
        example: "ProxyWebsocketMaxTunnels 1000",
        count: 1..=1,
        apply: |loader, args| {
            let most = number(&args[0], 0..=u32::MAX).map(NonZeroU32::new);
            loader.draft.set_tunnels(most, &args[0])
        },
    },
    Directive {
        name: "ProxyWebsocketMaxHandshakes",
        args: "number",
        default: Some("0"),
        contexts: Context::ALL,
        origin: Origin::Ours,
        summary: "How many handshakes of one client address may be under way at once, over all threads and \
                  wherever they go to, for one more to be let in here; it gets 503, 0 is any number, and \
                  an IPv6 address is its first 64 bits.",
        example: "ProxyWebsocketMaxHandshakes 16",
        count: 1..=1,
        apply: |loader, args| {
            let most = number(&args[0], 0..=u32::MAX).map(NonZeroU32::new);
            loader.draft.set(most.map(Setting::Handshakes))
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::route::Rule;

    fn protocols(text: &str) -> Vec<String> {
        let rules = good(text).rules;
        let of = |rule: &Rule| rule.action.forward().expect("it forwards").protocols.join(",");
        rules.hosts.iter().flat_map(|host| &host.rules).map(of).collect()
    }

    #[test]
    fn subprotocols_are_those_of_the_rules_beside_them() {
        let text = "ProxyPass / ws://h1\n<Location /a>\nProxyPass ws://h2\nProxyWebsocketProtocol a b\n\
                    ProxyPass ws://h3 protocol=c\n</Location>\n<Location /b>\nProxyPass ws://h4\n</Location>";
        assert_eq!(protocols(text), ["", "a,b", "c", ""]);
        let whole = format!("ProxyWebsocketProtocol z\n{text}");
        assert_eq!(protocols(&whole), ["z", "a,b", "c", "z"]);
        let host = format!(
            "<VirtualHost *:1>\nProxyWebsocketProtocol v\nProxyPass /v ws://v\n</VirtualHost>\n{text}"
        );
        assert_eq!(protocols(&host)[4..], ["", "a,b", "c", "", "v"]);
    }

    #[test]
    fn each_line_of_a_limit_counts_for_itself() {
        let rules = good(
            "ProxyWebsocketMaxTunnels 9\n<Location /a>\nProxyWebsocketMaxTunnels 9\n</Location>\n\
             <Location /b>\nProxyWebsocketMaxTunnels 0\n</Location>\n<VirtualHost *:1>\n</VirtualHost>",
        )
        .rules;
        let quota = |host: usize, path: &str| {
            let inner = rules.hosts[host].inner_scope(path.as_bytes());
            inner.as_deref().unwrap_or(&rules.hosts[host].scope).tunnels
        };
        let outer = quota(0, "/").expect("it is limited");
        let inner = quota(0, "/a").expect("it is limited");
        assert_eq!((outer.most, inner.most), (inner.most, 9.try_into().unwrap()));
        assert_ne!(outer.line, inner.line);
        assert_eq!(
            (quota(0, "/b"), quota(1, "/"), quota(1, "/a")),
            (None, Some(outer), Some(inner))
        );
    }

    #[test]
    fn a_limit_is_a_number() {
        let no = "conf:1:26: `x` is not a whole number";
        assert_eq!(problem("ProxyWebsocketMaxTunnels x"), no);
    }
}
