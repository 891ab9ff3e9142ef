//! Stage 4 of 6 · elect, confirm, settle: who may take a session, and what was learnt from it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::net::IpAddr;

use super::worker::Health;
use crate::limits::{self, Pending};
use crate::route::{Worker, WorkerId};
use crate::time::{Time, Wait};

/// All workers. Plain data: whoever shares it between loops brings the lock.
#[derive(Clone, Debug)]
pub struct Pool {
    workers: Vec<Health>,
    most: Pending,
    /// Handshakes under way, in all and by client address (R53).
    pending: u32,
    clients: BTreeMap<IpAddr, u32>,
}

/// What an election is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ask {
    /// The worker of the rule.
    pub worker: WorkerId,
    /// The client's address.
    pub client: IpAddr,
}

/// The right to use one worker for one session. It must come back by [`Pool::settle`]; it cannot be copied.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a lease that is dropped keeps its worker busy for ever"]
pub struct Lease {
    worker: WorkerId,
    /// The client whose handshake this is, while it is under way; boxed, because a tunnel has none
    /// and there are many of them.
    pending: Option<Box<IpAddr>>,
}

/// Why no worker was elected.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NoWorker {
    /// Too many handshakes are under way (R53).
    Busy,
    /// This request has tried every worker that there is.
    Tried,
    /// Every worker is left alone after a failure; the first may be tried after so long.
    Resting(Wait),
}

/// How the use of a worker went, as far as the next election cares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It could not be reached.
    Failed,
    /// It was reached, or the session ended before it could be told.
    Fine,
}

impl Lease {
    /// The worker that it is for.
    pub const fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Whether the handshake is still under way.
    pub const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }
}

impl NoWorker {
    /// What `Retry-After` says.
    pub const fn retry_after(self) -> Wait {
        match self {
            Self::Busy | Self::Tried => limits::RETRY_AFTER,
            Self::Resting(wait) => wait,
        }
    }
}

impl Pool {
    /// A pool of those workers, none of them in use.
    pub fn new(workers: &[Worker], most: Pending) -> Self {
        let workers = workers.iter().map(|worker| Health::new(worker.recovery)).collect();
        Self { workers, most, pending: 0, clients: BTreeMap::new() }
    }

    /// Chooses a worker that may take one more session. A lease that failed comes back in the same
    /// call, so the choice already knows.
    pub fn elect(
        &mut self,
        ask: &Ask,
        failed: Option<Lease>,
        now: Time,
    ) -> Result<Lease, NoWorker> {
        if let Some(lease) = failed {
            self.settle(lease, Verdict::Failed, now);
            let rests = self.health(ask.worker).rests(now);
            return Err(rests.map_or(NoWorker::Tried, NoWorker::Resting));
        }
        if let Some(wait) = self.health(ask.worker).rests(now) {
            return Err(NoWorker::Resting(wait));
        }
        let waiting = self.clients.get(&ask.client).copied().unwrap_or(0);
        let full = [
            self.pending >= self.most.total,
            self.health(ask.worker).pending() >= self.most.worker,
            waiting >= self.most.client,
        ];
        if full.contains(&true) {
            return Err(NoWorker::Busy);
        }
        Ok(self.lease(ask))
    }

    /// The worker has answered: the handshake is no longer under way.
    pub fn confirm(&mut self, lease: &mut Lease) {
        if let Some(client) = lease.pending.take() {
            self.health_mut(lease.worker).confirmed();
            self.forget(*client);
        }
    }

    /// Takes a lease back, and learns from how it went.
    pub fn settle(&mut self, lease: Lease, verdict: Verdict, now: Time) {
        if let Some(client) = lease.pending {
            self.health_mut(lease.worker).abandoned();
            self.forget(*client);
        }
        let health = self.health_mut(lease.worker);
        health.returned();
        if verdict == Verdict::Failed {
            health.failed(now);
        }
    }

    /// What is known of a worker.
    ///
    /// # Panics
    ///
    /// If the pool was not made from the rules that the worker's number comes from.
    pub fn health(&self, worker: WorkerId) -> &Health {
        &self.workers[worker.0 as usize]
    }

    /// Leases out, over all workers.
    pub fn busy(&self) -> u32 {
        self.workers.iter().map(Health::busy).sum()
    }

    /// Handshakes under way, over all workers.
    pub fn pending(&self) -> u32 {
        self.pending
    }

