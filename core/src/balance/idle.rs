//! Stage 4 of 6 · idle connections to workers: which are kept, for how long, and who gets them.
//!
//! What a connection is, is the driver's business: here it is a name for one.

use std::collections::VecDeque;

use crate::limits::{IDLE_MOST, IDLE_TTL};
use crate::route::WorkerId;
use crate::time::Time;

/// The idle connections of one loop, by worker.
#[derive(Debug)]
pub struct Idle<C> {
    /// The longest idle first, with the moment since when.
    workers: Vec<VecDeque<(Time, C)>>,
}

impl<C: Copy + Eq> Idle<C> {
    /// No connections to so many workers.
    pub fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| VecDeque::new()).collect() }
    }

    /// Keeps a connection; gives the one that must go for it, if there are [`IDLE_MOST`] already.
    #[must_use = "the connection that is given back must be closed"]
    pub fn keep(&mut self, worker: WorkerId, connection: C, now: Time) -> Option<C> {
        let kept = self.of(worker);
        let surplus = if kept.len() < IDLE_MOST { None } else { kept.pop_front() };
        kept.push_back((now, connection));
        surplus.map(|(_, connection)| connection)
    }

    /// Takes the connection that was used last: it is the least likely to be stale, and the others
    /// may run out.
    pub fn take(&mut self, worker: WorkerId) -> Option<C> {
        self.of(worker).pop_back().map(|(_, connection)| connection)
    }

    /// Forgets a connection that the backend has closed, or spoken on unasked (R26).
    pub fn forget(&mut self, worker: WorkerId, connection: C) {
        self.of(worker).retain(|&(_, kept)| kept != connection);
    }

    /// Takes a connection that has been idle for [`IDLE_TTL`] at `now`.
    pub fn expired(&mut self, now: Time) -> Option<C> {
        let due = |kept: &&mut VecDeque<(Time, C)>| {
            kept.front().is_some_and(|&(since, _)| since.after(IDLE_TTL) <= now)
        };
        let kept = self.workers.iter_mut().find(due)?;
        kept.pop_front().map(|(_, connection)| connection)
    }

    /// When the next connection has been idle for too long.
    pub fn next_deadline(&self) -> Option<Time> {
        let oldest = self.workers.iter().filter_map(VecDeque::front);
        oldest.map(|&(since, _)| since.after(IDLE_TTL)).min()
    }

    /// How many connections are kept.
    pub fn len(&self) -> usize {
        self.workers.iter().map(VecDeque::len).sum()
    }

    /// Whether no connection is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&mut self, worker: WorkerId) -> &mut VecDeque<(Time, C)> {
        &mut self.workers[worker.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wait;

    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    #[test]
    fn the_connection_used_last_serves_next() {
        let mut idle = Idle::new(2);
        for name in 1..=3 {
            assert_eq!(idle.keep(A, name, at(name)), None);
        }
        assert_eq!((idle.take(A), idle.take(B), idle.len()), (Some(3), None, 2));
    }

    #[test]
    fn no_more_than_the_most_are_kept_and_the_oldest_goes() {
        let mut idle = Idle::new(1);
        for name in 0..IDLE_MOST {
            assert_eq!(idle.keep(A, name, at(0)), None);
        }
        assert_eq!(idle.keep(A, IDLE_MOST, at(1)), Some(0));
        assert_eq!(idle.len(), IDLE_MOST);
    }

    #[test]
    fn a_connection_that_spoke_or_closed_is_forgotten() {
        let mut idle = Idle::new(1);
        assert_eq!((idle.keep(A, 1, at(0)), idle.keep(A, 2, at(0))), (None, None));
        idle.forget(A, 2);
        assert_eq!((idle.take(A), idle.take(A)), (Some(1), None));
    }

    #[test]
    fn connections_run_out_one_by_one() {
        let mut idle = Idle::new(2);
        assert_eq!((idle.keep(B, 2, at(5)), idle.keep(A, 1, at(9))), (None, None));
        assert_eq!(idle.next_deadline(), Some(at(5).after(IDLE_TTL)));
        assert_eq!(idle.expired(at(5)), None);
        assert_eq!(idle.expired(at(5).after(IDLE_TTL)), Some(2));
        assert_eq!(idle.expired(at(5).after(IDLE_TTL)), None);
        assert_eq!(idle.expired(at(9).after(IDLE_TTL)), Some(1));
        assert!(idle.is_empty() && idle.next_deadline().is_none());
    }
}
