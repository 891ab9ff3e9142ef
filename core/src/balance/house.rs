//! Stage 4 of 6 · one balancer: who of its members may serve, and in which order they are asked (httpd's
//! candidate walk).

use super::choice::{Seat, best, better_of_two, mix};
use super::crowd::Visit;
use super::lease::{Ask, NoWorker};
use super::queue::{Places, Queue, Waiting};
use crate::route::{Admission, Balancer, Method, Role, RouteId, Rules, Worker};
use crate::time::{Time, Wait};

/// From so many members on, the best is not looked for: the better of two is nearly as good.
const MANY: usize = 17;

/// The members of one balancer, and who waits for one of them; `W` is the driver's name for a session.
#[derive(Clone, Debug)]
pub(super) struct House<W> {
    pub(super) seats: Vec<Seat>,
    pub(super) queue: Queue<W>,
    /// Handshakes under way: leases that are not confirmed, and who waits.
    pub(super) pending: u32,
    terms: Terms,
    /// The sets that its members are in, the lowest first.
    sets: Vec<u8>,
    /// All of its members are regular ones of one set.
    is_plain: bool,
    /// Draws so far: what is drawn depends on nothing else.
    drawn: u64,
}

/// What a balancer says of elections.
#[derive(Clone, Debug)]
struct Terms {
    method: Method,
    fails_over: bool,
    patience: Wait,
    retries: u32,
    forces_recovery: bool,
    fails_on: Vec<u16>,
    fails_late: bool,
}

/// What an election comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Choice {
    /// That seat.
    Seat(usize),
    /// That seat, or any if none is named, once it is free.
    Later(Option<usize>),
    /// None.
    None(NoWorker),
}

impl<W: Copy + Eq> House<W> {
    pub(super) fn new(balancer: &Balancer, rules: &Rules) -> Self {
        let worker = |id: &crate::route::WorkerId| -> &Worker { &rules.workers[id.0 as usize] };
        let seats: Vec<_> = balancer.workers.iter().map(|id| Seat::new(*id, worker(id))).collect();
        let mut sets: Vec<_> = seats.iter().map(|seat| seat.set).collect();
        sets.sort_unstable();
        sets.dedup();
        Self {
            is_plain: sets.len() < 2 && seats.iter().all(|seat| seat.role == Role::Regular),
            seats,
            queue: Queue::new(),
            pending: 0,
            terms: Terms::of(balancer),
            sets,
            drawn: 0,
        }
    }

    /// Whom `who` gets, who stands at that place of the queue, or would behind it.
    pub(super) fn choose(&mut self, ask: &Ask, place: usize, now: Time) -> Choice {
        self.wake_up(now);
        if self.has_tried_all(ask) {
            return Choice::None(self.none(ask, now));
        }
        let owner = ask.route.and_then(|route| self.owner(route, ask, now));
        if ask.route.is_some() && owner.is_none() && !self.terms.fails_over {
            return Choice::None(NoWorker::Route);
        }
        let places = self.places(place, now);
        let choice = match owner {
            Some(seat) if has_room(places.as_ref(), &self.seats, seat) => Choice::Seat(seat),
            Some(seat) => Choice::Later(Some(seat)),
            None => self.choose_any(ask, places.as_ref(), now),
        };
        if let (Choice::Seat(seat), Some(_)) = (choice, owner) {
            self.owes(seat, now);
        }
        choice
    }

    /// Whether a request has tried as many members as it may, or all that there are.
    fn has_tried_all(&self, ask: &Ask) -> bool {
        ask.tried.len() > self.terms.retries as usize
            || self.seats.iter().all(|seat| ask.tried.contains(&seat.worker))
    }

    fn choose_any(&mut self, ask: &Ask, places: Option<&Places>, now: Time) -> Choice {
        if places.is_none_or(|places| places.has(None))
            && let Some(seat) = self.elect(ask, places, now)
        {
            return Choice::Seat(seat);
        }
        let mut seats = self.seats.iter().enumerate();
        let is_full = |(number, seat): (usize, &Seat)| {
            may_serve(seat, ask, now) && is_open(seat) && !has_room(places, &self.seats, number)
        };
        if seats.any(is_full) { Choice::Later(None) } else { Choice::None(self.none(ask, now)) }
    }

    /// What is free for whoever stands at that place; nothing if nobody waits before it.
    fn places(&self, place: usize, now: Time) -> Option<Places> {
        let free = |seat: &Seat| if seat.is_usable(now) { seat.health.free() } else { 0 };
        let is_shared = |seat: &Seat| match seat.role {
            Role::Regular | Role::Standby => is_open(seat),
            Role::Spare => is_open(seat) && self.misses_one(seat.set, now),
        };
        let places = || Places::new(self.seats.iter().map(|it| (free(it), is_shared(it))));
        (place > 0).then(|| self.queue.leave_behind(place, places()))
    }

