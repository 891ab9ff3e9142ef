//! A side that ends without saying so, as TLS lets one see: what it has sent may not be all.

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::{Dial, Fault, Side};
use world::wires::Peer;
use world::{CONF, World, heads, rules};

use Side::{Backend, Client};

const CUT: Fault = Fault::Cut;

/// A session whose request was answered by that, behind which the backend is cut off.
fn answered<'r>(rules: &'r Rules, asked: &str, answer: &str) -> World<'r> {
    let mut world = World::recorded(rules);
    world.hear(Client, asked);
    world.hear(Backend, answer);
    world.wires.peers.backend.is_cut = true;
    world.end(Backend);
    world
}

/// Where nothing else says that a response is whole, a cut must not look like its end (RFC 9112 §9.8).
#[test]
fn a_response_that_ends_with_its_connection_is_not_whole_if_that_is_cut() {
    let rules = rules(CONF);
    let open = "HTTP/1.1 200 OK\r\n\r\nhalf a pa";
    let world = answered(&rules, &heads::get(""), open);
    assert_eq!(world.close(), Some(Close::Cut(Backend)));
    assert!(world.report().close.is_abrupt(), "the client sees it");
    assert_eq!(world.report().fault, Some((Backend, CUT)));
    let mut whole = World::recorded(&rules);
    whole.hear(Client, &heads::get(""));
    whole.hear(Backend, open);
    whole.end(Backend);
    assert_eq!((whole.close(), whole.report().fault), (Some(Close::Answered), None));
}

/// Also where an address could not be reached before, which was the first thing that broke.
#[test]
fn a_cut_is_noted_before_all_else() {
    let rules = rules(CONF);
    let mut world = World::recorded(&rules);
    world.wires.addresses = vec![Err(Fault::Refused), Ok(())];
    world.hear(Client, &heads::get(""));
    world.hear(Backend, "HTTP/1.1 200 OK\r\n\r\nhalf a pa");
    world.wires.peers.backend.is_cut = true;
    world.end(Backend);
    assert_eq!(
        (world.close(), world.report().fault),
        (Some(Close::Cut(Backend)), Some((Backend, CUT)))
    );
}

/// An idle connection that was cut says nothing of the fresh one that takes its place.
#[test]
fn a_cut_is_of_its_own_connection_only() {
    let rules = rules(CONF);
    for is_cut in [false, true] {
        let mut world = World::recorded(&rules);
        world.wires.idle.push(Peer { is_cut: true, ended: true, ..Peer::default() });
        world.hear(Client, &heads::get(""));
        assert_eq!(world.wires.dialled, [Dial::Idle, Dial::Address(0)]);
        world.hear(Backend, "HTTP/1.1 200 OK\r\n\r\na page");
        world.wires.peers.backend.is_cut = is_cut;
        world.end(Backend);
        let close = if is_cut { Close::Cut(Backend) } else { Close::Answered };
        assert_eq!(world.close(), Some(close));
    }
}

#[test]
fn what_is_whole_by_itself_is_not_less_by_a_cut() {
    let rules = rules(CONF);
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    for answer in [length, chunks] {
        let world = answered(&rules, &heads::get(""), answer);
        assert_eq!(world.close(), Some(Close::Answered), "{answer}");
    }
    let none = answered(&rules, &heads::get(""), "");
    assert_eq!(none.close(), Some(Close::Refused(Refusal::NoAnswer)));
    assert_eq!(none.report().fault, Some((Backend, CUT)));
}

/// Peers do it every day: a tunnel ends as it would, and its report tells.
#[test]
fn a_tunnel_ends_in_order_and_its_report_tells() {
    let rules = rules(CONF);
    for side in Side::BOTH {
        let mut world = World::tunnel(&rules);
        world.hear(side, "bye");
        world.wires.peers[side].is_cut = true;
        world.end(side);
        assert!(world.heard(!side).ends_with("bye"));
        assert_eq!(world.session.state(), "Tunnel", "the other direction lives");
        world.hear(!side, "well, well");
        assert!(world.heard(side).ends_with("well, well"));
        world.end(!side);
        assert_eq!(
            (world.close(), world.report().fault),
            (Some(Close::Ended(side)), Some((side, CUT)))
        );
    }
}
