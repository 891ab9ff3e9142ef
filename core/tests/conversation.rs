//! Whole sessions, to be read: what each side says, what the other hears, and how it ends.

mod world;

use std::num::NonZeroU32;

use underpass_core::balance::Pool;
use underpass_core::limits::{LINGER, LINGER_MOST, Pending};
use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Dial, Fault, Op, Side};
use world::wires::CALM;
use world::{CONF, Luck, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

const fn secs(count: u64) -> Wait {
    Wait::from_secs(count)
}

/// A session whose request is with the backend.
fn asked<'r>(rules: &'r Rules, head: &str) -> World<'r> {
    let mut world = World::recorded(rules);
    world.hear(Client, head);
    assert_eq!(world.session.state(), "Answer");
    world.wires.peers.backend.heard.clear();
    world
}

#[test]
fn a_tunnel_ends_one_direction_at_a_time() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &format!("{}early ", heads::ask("")));
    world.hear(Backend, &heads::switch(""));
    assert_eq!(world.heard(Client), heads::switched(""));
    world.hear(Client, "question");
    world.end(Client);
    assert_eq!(world.heard(Backend), "early question");
    assert!(world.wires.peers.backend.told && !world.wires.peers.client.told);
    world.hear(Backend, "answer");
    assert_eq!(world.heard(Client), "answer");
    world.end(Backend);
    world.assert_nothing_is_lent();
    let report = world.report();
    assert_eq!((report.close, report.status), (Close::Ended(Client), 101));
    assert_eq!((report.pushed.client, report.pushed.backend), (14, 6));
    assert_eq!((report.pulled, report.fault), (report.pushed, None));
}

#[test]
fn an_exchange_is_answered_and_the_client_is_waited_for() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &heads::get("Connection: close\r\nContent-Length: 5\r\n"));
    world.hear(Client, "hel");
    world.hear(Client, "lo");
    assert_eq!(world.heard(Backend), "hello");
    world.hear(Backend, OK);
    world.hear(Backend, "hi");
    assert!(world.heard(Client).ends_with("\r\n\r\nhi"));
    assert_eq!((world.close(), world.session.state()), (Some(Close::Answered), "Linger"));
    assert!(world.wires.peers.client.told);
    world.hear(Client, "a further request, which nobody reads");
    world.end(Client);
    world.assert_nothing_is_lent();
}

/// What broke on the way to a good end is told, but it is not the end.
#[test]
fn the_next_address_is_dialled_and_the_tunnel_ends_well() {
    let rules = rules(CONF);
    let mut world = World::recorded(&rules);
    world.wires.addresses = vec![Err(Fault::Refused), Err(Fault::Unreachable), Ok(())];
    world.hear(Client, &heads::ask(""));
    assert_eq!(world.wires.dialled, [0, 1, 2].map(Dial::Address));
    world.hear(Backend, &heads::switch(""));
    world.end(Backend);
    world.end(Client);
    let report = world.report();
    assert_eq!(report.fault, Some((Backend, Fault::Refused)), "the first thing that broke");
    assert_eq!(report.close, Close::Ended(Backend), "nothing broke that was not got over");
}

