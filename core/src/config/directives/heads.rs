//! Which words of ours go into the heads that go on.

use crate::config::context::Context;
use crate::config::problem::Flaw;
use crate::config::table::{Directive, Origin};
use crate::config::values::{number, switch};
use crate::config::words::Word;
use crate::route::Setting;
use crate::route::Via;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyPreserveHost",
        args: "On|Off",
        default: Some("Off"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether the backend sees the client's Host instead of its own.",
        example: "ProxyPreserveHost On",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::PreserveHost)),
    },
    Directive {
        name: "ProxyAddHeaders",
        args: "On|Off",
        default: Some("On"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Server are added, \
                  and an X-Forwarded-Proto, which httpd never adds, where the request has none: the scheme in \
                  ServerName, or that of the connection.",
        example: "ProxyAddHeaders Off",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::AddHeaders)),
    },
    Directive {
        name: "ProxyAddForwarded",
        args: "On|Off",
        default: Some("Off"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Ours,
        summary: "Whether an element that names the client, its Host and its scheme is added to \
                  the standard Forwarded field (RFC 7239).",
        example: "ProxyAddForwarded On",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::AddForwarded)),
    },
    Directive {
        name: "ProxyVia",
        args: "Off|On|Full|Block",
        default: Some("Off"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "Whether the Via of requests and responses names this server, with its version \
                  if Full; Block removes it from requests.",
        example: "ProxyVia On",
        count: 1..=1,
        apply: |loader, args| loader.draft.say(via(&args[0]), |host, via| host.via = via),
    },
    Directive {
        name: "ProxyMaxForwards",
        args: "number",
        default: Some("-1"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "How many further proxies a request without Max-Forwards may pass; a negative \
                  number adds no such field, as RFC 9110 wants it for OPTIONS.",
        example: "ProxyMaxForwards 10",
        count: 1..=1,
        apply: |loader, args| {
            loader
                .draft
                .say(max_forwards(&args[0]), |host, max_forwards| host.max_forwards = max_forwards)
        },
    },
];

fn via(word: &Word) -> Result<Via, Flaw> {
    let all = [("Off", Via::Off), ("On", Via::On), ("Full", Via::Full), ("Block", Via::Block)];
    let named = all.into_iter().find(|(name, _)| word.is(name));
    named.map(|(_, via)| via).ok_or_else(|| {
        let flaw = word.flaw(format!("`{word}` is not what can become of Via"));
        flaw.help("write `Off`, `On`, `Full` or `Block`")
    })
}

/// A negative number is none.
fn max_forwards(word: &Word) -> Result<Option<u32>, Flaw> {
    let below_zero = word.text().starts_with('-');
    let digits = word.split_at(usize::from(below_zero)).1;
    let number = number(&digits, u32::from(below_zero)..=u32::MAX)?;
    Ok((!below_zero).then_some(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{good, problem};

    #[test]
    fn via_is_one_of_four() {
        let via = |word: &str| good(&format!("ProxyVia {word}")).rules.main().via;
        let all = ["off", "ON", "Full", "block"].map(via);
        assert_eq!(all, [Via::Off, Via::On, Via::Full, Via::Block]);
        let help = "(write `Off`, `On`, `Full` or `Block`)";
        let unknown = format!("conf:1:10: `Yes` is not what can become of Via {help}");
        assert_eq!(problem("ProxyVia Yes"), unknown);
    }

    #[test]
    fn a_negative_number_of_hops_is_none() {
        let most = |word: &str| good(&format!("ProxyMaxForwards {word}")).rules.main().max_forwards;
        assert_eq!(["-1", "-99", "0", "10"].map(most), [None, None, Some(0), Some(10)]);
        for (bad, at) in [("x", 18), ("-", 19), ("--1", 19), ("+1", 18)] {
            let digits = &bad[at - 18..];
            let message = format!("conf:1:{at}: `{digits}` is not a whole number");
            assert_eq!(problem(&format!("ProxyMaxForwards {bad}")), message);
        }
    }

    #[test]
    fn what_is_added_of_the_client_is_each_rules() {
        let rules = good("ProxyPass / ws://b\nProxyAddForwarded On\nProxyAddHeaders Off").rules;
        let scope = &rules.main().scope;
        assert_eq!((scope.add_forwarded, scope.add_headers), (true, false));
        assert_eq!(problem("ProxyAddHeaders 1"), "conf:1:17: `1` is neither `On` nor `Off`");
    }
}
