//! Stage 4 of 6 · idle connections to workers: which are kept, for how long, and who gets them.
//!
//! What a connection is, is the driver's business: here it is a name for one.

use std::collections::VecDeque;

use crate::route::{Idling, Worker, WorkerId};
use crate::time::Time;

/// The idle connections of one loop, by worker.
#[derive(Debug)]
pub struct Idle<C> {
    workers: Vec<Kept<C>>,
}

/// The idle connections to one worker.
#[derive(Debug)]
struct Kept<C> {
    terms: Idling,
    /// The longest idle first, with the moment since when.
    connections: VecDeque<(Time, C)>,
}

impl<C: Copy + Eq> Idle<C> {
    /// No connections to those workers yet.
    pub fn new(workers: &[Worker]) -> Self {
        Self { workers: workers.iter().map(Kept::new).collect() }
    }

    /// Keeps a connection; gives the one that must go for it, the longest idle, if there are as many
    /// as the worker may have (`smax=`). That is this one where it may have none.
    #[must_use = "the connection that is given back must be closed"]
    pub fn keep(&mut self, worker: WorkerId, connection: C, now: Time) -> Option<C> {
        let Kept { terms, connections } = self.of(worker);
        connections.push_back((now, connection));
        let surplus = if connections.len() > terms.most { connections.pop_front() } else { None };
        surplus.map(|(_, connection)| connection)
    }

    /// Takes the connection that was used last, unless its time is up (`ttl=`): it is the least likely
    /// to be stale, and the others may run out.
    pub fn take(&mut self, worker: WorkerId, now: Time) -> Option<C> {
        let kept = self.of(worker);
        let &(since, connection) = kept.connections.back()?;
        if kept.is_due(since, now) {
            return None;
        }
        kept.connections.pop_back();
        Some(connection)
    }

    /// Forgets a connection that the backend has closed, or spoken on unasked (R26).
    pub fn forget(&mut self, worker: WorkerId, connection: C) {
        self.of(worker).connections.retain(|&(_, kept)| kept != connection);
    }

    /// Takes a connection whose time is up at `now` (`ttl=`).
    pub fn expired(&mut self, now: Time) -> Option<C> {
        let due = |kept: &&mut Kept<C>| kept.deadline().is_some_and(|at| at <= now);
        let kept = self.workers.iter_mut().find(due)?;
        kept.connections.pop_front().map(|(_, connection)| connection)
    }

    /// When the time of the next connection is up.
    pub fn next_deadline(&self) -> Option<Time> {
        self.workers.iter().filter_map(Kept::deadline).min()
    }

    /// How many connections are kept.
    pub fn len(&self) -> usize {
        self.workers.iter().map(|kept| kept.connections.len()).sum()
    }

    /// Whether no connection is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&mut self, worker: WorkerId) -> &mut Kept<C> {
        &mut self.workers[worker.0 as usize]
    }
}

impl<C> Kept<C> {
    fn new(worker: &Worker) -> Self {
        let terms = worker.idle.unwrap_or(Idling { most: 0, ..Idling::DEFAULT });
        Self { terms, connections: VecDeque::with_capacity(terms.room.min(terms.most)) }
    }

    fn is_due(&self, since: Time, now: Time) -> bool {
        since.after(self.terms.ttl) <= now
    }

    fn deadline(&self) -> Option<Time> {
        self.connections.front().map(|&(since, _)| since.after(self.terms.ttl))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wait;

    const A: WorkerId = WorkerId(0);
    const B: WorkerId = WorkerId(1);
    const TTL: [Wait; 2] = [Wait::from_secs(7), Wait::from_secs(3)];

    /// Two workers, of which each may have so many connections.
    fn idle(most: usize) -> Idle<usize> {
        let terms = TTL.map(|ttl| Some(Idling { most, ttl, room: 2 }));
        Idle::new(&terms.map(|idle| Worker { idle, ..Worker::new("b", 80) }))
    }

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    #[test]
    fn the_connection_used_last_serves_next() {
        let mut idle = idle(9);
        for name in 1..=3 {
            assert_eq!(idle.keep(A, name, at(name as u64)), None);
        }
        assert_eq!((idle.take(A, at(4)), idle.take(B, at(4)), idle.len()), (Some(3), None, 2));
    }

    /// `smax=`
    #[test]
    fn no_more_than_the_most_are_kept_and_the_oldest_goes() {
        let mut two = idle(2);
        assert_eq!([1, 2, 3].map(|name| two.keep(A, name, at(0))), [None, None, Some(1)]);
        assert_eq!((two.keep(B, 4, at(0)), two.len()), (None, 3), "each worker has its own");
        let mut none = idle(0);
        assert_eq!((none.keep(A, 1, at(0)), none.len()), (Some(1), 0));
    }

    #[test]
    fn a_worker_without_reuse_keeps_none() {
        let worker = Worker { idle: None, ..Worker::new("b", 80) };
        assert_eq!(Idle::new(&[worker]).keep(A, 1, at(0)), Some(1));
    }

    /// `min=`: room, and no more of it than may ever be used.
    #[test]
    fn room_is_reserved_for_what_may_be_kept() {
        let room = |most| idle(most).workers.iter().map(|kept| kept.connections.capacity()).min();
        assert_eq!((room(9), room(1), room(0)), (Some(2), Some(1), Some(0)));
    }

    #[test]
    fn a_connection_that_spoke_or_closed_is_forgotten() {
        let mut idle = idle(9);
        assert_eq!((idle.keep(A, 1, at(0)), idle.keep(A, 2, at(0))), (None, None));
        idle.forget(A, 2);
        assert_eq!((idle.take(A, at(0)), idle.take(A, at(0))), (Some(1), None));
    }

    /// `ttl=`: each worker has its own.
    #[test]
    fn connections_run_out_one_by_one() {
        let mut idle = idle(9);
        assert_eq!((idle.keep(A, 1, at(0)), idle.keep(B, 2, at(5))), (None, None));
        assert_eq!(idle.next_deadline(), Some(at(7)));
        assert_eq!(idle.expired(at(6)), None);
        assert_eq!((idle.expired(at(7)), idle.expired(at(7))), (Some(1), None));
        assert_eq!(idle.next_deadline(), Some(at(8)));
        assert!(!idle.is_empty());
        assert_eq!(idle.expired(at(8)), Some(2));
        assert!(idle.is_empty() && idle.next_deadline().is_none());
    }

    /// A loop that is busy closes late; what it should have closed serves nobody in the meantime.
    #[test]
    fn a_connection_whose_time_is_up_is_not_used_again() {
        let mut idle = idle(9);
        assert_eq!(idle.keep(A, 1, at(0)), None);
        assert_eq!((idle.take(A, at(7)), idle.expired(at(7))), (None, Some(1)));
    }
}
