//! What must come before what: in the moves that are offered, and in what the two sides hear.

use underpass_core::{Dial, Op, Side};

use super::heard::{Told, WORD};
use super::scene::Scene;
use crate::world::World;

/// Back-pressure: nothing is read from a side while what it has sent waits to go on.
pub(super) fn waits_for_the_sink(world: &World<'_>) {
    let offers = world.offers();
    let offered = |ops: [Op; 2]| ops.iter().any(|op| offers.contains(op));
    for from in Side::BOTH {
        let waits = offered([Op::Flush(!from), Op::Push(!from)]);
        let reads = offered([Op::Fill(from), Op::Pull(from)]);
        assert!(!(waits && reads), "the {from} is read although what it has sent waits");
    }
}

/// The side of a tunnel that was read last is not read first.
pub(super) fn takes_turns(scene: &Scene<'_>) {
    let offers = scene.world.offers();
    let reads: Vec<_> = offers.into_iter().filter(|op| matches!(op, Op::Pull(_))).collect();
    if let (&[first, _], Some(last), true) =
        (&reads[..], scene.read, scene.world.session.is_tunnel())
    {
        assert_ne!(first, Op::Pull(last), "who was read last is read again");
    }
}

/// Pipelined requests are answered one at a time: a worker is asked for one when the client has the
/// whole answer to the one before it.
pub(super) fn one_at_a_time(scene: &Scene<'_>, told: &Told) {
    let over = scene.world.wires.reports.len();
    let next = ["Elect", "Connect", "Secure", "Offer", "Answer", "Exchange", "Tunnel"];
    if over > 0 && next.contains(&scene.world.session.state()) {
        let whole = told.statuses.len() > over || told.statuses.len() == over && told.whole;
        assert!(whole, "a request is taken up before the last answer is out");
    }
}

/// We tell a client that its body may come once the backend has the request's head.
pub(super) fn promises_what_is_so(scene: &Scene<'_>) {
    let peers = &scene.world.wires.peers;
    let ours = !scene.present().says.contains(WORD);
    if ours && peers.client.heard.starts_with(WORD.as_bytes()) {
        let head = scene.present().asked[0].len();
        assert!(peers.backend.heard.len() >= head, "a body is asked for that nobody awaits");
    }
}

/// An idle connection on which nothing comes back was stale: that is not the client's affair.
pub(super) fn tries_anew(scene: &Scene<'_>, status: u16) {
    let wires = &scene.world.wires;
    let stale = wires.dialled.last() == Some(&Dial::Idle) && wires.peers.backend.taken == 0;
    assert!(status != 502 || !stale, "a stale connection is told to the client");
}
