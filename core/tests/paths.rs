//! Every row of 1.4, P-PATH and P-BAD of `reference/httpd.md`, through a whole session: which backend is asked,
//! for which path, or with which status the client is refused.

mod world;

use underpass_core::route::Caller;
use underpass_core::{Session, Side};
use world::{World, heads, rules};

/// A configuration, and what becomes of requests under it.
struct Case {
    /// The row of httpd's.
    row: &'static str,
    conf: &'static str,
    /// The request line's target, with `ws ` before it where an upgrade is asked for, or `OPTIONS `; and the
    /// target that the backend gets, with its host before it, or the status of the refusal.
    rows: &'static [(&'static str, &'static str)],
}

/// 1.4: which rule a request falls under.
const RULES: &[Case] = &[
    Case {
        row: "1.4 item 1: what is no path, and what is below no rule",
        conf: "ProxyPass /a http://b",
        rows: &[("/x", "404"), ("/", "404")],
    },
    Case {
        row: "1.4 item 1: no-proxy, by what a line says of any spelling of the path",
        conf: "SetEnvIf Request_URI ^/no/ no-proxy\nProxyPass / http://b/",
        rows: &[
            ("/no/x", "404"),
            ("/%6eo/x", "404"),
            ("/a/../no/x", "404"),
            ("/nothing", "b /nothing"),
        ],
    },
    Case {
        row: "1.4 item 1: no-proxy, by a field, and taken back",
        conf: "SetEnvIf Upgrade websocket no-proxy\nSetEnvIf Request_URI ^/open/ !no-proxy\n\
               ProxyPass / ws://b/",
        rows: &[("/x", "b /x"), ("ws /x", "404"), ("ws /open/x", "b /open/x")],
    },
    Case {
        row: "1.4 item 1: * is below no rule",
        conf: "ProxyPass / http://b/\nProxyPassMatch .* http://c/",
        rows: &[("OPTIONS *", "404"), ("*", "400"), ("OPTIONS /x", "b /x")],
    },
    Case {
        row: "1.4 item 2: the rule of a section goes before those of its server, that of the last one first",
        conf: "ProxyPass /a http://server\n<Location /a>\nProxyPass http://first\n</Location>\n\
               <Location /a/b>\nProxyPass http://last\n</Location>",
        rows: &[("/a/x", "first /x"), ("/a/b/x", "last /x")],
    },
    Case {
        row: "1.4 item 3: the first match decides",
        conf: "ProxyPass /a/b http://one\nProxyPass /a http://two\nProxyPass /a/c http://three",
        rows: &[("/a/b/x", "one /x"), ("/a/c", "two /c")],
    },
    Case {
        row: "1.4 item 4: a prefix ends where a segment ends, and runs of / are one",
        conf: "ProxyPass /pfx http://a\nProxyPass /ws/ http://b/\nProxyPass //c//d http://c",
        rows: &[
            ("/pfx", "a /"),
            ("/pfx/x", "a /x"),
            ("/pfxx", "404"),
            ("/ws", "404"),
            ("/ws/", "b /"),
            ("/c/d/e", "c /e"),
        ],
    },
    Case {
        row: "1.4 item 5: slashes are not repaired",
        conf: "ProxyPass /pfx http://a/base\nProxyPass /s/ http://a/base\nProxyPass /t http://a/base/",
        rows: &[("/pfx/d", "a /base/d"), ("/s/d", "a /based"), ("/t/d", "a /base//d")],
    },
    Case {
        row: "1.4 item 6: ! is not forwarded, and does not overrule the rule of a section (PR 60458)",
        conf: "ProxyPass /a/no !\nProxyPass /a http://a\n<Location /a/no/yes>\nProxyPass http://b\n\
               </Location>",
        rows: &[("/a/no/x", "404"), ("/a/x", "a /x"), ("/a/no/yes/x", "b /x")],
    },
    Case {
        row: "1.4 item 7: an expression without groups in its URL leaves the whole path",
        conf: "ProxyPassMatch ^/ry/ http://a\nProxyPassMatch ^/r2/ http://a/base",
        rows: &[("/ry/dump", "a /ry/dump"), ("/r2/d", "a /base/r2/d"), ("/x/ry/", "404")],
    },
    Case {
        row: "1.4 item 7: groups stand for what was found",
        conf: "ProxyPassMatch ^/(\\w+)/ws/(.*)$ ws://a/$2/of/$1\nProxyPass ~ ^/img/.*\\.gif$ http://b/x$0",
        rows: &[
            ("/x/ws/y%20z?q", "a /y%20z/of/x?q"),
            ("/img/a.gif", "b /x/img/a.gif"),
            ("/img/a.png", "404"),
        ],
    },
    Case {
        row: "1.4 item 7: groups in a section",
        conf: "<LocationMatch ^/app/(v[0-9])/(.*)>\nProxyPass http://a/$1/$2\n</LocationMatch>\n\
               <Location ~ ^/no/>\nProxyPass !\n</Location>\nProxyPass / http://b/",
        rows: &[("/app/v1/x", "a /v1/x"), ("/app/x/x", "b /app/x/x"), ("/no/x", "404")],
    },
    Case {
        row: "1.4 item 8: a rule for upgrades takes ordinary requests too",
        conf: "ProxyPass / ws://a/",
        rows: &[("/x", "a /x"), ("ws /x", "a /x")],
    },
    Case {
        row: "1.4 item 8: two lines for one path",
        conf: "ProxyPass / ws://a/\nProxyPass / http://b/",
        rows: &[("/x", "b /x"), ("ws /x", "a /x")],
    },
    Case {
        row: "1.4 item 8: without the fallback a rule for upgrades is passed over",
        conf: "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass /x ws://a/\nProxyPass / http://b/",
        rows: &[("/x", "b /x"), ("ws /x", "a /")],
    },
    Case {
        row: "1.4 item 9: nocanon keeps the spelling, with the query",
        conf: "ProxyPass /a/ http://a/ nocanon",
        rows: &[("/a/%7e%41/./b//c|?%20|", "a /%7e%41/./b//c|?%20|")],
    },
    Case {
        row: "1.4 item 9: nocanon counts for nothing where the rule's own part is spelled otherwise",
        conf: "ProxyPass /a/ http://a/ nocanon",
        rows: &[("/%61/%7e", "a /~"), ("/./a/%7e", "a /~"), ("/a//%7e", "a /~")],
    },
    Case {
        row: "1.4 item 9: nocanon leads out of no rule",
        conf: "ProxyPass /a/no !\nProxyPass /a/ http://a/in/ nocanon",
        rows: &[
            ("/a/x/../%7e", "a /in/~"),
            ("/a/%2e%2e/a/%7e", "a /in/~"),
            ("/a/%2e./secret", "404"),
            ("/a/x/%2e%2e/no/x", "404"),
        ],
    },
    Case {
        row: "1.4 item 9: an encoded path is compared with as it is",
        conf: "ProxyPass /a%20b/ http://a/ mapping=encoded\nProxyPass /c http://c",
        rows: &[("/a%20b/c%2Fd", "a /c%2Fd"), ("/a%20b/./%7e//x", "a /~/x"), ("/c/a%2Fb", "404")],
    },
    Case {
        row: "1.4 item 9: a servlet's parameters do not count",
        conf: "ProxyPass /a/ http://a/ mapping=servlet",
        rows: &[("/a;x=1/b;y=2/c", "a /b;y=2/c"), ("/b/..;x/a/c", "a /c"), ("/a/..;x/c", "404")],
    },
    Case {
        row: "1.4 item 9: noquery",
        conf: "ProxyPass /a http://a noquery\nProxyPass /b http://b",
        rows: &[("/a/x?y", "a /x"), ("/b/x?y", "b /x?y")],
    },
    Case {
        // httpd looks at what it forwards only, and says 403; here no rule is asked about them (R29, R34).
        row: "1.4 item 10: blanks and control characters in what would be forwarded raw",
        conf: "ProxyPass /raw/ http://a/ nocanon\nProxyPass /enc/ http://a/ mapping=encoded\nProxyPass / http://b/",
        rows: &[
            ("/raw/a b", "400"),
            ("/raw/a\tb", "400"),
            ("/raw/a\x01b", "400"),
            ("/raw/a\x7fb", "400"),
            ("/enc/a b", "400"),
            ("/x?a b", "400"),
            ("/x?a\x01b", "400"),
            ("/x?a\x7fb", "400"),
            ("/raw/%0d%0ab%20?%0d%0a", "a /%0d%0ab%20?%0d%0a"),
        ],
    },
    Case {
        row: "1.4 item 10: bad escapes, and what hides a separator",
        conf: "ProxyPass /raw/ http://a/ nocanon\nProxyPass / http://b/",
        rows: &[
            ("/raw/%zz", "400"),
            ("/raw/%2", "400"),
            ("/%zz", "400"),
            ("/raw/%2F", "404"),
            ("/raw/%00", "404"),
            ("/%2f", "404"),
            ("/%00", "404"),
        ],
    },
    Case {
        row: "1.4 item 12: default ports, and those that are none",
        conf: "ProxyPass /a ws://a:80\nProxyPass /b http://b:8080\nProxyPass /c ws://[::1]:9000",
        rows: &[("/a", "a /"), ("/b", "b:8080 /"), ("/c", "[::1]:9000 /")],
    },
    Case {
        row: "no path that a servlet takes for another falls under another rule than that",
        conf: "ProxyPass /no !\nProxyPass / http://a/ mapping=servlet\n<Location /host>\n\
               ProxyPreserveHost On\n</Location>",
        rows: &[
            ("/x/..;/no/x", "404"),
            ("/no;a/x", "404"),
            ("/x/..;/y;z", "a /y;z"),
            ("/x/..;/host", "h /host"),
            ("/host/..;/x", "a /x"),
        ],
    },
    Case {
        row: "no path that hides something falls through to a later rule",
        conf: "ProxyPass /no !\nProxyPass /old http://old\nProxyPass / http://a/ mapping=encoded",
        rows: &[
            ("/x/a%2Fb", "a /x/a%2Fb"),
            ("/no/a%2Fb", "404"),
            ("/no%2Fa", "404"),
            ("/old/a%2fb", "404"),
            ("/x%2F..%2Fb", "404"),
        ],
    },
];

