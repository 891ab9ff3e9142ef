//! Sessions across a reload: a tunnel has nothing to do with it, a request goes by the rules that it came under.

use underpass_core::Side::{Backend, Client};
use underpass_core::report::Close;
use underpass_core::route::{Door, InUse, Rules};
use underpass_core::time::Wait;

use super::world::{World, heads, rules};

const OLD: &str =
    "Listen 80\nKeepAliveTimeout 5\nProxyPass / http://backend:9000/ upgrade=WebSocket\n";
const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const NEW: &str = "Listen 80\nKeepAliveTimeout 50\nProxyPass / !\n";

fn both() -> (Rules, Rules) {
    let old = rules(OLD);
    let new = rules(NEW).after(&[&old], &InUse::default()).expect("few lines");
    (old, new)
}

/// Whether a session has taken the new rules, which are its own then.
fn takes<'r>(world: &mut World<'r>, new: &'r Rules) -> bool {
    let takes = world.session.renew(world.rules, new, Door::default, world.wires.now);
    if takes {
        world.rules = new;
        world.wires.pool.renew(new);
    }
    takes
}

#[test]
fn a_tunnel_goes_on_and_its_lease_comes_back() {
    let (old, new) = both();
    let mut world = World::tunnel(&old);
    assert!(takes(&mut world, &new));
    world.hear(Client, "hello");
    world.hear(Backend, "world");
    assert_eq!((world.heard(Backend), world.heard(Client)), ("hello".into(), "world".into()));
    world.end(Client);
    world.end(Backend);
    assert_eq!(world.close(), Some(Close::Ended(Client)));
    assert_eq!(
        world.report().worker.map(|id| new.worker(id).map(|it| it.peer.to_string())),
        Some(Some("backend:9000".into()))
    );
    world.assert_nothing_is_lent();
}

#[test]
fn a_request_goes_by_the_rules_that_it_came_under_and_the_next_one_by_the_new_ones() {
    let (old, new) = both();
    let mut world = World::new(&old);
    assert!(!takes(&mut world, &new), "a handshake may be under way");
    world.hear(Client, "GET / HT");
    assert!(!takes(&mut world, &new), "it has begun");
    world.hear(Client, "TP/1.1\r\nHost: h\r\n\r\n");
    assert!(world.heard(Backend).starts_with("GET / HTTP/1.1\r\n") && !takes(&mut world, &new));
    world.hear(Backend, FINE);
    assert!(world.heard(Client).ends_with("hello") && takes(&mut world, &new));
    world.hear(Client, &heads::get(""));
    assert!(world.heard(Client).starts_with("HTTP/1.1 404 "));
}

/// What the time between two requests is has been said when it began.
#[test]
fn a_connection_waits_as_long_as_was_said_when_it_began_to_wait() {
    let (old, new) = both();
    let mut world = World::new(&old);
    world.hear(Client, &heads::get(""));
    world.hear(Backend, FINE);
    assert!(takes(&mut world, &new));
    world.pass(Wait::from_millis(4_999));
    assert!(!world.wires.peers.client.told);
    world.pass(Wait::from_millis(1));
    assert!(world.wires.peers.client.told);
    world.end(Client);
    world.assert_nothing_is_lent();
}
