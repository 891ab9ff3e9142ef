//! One step at a time: which of the offered moves is made, and what comes of it.

use underpass_core::{Fault, Op};

use super::World;
use super::wires::{CALM, Luck};

/// One thing that can happen to a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// The moves before this one are blocked, and this one has that luck.
    Move(Op, Luck),
    /// Its clock runs out.
    Clock,
}

impl World<'_> {
    /// Makes the step, and nothing else.
    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Clock => {
                self.wires.now = self.session.poll_timeout().expect("a clock runs");
                let _ = self.pump(0);
            }
            Step::Move(chosen, luck) => {
                let place = self.offers().iter().position(|&op| op == chosen);
                let place = place.expect("the move is offered") as u32;
                self.wires.luck = Box::new(move |op| if op == chosen { luck } else { Luck::Block });
                let _ = self.pump(place + 1);
                self.wires.luck = Box::new(|_| CALM);
            }
        }
    }

    /// Everything that can happen now; what breaks, breaks by one of `faults`.
    pub(crate) fn steps(&self, faults: &[Fault]) -> Vec<Step> {
        let mut steps = Vec::new();
        for op in self.offers() {
            let lucks = self.lucks(op).into_iter();
            let breaks = faults.iter().map(|&fault| Luck::Break(fault)).filter(|_| can_break(op));
            steps.extend(lucks.chain(breaks).map(|luck| Step::Move(op, luck)));
        }
        steps.extend(self.session.poll_timeout().map(|_| Step::Clock));
        steps
    }

    /// What can come of the move when nothing breaks: a little, all, the end.
    fn lucks(&self, op: Op) -> Vec<Luck> {
        let amounts = |most: usize| match most {
            0 => vec![],
            1 => vec![CALM],
            _ => vec![Luck::Move(1), CALM],
        };
        match op {
            // Halves, because a head is long and every length of its rest would be a state of its own.
            Op::Fill(side) => match self.wires.peers[side].to_come.len() {
                0 => vec![Luck::End],
                most => vec![Luck::Move(most.div_ceil(2)), CALM, Luck::End],
            },
            Op::Flush(_) => vec![Luck::Move(self.session.held().div_ceil(2)), CALM],
            Op::Pull(side) => {
                let mut lucks = amounts(self.wires.peers[side].to_come.len());
                lucks.push(Luck::End);
                lucks
            }
            Op::Watch(_) => vec![],
            Op::Push(to) => amounts(self.wires.carriers[!to].len()),
            Op::Secure(_)
            | Op::Elect
            | Op::Connect
            | Op::Confirm
            | Op::Release
            | Op::Shut(_)
            | Op::Park => vec![CALM],
        }
    }
}

fn can_break(op: Op) -> bool {
    !matches!(op, Op::Confirm | Op::Release | Op::Park)
}
