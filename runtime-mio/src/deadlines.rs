//! Deadlines: when each session wants to be pumped, kept lazily.
//!
//! Activity only stores a number in the slot; the heap is touched when a session wants to be pumped
//! *earlier* than it is armed for, and when its entry comes to the top.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use underpass_core::time::Time;

use crate::slots::{Key, Slots};

/// The deadlines of one loop: at most one entry for a session counts, the one that it is armed for.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(Time, Key)>>,
}

impl Deadlines {
    /// The session wants to be pumped at that moment, or at none.
    pub(crate) fn wish(&mut self, key: Key, at: Option<Time>, slots: &mut Slots) {
        let Some(slot) = slots.get_mut(key) else { return };
        slot.wish = at.unwrap_or(Time::NEVER);
        if slot.wish < slot.armed {
            slot.armed = slot.wish;
            self.heap.push(Reverse((slot.wish, key)));
        }
    }

    /// The earliest moment at which a session wants to be pumped.
    pub(crate) fn next(&mut self, slots: &mut Slots) -> Option<Time> {
        while let Some(&Reverse((at, key))) = self.heap.peek() {
            if self.holds(at, key, slots) {
                return Some(at);
            }
        }
        None
    }

    /// Takes a session that is due at `now`.
    pub(crate) fn due(&mut self, now: Time, slots: &mut Slots) -> Option<Key> {
        if self.next(slots)? > now {
            return None;
        }
        let Reverse((_, key)) = self.heap.pop()?;
        if let Some(slot) = slots.get_mut(key) {
            slot.armed = Time::NEVER;
        }
        Some(key)
    }

    /// Whether the entry on top is what its session wishes; else it is dropped, or put where it belongs.
    fn holds(&mut self, at: Time, key: Key, slots: &mut Slots) -> bool {
        let Some(slot) = slots.get_mut(key).filter(|slot| slot.armed == at) else {
            self.heap.pop();
            return false;
        };
        if slot.wish == at {
            return true;
        }
        self.heap.pop();
        slot.armed = slot.wish;
        if slot.wish != Time::NEVER {
            self.heap.push(Reverse((slot.wish, key)));
        }
        false
    }
}
