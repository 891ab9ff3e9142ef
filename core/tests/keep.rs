//! A client's connection that carries several requests: which are kept, which are closed, and that
//! answers come in order, however the requests are cut (RFC 9112 §9.3).

mod world;

use std::num::NonZeroU32;

use underpass_core::negotiate::{NoHop, Refusal};
use underpass_core::report::Close;
use underpass_core::time::Wait;
use underpass_core::{Fault, Op, Pumped, Side, limits};
use world::{CONF, Luck, World, answered, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const CLOSE: &str = "Connection: close\r\n";
const KEEP: &str = "Connection: keep-alive\r\n";

fn old(fields: &str) -> String {
    heads::get(fields).replace("HTTP/1.1", "HTTP/1.0")
}

fn post(body: &str) -> String {
    let length = format!("Content-Length: {}\r\n", body.len());
    heads::get(&length).replace("GET", "POST") + body
}

/// How many answers of ours or of the backend's there are, in their order.
fn statuses(heard: &str) -> Vec<&str> {
    let heads = heard.split("HTTP/1.1 ").skip(1);
    heads.map(|head| &head[..3]).collect()
}

/// RFC 9112 §9.3: by version, and by what `Connection` says.
#[test]
fn a_client_that_persists_is_kept_and_told_so_where_it_must_be() {
    let rules = rules(CONF);
    let cases = [
        (heads::get(""), "Request", ""),
        (heads::get(KEEP), "Request", ""),
        (heads::get("").replace("GET", "HEAD"), "Request", ""),
        (post("hello"), "Request", ""),
        (heads::get(CLOSE), "Linger", CLOSE),
        (heads::get("Connection: x, Close\r\n"), "Linger", CLOSE),
        (heads::get("Connection: keep-alive, close\r\n"), "Linger", CLOSE),
        (old(""), "Linger", CLOSE),
        (old(KEEP), "Request", KEEP),
        (old("Connection: keep-alive, close\r\n"), "Linger", CLOSE),
    ];
    for (asked, state, said) in cases {
        let answer = if asked.starts_with("HEAD") { &OK[..OK.len() - 2] } else { OK };
        let (world, heard) = answered(&rules, &asked, answer);
        let expected = OK.replace("\r\n\r\n", &format!("\r\n{said}\r\n"));
        let expected =
            if asked.starts_with("HEAD") { &expected[..expected.len() - 2] } else { &expected };
        assert_eq!((world.session.state(), heard.as_str()), (state, expected), "{asked:?}");
        assert_eq!(world.report().close, Close::Answered, "{asked:?}");
    }
}

/// What cannot be followed by another response is not: the end of the connection is its own end.
#[test]
fn a_response_until_the_end_closes() {
    let rules = rules(CONF);
    let (mut world, heard) = answered(&rules, &heads::get(""), "HTTP/1.1 200 OK\r\n\r\nhi");
    assert_eq!(heard, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi");
    world.end(Backend);
    assert_eq!((world.session.state(), world.report().reusable), ("Linger", false));
}

/// `MaxKeepAliveRequests`, `KeepAlive Off`; the last answer says that it is the last.
#[test]
fn a_connection_carries_only_so_many_requests() {
    for (text, most) in [("MaxKeepAliveRequests 3", 3), ("KeepAlive Off", 1)] {
        let rules = rules(&[CONF, text].concat());
        let mut world = World::recorded(&rules);
        for number in 1..=most {
            assert_eq!(world.session.state(), if number == 1 { "Hello" } else { "Request" });
            world.hear(Client, &heads::get(""));
            world.hear(Backend, OK);
            assert_eq!(world.heard(Client).contains(CLOSE), number == most, "{text}: {number}");
        }
        assert_eq!((world.session.state(), world.wires.reports.len()), ("Linger", most));
    }
    let rules = rules(&[CONF, "MaxKeepAliveRequests 0"].concat());
    let mut world = World::recorded(&rules);
    world.hear(Client, &heads::get("").replace("page", "no/x").repeat(1_000));
    assert_eq!(
        (world.session.state(), world.wires.reports.len()),
        ("Request", 1_000),
        "0 is no limit"
    );
}

/// `KeepAliveTimeout` runs between two requests; then each has the time of any head (R50).
#[test]
fn an_idle_connection_is_closed_in_silence() {
    let rules = rules(&[CONF, "KeepAliveTimeout 7"].concat());
    let idle = || {
        let (world, _) = answered(&rules, &heads::get(""), OK);
        assert_eq!((world.session.state(), world.buffers.leased()), ("Request", 0), "no memory");
        world
    };
    let ends: [fn(&mut World<'_>); 3] = [
        |world| {
            world.pass(Wait::from_secs(7));
            assert!(world.wires.peers.client.told, "it is told, and what it says now is dropped");
            world.hear(Client, &heads::get(""));
            world.end(Client);
        },
        |world| world.end(Client),
        |world| {
            world.wires.peers.client.lost = Some(Fault::Reset);
            let _ = world.settle();
        },
    ];
    for end in ends {
        let mut world = idle();
        world.pass(Wait::from_micros(6_999_999));
        assert_eq!(world.session.state(), "Request");
        end(&mut world);
        world.assert_nothing_is_lent();
        assert_eq!((world.wires.reports.len(), world.heard(Client).as_str()), (1, ""));
    }
    let mut slow = idle();
    slow.pass(Wait::from_secs(6));
    slow.hear(Client, "GET /page");
    slow.pass(Wait::from_secs(9));
    slow.hear(Client, " HTTP/1.1\r\n");
    slow.pass(Wait::from_secs(10));
    assert_eq!(slow.session.state(), "Request", "the head's clock began with its first byte");
    slow.pass(Wait::from_secs(1));
    assert_eq!(slow.wires.reports[1].close, Close::Refused(Refusal::Late));
    assert!(slow.heard(Client).starts_with("HTTP/1.1 408 "));
}

/// Each request has its own report, with its own times and counts.
#[test]
fn reports_begin_anew_with_each_request() {
    let rules = rules(CONF);
    let (mut world, _) = answered(&rules, &post("hello"), OK);
    world.pass(Wait::from_secs(3));
    let asked = world.wires.now;
    world.hear(Client, &post("you"));
    world.pass(Wait::from_secs(1));
    world.hear(Backend, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    let [first, second] = world.wires.reports[..] else { panic!("{:?}", world.wires.reports) };
    assert_eq!((first.status, first.pushed.client, first.pushed.backend), (200, 5, 2));
    assert_eq!((second.status, second.pushed.client, second.pushed.backend), (404, 3, 0));
    assert_eq!((second.began, second.answered), (asked, Some(world.wires.now)));
}

/// RFC 9112 §9.3.2: answers in the order of the requests, ours among the backend's, wherever they are cut.
#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    let rules = rules(CONF);
    let at = |path: &str| heads::get("").replace("/page", path);
    let body = post("5 six").replace("/page", "/3");
    let chunks = "Transfer-Encoding: chunked\r\n";
    let chunks = heads::get(chunks).replace("GET /page", "PUT /4") + "2\r\nhi\r\n0\r\n\r\n";
    let all = [at("/1"), at("/no/2"), body, chunks, at("/5")].concat();
    let answers = |pieces: &[&[u8]]| {
        let mut world = World::recorded(&rules);
        for piece in pieces {
            world.wires.peers.client.to_come.extend(*piece);
            let _ = world.settle();
            serve(&mut world);
        }
        let reports: Vec<_> = world.wires.reports.iter().map(|report| report.status).collect();
        assert_eq!(reports, [200, 404, 200, 200, 200]);
        assert_eq!((world.session.state(), world.buffers.leased()), ("Request", 0));
        world.heard(Client)
    };
    let whole = answers(&[all.as_bytes()]);
    assert_eq!(statuses(&whole), ["200", "404", "200", "200", "200"]);
    let bodies: Vec<_> = whole.split("\r\n\r\n").skip(1).map(|part| &part[..2]).collect();
    assert_eq!(bodies, ["/1", "40", "/3", "/4", "/5"]);
    for at in 1..all.len() {
        let (first, second) = all.as_bytes().split_at(at);
        assert_eq!(answers(&[first, second]), whole, "cut at {at}");
    }
    let bytes: Vec<_> = all.as_bytes().chunks(1).collect();
    assert_eq!(answers(&bytes), whole, "byte by byte");
}

/// A backend that answers each request, once it has come whole, with its path.
fn serve(world: &mut World<'_>) {
    while world.session.state() == "Answer" {
        let wires = &mut world.wires;
        let heard = String::from_utf8_lossy(&wires.peers.backend.heard).into_owned();
        let (head, body) = heard.split_once("\r\n\r\n").unwrap_or_default();
        let needed = match head.split(' ').next() {
            Some("GET") => "",
            Some("POST") => "5 six",
            _ => "2\r\nhi\r\n0\r\n\r\n",
        };
        if body != needed {
            return assert!(needed.starts_with(body), "{body:?} is not the body");
        }
        let path = head.split(' ').nth(1).expect("a target");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len());
        wires.peers.backend.heard.clear();
        world.hear(Backend, &answer);
    }
}

/// A request behind a refused one is answered after it, and not before it is out.
#[test]
fn a_request_behind_a_refused_one_waits_for_its_turn() {
    let rules = rules(CONF);
    let none = heads::get("").replace("/page", "/no/x");
    let mut world = World::recorded(&rules);
    world.wires.peers.client.window = Some(10);
    world.hear(Client, &[none.as_str(), &heads::get("")].concat());
    assert_eq!((world.session.state(), world.wires.dialled.len()), ("Request", 0));
    world.wires.peers.client.window = None;
    let _ = world.settle();
    assert_eq!(
        (world.session.state(), world.close()),
        ("Answer", Some(Close::Refused(Refusal::NoRule)))
    );
    world.hear(Backend, OK);
    let heard = world.heard(Client);
    assert_eq!(statuses(&heard), ["404", "200"]);
    assert!(!heard.contains("close"), "{heard}");
    assert_eq!(world.wires.reports.len(), 2);
}

/// What ends here by its `Max-Forwards` was understood: the connection is as good as before.
#[test]
fn a_request_that_goes_no_further_keeps_the_connection() {
    let rules = rules(CONF);
    let last = heads::get("Max-Forwards: 0\r\n").replace("GET", "OPTIONS");
    let mut world = World::recorded(&rules);
    world.hear(Client, &[last.as_str(), &heads::get("")].concat());
    world.hear(Backend, OK);
    let heard = world.heard(Client);
    assert_eq!(statuses(&heard), ["200", "200"]);
    assert!(!heard.contains("close"), "{heard}");
    assert_eq!(world.wires.reports[0].close, Close::Refused(Refusal::Hops(NoHop::Options)));
}

/// 502, 503 and 504 of a request that was out leave the client's connection as it was.
#[test]
fn a_failure_of_the_backend_is_not_the_clients() {
    let rules = rules(CONF);
    let mut world = World::recorded(&rules);
    world.hear(Client, &heads::get(""));
    world.hear(Backend, "nonsense\r\n\r\n");
    world.hear(Client, &heads::get(""));
    world.pass(Wait::from_secs(60));
    world.hear(Client, &heads::get(""));
    world.end(Backend);
    world.hear(Client, &heads::get(KEEP).replace("1.1", "1.0"));
    world.hear(Backend, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
    world.wires.addresses.clear();
    world.hear(Client, &heads::get(""));
    let heard = world.heard(Client);
    assert_eq!(statuses(&heard), ["502", "504", "502", "502", "503"]);
    assert_eq!((heard.contains(CLOSE), world.session.state()), (false, "Request"));
    assert_eq!(heard.matches("keep-alive").count(), 1, "to HTTP/1.0");
    assert!(world.wires.reports.iter().all(|report| !report.reusable));
}

/// A client that goes while our answer to it is on its way takes what it asked behind it along.
#[test]
fn a_client_lost_between_two_requests_leaves_nothing() {
    let rules = rules(CONF);
    let two = heads::get("").replace("/page", "/no/x").repeat(2);
    let mut world = World::recorded(&rules);
    world.wires.luck = Box::new(|op| {
        let breaks = op == Op::Flush(Client);
        if breaks { Luck::Break(Fault::Reset) } else { world::wires::CALM }
    });
    world.wires.peers.client.to_come.extend(two.bytes());
    assert_eq!(world.settle(), Pumped::Closed);
    world.assert_nothing_is_lent();
    assert_eq!(world.wires.reports.len(), 1);
}

/// So does one that does not read our answer.
#[test]
fn a_client_that_reads_no_answer_is_given_up() {
    let rules = rules(CONF);
    let two = heads::get("").replace("/page", "/no/x").repeat(2);
    for asked in [&two[..two.len() / 2], &two] {
        let mut world = World::recorded(&rules);
        world.wires.peers.client.window = Some(10);
        world.hear(Client, asked);
        world.pass(Wait::from_secs(5));
        world.pass(limits::LINGER);
        world.assert_nothing_is_lent();
        assert_eq!(world.heard(Client).len(), 10);
    }
}

/// What is dropped while a closing client lingers is no request.
#[test]
fn a_closed_connection_hears_no_further_request() {
    let rules = rules(CONF);
    let (mut world, _) = answered(&rules, &heads::get(CLOSE), OK);
    world.hear(Client, &heads::get("").repeat(3));
    assert_eq!((world.wires.reports.len(), world.heard(Client).as_str()), (1, ""));
    world.end(Client);
    world.assert_nothing_is_lent();
    let most = NonZeroU32::new(limits::LINGER_MOST).expect("it is not 0").get() as usize;
    assert!(world.wires.peers.client.taken < most);
}

/// A tunnel may stand behind ordinary requests, and nothing behind a tunnel.
#[test]
fn a_kept_connection_may_switch() {
    let rules = rules(CONF);
    let mut world = World::recorded(&rules);
    world.hear(Client, &format!("{}{}early", heads::get(""), heads::ask("")));
    world.hear(Backend, OK);
    assert_eq!(world.session.state(), "Answer");
    world.hear(Backend, &heads::switch(""));
    assert!(world.session.is_tunnel());
    assert!(world.heard(Backend).ends_with("\r\n\r\nearly"));
    world.end(Backend);
    world.end(Client);
    let [first, second] = world.wires.reports[..] else { panic!("{:?}", world.wires.reports) };
    assert_eq!((first.reusable, second.reusable, second.status), (true, false, 101));
    assert_eq!((second.pushed.client, second.close), (5, Close::Ended(Backend)));
    world.assert_nothing_is_lent();
}