#[test]
fn a_worker_that_cannot_be_reached_is_left_alone() {
    let rules = rules(&CONF.replace("ws://backend:9000/\n", "ws://backend:9000/ retry=5\n"));
    let mut world = World::recorded(&rules);
    world.wires.addresses = vec![Err(Fault::Refused); 2];
    world.hear(Client, &heads::ask(""));
    assert_eq!(
        world.wires.dialled,
        [0, 1, 2].map(Dial::Address),
        "the last of them does not exist"
    );
    let said = world.heard(Client);
    assert!(said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{said}");
    assert!(said.contains("\r\nRetry-After: 5\r\n"), "{said}");
    assert_eq!(world.report().fault, Some((Backend, Fault::Refused)));

    let mut next = World::recorded(&rules);
    next.wires.pool = world.wires.pool;
    next.wires.now = next.wires.now.after(secs(2));
    next.hear(Client, &heads::ask(""));
    assert!(next.heard(Client).contains("\r\nRetry-After: 3\r\n"));
    assert!(next.wires.dialled.is_empty());
}

/// R53: in all, with one worker, from one client.
#[test]
fn too_many_handshakes_at_once_are_refused_for_a_while() {
    let rules = rules(CONF);
    let room = Pending { total: 9, worker: 9, client: 9 };
    let full = [
        Pending { total: 1, ..room },
        Pending { worker: 1, ..room },
        Pending { client: 1, ..room },
    ];
    for most in full {
        let mut first = World::recorded(&rules);
        first.wires.pool = Pool::new(&rules, most);
        first.hear(Client, &heads::ask(""));
        assert_eq!(first.wires.pool.pending(), 1);
        let mut second = World::recorded(&rules);
        std::mem::swap(&mut second.wires.pool, &mut first.wires.pool);
        second.hear(Client, &heads::ask(""));
        assert!(second.heard(Client).contains("\r\nRetry-After: 1\r\n"), "{most:?}");
        std::mem::swap(&mut second.wires.pool, &mut first.wires.pool);
        first.hear(Backend, &heads::switch(""));
        assert_eq!((first.wires.pool.pending(), first.wires.pool.busy()), (0, 1));
    }
}

/// R50: absolute, but bytes that keep coming push it back.
#[test]
fn a_head_that_does_not_come_in_time_is_late() {
    let rules = rules(CONF);
    let mut silent = World::recorded(&rules);
    silent.hear(Client, "");
    silent.pass(secs(20));
    assert_eq!((silent.close(), silent.heard(Client).as_str()), (Some(Close::Unasked), ""));

    let mut slow = World::recorded(&rules);
    slow.hear(Client, "GET /ws/chat HTTP/1.1\r\n");
    slow.pass(secs(19));
    assert_eq!(slow.close(), None);
    slow.pass(secs(1));
    assert_eq!(slow.close(), Some(Close::Refused(Refusal::Late)));
    assert!(slow.heard(Client).starts_with("HTTP/1.1 408 "));

    let mut tardy = World::recorded(&rules);
    tardy.hear(Client, "");
    tardy.pass(secs(10));
    tardy.hear(Client, "GET /ws/chat HTTP/1.1\r\n");
    tardy.pass(secs(10));
    assert_eq!(tardy.close(), Some(Close::Refused(Refusal::Late)), "since it was accepted");

    let mut steady = World::recorded(&rules);
    for _ in 0..39 {
        steady.hear(
            Client,
            if steady.session.held() == 0 { "GET /ws/chat HTTP/1.1\r\n" } else { "" },
        );
        steady.hear(Client, &format!("A: {}\r\n", "x".repeat(600)));
        steady.pass(secs(1));
        assert_eq!(steady.close(), None);
    }
    steady.pass(secs(1));
    assert_eq!(steady.close(), Some(Close::Refused(Refusal::Late)), "however many bytes come");
}

/// R50, R51: the backend has its time to answer, the client its own to send its body.
#[test]
fn what_is_awaited_before_an_answer_has_its_time() {
    let rules = rules(CONF);
    let mut late = asked(&rules, &heads::ask(""));
    late.pass(secs(59));
    assert_eq!(late.close(), None);
    late.pass(secs(1));
    assert_eq!(late.close(), Some(Close::Refused(Refusal::LateAnswer)));
    assert!(late.heard(Client).starts_with("HTTP/1.1 504 "));

    let mut slow = asked(&rules, &heads::get("Content-Length: 5\r\n"));
    slow.pass(secs(20));
    assert_eq!(slow.close(), Some(Close::Refused(Refusal::LateBody)));
    assert!(slow.heard(Client).starts_with("HTTP/1.1 408 "));
}

/// R37: an interim head does not put the answer off.
#[test]
fn an_interim_head_starts_no_clock_anew() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &heads::get(""));
    world.pass(secs(50));
    world.hear(Backend, "HTTP/1.1 103 Early\r\n\r\n");
    assert_eq!(world.heard(Client), "HTTP/1.1 103 Early\r\n\r\n");
    world.pass(secs(10));
    assert_eq!(world.close(), Some(Close::Refused(Refusal::LateAnswer)));
}

