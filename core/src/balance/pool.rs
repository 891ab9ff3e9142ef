//! Stage 4 of 6 · elect, confirm, release: who may take a session, who waits, and what was learnt from it.

use std::task::Poll;

use super::crowd::Crowd;
use super::lease::{Ask, Lease, NoWorker};
use super::queue::Queue;
use super::worker::Health;
use crate::limits::Pending;
use crate::route::{QuotaId, Worker, WorkerId};
use crate::time::Time;

/// All workers, and who waits for them; `W` is the driver's name for a session. Plain data: whoever
/// shares it between loops brings the lock.
///
/// A worker that serves as many as it may (`max=`) has a queue. Whoever has fewer before it than
/// there are places free may take a lease, so nobody is overtaken. The invariant: the first of a
/// queue, as many as there are places free, have been woken. Each call makes it the turn of one more
/// session at the most, whose name then comes out of [`Pool::take_woken`]; a driver wakes it after
/// the call, and it elects again.
#[derive(Clone, Debug)]
pub struct Pool<W> {
    desks: Vec<Desk<W>>,
    crowd: Crowd,
    /// Whose turn it has become, in their order.
    woken: Vec<W>,
}

/// One worker, and who waits for it.
#[derive(Clone, Debug)]
struct Desk<W> {
    health: Health,
    queue: Queue<W>,
}

impl<W: Copy + Eq> Pool<W> {
    /// A pool of those workers, none of them in use.
    pub fn new(workers: &[Worker], most: Pending) -> Self {
        let desk = |worker| Desk { health: Health::new(worker), queue: Queue::new() };
        let desks = workers.iter().map(desk).collect();
        Self { desks, crowd: Crowd::new(most), woken: Vec::new() }
    }

    /// Chooses a worker that may take one more session. A lease that failed comes back in the same
    /// call, so the choice already knows.
    ///
    /// `Pending`: `who` waits for its turn, and comes out of [`Pool::take_woken`] when that has come.
    /// Asking earlier changes nothing.
    pub fn elect(
        &mut self,
        ask: &Ask,
        failed: Option<Lease>,
        who: W,
        now: Time,
    ) -> Poll<Result<Lease, NoWorker>> {
        let tried = failed.is_some();
        if let Some(lease) = failed {
            self.desk_mut(lease.worker).health.failed(now);
            self.take_back(lease);
        }
        if let Some(wait) = self.health(ask.worker).rests(now) {
            self.leave(who);
            return Poll::Ready(Err(NoWorker::Resting(wait)));
        }
        if tried { Poll::Ready(Err(NoWorker::Tried)) } else { self.lease(ask, who) }
    }

    /// The worker has answered: the handshake is no longer under way.
    pub fn confirm(&mut self, lease: &mut Lease) {
        if let Some(visit) = lease.confirm() {
            self.desk_mut(lease.worker).health.confirmed();
            self.crowd.answered(visit);
        }
    }

    /// The session, or its request, is over: takes back the lease that it had, or its place among
    /// those that wait if it had none.
    pub fn release(&mut self, lease: Option<Lease>, who: W) {
        match lease {
            Some(lease) => self.take_back(lease),
            None => self.leave(who),
        }
    }

    /// Whose turn has come since the last time, in their order: each must elect again.
    #[must_use = "who is not woken waits for ever"]
    pub fn take_woken(&mut self) -> Vec<W> {
        std::mem::take(&mut self.woken)
    }

    /// What is known of a worker.
    ///
    /// # Panics
    ///
    /// If the pool was not made from the rules that the worker's number comes from.
    pub fn health(&self, worker: WorkerId) -> &Health {
        &self.desks[worker.0 as usize].health
    }

    /// Leases out, over all workers.
    pub fn busy(&self) -> u32 {
        self.desks.iter().map(|desk| desk.health.busy()).sum()
    }

    /// Handshakes under way, over all workers: leases that are not confirmed, and sessions that wait.
    pub fn pending(&self) -> u32 {
        self.crowd.pending()
    }

    /// Tunnels, handshakes under way included, that are counted by that line (`ProxyWebsocketMaxTunnels`).
    pub fn tunnels(&self, line: QuotaId) -> u32 {
        self.crowd.tunnels(line)
    }

    /// A lease if it is the turn of `who`. Everybody joins the queue; where places are free, only for
    /// the length of this call.
    fn lease(&mut self, ask: &Ask, who: W) -> Poll<Result<Lease, NoWorker>> {
        let place = match self.desk_mut(ask.worker).queue.place(who) {
            Some(place) => place,
            None => match self.crowd.admit(ask, self.health(ask.worker).pending()) {
                Ok(()) => self.join(ask, who),
                Err(none) => return Poll::Ready(Err(none)),
            },
        };
        let Desk { health, queue } = self.desk_mut(ask.worker);
        if place >= health.free() as usize {
            return Poll::Pending;
        }
        health.leased();
        Poll::Ready(Ok(Lease::new(ask.worker, queue.remove(place))))
    }

