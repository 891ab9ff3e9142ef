//! Idle connections to backends: who gets one, when it may be kept, and what happens if it is stale.

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::{Dial, Fault, Op, Side};
use world::wires::{CALM, Peer};
use world::{CONF, Luck, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const FRESH: Dial = Dial::Address(0);

/// A world with one idle connection, which still stands.
fn idling(rules: &Rules) -> World<'_> {
    let mut world = World::recorded(rules);
    world.wires.idle.push(Peer::default());
    world
}

/// Ways in which a connection turns out to be stale.
const STALE: [fn(&mut Peer); 3] = [
    |peer| peer.ended = true,
    |peer| peer.lost = Some(Fault::Reset),
    |peer| (peer.deaf, peer.ended) = (Some(Fault::Closed), true),
];

fn method(name: &str, fields: &str) -> String {
    heads::get(fields).replace("GET", name)
}

/// Only what may be sent twice goes out on a connection that may be stale (RFC 9110 §9.2.2).
#[test]
fn an_idle_connection_is_for_what_may_be_sent_twice() {
    let rules = rules(CONF);
    let upgrade = "Connection: upgrade\r\nUpgrade: h2c\r\n";
    let cases = [
        (heads::get(""), true),
        (method("HEAD", ""), true),
        (method("OPTIONS", ""), true),
        (method("DELETE", ""), true),
        (method("PUT", "Content-Length: 0\r\n"), true),
        (heads::get("").replace("1.1", "1.0"), true),
        (method("POST", ""), false),
        (method("POST", "Content-Length: 0\r\n"), false),
        (method("PATCH", ""), false),
        (method("get", ""), false),
        (method("PUT", "Content-Length: 5\r\n"), true),
        (method("PUT", "Content-Length: 8192\r\n"), false),
        (method("POST", "Content-Length: 5\r\n"), false),
        (heads::get("Transfer-Encoding: chunked\r\n"), false),
        (heads::get(upgrade), false),
        (heads::ask(""), false),
    ];
    for (asked, reuses) in cases {
        let mut world = idling(&rules);
        world.hear(Client, &asked);
        let expected = if reuses { Dial::Idle } else { FRESH };
        assert_eq!(world.wires.dialled, [expected], "{asked:?}");
        let mut none = World::recorded(&rules);
        none.hear(Client, &asked);
        assert_eq!(none.wires.dialled.last(), Some(&FRESH), "{asked:?}");
        assert_eq!(
            (none.wires.dialled.len(), none.session.state()),
            (1 + usize::from(reuses), "Answer")
        );
    }
}

/// One request after the other goes out on one connection, from this client or from another.
#[test]
fn a_connection_that_may_be_kept_serves_again() {
    let rules = rules(CONF);
    let mut world = World::recorded(&rules);
    for _ in 0..3 {
        world.hear(Client, &heads::get(""));
        world.hear(Backend, OK);
    }
    assert_eq!(world.wires.dialled, [Dial::Idle, FRESH, Dial::Idle, Dial::Idle]);
    assert_eq!(world.heard(Backend), heads::got("", "").repeat(3));
    world.wires.put_away();

    let mut other = World::recorded(&rules);
    other.wires.idle.append(&mut world.wires.idle);
    other.hear(Client, &heads::get("Connection: close\r\n"));
    other.hear(Backend, OK);
    assert_eq!(
        (other.wires.dialled.as_slice(), other.report().reusable),
        (&[Dial::Idle][..], true)
    );
}

