//! `ProxyErrorOverride`: a backend's error in our own words, and what becomes of both connections.

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::{Fault, Side};
use world::{CONF, World, answered, heads, rules};

use Side::{Backend, Client};

const SECRET: &str = "HTTP/1.1 500 Secret\r\nX-Secret: 1\r\nSet-Cookie: secret\r\n\
                      Content-Type: text/html\r\nContent-Length: 6\r\n\r\nsecret";
const OURS: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Length: 64\r\nVary: Accept\r\n\r\n\
                    500 Internal Server Error: the backend answered with this error\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn on(statuses: &str) -> Rules {
    rules(&format!("{CONF}ProxyErrorOverride On {statuses}"))
}

#[test]
fn nothing_of_an_overridden_error_is_passed_on_but_its_status() {
    let rules = on("");
    let (world, heard) = answered(&rules, &heads::get(""), SECRET);
    assert_eq!(heard, OURS);
    let report = world.report();
    assert_eq!(report.close, Close::Refused(Refusal::Overridden(500)));
    assert_eq!((report.status, report.pushed.backend), (500, 0));
}

#[test]
fn only_those_errors_are_overridden_that_are_named() {
    let answer = |status: u16| SECRET.replace("500", &status.to_string());
    let is_ours = |rules: &Rules, status| {
        let (world, heard) = answered(rules, &heads::get(""), &answer(status));
        let refused = world.close() == Some(Close::Refused(Refusal::Overridden(status)));
        assert_eq!(refused, !heard.contains("secret"), "{heard}");
        refused
    };
    let (all, some, none) = (on(""), on("404 503"), rules(CONF));
    for status in [400, 404, 426, 499, 503, 599] {
        assert!(is_ours(&all, status), "{status}");
        assert_eq!(is_ours(&some, status), [404, 503].contains(&status), "{status}");
        assert!(!is_ours(&none, status), "{status}");
    }
    for status in [200, 302, 399, 600, 999] {
        assert!(!is_ours(&all, status), "{status}");
    }
}

/// The fields without which the status makes no sense.
#[test]
fn what_the_status_needs_is_kept() {
    let rules = on("");
    let fields = "WWW-Authenticate: Basic realm=\"x\"\r\nAllow: GET, PUT\r\nRetry-After: 7\r\n";
    let heard = |status: &str| {
        let upgrade = "Connection: Upgrade\r\nUpgrade: h2c, foo\r\n";
        let answer = format!("HTTP/1.1 {status} x\r\n{fields}{upgrade}Content-Length: 0\r\n\r\n");
        answered(&rules, &heads::get(""), &answer).1
    };
    let cases = [
        ("401", "Vary: Accept\r\nWWW-Authenticate: Basic realm=\"x\"\r\nRetry-After: 7\r\n\r\n"),
        ("405", "Vary: Accept\r\nAllow: GET, PUT\r\nRetry-After: 7\r\n\r\n"),
        ("426", "Retry-After: 7\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"),
        ("503", "Vary: Accept\r\nRetry-After: 7\r\n\r\n"),
    ];
    for (status, kept) in cases {
        assert!(heard(status).contains(kept), "{}", heard(status));
    }
}

