//! What is forwarded, and to whom.

use crate::config::context::Context;
use crate::config::overrides::overrides;
use crate::config::paths::{below, expression};
use crate::config::proxy_pass::{pass, pass_here};
use crate::config::table::{Directive, Origin};
use crate::config::values::{some_wait, switch};
use crate::route::{Pattern, Setting};

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyPass",
        args: "[[~] path] !|url [key=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Forwards the requests below a path to a backend, or excludes them with \
                  !; the first match decides. In a <Location> its path is meant, and none is given; ~ makes the path a \
                  regular expression, as in ProxyPassMatch.",
        example: "ProxyPass /ws ws://app.example:9000/ws timeout=20 upgrade=ANY",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let pass = match loader.draft.paths().cloned() {
                Some(paths) => pass_here(paths, args, &mut loader.flaws),
                None => pass(args, below, &mut loader.flaws),
            };
            pass.into_iter().for_each(|pass| loader.draft.pass(pass));
            Ok(())
        },
    },
    Directive {
        name: "ProxyPassMatch",
        args: "[expression] !|url [key=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "As ProxyPass, for the paths in which a regular expression is found: $0 to $9 in the path of \
                  the URL are what its groups have found; without any, the whole path goes on behind it.",
        example: "ProxyPassMatch ^/(ws|chat)/(.*)$ ws://app.example:9000/$1/$2",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let pass = match loader.draft.paths().cloned() {
                Some(Pattern::Below(_)) => {
                    let flaw = "the section is of a path, and not of an expression";
                    return Err(args[0].flaw(flaw).help("write `ProxyPass`"));
                }
                Some(paths) => pass_here(paths, args, &mut loader.flaws),
                None => pass(args, expression, &mut loader.flaws),
            };
            pass.into_iter().for_each(|pass| loader.draft.pass(pass));
            Ok(())
        },
    },
    Directive {
        name: "ProxyPassInherit",
        args: "On|Off",
        default: Some("On"),
        contexts: &[Context::Host],
        origin: Origin::Httpd,
        summary: "Whether a virtual host has the ProxyPass rules of the main server too, before its own.",
        example: "ProxyPassInherit Off",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(switch(&args[0]), |host, inherits| host.inherits = inherits)
        },
    },
    Directive {
        name: "ProxyTimeout",
        args: "time[ms|s|mi|h]",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What Timeout says, for forwarded requests; what Timeout says if absent.",
        example: "ProxyTimeout 1mi",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.say(some_wait(&args[0]).map(Some), |host, proxy_timeout| {
                host.proxy_timeout = proxy_timeout
            })
        },
    },
    Directive {
        name: "Proxy100Continue",
        args: "On|Off",
        default: Some("On"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether the backend is asked if it wants a body whose client waits for that \
                  (Expect: 100-continue); if not, it always does.",
        example: "Proxy100Continue Off",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::PassExpect)),
    },
    Directive {
        name: "ProxyErrorOverride",
        args: "Off|On [status]...",
        default: Some("Off"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether errors of the backend, those of the statuses named or all of 400 to \
                  599, are answered in the proxy's own words.",
        example: "ProxyErrorOverride On 500 502 503 504",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            loader.draft.set(overrides(args, &mut loader.flaws).map(Setting::Overrides))
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::time::Wait;

    #[test]
    fn a_setting_behind_a_rule_is_the_rules() {
        let rules = good("Timeout 1\nProxyPass / ws://b\nTimeout 2").rules;
        assert_eq!(
            rules.main().rules[0].action.forward().map(|rule| rule.manner.answer),
            Some(Wait::from_secs(2))
        );
    }

    #[test]
    fn no_time_is_no_timeout() {
        assert_eq!(problem("ProxyTimeout 0"), "conf:1:14: the time must be more than 0");
    }
}