/// R51: each clock of a tunnel.
#[test]
fn a_tunnel_ends_when_one_of_its_clocks_does() {
    let idle = rules(&format!("{CONF}ProxyWebsocketIdleTimeout 90"));
    let mut world = World::tunnel(&idle);
    world.pass(secs(89));
    world.hear(Backend, "ping");
    world.pass(secs(89));
    assert_eq!(world.close(), None, "either direction counts");
    world.pass(secs(1));
    assert_eq!(world.close(), Some(Close::Idle));
    world.assert_nothing_is_lent();

    let plain = rules(CONF);
    let mut world = World::tunnel(&plain);
    world.pass(secs(100_000));
    assert_eq!(world.close(), None, "idle for ever");
    world.end(Backend);
    world.pass(secs(60));
    assert_eq!(world.close(), Some(Close::HalfClosed));

    let short = rules(&format!("{CONF}ProxyWebsocketMaxDuration 7"));
    let mut world = World::tunnel(&short);
    for _ in 0..7 {
        world.hear(Client, "busy");
        world.pass(secs(1));
    }
    assert_eq!(world.close(), Some(Close::Lifetime));
}

/// R52: who does not read what waits for it is given up, and the other side's bytes are not lost before.
#[test]
fn a_side_that_does_not_read_stalls_the_tunnel() {
    let rules = rules(CONF);
    let mut world = World::tunnel(&rules);
    world.wires.peers.client.window = Some(3);
    world.hear(Backend, "hello");
    world.pass(secs(30));
    world.hear(Client, "still here");
    assert_eq!(world.heard(Backend), "still here");
    world.pass(secs(30));
    assert_eq!(
        (world.close(), world.heard(Client).as_str()),
        (Some(Close::Stalled(Client)), "hel")
    );
    assert!(Close::Stalled(Client).is_abrupt());
}

/// R52: also before the first byte of the tunnel.
#[test]
fn a_client_that_does_not_take_the_101_stalls_the_tunnel() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &heads::ask(""));
    world.wires.peers.client.window = Some(0);
    world.hear(Backend, &heads::switch(""));
    world.pass(secs(60));
    assert_eq!(world.close(), Some(Close::Stalled(Client)));
}

/// The first bytes of the tunnel do not overtake its head, nor are they lost behind it.
#[test]
fn a_slow_client_gets_the_101_and_then_the_bytes() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &heads::ask(""));
    world.wires.peers.client.window = Some(10);
    world.hear(Backend, &heads::switch(""));
    world.hear(Backend, "hello");
    world.wires.peers.client.window = None;
    let _ = world.settle();
    assert_eq!(world.heard(Client), format!("{}hello", heads::switched("")));
    assert_eq!(world.session.flows().backend.pushed(), 5);
}

/// `ProxyWebsocketAsync`, `ProxyWebsocketAsyncDelay`.
#[test]
fn a_quiet_tunnel_gives_its_carriers_back() {
    let parks = |more: &str, wait: u64| {
        let rules = rules(&[CONF, more].concat());
        let mut world = World::tunnel(&rules);
        world.hear(Client, "hello");
        world.pass(secs(wait));
        world.hear(Backend, "hello");
        world.pass(secs(wait));
        world.wires.parks
    };
    assert_eq!(parks("ProxyWebsocketAsync ON", 0), 2);
    assert_eq!(parks("ProxyWebsocketAsync OFF", 1_000), 0);
    assert_eq!(parks("ProxyWebsocketAsyncDelay 5", 4), 0);
    assert_eq!(parks("ProxyWebsocketAsyncDelay 5", 5), 2);
}

