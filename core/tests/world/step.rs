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
                let place = self.next_ops().position(|op| op == chosen);
                let place = place.expect("the move is offered") as u32;
                self.wires.luck = Box::new(move |op| if op == chosen { luck } else { Luck::Block });
                let _ = self.pump(place + 1);
                self.wires.luck = Box::new(|_| CALM);
            }
        }
    }

    /// Everything that can happen now; what breaks, breaks by one of `faults`.
    pub(crate) fn steps(&self, faults: &[Fault]) -> Vec<Step> {
        self.steps_with(faults, a_little)
    }

    /// The same, where `part` says what beside all can be moved of so many bytes.
    pub(crate) fn steps_with(
        &self,
        faults: &[Fault],
        part: impl Fn(Op, usize) -> Vec<Luck>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        for op in self.offers() {
            let breaks = faults.iter().map(|&fault| Luck::Break(fault)).filter(|_| can_break(op));
            let lucks = self.lucks(op, &part).into_iter().chain(breaks);
            steps.extend(lucks.map(|luck| Step::Move(op, luck)));
        }
        steps.extend(self.session.poll_timeout().map(|_| Step::Clock));
        steps
    }

    /// What can come of the move when nothing breaks: a part, all, the end.
    fn lucks(&self, op: Op, part: impl Fn(Op, usize) -> Vec<Luck>) -> Vec<Luck> {
        let amounts = |there: usize| match there {
            0 => vec![],
            _ => [part(op, there), vec![CALM]].concat(),
        };
        match op {
            Op::Fill(side) | Op::Pull(side) => {
                [amounts(self.wires.peers[side].to_come.len()), vec![Luck::End]].concat()
            }
            Op::Flush(_) => amounts(self.session.held()),
            Op::Push(to) => amounts(self.wires.carriers[!to].len()),
            Op::Watch(_) => vec![],
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

/// Half of what core sees, because a head is long; one byte of what it does not see.
fn a_little(op: Op, there: usize) -> Vec<Luck> {
    let sees = matches!(op, Op::Fill(_) | Op::Flush(_));
    let part = if sees { there.div_ceil(2) } else { 1 };
    if sees || there > 1 { vec![Luck::Move(part)] } else { vec![] }
}

fn can_break(op: Op) -> bool {
    !matches!(op, Op::Confirm | Op::Release | Op::Park)
}
