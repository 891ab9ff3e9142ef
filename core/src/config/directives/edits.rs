//! What becomes of the fields of requests and responses.

use crate::config::context::Context;
use crate::config::edits::{of_request, of_response};
use crate::config::table::{Directive, Origin};

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "RequestHeader",
        args: "set|append|merge|add|unset|edit|edit*|setifempty name [value [replacement]] [env=[!]variable]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Edits a field of requests before the proxy's own are added; a value may have %{VARIABLE}e (nothing if that is not set), %D \
                  and %% in it, or be expr= with %{REQUEST_SCHEME} and the like, and no Connection of a client's \
                  removes it. Host can be set, and wins where ProxyPreserveHost is On.",
        example: "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
        count: 2..=5,
        apply: |loader, args| loader.draft.amend(of_request(args), |heads| &mut heads.request),
    },
    Directive {
        name: "Header",
        args: "[always|onsuccess] set|append|merge|add|unset|edit|edit*|setifempty name [value [replacement]] \
               [env=[!]variable]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Edits a field of every response that is passed on, that of a tunnel included, and with always \
                  of the proxy's own answers too.",
        example: "Header always set Strict-Transport-Security max-age=63072000",
        count: 2..=6,
        apply: |loader, args| loader.draft.amend(of_response(args), |heads| &mut heads.response),
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::edit::{Action, Value, When};

    #[test]
    fn an_edit_is_read_whole() {
        let heads = good(
            "RequestHeader edit* Cookie: a(b) \"$1 c\" env=!V\nHeader ALWAYS unset Server\n\
             RequestHeader unset Proxy early\nHeader onsuccess set X \"a b\" env=V",
        )
        .rules
        .main()
        .heads
        .clone();
        let edit = &heads.request[0].says;
        assert_eq!((edit.name.as_str(), edit.value.0.len()), ("Cookie", 2));
        assert!(matches!(edit.action, Action::EditAll(_)));
        assert_eq!(edit.when, Some(When { name: "V".into(), is_set: false }));
        let (unset, set) = (&heads.response[0].says, &heads.response[1].says);
        assert_eq!((&unset.action, unset.always), (&Action::Unset, true));
        assert_eq!(
            (&set.action, &set.value, set.always),
            (&Action::Set, &Value::text("a b"), false)
        );
        assert_eq!(heads.request[1].says.when, None);
    }

    #[test]
    fn what_is_said_of_all_paths_is_done_before_what_is_said_of_some() {
        let rules = good(
            "<Location /a>\nHeader set X 1\n</Location>\nHeader set X 2\n\
             <VirtualHost *:80>\nHeader set X 3\n<Location /b>\nHeader set X 4\n</Location>\n</VirtualHost>",
        )
        .rules;
        let values = |host: usize| {
            let edits = rules.hosts[host].heads.response.iter();
            edits.map(|edit| edit.says.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(values(0), ["2", "1"].map(Value::text));
        assert_eq!(values(1), ["2", "3", "1", "4"].map(Value::text));
    }

    #[test]
    fn fields_of_a_connection_are_not_for_edits() {
        for name in [
            "Connection",
            "upgrade",
            "Transfer-Encoding",
            "Content-Length",
            "TE",
            "Trailer",
            "Keep-Alive",
            "Proxy-Connection",
            "Content_Length",
            "X_Forwarded-For",
        ] {
            for line in ["RequestHeader", "Header"] {
                let message = format!("`{name}` cannot be edited (it belongs to one connection");
                let found = problem(&format!("{line} set {name} x"));
                assert!(found.contains(&message), "{found}");
            }
        }
        for line in [
            "RequestHeader unset Sec-WebSocket-Key",
            "RequestHeader unset Sec-WebSocket-Version",
            "Header set Sec-WebSocket-Version 13",
            "Header unset Sec-WebSocket-Accept",
            "RequestHeader set Sec-WebSocket-Protocol x",
            "RequestHeader unset Expect",
            "RequestHeader set Max-Forwards 1",
            "Header set Host x",
            "Header unset Sec-WebSocket-Extensions",
        ] {
            assert!(problem(line).contains("cannot be edited"), "{line}");
        }
        good("RequestHeader unset Sec-WebSocket-Extensions");
    }

    #[test]
    fn what_is_wrong_with_an_edit_is_said() {
        for (line, message) in [
            (
                "Header sett X y",
                "1:8: `sett` is not what can be done to a field (did you mean `set`?)",
            ),
            ("Header note X y", "1:8: `note` is not built, because there are no notes"),
            ("Header always set", "1:15: the name of a field is missing"),
            ("Header set X", "1:12: `set` needs a value"),
            ("Header edit X y", "1:13: `edit` needs an expression and what takes its place"),
            (
                "Header set X a b",
                "1:16: `b` is no condition (write `env=VARIABLE` or `env=!VARIABLE`; \
                                  a value with blanks stands in quotes)",
            ),
            (
                "Header set X a b c",
                "1:18: too many arguments (a value with blanks stands in quotes)",
            ),
            ("Header set X a env=!", "1:16: the variable has no name"),
            (
                "Header set X a expr=true",
                "1:16: conditions by expression are not built yet \
                                          (set a variable by `SetEnvIf`, and write `env=VARIABLE`)",
            ),
            (
                "Header set X a early",
                "1:16: `early` is not built: requests are routed by what the client \
                                      says (leave it out)",
            ),
            ("Header set é a", "1:12: `é` is not the name of a field"),
            ("RequestHeader set Host a/b", "1:24: `a/b` is not a host"),
            ("RequestHeader unset Host", "1:15: `Host` can only be `set`"),
        ] {
            assert_eq!(problem(line), format!("conf:{message}"), "{line}");
        }
        assert!(problem("Header echo X").contains("`echo` is not built"));
        assert!(problem("Header edit X ( y").contains("is not a regular expression"));
        assert!(problem("Header always X").contains("is not what can be done"));
        assert!(problem("RequestHeader set X %{SSL_CIPHER}s").contains("TLS are not built yet"));
    }

    #[test]
    fn each_action_is_what_it_says() {
        let action = |text: &str| {
            let rules = good(&format!("Header {text}")).rules;
            rules.main().heads.response[0].says.action.clone()
        };
        assert!(matches!(action("Merge A b"), Action::Merge));
        assert!(matches!(action("setIfEmpty A b"), Action::SetIfEmpty));
        assert!(matches!(action("unset A"), Action::Unset));
        let odd = "conf:1:16: `odd=x` is no condition \
                   (write `env=VARIABLE` or `env=!VARIABLE`; a value with blanks stands in quotes)";
        assert_eq!(problem("Header set A b odd=x"), odd);
    }
}