    fn lease(&mut self, ask: &Ask) -> Lease {
        self.health_mut(ask.worker).leased();
        self.pending += 1;
        *self.clients.entry(ask.client).or_insert(0) += 1;
        Lease { worker: ask.worker, pending: Some(Box::new(ask.client)) }
    }

    fn forget(&mut self, client: IpAddr) {
        self.pending = self.pending.saturating_sub(1);
        if let Entry::Occupied(mut waiting) = self.clients.entry(client) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }

    fn health_mut(&mut self, worker: WorkerId) -> &mut Health {
        &mut self.workers[worker.0 as usize]
    }
}

impl fmt::Display for NoWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many handshakes under way"),
            Self::Tried => f.write_str("no worker is left to be tried"),
            Self::Resting(wait) => write!(f, "every worker failed, the next try is in {wait}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Recovery;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ROOM: Pending = Pending { total: 3, worker: 2, client: 1 };

    fn pool(recovery: Recovery, most: Pending) -> Pool {
        let worker = Worker { recovery, ..Worker::new("b", 80) };
        Pool::new(&[worker.clone(), worker], most)
    }

    fn ask(worker: u32, client: IpAddr) -> Ask {
        Ask { worker: WorkerId(worker), client }
    }

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    #[test]
    fn what_goes_out_comes_back() {
        let mut pool = pool(Recovery::AtOnce, limits::PENDING);
        let mut first = pool.elect(&ask(0, HOME), None, at(0)).unwrap();
        let second = pool.elect(&ask(0, HOME), None, at(0)).unwrap();
        assert_eq!((pool.busy(), pool.pending()), (2, 2));
        pool.confirm(&mut first);
        pool.confirm(&mut first);
        assert_eq!((pool.busy(), pool.pending(), first.is_pending()), (2, 1, false));
        pool.settle(first, Verdict::Fine, at(1));
        pool.settle(second, Verdict::Fine, at(1));
        assert_eq!((pool.busy(), pool.pending(), pool.clients.len()), (0, 0, 0));
    }

    /// R53: each of the three caps, and the way back below it.
    #[test]
    fn handshakes_under_way_are_capped() {
        let mut pool = pool(Recovery::AtOnce, Pending { client: 2, ..ROOM });
        let mut leases: Vec<_> =
            [HOME, AWAY].map(|ip| pool.elect(&ask(0, ip), None, at(0)).unwrap()).into();
        assert_eq!(pool.elect(&ask(0, HOME), None, at(0)), Err(NoWorker::Busy), "per worker");
        leases.push(pool.elect(&ask(1, HOME), None, at(0)).unwrap());
        assert_eq!(pool.elect(&ask(1, AWAY), None, at(0)), Err(NoWorker::Busy), "in all");
        pool.confirm(&mut leases[1]);
        assert_eq!(pool.elect(&ask(1, HOME), None, at(0)), Err(NoWorker::Busy), "per client");
        let last = pool.elect(&ask(1, AWAY), None, at(0)).unwrap();
        leases.into_iter().chain([last]).for_each(|lease| pool.settle(lease, Verdict::Fine, at(0)));
        assert_eq!((pool.busy(), pool.pending()), (0, 0));
    }

    #[test]
    fn a_failed_lease_comes_back_in_the_next_election() {
        let mut pool = pool(Recovery::AtOnce, limits::PENDING);
        let lease = pool.elect(&ask(0, HOME), None, at(0)).unwrap();
        assert_eq!(pool.elect(&ask(0, HOME), Some(lease), at(1)), Err(NoWorker::Tried));
        assert_eq!((pool.busy(), pool.pending()), (0, 0));
        let lease = pool.elect(&ask(0, HOME), None, at(1)).unwrap();
        pool.settle(lease, Verdict::Fine, at(1));
    }

    /// `retry=`: a failure puts the worker to rest, an answer wakes it.
    #[test]
    fn a_worker_that_failed_rests() {
        let mut pool = pool(Recovery::After(Wait::from_secs(5)), limits::PENDING);
        let lease = pool.elect(&ask(0, HOME), None, at(0)).unwrap();
        let resting = |secs| Err(NoWorker::Resting(Wait::from_secs(secs)));
        assert_eq!(pool.elect(&ask(0, HOME), Some(lease), at(1)), resting(5));
        assert_eq!(pool.elect(&ask(0, HOME), None, at(4)), resting(2));
        let mut lease = pool.elect(&ask(0, HOME), None, at(6)).unwrap();
        pool.confirm(&mut lease);
        pool.settle(lease, Verdict::Fine, at(7));
        assert_eq!(pool.health(WorkerId(0)).rests(at(7)), None);
    }
}
