//! Stage 4 of 6 · what the pool knows of one worker: how busy it is, and whether it may be tried.
//!
//! A worker that could not be reached rests (httpd's error state), as does one that has failed too often
//! behind its connections (an ejection); one that fails its checks is out until they say otherwise. Checks
//! that pass end all three: they have seen it serve, which a clock has not.

use std::num::NonZeroU32;

use crate::route::{Ejection, Recovery, Worker};
use crate::time::{Time, Wait};

/// How often an ejection lasts twice as long as the one before: 32 times the first at the most.
const DOUBLINGS_MOST: u32 = 5;
/// The share of its weight that a worker comes back with is this part of it, and grows from there.
const SLOW_BEGINNING: u32 = 10;

/// One worker's counts and health.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    recovery: Recovery,
    /// How many leases may be out (`max=`).
    most: u32,
    /// Leases out.
    busy: u32,
    /// The moment until which it is left alone, after a failure.
    resting: Option<Time>,
    /// Its checks say that it cannot serve.
    ailing: bool,
    /// How long its share grows when it comes back.
    slow_start: Wait,
    /// When it came back, if it ever was away.
    back: Option<Time>,
    ejection: Option<Strikes>,
}

/// Failures that may put a worker out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Strikes {
    terms: Ejection,
    count: u32,
    /// When the first that is counted came.
    since: Time,
    /// Ejections that followed each other soon.
    ejections: u32,
}

impl Health {
    /// A worker that nothing is known of but what the configuration says.
    pub fn new(worker: &Worker) -> Self {
        let member = worker.member.as_deref();
        let strikes = |terms| Strikes { terms, count: 0, since: Time::ZERO, ejections: 0 };
        Self {
            recovery: worker.recovery,
            most: worker.most.map_or(u32::MAX, NonZeroU32::get),
            busy: 0,
            resting: None,
            ailing: false,
            slow_start: member.map_or(Wait::ZERO, |member| member.slow_start),
            back: None,
            ejection: member.and_then(|member| member.ejection).map(strikes),
        }
    }

    /// Other things are said of the worker: its counts stay. Nothing keeps it out that would not keep it out now.
    pub(super) fn renew(&mut self, worker: &Worker) {
        let said = Self::new(worker);
        let ejection = said.ejection.map(|new| match self.ejection {
            Some(old) => Strikes { terms: new.terms, ..old },
            None => new,
        });
        let rests = said.recovery != Recovery::AtOnce || ejection.is_some();
        let is_checked = worker.member.as_ref().is_some_and(|member| member.check.is_some());
        *self = Self {
            busy: self.busy,
            resting: self.resting.filter(|_| rests),
            ailing: self.ailing && is_checked,
            back: self.back,
            ejection,
            ..said
        };
    }

    /// Leases out.
    pub const fn busy(&self) -> u32 {
        self.busy
    }

    /// How many more leases may be out (`max=`).
    pub const fn free(&self) -> u32 {
        self.most.saturating_sub(self.busy)
    }

    /// How long it must still be left alone; none if it may be tried now.
    pub fn rests(&self, now: Time) -> Option<Wait> {
        self.resting.filter(|&until| now < until).map(|until| until.since(now))
    }

    /// Whether its checks say that it cannot serve.
    pub const fn is_ailing(&self) -> bool {
        self.ailing
    }

    /// Whether it may be tried.
    pub fn is_usable(&self, now: Time) -> bool {
        !self.ailing && self.rests(now).is_none()
    }

    /// What of that weight counts now (`slowstart=`).
    pub fn weight(&self, full: u32, now: Time) -> u32 {
        let Some(back) = self.back else { return full };
        let (passed, whole) = (now.since(back).as_micros(), self.slow_start.as_micros());
        if passed >= whole {
            return full;
        }
        let share = u64::from(full).saturating_mul(passed) / whole;
        (share as u32).max(full / SLOW_BEGINNING).max(1)
    }

    pub(super) fn leased(&mut self) {
        debug_assert!(self.free() > 0, "more leases than there may be");
        self.busy += 1;
    }

    pub(super) fn returned(&mut self) {
        debug_assert!(self.busy > 0, "a lease came back that was never out");
        self.busy = self.busy.saturating_sub(1);
    }

    /// It has answered: whatever kept it out is over; `true` if something did.
    pub(super) fn answered(&mut self) -> bool {
        self.resting.take().is_some()
    }

    /// Its rest is over if its time is up; `true` if that is so.
    pub(super) fn wakes(&mut self, now: Time) -> bool {
        let over = self.resting.filter(|&until| until <= now);
        over.into_iter().for_each(|until| self.comes_back(until));
        over.is_some()
    }

    /// It may be tried from now on, whatever was before (`forcerecovery=`).
    pub(super) fn comes_back(&mut self, now: Time) {
        (self.resting, self.back) = (None, Some(now));
    }

    /// It failed: it rests as `retry=` says.
    pub(super) fn failed(&mut self, now: Time) {
        if let Recovery::After(wait) = self.recovery {
            self.resting = Some(now.after(wait));
        }
    }

