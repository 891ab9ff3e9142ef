//! Sections: whom and what the directives in them are about, and whether they count at all.

use crate::config::context::Context;
use crate::config::loader::Loader;
use crate::config::modules;
use crate::config::paths::{expression, location};
use crate::config::problem::Flaw;
use crate::config::sections::Kind;
use crate::config::table::{Directive, Origin};
use crate::config::url;
use crate::config::values::switch;
use crate::config::words::Word;

pub(super) static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "<VirtualHost>",
        args: "address[:port]...",
        default: None,
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "A server of its own for the connections to these addresses, `*` for any: it begins \
                  with all that the main server says. Several for one address are told apart by \
                  ServerName and ServerAlias; the first one is for all other names.",
        example: "<VirtualHost *:8080>",
        count: 1..=usize::MAX,
        apply: |loader, args| {
            let addressed = |word: &Word| Ok((url::host_address(word)?, word.clone()));
            let addresses: Result<Vec<_>, _> = args.iter().map(addressed).collect();
            loader.draft.open_host(addresses?);
            loader.begin(Kind::Host);
            Ok(())
        },
    },
    Directive {
        name: "<Location>",
        args: "[~] path",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What is said of this path and all below it, over what was said of them before: `*`, `?` \
                  and `[...]` stand for parts of a segment, and ~ makes it a regular expression.",
        example: "<Location /ws>",
        count: 1..=2,
        apply: |loader, args| {
            let paths = match args {
                [path] => location(path)?,
                [tilde, path] if tilde.text() == "~" => expression(path)?,
                _ => return Err(args[1].flaw("too many arguments for `<Location>`")),
            };
            loader.draft.open_section(paths);
            loader.begin(Kind::Paths);
            Ok(())
        },
    },
    Directive {
        name: "<LocationMatch>",
        args: "expression",
        default: None,
        contexts: Context::HOSTS,
        origin: Origin::Httpd,
        summary: "What is said of every path in which a regular expression is found.",
        example: "<LocationMatch ^/(ws|chat)/>",
        count: 1..=1,
        apply: |loader, args| {
            loader.draft.open_section(expression(&args[0])?);
            loader.begin(Kind::Paths);
            Ok(())
        },
    },
    Directive {
        name: "<IfDefine>",
        args: "[!]name",
        default: None,
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Lines that count only if Define or -D has made that a variable, or only if not.",
        example: "<IfDefine DEBUG>",
        count: 1..=1,
        apply: |loader, args| {
            given(loader, &args[0], |loader, name| loader.is_defined(name));
            Ok(())
        },
    },
    Directive {
        name: "<IfModule>",
        args: "[!]module",
        default: None,
        contexts: Context::EVERYWHERE,
        origin: Origin::Httpd,
        summary: "Lines that count only if the work of that module of httpd's is built in, or only if not; what is \
                  skipped for want of a module is warned of.",
        example: "<IfModule mod_proxy.c>",
        count: 1..=1,
        apply: |loader, args| {
            given(loader, &args[0], |_, name| modules::is_built_in(name));
            if loader.skips() && !args[0].text().starts_with('!') {
                loader.leave_out(&args[0]);
            }
            Ok(())
        },
    },
    Directive {
        name: "LoadModule",
        args: "module file",
        default: None,
        contexts: Context::SERVER,
        origin: Origin::Httpd,
        summary: "Accepted for the modules whose work is built in, and does nothing.",
        example: "LoadModule proxy_module modules/mod_proxy.so",
        count: 2..=2,
        apply: |_, args| built_in(&args[0]),
    },
    Directive {
        name: "RewriteEngine",
        args: "Off",
        default: Some("Off"),
        contexts: Context::ALL,
        origin: Origin::Httpd,
        summary: "Accepted, and does nothing: no RewriteRule is built in, and one that forwards is refused with \
                  the ProxyPass line in its place.",
        example: "RewriteEngine off",
        count: 1..=1,
        apply: |_, args| match switch(&args[0])? {
            false => Ok(()),
            true => Err(args[0]
                .flaw("mod_rewrite's work is not built in")
                .help("leave the line out; what its rules are replaced with is told with them")),
        },
    },
];

