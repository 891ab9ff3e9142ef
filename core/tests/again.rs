//! A request with a body that is sent once more: all of it, if it is small enough to be kept, and only if it may be.

mod world;

use underpass_core::limits::REPLAY_MOST;
use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::{Dial, Fault, Side};
use world::wires::Peer;
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const CHUNKS: &str = "4\r\nbody\r\n0\r\n\r\n";

/// A PUT of that body, and what a backend hears of it.
fn put(body: &str) -> (String, String) {
    let framing = format!("Content-Length: {}\r\n", body.len());
    let [asked, got] = [heads::get(&framing), heads::got("", &framing)];
    (asked.replacen("GET", "PUT", 1) + body, got.replacen("GET", "PUT", 1) + body)
}

/// The same in chunks.
fn chunked(chunks: &str) -> (String, String) {
    let framing = "Transfer-Encoding: chunked\r\n";
    let [asked, got] = [heads::get(framing), heads::got("", framing)];
    (asked.replacen("GET", "PUT", 1) + chunks, got.replacen("GET", "PUT", 1) + chunks)
}

/// Two members, the second of which has another port.
fn pair() -> Rules {
    rules(
        "Listen 80\nServerName proxy.example\n<Proxy balancer://app>\nBalancerMember http://backend:9000\n\
         BalancerMember http://backend:9001\n</Proxy>\nProxyPass / balancer://app/",
    )
}

/// Breaks off before it has said anything.
fn breaks_off(world: &mut World<'_>) {
    world.wires.peers.backend.lost = Some(Fault::Reset);
    let _ = world.settle();
}

/// Wherever the request is cut when the idle connection turns out to be stale.
#[test]
fn a_body_goes_out_again_behind_a_stale_connection() {
    let rules = rules(CONF);
    let (asked, got) = put("the body");
    for cut in 0..=asked.len() {
        let mut world = World::recorded(&rules);
        world.wires.idle.push(Peer::default());
        world.hear(Client, &asked[..cut]);
        if world.session.state() == "Answer" {
            breaks_off(&mut world);
        } else {
            world.wires.idle[0].ended = true;
        }
        world.hear(Client, &asked[cut..]);
        assert_eq!(world.wires.dialled, [Dial::Idle, Dial::Address(0)], "{cut}");
        assert_eq!(world.heard(Backend), got, "{cut}");
        world.hear(Backend, OK);
        assert_eq!((world.heard(Client), world.report().reusable), (OK.into(), true), "{cut}");
        assert_eq!((world.session.held(), world.buffers.leased()), (0, 0));
    }
}

#[test]
fn a_body_goes_to_the_next_member_when_the_first_breaks_off() {
    let rules = pair();
    for (asked, got) in [put("the body"), chunked(CHUNKS)] {
        let got = got.replacen("9000", "9001", 1);
        let head = asked.find("\r\n\r\n").expect("a head") + 4;
        for cut in head..=asked.len() {
            let mut world = World::recorded(&rules);
            world.hear(Client, &asked[..cut]);
            breaks_off(&mut world);
            world.hear(Client, &asked[cut..]);
            assert_eq!(world.heard(Backend), got, "{cut}");
            let pulled = (asked.len() - head) as u64;
            world.hear(Backend, OK);
            assert_eq!(world.heard(Client), OK);
            let report = world.report();
            assert_eq!((report.pulled.client, report.pushed.client), (pulled, pulled), "once");
        }
    }
}

/// What stands behind the body is the next request, and stays where it is.
#[test]
fn a_request_behind_a_body_is_asked_once() {
    let rules = pair();
    let (asked, got) = put("the body");
    let mut world = World::recorded(&rules);
    world.hear(Client, &(asked + &heads::get("")));
    breaks_off(&mut world);
    assert_eq!(world.heard(Backend), got.replacen("9000", "9001", 1));
    world.hear(Backend, OK);
    assert_eq!(world.session.state(), "Answer");
    assert!(world.heard(Backend).starts_with("GET /page "));
    world.hear(Backend, OK);
    assert_eq!(world.heard(Client), OK.repeat(2));
}

