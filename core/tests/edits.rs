//! What the configuration makes of heads: on their way to the backend, back to the client, and in answers of ours.

mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use underpass_core::head::{Request, Response, slots};
use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Op, Side};
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nhi";

fn with(lines: &str) -> Rules {
    rules(&format!("{CONF}{lines}"))
}

/// What the backend hears of a request.
fn told(rules: &Rules, asked: &str) -> String {
    let mut world = World::new(rules);
    world.hear(Client, asked);
    world.heard(Backend)
}

/// A session that was asked and answered like that, and what the client heard. It is not recorded: values are
/// veiled in a trace, and edits look at them.
fn answered<'r>(rules: &'r Rules, asked: &str, answer: &str) -> (World<'r>, String) {
    let mut world = World::new(rules);
    world.hear(Client, asked);
    world.hear(Backend, answer);
    let heard = world.heard(Client);
    (world, heard)
}

/// The values of the fields of that name in a head.
fn field(head: &str, name: &str) -> Vec<String> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let named = fields.filter(|field| field.0.eq_ignore_ascii_case(name));
    named.map(|field| field.1.to_owned()).collect()
}

#[test]
fn a_request_goes_on_as_it_was_edited() {
    let rules = with("RequestHeader set X-Real expr=%{REMOTE_ADDR}");
    let set = "X-Real: 192.0.2.7\r\n";
    assert_eq!(told(&rules, &heads::get("A: b\r\n")), heads::got(&format!("A: b\r\n{set}"), ""));
    let evil = heads::get("X-Real: evil\r\nA: b\r\nx-real: evil\r\n");
    assert_eq!(told(&rules, &evil), heads::got(&format!("{set}A: b\r\n"), ""));
    let asked = told(&rules, &heads::ask(""));
    assert_eq!(asked, heads::asked("X-Real: 192.0.2.7\r\n"));
}

/// R35, CVE-2022-31813: what the operator says cannot be removed by naming it in `Connection`.
#[test]
fn no_client_removes_what_was_set() {
    let rules = with("RequestHeader set X-User nobody");
    let heard = told(&rules, &heads::get("X-User: root\r\nConnection: x-user\r\n"));
    assert_eq!(field(&heard, "X-User"), ["nobody"]);
}

/// What is ours is added to what was edited, as in httpd.
#[test]
fn our_own_fields_come_behind_the_edits() {
    let rules = with(
        "RequestHeader set X-Forwarded-For 10.0.0.1\nRequestHeader set X-Forwarded-Proto https",
    );
    let heard = told(&rules, &heads::get("X-Forwarded-For: evil\r\nX-Forwarded-Proto: ftp\r\n"));
    assert_eq!(field(&heard, "X-Forwarded-For"), ["10.0.0.1, 192.0.2.7"]);
    assert_eq!(field(&heard, "X-Forwarded-Proto"), ["https"]);
}

#[test]
fn a_host_that_is_set_wins_where_the_clients_is_preserved() {
    let host = |more: &str, asked: &str| {
        let rules = with(&format!("RequestHeader set Host {more}"));
        field(&told(&rules, asked), "Host")
    };
    let get = heads::get("");
    assert_eq!(host("app.example:81", &get), ["backend:9000"]);
    assert_eq!(host("app.example:81\nProxyPreserveHost On", &get), ["app.example:81"]);
    let absolute = get.replace("/page", "http://real.example/page");
    assert_eq!(host("app.example\nProxyPreserveHost On", &absolute), ["app.example"]);
    let same = absolute.replace("Host: h", "Host: app.example");
    assert_eq!(host("app.example\nProxyPreserveHost On", &same), ["app.example"]);
    // R33: an edit of another field leaves the target's host in its place.
    let other = with("RequestHeader set X y\nProxyPreserveHost On");
    assert_eq!(field(&told(&other, &absolute), "Host"), ["real.example"]);
}

/// R33: no request makes a `Host` that is none.
#[test]
fn a_host_out_of_a_request_is_one_or_the_request_is_refused() {
    let rules = with("RequestHeader set Host expr=%{HTTP:X-Host}\nProxyPreserveHost On");
    assert_eq!(field(&told(&rules, &heads::get("X-Host: a.example\r\n")), "Host"), ["a.example"]);
    let (world, heard) = answered(&rules, &heads::get("X-Host: a/b\r\n"), "");
    assert_eq!(world.close(), Some(Close::Refused(Refusal::BadValue)));
    assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
}

