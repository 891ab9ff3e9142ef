//! What is forwarded, and to whom.

use super::{SERVER, set};
use crate::config::overrides::overrides;
use crate::config::proxy_pass::pass;
use crate::config::table::{Directive, Origin};
use crate::config::values::{some_wait, switch};

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyPass",
        args: "path !|url [key=value]...",
        default: None,
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Forwards the requests below a path to a backend, or excludes them with \
                  !; the first match decides.",
        example: "ProxyPass /ws ws://app.example:9000/ws timeout=20 upgrade=ANY",
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
        example: "ProxyTimeout 1mi",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.proxy_timeout, some_wait(&args[0]).map(Some)),
    },
    Directive {
        name: "Proxy100Continue",
        args: "On|Off",
        default: Some("On"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether the backend is asked if it wants a body whose client waits for that \
                  (Expect: 100-continue); if not, it always does.",
        example: "Proxy100Continue Off",
        count: 1..=1,
        apply: |loader, args| set(&mut loader.draft.pass_expect, switch(&args[0])),
    },
    Directive {
        name: "ProxyErrorOverride",
        args: "Off|On [status]...",
        default: Some("Off"),
        context: SERVER,
        origin: Origin::Httpd,
        summary: "Whether errors of the backend, those of the statuses named or all of 400 to \
                  599, are answered in the proxy's own words.",
        example: "ProxyErrorOverride On 500 502 503 504",
        count: 1..=usize::MAX,
        apply: |loader, args| set(&mut loader.draft.overrides, overrides(args, &mut loader.flaws)),
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::time::Wait;

    #[test]
    fn a_setting_behind_a_rule_is_the_rules() {
        let rules = good("Timeout 1\nProxyPass / ws://b\nTimeout 2").rules;
        assert_eq!(rules.forward(0).map(|rule| rule.terms.answer), Some(Wait::from_secs(2)));
    }

    #[test]
    fn no_time_is_no_timeout() {
        assert_eq!(problem("ProxyTimeout 0"), "conf:1:14: the time must be more than 0");
    }
}
