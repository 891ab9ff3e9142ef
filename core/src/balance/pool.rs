//! Stage 4 of 6 · elect, confirm, release: who may take a session, who waits, and what was learnt from it.

use std::net::IpAddr;
use std::task::Poll;

use super::crowd::{Crowd, Visit};
use super::expand::Resolved;
use super::health::Health;
use super::house::{Choice, House};
use super::lease::{Ask, Lease, NoWorker};
use super::queue::Wanted;
use super::seat::SeatId;
use super::verdict::verdict;
use crate::limits::Pending;
use crate::report::Report;
use crate::route::{InUse, QuotaId, Rules, WorkerId};
use crate::time::Time;

/// All workers, and who waits for them; `W` is the driver's name for a session. Plain data: whoever
/// shares it between loops brings the lock.
///
/// A balancer whose members serve as many as they may (`max=`) has a queue. When a place becomes free it is kept
/// for the first who may have it, until that one asks, so nobody is overtaken, and nobody waits for another who
/// could not have the place. The invariant: for whom there is a place it is kept; those have been woken, and
/// each comes once out of [`Pool::take_woken`]; a driver wakes it after the call, and it elects again.
#[derive(Clone, Debug)]
pub struct Pool<W> {
    houses: Vec<House<W>>,
    /// By worker.
    homes: Vec<Home>,
    most: Pending,
    crowd: Crowd,
    /// Whose turn it has become, in their order.
    woken: Vec<W>,
}

/// Where a worker is.
#[derive(Clone, Debug, Default)]
struct Home {
    /// The number of its balancer.
    house: usize,
    /// Its seats there: one, or one for each of its addresses so far (`addresses=all`).
    seats: Vec<usize>,
}

impl<W: Copy + Eq> Pool<W> {
    /// A pool of those workers, none of them in use.
    pub fn new(rules: &Rules, most: Pending) -> Self {
        let houses: Vec<_> = rules.balancers.iter().map(|it| House::new(it, rules)).collect();
        let homes = homes(rules, &houses);
        Self { houses, homes, most, crowd: Crowd::new(most), woken: Vec::new() }
    }

    /// From now on those rules are asked for, which were made [after](Rules::after) the last ones: who is in both keeps
    /// its counts and what is known of it, and nobody is elected any more for a member that is gone. Who asks for a
    /// balancer that is gone is served as before: its session has not heard of it. Who waits may have another one.
    pub fn renew(&mut self, rules: &Rules) {
        for (number, balancer) in rules.balancers.iter().enumerate() {
            match self.houses.get_mut(number) {
                Some(house) => house.renew(balancer, rules),
                None => self.houses.push(House::new(balancer, rules)),
            }
        }
        self.homes = homes(rules, &self.houses);
        for house in &mut self.houses {
            house.wake_all(&mut self.woken);
        }
    }

