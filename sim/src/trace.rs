//! What happened, event by event, and one number that stands for all of it.

use std::fmt;
use std::hash::{Hash, Hasher as _};

use underpass_core::time::Time;
use underpass_core::trace;

use crate::fnv::Fnv;

/// Every event of a run, and a hash that rolls over them.
///
/// The hash is taken of the typed events, never of how they print.
#[derive(Debug, Default)]
pub struct Trace {
    events: Vec<Event>,
    hash: Fnv,
}

/// One thing that one session did or met.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Event {
    /// When, in virtual time.
    pub at: Time,
    /// The number of the session, in the order of their accepting.
    pub session: u64,
    /// What.
    pub what: trace::Event,
}

impl Trace {
    /// Adds an event.
    pub fn add(&mut self, event: Event) {
        event.hash(&mut self.hash);
        self.events.push(event);
    }

    /// The events, in their order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events of one session, in their order.
    pub fn of(&self, session: u64) -> impl Iterator<Item = &trace::Event> {
        let events = self.events.iter().filter(move |event| event.session == session);
        events.map(|event| &event.what)
    }

    /// The number that stands for all events.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:>11}] s{:<3} {}", self.at.to_string(), self.session, self.what)
    }
}
