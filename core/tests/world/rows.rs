//! A step in the words of `table.txt`: what is asked for, what happens, and what comes of it.

use underpass_core::Op;

use super::step::Step;
use super::wires::CALM;
use super::{Luck, World};

/// What the session asks for, the first move first.
pub(crate) fn asks_for(world: &World<'_>) -> String {
    let offers: Vec<_> = world.offers().iter().map(ToString::to_string).collect();
    if offers.is_empty() { "nothing".into() } else { offers.join(", ") }
}

/// The move, and what comes of it.
pub(crate) fn words(step: Step, world: &World<'_>) -> (String, String) {
    let Step::Move(op, luck) = step else {
        let at = world.session.poll_timeout().expect("a clock runs");
        return ("the clock".into(), format!("after {}", at.since(world.wires.now)));
    };
    let how = match (op, luck) {
        (Op::Elect, Luck::Break(_)) => "no worker".into(),
        (Op::Elect, _) => "a lease".into(),
        (
            Op::Confirm | Op::Release | Op::Park | Op::Secure(_) | Op::Connect | Op::Shut(_),
            CALM,
        ) => "done".into(),
        (_, Luck::Break(fault)) => fault.to_string(),
        (_, Luck::End) => "the end".into(),
        (_, Luck::Block) => "not now".into(),
        (_, CALM) => "all".into(),
        (_, Luck::Move(_) | Luck::Leave(_)) => "a byte".into(),
    };
    (op.to_string(), how)
}

/// The state that the step has led to; of an end, what is told of it, for which the session is released.
pub(crate) fn outcome(world: &mut World<'_>, step: Step) -> String {
    if world.session.state() != "Release" {
        return format!("{}: {}", world.session.state(), asks_for(world));
    }
    world.step(Step::Move(Op::Release, CALM));
    let report = *world.wires.reports.last().expect("it has just been given");
    let status = if report.status == 0 { String::new() } else { format!("{}, ", report.status) };
    let mut close = report.close.to_string();
    if let Step::Move(_, Luck::Break(fault)) = step {
        close = close.replace(&fault.to_string(), "that fault");
    }
    let kept = if report.reusable { ", the backend's connection is kept" } else { "" };
    format!("the end: {status}{close}; {}{kept}", world.session.state())
}