    /// Numbers that leases have: see [`Rules::after`].
    pub fn in_use(&self) -> InUse {
        let seats = self.houses.iter().flat_map(|house| &house.seats);
        let busy = seats.filter(|seat| seat.health.busy() > 0);
        let workers = busy.map(|seat| seat.id.worker).collect();
        InUse { workers, lines: self.crowd.lines().collect() }
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
            self.take_back(lease, now, |house, seat| house.failed(seat, now));
        }
        let number = ask.balancer.0 as usize;
        let house = &mut self.houses[number];
        let place = house.queue.place(who);
        let choice = house.choose(ask, place, now, &mut self.woken);
        let since = place.and_then(|place| house.queue.at(place)).map_or(now, |it| it.since);
        match choice {
            Choice::Seat(seat) => Poll::Ready(self.lease(ask, place, seat)),
            Choice::Later(wants) => self.wait(ask, place, wants, who),
            Choice::None(_) if house.is_patient(ask, since) => {
                self.wait(ask, place, Wanted::Change, who)
            }
            Choice::None(none) => {
                self.leave(who);
                Poll::Ready(Err(none))
            }
        }
    }

    /// The worker has answered: the handshake is no longer under way.
    pub fn confirm(&mut self, lease: &mut Lease) {
        if let Some(visit) = lease.confirm() {
            let (house, seat) = self.seat(lease.seat);
            let house = &mut self.houses[house];
            house.pending -= 1;
            if house.seats[seat].health.answered() {
                house.wake_all(&mut self.woken);
            }
            self.crowd.answered(visit);
        }
    }

    /// The session, or its request, is over: takes back the lease that it had, or its place among
    /// those that wait if it had none. How it ended may say something of the worker.
    pub fn release(&mut self, lease: Option<Lease>, who: W, report: &Report) {
        let Some(lease) = lease else { return self.leave(who) };
        let now = report.ended;
        self.take_back(lease, now, |house, seat| {
            verdict(report).into_iter().for_each(|verdict| house.judge(seat, verdict, now));
        });
    }

    /// Adds to what was carried, in both directions; to be told about once a second.
    pub fn note(&mut self, seat: impl Into<SeatId>, bytes: u64) {
        if let Some((house, seat)) = self.find(seat.into()) {
            let carried = &mut self.houses[house].seats[seat].carried;
            *carried = carried.saturating_add(bytes);
        }
    }

    /// What was carried, in both directions, as far as it was told.
    pub fn carried(&self, seat: impl Into<SeatId>) -> u64 {
        self.find(seat.into()).map_or(0, |(house, seat)| self.houses[house].seats[seat].carried)
    }

    /// The name of a worker was resolved to those addresses, or could not be if there are none. If the worker has
    /// a seat for each of its addresses (`addresses=all`), who is new there gets one, who has one keeps it with
    /// all that is known of it, and nobody is elected any more for who is gone. Nothing changes if it could not be
    /// resolved, but that nobody waits to learn the addresses. It changes nothing of other workers.
    pub fn resolved(&mut self, worker: WorkerId, addresses: &[IpAddr], now: Time) -> Resolved {
        let Home { house, seats } = &mut self.homes[worker.0 as usize];
        self.houses[*house].resolved(worker, addresses, seats, now, &mut self.woken)
    }

    /// A worker's checks say whether it can serve.
    pub fn checked(&mut self, worker: WorkerId, serves: bool, now: Time) {
        let Home { house, seats } = &self.homes[worker.0 as usize];
        let house = &mut self.houses[*house];
        for &seat in seats {
            house.change(seat, now, &mut self.woken, |it, seat| {
                it.seats[seat].health.checked(serves, now);
            });
        }
    }

    /// A worker says how much it can take; 0 if it has not said so lately.
    pub fn heard(&mut self, worker: WorkerId, ready: u32) {
        let Home { house, seats } = &self.homes[worker.0 as usize];
        let house = &mut self.houses[*house];
        for &seat in seats {
            let before = std::mem::replace(&mut house.seats[seat].ready, ready);
            if before == 0 && ready > 0 {
                house.wake_all(&mut self.woken);
            }
        }
    }

    /// Whose turn has come since the last time, in their order: each must elect again.
    #[must_use = "who is not woken waits for ever"]
    pub fn take_woken(&mut self) -> Vec<W> {
        std::mem::take(&mut self.woken)
    }

    /// What is known of a worker, or of what a seat of it is for.
    ///
    /// # Panics
    ///
    /// If there is no such seat: the pool was not made from the rules that the worker's number comes from.
    pub fn health(&self, seat: impl Into<SeatId>) -> &Health {
        let (house, seat) = self.seat(seat.into());
        &self.houses[house].seats[seat].health
    }

    /// The same, if there is such a worker: who checks it may not have heard that it is gone.
    pub(super) fn find_health(&self, worker: WorkerId) -> Option<&Health> {
        let Home { house, seats } = self.homes.get(worker.0 as usize)?;
        Some(&self.houses[*house].seats[*seats.first()?].health)
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
        let most = self.most.worker.saturating_mul(house.size());
        self.crowd.admit(ask, house.pending, most)
    }

    /// A lease of that seat for who stands at that place of the queue, or has just come.
    fn lease(&mut self, ask: &Ask, place: Option<usize>, seat: usize) -> Result<Lease, NoWorker> {
        let visit = match place {
            Some(place) => self.houses[ask.balancer.0 as usize].leave(place).0,
            None => self.enter(ask)?,
        };
        let seat = &mut self.houses[ask.balancer.0 as usize].seats[seat];
        seat.health.leased();
        Ok(Lease::new(seat.id, seat.address(), visit))
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
        wants: Wanted,
        who: W,
    ) -> Poll<Result<Lease, NoWorker>> {
        let number = ask.balancer.0 as usize;
        if let Some(waiting) = place.and_then(|place| self.houses[number].queue.at(place)) {
            (waiting.woken, waiting.wants) = (false, wants);
            return Poll::Pending;
        }
        match self.enter(ask) {
            Ok(visit) => {
                self.houses[number].join(who, visit, wants, ask);
                Poll::Pending
            }
            Err(none) => Poll::Ready(Err(none)),
        }
    }

    /// Who waits no longer makes room for the next one, if its own turn had come.
    fn leave(&mut self, who: W) {
        let found = self.houses.iter_mut().find_map(|it| Some((it.queue.place(who)?, it)));
        let Some((place, house)) = found else { return };
        let (visit, kept) = house.leave(place);
        house.pending -= 1;
        kept.into_iter().for_each(|seat| house.wake(seat, &mut self.woken));
        self.crowd.left(visit.line);
        self.crowd.answered(visit);
    }

    /// Its place is free before anybody is woken by what was learnt.
    fn take_back(&mut self, lease: Lease, now: Time, learn: impl FnOnce(&mut House<W>, usize)) {
        let (house, seat) = self.seat(lease.seat);
        let house = &mut self.houses[house];
        house.seats[seat].health.returned();
        self.crowd.left(lease.line);
        if let Some(handshake) = lease.pending {
            house.pending -= 1;
            self.crowd.answered(handshake.visit);
        }
        house.change(seat, now, &mut self.woken, learn);
        house.wake(seat, &mut self.woken);
    }

    /// Where the seat of a lease is: it is nobody else's before that comes back.
    fn seat(&self, id: SeatId) -> (usize, usize) {
        let Home { house, seats } = &self.homes[id.worker.0 as usize];
        (*house, seats[id.place as usize])
    }

    /// Where the seat of that name is, if there still is one.
    fn find(&self, id: SeatId) -> Option<(usize, usize)> {
        let Home { house, seats } = self.homes.get(id.worker.0 as usize)?;
        let seat = *seats.get(id.place as usize)?;
        (self.houses[*house].seats[seat].id == id).then_some((*house, seat))
    }
}

/// Where everybody is.
fn homes<W>(rules: &Rules, houses: &[House<W>]) -> Vec<Home> {
    let mut homes = vec![Home::default(); rules.workers.len()];
    for (house, balancer) in rules.balancers.iter().enumerate() {
        for id in balancer.everybody() {
            homes[id.0 as usize].house = house;
        }
    }
    for house in houses {
        for (number, seat) in house.seats.iter().enumerate() {
            homes[seat.id.worker.0 as usize].seats.push(number);
        }
    }
    homes
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests;
