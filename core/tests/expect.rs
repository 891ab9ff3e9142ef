//! `Expect: 100-continue`: who tells the client that its body may come, and when (R26, RFC 9110 §10.1.1).

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::{Fault, Op, Side};
use world::wires::CALM;
use world::{CONF, Luck, World, heads, rules};

use Side::{Backend, Client};

const GO: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const NO: &str = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n";
const OFF: &str = "Proxy100Continue Off";
const LENGTH: &str = "Content-Length: 5\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// A request whose body waits.
fn waiting(framing: &str) -> String {
    heads::get(&["Expect: 100-Continue\r\n", framing].concat()).replace("GET", "POST")
}

/// What the backend hears of it, if `fields` go on.
fn heard(fields: &str, framing: &str) -> String {
    heads::got(fields, framing).replace("GET", "POST")
}

/// `Proxy100Continue On`: the backend is asked, and its word is the client's.
#[test]
fn the_backend_says_that_the_body_may_come() {
    let rules = rules(CONF);
    for (framing, body) in [(LENGTH, "hello"), (CHUNKED, "5\r\nhello\r\n0\r\n\r\n")] {
        let mut world = World::new(&rules);
        world.hear(Client, &waiting(framing));
        assert_eq!(world.heard(Backend), heard("Expect: 100-Continue\r\n", framing));
        assert_eq!(world.heard(Client), "", "it has not said so yet");
        world.hear(Backend, GO);
        assert_eq!(world.heard(Client), GO);
        send(&mut world, body);
    }
}

/// The body goes to the backend, which answers, and the connection is as good as before.
fn send(world: &mut World<'_>, body: &str) {
    world.hear(Client, body);
    assert_eq!(world.heard(Backend), body);
    world.hear(Backend, OK);
    assert_eq!((world.heard(Client).as_str(), world.session.state()), (OK, "Request"));
}

/// `Proxy100Continue Off`: the backend knows nothing of it, and its connection is as good as any.
#[test]
fn we_say_that_the_body_may_come() {
    let rules = rules(&[CONF, OFF].concat());
    for (framing, body) in [(LENGTH, "hello"), (CHUNKED, "5\r\nhello\r\n0\r\n\r\n")] {
        let mut world = World::new(&rules);
        world.hear(Client, &waiting(framing));
        assert_eq!(world.heard(Backend), heard("", framing));
        assert_eq!(world.heard(Client), GO);
        send(&mut world, body);
    }
}

/// Not before there is somebody for the body: a client that could be refused has not sent it yet.
#[test]
fn we_say_nothing_before_the_backend_has_our_head() {
    let rules = rules(&[CONF, OFF].concat());
    for late in [Op::Elect, Op::Connect, Op::Secure(Backend), Op::Flush(Backend)] {
        let mut world = World::new(&rules);
        world.wires.luck = Box::new(move |op| if op == late { Luck::Block } else { CALM });
        world.hear(Client, &waiting(LENGTH));
        assert_eq!(world.heard(Client), "", "{late}");
        world.wires.luck = Box::new(|_| CALM);
        let _ = world.settle();
        assert_eq!(world.heard(Client), GO, "{late}");
    }
    let mut nobody = World::new(&rules);
    nobody.wires.addresses.clear();
    nobody.hear(Client, &waiting(LENGTH));
    assert!(nobody.heard(Client).starts_with("HTTP/1.1 503 "));

    let mut deaf = World::new(&rules);
    deaf.wires.luck =
        Box::new(|op| if op == Op::Flush(Backend) { Luck::Break(Fault::Closed) } else { CALM });
    deaf.hear(Client, &waiting(LENGTH));
    assert_eq!(deaf.heard(Client), "", "its body could go nowhere");
    deaf.hear(Backend, NO);
    assert!(deaf.heard(Client).starts_with("HTTP/1.1 403 No\r\n"));
}

