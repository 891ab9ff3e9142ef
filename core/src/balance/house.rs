//! Stage 4 of 6 · one balancer: who of its members may serve, and in which order they are asked (httpd's
//! candidate walk).

use super::choice::{best, better_of_two, mix, takes_one};
use super::crowd::Visit;
use super::expand::Blank;
use super::lease::{Ask, NoWorker};
use super::queue::{Queue, Waiting, Wanted};
use super::seat::Seat;
use super::verdict::Verdict;
use crate::route::{Balancer, Method, Role, Rules};
use crate::time::{Time, Wait};

/// From so many members on, the best is not looked for: the better of two is nearly as good.
const MANY: usize = 17;

/// The members of one balancer, and who waits for one of them; `W` is the driver's name for a session.
#[derive(Clone, Debug)]
pub(super) struct House<W> {
    /// One for each member, but one for each address of those that say so. Who has left a seat may still have
    /// sessions there: see [`is_here`](Seat::is_here).
    pub(super) seats: Vec<Seat>,
    /// Those members that say so.
    pub(super) blanks: Vec<Blank>,
    /// How many members there are in all.
    members: u32,
    pub(super) queue: Queue<W>,
    /// Handshakes under way: leases that are not confirmed, and who waits.
    pub(super) pending: u32,
    terms: Terms,
    /// The sets that its members are in, the lowest first.
    sets: Vec<u8>,
    /// All of its members are regular ones of one set.
    is_plain: bool,
    /// Draws so far: what is drawn depends on nothing else.
    pub(super) drawn: u64,
    /// The last time that anybody has told.
    pub(super) now: Time,
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
    /// What is wanted, once it is there.
    Later(Wanted),
    /// None.
    None(NoWorker),
}