/// R6, R7: what a refused handshake is answered with, and nothing is parsed behind it.
#[test]
fn a_refused_handshake_is_overridden_and_closes() {
    let rules = on("");
    let asked = [heads::ask(""), heads::get("")].concat();
    let (world, heard) = answered(&rules, &asked, SECRET);
    assert_eq!(heard, OURS.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    assert_eq!((world.session.state(), world.report().reusable), ("Linger", false));
    assert_eq!(world.wires.reports.len(), 1);
}

/// R27: the backend's connection serves again only if nothing of the error is left on it.
#[test]
fn the_rest_of_an_overridden_body_is_never_read() {
    let rules = on("");
    let head = |fields: &str| format!("HTTP/1.1 500 x\r\n{fields}\r\n");
    let chunked = head("Transfer-Encoding: chunked\r\n");
    let length = head("Content-Length: 6\r\n");
    let cases = [
        ("whole", format!("{length}secret"), true),
        ("not whole", format!("{length}secre"), false),
        ("not there", length.clone(), false),
        ("a byte behind it", format!("{length}secret!"), false),
        ("none", head("Content-Length: 0\r\n"), true),
        ("whole in chunks", format!("{chunked}2\r\nhi\r\n0\r\n\r\n"), true),
        ("not whole in chunks", format!("{chunked}2\r\nhi\r\n0\r\n"), false),
        ("a bad chunk", format!("{chunked}+2\r\nhi\r\n0\r\n\r\n"), false),
        ("until the end", format!("{}hi", head("")), false),
        ("a backend that closes", head("Content-Length: 0\r\nConnection: close\r\n"), false),
        ("a 100 before it", format!("HTTP/1.1 100 Go\r\n\r\n{length}secret"), false),
    ];
    for (what, answer, reusable) in cases {
        let (mut world, heard) = answered(&rules, &heads::get(""), &answer);
        assert_eq!(heard, OURS, "{what}");
        assert_eq!(
            (world.report().reusable, world.session.state()),
            (reusable, "Request"),
            "{what}"
        );
        world.hear(Client, &heads::get(""));
        world.hear(Backend, OK);
        assert_eq!(world.heard(Client), OK, "{what}: the next answer is its own");
    }
    let head = heads::get("").replace("GET", "HEAD");
    let (world, heard) = answered(&rules, &head, &length);
    assert_eq!(heard, OURS[..OURS.len() - 64], "the head, and no body");
    assert!(world.report().reusable, "an answer to HEAD has no body");
    let (world, _) = answered(&rules, &heads::get("Connection: close\r\n"), SECRET);
    assert!(world.report().reusable, "whatever becomes of the client's");
}

/// The client hears the same however the error comes.
#[test]
fn an_error_is_overridden_however_it_is_cut() {
    let rules = on("");
    for cut in 1..SECRET.len() {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::get(""));
        let (first, second) = SECRET.split_at(cut);
        world.hear(Backend, first);
        if world.close().is_none() {
            world.hear(Backend, second);
        }
        assert_eq!(world.heard(Client), OURS, "cut at {cut}");
        world.end(Client);
        world.assert_nothing_is_lent();
    }
}

/// The client's connection is kept as with any other answer of ours.
#[test]
fn an_overridden_error_leaves_the_clients_connection_as_it_was() {
    let rules = on("");
    let old = |fields: &str| heads::get(fields).replace("1.1", "1.0");
    let body = heads::get("Content-Length: 5\r\n").replace("GET", "POST");
    let expects = heads::get("Expect: 100-continue\r\nContent-Length: 5\r\n");
    let cases = [
        (heads::get(""), "Request", ""),
        (heads::get("Connection: close\r\n"), "Linger", "close"),
        (old("Connection: keep-alive\r\n"), "Request", "keep-alive"),
        (old(""), "Linger", "close"),
        (format!("{body}hello"), "Request", ""),
        (format!("{body}hell"), "Linger", "close"),
        (expects, "Linger", "close"),
    ];
    for (asked, state, said) in cases {
        let (world, heard) = answered(&rules, &asked, SECRET);
        let connection = heard.lines().find_map(|line| line.strip_prefix("Connection: "));
        assert_eq!((world.session.state(), connection.unwrap_or("")), (state, said), "{asked:?}");
    }
}

#[test]
fn interim_heads_go_before_our_words() {
    let rules = on("");
    let hint = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n";
    let (_, heard) = answered(&rules, &heads::get(""), &[hint, SECRET].concat());
    assert_eq!(heard, [hint, OURS].concat());
}

/// Half an answer is no answer that could be overridden.
#[test]
fn a_broken_error_is_our_own_one() {
    let rules = on("");
    let mut world = World::recorded(&rules);
    world.hear(Client, &heads::get(""));
    world.hear(Backend, "HTTP/1.1 500 Secret\r\n");
    world.wires.peers.backend.lost = Some(Fault::Reset);
    let _ = world.settle();
    assert_eq!(world.close(), Some(Close::Refused(Refusal::Lost(Fault::Reset))));
    assert!(world.heard(Client).starts_with("HTTP/1.1 502 "));
}