    fn join(&mut self, ask: &Ask, who: W) -> usize {
        let visit = self.crowd.enter(ask);
        let desk = self.desk_mut(ask.worker);
        desk.health.asked();
        desk.queue.join(who, visit)
    }

    /// Who waits no longer makes room for the next one, if its own turn had come.
    fn leave(&mut self, who: W) {
        let found = self.desks.iter_mut().find_map(|desk| Some((desk.queue.place(who)?, desk)));
        let Some((place, desk)) = found else { return };
        let visit = desk.queue.remove(place);
        desk.health.abandoned();
        let next = desk.queue.last_of(desk.health.free());
        self.woken.extend(next.filter(|_| place < desk.health.free() as usize));
        self.crowd.left(visit.line);
        self.crowd.answered(visit);
    }

    fn take_back(&mut self, lease: Lease) {
        let desk = &mut self.desks[lease.worker.0 as usize];
        desk.health.returned();
        self.woken.extend(desk.queue.last_of(desk.health.free()));
        self.crowd.left(lease.line);
        if let Some(visit) = lease.pending {
            desk.health.abandoned();
            self.crowd.answered(*visit);
        }
    }

    fn desk_mut(&mut self, worker: WorkerId) -> &mut Desk<W> {
        &mut self.desks[worker.0 as usize]
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::balance::Purpose;
    use crate::limits;
    use crate::route::Recovery;
    use crate::time::Wait;
    use Poll::{Pending as Waits, Ready};

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ROOM: Pending = Pending { total: 3, worker: 2, client: 1 };
    const A: u32 = 0;
    const B: u32 = 1;

    fn pool(recovery: Recovery, max: u32, most: Pending) -> Pool<char> {
        let max = std::num::NonZeroU32::new(max);
        let worker = Worker { recovery, most: max, ..Worker::new("b", 80) };
        Pool::new(&[worker.clone(), worker], most)
    }

    fn ask(worker: u32, client: IpAddr) -> Ask {
        Ask { worker: WorkerId(worker), client, purpose: Purpose::Exchange }
    }

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    impl Pool<char> {
        /// At second 0, without a lease that failed.
        fn ask(&mut self, who: char, worker: u32, client: IpAddr) -> Poll<Result<Lease, NoWorker>> {
            self.elect(&ask(worker, client), None, who, at(0))
        }

        fn lease_for(&mut self, who: char, worker: u32, client: IpAddr) -> Lease {
            let Ready(Ok(lease)) = self.ask(who, worker, client) else { panic!("{who} has none") };
            lease
        }

        fn fail(&mut self, lease: Lease, who: char, secs: u64) -> Poll<Result<Lease, NoWorker>> {
            self.elect(&ask(lease.worker().0, HOME), Some(lease), who, at(secs))
        }
    }

    #[test]
    fn what_goes_out_comes_back() {
        let mut pool = pool(Recovery::AtOnce, 0, limits::PENDING);
        let mut first = pool.lease_for('a', A, HOME);
        let second = pool.lease_for('b', A, HOME);
        assert_eq!((pool.busy(), pool.pending()), (2, 2));
        pool.confirm(&mut first);
        pool.confirm(&mut first);
        assert_eq!((pool.busy(), pool.pending(), first.is_pending()), (2, 1, false));
        pool.release(Some(first), 'a');
        pool.release(Some(second), 'b');
        pool.release(None, 'c');
        assert_eq!((pool.busy(), pool.crowd.is_empty()), (0, true));
    }

    /// R53: each of the three caps, and the way back below it.
    #[test]
    fn handshakes_under_way_are_capped() {
        let mut pool = pool(Recovery::AtOnce, 0, Pending { client: 2, ..ROOM });
        let mut leases: Vec<_> = [HOME, AWAY].map(|ip| pool.lease_for('a', A, ip)).into();
        assert_eq!(pool.ask('b', A, HOME), Ready(Err(NoWorker::Busy)), "per worker");
        leases.push(pool.lease_for('b', B, HOME));
        assert_eq!(pool.ask('c', B, AWAY), Ready(Err(NoWorker::Busy)), "in all");
        pool.confirm(&mut leases[1]);
        assert_eq!(pool.ask('c', B, HOME), Ready(Err(NoWorker::Client)), "per client");
        leases.push(pool.lease_for('c', B, AWAY));
        leases.into_iter().for_each(|lease| pool.release(Some(lease), 'x'));
        assert_eq!((pool.busy(), pool.pending()), (0, 0));
    }

    /// R53: who waits has a handshake under way, and makes room when it no longer waits.
    #[test]
    fn a_queue_is_no_longer_than_the_caps_allow() {
        let mut pool = pool(Recovery::AtOnce, 1, Pending { client: 2, worker: 3, total: 4 });
        let _lease = pool.lease_for('a', A, HOME);
        assert_eq!(pool.ask('b', A, HOME), Waits);
        assert_eq!(pool.ask('c', A, HOME), Ready(Err(NoWorker::Client)), "per client");
        assert_eq!(pool.ask('c', A, AWAY), Waits);
        assert_eq!(pool.ask('d', A, AWAY), Ready(Err(NoWorker::Busy)), "per worker");
        assert_eq!(pool.ask('b', A, HOME), Waits, "who waits already may ask again");
        pool.release(None, 'b');
        assert_eq!((pool.ask('d', A, HOME), pool.pending()), (Waits, 3));
        let _other = pool.lease_for('e', B, AWAY);
        assert_eq!(pool.ask('f', B, AWAY), Ready(Err(NoWorker::Busy)), "in all");
    }

    #[test]
    fn a_failed_lease_comes_back_in_the_next_election() {
        let mut pool = pool(Recovery::AtOnce, 0, limits::PENDING);
        let lease = pool.lease_for('a', A, HOME);
        assert_eq!(pool.fail(lease, 'a', 1), Ready(Err(NoWorker::Tried)));
        assert_eq!((pool.busy(), pool.pending()), (0, 0));
        let lease = pool.lease_for('a', A, HOME);
        pool.release(Some(lease), 'a');
    }

    /// `retry=`: a failure puts the worker to rest, an answer wakes it.
    #[test]
    fn a_worker_that_failed_rests() {
        let mut pool = pool(Recovery::After(Wait::from_secs(5)), 0, limits::PENDING);
        let lease = pool.lease_for('a', A, HOME);
        let resting = |secs| Ready(Err(NoWorker::Resting(Wait::from_secs(secs))));
        let ask = ask(A, HOME);
        assert_eq!(pool.fail(lease, 'a', 1), resting(5));
        assert_eq!(pool.elect(&ask, None, 'a', at(4)), resting(2));
        let Ready(Ok(mut lease)) = pool.elect(&ask, None, 'a', at(6)) else { panic!("it rests") };
        pool.confirm(&mut lease);
        pool.release(Some(lease), 'a');
        assert_eq!(pool.health(WorkerId(0)).rests(at(7)), None);
    }

    /// `max=`: one comes when one goes, in the order in which they came.
    #[test]
    fn a_full_worker_serves_in_turn() {
        let mut pool = pool(Recovery::AtOnce, 2, limits::PENDING);
        let [a, b] = ['a', 'b'].map(|who| pool.lease_for(who, A, HOME));
        assert_eq!(['c', 'd', 'c'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits, Waits]);
        assert_eq!(pool.take_woken(), []);
        let _of_another_worker = pool.lease_for('e', B, HOME);
        pool.release(Some(b), 'b');
        assert_eq!(pool.take_woken(), ['c']);
        assert_eq!(['d', 'f'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits], "it is c's turn");
        pool.release(Some(a), 'a');
        assert_eq!(pool.take_woken(), ['d']);
        let leases = ['d', 'c'].map(|who| pool.lease_for(who, A, AWAY));
        assert_eq!((pool.ask('f', A, AWAY), pool.health(WorkerId(A)).busy()), (Waits, 2));
        leases.into_iter().for_each(|lease| pool.release(Some(lease), 'x'));
        assert_eq!(pool.take_woken(), ['f']);
    }

    #[test]
    fn who_leaves_passes_its_turn_on() {
        let mut pool = pool(Recovery::AtOnce, 1, limits::PENDING);
        let lease = pool.lease_for('a', A, HOME);
        assert_eq!(['b', 'c', 'd'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits, Waits]);
        pool.release(None, 'c');
        assert_eq!(pool.take_woken(), [], "it was nobody's turn");
        pool.release(Some(lease), 'a');
        assert_eq!(pool.take_woken(), ['b']);
        pool.release(None, 'b');
        assert_eq!(pool.take_woken(), ['d']);
    }

    /// Nobody sleeps through the rest of a worker: each that is told so wakes the next.
    #[test]
    fn those_who_wait_learn_that_the_worker_rests() {
        let mut pool = pool(Recovery::After(Wait::from_secs(5)), 1, limits::PENDING);
        let lease = pool.lease_for('a', A, HOME);
        assert_eq!(['b', 'c'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits]);
        let resting = Ready(Err(NoWorker::Resting(Wait::from_secs(5))));
        assert_eq!(pool.fail(lease, 'a', 0), resting);
        for who in ['b', 'c'] {
            assert_eq!(pool.take_woken(), [who]);
            assert_eq!(pool.ask(who, A, AWAY), resting);
        }
        assert_eq!((pool.take_woken(), pool.pending()), (vec![], 0));
    }
}