/// P-PATH: how paths are spelled to the backend.
const SPELLINGS: &[Case] = &[
    Case {
        row: "P-PATH: the query goes on verbatim",
        conf: "ProxyPass /ws/ http://b/",
        rows: &[("/ws/x?q=%20z%zz|", "b /x?q=%20z%zz|"), ("/ws/x?", "b /x?")],
    },
    Case {
        row: "P-PATH: the default mapping decodes once and encodes anew",
        conf: "ProxyPass /ws/ http://b/",
        rows: &[
            ("/ws/a%20b", "b /a%20b"),
            ("/ws/a%3Fb", "b /a%3Fb"),
            ("/ws/%25", "b /%25"),
            ("/ws/%252F", "b /%252F"),
            ("/ws/a;b", "b /a;b"),
            ("/ws/%C3%A9", "b /%C3%A9"),
            ("/ws/~%7Eq", "b /~~q"),
            ("/ws/a|b", "b /a%7Cb"),
            ("/ws/a%7Cb", "b /a%7Cb"),
            ("/ws//x", "b /x"),
            ("/ws/./x", "b /x"),
            ("/ws/%0d%0ax", "b /%0D%0Ax"),
        ],
    },
    Case {
        row: "P-PATH: what hides a separator is 404, what is no escape 400",
        conf: "ProxyPass /ws/ http://b/\nProxyPass / http://c/ nocanon",
        rows: &[
            ("/ws/%2F", "404"),
            ("/ws/%00", "404"),
            ("/ws/%zz", "400"),
            ("/x/%2F", "404"),
            ("/x/%zz", "400"),
            ("/../x", "400"),
        ],
    },
    Case {
        // httpd mends these; parsers behind us refuse them (R34).
        row: "P-PATH: bytes that no URI has are refused, and not mended",
        conf: "ProxyPass / http://b/",
        rows: &[("/é", "400"), ("/\"", "400"), ("/x?\"", "400"), ("/<", "400")],
    },
    Case {
        row: "P-PATH: nocanon",
        conf: "ProxyPass /ws/ http://b/ nocanon",
        rows: &[
            ("/ws/./x", "b /./x"),
            ("/ws/%7E", "b /%7E"),
            ("/ws/a|b?q=%zz", "b /a|b?q=%zz"),
            ("/ws/%c3%A9", "b /%c3%A9"),
            ("/ws/é", "400"),
        ],
    },
    Case {
        row: "P-PATH: mapping=encoded",
        conf: "ProxyPass /ws/ http://b/ mapping=encoded",
        rows: &[
            ("/ws/%2F", "b /%2F"),
            ("/ws/%00x", "b /%00x"),
            ("/ws/%zz", "400"),
            ("/ws/../../x", "400"),
        ],
    },
];