/// Half a response must not look whole.
#[test]
fn a_response_that_breaks_off_is_cut() {
    let rules = rules(CONF);
    let ends: [fn(&mut World<'_>); 3] = [
        |world| world.end(Backend),
        |world| {
            world.wires.peers.backend.lost = Some(Fault::Reset);
            let _ = world.settle();
        },
        |world| world.pass(secs(60)),
    ];
    for end in ends {
        let mut world = asked(&rules, &heads::get(""));
        world.hear(Backend, &format!("{OK}h"));
        end(&mut world);
        assert_eq!(world.close(), Some(Close::Cut(Backend)));
        assert!(Close::Cut(Backend).is_abrupt() && !world.wires.peers.client.told);
        world.assert_nothing_is_lent();
    }
}

/// A backend that answers and stops reading has answered all the same.
#[test]
fn an_early_answer_is_relayed_though_the_body_cannot_be() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &heads::get("Content-Length: 5\r\n"));
    world.wires.peers.backend.deaf = Some(Fault::Closed);
    world.hear(Client, "hello");
    world.hear(Backend, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    assert!(world.heard(Client).starts_with("HTTP/1.1 413 "));
    assert_eq!(world.close(), Some(Close::Answered));
}

/// R7: who was refused is listened to for a while, and not understood.
#[test]
fn a_refused_client_is_drained_for_so_long_and_so_much() {
    let rules = rules(CONF);
    let mut long = World::recorded(&rules);
    long.hear(Client, &heads::ask("").replace(": 13", ": 12"));
    assert_eq!(long.session.state(), "Linger");
    long.hear(Client, &heads::ask(""));
    long.pass(LINGER);
    long.assert_nothing_is_lent();
    assert!(long.wires.dialled.is_empty());

    let mut much = World::recorded(&rules);
    much.hear(Client, "nonsense\r\n\r\n");
    let most = NonZeroU32::new(LINGER_MOST).expect("it is not 0").get() as usize;
    much.hear(Client, &"x".repeat(2 * most));
    much.assert_nothing_is_lent();
    assert!(much.wires.peers.client.taken < most + 10_000);
}

/// R24, R25: what stands beside the chunks of a body goes no further, in neither direction, and spoils
/// neither connection.
#[test]
fn extensions_and_trailers_are_dropped() {
    let rules = rules(CONF);
    let mut world = asked(&rules, &heads::get("Transfer-Encoding: chunked\r\n"));
    world.hear(Client, "2\r\nhi\r\n0\r\nContent-Length: 5\r\nHost: x\r\n\r\n");
    assert_eq!(world.heard(Backend), "2\r\nhi\r\n0\r\n\r\n");
    world.hear(Backend, "HTTP/1.1 200 OK\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n");
    world.hear(Backend, "2;a=b\r\nhi\r\n0\r\nX: y\r\n\r\n");
    let heard = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    assert_eq!((world.heard(Client).as_str(), world.report().reusable), (heard, true));
}

/// A client that breaks while nothing is read from it takes its request along: nobody waits for the answer.
#[test]
fn a_client_that_breaks_while_it_waits_is_missed_at_once() {
    let rules = rules(CONF);
    let body = heads::get("Content-Length: 5\r\n") + "hello";
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal";
    let phases = [
        ("Elect", Some(Op::Elect)),
        ("Connect", Some(Op::Connect)),
        ("Secure", Some(Op::Secure(Backend))),
        ("Offer", Some(Op::Flush(Backend))),
        ("Answer", None),
        ("Exchange", None),
    ];
    for (phase, stuck) in phases {
        let mut world = World::recorded(&rules);
        world.wires.luck = Box::new(move |op| if Some(op) == stuck { Luck::Block } else { CALM });
        world.hear(Client, &body);
        if phase == "Exchange" {
            world.hear(Backend, half);
        }
        assert_eq!((world.session.state(), world.close()), (phase, None));
        world.wires.peers.client.lost = Some(Fault::Reset);
        let _ = world.settle();
        assert_eq!(world.close(), Some(Close::Faulted(Client, Fault::Reset)), "{phase}");
        world.assert_nothing_is_lent();
    }
}

#[test]
fn a_session_says_how_many_bytes_it_holds() {
    let rules = rules(CONF);
    let mut world = World::new(&rules);
    assert_eq!(world.session.held(), 0);
    world.hear(Client, "GET /ws");
    assert_eq!(world.session.held(), 7);
}
