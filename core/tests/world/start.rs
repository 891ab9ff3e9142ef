//! Sessions in a certain situation, for the table of what they do there.

use underpass_core::route::Rules;
use underpass_core::{Fault, Op, Side};

use super::step::Step;
use super::wires::{CALM, Peer};
use super::{Luck, World, heads};

pub(crate) const NO_BODY: &str = "HTTP/1.1 204 No\r\n\r\n";
pub(crate) const NO_RULE: &str = "GET /no/x HTTP/1.1\r\nHost: h\r\n\r\n";
pub(crate) const LENGTH: &str = "Content-Length: 5\r\n";
pub(crate) const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

pub(crate) fn length(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(crate) fn stepped<'r>(mut world: World<'r>, ops: &[Op]) -> World<'r> {
    ops.iter().for_each(|&op| world.step(Step::Move(op, CALM)));
    world
}

/// That side's end is read, and nothing of what it still had to say.
pub(crate) fn ended(mut world: World<'_>, side: Side) -> World<'_> {
    world.step(Step::Move(Op::Pull(side), Luck::End));
    world
}

/// A client that has said `first`, and the rest of a good head after it.
pub(crate) fn asking<'r>(rules: &'r Rules, first: &str) -> World<'r> {
    let mut world = World::new(rules);
    let head = if first == "bad" { "GET /\n".to_owned() } else { heads::ask("") };
    let first = if first == "bad" { "" } else { first };
    world.hear(Side::Client, first);
    world.wires.peers.client.to_come.extend(head[first.len()..].bytes());
    world
}

/// A session that stops in that state on its way to the backend.
pub(crate) fn until<'r>(rules: &'r Rules, state: &str, head: &str) -> World<'r> {
    let mut world = World::new(rules);
    world.wires.peers.client.to_come.extend(head.bytes());
    for _ in 0..99 {
        if world.session.state() == state {
            return world;
        }
        let _ = world.pump(1);
    }
    panic!("it never came to {state}, but to {}", world.session.state());
}

/// A session that stops in that state with an idle connection to the backend there.
pub(crate) fn idle<'r>(rules: &'r Rules, state: &str) -> World<'r> {
    let mut world = until(rules, "Connect", &heads::get(""));
    world.wires.idle.push(Peer::default());
    while world.session.state() != state {
        let _ = world.pump(1);
    }
    world
}

/// A client that was answered and is kept; `next` is there.
pub(crate) fn following<'r>(rules: &'r Rules, next: &str) -> World<'r> {
    let mut world = World::new(rules);
    world.hear(Side::Client, &heads::get(""));
    world.hear(Side::Backend, NO_BODY);
    world.wires.peers.client.to_come.extend(next.bytes());
    world
}

pub(crate) fn dialling(rules: &Rules, failed: usize) -> World<'_> {
    let mut world = until(rules, "Connect", &heads::ask(""));
    world.wires.addresses = vec![Err(Fault::Refused); failed];
    world.wires.addresses.push(Ok(()));
    stepped(world, &vec![Op::Connect; failed])
}

/// A request that was offered; `body` is there behind it.
pub(crate) fn asked<'r>(rules: &'r Rules, fields: &str, body: &str) -> World<'r> {
    let mut world = World::new(rules);
    world.hear(Side::Client, &heads::get(fields));
    world.wires.peers.client.to_come.extend(body.bytes());
    assert_eq!(world.session.state(), "Answer");
    world
}

pub(crate) fn answering<'r>(rules: &'r Rules, answer: &str) -> World<'r> {
    let mut world = World::new(rules);
    world.hear(Side::Client, &heads::ask(""));
    world.wires.peers.backend.to_come.extend(answer.bytes());
    world
}

pub(crate) fn interim(rules: &Rules) -> World<'_> {
    stepped(answering(rules, "HTTP/1.1 103 Early\r\n\r\n"), &[Op::Fill(Side::Backend)])
}

pub(crate) fn switched(rules: &Rules) -> World<'_> {
    let mut world = World::new(rules);
    world.hear(Side::Client, &format!("{}ab", heads::ask("")));
    world.wires.peers.backend.to_come.extend(format!("{}xy", heads::switch("")).bytes());
    stepped(world, &[Op::Fill(Side::Backend)])
}

/// The worker is confirmed, and the client has not been told of the switch.
pub(crate) fn unsaid(rules: &Rules) -> World<'_> {
    let world = answering(rules, &heads::switch(""));
    let mut world = stepped(world, &[Op::Fill(Side::Backend), Op::Confirm]);
    for side in Side::BOTH {
        world.wires.peers[side].to_come.extend(b"abc");
    }
    world
}

pub(crate) fn open(rules: &Rules) -> World<'_> {
    let mut world = World::tunnel(rules);
    for side in Side::BOTH {
        world.wires.peers[side].to_come.extend(b"abc");
    }
    world
}

/// A response that has begun: its head was read alone, and what stands behind it is there.
pub(crate) fn relaying<'r>(
    rules: &'r Rules,
    fields: &str,
    response: &str,
    ops: &[Op],
) -> World<'r> {
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let mut world = asked(rules, fields, if fields.is_empty() { "" } else { "hello" });
    world.wires.peers.backend.to_come.extend(format!("{head}\r\n\r\n").bytes());
    world.step(Step::Move(Op::Fill(Side::Backend), CALM));
    world.wires.peers.backend.to_come.extend(body.bytes());
    stepped(world, ops)
}

pub(crate) fn refused<'r>(rules: &'r Rules, ops: &[Op]) -> World<'r> {
    stepped(until(rules, "Release", "nonsense\r\n\r\n"), ops)
}