#[test]
fn requests_fall_under_the_rules_of_1_4() {
    RULES.iter().for_each(assert_case);
}

#[test]
fn paths_are_spelled_as_p_path_has_it() {
    SPELLINGS.iter().for_each(assert_case);
}

fn assert_case(case: &Case) {
    let rules = rules(&format!("Listen 80\n{}", case.conf));
    for (asked, expected) in case.rows {
        let handshake = world::heads::HANDSHAKE;
        let (upgrade, line) = match (asked.strip_prefix("ws "), asked.starts_with("OPTIONS ")) {
            (Some(target), _) => (handshake, format!("GET {target}")),
            (None, true) => ("", (*asked).to_owned()),
            (None, false) => ("", format!("GET {asked}")),
        };
        let mut world = World::recorded(&rules);
        world.hear(Side::Client, &format!("{line} HTTP/1.1\r\nHost: h\r\n{upgrade}\r\n"));
        assert_eq!(&outcome(&mut world), expected, "{}: {asked}", case.row);
    }
}

/// Whom a backend was reached as, and what it was asked for; or the status that the client got.
fn outcome(world: &mut World<'_>) -> String {
    let heard = world.heard(Side::Backend);
    if heard.is_empty() {
        return status(&world.heard(Side::Client));
    }
    let target = heard.split(' ').nth(1).expect("a request line");
    let host = heard.split("\r\nHost: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    format!("{} {target}", host.expect("a host"))
}

fn status(heard: &str) -> String {
    heard.split(' ').nth(1).expect("a status line").into()
}

/// 1.4 item 11, as far as it shows: the parameters of a worker are those of the longest URL that a rule's begins
/// with, and `ws://` and `http://` do not share them. There is no worker without a rule here.
#[test]
fn a_rule_has_the_worker_of_the_longest_url_as_1_4_item_11_has_it() {
    let rules = rules(
        "Listen 80\nProxySet HTTP://B upgrade=short\nProxySet http://b/x upgrade=long\n\
         ProxyPass /long http://b/x/y\nProxyPass /short http://b/z\nProxyPass /ws ws://b/x",
    );
    let asks = |path: &str, token: &str| {
        let mut world = World::recorded(&rules);
        let fields = format!("Host: h\r\nConnection: upgrade\r\nUpgrade: {token}\r\n");
        world.hear(Side::Client, &format!("GET {path} HTTP/1.1\r\n{fields}\r\n"));
        world.heard(Side::Backend).contains(&format!("\r\nUpgrade: {token}\r\n"))
    };
    assert_eq!((asks("/long", "long"), asks("/long", "short")), (true, false));
    assert_eq!((asks("/short", "long"), asks("/short", "short")), (false, true));
    assert_eq!((asks("/ws", "long"), asks("/ws", "short")), (false, false));
}

/// P-BAD: what is no request that we would send on. httpd says 400 of fields that are too long or too many, for
/// which there is a status of their own (RFC 6585 §5).
#[test]
fn bad_requests_are_refused_as_p_bad_has_it() {
    let head = |fields: &str| format!("GET /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let fields: String = (0..121).map(|number| format!("F{number}: x\r\n")).collect();
    let rows = [
        ("P-BAD: Max-Forwards 0", head("Max-Forwards: 0\r\n"), "400"),
        ("P-BAD: Max-Forwards that is no number", head("Max-Forwards: abc\r\n"), "400"),
        ("P-BAD: no Host", "GET /a HTTP/1.1\r\n\r\n".into(), "400"),
        ("P-BAD: two Hosts", head("Host: h\r\n"), "400"),
        ("P-BAD: two lengths", head("Content-Length: 1\r\nContent-Length: 2\r\n"), "400"),
        ("P-BAD: lines that end in LF only", head("").replace('\r', ""), "400"),
        ("P-BAD: a field of 9 KB", head(&format!("F: {}\r\n", "x".repeat(9_216))), "431"),
        ("P-BAD: 121 fields", head(&fields), "431"),
        ("P-BAD: a line of 9 KB", head("").replace("/a", &"/a".repeat(4_608)), "414"),
    ];
    let rules = rules("Listen 80\nProxyPass / http://b/");
    for (row, asked, expected) in rows {
        let mut world = World::recorded(&rules);
        world.hear(Side::Client, &asked);
        assert_eq!(world.heard(Side::Backend), "", "{row}");
        assert_eq!(status(&world.heard(Side::Client)), expected, "{row}");
    }
}

/// Each name has a host of its own, with rules of its own, whatever is made of heads there.
#[test]
fn a_request_is_for_the_host_that_it_names() {
    let conf = "Listen 80\nProxyPass /page http://main/\n<VirtualHost *>\nServerName a\nProxyPassInherit Off\nProxyPass /page http://one/\n\
                </VirtualHost>\n<VirtualHost *>\nServerName b\nMORE\nProxyPassInherit Off\nProxyPass /page http://two/\n</VirtualHost>";
    for more in ["", "RequestHeader set X y", "RequestHeader set X %{V}e\nSetEnvIf Y (.*) V=$1"] {
        let rules = world::rules(&conf.replace("MORE", more));
        for (name, backend) in [("a", "one"), ("b", "two"), ("c", "one")] {
            let mut world = World::new(&rules);
            let local: std::net::SocketAddr = "127.0.0.1:80".parse().expect("an address");
            let caller = Caller::new(local.ip(), rules.door(local));
            world.session = Session::new(caller, &rules, world.wires.now);
            world.hear(Side::Client, &heads::get("").replace("Host: h", &format!("Host: {name}")));
            let heard = world.heard(Side::Backend);
            assert!(heard.contains(&format!("Host: {backend}\r\n")), "{name}: {heard}");
        }
    }
}