    /// It failed behind a connection that stood; `true` if that is once too often.
    pub(super) fn strike(&mut self, now: Time) -> bool {
        let Some(strikes) = &mut self.ejection else { return false };
        if strikes.count == 0 || strikes.since.after(strikes.terms.window) < now {
            (strikes.count, strikes.since) = (0, now);
        }
        strikes.count += 1;
        strikes.count >= strikes.terms.fails
    }

    /// Whether it may be put out by its failures even if no other is left.
    pub(super) fn may_be_last(&self) -> bool {
        self.ejection.is_some_and(|strikes| strikes.terms.even_last)
    }

    /// It is put out by its failures: for longer, if that has happened soon before.
    pub(super) fn ejected(&mut self, now: Time) {
        let Some(strikes) = &mut self.ejection else { return };
        let Ejection { time, window, .. } = strikes.terms;
        // Who has served for as long as its failures are remembered begins anew.
        let again = self.back.is_some_and(|back| now < back.after(window).after(time));
        let before = if again { strikes.ejections } else { 0 };
        (strikes.ejections, strikes.count) = (before + 1, 0);
        let times = 1 << before.min(DOUBLINGS_MOST);
        self.resting = Some(now.after(Wait::from_micros(time.as_micros().saturating_mul(times))));
    }

    /// Its checks say whether it can serve. If so, whatever kept it out is over, and it comes back slowly.
    pub(super) fn checked(&mut self, serves: bool, now: Time) {
        if serves && (self.ailing || self.resting.is_some()) {
            self.comes_back(now);
        }
        self.ailing = !serves;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Member, Scheme, Target};

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    fn health(change: impl FnOnce(&mut Member)) -> Health {
        let target = Target::new(Scheme::Ws, "b", 80);
        let mut member = Member::new(target);
        change(&mut member);
        let recovery = Recovery::After(Wait::from_secs(60));
        Health::new(&Worker { recovery, member: Some(Box::new(member)), ..Worker::new("b", 80) })
    }

    #[test]
    fn who_failed_rests_until_it_answers_or_its_time_is_up() {
        let mut health = health(|_| ());
        health.failed(at(1));
        assert_eq!((health.is_usable(at(60)), health.is_usable(at(61))), (false, true));
        health.answered();
        assert!(health.is_usable(at(2)));
    }

    #[test]
    fn checks_put_it_out_and_bring_it_back_even_from_a_rest_or_an_ejection() {
        let secs = Wait::from_secs;
        let terms = Ejection { fails: 1, window: secs(10), time: secs(30), even_last: false };
        let mut health = health(|member| {
            (member.slow_start, member.ejection) = (secs(100), Some(terms));
        });
        health.checked(false, at(1));
        assert!(!health.is_usable(at(9)) && health.is_ailing());
        health.failed(at(2));
        health.checked(true, at(3));
        assert!(health.is_usable(at(3)) && !health.is_ailing());
        health.ejected(at(4));
        health.checked(true, at(5));
        assert_eq!((health.rests(at(5)), health.weight(100, at(15))), (None, 10), "slowly");
        health.checked(true, at(25));
        assert_eq!(health.weight(100, at(55)), 50, "who serves does not begin anew");
        health.ejected(at(56));
        assert_eq!(health.rests(at(56)), Some(secs(30)));
    }

    #[test]
    fn a_share_grows_while_it_comes_back() {
        let mut health = health(|member| member.slow_start = Wait::from_secs(100));
        assert_eq!(health.weight(100, at(5)), 100, "it never was away");
        health.failed(at(0));
        health.wakes(at(59));
        assert_eq!(health.weight(100, at(59)), 100);
        health.wakes(at(90));
        let weights = [60, 80, 110, 160, 999].map(|secs| health.weight(100, at(secs)));
        assert_eq!(weights, [10, 20, 50, 100, 100]);
    }

    #[test]
    fn failures_in_a_window_are_one_too_many_at_last_and_then_for_longer() {
        let secs = Wait::from_secs;
        let terms = Ejection { fails: 2, window: secs(10), time: secs(30), even_last: false };
        let mut health = health(|member| member.ejection = Some(terms));
        let strikes = [0, 11, 20].map(|secs| health.strike(at(secs)));
        assert_eq!(strikes, [false, false, true], "the first was too long ago");
        health.ejected(at(20));
        assert_eq!(health.rests(at(20)), Some(secs(30)));
        health.wakes(at(50));
        for (again, time) in [(55, 60), (120, 120), (999, 30)] {
            health.wakes(at(again));
            health.ejected(at(again));
            assert_eq!(health.rests(at(again)), Some(secs(time)), "at {again}");
        }
        let mut fresh = self::health(|member| member.ejection = Some(terms));
        fresh.comes_back(at(0));
        fresh.ejected(at(1));
        assert_eq!(fresh.rests(at(1)), Some(secs(30)), "it was never put out before");
    }
}