#[test]
fn sections_edit_for_their_paths_only() {
    let rules =
        with("<Location /page>\nRequestHeader set X page\n</Location>\nRequestHeader set X all");
    let heard = |path: &str| field(&told(&rules, &heads::get("").replace("/page", path)), "X");
    assert_eq!((heard("/page/x"), heard("/pages"), heard("/%70age")), {
        (vec!["page".to_owned()], vec!["all".to_owned()], vec!["page".to_owned()])
    });
}

#[test]
fn every_relayed_response_is_edited() {
    let rules = with(
        "Header unset Server\nHeader always set X-Frame-Options DENY\nHeader append Vary Origin",
    );
    let (_, heard) = answered(&rules, &heads::get(""), OK);
    let edits = "X-Frame-Options: DENY\r\nVary: Origin\r\n";
    assert_eq!(heard, format!("HTTP/1.1 200 OK\r\n{edits}Content-Length: 2\r\n\r\nhi"));
    let (world, heard) = answered(&rules, &heads::ask(""), &heads::switch("Server: x\r\n"));
    assert_eq!(heard, heads::switched(edits));
    assert!(world.session.is_tunnel());
    let (_, heard) = answered(&rules, &heads::get(""), &OK.replace("200 OK", "404 No"));
    assert_eq!(field(&heard, "X-Frame-Options"), ["DENY"]);
    // An interim head passes as it came.
    let hint = "HTTP/1.1 103 Early\r\nServer: x\r\n\r\n";
    let (_, heard) = answered(&rules, &heads::get(""), &[hint, OK].concat());
    assert!(heard.starts_with(hint), "{heard}");
}

#[test]
fn only_what_is_always_done_is_done_to_answers_of_our_own() {
    let rules = with(
        "Header always set X-Always 1\nHeader set X-Success 1\nHeader always append Vary Origin\n\
         Header always set X-Path expr=%{REQUEST_URI}\nHeader always unset Content-Type\n\
         <Location /no>\nHeader always set X-Section 1\n</Location>",
    );
    let fields = |asked: &str| {
        let (_, heard) = answered(&rules, asked, "");
        let names = ["X-Always", "X-Success", "Vary", "X-Path", "X-Section", "Content-Type"];
        names.map(|name| field(&heard, name).join("|"))
    };
    let refused = heads::get("").replace("/page", "/no/x");
    assert_eq!(fields(&refused), ["1", "", "Accept, Origin", "/no/x", "1", ""]);
    assert_eq!(fields("nonsense\r\n\r\n"), ["1", "", "Accept, Origin", "", "", ""]);
    let (_, heard) = answered(&rules, &heads::get(""), "nonsense\r\n\r\n");
    assert!(heard.starts_with("HTTP/1.1 502 "), "{heard}");
    assert_eq!(field(&heard, "X-Path"), ["/page"]);
}

/// Two requests on one connection are two.
#[test]
fn each_request_has_edits_of_its_own() {
    let rules = with("Header set X-Path expr=%{REQUEST_URI}");
    let (mut world, heard) = answered(&rules, &heads::get(""), OK);
    assert_eq!(field(&heard, "X-Path"), ["/page"]);
    world.hear(Client, &heads::get("").replace("/page", "/other"));
    world.hear(Backend, OK);
    assert_eq!(field(&world.heard(Client), "X-Path"), ["/other"]);
}

#[test]
fn the_time_taken_is_told() {
    let rules = with("Header set X-Time %D");
    let mut world = World::new(&rules);
    world.hear(Client, &heads::get(""));
    world.pass(Wait::from_millis(1500));
    world.hear(Backend, OK);
    assert_eq!(field(&world.heard(Client), "X-Time"), ["D=1500000"]);
}

#[test]
fn variables_are_set_in_order_and_decide_of_edits() {
    let rules = with(
        "SetEnvIf X-In ^(.)(.) first=$2$1 seen\nSetEnvIf seen 1 !first second=$0\nSetEnvIfNoCase ^x- YES named\n\
         BrowserMatch Robot robot=yes\nSetEnv fixed f\nUnsetEnv gone\nSetEnvIf X-In . gone\nSetEnvIf X-None ^$ none\n\
         RequestHeader set V \"%{first}e/%{second}e/%{named}e/%{robot}e/%{fixed}e/%{gone}e/%{none}e\"\n\
         RequestHeader set Due 1 env=robot\nRequestHeader set Due 2 env=!robot",
    );
    let heard = |fields: &str| {
        let heard = told(&rules, &heads::get(fields));
        (field(&heard, "V").concat(), field(&heard, "Due").concat())
    };
    assert_eq!(heard(""), ("////f//1".to_owned(), "2".to_owned()));
    let all = heard("X-In: ab\r\nX-Any: yes\r\nUser-Agent: Robot/1\r\n");
    assert_eq!(all, ("/1/1/yes/f//1".to_owned(), "1".to_owned()));
}

