//! Stage 4 of 6 · idle connections to workers: which are kept, for how long, and who gets them.
//!
//! What a connection is, is the driver's business: here it is a name for one.

use std::collections::VecDeque;

use super::SeatId;
use crate::route::{Idling, Worker};
use crate::time::Time;

/// Where a connection leads. Over one only what is wanted there by the same name may go: the peer has proved to be
/// that, and nobody else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Destination {
    /// Whom it leads to.
    pub seat: SeatId,
    /// By which name the peer was asked in TLS, if not by [its own](crate::route::Back::name).
    pub name: Option<Box<str>>,
}

impl From<SeatId> for Destination {
    fn from(seat: SeatId) -> Self {
        Self { seat, name: None }
    }
}

/// The idle connections of one loop, by worker.
#[derive(Debug)]
pub struct Idle<C> {
    workers: Vec<Kept<C>>,
}

/// The idle connections to one worker.
#[derive(Debug)]
struct Kept<C> {
    terms: Idling,
    /// The longest idle first.
    connections: VecDeque<Connection<C>>,
}

/// One that is idle.
#[derive(Clone, Debug)]
struct Connection<C> {
    it: C,
    to: Destination,
    since: Time,
}

impl<C: Copy + Eq> Idle<C> {
    /// No connections to those workers yet.
    pub fn new(workers: &[Worker]) -> Self {
        Self { workers: workers.iter().map(Kept::new).collect() }
    }

    /// The workers are other ones: gives the connections to those that are not where they were, which must be closed.
    #[must_use = "the connections that are given back must be closed"]
    pub fn renew(&mut self, before: &[Worker], after: &[Worker]) -> Vec<C> {
        let old = std::mem::replace(self, Self::new(after));
        let mut closed = Vec::new();
        for (number, kept) in old.workers.into_iter().enumerate() {
            let is_there = |worker: &&Worker| {
                worker.peer == before[number].peer && worker.tls == before[number].tls
            };
            match after.get(number).filter(is_there) {
                Some(_) => self.workers[number].connections = kept.connections,
                None => closed.extend(kept.connections.into_iter().map(|kept| kept.it)),
            }
        }
        closed
    }

    /// Keeps a connection; gives the one that must go for it, the longest idle, if there are as many
    /// as that seat may have (`smax=`), by whatever names. That is this one where it may have none.
    #[must_use = "the connection that is given back must be closed"]
    pub fn keep(&mut self, to: Destination, it: C, now: Time) -> Option<C> {
        let seat = to.seat;
        let Kept { terms, connections } = self.of(seat);
        connections.push_back(Connection { it, to, since: now });
        let is_its = |kept: &&Connection<C>| kept.to.seat == seat;
        let is_full = connections.len() > terms.most
            && connections.iter().filter(is_its).count() > terms.most;
        let longest = connections.iter().position(|kept| is_its(&kept)).filter(|_| is_full)?;
        connections.remove(longest).map(|kept| kept.it)
    }

    /// Takes the connection that was used last, unless its time is up (`ttl=`): it is the least likely
    /// to be stale, and the others may run out.
    pub fn take(&mut self, to: &Destination, now: Time) -> Option<C> {
        let kept = self.of(to.seat);
        let last = kept.connections.iter().rposition(|kept| kept.to == *to)?;
        if kept.is_due(kept.connections[last].since, now) {
            return None;
        }
        kept.connections.remove(last).map(|kept| kept.it)
    }

    /// Forgets a connection that the backend has closed, or spoken on unasked (R26).
    pub fn forget(&mut self, seat: SeatId, it: C) {
        self.of(seat).connections.retain(|kept| kept.it != it);
    }

