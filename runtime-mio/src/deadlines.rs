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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slot;
    use crate::testing::Wire;
    use underpass_core::Session;
    use underpass_core::route::{Caller, Rules};

    fn slots(count: usize) -> (Slots, Vec<Key>) {
        let mut slots = Slots::default();
        let slot = || {
            let session =
                Session::new(Caller::at_main([127, 0, 0, 1]), &Rules::default(), Time::ZERO);
            Slot::new(session, Wire::new().expect("loopback works").take_leg())
        };
        let keys = (0..count).map(|_| slots.insert(slot())).collect();
        (slots, keys)
    }

    fn at(micros: u64) -> Time {
        Time::from_micros(micros)
    }

    #[test]
    fn the_earliest_wish_is_due_first() {
        let ((mut slots, keys), mut deadlines) = (slots(2), Deadlines::default());
        deadlines.wish(keys[0], Some(at(20)), &mut slots);
        deadlines.wish(keys[1], Some(at(10)), &mut slots);
        assert_eq!(deadlines.next(&mut slots), Some(at(10)));
        assert_eq!(deadlines.due(at(9), &mut slots), None);
        assert_eq!(deadlines.due(at(20), &mut slots), Some(keys[1]));
        assert_eq!(deadlines.due(at(20), &mut slots), Some(keys[0]));
        assert_eq!(deadlines.due(at(99), &mut slots), None);
    }

    /// Activity puts a deadline off without touching the heap, and nobody wakes at the old one.
    #[test]
    fn a_wish_that_is_put_off_costs_no_entry_and_no_wake() {
        let ((mut slots, keys), mut deadlines) = (slots(1), Deadlines::default());
        for micros in 10..1_000 {
            deadlines.wish(keys[0], Some(at(micros)), &mut slots);
        }
        assert_eq!(deadlines.heap.len(), 1);
        assert_eq!(deadlines.next(&mut slots), Some(at(999)));
        deadlines.wish(keys[0], None, &mut slots);
        assert_eq!(deadlines.next(&mut slots), None);
        assert_eq!(deadlines.heap.len(), 0);
    }

    #[test]
    fn a_wish_that_is_brought_forward_counts_once() {
        let ((mut slots, keys), mut deadlines) = (slots(1), Deadlines::default());
        deadlines.wish(keys[0], Some(at(50)), &mut slots);
        deadlines.wish(keys[0], Some(at(5)), &mut slots);
        assert_eq!(deadlines.due(at(60), &mut slots), Some(keys[0]));
        assert_eq!(deadlines.due(at(60), &mut slots), None, "the later entry is void");
    }

    #[test]
    fn the_deadline_of_a_session_that_has_gone_is_void() {
        let ((mut slots, keys), mut deadlines) = (slots(1), Deadlines::default());
        deadlines.wish(keys[0], Some(at(5)), &mut slots);
        slots.remove(keys[0]);
        assert_eq!(deadlines.next(&mut slots), None);
    }
}