    /// Whether a regular member of that set may not be tried by everybody.
    fn misses_one(&self, set: u8, now: Time) -> bool {
        let mut regular = self.seats.iter().filter(|it| it.set == set && it.role == Role::Regular);
        regular.any(|it| !it.is_usable(now) || !is_open(it))
    }

    /// Wakes those whose turn it has become. A place of a member that rests counts too: who waits for
    /// it learns so, and asks again.
    pub(super) fn wake(&mut self, woken: &mut Vec<W>) {
        if self.queue.len() > 0 {
            let is_closed = |seat: &Seat| seat.admission == Admission::Closed;
            let free = |seat: &Seat| if is_closed(seat) { 0 } else { seat.health.free() };
            let places = self.seats.iter().map(|seat| (free(seat), is_open(seat)));
            self.queue.wake(Places::new(places), woken);
        }
    }

    /// Does something to the member on that seat, by which it may be tried no longer, or again.
    pub(super) fn change(
        &mut self,
        seat: usize,
        now: Time,
        woken: &mut Vec<W>,
        act: impl FnOnce(&mut Self, usize),
    ) {
        let before = self.seats[seat].is_usable(now);
        act(self, seat);
        if before != self.seats[seat].is_usable(now) {
            self.wake_all(woken);
        }
    }

    /// Wakes all who wait: whom each may have is another question now.
    pub(super) fn wake_all(&mut self, woken: &mut Vec<W>) {
        match self.seats.len() {
            1 => self.wake(woken),
            _ => self.queue.wake_all(woken),
        }
    }

    /// Puts somebody behind all others who wait, for that seat or for any.
    pub(super) fn join(&mut self, who: W, visit: Visit, seat: Option<usize>, ask: &Ask, now: Time) {
        let seats = self.seats.iter().enumerate();
        let tried = seats.filter(|(_, it)| ask.tried.contains(&it.worker)).map(|(seat, _)| seat);
        let tried = tried.collect();
        self.queue.join(Waiting { who, visit, seat, tried, since: now, woken: false });
    }

    /// Whether who stands at that place, or has just come, may wait for a member that may be tried.
    pub(super) fn is_patient(&mut self, ask: &Ask, place: Option<usize>, now: Time) -> bool {
        if self.terms.patience == Wait::ZERO || self.has_tried_all(ask) {
            return false;
        }
        let since = place.and_then(|place| self.queue.at(place)).map_or(now, |it| it.since);
        now < since.after(self.terms.patience)
    }

    /// Members whose rest is over may be tried; all of them if there would be none left (`forcerecovery=`).
    fn wake_up(&mut self, now: Time) {
        let mut all_rest = self.terms.forces_recovery;
        for seat in &mut self.seats {
            seat.health.wakes(now);
            all_rest &= seat.health.rests(now).is_some();
        }
        if all_rest {
            self.seats.iter_mut().for_each(|seat| seat.health.comes_back(now));
        }
    }

    /// Who serves the clients of that route, if anybody does: regular ones first, and who stands in for one
    /// that cannot.
    fn owner(&self, route: RouteId, ask: &Ask, now: Time) -> Option<usize> {
        let mut route = route;
        for _ in 0..=self.seats.len() {
            let of_route = |role: fn(Role) -> bool| {
                let seats = self.seats.iter().enumerate();
                seats.filter(move |(_, it)| it.route == Some(route) && role(it.role))
            };
            let all = || {
                of_route(|role| role != Role::Standby).chain(of_route(|role| role == Role::Standby))
            };
            if let Some((seat, _)) = all().find(|(_, seat)| may_serve(seat, ask, now)) {
                return Some(seat);
            }
            route = all().find_map(|(_, seat)| seat.redirect)?;
        }
        None
    }

    /// Who belongs to a member counts as its turn.
    fn owes(&mut self, chosen: usize, now: Time) {
        let mut total = 0;
        for seat in self.seats.iter_mut().filter(|seat| seat.is_usable(now)) {
            seat.score = seat.score.saturating_add(i64::from(seat.weight));
            total += i64::from(seat.weight);
        }
        let seat = &mut self.seats[chosen];
        seat.score = seat.score.saturating_sub(total);
    }

