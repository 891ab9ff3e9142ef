//! Stage 4 of 6 · elect, confirm, release: who may take a session, who waits, and what was learnt from it.

use std::task::Poll;

use super::crowd::{Crowd, Visit};
use super::health::Health;
use super::house::{Choice, House, Verdict};
use super::lease::{Ask, Lease, NoWorker};
use crate::Side;
use crate::limits::Pending;
use crate::negotiate::Refusal;
use crate::report::{Close, Report};
use crate::route::{QuotaId, Rules, WorkerId};
use crate::time::Time;

/// All workers, and who waits for them; `W` is the driver's name for a session. Plain data: whoever
/// shares it between loops brings the lock.
///
/// A balancer whose members serve as many as they may (`max=`) has a queue. Whoever has fewer before it than
/// there are places free may take a lease, so nobody is overtaken, except by those who want another member
/// than the one that they belong to. The invariant: those for whom there are places have been woken, and
/// each comes once out of [`Pool::take_woken`]; a driver wakes it after the call, and it elects again.
#[derive(Clone, Debug)]
pub struct Pool<W> {
    houses: Vec<House<W>>,
    /// By worker: its balancer, and its seat there.
    seats: Vec<(usize, usize)>,
    most: Pending,
    crowd: Crowd,
    /// Whose turn it has become, in their order.
    woken: Vec<W>,
}

impl<W: Copy + Eq> Pool<W> {
    /// A pool of those workers, none of them in use.
    pub fn new(rules: &Rules, most: Pending) -> Self {
        let houses: Vec<_> = rules.balancers.iter().map(|it| House::new(it, rules)).collect();
        let mut seats = vec![(0, 0); rules.workers.len()];
        for (number, house) in houses.iter().enumerate() {
            for (seat, it) in house.seats.iter().enumerate() {
                seats[it.worker.0 as usize] = (number, seat);
            }
        }
        Self { houses, seats, most, crowd: Crowd::new(most), woken: Vec::new() }
    }

    /// Chooses a worker that may take one more session. A lease that failed comes back in the same
    /// call, so the choice already knows; the request must say in [`Ask::tried`] that it did.
    ///
    /// `Pending`: `who` waits for its turn, and comes out of [`Pool::take_woken`] when that has come.
    /// Asking earlier changes nothing. A balancer's members may also come back because time passes, which
    /// wakes nobody: who waits for one asks again now and then.
    pub fn elect(
        &mut self,
        ask: &Ask,
        failed: Option<Lease>,
        who: W,
        now: Time,
    ) -> Poll<Result<Lease, NoWorker>> {
        if let Some(lease) = failed {
            let (house, seat) = self.seat(lease.worker);
            self.houses[house].failed(seat, now);
            self.take_back(lease);
        }
        let number = ask.balancer.0 as usize;
        let house = &mut self.houses[number];
        let place = house.queue.place(who);
        match house.choose(ask, place.unwrap_or(house.queue.len()), now) {
            Choice::Seat(seat) => Poll::Ready(self.lease(ask, place, seat)),
            Choice::Later(seat) => self.wait(ask, place, seat, who, now),
            Choice::None(none) if !house.is_patient(ask, place, now) => {
                self.leave(who);
                Poll::Ready(Err(none))
            }
            Choice::None(_) => self.wait(ask, place, None, who, now),
        }
    }

    /// The worker has answered: the handshake is no longer under way.
    pub fn confirm(&mut self, lease: &mut Lease) {
        if let Some(visit) = lease.confirm() {
            let (house, seat) = self.seat(lease.worker);
            let house = &mut self.houses[house];
            house.pending -= 1;
            house.seats[seat].health.answered();
            self.crowd.answered(visit);
        }
    }

    /// The session, or its request, is over: takes back the lease that it had, or its place among
    /// those that wait if it had none. How it ended may say something of the worker.
    pub fn release(&mut self, lease: Option<Lease>, who: W, report: &Report) {
        let Some(lease) = lease else { return self.leave(who) };
        let (house, seat) = self.seat(lease.worker);
        if let Some(verdict) = verdict(report) {
            self.houses[house].judge(seat, verdict, report.ended);
        }
        self.take_back(lease);
    }

    /// Adds to what a worker has carried, in both directions; to be told about once a second.
    pub fn note(&mut self, worker: WorkerId, bytes: u64) {
        let (house, seat) = self.seat(worker);
        let carried = &mut self.houses[house].seats[seat].carried;
        *carried = carried.saturating_add(bytes);
    }

    /// A worker's checks say whether it can serve.
    pub fn checked(&mut self, worker: WorkerId, serves: bool, now: Time) {
        let (house, seat) = self.seat(worker);
        self.houses[house].seats[seat].health.checked(serves, now);
        self.houses[house].wake(&mut self.woken);
    }

    /// A worker says how much it can take; 0 if it has not said so lately.
    pub fn heard(&mut self, worker: WorkerId, ready: u32) {
        let (house, seat) = self.seat(worker);
        self.houses[house].seats[seat].ready = ready;
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
        let (house, seat) = self.seat(worker);
        &self.houses[house].seats[seat].health
    }

    /// Leases out, over all workers.
    pub fn busy(&self) -> u32 {
        self.houses.iter().flat_map(|house| &house.seats).map(|seat| seat.health.busy()).sum()
    }

    /// Handshakes under way, over all workers: leases that are not confirmed, and sessions that wait.
    pub fn pending(&self) -> u32 {
        self.crowd.pending()
    }

    /// Tunnels, handshakes under way included, that are counted by that line (`ProxyWebsocketMaxTunnels`).
    pub fn tunnels(&self, line: QuotaId) -> u32 {
        self.crowd.tunnels(line)
    }