#[test]
fn a_request_that_is_not_to_be_proxied_is_not() {
    let rules = with("SetEnvIf Request_URI ^/page no-proxy\nSetEnvIf X-Yes . !no-proxy");
    for spelled in ["/page", "/%70age", "/x/../page"] {
        let (world, heard) = answered(&rules, &heads::get("").replace("/page", spelled), "");
        assert_eq!(world.close(), Some(Close::Refused(Refusal::NoRule)), "{spelled}");
        assert!(heard.starts_with("HTTP/1.1 404 "), "{heard}");
    }
    assert!(!told(&rules, &heads::get("X-Yes: 1\r\n")).is_empty());
}

#[test]
fn a_connection_without_keep_alive_serves_once() {
    let rules = with("SetEnvIf X-Once . proxy-nokeepalive");
    let (world, _) = answered(&rules, &heads::get("X-Once: 1\r\n"), OK);
    assert!(!world.report().reusable);
    assert!(told(&rules, &heads::get("X-Once: 1\r\n")).contains("\r\nConnection: close\r\n"));
    let (world, _) = answered(&rules, &heads::get(""), OK);
    assert!(world.report().reusable);
}

/// What is in flight is delivered, and nothing more is read.
#[test]
fn no_half_of_a_tunnel_outlives_the_other_where_that_is_said() {
    for (lines, closes) in [("SetEnvIf Upgrade . proxy-nohalfclose", true), ("", false)] {
        let rules = with(lines);
        for side in Side::BOTH {
            let mut world = World::tunnel(&rules);
            world.hear(side, "last");
            world.wires.peers[!side].window = Some(0);
            world.hear(side, " words");
            world.end(side);
            assert!(!world.session.is_closed(), "before what is in flight has gone");
            world.wires.peers[!side].window = None;
            let _ = world.settle();
            assert_eq!(world.heard(!side), "last words");
            assert_eq!(world.session.is_closed(), closes, "{lines} {side:?}");
            if closes {
                assert_eq!(world.close(), Some(Close::Ended(side)));
            } else {
                assert!(world.offers().contains(&Op::Pull(!side)));
            }
        }
    }
}

/// httpd's manual of `ServerName`: a device in front of us speaks TLS, and clients know us by its scheme and port.
#[test]
fn the_scheme_of_the_server_is_the_one_that_clients_ask_by() {
    let rules = rules(
        "Listen 80\nServerName https://front.example:8443\nProxyAddForwarded On\n\
         ProxyPass / http://backend:9000/\nProxyPassReverse / http://backend:9000/",
    );
    let asked = heads::get("").replace("Host: h", "Host: front.example");
    let heard = told(&rules, &asked);
    assert_eq!(field(&heard, "X-Forwarded-Proto"), ["https"]);
    assert_eq!(field(&heard, "Forwarded"), ["for=192.0.2.7;host=front.example;proto=https"]);
    let before = asked.replace("\r\n\r\n", "\r\nX-Forwarded-Proto: http\r\n\r\n");
    assert_eq!(
        field(&told(&rules, &before), "X-Forwarded-Proto"),
        ["http"],
        "who is nearer knows better"
    );
    let answer = OK.replace("Server: x", "Location: http://backend:9000/x");
    let place = |asked: &str| field(&answered(&rules, asked, &answer).1, "Location");
    assert_eq!(place(&asked), ["https://front.example:8443/x"]);
    let nameless = heads::get("").replace("Host: h\r\n", "").replace("1.1", "1.0");
    assert_eq!(place(&nameless), ["https://front.example:8443/x"]);
    assert_eq!(place(&asked.replace(".example", ".example:444")), ["https://front.example:444/x"]);
}

