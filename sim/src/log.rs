//! Where events go: into a hash that stands for the run, to the oracles, and into a trace if one is wanted.

use std::hash::{Hash as _, Hasher as _};

use crate::event::Event;
use crate::fnv::Fnv;
use crate::oracle::Oracle;

/// The log of one run.
#[derive(Debug)]
pub(crate) struct Log {
    hash: Fnv,
    /// What judges.
    pub(crate) oracle: Oracle,
    kept: Option<Vec<Event>>,
    count: u64,
}

impl Log {
    /// A log that keeps its events if they are wanted.
    pub(crate) fn new(oracle: Oracle, keeps: bool) -> Self {
        Self { hash: Fnv::default(), oracle, kept: keeps.then(Vec::new), count: 0 }
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, event: Event) {
        event.hash(&mut self.hash);
        self.count += 1;
        self.oracle.see(&event);
        if let Some(kept) = &mut self.kept {
            kept.push(event);
        }
    }

    /// The number that stands for all events.
    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many events there were.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The oracles, and the events that were kept.
    pub(crate) fn end(self) -> (Oracle, Vec<Event>) {
        (self.oracle, self.kept.unwrap_or_default())
    }
}
