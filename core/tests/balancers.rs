//! Requests to a balancer, as their sessions see it: who is asked, by which head, and who instead if that fails.

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::{Rules, WorkerId};
use underpass_core::time::{Time, Wait};
use underpass_core::{Fault, Op, Pumped, Side};
use world::wires::CALM;
use world::{Luck, World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// Two members, of which the second one lies below a path.
fn app(more: &str) -> Rules {
    rules(&format!(
        "Listen 80\n<Proxy balancer://app>\nBalancerMember ws://one route=a\n\
         BalancerMember ws://two:81/base route=b connectiontimeout=2 timeout=7\n{more}\n</Proxy>\n\
         ProxyPass / balancer://app/\nProxyWebsocketFallbackToProxyHttp On"
    ))
}

/// A session that has asked, where those workers cannot be dialled.
fn asked<'r>(rules: &'r Rules, head: &str, dead: &[u32]) -> World<'r> {
    let mut world = World::new(rules);
    world.wires.dead = dead.iter().map(|&worker| WorkerId(worker)).collect();
    world.hear(Client, head);
    world
}

fn first_line(said: &str) -> &str {
    said.split("\r\n").next().unwrap_or_default()
}

#[test]
fn a_member_is_asked_by_its_own_name_and_path() {
    let rules = app("");
    let heard = asked(&rules, &heads::get(""), &[]).heard(Backend);
    assert!(heard.contains("\r\nHost: one\r\n") && heard.starts_with("GET /"), "{heard}");
    assert!(!heard.starts_with("GET /base"), "{heard}");
    let path = first_line(&heard).replacen("GET /", "GET /base/", 1);
    let heard = asked(&rules, &heads::get(""), &[0]).heard(Backend);
    assert!(heard.contains("\r\nHost: two:81\r\n"), "{heard}");
    assert_eq!(first_line(&heard), path);
}

/// D11: whatever keeps a member from being reached.
#[test]
fn who_cannot_be_reached_is_passed_over_whatever_is_asked() {
    let rules = app("");
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    for head in [&heads::get(""), &heads::ask(""), post] {
        let mut world = asked(&rules, head, &[0]);
        assert_eq!(world.session.state(), "Answer", "{head}");
        assert!(world.heard(Backend).contains("Host: two:81"), "{head}");
    }
    let none = asked(&rules, &heads::get(""), &[0, 1]);
    assert!(matches!(none.report().close, Close::Refused(Refusal::NoWorker(_))));
    assert_eq!(none.report().worker, Some(WorkerId(1)), "who failed it last");
}

#[test]
fn a_request_that_may_be_sent_twice_goes_to_the_next_member_when_the_first_breaks_off() {
    let rules = app("");
    for head in [heads::get(""), heads::ask("")] {
        let mut world = asked(&rules, &format!("{head}early"), &[]);
        let before = world.heard(Backend);
        if head.contains("Upgrade") {
            world.end(Backend);
        } else {
            world.wires.peers.backend.lost = Some(Fault::Reset);
            assert!(matches!(world.settle(), Pumped::Waiting(_)));
        }
        assert_eq!(world.session.state(), "Answer", "{head}");
        let behind = world.heard(Backend);
        assert!(behind.contains("Host: two:81") && !behind.contains("early"), "{behind}");
        assert_eq!(before.lines().count(), behind.lines().count());
        world.end(Backend);
        assert_eq!(world.report().close, Close::Refused(NO_WORKER), "{head}");
    }
    let mut opened = asked(&rules, &format!("{}early", heads::ask("")), &[]);
    opened.end(Backend);
    opened.hear(Backend, &heads::switch(""));
    assert_eq!(opened.session.state(), "Tunnel");
    assert!(opened.heard(Backend).ends_with("early"), "only now");
}

const NO_WORKER: Refusal = Refusal::NoWorker(underpass_core::balance::NoWorker::Tried);

