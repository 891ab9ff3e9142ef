//! Handshakes: each has its time, and none is answered that is not over (R50, D11).

mod world;

use std::task::Poll;

use underpass_core::balance::{Ask, Purpose};
use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::{BalancerId, Rules, WorkerId};
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

const NAMED: &str = "Listen 80\nSSLProxyEngine on\nProxyPreserveHost On\n\
                     ProxyPass / balancer://both/\n<Proxy balancer://both>\n\
                     BalancerMember wss://own.example/ retry=60\nBalancerMember ws://plain.example/ status=+H\n</Proxy>";

/// By which names backends are asked for that host.
fn asked_for(rules: &Rules, host: &str) -> Vec<Option<String>> {
    let mut world = World::new(rules);
    world.hear(Client, &heads::ask("").replace("Host: h", &format!("Host: {host}")));
    world.wires.asked.clone()
}

/// httpd 2.4.10, PR 55782: the name in the hello is the one in `Host`. A port is no part of it, and what cannot be a
/// name is not said.
#[test]
fn who_preserves_the_host_asks_backends_by_it() {
    let rules = rules(NAMED);
    let named = |host: &str| asked_for(&rules, host);
    assert_eq!(named("App.example:8443"), [Some("app.example".to_owned())]);
    assert_eq!(named("[::1]:8443"), [Some("::1".to_owned())]);
    assert_eq!(named("OWN.example"), [None], "that is its own name");
    assert_eq!(named("-.example"), [None], "that is nobody's name");
}

#[test]
fn backends_have_their_own_names_unless_the_host_is_preserved() {
    let own = NAMED.replace("ProxyPreserveHost On", "ProxyPreserveHost Off");
    assert_eq!(asked_for(&rules(&own), "app.example"), [None]);
    let plain = NAMED.replace("wss", "ws");
    assert_eq!(asked_for(&rules(&plain), "app.example"), [None]);
}

/// Or a client could put every member out by asking for what nobody is.
#[test]
fn a_backend_is_not_blamed_for_a_name_that_the_client_has_chosen() {
    let rules = rules(NAMED);
    let mut world = World::new(&rules);
    world.wires.luck =
        Box::new(|op| if op == Op::Secure(Backend) { Luck::Break(Fault::Tls) } else { CALM });
    world.hear(Client, &heads::ask("").replace("Host: h", "Host: nobody.example"));
    assert_eq!(world.close(), Some(Close::Refused(Refusal::Unproven(Fault::Tls))));
    assert_eq!(world.wires.dialled, [Dial::Address(0)], "nobody else was asked");
    let client = "192.0.2.7".parse().expect("an address");
    let ask = Ask::new(BalancerId(0), client, Purpose::Exchange);
    let lease =
        world.wires.pool.elect(&ask, None, 0, world.wires.now).map(|got| got.map(|it| it.worker()));
    assert_eq!(lease, Poll::Ready(Ok(WorkerId(0))), "it still serves");
}
