//! What is forwarded, and to whom.

use crate::config::context::Context;
use crate::config::overrides::overrides;
use crate::config::proxy_pass::{pass, pass_here};
use crate::config::table::{Directive, Origin};
use crate::config::values::{some_wait, switch};
use crate::route::Setting;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyPass",
        args: "[path] !|url [key=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Forwards the requests below a path to a backend, or excludes them with \
                  !; the first match decides. In a <Location> its path is meant, and none is given.",
        example: "ProxyPass /ws ws://app.example:9000/ws timeout=20 upgrade=ANY",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let pass = match loader.draft.paths().cloned() {
                Some(paths) => pass_here(paths, args, &mut loader.flaws),
                None if args.len() > 1 => pass(args, &mut loader.flaws),
                None => {
                    let flaw = args[0].flaw("a rule outside of `<Location>` has a path and a URL");
                    return Err(flaw.help("write `ProxyPass path url`"));
                }
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
            rules.main().rules[0].action.forward().map(|rule| rule.answer),
            Some(Wait::from_secs(2))
        );
    }

    #[test]
    fn no_time_is_no_timeout() {
        assert_eq!(problem("ProxyTimeout 0"), "conf:1:14: the time must be more than 0");
    }
}