    /// Takes a connection whose time is up at `now` (`ttl=`).
    pub fn expired(&mut self, now: Time) -> Option<C> {
        let due = |kept: &&mut Kept<C>| kept.deadline().is_some_and(|at| at <= now);
        let kept = self.workers.iter_mut().find(due)?;
        kept.connections.pop_front().map(|longest| longest.it)
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

    fn of(&mut self, seat: SeatId) -> &mut Kept<C> {
        &mut self.workers[seat.worker.0 as usize]
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
        self.connections.front().map(|longest| longest.since.after(self.terms.ttl))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::WorkerId;
    use crate::time::Wait;

    const A: SeatId = SeatId { worker: WorkerId(0), place: 0, generation: 0 };
    const B: SeatId = SeatId { worker: WorkerId(1), ..A };
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
            assert_eq!(idle.keep(A.into(), name, at(name as u64)), None);
        }
        assert_eq!(
            (idle.take(&A.into(), at(4)), idle.take(&B.into(), at(4)), idle.len()),
            (Some(3), None, 2)
        );
    }

    /// `smax=`
    #[test]
    fn no_more_than_the_most_are_kept_and_the_oldest_goes() {
        let mut two = idle(2);
        assert_eq!([1, 2, 3].map(|name| two.keep(A.into(), name, at(0))), [None, None, Some(1)]);
        assert_eq!((two.keep(B.into(), 4, at(0)), two.len()), (None, 3), "each worker has its own");
        let mut none = idle(0);
        assert_eq!((none.keep(A.into(), 1, at(0)), none.len()), (Some(1), 0));
    }

    /// `addresses=all`: what stands at one address leads nowhere else.
    #[test]
    fn each_seat_of_a_worker_has_connections_of_its_own() {
        let other = SeatId { place: 1, ..A };
        let again = SeatId { generation: 1, ..other };
        let mut idle = idle(2);
        let kept = [(A, 1), (other, 2), (A, 3), (other, 4), (again, 5)];
        assert!(kept.iter().all(|&(seat, name)| idle.keep(seat.into(), name, at(0)).is_none()));
        assert_eq!(
            (idle.keep(A.into(), 6, at(0)), idle.take(&A.into(), at(0))),
            (Some(1), Some(6))
        );
        assert_eq!(
            [other, other, other].map(|seat| idle.take(&seat.into(), at(0))),
            [Some(4), Some(2), None]
        );
        assert_eq!((idle.take(&again.into(), at(0)), idle.len()), (Some(5), 1));
    }

    /// Who has proved to be one host is not taken for another one.
    #[test]
    fn what_is_asked_by_one_name_serves_no_other() {
        let named = |name: &str| Destination { seat: A, name: Some(name.into()) };
        let mut idle = idle(2);
        assert_eq!(idle.keep(named("a.example"), 1, at(0)), None);
        assert_eq!(
            (idle.take(&A.into(), at(0)), idle.take(&named("b.example"), at(0))),
            (None, None)
        );
        assert_eq!(idle.keep(A.into(), 2, at(0)), None);
        assert_eq!(idle.keep(named("b.example"), 3, at(0)), Some(1), "all names share the bound");
        assert_eq!(
            (idle.take(&A.into(), at(0)), idle.take(&named("b.example"), at(0))),
            (Some(2), Some(3))
        );
    }

    #[test]
    fn a_worker_without_reuse_keeps_none() {
        let worker = Worker { idle: None, ..Worker::new("b", 80) };
        assert_eq!(Idle::new(&[worker]).keep(A.into(), 1, at(0)), Some(1));
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
        assert_eq!((idle.keep(A.into(), 1, at(0)), idle.keep(A.into(), 2, at(0))), (None, None));
        idle.forget(A, 2);
        assert_eq!((idle.take(&A.into(), at(0)), idle.take(&A.into(), at(0))), (Some(1), None));
    }

    /// `ttl=`: each worker has its own.
    #[test]
    fn connections_run_out_one_by_one() {
        let mut idle = idle(9);
        assert_eq!((idle.keep(A.into(), 1, at(0)), idle.keep(B.into(), 2, at(5))), (None, None));
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
        assert_eq!(idle.keep(A.into(), 1, at(0)), None);
        assert_eq!((idle.take(&A.into(), at(7)), idle.expired(at(7))), (None, Some(1)));
    }
}
