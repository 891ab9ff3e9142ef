//! What is counted by the proxy, counted here too: bytes that went, bytes under way, leases.

use underpass_core::report::Report;
use underpass_core::route::Rules;
use underpass_core::{Both, Op, Side};

use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::outcome::Outcome;

/// The counts of a run.
#[derive(Debug)]
pub(super) struct Tally {
    live: Each<Moved>,
    /// How many leases there may be, of all workers together.
    leases: u64,
}

/// What a session has moved since its last report.
#[derive(Debug, Default)]
struct Moved {
    /// Bytes that were pulled from each side, and not pushed yet.
    under_way: Both<u64>,
    /// Bytes that went to each side, heads included.
    gone: Both<u64>,
}

impl Tally {
    pub(super) fn new(rules: &Rules) -> Self {
        let most = rules.workers.iter().map(|worker| worker.most);
        let leases = most.map(|most| most.map_or(u32::MAX.into(), |most| u64::from(most.get())));
        Self { live: Each::new(), leases: leases.sum() }
    }

    pub(super) fn see(&mut self, event: &Event, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Session(number), What::Makes(op, outcome)) => {
                self.live.entry(number).or_default().makes(*op, *outcome, event, found);
            }
            (Who::Session(number), What::Reports(told)) => {
                self.live.remove(&number).unwrap_or_default().is_told(&told.0, event, found);
            }
            (_, What::Counts(counts)) if u64::from(counts.busy) > self.leases => {
                let why = format!("{} leases are out of {}", counts.busy, self.leases);
                found.violate(Kind::Count, event, why);
            }
            _ => {}
        }
    }
}

impl Moved {
    fn makes(&mut self, op: Op, outcome: Outcome, event: &Event, found: &mut Found) {
        let Outcome::Moved(count) = outcome else { return };
        let count = u64::from(count);
        match op {
            Op::Pull(from) => {
                if self.under_way[from] > 0 {
                    let why = format!("more is pulled behind {} bytes", self.under_way[from]);
                    found.violate(Kind::Held, event, why);
                }
                self.under_way[from] += count;
            }
            Op::Push(to) => {
                self.under_way[!to] = self.under_way[!to].saturating_sub(count);
                self.gone[to] += count;
            }
            Op::Flush(to) => self.gone[to] += count,
            _ => {}
        }
    }

    /// What is reported as gone has gone; heads have, too, and are not reported.
    fn is_told(&self, report: &Report, event: &Event, found: &mut Found) {
        for to in Side::BOTH {
            let (told, gone) = (report.pushed[!to], self.gone[to]);
            if told > gone {
                let why = format!("{told} bytes to the {to} are reported, {gone} went");
                found.violate(Kind::Count, event, why);
            }
        }
    }
}
