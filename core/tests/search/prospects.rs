//! What must hold in every state, whatever has led to it: what follows from it if nothing happens any
//! more, and if all goes well.

use underpass_core::report::Close;
use underpass_core::time::Time;
use underpass_core::{Op, Pumped};

use super::heard::told;
use super::laws::{is_quiet, lends};
use super::scene::Scene;
use crate::world::{Luck, World};

/// While nothing can be moved nothing changes, not even a moment before the clock runs out; and clocks
/// alone end everything but an open tunnel.
pub(crate) fn stands_still(scene: &mut Scene<'_>) {
    scene.world.wires.luck = Box::new(|_| Luck::Block);
    waits(&mut scene.world);
    for _ in 0..64 {
        let world = &mut scene.world;
        let closed = world.settle() == Pumped::Closed;
        match world.session.poll_timeout() {
            Some(at) => world.wires.now = at,
            None => return assert!(closed || is_quiet(world), "no clock will ever ring"),
        }
    }
    panic!("{} for ever", scene.world.session.state());
}

/// What is blocked is asked for again, and a clock does not ring early.
fn waits(world: &mut World<'_>) {
    let offers = world.offers();
    let sure = |op: &Op| matches!(op, Op::Confirm | Op::Release | Op::Park);
    let can_wait = offers.iter().take_while(|op| !sure(op)).count();
    let (flows, at) = (*world.session.flows(), world.session.poll_timeout());
    let moment = |at: Time| Time::from_micros(at.as_micros().saturating_sub(1));
    world.wires.now = at.map_or(world.wires.now, moment).max(world.wires.now);
    let _ = world.pump(can_wait as u32);
    assert_eq!(world.offers(), offers, "what is blocked is asked for again");
    assert_eq!((*world.session.flows(), world.session.poll_timeout()), (flows, at));
}

/// Once nothing blocks or breaks any more and both peers end, so does the session, without a clock;
/// and whoever can still hear has been answered.
pub(crate) fn comes_to_an_end(scene: &mut Scene<'_>) {
    scene.free();
    for turn in 0..16 {
        let peers = &mut scene.world.wires.peers;
        peers.client.ended = true;
        peers.backend.ended |= turn > 0 || scene.script.repeats();
        if scene.settle() == Pumped::Closed {
            lends(scene);
            return is_answered(scene);
        }
    }
    panic!("it stands still in {} with {:?}", scene.world.session.state(), scene.world.offers());
}

fn is_answered(scene: &Scene<'_>) {
    let wires = &scene.world.wires;
    let gone = wires.peers.client.lost.or(wires.peers.client.deaf).is_some();
    let last = wires.reports.last().expect("it is closed");
    let cut = last.close.is_abrupt() || last.close == Close::Idle;
    if !gone && !cut {
        let answers = wires.reports.iter().filter(|report| report.status > 0).count();
        let told = told(scene);
        assert_eq!(told.statuses.len(), answers, "each request is answered");
        // Who was told, because its time was up, may have asked too late.
        let kept = !told.closes && !wires.peers.client.told;
        let again = matches!(last.close, Close::Answered | Close::Refused(_)) && kept;
        assert!(!again || asks(scene) == answers, "{answers} of {} answers", asks(scene));
        assert!(!told.closes || wires.peers.client.told, "the last answer, and no end behind it");
        assert!(told.whole || answers == 0 || last.status == 101, "half an answer");
    }
}

/// How many whole requests have come from a client that may ask again.
fn asks(scene: &Scene<'_>) -> usize {
    let taken = scene.world.wires.peers.client.taken;
    let script = scene.script;
    if script.repeats() { taken / script.head() } else { script.exchanges.len() }
}