#[test]
fn a_request_that_must_not_be_sent_twice_is_not() {
    let rules = app("");
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    let mut world = asked(&rules, post, &[]);
    world.end(Backend);
    assert_eq!(world.report().close, Close::Refused(Refusal::NoAnswer));
    let mut begun = asked(&rules, &heads::get(""), &[]);
    begun.hear(Backend, "HTTP/1.1 2");
    begun.wires.peers.backend.lost = Some(Fault::Reset);
    assert!(matches!(begun.settle(), Pumped::Waiting(_)));
    assert_eq!(begun.report().close, Close::Refused(Refusal::Lost(Fault::Reset)));
}

#[test]
fn each_member_has_the_time_that_is_said_of_it() {
    let rules = app("");
    for (dead, secs) in [(&[][..], 60), (&[0], 7)] {
        let mut world = asked(&rules, &heads::get(""), dead);
        world.pass(Wait::from_millis(secs * 1_000 - 1));
        assert_eq!(world.session.state(), "Answer");
        world.pass(Wait::from_millis(1));
        assert_eq!(world.report().close, Close::Refused(Refusal::LateAnswer), "{secs}");
    }
}

/// The recipe of httpd's manual: a cookie of our own says to whom a client belongs.
#[test]
fn a_cookie_says_who_belongs_to_whom_and_is_set_when_that_changes() {
    let rules = rules(
        "Listen 80\nHeader add Set-Cookie \"ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/\" \
         env=BALANCER_ROUTE_CHANGED\n<Proxy balancer://app>\nBalancerMember ws://one route=a\n\
         BalancerMember ws://two route=b\nProxySet stickysession=ROUTEID\n</Proxy>\n\
         ProxyPass / balancer://app/\nProxyWebsocketFallbackToProxyHttp On",
    );
    let cookie = |fields: &str, dead: &[u32], answer: &str| {
        let head = if answer == OK { heads::get(fields) } else { heads::ask(fields) };
        let mut world = asked(&rules, &head, dead);
        let host = world.heard(Backend).contains("Host: one");
        world.hear(Backend, answer);
        let said = world.heard(Client);
        let set = said.lines().find_map(|line| line.strip_prefix("Set-Cookie: "));
        (host, set.map(str::to_owned))
    };
    for answer in [OK, &heads::switch("")] {
        let to = |route: char| Some(format!("ROUTEID=.{route}; path=/"));
        assert_eq!(cookie("", &[], answer), (true, to('a')));
        assert_eq!(cookie("Cookie: x=1; ROUTEID=.b\r\n", &[], answer), (false, None));
        assert_eq!(cookie("Cookie: ROUTEID=.b\r\n", &[1], answer), (true, to('a')));
        assert_eq!(cookie("Cookie: ROUTEID=.gone\r\n", &[], answer), (true, to('a')));
    }
}

/// `addresses=all`: the same recipe, where a cookie says an address without naming it.
#[test]
fn a_cookie_says_which_address_without_naming_it() {
    let rules = rules(
        "Listen 80\nHeader add Set-Cookie \"ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/\" \
         env=BALANCER_ROUTE_CHANGED\n<Proxy balancer://app>\nBalancerMember ws://one route=r addresses=all\n\
         ProxySet stickysession=ROUTEID\n</Proxy>\n\
         ProxyPass / balancer://app/\nProxyWebsocketFallbackToProxyHttp On",
    );
    let cookie = |fields: &str, last: u8| {
        // A recording hides what cookies say, and so to whom a client belongs.
        let begin = if fields.is_empty() { World::recorded } else { World::new };
        let mut world = begin(&rules);
        world.hear(Client, &heads::get(fields));
        assert_eq!(world.session.state(), "Elect", "nobody knows its addresses yet");
        world.wires.pool.resolved(WorkerId(0), &[[10, 0, 0, last].into()], Time::ZERO);
        world.hear(Backend, OK);
        let said = world.heard(Client);
        said.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).map(str::to_owned)
    };
    let seven = "7f4181b842da0923";
    let known = format!("Cookie: ROUTEID=.{seven}\r\n");
    assert_eq!(cookie("", 7), Some(format!("ROUTEID=.{seven}; path=/")));
    assert_eq!(cookie(&known, 7), None);
    assert!(cookie(&known, 8).is_some_and(|other| !other.contains(seven)), "7 is gone");
    assert!(cookie("Cookie: ROUTEID=.r\r\n", 8).is_some(), "only its addresses have routes");
}

