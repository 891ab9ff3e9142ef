//! What must come before what: in the moves that are offered, and in what the two sides hear.

use underpass_core::{Dial, Op, Side};

use super::heard::{Told, WORD};
use super::scene::Scene;
use super::script::words;
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

/// Only what may be sent twice goes out on an idle connection, which may be stale.
pub(super) fn risks_nothing(scene: &Scene<'_>) {
    let idle = scene.world.wires.dialled.last() == Some(&Dial::Idle);
    if idle && ["Secure", "Offer", "Answer"].contains(&scene.world.session.state()) {
        let head = &scene.present().asked[0];
        let is_kept = head.starts_with("PUT ") && head.contains("Content-Length");
        let suits = head.starts_with("GET ") || is_kept;
        assert!(suits, "it may be lost with an idle connection: {head}");
    }
}

/// A stale connection is not the client's affair; nor is it late with what it has sent.
pub(super) fn blames_whom_it_should(scene: &Scene<'_>, status: u16) {
    let wires = &scene.world.wires;
    let stale = wires.dialled.last() == Some(&Dial::Idle) && wires.peers.backend.taken == 0;
    assert!(status != 502 || !stale, "a stale connection is told to the client");
    let late = wires.dialled.is_empty() || !wires.peers.client.to_come.is_empty();
    assert!(status != 408 || late, "the client has sent all, and is said to be late");
}

/// Whether the backend's answer is awaited, and something of it has been read.
pub(super) fn has_begun(scene: &Scene<'_>) -> bool {
    let (reports, backend) = (scene.world.wires.reports.len(), &scene.world.wires.peers.backend);
    let all = words(&scene.present().all()).len();
    let answers = scene.world.session.state() == "Answer" && backend.served > reports;
    answers && backend.to_come.len() < all
}
