//! What is to happen, in its order. Time jumps from one to the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use underpass_core::time::Time;

/// Things to happen; those of one moment in the order in which they were noted.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    heap: BinaryHeap<Reverse<(Time, u64, T)>>,
    noted: u64,
}

impl<T: Ord> Agenda<T> {
    /// Nothing to do.
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), noted: 0 }
    }

    /// Notes what is to happen at that moment.
    pub(super) fn note(&mut self, at: Time, what: T) {
        self.heap.push(Reverse((at, self.noted, what)));
        self.noted += 1;
    }

    /// Takes what happens next.
    pub(super) fn next(&mut self) -> Option<(Time, T)> {
        self.heap.pop().map(|Reverse((at, _, what))| (at, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_earlier_comes_first_and_of_one_moment_what_was_noted_first() {
        let mut agenda = Agenda::new();
        for (at, what) in [(5, 'b'), (1, 'a'), (5, 'a')] {
            agenda.note(Time::from_micros(at), what);
        }
        let taken = std::iter::from_fn(|| agenda.next());
        let all: Vec<_> = taken.map(|(at, what)| (at.as_micros(), what)).collect();
        assert_eq!(all, [(1, 'a'), (5, 'b'), (5, 'a')]);
    }
}
