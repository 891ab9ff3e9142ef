//! Stage 4 of 6 · when each member is checked beside its requests, and what its checks come to.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Pool;
use super::choice::mix;
use crate::limits::CHECKS_MOST;
use crate::route::{Admission, Check, Rules, WorkerId};
use crate::time::{Time, Wait};

/// The checks of all members that have any. A driver asks [`begin`](Self::begin) which is due, makes a
/// [`Probe`](super::Probe) of it, and tells by [`ended`](Self::ended) how that went.
#[derive(Clone, Debug)]
pub struct Round {
    beats: Vec<Beat>,
    /// Which are not under way, by when they are due: so none is under way twice.
    due: BinaryHeap<Reverse<(Time, usize)>>,
}

/// The checks of one member.
#[derive(Clone, Debug)]
struct Beat {
    worker: WorkerId,
    interval: Wait,
    passes: u32,
    fails: u32,
    /// When the last one has begun.
    began: Time,
    /// How many have begun.
    count: u64,
    streak: Streak,
}

/// So many checks in a row have said that what is known of the member is no longer true.
#[derive(Clone, Copy, Debug, Default)]
struct Streak {
    passed: bool,
    count: u32,
}

impl Round {
    /// The checks of the members of those rules, the first of each within one interval from `now`. Who
    /// serves nobody is not checked.
    pub fn new(rules: &Rules, now: Time) -> Self {
        let numbered = (0..).map(WorkerId).zip(&rules.workers);
        let beats: Vec<_> = numbered
            .filter_map(|(id, worker)| {
                let member = worker.member.as_ref()?;
                let is_open = member.admission != Admission::Closed;
                member.check.as_ref().filter(|_| is_open).map(|check| Beat::new(id, check))
            })
            .collect();
        let first = |(number, beat): (usize, &Beat)| Reverse((now.after(beat.first()), number));
        Self { due: beats.iter().enumerate().map(first).collect(), beats }
    }

    /// Whether nobody is checked.
    pub fn is_empty(&self) -> bool {
        self.beats.is_empty()
    }

    /// When the next check may begin; none while as many are under way as may be.
    pub fn next(&self) -> Option<Time> {
        let under_way = self.beats.len() - self.due.len();
        let Reverse((at, _)) = self.due.peek().filter(|_| under_way < CHECKS_MOST)?;
        Some(*at)
    }

    /// Begins a check that is due: of which worker, and the number to end it by.
    pub fn begin(&mut self, now: Time) -> Option<(usize, WorkerId)> {
        self.next().filter(|at| *at <= now)?;
        let Reverse((_, number)) = self.due.pop()?;
        let beat = &mut self.beats[number];
        (beat.began, beat.count) = (now, beat.count + 1);
        Some((number, beat.worker))
    }