/// Nor is one that nobody can answer mixed up with its body.
#[test]
fn a_body_that_nobody_takes_is_read_or_ends_the_connection() {
    let rules = pair();
    let (asked, _) = put("the body");
    for (cut, kept) in [(asked.len(), true), (asked.len() - 1, false)] {
        let mut world = World::recorded(&rules);
        world.hear(Client, &asked[..cut]);
        breaks_off(&mut world);
        breaks_off(&mut world);
        assert!(matches!(world.close(), Some(Close::Refused(Refusal::NoWorker(_)))));
        assert!(world.heard(Client).starts_with("HTTP/1.1 503 "));
        assert_eq!(world.session.state() == "Request", kept, "{cut}");
        if kept {
            world.hear(Client, &heads::get(""));
            world.hear(Backend, OK);
            assert!(world.heard(Client).ends_with(OK));
        }
    }
}

/// A length says at once that it is too much; chunks are kept for as long as they are not.
#[test]
fn what_outgrows_a_buffer_is_sent_once() {
    let rules = pair();
    let piece = "x".repeat(1_000);
    let large = put(&piece.repeat(9));
    let chunks = chunked(&(format!("3e8\r\n{piece}\r\n").repeat(9) + "0\r\n\r\n"));
    for (asked, got) in [large, chunks] {
        let mut world = World::recorded(&rules);
        for bytes in asked.as_bytes().chunks(100) {
            world.hear(Client, std::str::from_utf8(bytes).expect("letters"));
            assert!(world.session.held() <= REPLAY_MOST, "{}", world.session.held());
        }
        assert_eq!(world.heard(Backend), got);
        breaks_off(&mut world);
        assert_eq!(world.close(), Some(Close::Refused(Refusal::Lost(Fault::Reset))));
    }
}

/// All that fits is kept, to the byte.
#[test]
fn what_fills_a_buffer_is_sent_again() {
    let rules = pair();
    for (more, again) in [(0, true), (1, false)] {
        let (head, _) = put(&"x".repeat(1_000));
        let length = REPLAY_MOST - (head.len() - 1_000) + more;
        let (asked, got) = put(&"x".repeat(length));
        let mut world = World::recorded(&rules);
        world.hear(Client, &asked);
        assert_eq!(world.heard(Backend), got);
        breaks_off(&mut world);
        assert_eq!(world.heard(Backend) == got.replacen("9000", "9001", 1), again);
    }
}

/// RFC 9110 §9.2.2; and once an answer has begun, even an interim one, the backend has had the request.
#[test]
fn a_body_is_sent_once_where_twice_might_be_too_much() {
    let rules = pair();
    let mut post = World::recorded(&rules);
    post.hear(Client, &put("the body").0.replacen("PUT", "POST", 1));
    breaks_off(&mut post);
    assert_eq!(post.close(), Some(Close::Refused(Refusal::Lost(Fault::Reset))));

    let (asked, got) = put("the body");
    let mut begun = World::recorded(&rules);
    begun.hear(Client, &asked[..asked.len() - 1]);
    begun.hear(Backend, "HTTP/1.1 103 Early\r\n\r\n");
    begun.hear(Client, &asked[asked.len() - 1..]);
    assert_eq!(begun.heard(Backend), got, "the rest of it comes behind an interim answer");
    breaks_off(&mut begun);
    assert_eq!(begun.close(), Some(Close::Refused(Refusal::Lost(Fault::Reset))));
}

/// A client is told to go on once, whoever gets what it sends.
#[test]
fn a_client_is_told_to_go_on_once() {
    let mut rules = pair();
    rules.hosts[0].scope.pass_expect = false;
    let (asked, got) = put("the body");
    let asked = asked.replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1);
    let head = asked.len() - "the body".len();
    let mut world = World::recorded(&rules);
    world.hear(Client, &asked[..head]);
    assert_eq!(world.heard(Client), "HTTP/1.1 100 Continue\r\n\r\n");
    breaks_off(&mut world);
    world.hear(Client, &asked[head..]);
    assert_eq!(world.heard(Backend), got.replacen("9000", "9001", 1));
    world.hear(Backend, OK);
    assert_eq!(world.heard(Client), OK, "and nothing before it");
}