/// R6, R14, R26, R27: what the report says of a connection after a request and its answer.
#[test]
fn a_connection_is_kept_only_if_nothing_on_it_was_odd() {
    let rules = rules(CONF);
    let told = OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let old = OK.replace("HTTP/1.1", "HTTP/1.0");
    let kept = old.replace("\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n");
    let (go, hint) = ("HTTP/1.1 100 Go\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\n");
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let h2c = "Connection: upgrade\r\nUpgrade: h2c\r\n";
    let body = heads::get("Content-Length: 5\r\n");
    let cases = [
        ("a length", heads::get(""), OK.to_owned(), true),
        ("chunks", heads::get(""), chunks.to_owned(), true),
        ("no body", heads::get(""), "HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n".into(), true),
        ("a body that is out", format!("{body}hello"), OK.to_owned(), true),
        ("an early hint", heads::get(""), format!("{hint}{OK}"), true),
        ("a client that closes", heads::get("Connection: close\r\n"), OK.to_owned(), true),
        ("a backend that closes", heads::get(""), told, false),
        ("HTTP/1.0", heads::get(""), old, false),
        ("HTTP/1.0 that persists", heads::get(""), kept, true),
        ("chunks for HTTP/1.0", heads::get("").replace("1.1", "1.0"), chunks.to_owned(), true),
        ("until the end", heads::get(""), "HTTP/1.1 200 OK\r\n\r\nhi".into(), false),
        ("R26 a 100 that nobody waits for", heads::get(""), format!("{go}{OK}"), false),
        ("R27 a body that is not out", format!("{body}hell"), OK.to_owned(), false),
        ("R27 a byte behind the length", heads::get(""), format!("{OK}!"), false),
        ("R27 a byte behind the chunks", heads::get(""), format!("{chunks}!"), false),
        ("R27 a byte behind no body", heads::get(""), "HTTP/1.1 204 No\r\n\r\n!".into(), false),
        ("R6 a refused upgrade", heads::ask(""), OK.to_owned(), false),
        (
            "an upgrade that was not asked of it",
            heads::get(h2c).replace("/page", "/any/x"),
            OK.to_owned(),
            true,
        ),
        ("R6 a bad 101", heads::ask(""), heads::switch("").replace("s3pP", "S3pP"), false),
        ("R14 a tunnel", heads::ask(""), heads::switch(""), false),
        ("nonsense", heads::get(""), "nonsense\r\n\r\n".into(), false),
        ("half a response", heads::get(""), OK[..OK.len() - 1].to_owned(), false),
    ];
    for (what, asked, answer, reusable) in cases {
        let mut world = World::recorded(&rules);
        world.hear(Client, &asked);
        world.hear(Backend, &answer);
        if world.close().is_none() {
            world.end(Backend);
            world.end(Client);
        }
        assert_eq!(world.report().reusable, reusable, "{what}");
    }
}

/// R27: bytes behind a response go to nobody, and the client, whose connection is sound, is closed
/// in order or kept: whatever it asks next is not answered by them.
#[test]
fn bytes_behind_a_response_are_nobodys() {
    let rules = rules(CONF);
    let excess = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for cut in 0..=OK.len() + excess.len() {
        let mut world = World::recorded(&rules);
        world.hear(Client, &heads::get(""));
        let all = [OK, excess].concat();
        let (first, second) = all.split_at(cut);
        world.hear(Backend, first);
        world.wires.peers.backend.to_come.extend(second.bytes());
        let _ = world.settle();
        assert_eq!(world.close(), Some(Close::Answered), "{cut}");
        world.hear(Client, &heads::get(""));
        if world.session.state() == "Answer" {
            assert_eq!(world.wires.dialled.last(), Some(&FRESH), "{cut}: what spoke is not used");
            world.hear(Backend, OK);
        }
        let heard = world.heard(Client);
        assert!([OK.to_owned(), OK.repeat(2)].contains(&heard), "{cut}: {heard}");
    }
}

/// Nothing of an answer was seen, so the request may go out once more: on a fresh connection.
#[test]
fn a_stale_connection_is_got_over_once() {
    let rules = rules(CONF);
    for stale in STALE {
        let mut world = idling(&rules);
        stale(&mut world.wires.idle[0]);
        world.wires.idle.insert(0, Peer { ended: true, ..Peer::default() });
        world.hear(Client, &heads::get("").repeat(2));
        assert_eq!(world.wires.dialled, [Dial::Idle, FRESH], "not on the next idle one");
        assert_eq!(world.heard(Backend), heads::got("", ""), "the whole of it");
        world.hear(Backend, OK);
        assert_eq!(world.heard(Client), OK);
        assert_eq!((world.close(), world.report().reusable), (Some(Close::Answered), true));
        assert_eq!(world.session.state(), "Answer", "what stood behind it comes next");
        assert_eq!(world.heard(Backend), heads::got("", ""));
    }
}

