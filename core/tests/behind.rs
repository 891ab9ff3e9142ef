//! What stands behind a request that is not the client's to follow: nothing of it is ever parsed.

mod world;

use underpass_core::Side;
use underpass_core::route::Rules;
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const CLOSE: &str = "Connection: close\r\n";
const KEEP: &str = "Connection: keep-alive\r\n";

/// The status of each answer, in their order.
fn statuses(heard: &str) -> Vec<&str> {
    heard.split("HTTP/1.1 ").skip(1).map(|head| &head[..3]).collect()
}

/// What the client hears, and how many requests the backend does, when `next` stands behind `asked`.
fn behind(rules: &Rules, asked: &str, answer: &str) -> (String, usize, &'static str) {
    let mut world = World::new(rules);
    world.hear(Client, &[asked, &heads::get("").replace("page", "behind")].concat());
    world.hear(Backend, answer);
    let state = world.session.state();
    world.hear(Client, &heads::get("").replace("page", "behind"));
    world.wires.put_away();
    let past = world.wires.past.iter().chain(&world.wires.idle);
    let heard: Vec<_> = past.flat_map(|peer| peer.heard.iter().copied()).collect();
    let asked = String::from_utf8_lossy(&heard).matches("/behind").count();
    (world.heard(Client), asked, state)
}

/// R7: bytes behind an upgrade that was refused are not parsed, whoever refused it, and however.
#[test]
fn nothing_is_parsed_behind_a_refused_upgrade() {
    let no = |asked: &str, text: &str, answer: &str| {
        let rules = rules(&[CONF, text].concat());
        let (heard, asked_behind, state) = behind(&rules, asked, answer);
        assert_eq!(statuses(&heard).len(), 1, "{asked:?} {text}: {heard}");
        assert_eq!((asked_behind, state), (0, "Linger"), "{asked:?} {text}");
        assert!(heard.contains("close\r\n"), "{asked:?} {text}: {heard}");
    };
    no(&heads::ask(""), "", OK);
    no(&heads::ask(""), "", "nonsense\r\n\r\n");
    no(&heads::ask("").replace(": 13", ": 12"), "", "");
    no(&heads::ask("").replace("/ws/", "/no/"), "", "");
    no(&heads::ask("").replace("/ws/", "/"), "", OK);
    let h2c = "Connection: upgrade\r\nUpgrade: h2c\r\n";
    no(&heads::get(h2c), "", OK);
    no(&heads::get(h2c), "", "nonsense\r\n\r\n");
    // Every request is an upgrade here, and refused as one.
    let always = "ProxyPass /raw/ ws://backend:9000/ upgrade=NONE\n";
    let rules = rules(&CONF.replace("ProxyPass / ", &format!("{always}    ProxyPass / ")));
    let (heard, asked_behind, state) =
        behind(&rules, &heads::get("").replace("/page", "/raw/x"), "");
    assert_eq!((statuses(&heard), asked_behind, state), (vec!["426"], 0, "Linger"), "{heard}");
    let unasked = heads::ask("Max-Forwards: 0\r\n").replace("/ws/", "/raw/");
    let unasked = unasked.replace("Connection: Upgrade\r\nUpgrade: websocket\r\n", "");
    let (heard, asked_behind, state) = behind(&rules, &unasked, "");
    assert_eq!((statuses(&heard), asked_behind, state), (vec!["400"], 0, "Linger"), "{heard}");
}

/// R27: what is left of a body is never taken for a request.
#[test]
fn nothing_is_parsed_behind_an_unread_or_bad_body() {
    let rules = rules(CONF);
    let length = "Content-Length: 99999\r\n";
    let long = |path: &str| heads::get(length).replace("/page", path);
    let chunked = heads::get("Transfer-Encoding: chunked\r\n");
    let cases = [
        (long("/no/x"), "", "404"),
        (long("/page"), OK, "200"),
        (heads::get(&["Expect: 100-continue\r\n", length].concat()), OK, "200"),
        (long("/page"), "nonsense\r\n\r\n", "502"),
        (format!("{chunked}+2\r\nhi\r\n0\r\n\r\n"), "", "400"),
        (format!("{chunked}2\r\nhi\r\n"), "", "400"),
        (heads::get(&["Max-Forwards: 0\r\n", length].concat()), "", "400"),
        (heads::get("Content-Length: x\r\n"), "", "400"),
        (heads::get(KEEP).replace("GET /page", "POST /no/x").replace("1.1", "1.0"), "", "411"),
        ("GET /page HTTP/1.1\r\n\r\n".to_owned(), "", "400"),
    ];
    for (asked, answer, status) in cases {
        let (heard, asked_behind, _) = behind(&rules, &asked, answer);
        assert_eq!(statuses(&heard), [status], "{asked:?}");
        let body = usize::from(asked.starts_with(&long("/page")) || asked.contains("Expect"));
        assert!(asked_behind <= 2 * body, "{asked:?}: as a body only");
        assert!(heard.contains(CLOSE), "{asked:?}: {heard}");
    }
}

/// A request that ends in the middle of its body is the last one, and the client is told.
#[test]
fn a_truncated_body_closes() {
    let rules = rules(CONF);
    for fields in ["Content-Length: 9\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut world = World::new(&rules);
        world.hear(Client, &format!("{}2\r\nhi\r\n", heads::get(fields)).replace("GET", "PUT"));
        world.end(Client);
        let heard = world.heard(Client);
        assert_eq!(statuses(&heard), ["400"]);
        assert!(heard.contains(CLOSE), "{heard}");
    }
}

/// R27: a response that overtakes the request's body closes, although the body may come whole after all.
#[test]
fn an_early_response_closes() {
    let rules = rules(CONF);
    let mut world = World::new(&rules);
    world.hear(Client, &heads::get("Content-Length: 5\r\n").replace("GET", "POST"));
    world.hear(Client, "he");
    world.hear(Backend, &OK[..OK.len() - 2]);
    assert!(world.heard(Client).contains(CLOSE));
    world.hear(Client, "llo");
    world.hear(Backend, "hi");
    assert_eq!((world.session.state(), world.report().reusable), ("Linger", false));
}