#[test]
fn a_backends_urls_and_cookies_become_ours() {
    let rules = with(
        "ProxyPassReverse /app ws://backend:9000/base\n<Location /page>\nProxyPassReverse http://page/\n\
         ProxyPassReverseCookiePath / /page/\n</Location>\nProxyPassReverseCookieDomain backend.example front.example",
    );
    let fields = "Location: http://Backend:9000/base/x\r\nURI: http://page/y\r\n\
                  Set-Cookie: a=b; path=/; Domain=.backend.example\r\nSet-Cookie: path=/\r\n";
    let heard = |asked: &str, answer: &str| {
        let (_, heard) = answered(&rules, asked, answer);
        ["Location", "URI", "Set-Cookie"].map(|name| field(&heard, name).join("|"))
    };
    let answer = OK.replace("Server: x\r\n", fields);
    let cookie = "a=b; path=/page/; Domain=front.example|path=/";
    assert_eq!(heard(&heads::get(""), &answer), ["http://h/app/x", "http://h/pagey", cookie]);
    let ported = heads::get("").replace("Host: h", "Host: Front:81");
    assert_eq!(heard(&ported, &answer)[0], "http://Front:81/app/x");
    let nameless = heads::get("").replace("Host: h\r\n", "").replace("1.1", "1.0");
    assert_eq!(heard(&nameless, &answer)[0], "http://proxy.example/app/x");
    let cookie = "a=b; path=/; Domain=front.example|path=/";
    let switched = heard(&heads::ask(""), &heads::switch(fields));
    assert_eq!(switched, ["http://h/app/x", "http://page/y", cookie]);
}

/// Pieces that values are made of, the nasty ones first.
fn text() -> impl Strategy<Value = String> {
    const NASTY: [&str; 12] = [
        "%0D%0A",
        "%00",
        "a%0AX: y",
        "\t",
        " ",
        ":",
        "\"",
        ",",
        "é",
        "$1",
        "%7f",
        "Connection: close",
    ];
    let any = (any::<bool>(), prop::sample::select(&NASTY[..]), "[a-zA-Z0-9/;=]{0,5}");
    vec(any.prop_map(|(nasty, one, plain)| if nasty { one.to_owned() } else { plain }), 0..4)
        .prop_map(|pieces| pieces.concat())
}

/// Fields that no edit may make, in a head of which each is known.
const KEPT: [&str; 8] = [
    "connection",
    "upgrade",
    "transfer-encoding",
    "content-length",
    "te",
    "trailer",
    "keep-alive",
    "expect",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever a client and a backend say, what was edited is a head by our own parser, and its framing is ours.
    #[test]
    fn no_edit_makes_a_bad_head(
        action in prop::sample::select(&["set", "add", "append", "merge", "setifempty", "edit", "edit*"][..]),
        name in prop::sample::select(&["X-Edited", "X-In", "Cookie", "Location", "Via", "X-Forwarded-For"][..]),
        value in text(),
        path in "[a-z%0-9ADFa/]{0,12}",
        came in text(),
    ) {
        let quoted = value.replace('"', "'").replace("%", "%%");
        let found = if action.starts_with("edit") { "\"([a-zA-Z0-9]?)\"" } else { "" };
        let line = |directive: &str, value: &str| format!("{directive} {action} {name} {found} \"{value}\"");
        let lines = [
            "SetEnvIf Request_URI (.*) path=$1".to_owned(),
            line("RequestHeader", &format!("{quoted}%{{path}}e")),
            line("Header always", &format!("%{{path}}e{quoted}")),
            "ProxyPassReverse / http://backend:9000/".to_owned(),
        ];
        let rules = with(&lines.join("\n"));
        let came = came.replace(['\t', '"'], "");
        let fields = format!("X-In: {came}\r\nCookie: {came}\r\n");
        let mut world = World::new(&rules);
        world.hear(Client, &heads::get(&fields).replace("/page", &format!("/{path}")));
        let asked = world.heard(Backend);
        world.hear(Backend, &format!("HTTP/1.1 204 No\r\nLocation: http://backend:9000/{path}\r\n{fields}\r\n"));
        let heard = world.heard(Client);
        let (mut room, mut more) = (slots(), slots());
        if !asked.is_empty() {
            let request = Request::parse(asked.as_bytes(), &mut room).expect("a good head");
            prop_assert!(!request.fields.iter().any(|field| KEPT.contains(&&*field.0.to_ascii_lowercase())));
        }
        let end = heard.find("\r\n\r\n").map_or(0, |end| end + 4);
        let response = Response::parse(&heard.as_bytes()[..end], &mut more).expect("a good head");
        let kept = response.fields.iter().filter(|field| KEPT.contains(&&*field.0.to_ascii_lowercase()));
        let ours = ["Content-Length", "Connection"];
        prop_assert!(kept.into_iter().all(|field| response.status >= 400 && ours.contains(&field.0)));
    }
}