/// The fresh connection is the last one, as it would have been without the stale one.
#[test]
fn a_request_is_not_sent_a_third_time() {
    let rules = rules(CONF);
    let mut world = idling(&rules);
    world.wires.idle[0].ended = true;
    world.hear(Client, &heads::get(""));
    world.end(Backend);
    assert_eq!(world.close(), Some(Close::Refused(Refusal::NoAnswer)));
    assert_eq!(world.wires.dialled, [Dial::Idle, FRESH]);

    let mut gone = idling(&rules);
    gone.wires.idle[0].ended = true;
    gone.wires.addresses = vec![Err(Fault::Refused)];
    gone.hear(Client, &heads::get(""));
    assert_eq!(gone.wires.dialled, [Dial::Idle, FRESH, Dial::Address(1)]);
    assert!(gone.heard(Client).starts_with("HTTP/1.1 503 "));
}

/// A request that may not be sent twice is not, whatever becomes of its connection.
#[test]
fn a_post_is_sent_once() {
    let rules = rules(CONF);
    for stale in STALE {
        let mut world = idling(&rules);
        world.hear(Client, &method("POST", "Content-Length: 0\r\n"));
        stale(&mut world.wires.peers.backend);
        let _ = world.settle();
        assert_eq!((world.wires.dialled.as_slice(), world.report().status), (&[FRESH][..], 502));
    }
}

/// Once a byte of an answer has come, the backend has had the request.
#[test]
fn a_request_is_not_sent_again_behind_a_byte_of_an_answer() {
    let rules = rules(CONF);
    for said in ["H", &OK[..20], "HTTP/1.1 103 Early\r\n\r\n"] {
        for stale in &STALE[..2] {
            let mut world = idling(&rules);
            world.hear(Client, &heads::get(""));
            world.hear(Backend, said);
            stale(&mut world.wires.peers.backend);
            let _ = world.settle();
            assert_eq!(world.wires.dialled, [Dial::Idle], "{said:?}");
            assert_eq!(world.report().status, 502, "{said:?}");
        }
    }
}

/// A clock is no sign of a stale connection: the request may be under way at the backend.
#[test]
fn a_silent_connection_is_late_and_not_stale() {
    let rules = rules(CONF);
    let mut world = idling(&rules);
    world.hear(Client, &heads::get(""));
    world.pass(underpass_core::time::Wait::from_secs(60));
    assert_eq!(world.close(), Some(Close::Refused(Refusal::LateAnswer)));
    assert_eq!((world.wires.dialled.len(), world.report().reusable), (1, false));
}

/// A driver that cannot get the idle connection, or is slow to, dials.
#[test]
fn an_idle_connection_that_is_not_there_is_no_fault() {
    let rules = rules(CONF);
    for luck in Fault::ALL.map(Luck::Break) {
        let mut world = idling(&rules);
        world.wires.luck = Box::new(move |op| if op == Op::Connect { luck } else { CALM });
        world.wires.peers.client.to_come.extend(heads::get("").bytes());
        while world.wires.dialled.is_empty() {
            let _ = world.pump(1);
        }
        world.wires.luck = Box::new(|_| CALM);
        let _ = world.settle();
        world.hear(Backend, OK);
        assert_eq!(
            (world.wires.dialled.as_slice(), world.report().fault),
            (&[Dial::Idle, FRESH][..], None)
        );
    }
}

/// A request that waits for its answer on an idle connection is all that core holds, and a kept
/// connection holds nothing.
#[test]
fn a_kept_connection_leases_no_buffer() {
    let rules = rules(CONF);
    let mut world = idling(&rules);
    for _ in 0..3 {
        world.hear(Client, &heads::get(""));
        assert_eq!(world.buffers.leased(), 1, "the head, until the answer begins");
        world.hear(Backend, OK);
        assert_eq!((world.session.held(), world.buffers.leased()), (0, 0));
        assert_eq!((world.wires.pool.busy(), world.wires.pool.pending()), (0, 0));
    }
}
