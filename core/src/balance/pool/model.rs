//! Every state that a small pool can come into: nobody is forgotten, overtaken or counted wrongly.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::NonZeroU32;

use super::*;
use crate::balance::{Purpose, Visit};
use crate::report::Close;
use crate::route::{BalancerId, Host, Quota, Recovery, Worker};
use crate::time::Wait;

const ALL: usize = 6;
const MAX: u32 = 2;
const CAPS: Pending = Pending { total: 9, worker: 4, client: 3 };
const WORKER: WorkerId = WorkerId(0);
const QUOTA: Quota = Quota { line: QuotaId(0), most: NonZeroU32::new(3).unwrap() };

/// What one session has of the pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Has {
    Nothing,
    /// A place in the queue; `true` once it was woken.
    Place(bool),
    /// A lease; `true` once it was confirmed.
    Lease(bool),
}

/// What one session does.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// It asks, while the worker rests if it does, or after that.
    Elect(Time),
    /// It asks with a lease that failed.
    Fail,
    Confirm,
    /// Its request is over, or its time is up.
    Release,
}

const EARLY: Time = Time::ZERO;
const LATER: Time = Time::from_micros(9);

/// The pool, and what must be true of it.
#[derive(Clone, Debug)]
struct Model {
    pool: Pool<usize>,
    has: [Has; ALL],
    /// Who waits, in the order in which they began to.
    queue: Vec<usize>,
    /// The worker may rest, or has.
    rests: bool,
}

impl Model {
    fn new(recovery: Recovery) -> Self {
        let most = std::num::NonZeroU32::new(MAX);
        let worker = Worker { recovery, most, ..Worker::new("b", 80) };
        let pool = Pool::new(&Rules::of(Host::default(), vec![worker]), CAPS);
        let rests = recovery != Recovery::AtOnce;
        Self { pool, has: [Has::Nothing; ALL], queue: Vec::new(), rests }
    }

