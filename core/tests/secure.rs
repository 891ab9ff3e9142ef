//! Handshakes: each has its time, and none is answered that is not over (R50, D11).

mod world;

use underpass_core::report::Close;
use underpass_core::route::Rules;
use underpass_core::time::Wait;
use underpass_core::{Dial, Fault, Op, Side};
use world::wires::CALM;
use world::{Luck, World, heads, rules};

use Side::{Backend, Client};

const CLOCKS: &str = "Listen 80\nRequestReadTimeout handshake=3 header=7 body=0\n";

fn clocks() -> Rules {
    rules(&[CLOCKS, "ProxyPass / ws://backend:9000/ connectiontimeout=5 timeout=60"].concat())
}

/// Nobody finishes that side's handshake.
fn stuck(rules: &Rules, side: Side) -> World<'_> {
    let mut world = World::new(rules);
    world.wires.luck = Box::new(move |op| if op == Op::Secure(side) { Luck::Block } else { CALM });
    world
}

#[test]
fn a_client_that_does_not_finish_its_handshake_is_closed_without_an_answer() {
    let rules = clocks();
    let mut world = stuck(&rules, Client);
    world.hear(Client, &heads::get(""));
    world.pass(Wait::from_millis(2_999));
    assert_eq!((world.session.state(), world.close()), ("Hello", None));
    world.pass(Wait::from_millis(1));
    assert_eq!(world.close(), Some(Close::Faulted(Client, Fault::TimedOut)));
    assert_eq!((world.session.state(), world.heard(Client).as_str()), ("Closed", ""));
}

#[test]
fn a_client_whose_handshake_fails_is_closed_without_an_answer() {
    let rules = clocks();
    let mut world = World::new(&rules);
    world.wires.luck =
        Box::new(|op| if op == Op::Secure(Client) { Luck::Break(Fault::Tls) } else { CALM });
    world.hear(Client, &heads::get(""));
    assert_eq!(world.close(), Some(Close::Faulted(Client, Fault::Tls)));
    assert_eq!((world.session.state(), world.heard(Client).as_str()), ("Closed", ""));
    assert_eq!(world.report().fault, Some((Client, Fault::Tls)));
}

/// A long handshake takes nothing of the head's time, nor does it give it any.
#[test]
fn the_clock_of_the_head_begins_behind_the_handshake() {
    let rules = clocks();
    let mut world = stuck(&rules, Client);
    world.hear(Client, "GET /");
    world.pass(Wait::from_secs(2));
    world.wires.luck = Box::new(|_| CALM);
    world.hear(Client, "x");
    assert_eq!(world.session.state(), "Request");
    world.pass(Wait::from_millis(6_999));
    assert_eq!(world.session.state(), "Request");
    world.pass(Wait::from_millis(1));
    assert_eq!(world.report().status, 408);
}

/// `connectiontimeout=` is for both: what the connect has used the handshake has no more.
#[test]
fn a_handshake_with_a_backend_belongs_to_getting_a_connection() {
    let rules = clocks();
    let mut world = World::new(&rules);
    world.wires.luck =
        Box::new(
            |op| {
                if [Op::Connect, Op::Secure(Backend)].contains(&op) { Luck::Block } else { CALM }
            },
        );
    world.hear(Client, &heads::ask(""));
    world.pass(Wait::from_secs(4));
    world.wires.luck = Box::new(|op| if op == Op::Secure(Backend) { Luck::Block } else { CALM });
    world.hear(Client, "");
    assert_eq!(world.session.state(), "Secure");
    world.pass(Wait::from_millis(999));
    assert_eq!(world.wires.dialled, [Dial::Address(0)]);
    world.pass(Wait::from_millis(1));
    assert_eq!(world.wires.dialled[..2], [Dial::Address(0), Dial::Address(1)]);
    assert_eq!(world.report().fault, Some((Backend, Fault::TimedOut)));
    assert!(!world.heard(Backend).contains("GET"), "nothing was sent before the handshake");
}