    /// Whether one more may come to that balancer (R53).
    fn admit(&self, ask: &Ask) -> Result<(), NoWorker> {
        let house = &self.houses[ask.balancer.0 as usize];
        let most = self.most.worker.saturating_mul(house.seats.len() as u32);
        self.crowd.admit(ask, house.pending, most)
    }

    /// A lease of that seat for who stands at that place of the queue, or has just come.
    fn lease(&mut self, ask: &Ask, place: Option<usize>, seat: usize) -> Result<Lease, NoWorker> {
        let visit = match place {
            Some(place) => self.houses[ask.balancer.0 as usize].queue.remove(place),
            None => self.enter(ask)?,
        };
        let seat = &mut self.houses[ask.balancer.0 as usize].seats[seat];
        seat.health.leased();
        Ok(Lease::new(seat.worker, visit))
    }

    fn enter(&mut self, ask: &Ask) -> Result<Visit, NoWorker> {
        self.admit(ask)?;
        self.houses[ask.balancer.0 as usize].pending += 1;
        Ok(self.crowd.enter(ask))
    }

    fn wait(
        &mut self,
        ask: &Ask,
        place: Option<usize>,
        seat: Option<usize>,
        who: W,
        now: Time,
    ) -> Poll<Result<Lease, NoWorker>> {
        let number = ask.balancer.0 as usize;
        if let Some(waiting) = place.and_then(|place| self.houses[number].queue.at(place)) {
            (waiting.woken, waiting.seat) = (false, seat);
            return Poll::Pending;
        }
        match self.enter(ask) {
            Ok(visit) => {
                self.houses[number].join(who, visit, seat, now);
                Poll::Pending
            }
            Err(none) => Poll::Ready(Err(none)),
        }
    }

    /// Who waits no longer makes room for the next one, if its own turn had come.
    fn leave(&mut self, who: W) {
        let found = self.houses.iter_mut().find_map(|it| Some((it.queue.place(who)?, it)));
        let Some((place, house)) = found else { return };
        let visit = house.queue.remove(place);
        house.pending -= 1;
        house.wake(&mut self.woken);
        self.crowd.left(visit.line);
        self.crowd.answered(visit);
    }

    fn take_back(&mut self, lease: Lease) {
        let (house, seat) = self.seat(lease.worker);
        let house = &mut self.houses[house];
        house.seats[seat].health.returned();
        self.crowd.left(lease.line);
        if let Some(visit) = lease.pending {
            house.pending -= 1;
            self.crowd.answered(*visit);
        }
        house.wake(&mut self.woken);
    }

    fn seat(&self, worker: WorkerId) -> (usize, usize) {
        self.seats[worker.0 as usize]
    }
}

/// What the end of a request says of the backend that had it.
fn verdict(report: &Report) -> Option<Verdict> {
    match report.close {
        Close::Answered => Some(Verdict::Status(report.status)),
        Close::Refused(Refusal::Overridden(status)) => Some(Verdict::Status(status)),
        Close::Refused(Refusal::LateAnswer) => Some(Verdict::Late),
        Close::Refused(
            Refusal::Lost(_) | Refusal::NoAnswer | Refusal::BadAnswer(_) | Refusal::Nonsense(_),
        )
        | Close::Cut(Side::Backend) => Some(Verdict::Broken),
        Close::Unasked
        | Close::Refused(_)
        | Close::Cut(Side::Client)
        | Close::Ended(_)
        | Close::Faulted(..)
        | Close::Idle
        | Close::HalfClosed
        | Close::Lifetime
        | Close::Stalled(_) => None,
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
    use crate::route::{BalancerId, Host, Recovery, Worker};
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
        Pool::new(&Rules::of(Host::default(), vec![worker.clone(), worker]), most)
    }

    fn ask(worker: u32, client: IpAddr) -> Ask {
        Ask::new(BalancerId(worker), client, Purpose::Exchange)
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
            let tried = vec![lease.worker()];
            let ask = Ask { tried, ..ask(lease.worker().0, HOME) };
            self.elect(&ask, Some(lease), who, at(secs))
        }

        fn over(&mut self, lease: Option<Lease>, who: char) {
            self.release(lease, who, &Report::testing(Close::Idle));
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
        pool.over(Some(first), 'a');
        pool.over(Some(second), 'b');
        pool.over(None, 'c');
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
        leases.into_iter().for_each(|lease| pool.over(Some(lease), 'x'));
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
        pool.over(None, 'b');
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
        pool.over(Some(lease), 'a');
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
        pool.over(Some(lease), 'a');
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
        pool.over(Some(b), 'b');
        assert_eq!(pool.take_woken(), ['c']);
        assert_eq!(['d', 'f'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits], "it is c's turn");
        pool.over(Some(a), 'a');
        assert_eq!(pool.take_woken(), ['d']);
        let leases = ['d', 'c'].map(|who| pool.lease_for(who, A, AWAY));
        assert_eq!((pool.ask('f', A, AWAY), pool.health(WorkerId(A)).busy()), (Waits, 2));
        leases.into_iter().for_each(|lease| pool.over(Some(lease), 'x'));
        assert_eq!(pool.take_woken(), ['f']);
    }

    #[test]
    fn who_leaves_passes_its_turn_on() {
        let mut pool = pool(Recovery::AtOnce, 1, limits::PENDING);
        let lease = pool.lease_for('a', A, HOME);
        assert_eq!(['b', 'c', 'd'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits, Waits]);
        pool.over(None, 'c');
        assert_eq!(pool.take_woken(), [], "it was nobody's turn");
        pool.over(Some(lease), 'a');
        assert_eq!(pool.take_woken(), ['b']);
        pool.over(None, 'b');
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