/// R26: a 100 that nobody asked the backend for reaches nobody, and its connection is not used again.
#[test]
fn a_100_behind_ours_is_swallowed() {
    let rules = rules(&[CONF, OFF].concat());
    let mut world = World::new(&rules);
    world.hear(Client, &waiting(LENGTH));
    world.hear(Backend, GO);
    assert_eq!(world.heard(Client), GO, "once");
    world.hear(Client, "hello");
    world.hear(Backend, OK);
    assert_eq!(world.heard(Client), OK);
}

/// R26: a connection that was asked for a 100 is not used again, whether it gave one or not; one that
/// was not asked is, unless it gives one.
#[test]
fn a_connection_is_kept_only_if_no_100_was_asked_of_it() {
    let body = format!("{}hello", waiting(LENGTH));
    let cases = [
        ("a 100 in time", "", &body, [GO, OK].concat(), false),
        ("no 100", "", &body, OK.to_owned(), false),
        ("we say it", OFF, &body, OK.to_owned(), true),
        ("so does the backend", OFF, &body, [GO, OK].concat(), false),
        ("there is no body", "", &waiting(""), OK.to_owned(), true),
        ("and a 100 for it", "", &waiting(""), [GO, OK].concat(), false),
    ];
    for (what, text, asked, answer, reusable) in cases {
        let rules = rules(&[CONF, text].concat());
        let mut world = World::new(&rules);
        world.hear(Client, asked);
        world.hear(Backend, &answer);
        assert_eq!(
            (world.close(), world.report().reusable),
            (Some(Close::Answered), reusable),
            "{what}"
        );
    }
}

/// Who is answered before its body came need not send it, so nobody knows what comes next.
#[test]
fn an_answer_before_the_body_closes() {
    for (text, before) in [("", ""), (OFF, GO)] {
        let rules = rules(&[CONF, text].concat());
        let mut world = World::new(&rules);
        world.hear(Client, &waiting(LENGTH));
        world.hear(Backend, NO);
        let closed = NO.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(world.heard(Client), format!("{before}{closed}"), "{text}");
        assert_eq!((world.session.state(), world.report().reusable), ("Linger", false));
        world.hear(Client, &heads::get(""));
        assert_eq!(world.wires.reports.len(), 1, "{text}: that was no request");
    }
}

/// Our word goes first to a client that reads slowly, and the answer is not lost behind it.
#[test]
fn our_word_stands_before_the_answer() {
    let rules = rules(&[CONF, OFF].concat());
    let mut world = World::new(&rules);
    world.wires.peers.client.window = Some(7);
    world.hear(Client, &format!("{}hello", waiting(LENGTH)));
    world.hear(Backend, OK);
    world.wires.peers.client.window = None;
    let _ = world.settle();
    assert_eq!(world.heard(Client), format!("{GO}{OK}"));
    assert_eq!(world.heard(Backend), format!("{}hello", heard("", LENGTH)));
}

/// The clock of the body runs from our head, and its refusal says the same as without an expectation.
#[test]
fn a_body_that_may_come_and_does_not_is_late() {
    let rules = rules(&[CONF, OFF].concat());
    let mut world = World::new(&rules);
    world.hear(Client, &waiting(LENGTH));
    world.pass(underpass_core::time::Wait::from_secs(20));
    assert_eq!(world.close(), Some(Close::Refused(Refusal::LateBody)));
    assert!(world.heard(Client).starts_with(&format!("{GO}HTTP/1.1 408 ")));
}

/// HTTP/1.0 knows no interim heads, and who has no body does not wait.
#[test]
fn who_does_not_wait_is_told_nothing() {
    for text in ["", OFF] {
        let rules = rules(&[CONF, text].concat());
        let old = waiting(LENGTH).replace("HTTP/1.1", "HTTP/1.0");
        for asked in [old, waiting(""), waiting("Content-Length: 0\r\n")] {
            let mut world = World::new(&rules);
            world.hear(Client, &asked);
            assert_eq!(world.heard(Client), "", "{text}: {asked:?}");
            assert!(!world.heard(Backend).contains("Expect"), "{text}: {asked:?}");
            world.hear(Backend, GO);
            assert_eq!(world.heard(Client), "", "{text}: {asked:?}");
        }
    }
}
