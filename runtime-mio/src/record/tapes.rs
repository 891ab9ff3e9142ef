//! The tapes of one loop: one for each session that is recorded.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use underpass_core::route::{Caller, Rules};
use underpass_core::time::Time;
use underpass_core::trace::{Event, Tape};

use super::queue::{Batch, Begin, Full, Queue};
use crate::slots::Key;

/// Bytes of one trace, as [`Event::weight`] counts them: a tunnel that lives for weeks is not the only
/// one worth the disk.
const TRACE_MOST: usize = 4 << 20;

/// Which sessions of a loop are recorded, and on what.
#[derive(Debug)]
pub(crate) struct Tapes {
    home: usize,
    every: NonZeroU32,
    queue: Queue,
    /// Sessions so far.
    count: u64,
    taped: BTreeMap<Key, Taped>,
}

/// One session that is recorded. Its end is told however it comes, even by a panic of its loop.
#[derive(Debug)]
struct Taped {
    tape: Tape,
    whose: (usize, u64),
    /// What it begins with, until that is sent.
    begin: Option<Begin>,
    /// What the trace may still weigh.
    left: usize,
    queue: Queue,
}

impl Tapes {
    /// The tapes of the loop `home`, of which one session of so many gets one.
    pub(super) fn new(home: usize, every: NonZeroU32, queue: Queue) -> Self {
        Self { home, every, queue, count: 0, taped: BTreeMap::new() }
    }

    /// A session begins: the first of every so many gets a tape.
    pub(crate) fn admit(&mut self, key: Key, caller: Caller, now: Time, rules: &Rules) {
        let number = self.count;
        self.count += 1;
        if !number.is_multiple_of(self.every.get().into()) {
            return;
        }
        let (whose, queue) = ((self.home, number), self.queue.clone());
        let (tape, begin) = (Tape::new(rules), Some(Begin { caller, at: now }));
        self.taped.insert(key, Taped { tape, whose, begin, left: TRACE_MOST, queue });
    }

    /// The tape of that session, if it has one.
    pub(crate) fn of(&mut self, key: Key) -> Option<&mut Tape> {
        self.taped.get_mut(&key).map(|taped| &mut taped.tape)
    }

    /// That session has had its turn, and perhaps its last.
    pub(crate) fn turned(&mut self, key: Key, is_closed: bool) {
        let sent = self.taped.get_mut(&key).map(Taped::send);
        if is_closed || sent == Some(Goes::NoFurther) {
            self.taped.remove(&key);
        }
    }
}

/// Whether a trace goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Goes {
    On,
    NoFurther,
}

impl Taped {
    /// Sends what is on the tape to the writer, if the trace may still weigh that.
    fn send(&mut self) -> Goes {
        let events = self.tape.take();
        let weight = events.iter().map(Event::weight).sum();
        let Some(left) = self.left.checked_sub(weight) else { return Goes::NoFurther };
        self.left = left;
        let (whose, begin) = (self.whose, self.begin.take());
        match self.queue.send(Batch { whose, begin, events, is_last: false }) {
            Ok(()) => Goes::On,
            Err(Full) => Goes::NoFurther,
        }
    }
}

impl Drop for Taped {
    fn drop(&mut self) {
        // A loop that panics has a turn on the tape: what it panicked over.
        self.send();
        let (begin, events) = (None, Vec::new());
        let last = Batch { whose: self.whose, begin, events, is_last: true };
        // Where no writer is left, nobody waits for an end.
        let _ = self.queue.send(last);
    }
}
