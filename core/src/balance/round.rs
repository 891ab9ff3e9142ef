//! Stage 4 of 6 · when each member is checked beside its requests, and what its checks come to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU16;

use super::Pool;
use super::choice::mix;
use super::probe::{Outcome, Trouble};
use crate::route::{Admission, Check, Rules, WorkerId};
use crate::time::{Time, Wait};

/// The checks of all members that have any. A driver asks [`begin`](Self::begin) which is due, makes a
/// [`Probe`](super::Probe) of it, and tells by [`ended`](Self::ended) how that went.
#[derive(Clone, Debug)]
pub struct Round {
    beats: BTreeMap<WorkerId, Beat>,
    /// Which are not under way, by when they are due: so none is under way twice.
    due: BinaryHeap<Reverse<(Time, WorkerId)>>,
    /// How many may be under way at once.
    most: usize,
}

/// The checks of one member.
#[derive(Clone, Debug)]
struct Beat {
    /// What stands for the member.
    tag: u64,
    interval: Wait,
    passes: u32,
    fails: u32,
    /// When the last one has begun.
    began: Time,
    /// What its waits are drawn from.
    chance: u64,
    streak: Streak,
}

/// So many checks in a row have said that what is known of the member is no longer true.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    passed: bool,
    count: u32,
}

impl Round {
    /// The checks of the members of those rules, of which `most` may be under way at once (`ProxyHCTPsize`);
    /// the first of each is due within one interval from `now`. Who serves nobody is not checked. The
    /// `chance` says which waits are drawn: machines that have the same rules draw another one each.
    pub fn new(rules: &Rules, most: NonZeroU16, chance: u64, now: Time) -> Self {
        let mut beats: BTreeMap<_, _> = rules
            .serving()
            .filter_map(|(id, worker)| {
                let member = worker.member.as_ref()?;
                let is_open = member.admission != Admission::Closed;
                let check = member.check.as_ref().filter(|_| is_open)?;
                Some((id, Beat::new(worker.tag(), check, mix(chance ^ u64::from(id.0)))))
            })
            .collect();
        let first = |(id, beat): (&WorkerId, &mut Beat)| Reverse((now.after(beat.first()), *id));
        Self { due: beats.iter_mut().map(first).collect(), beats, most: most.get().into() }
    }

    /// The members are other ones from `now` on, of which `most` may be checked at once: whose checks are the same goes
    /// on with them, where they stand. Those that were under way are given up, and due again.
    pub fn renew(&mut self, rules: &Rules, most: NonZeroU16, chance: u64, now: Time) {
        let mut old = std::mem::replace(self, Self::new(rules, most, chance, now));
        let due: BTreeMap<_, _> = old.due.into_iter().map(|Reverse((at, id))| (id, at)).collect();
        let mut begun = std::mem::take(&mut self.due).into_vec();
        for Reverse((at, id)) in &mut begun {
            let Some(beat) = self.beats.get_mut(id) else { continue };
            if let Some(known) = old.beats.remove(id).filter(|known| known.is_same(beat)) {
                (*beat, *at) = (known, due.get(id).copied().unwrap_or(now));
            }
        }
        self.due = begun.into();
    }

    /// Whether nobody is checked.
    pub fn is_empty(&self) -> bool {
        self.beats.is_empty()
    }

    /// When the next check may begin; none while as many are under way as may be.
    pub fn next(&self) -> Option<Time> {
        let under_way = self.beats.len() - self.due.len();
        let Reverse((at, _)) = self.due.peek().filter(|_| under_way < self.most)?;
        Some(*at)
    }

    /// Begins a check that is due: of which worker.
    pub fn begin(&mut self, now: Time) -> Option<WorkerId> {
        self.next().filter(|at| *at <= now)?;
        let Reverse((_, worker)) = self.due.pop()?;
        self.beats.get_mut(&worker)?.began = now;
        Some(worker)
    }

    /// The check of that worker, which was under way, has ended. The pool learns what its checks have come
    /// to by it: given back if that changes anything.
    ///
    /// Enough passes in a row, since it was put out, bring a member back from whatever put it out: from
    /// failed checks, from its rest (`retry=`; so does httpd), and from an ejection; by slow start, if it
    /// has one. Where we could not even try for want of our own resources, nothing is known of the member.
    pub fn ended<W: Copy + Eq>(
        &mut self,
        worker: WorkerId,
        outcome: Outcome,
        pool: &mut Pool<W>,
        now: Time,
    ) -> Option<Change> {
        let beat = self.beats.get_mut(&worker)?;
        self.due.push(Reverse((beat.began.after(beat.pause()).max(now), worker)));
        if outcome.is_err_and(Trouble::is_ours) {
            return None;
        }
        let (health, passed) = (pool.find_health(worker)?, outcome.is_ok());
        let is_news = if passed { !health.is_usable(now) } else { !health.is_ailing() };
        let change = beat.judge(passed, is_news)?;
        pool.checked(worker, passed, now);
        Some(change)
    }
}

