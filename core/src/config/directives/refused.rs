//! Directives that are known and refused, with a reason: they stand in no manual.

use crate::config::context::Context;
use crate::config::table::{Directive, Origin};

pub(in crate::config) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "RewriteCond",
        args: "text pattern [flags]",
        default: None,
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "A condition of the next RewriteRule.",
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
        summary: "Refused: with the ProxyPass line that says the same, if there is one.",
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