    /// The check of that number, which was under way, has passed or failed. The pool learns what its
    /// member's checks have come to by it: given back if that changes anything.
    pub fn ended<W: Copy + Eq>(
        &mut self,
        number: usize,
        passed: bool,
        pool: &mut Pool<W>,
        now: Time,
    ) -> Option<Change> {
        let beat = &mut self.beats[number];
        self.due.push(Reverse((beat.began.after(beat.pause()).max(now), number)));
        let health = pool.health(beat.worker);
        let is_news = if passed { !health.is_usable(now) } else { !health.is_ailing() };
        let change = beat.judge(passed, is_news)?;
        pool.checked(beat.worker, passed, now);
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
    fn new(worker: WorkerId, check: &Check) -> Self {
        Self {
            worker,
            interval: check.interval,
            passes: check.passes,
            fails: check.fails,
            began: Time::ZERO,
            count: 0,
            streak: Streak::default(),
        }
    }

    /// How long its first check waits: up to an interval, so that the members do not begin together.
    fn first(&self) -> Wait {
        scaled(self.interval, self.draw())
    }

    /// How long after the beginning of a check the next one is due: nine to eleven tenths of the
    /// interval, so that members that meet do not stay together.
    fn pause(&self) -> Wait {
        let tenth = Wait::from_micros(self.interval.as_micros() / 10);
        let least = Wait::from_micros(self.interval.as_micros() - tenth.as_micros());
        least.plus(scaled(tenth.plus(tenth), self.draw()))
    }

    /// The same for the same member and count of checks.
    fn draw(&self) -> u64 {
        mix(u64::from(self.worker.0) << 32 ^ self.count)
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

/// So much of it: `share` of 2⁶⁴.
fn scaled(wait: Wait, share: u64) -> Wait {
    let micros = u128::from(wait.as_micros()) * u128::from(share) >> 64;
    Wait::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PENDING;
    use crate::route::check::CheckMethod;
    use crate::route::{Balancer, Member, Recovery, Scheme, Target, Worker};

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
        let target = Target {
            scheme: Scheme::Ws,
            host: "b".into(),
            port: 80,
            path: String::new(),
            socket: None,
        };
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

    struct Play {
        round: Round,
        pool: Pool<()>,
        now: Time,
    }

    impl Play {
        fn new(passes: u32, fails: u32) -> Self {
            let rules = rules(1, &check(passes, fails));
            let (round, pool) = (Round::new(&rules, at(0)), Pool::new(&rules, PENDING));
            Self { round, pool, now: at(0) }
        }

        /// What one more check changes.
        fn then(&mut self, passed: bool) -> Option<Change> {
            self.now = self.round.next().expect("one is due");
            let (number, _) = self.round.begin(self.now).expect("it is due");
            self.round.ended(number, passed, &mut self.pool, self.now)
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

    /// 2.4.55, PR 66302: also those that rest because of a request. Checks from before do not count.
    #[test]
    fn successes_bring_back_who_rests() {
        use crate::balance::{Ask, Purpose};
        use crate::route::BalancerId;
        use std::task::Poll;
        let mut play = Play::new(2, 1);
        assert_eq!([true, true, true].map(|passed| play.then(passed)), [None; 3]);
        let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), Purpose::Exchange);
        let Poll::Ready(Ok(lease)) = play.pool.elect(&ask, None, (), play.now) else { panic!() };
        let ask = Ask { tried: vec![WorkerId(0)], ..ask };
        assert!(matches!(play.pool.elect(&ask, Some(lease), (), play.now), Poll::Ready(Err(_))));
        assert_eq!([true, true].map(|passed| play.then(passed)), [None, Some(Change::Back)]);
    }

    #[test]
    fn one_check_of_a_member_is_under_way_and_the_next_is_an_interval_away() {
        let mut play = Play::new(1, 1);
        let begin = play.round.next().expect("one is due");
        let (number, _) = play.round.begin(begin).expect("it is due");
        assert_eq!((play.round.next(), play.round.begin(at(999))), (None, None));
        play.round.ended(number, true, &mut play.pool, begin);
        let wait = play.round.next().expect("one is due").since(begin);
        assert!((Wait::from_secs(9)..=Wait::from_secs(11)).contains(&wait), "{wait:?}");
        let (number, _) = play.round.begin(begin.after(wait)).expect("it is due");
        play.round.ended(number, true, &mut play.pool, at(999));
        assert_eq!(play.round.next(), Some(at(999)), "it took longer than the interval");
    }

    #[test]
    fn a_thousand_members_do_not_beat_together() {
        let rules = rules(1_000, &check(1, 1));
        let (mut round, mut pool) = (Round::new(&rules, at(0)), Pool::<()>::new(&rules, PENDING));
        let mut by_second = [0; 20];
        while let Some(now) = round.next().filter(|now| *now < at(20)) {
            by_second[(now.as_micros() / 1_000_000) as usize] += 1;
            let (number, _) = round.begin(now).expect("it is due");
            round.ended(number, true, &mut pool, now);
        }
        assert!(by_second.iter().all(|count| (60..140).contains(count)), "{by_second:?}");
    }

    #[test]
    fn no_more_than_so_many_are_under_way() {
        let mut round = Round::new(&rules(1_000, &check(1, 1)), at(0));
        assert_eq!(std::iter::from_fn(|| round.begin(at(60))).count(), CHECKS_MOST);
        assert_eq!(round.next(), None);
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
        assert!(Round::new(&rules, at(0)).is_empty());
    }
}
