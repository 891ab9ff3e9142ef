//! A step in the words of `table.txt`: what is asked for, what happens, and what comes of it.

use underpass_core::report::Close;
use underpass_core::{Op, Side};

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
    match (step, report.close) {
        (Step::Move(op, Luck::Break(_)), Close::Faulted(side, first)) if is_of(op, !side) => {
            close = close.replace(&first.to_string(), "an earlier fault");
        }
        (Step::Move(_, Luck::Break(fault)), _) => {
            close = close.replace(&fault.to_string(), "that fault");
        }
        _ => {}
    }
    let kept = if report.reusable { ", the backend's connection is kept" } else { "" };
    format!("the end: {status}{close}; {}{kept}", world.session.state())
}

/// Whether that side is what the move is made with.
fn is_of(op: Op, side: Side) -> bool {
    match op {
        Op::Fill(of) | Op::Flush(of) | Op::Pull(of) | Op::Push(of) => of == side,
        Op::Secure(of) | Op::Shut(of) | Op::Watch(of) => of == side,
        Op::Confirm | Op::Connect | Op::Elect | Op::Park | Op::Release => false,
    }
}
