//! Directives that are known and refused, with a reason and what to write instead, each in a way of its own; see
//! `config/refused.rs` for those that are all refused alike.

use crate::config::context::Context;
use crate::config::table::{Directive, Origin};

pub(in crate::config) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "AllowEncodedSlashes",
        args: "Off|On|NoDecode",
        default: Some("Off"),
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "is refused unless it is Off: each rule says by itself whether it takes encoded paths \
                  (leave the line out, and write `mapping=encoded` behind the rules)",
        example: "AllowEncodedSlashes NoDecode",
        count: 1..=1,
        apply: |_, args| {
            if args[0].is("Off") {
                return Ok(());
            }
            let flaw = args[0].flaw("`%2F` is allowed by each rule for itself");
            Err(flaw.help("leave the line out, and write `mapping=encoded` behind the rules"))
        },
    },
    Directive {
        name: "RewriteCond",
        args: "text pattern [flags]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "is read for the RewriteRule behind it, and refused with that",
        example: "RewriteCond %{HTTP:Upgrade} =websocket [NC]",
        count: 2..=3,
        apply: |loader, args| loader.conditions.add(args),
    },
    Directive {
        name: "RewriteRule",
        args: "pattern url [flags]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "is not built (each is told with the ProxyPass line that says the same, if there is one)",
        example: "RewriteRule ^/?(.*) ws://app.example:9000/$1 [P,L]",
        count: 2..=3,
        apply: |loader, args| {
            let conditions = std::mem::take(&mut loader.conditions);
            if loader.draft.paths().is_some() {
                let flaw = args[0].flaw("RewriteRule is not built in");
                return Err(flaw.help("write `ProxyPass url` in the section"));
            }
            Err(conditions.refuse(args))
        },
    },
];

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};

    #[test]
    fn encoded_slashes_are_the_business_of_rules() {
        good("AllowEncodedSlashes off");
        let refused = "conf:1:21: `%2F` is allowed by each rule for itself \
                       (leave the line out, and write `mapping=encoded` behind the rules)";
        assert_eq!(problem("AllowEncodedSlashes NoDecode"), refused);
    }
}
