//! Whose URLs and cookies a client sees.

use crate::config::context::Context;
use crate::config::reverse::{cookie_domain, cookie_path, reverse};
use crate::config::table::{Directive, Origin};
use crate::config::values::switch;
use crate::route::Setting;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "ProxyPassReverse",
        args: "[path] url [interpolate]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Puts a path of ours in the place of a backend's URL where Location, Content-Location, URI or \
                  Destination of a response begins with it; ws:// and http:// mean the same here, and \
                  balancer:// the URLs of its members. In a <Location> \
                  its path is meant, and none is given.",
        example: "ProxyPassReverse /app http://app.example:9000/base",
        count: 1..=3,
        apply: |loader, args| reverse(loader, args),
    },
    Directive {
        name: "ProxyPassReverseCookieDomain",
        args: "internal public [interpolate]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Puts a domain of ours in the place of a backend's in Set-Cookie.",
        example: "ProxyPassReverseCookieDomain app.internal www.example",
        count: 2..=3,
        apply: |loader, args| loader.draft.amend(cookie_domain(args), |heads| &mut heads.cookies),
    },
    Directive {
        name: "ProxyPassReverseCookiePath",
        args: "internal public [interpolate]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Puts a path of ours in the place of a backend's, or of its beginning, in Set-Cookie.",
        example: "ProxyPassReverseCookiePath / /app/",
        count: 2..=3,
        apply: |loader, args| loader.draft.amend(cookie_path(args), |heads| &mut heads.cookies),
    },
    Directive {
        name: "ProxyPassInterpolateEnv",
        args: "On|Off",
        default: Some("Off"),
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Whether ${NAME} in the lines that end in interpolate is what that variable of a request (SetEnvIf) \
                  says, or nothing if it is not set: in the path of a URL, but not in its host or port, because \
                  backends are known beforehand. A name that Define or the environment knows is replaced when \
                  the configuration is read.",
        example: "ProxyPassInterpolateEnv On",
        count: 1..=1,
        apply: |loader, args| loader.draft.set(switch(&args[0]).map(Setting::Interpolates)),
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::edit::{Origin, Real};

    #[test]
    fn a_url_is_read_whole() {
        let real = |url: &str| {
            let rules = good(&format!("ProxyPassReverse /app {url}")).rules;
            let reverse = &rules.main().heads.reverse[0].says;
            assert_eq!(reverse.public, "/app");
            reverse.real.clone()
        };
        let of = |secure, host: &str, port, path: &str| Real {
            origin: Some(Origin { secure, host: host.into(), port }),
            path: path.into(),
        };
        assert_eq!(real("WS://Back/x"), of(false, "back", 80, "/x"));
        assert_eq!(real("https://back:8443"), of(true, "back", 8443, ""));
        assert_eq!(real("wss://[::1]/"), of(true, "[::1]", 443, "/"));
        assert_eq!(real("/x"), Real { origin: None, path: "/x".into() });
    }

    #[test]
    fn a_section_has_a_path() {
        let text = "<Location /app>\nProxyPassReverse http://b/\n</Location>";
        let reverse = good(text).rules.main().heads.reverse[0].clone();
        assert_eq!((reverse.says.public.as_str(), reverse.paths.is_some()), ("/app", true));
        let in_section = |line: &str| problem(&format!("<Location /app>\n{line}\n</Location>"));
        assert!(
            in_section("ProxyPassReverse /x http://b/").contains("the path is that of the section")
        );
        let wild = problem("<Location /a*>\nProxyPassReverse http://b/\n</Location>");
        assert!(wild.contains("has no path that could be written"), "{wild}");
    }

    #[test]
    fn what_cannot_be_mapped_is_a_problem() {
        for (line, message) in [
            (
                "ProxyPassReverse http://b/",
                "1:18: outside of `<Location>` there is a path and a URL",
            ),
            ("ProxyPassReverse x http://b/", "1:18: the path `x` does not begin with `/`"),
            ("ProxyPassReverseCookiePath / /a /b", "1:33: too many arguments"),
            ("ProxyPassReverse / http://b/ x", "1:30: too many arguments"),
            ("ProxyPassReverseCookiePath / /;", "1:30: `/;` cannot stand in a cookie"),
            ("ProxyPassReverse / http://u@b/", "1:27: a user name before the host is not accepted"),
        ] {
            assert_eq!(problem(line), format!("conf:{message}"));
        }
        assert!(
            problem("ProxyPassReverse / balancer://b/").contains("nobody describes `balancer://b`")
        );
        let alone = "conf:1:28: what the backend says is followed by what clients are told";
        assert_eq!(problem("ProxyPassReverseCookiePath / interpolate"), alone);
        let host = "conf:1:28: a variable cannot be in the host or port: backends are known beforehand \
                    (write a `/` before it, or a rule for each backend)";
        assert_eq!(problem("ProxyPassReverse /a http://${V}/x interpolate"), host);
    }
}