/// A section begins, and counts if what is asked of its argument holds, or does not behind a `!`.
fn given(loader: &mut Loader<'_>, word: &Word, asked: fn(&Loader<'_>, &str) -> bool) {
    let (name, expected) = match word.text().strip_prefix('!') {
        Some(name) => (name, false),
        None => (word.text(), true),
    };
    let holds = asked(loader, name) == expected;
    loader.begin(if holds { Kind::Holds } else { Kind::Skipped });
}

fn built_in(word: &Word) -> Result<(), Flaw> {
    if modules::is_built_in(word.text()) {
        return Ok(());
    }
    Err(word
        .flaw(format!("the work of `{word}` is not built in"))
        .help("leave the line out, with the directives of that module"))
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem};
    use crate::route::Door;

    const TWO: &str = "ServerName main\nTimeout 9\nProxyAddHeaders Off\n\
                       <VirtualHost *:80>\nServerName a\nServerAlias *.a\nTimeout 5\n</VirtualHost>\n\
                       <VirtualHost *:80 [::1]:81>\nServerName b\n</VirtualHost>\nProxyVia On";

    #[test]
    fn a_virtual_host_says_its_own_over_the_main_server() {
        let rules = good(TWO).rules;
        let door = rules.door("127.0.0.1:80".parse().unwrap());
        let host = |name| &rules.hosts[rules.host(door, Some(name))];
        let says = |name| {
            let host = host(name);
            (host.name.as_str(), host.timeout.as_secs_ceil(), host.scope.add_headers)
        };
        assert_eq!(
            (says("x.a"), says("b"), says("?")),
            (("a", 5, false), ("b", 9, false), ("a", 5, false))
        );
        // The main server said that behind it.
        assert_eq!(host("a").via, crate::route::Via::On);
        let inner = rules.front(rules.door("[::1]:81".parse().unwrap()));
        assert_eq!((inner.name.as_str(), rules.front(Door(0)).name.as_str()), ("b", "main"));
    }

    #[test]
    fn a_location_says_its_own_over_its_host() {
        let rules = good(
            "ProxyPreserveHost On\n<Location /a>\nProxyPreserveHost Off\nProxyAddHeaders Off\n</Location>\n\
             <LocationMatch b$>\nProxyAddHeaders On\n</LocationMatch>\n\
             <Location ~ \"^/a/c\">\nProxyPreserveHost On\n</Location>",
        )
        .rules;
        let said = |path: &str| {
            let inner = rules.main().inner_scope(path.as_bytes());
            let scope = inner.as_deref().unwrap_or(&rules.main().scope);
            (scope.preserve_host, scope.add_headers)
        };
        assert_eq!((said("/"), said("/a")), ((true, true), (false, false)));
        assert_eq!((said("/a/b"), said("/a/c")), ((false, true), (true, false)));
    }

    #[test]
    fn an_address_of_a_virtual_host_needs_no_dns() {
        let text = |address| problem(&format!("<VirtualHost {address}>\n</VirtualHost>"));
        assert_eq!(
            text("app.example:80"),
            "conf:1:14: `app.example` is neither an address nor `*` \
             (names are asked for in `ServerName`, and no DNS is asked)"
        );
        assert!(text("*:x").starts_with("conf:1:16: `x` is not a whole number"));
    }

    #[test]
    fn only_modules_that_are_built_in_are_loaded() {
        good("LoadModule proxy_wstunnel_module modules/mod_proxy_wstunnel.so");
        assert_eq!(
            problem("LoadModule php_module a.so"),
            "conf:1:12: the work of `php_module` is not built in \
             (leave the line out, with the directives of that module)"
        );
    }

    #[test]
    fn a_server_is_at_an_address_once() {
        let text = "Listen 80\n<VirtualHost 127.0.0.1:80 127.0.0.1:80>\n</VirtualHost>";
        let rules = good(text).rules;
        assert_eq!(rules.entrances[1].hosts, [1]);
    }
}