    fn moves(&self, who: usize) -> &'static [Move] {
        match self.has[who] {
            Has::Nothing => &[Move::Elect(EARLY), Move::Elect(LATER)],
            Has::Place(_) => &[Move::Elect(EARLY), Move::Elect(LATER), Move::Release],
            Has::Lease(false) => &[Move::Confirm, Move::Fail, Move::Release],
            Has::Lease(true) => &[Move::Release],
        }
    }

    fn make(&mut self, who: usize, step: Move) {
        match step {
            Move::Elect(now) => self.elect(who, now),
            Move::Fail => {
                let (ask, lease) =
                    (Ask { tried: vec![WORKER.into()], ..ask(who) }, self.lease(who));
                assert!(matches!(self.pool.elect(&ask, lease, who, EARLY), Poll::Ready(Err(_))));
                self.has[who] = Has::Nothing;
            }
            Move::Confirm => {
                let mut lease = self.lease(who).expect("only a lease is confirmed");
                self.pool.confirm(&mut lease);
                self.has[who] = Has::Lease(true);
            }
            Move::Release => {
                let lease = self.lease(who);
                self.pool.release(lease, who, &Report::new(Close::Idle, Time::ZERO));
                self.queue.retain(|&waiting| waiting != who);
                self.has[who] = Has::Nothing;
            }
        }
    }

    fn elect(&mut self, who: usize, now: Time) {
        let before = self.queue.iter().take_while(|&&waiting| waiting != who).count();
        let may = before < (MAX - self.busy()) as usize;
        let waits = matches!(self.has[who], Has::Place(_));
        let got = self.pool.elect(&ask(who), None, who, now);
        self.queue.retain(|&waiting| waiting != who || got.is_pending());
        self.has[who] = match got {
            Poll::Pending => {
                assert!(!may, "{who} waits although it is its turn: {self:?}");
                if !waits {
                    self.queue.push(who);
                }
                Has::Place(false)
            }
            Poll::Ready(Ok(_)) => {
                assert!(may, "{who} overtakes {:?}", self.queue);
                Has::Lease(false)
            }
            Poll::Ready(Err(none)) => {
                let crowded = [NoWorker::Busy, NoWorker::Client, NoWorker::Tunnels].contains(&none);
                assert!(!crowded || !waits, "{who} had its place already");
                Has::Nothing
            }
        };
    }

    /// The lease of `who`, if it has one: there is no other way to have one in two states.
    fn lease(&self, who: usize) -> Option<Lease> {
        let Has::Lease(is_confirmed) = self.has[who] else { return None };
        let mut lease = Lease::new(WORKER.into(), None, Visit::of(&ask(who)));
        if is_confirmed {
            lease.confirm();
        }
        Some(lease)
    }

    fn busy(&self) -> u32 {
        self.has.iter().filter(|has| matches!(has, Has::Lease(_))).count() as u32
    }

    /// Times that change nothing any more: a worker that rests has been asked for early, and nobody is patient.
    fn forget_times(&mut self) {
        let house = &mut self.pool.houses[0];
        house.now = EARLY;
        (0..ALL).for_each(|place| {
            house.queue.at(place).into_iter().for_each(|waiting| waiting.since = EARLY);
        });
    }

    fn check(&mut self) {
        for who in self.pool.take_woken() {
            assert_eq!(self.has[who], Has::Place(false), "{who} is woken for nothing");
            self.has[who] = Has::Place(true);
        }
        let busy = self.busy();
        assert_eq!(self.pool.busy(), busy);
        assert!(busy <= MAX, "more leases than there may be");
        let pending = |has: &&Has| matches!(has, Has::Place(_) | Has::Lease(false));
        let pending = self.has.iter().filter(pending).count() as u32;
        let counted = (self.pool.pending(), self.pool.houses[0].pending);
        assert_eq!(counted, (pending, pending), "waiting or unconfirmed");
        assert_eq!(self.pool.crowd.by_client().0, pending, "by client");
        let counted = |(who, has): &(usize, &Has)| **has != Has::Nothing && is_bounded(*who);
        let tunnels = self.has.iter().enumerate().filter(counted).count() as u32;
        assert_eq!(self.pool.tunnels(QUOTA.line), tunnels, "waiting, unconfirmed or open");
        assert!(tunnels <= QUOTA.most.get(), "more tunnels than there may be");
        for (place, &who) in self.queue.iter().enumerate() {
            assert_eq!(self.pool.houses[0].queue.place(who), Some(place), "the queue's order");
            let turn = place < (MAX - busy) as usize;
            let woken = self.has[who] == Has::Place(true);
            assert!(woken || !turn, "it is the turn of {who}, who sleeps: {self:?}");
            // Whom it is told that the worker rests has been woken too.
            assert!(turn || !woken || self.rests, "{who} is woken before its turn: {self:?}");
        }
    }
}

fn ask(who: usize) -> Ask {
    let quota = is_bounded(who).then_some(QUOTA);
    let purpose = Purpose::Tunnel { quota, handshakes: None };
    Ask::new(BalancerId(0), IpAddr::from([127, 0, 0, who as u8 % 2]), purpose)
}

/// Some ask where a line bounds tunnels, and some elsewhere.
const fn is_bounded(who: usize) -> bool {
    who < 4
}

/// Goes everywhere: each state that is new is left by every move that there is.
fn walk(recovery: Recovery) -> BTreeSet<String> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![Model::new(recovery)]);
    while let Some(model) = left.pop() {
        if !seen.insert(format!("{model:?}")) {
            continue;
        }
        for who in 0..ALL {
            for &step in model.moves(who) {
                let mut next = model.clone();
                next.make(who, step);
                next.check();
                next.forget_times();
                left.push(next);
            }
        }
    }
    seen
}

/// Whoever waits is woken when its turn has come, and not before; and so it is served, or told
/// why not. It holds in every state, so it holds whatever happens.
#[test]
fn in_every_state_the_first_of_the_queue_have_been_woken() {
    for recovery in [Recovery::AtOnce, Recovery::After(Wait::from_micros(1))] {
        let states = walk(recovery);
        assert!(states.len() > 1_000, "only {} states", states.len());
    }
}