    /// The best of those that may serve whom nobody is destined for.
    fn elect(&mut self, ask: &Ask, places: Option<&Places>, now: Time) -> Option<usize> {
        if self.terms.method == Method::LeastTunnels && self.seats.len() >= MANY && self.is_plain {
            self.drawn += 1;
            let chance = mix(self.drawn ^ u64::from(ask.balancer.0) << 48);
            let may =
                |seat: &Seat| may_serve(seat, ask, now) && is_open(seat) && seat.health.free() > 0;
            let better = better_of_two(&self.seats, chance, may, now);
            if let Some(seat) = better.filter(|&seat| has_room(places, &self.seats, seat)) {
                return Some(seat);
            }
        }
        let mut candidates = Vec::new();
        for set in 0..self.sets.len() {
            self.candidates(self.sets[set], ask, places, now, &mut candidates);
            let key = ask.key;
            let best = best(&self.terms.method, &mut self.seats, &candidates, key, now);
            if best.is_some() {
                return best;
            }
        }
        None
    }

    /// The members of one set that compete: the regular ones, with as many spares as there are regular
    /// ones missing, or else those that stand by.
    fn candidates(
        &self,
        set: u8,
        ask: &Ask,
        places: Option<&Places>,
        now: Time,
        candidates: &mut Vec<usize>,
    ) {
        candidates.clear();
        let of = |role: Role| {
            let seats = self.seats.iter().enumerate();
            seats.filter(move |(_, seat)| seat.set == set && seat.role == role)
        };
        let serves = |seat: &Seat| may_serve(seat, ask, now) && is_open(seat);
        let is_free = |seat: &usize| has_room(places, &self.seats, *seat);
        let able = |role| of(role).filter(|(_, seat)| serves(seat)).map(|(number, _)| number);
        candidates.extend(able(Role::Regular).filter(is_free));
        let missing = of(Role::Regular).filter(|(_, seat)| !serves(seat)).count();
        candidates.extend(able(Role::Spare).take(missing).filter(is_free));
        if candidates.is_empty() {
            candidates.extend(able(Role::Standby).filter(is_free));
        }
    }

    /// Why nobody may be tried.
    fn none(&self, ask: &Ask, now: Time) -> NoWorker {
        let open = self.seats.iter().filter(|seat| is_open(seat) && !seat.health.is_ailing());
        let rests: Vec<_> = open.map(|seat| seat.health.rests(now)).collect();
        match rests.iter().copied().min() {
            None => NoWorker::Down,
            Some(Some(wait)) => NoWorker::Resting(wait),
            Some(None) if ask.tried.is_empty() => NoWorker::Down,
            Some(None) => NoWorker::Tried,
        }
    }

    /// A lease for that seat failed before anything was sent.
    pub(super) fn failed(&mut self, seat: usize, now: Time) {
        self.seats[seat].health.failed(now);
    }

    /// What the backend of that seat answered with, or that it did not in time, says of it.
    pub(super) fn judge(&mut self, seat: usize, verdict: Verdict, now: Time) {
        let fails = match verdict {
            Verdict::Status(status) => self.terms.fails_on.contains(&status),
            Verdict::Late => self.terms.fails_late,
            Verdict::Broken => false,
        };
        if fails {
            return self.failed(seat, now);
        }
        let is_strike = matches!(verdict, Verdict::Late | Verdict::Broken);
        if is_strike && self.seats[seat].health.strike(now) {
            let other =
                |(number, it): (usize, &Seat)| number != seat && it.is_usable(now) && is_open(it);
            let others = self.seats.iter().enumerate().any(other);
            if others || self.seats[seat].health.may_be_last() {
                self.seats[seat].health.ejected(now);
            }
        }
    }
}

/// How a backend took a request, as far as that says something of the backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It answered with that status.
    Status(u16),
    /// It did not answer in time.
    Late,
    /// It broke off, or what it said was no HTTP.
    Broken,
}

impl Terms {
    fn of(balancer: &Balancer) -> Self {
        Self {
            method: balancer.method.clone(),
            fails_over: balancer.fails_over,
            patience: balancer.patience,
            retries: balancer.retries,
            forces_recovery: balancer.forces_recovery,
            fails_on: balancer.fails_on.clone(),
            fails_late: balancer.fails_late,
        }
    }
}

/// Whether it may be tried for that request.
fn may_serve(seat: &Seat, ask: &Ask, now: Time) -> bool {
    seat.is_usable(now) && !ask.tried.contains(&seat.worker)
}

/// Whether it serves those who do not belong to it.
fn is_open(seat: &Seat) -> bool {
    seat.admission == Admission::Open
}

/// Whether a seat has a place that is for nobody who came earlier.
fn has_room(places: Option<&Places>, seats: &[Seat], seat: usize) -> bool {
    seats[seat].health.free() > 0 && places.is_none_or(|places| places.has(Some(seat)))
}