impl<W: Copy + Eq> House<W> {
    pub(super) fn new(balancer: &Balancer, rules: &Rules) -> Self {
        let members = balancer.workers.iter().map(|id| (*id, &rules.workers[id.0 as usize]));
        let (mut seats, mut blanks, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_plain = true;
        for (id, worker) in members {
            let seat = Seat::new(id, worker);
            sets.push(seat.set);
            is_plain &= seat.role == Role::Regular;
            match worker.member.as_ref().and_then(|member| member.expansion.clone()) {
                Some(expansion) => blanks.push(Blank::new(seat, expansion)),
                None => seats.push(seat),
            }
        }
        sets.sort_unstable();
        sets.dedup();
        Self {
            is_plain: is_plain && sets.len() < 2,
            seats,
            blanks,
            members: balancer.workers.len() as u32,
            queue: Queue::new(),
            pending: 0,
            terms: Terms::of(balancer),
            sets,
            drawn: 0,
            now: Time::ZERO,
        }
    }

    /// Whom that request gets, whose session stands at that place of the queue, or would behind it.
    pub(super) fn choose(
        &mut self,
        ask: &Ask,
        place: Option<usize>,
        now: Time,
        woken: &mut Vec<W>,
    ) -> Choice {
        self.now = now;
        // Who asks need not be woken.
        let own = place.and_then(|place| self.queue.at(place));
        own.into_iter().for_each(|own| own.woken = true);
        if self.wake_up(now) {
            self.wake_all(woken);
        }
        let kept = place.and_then(|place| self.queue.at(place)?.kept.take());
        kept.into_iter().for_each(|seat| self.seats[seat].kept -= 1);
        match kept.filter(|&seat| may_serve(&self.seats[seat], ask, now)) {
            Some(seat) => Choice::Seat(seat),
            None => self.pick(ask, now),
        }
    }

    /// Whom that request would get now. A place that is kept for somebody is not free, so nobody is overtaken who
    /// waits.
    fn pick(&mut self, ask: &Ask, now: Time) -> Choice {
        if self.has_tried_all(ask) {
            return Choice::None(self.none(ask, now));
        }
        if self.awaits_owner(ask) {
            return Choice::Later(Wanted::Change);
        }
        let wanted = ask.owner.filter(|owner| self.knows(*owner));
        match wanted.and_then(|owner| self.owner(owner, ask, now)) {
            Some(seat) if self.seats[seat].free() > 0 => {
                self.owes(seat, now);
                Choice::Seat(seat)
            }
            Some(seat) => Choice::Later(Wanted::Seat(seat)),
            None if wanted.is_some() && !self.terms.fails_over => Choice::None(NoWorker::Route),
            None => self.pick_any(ask, now),
        }
    }

    /// Whether a request has tried as many members as it may, or all that there are.
    fn has_tried_all(&self, ask: &Ask) -> bool {
        let has_tried = |(_, seat): (usize, &Seat)| ask.tried.contains(&seat.id);
        ask.tried.len() > self.terms.retries as usize
            || !self.awaits() && self.here().all(has_tried)
    }

    /// The seats of members, and of their addresses, that there still are.
    pub(super) fn here(&self) -> impl Iterator<Item = (usize, &Seat)> {
        self.seats.iter().enumerate().filter(|(_, seat)| seat.is_here())
    }

    /// How many there are: members that are not resolved, or have only one address, count as one.
    pub(super) fn size(&self) -> u32 {
        let here = if self.blanks.is_empty() { 0 } else { self.here().count() as u32 };
        here.max(self.members)
    }

    /// Whether there may be more seats as soon as a member is resolved that was not yet.
    pub(super) fn awaits(&self) -> bool {
        self.blanks.iter().any(Blank::is_awaited)
    }

    fn pick_any(&mut self, ask: &Ask, now: Time) -> Choice {
        if let Some(seat) = self.elect(ask, now) {
            return Choice::Seat(seat);
        }
        // Whoever might serve and was not elected is full, or its set has spares that are not needed.
        if self.seats.iter().any(|seat| is_able(seat, ask, now) && seat.free() == 0) {
            Choice::Later(Wanted::Any)
        } else if self.awaits() {
            Choice::Later(Wanted::Change)
        } else {
            Choice::None(self.none(ask, now))
        }
    }

    /// Keeps the places of that seat that are free for those whose turn it is, and wakes them.
    pub(super) fn wake(&mut self, seat: usize, woken: &mut Vec<W>) {
        let mut queue = std::mem::replace(&mut self.queue, Queue::new());
        for waiting in queue.in_want().filter(|waiting| waiting.may_want(seat)) {
            if self.seats[seat].free() == 0 {
                break;
            }
            self.call(waiting, woken);
        }
        self.queue = queue;
    }

    /// Asks again for all who wait: whom each may have is another question now.
    pub(super) fn wake_all(&mut self, woken: &mut Vec<W>) {
        if self.queue.is_empty() {
            return;
        }
        // Somebody who asks would end their rests, too, if all rest.
        self.wake_up(self.now);
        let mut queue = std::mem::replace(&mut self.queue, Queue::new());
        queue.in_want().for_each(|waiting| self.call(waiting, woken));
        self.queue = queue;
    }

    /// Keeps a place for one that waits, if there is one, and wakes it; also if it waits in vain.
    fn call(&mut self, waiting: &mut Waiting<W>, woken: &mut Vec<W>) {
        match self.pick(&waiting.ask, self.now) {
            Choice::Seat(seat) => {
                (self.seats[seat].kept, waiting.kept) = (self.seats[seat].kept + 1, Some(seat));
                waiting.wake(woken);
            }
            Choice::Later(wants) => waiting.wants = wants,
            Choice::None(_) if self.is_patient(&waiting.ask, waiting.since) => {
                waiting.wants = Wanted::Change;
            }
            Choice::None(_) => waiting.wake(woken),
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
        self.now = now;
        // All rest, perhaps, with the last one that is of no use anyhow: then all come back.
        let stands = |it: &Self| {
            let seat = &it.seats[seat];
            (seat.is_usable(now), seat.health.rests(now).is_some())
        };
        let before = stands(self);
        act(self, seat);
        if before != stands(self) {
            self.wake_all(woken);
        }
    }

    /// Puts somebody who wants that behind all others who wait.
    pub(super) fn join(&mut self, who: W, visit: Visit, wants: Wanted, ask: &Ask) {
        let (ask, since) = (ask.clone(), self.now);
        self.queue.join(Waiting { who, visit, ask, wants, since, kept: None, woken: false });
    }

    /// Takes out whoever has so many before it; gives what it was counted as, and the seat of which a place was kept
    /// for it.
    pub(super) fn leave(&mut self, place: usize) -> (Visit, Option<usize>) {
        let Waiting { visit, kept, .. } = self.queue.remove(place);
        kept.into_iter().for_each(|seat| self.seats[seat].kept -= 1);
        (visit, kept)
    }

    /// Whether a request that has waited since then may go on to wait for a member that may be tried.
    pub(super) fn is_patient(&self, ask: &Ask, since: Time) -> bool {
        self.terms.patience > Wait::ZERO
            && !self.has_tried_all(ask)
            && self.now < since.after(self.terms.patience)
    }

    /// Members whose rest is over may be tried; all of them if there would be none left (`forcerecovery=`).
    /// `true` if that is one more.
    fn wake_up(&mut self, now: Time) -> bool {
        let (mut wakes, mut rests, mut stays) = (false, false, false);
        for seat in self.seats.iter_mut().filter(|seat| seat.is_here()) {
            wakes |= seat.health.wakes(now);
            let is_resting = seat.health.rests(now).is_some();
            (rests, stays) = (rests | is_resting, stays | !is_resting);
        }
        let all_rest = self.terms.forces_recovery && rests && !stays;
        if all_rest {
            self.seats.iter_mut().for_each(|seat| seat.health.comes_back(now));
        }
        wakes || all_rest
    }

    /// The best of those that may serve whom nobody is destined for.
    fn elect(&mut self, ask: &Ask, now: Time) -> Option<usize> {
        if self.terms.method == Method::LeastTunnels && self.seats.len() >= MANY && self.is_plain {
            self.drawn += 1;
            let chance = mix(self.drawn ^ u64::from(ask.balancer.0) << 48);
            let may = |seat: &Seat| is_able(seat, ask, now) && seat.free() > 0;
            let better = better_of_two(&self.seats, chance, may, now);
            if better.is_some() {
                return better;
            }
        }
        let mut candidates = Vec::new();
        for set in 0..self.sets.len() {
            self.candidates(self.sets[set], ask, now, &mut candidates);
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
    fn candidates(&self, set: u8, ask: &Ask, now: Time, candidates: &mut Vec<usize>) {
        candidates.clear();
        let of =
            |role: Role| self.here().filter(move |(_, seat)| seat.set == set && seat.role == role);
        let is_free = |seat: &usize| takes_one(&self.terms.method, &self.seats[*seat]);
        let able =
            |role| of(role).filter(|(_, seat)| is_able(seat, ask, now)).map(|(number, _)| number);
        candidates.extend(able(Role::Regular).filter(is_free));
        let missing = of(Role::Regular).filter(|(_, seat)| !is_able(seat, ask, now)).count();
        candidates.extend(able(Role::Spare).take(missing).filter(is_free));
        if candidates.is_empty() {
            candidates.extend(able(Role::Standby).filter(is_free));
        }
    }

    /// Why nobody may be tried.
    fn none(&self, ask: &Ask, now: Time) -> NoWorker {
        let open = self.here().filter(|(_, it)| it.is_open() && !it.health.is_ailing());
        let rests: Vec<_> = open.map(|(_, seat)| seat.health.rests(now)).collect();
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
                |(number, it): (usize, &Seat)| number != seat && it.is_usable(now) && it.is_open();
            let others = self.seats.iter().enumerate().any(other);
            if others || self.seats[seat].health.may_be_last() {
                self.seats[seat].health.ejected(now);
            }
        }
    }
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
pub(super) fn may_serve(seat: &Seat, ask: &Ask, now: Time) -> bool {
    seat.is_usable(now) && !ask.tried.contains(&seat.id)
}

/// Whether it may be tried for that request, whose client does not belong to it.
fn is_able(seat: &Seat, ask: &Ask, now: Time) -> bool {
    may_serve(seat, ask, now) && seat.is_open()
}
