//! The variables of requests: httpd's environment.

use crate::config::context::Context;
use crate::config::table::{Directive, Origin};
use crate::config::variables::{browser, pass, set, set_if, unset};

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "SetEnvIf",
        args: "attribute expression [!]variable[=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Sets variables of a request if a regular expression is found in a part of it: in Remote_Addr, \
                  Remote_Host, Request_Method, Request_Protocol, Request_URI (decoded), a field, or a variable \
                  that is set already. no-proxy excludes it from all rules, proxy-nohalfclose ends its tunnel \
                  when one side ends, proxy-nokeepalive keeps its backend's connection from further requests.",
        example: "SetEnvIf Request_URI ^/local/ no-proxy",
        count: 3..=usize::MAX,
        apply: |loader, args| set_if(loader, args, false),
    },
    Directive {
        name: "SetEnvIfNoCase",
        args: "attribute expression [!]variable[=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "As SetEnvIf, whatever the case of letters.",
        example: "SetEnvIfNoCase Host example\\.org$ site=example",
        count: 3..=usize::MAX,
        apply: |loader, args| set_if(loader, args, true),
    },
    Directive {
        name: "BrowserMatch",
        args: "expression [!]variable[=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "As SetEnvIf, for what the client calls itself (User-Agent).",
        example: "BrowserMatch Robot robot",
        count: 2..=usize::MAX,
        apply: |loader, args| browser(loader, args, false),
    },
    Directive {
        name: "BrowserMatchNoCase",
        args: "expression [!]variable[=value]...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "As BrowserMatch, whatever the case of letters.",
        example: "BrowserMatchNoCase robot is_a_robot",
        count: 2..=usize::MAX,
        apply: |loader, args| browser(loader, args, true),
    },
    Directive {
        name: "SetEnv",
        args: "variable [value]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Sets a variable of every request, after all SetEnvIf.",
        example: "SetEnv proxy-nokeepalive 1",
        count: 1..=2,
        apply: set,
    },
    Directive {
        name: "UnsetEnv",
        args: "variable...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Forgets variables of a request, whatever has set them.",
        example: "UnsetEnv site",
        count: 1..=usize::MAX,
        apply: unset,
    },
    Directive {
        name: "PassEnv",
        args: "variable...",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Sets variables of every request to what they are in the environment of the proxy.",
        example: "PassEnv HOME",
        count: 1..=usize::MAX,
        apply: pass,
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{Files, good, problem};
    use crate::config::{Input, Nowhere, load, read};
    use crate::edit::{Attribute, Fact, Part};

    #[test]
    fn a_condition_looks_at_what_its_name_says() {
        let of = |attribute: &str| {
            let rules = good(&format!("SetEnvIf {attribute} x y")).rules;
            rules.main().heads.conditional[0].says.when.clone().expect("it has one").of
        };
        assert_eq!(of("REMOTE_ADDR"), Attribute::Fact(Fact::Client));
        assert_eq!(of("Remote_Host"), Attribute::Fact(Fact::Client));
        assert_eq!(of("Request_Method"), Attribute::Fact(Fact::Method));
        assert_eq!(of("Request_Protocol"), Attribute::Fact(Fact::Protocol));
        assert_eq!(of("request_uri"), Attribute::Fact(Fact::Path));
        assert_eq!(of("X-Any_1"), Attribute::Named("X-Any_1".into()));
        assert!(matches!(of("^TS"), Attribute::FieldsLike(_)));
        let browser = good("BrowserMatchNoCase x y").rules.main().heads.conditional[0].says.clone();
        let when = browser.when.expect("it has one");
        assert_eq!(when.of, Attribute::Named("User-Agent".into()));
        assert!(when.like.0.is_match(b"X"));
    }

    #[test]
    fn variables_are_set_and_forgotten() {
        let rules = good("SetEnvIf X (y) a b=<$1 !c\nSetEnv d\nUnsetEnv e f").rules;
        let heads = &rules.main().heads;
        let set = &heads.conditional[0].says.assigns;
        let names: Vec<_> = set.iter().map(|assign| assign.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let value = |at: usize| set[at].value.clone().map(|value| value.0);
        assert_eq!(value(0), Some(vec![Part::Text(b"1".to_vec())]));
        assert_eq!(value(1), Some(vec![Part::Text(b"<".to_vec()), Part::Group(1)]));
        assert_eq!((value(2), heads.fixed.len(), heads.fixed[1].says.assigns.len()), (None, 2, 2));
    }

    /// A transcript is loaded where there is no environment.
    #[test]
    fn the_environment_is_written_into_the_transcript() {
        let mut files = Files::new(&[("conf", "Listen 1\nPassEnv HOME")]);
        let first = read(&mut files, &[Input::File("conf".into())], &[]).expect("it is good");
        assert_eq!(first.directives, ["Listen 1", "SetEnv HOME \"/home\""]);
        let line = |text: &String| Input::Line { name: "again".into(), text: text.clone() };
        let again: Vec<_> = first.directives.iter().map(line).collect();
        let second = read(&mut Nowhere, &again, &[]).expect("it is good");
        assert_eq!((second.config, second.directives), (first.config, first.directives));
        assert_eq!(problem("PassEnv NONE"), "conf:1:9: `NONE` is not set in the environment");
        for odd in ["a${b}", "a\tb"] {
            let mut source = Files::new(&[("conf", "Listen 1\nPassEnv ODD")]);
            source.set("ODD", odd);
            let problems = load(&mut source, &[Input::File("conf".into())], &[]).unwrap_err();
            assert!(problems[0].to_string().contains("a `${` or a control character"), "{odd}");
        }
    }

    #[test]
    fn what_no_variable_can_do_is_a_problem() {
        let late = "`no-proxy` comes too late here";
        assert!(problem("SetEnv no-proxy 1").contains(late));
        assert!(problem("UnsetEnv No-Proxy").contains(late));
        for line in ["SetEnvIf X y no-proxy=1", "SetEnvIf X y !no-proxy", "BrowserMatch y no-proxy"]
        {
            assert!(
                problem(&format!("<Location /a>\n{line}\n</Location>")).contains(late),
                "{line}"
            );
        }
        assert_eq!(problem("SetEnvIf X y !"), "conf:1:15: the variable has no name");
        good("SetEnvIf X y no-proxy !downgrade-1.0");
        for name in
            ["force-proxy-request-1.0", "proxy-sendchunked", "Proxy-Chain-Auth", "nokeepalive"]
        {
            let message = format!("`{name}` does nothing here");
            assert!(problem(&format!("SetEnvIf X y {name}=1")).contains(&message), "{name}");
            assert!(problem(&format!("SetEnv {name} 1")).contains(&message), "{name}");
        }
        assert_eq!(problem("SetEnv a=b"), "conf:1:8: `a=b` is not a name for a variable");
        assert!(problem("SetEnvIf Server_Addr x y").contains("is not known here"));
        assert!(problem("SetEnvIf OID(1) x y").contains("TLS is not built yet"));
        assert!(problem("SetEnvIf X ( y").contains("is not a regular expression"));
    }
}