/// `timeout=` of a balancer: somebody may come back, whom the request has not tried.
#[test]
fn who_waits_for_a_member_asks_again_until_one_may_be_tried() {
    let rules = app("ProxySet timeout=90 forcerecovery=Off maxattempts=3");
    let tried = asked(&rules, &heads::get(""), &[0, 1]);
    let close = tried.report().close;
    assert!(matches!(close, Close::Refused(Refusal::NoWorker(_))), "there is nobody to wait for");
    let mut world = World::new(&rules);
    world.wires.pool = tried.wires.pool;
    world.hear(Client, &heads::get(""));
    let mut passed = Wait::ZERO;
    while world.session.state() == "Elect" && passed < Wait::from_secs(90) {
        let Pumped::Waiting(Some(at)) = world.settle() else { panic!("it waits for something") };
        let wait = at.since(world.wires.now);
        assert_eq!(wait, Wait::from_millis(900), "a hundred times");
        world.pass(wait);
        passed = Wait::from_micros(passed.as_micros() + wait.as_micros());
    }
    let until = (Wait::from_millis(60_300), "Answer");
    assert_eq!((passed, world.session.state()), until, "`retry=` is over");
}

/// `bytraffic` goes by it: what a member carries is told once a turn, and of each for itself.
#[test]
fn what_is_carried_is_told_of_who_carries_it() {
    let tunnels = rules(world::CONF);
    for mut world in [World::new(&tunnels), World::recorded(&tunnels)] {
        world.hear(Client, &heads::ask(""));
        world.hear(Backend, &heads::switch(""));
        world.wires.told = Some(Vec::new());
        world.hear(Client, "abc");
        world.hear(Backend, "defgh");
        assert_eq!(world.wires.told, Some(vec![(WorkerId(0), 3), (WorkerId(0), 5)]));
        world.wires.told = Some(Vec::new());
        world.hear(Client, &"x".repeat(100_000));
        assert_eq!(world.wires.told, Some(vec![(WorkerId(0), 100_000)]), "in several moves");
    }

    let rules = app("");
    let mut world = World::new(&rules);
    world.wires.told = Some(Vec::new());
    world.hear(Client, &heads::get("").repeat(2));
    let first = world.heard(Backend).len() as u64;
    assert_eq!(world.wires.told.replace(Vec::new()), Some(vec![(WorkerId(0), first)]));
    world.hear(Backend, OK);
    let (answer, second) = (world.heard(Client).len() as u64, world.heard(Backend).len() as u64);
    assert_eq!(world.wires.told, Some(vec![(WorkerId(0), answer), (WorkerId(1), second)]));
}

/// `hashkey=`: who says the same goes to the same member.
#[test]
fn requests_with_one_key_are_one_members() {
    let rules = app("ProxySet lbmethod=hash hashkey=header:X-Room");
    let goes_to = |room: u32| {
        let heard = asked(&rules, &heads::get(&format!("X-Room: {room}\r\n")), &[]).heard(Backend);
        heard.contains("Host: one\r\n")
    };
    let rooms: Vec<_> = (0..32).map(goes_to).collect();
    assert!(rooms.contains(&true) && rooms.contains(&false), "{rooms:?}");
    assert_eq!((0..32).map(goes_to).collect::<Vec<_>>(), rooms);
}

/// As httpd answers: it is there, and cannot be spoken with. Who cannot be reached is another matter.
#[test]
fn who_cannot_be_spoken_with_is_a_bad_gateways() {
    let (alone, group) = (rules("Listen 80\nProxyPass / http://one/"), app(""));
    for rules in [&alone, &group] {
        for (fault, status) in [(Fault::Tls, 502), (Fault::Refused, 503)] {
            let mut world = World::new(rules);
            world.wires.luck =
                Box::new(
                    move |op| {
                        if op == Op::Secure(Backend) { Luck::Break(fault) } else { CALM }
                    },
                );
            world.hear(Client, &heads::get(""));
            assert_eq!(world.report().status, status, "{fault}");
            assert_eq!(world.report().fault, Some((Backend, fault)));
        }
    }
}
