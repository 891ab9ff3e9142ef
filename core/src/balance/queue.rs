//! Stage 4 of 6 · who waits for a full worker: first come, first served, and nobody is woken twice.

use std::collections::VecDeque;

use super::crowd::Visit;

/// The sessions that wait for one worker, the longest waiting first.
#[derive(Clone, Debug)]
pub(super) struct Queue<W> {
    waiting: VecDeque<(W, Visit)>,
}

impl<W: Copy + Eq> Queue<W> {
    /// A queue in which nobody stands.
    pub(super) const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// Puts `who`, who does not stand in it yet, behind all others; gives how many those are.
    pub(super) fn join(&mut self, who: W, visit: Visit) -> usize {
        debug_assert_eq!(self.place(who), None, "nobody stands in a queue twice");
        self.waiting.push_back((who, visit));
        self.waiting.len() - 1
    }

    /// Takes out whoever has so many before it; gives what it was counted as.
    ///
    /// # Panics
    ///
    /// If nobody stands there.
    pub(super) fn remove(&mut self, place: usize) -> Visit {
        self.waiting.remove(place).expect("the place was found in this queue").1
    }

    /// How many stand before `who`; none if it does not stand in the queue.
    pub(super) fn place(&self, who: W) -> Option<usize> {
        self.waiting.iter().position(|&(waiting, _)| waiting == who)
    }

    /// The last one of the first `free`, if there are so many: whose turn it is once one more of
    /// the first has gone, or one more place is free.
    pub(super) fn last_of(&self, free: u32) -> Option<W> {
        let place = (free as usize).checked_sub(1)?;
        self.waiting.get(place).map(|&(who, _)| who)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lease::{Ask, Purpose};
    use super::*;
    use crate::route::WorkerId;

    fn home() -> Visit {
        let (worker, client) = (WorkerId(0), [127, 0, 0, 1].into());
        Visit::of(&Ask { worker, client, purpose: Purpose::Exchange })
    }

    #[test]
    fn who_comes_stands_behind_the_others() {
        let mut queue = Queue::new();
        assert_eq!([7, 8, 9].map(|who| queue.join(who, home())), [0, 1, 2]);
        assert_eq!(queue.remove(1), home());
        assert_eq!([7, 8, 9].map(|who| queue.place(who)), [Some(0), None, Some(1)]);
    }

    #[test]
    fn the_last_of_the_first_is_whose_turn_it_has_become() {
        let mut queue = Queue::new();
        assert_eq!([7, 8].map(|who| queue.join(who, home())), [0, 1]);
        assert_eq!([0, 1, 2, 3].map(|free| queue.last_of(free)), [None, Some(7), Some(8), None]);
    }
}
