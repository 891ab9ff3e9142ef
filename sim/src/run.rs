//! What came of a run.

use underpass_core::time::Time;

use crate::event::{Event, Who};
use crate::oracle::{Kind, Met, Violation};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The number that stands for all its events.
    pub hash: u64,
    /// How many events there were.
    pub count: u64,
    /// When the last of them was, in virtual time.
    pub ended: Time,
    /// Every event, if they were to be kept.
    pub events: Vec<Event>,
    /// What must not happen, and did.
    pub violations: Vec<Violation>,
    /// What should happen sometimes, and did.
    pub met: Met,
    /// The faults of the plan that the engine cannot do, by their numbers.
    pub skipped: Vec<usize>,
}

impl Run {
    /// A run that nothing is known of but that it panicked.
    pub(crate) fn panicked() -> Self {
        let why = "what it says is on the standard error".to_owned();
        let (kind, at, who) = (Kind::Panic, Time::ZERO, Who::Network);
        let violations = vec![Violation { kind, at, who, why }];
        let (events, met, skipped) = (Vec::new(), Met::default(), Vec::new());
        Self { hash: 0, count: 0, ended: Time::ZERO, events, violations, met, skipped }
    }

    /// What kind of thing went wrong first, if anything did.
    pub fn kind(&self) -> Option<Kind> {
        self.violations.first().map(|violation| violation.kind)
    }
}
