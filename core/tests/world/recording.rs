//! What is recorded of one session, and replayed when that is over.

use underpass_core::route::Caller;
use underpass_core::route::Rules;
use underpass_core::time::Time;
use underpass_core::trace::{Event, Opening, Tape, play};

use super::{CLIENT, Wires};

/// A session that is recorded. When it is dropped it is replayed, unless the test has failed anyway.
pub(crate) struct Recording<'r> {
    pub(crate) tape: Tape,
    rules: &'r Rules,
    at: Time,
}

impl<'r> Recording<'r> {
    pub(crate) fn new(rules: &'r Rules, wires: &Wires) -> Self {
        Self { tape: Tape::new(rules), rules, at: wires.now }
    }

    /// What the session began with; of the directives only the caller knows.
    pub(crate) fn opening(&self, directives: Vec<String>) -> Opening {
        Opening::new(7, Caller::at_main(CLIENT), self.at, directives)
    }
}

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let events = self.tape.take();
        if let Err(none) = play(&self.opening(Vec::new()), self.rules, events.clone()) {
            panic!("{none}\n{}", shown(&events));
        }
    }
}

/// The events, a line each.
pub(crate) fn shown(events: &[Event]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}