/// What the checks of a member have changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// It serves again.
    Back,
    /// It serves no more.
    Out,
}

impl Beat {
    fn new(tag: u64, check: &Check, chance: u64) -> Self {
        Self {
            tag,
            interval: check.interval,
            passes: check.passes,
            fails: check.fails,
            began: Time::ZERO,
            chance,
            streak: Streak::default(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let all = |it: &Self| (it.tag, it.interval, it.passes, it.fails);
        all(self) == all(other)
    }

    /// How long its first check waits: up to an interval, so that the members do not begin together.
    fn first(&mut self) -> Wait {
        self.drawn(self.interval)
    }

    /// How long after the beginning of a check the next one is due: nine to eleven tenths of the
    /// interval, so that members that meet do not stay together.
    fn pause(&mut self) -> Wait {
        let tenth = self.interval.as_micros() / 10;
        let drawn = self.drawn(Wait::from_micros(tenth * 2));
        Wait::from_micros(self.interval.as_micros() - tenth).plus(drawn)
    }

    /// Any wait up to that one.
    fn drawn(&mut self, most: Wait) -> Wait {
        self.chance = mix(self.chance);
        let micros = (u128::from(most.as_micros()) * u128::from(self.chance)) >> 64;
        Wait::from_micros(micros as u64)
    }

    /// Counts in a row, not in all (D14).
    fn judge(&mut self, passed: bool, is_news: bool) -> Option<Change> {
        if !is_news || self.streak.passed != passed {
            self.streak = Streak { passed, count: 0 };
        }
        self.streak.count += u32::from(is_news);
        let (enough, change) =
            if passed { (self.passes, Change::Back) } else { (self.fails, Change::Out) };
        (is_news && self.streak.count >= enough).then_some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    use crate::Fault;
    use crate::balance::{Ask, Purpose};
    use crate::limits::PENDING;
    use crate::route::check::CheckMethod;
    use crate::route::{Balancer, BalancerId, Member, Recovery, Scheme, Target, Worker};

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    fn check(passes: u32, fails: u32) -> Check {
        let interval = Wait::from_secs(10);
        let uri = String::new();
        Check { method: CheckMethod::Tcp, interval, passes, fails, uri, expects: None }
    }

    /// As many members with that check.
    fn rules(count: u32, check: &Check) -> Rules {
        let target = Target::new(Scheme::Ws, "b", 80);
        let member = Member { check: Some(check.clone()), ..Member::new(target) };
        let recovery = Recovery::After(Wait::from_secs(1_000));
        let worker = Worker { recovery, member: Some(Box::new(member)), ..Worker::new("b", 80) };
        let workers = (0..count).map(WorkerId).collect();
        let balancer = Balancer { workers, ..Balancer::alone(WorkerId(0)) };
        Rules {
            workers: vec![worker; count as usize],
            balancers: vec![balancer],
            ..Rules::default()
        }
    }

    const MOST: NonZeroU16 = NonZeroU16::new(16).expect("it is not 0");
    const LATE: Outcome = Err(Trouble::Late);

    fn outcome(passed: bool) -> Outcome {
        if passed { Ok(()) } else { LATE }
    }

    struct Play {
        round: Round,
        pool: Pool<()>,
        now: Time,
    }

    impl Play {
        fn new(passes: u32, fails: u32) -> Self {
            let rules = rules(1, &check(passes, fails));
            let round = Round::new(&rules, MOST, 0, at(0));
            Self { round, pool: Pool::new(&rules, PENDING), now: at(0) }
        }

        /// What one more check changes.
        fn then(&mut self, passed: bool) -> Option<Change> {
            self.then_it_is(outcome(passed))
        }

        /// A request could not be sent to the member: it rests.
        fn fail_a_request(&mut self) {
            let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), Purpose::Exchange);
            let elected = self.pool.elect(&ask, None, (), self.now);
            let Poll::Ready(Ok(lease)) = elected else { panic!("{elected:?}") };
            let ask = Ask { tried: vec![WorkerId(0).into()], ..ask };
            let again = self.pool.elect(&ask, Some(lease), (), self.now);
            assert!(matches!(again, Poll::Ready(Err(_))), "{again:?}");
        }

        fn then_it_is(&mut self, outcome: Outcome) -> Option<Change> {
            self.now = self.round.next().expect("one is due");
            let worker = self.round.begin(self.now).expect("it is due");
            self.round.ended(worker, outcome, &mut self.pool, self.now)
        }
    }

    #[test]
    fn failures_put_a_member_out_when_they_come_in_a_row_and_successes_bring_it_back() {
        let mut play = Play::new(2, 3);
        let row = [false, false, true, false, false].map(|passed| play.then(passed));
        assert_eq!(row, [None; 5], "D14: never three in a row");
        assert_eq!(play.then(false), Some(Change::Out));
        assert!(play.pool.health(WorkerId(0)).is_ailing());
        let row = [false, true, false, true].map(|passed| play.then(passed));
        assert_eq!(row, [None; 4], "it is told of once, and there are never two in a row");
        assert_eq!(play.then(true), Some(Change::Back));
        assert!(!play.pool.health(WorkerId(0)).is_ailing());
        assert_eq!([true, true].map(|passed| play.then(passed)), [None; 2]);
    }

    #[test]
    fn what_we_lack_ourselves_says_nothing_of_a_member() {
        let mut play = Play::new(1, 2);
        let lack = Err(Trouble::Broke(Fault::Resources));
        assert_eq!([LATE, lack, lack].map(|it| play.then_it_is(it)), [None; 3]);
        assert_eq!(play.then(false), Some(Change::Out), "nor does it end a row");
    }

    /// 2.4.55, PR 66302: also those that rest because of a request, for however long. Checks from before
    /// do not count.
    #[test]
    fn successes_bring_back_who_rests() {
        let mut play = Play::new(2, 1);
        assert_eq!([true, true, true].map(|passed| play.then(passed)), [None; 3]);
        play.fail_a_request();
        assert!(play.pool.health(WorkerId(0)).rests(play.now).is_some());
        assert_eq!([true, true].map(|passed| play.then(passed)), [None, Some(Change::Back)]);
        assert!(play.pool.health(WorkerId(0)).is_usable(play.now));
    }

    #[test]
    fn one_check_of_a_member_is_under_way_and_the_next_is_an_interval_away() {
        let mut play = Play::new(1, 1);
        let begin = play.round.next().expect("one is due");
        let worker = play.round.begin(begin).expect("it is due");
        assert_eq!((play.round.next(), play.round.begin(at(999))), (None, None));
        play.round.ended(worker, Ok(()), &mut play.pool, begin);
        let wait = play.round.next().expect("one is due").since(begin);
        assert!((Wait::from_secs(9)..=Wait::from_secs(11)).contains(&wait), "{wait:?}");
        let worker = play.round.begin(begin.after(wait)).expect("it is due");
        play.round.ended(worker, Ok(()), &mut play.pool, at(999));
        assert_eq!(play.round.next(), Some(at(999)), "it took longer than the interval");
    }

    #[test]
    fn a_thousand_members_do_not_beat_together() {
        let rules = rules(1_000, &check(1, 1));
        let mut round = Round::new(&rules, MOST, 0, at(0));
        let mut pool = Pool::<()>::new(&rules, PENDING);
        let mut by_second = [0; 20];
        while let Some(now) = round.next().filter(|now| *now < at(20)) {
            by_second[(now.as_micros() / 1_000_000) as usize] += 1;
            let worker = round.begin(now).expect("it is due");
            round.ended(worker, Ok(()), &mut pool, now);
        }
        assert!(by_second.iter().all(|count| (60..140).contains(count)), "{by_second:?}");
    }

    #[test]
    fn no_more_than_so_many_are_under_way() {
        let rules = rules(1_000, &check(1, 1));
        let mut round = Round::new(&rules, MOST, 0, at(0));
        assert_eq!(std::iter::from_fn(|| round.begin(at(60))).count(), 16);
        assert_eq!(round.next(), None);
        let mut pool = Pool::<()>::new(&rules, PENDING);
        round.ended(WorkerId(0), LATE, &mut pool, at(60));
        let ended = std::iter::from_fn(|| round.begin(at(60))).count();
        assert_eq!(ended, 1, "for each that ends another one begins");
    }

    #[test]
    fn who_is_not_to_be_checked_or_serves_nobody_is_not() {
        let mut rules = rules(2, &check(1, 1));
        let member = |rules: &mut Rules, number: usize| rules.workers[number].member.take();
        let mut closed = member(&mut rules, 0).expect("it is a member");
        closed.admission = Admission::Closed;
        let mut unchecked = member(&mut rules, 1).expect("it is a member");
        unchecked.check = None;
        rules.workers[0].member = Some(closed);
        rules.workers[1].member = Some(unchecked);
        assert!(Round::new(&rules, MOST, 0, at(0)).is_empty());
    }

    #[test]
    fn machines_of_the_same_rules_do_not_beat_together() {
        let rules = rules(1, &check(1, 1));
        let first = |chance| Round::new(&rules, MOST, chance, at(0)).next();
        assert!(first(1) != first(2) && first(1) == first(1));
    }
}
