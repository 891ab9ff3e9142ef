//! An end that TLS has not said is told, and is nobody's whole answer.

use underpass_core::Fault;
use underpass_core::Side;
use underpass_core::op::Op;
use underpass_core::report::{Close, Report};

use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::outcome::Outcome;

/// Which sides of each session were cut off.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    sessions: Each<Vec<Side>>,
}

impl Cuts {
    pub(super) fn see(&mut self, event: &Event, found: &mut Found) {
        let Who::Session(number) = event.who else { return };
        let cuts = self.sessions.entry(number).or_default();
        match &event.what {
            What::Makes(Op::Fill(side) | Op::Pull(side), Outcome::Cut) => {
                found.met.add(match side {
                    Side::Client => "a client was cut off",
                    Side::Backend => "a backend was cut off",
                });
                cuts.push(*side);
            }
            What::Makes(Op::Secure(Side::Backend), Outcome::Broke(_)) => {
                found.met.add("a handshake with a backend failed");
            }
            // The request goes on by another connection.
            What::Dials(..) => cuts.retain(|side| *side != Side::Backend),
            What::Reports(told) => judge(&std::mem::take(cuts), &told.0, event, found),
            _ => {}
        }
    }
}

fn judge(cuts: &[Side], report: &Report, event: &Event, found: &mut Found) {
    if report.close == Close::Faulted(Side::Client, Fault::TimedOut) {
        found.met.add("a client's handshake came too late");
    }
    if !cuts.is_empty() && report.fault.is_none() {
        found.violate(Kind::Untold, event, "nobody is told of a cut".into());
    }
    if cuts.contains(&Side::Backend) {
        match report.close {
            Close::Answered => {
                found.violate(
                    Kind::Wrong,
                    event,
                    "an answer that was cut is taken for whole".into(),
                );
            }
            Close::Cut(Side::Backend) => {
                found.met.add("an answer was cut by an end that was not said")
            }
            _ => {}
        }
    }
}
