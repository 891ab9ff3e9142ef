//! Where events go: into a hash that stands for the run, to the oracles, and into a trace if one is wanted.

use std::hash::{Hash as _, Hasher as _};

use underpass_core::time::Time;

use crate::event::Event;
use crate::fnv::Fnv;
use crate::oracle::{Left, Oracle};
use crate::run::Run;

/// The log of one run.
#[derive(Debug)]
pub(crate) struct Log {
    hash: Fnv,
    /// What judges.
    pub(crate) oracle: Oracle,
    kept: Option<Vec<Event>>,
    count: u64,
    /// When the last one was.
    last: Time,
}

impl Log {
    /// A log that keeps its events if they are wanted.
    pub(crate) fn new(oracle: Oracle, keeps: bool) -> Self {
        Self {
            hash: Fnv::default(),
            oracle,
            kept: keeps.then(Vec::new),
            count: 0,
            last: Time::ZERO,
        }
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, event: Event) {
        event.hash(&mut self.hash);
        self.count += 1;
        self.last = event.at;
        self.oracle.see(&event);
        if let Some(kept) = &mut self.kept {
            kept.push(event);
        }
    }

    /// How many events there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What came of a run that left that.
    pub(crate) fn finish(self, left: &Left) -> Run {
        let (hash, count, ended) = (self.hash.finish(), self.count, self.last);
        let (violations, met) = self.oracle.end(ended, left);
        let (events, skipped) = (self.kept.unwrap_or_default(), Vec::new());
        Run { hash, count, ended, events, violations, met, skipped }
    }
}
