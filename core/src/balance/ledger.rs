//! Stage 4 of 6 · what one loop's workers have carried since the pool was told.

use std::collections::BTreeMap;

use super::{Pool, SeatId};
use crate::route::{Method, Rules};
use crate::time::{Time, Wait};

/// How often the pool is told, if nothing else takes the loop there.
const EVERY: Wait = Wait::from_secs(1);

/// Bytes by seat, of one loop. It counts nothing where no balancer asks for it (`lbmethod=bytraffic`).
#[derive(Clone, Debug)]
pub struct Ledger {
    counts: bool,
    /// What the pool was not told of yet. Who has carried nothing stays for one time more, so that nothing is
    /// allocated for a tunnel that is open.
    bytes: BTreeMap<SeatId, u64>,
    told: Time,
}

impl Ledger {
    /// An empty one, for the workers of those rules.
    pub fn new(rules: &Rules) -> Self {
        let counts = rules.balancers.iter().any(|it| it.method == Method::ByTraffic);
        Self { counts, bytes: BTreeMap::new(), told: Time::ZERO }
    }

    /// The workers are those of other rules.
    pub fn renew(&mut self, rules: &Rules) {
        self.counts = Self::new(rules).counts;
    }

    /// Adds what was carried; gives whether the pool should be told.
    #[must_use = "the pool is told when it is time"]
    pub fn add(&mut self, seat: SeatId, bytes: u64, now: Time) -> bool {
        if !self.counts {
            return false;
        }
        let sum = self.bytes.entry(seat).or_default();
        *sum = sum.saturating_add(bytes);
        self.told.after(EVERY) <= now
    }

    /// Tells the pool all of it.
    pub fn tell<W: Copy + Eq>(&mut self, pool: &mut Pool<W>, now: Time) {
        self.bytes.retain(|&seat, bytes| {
            let moved = std::mem::take(bytes);
            pool.note(seat, moved);
            moved > 0
        });
        self.told = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Balancer, Host, Worker, WorkerId};

    fn rules(method: Method) -> Rules {
        let mut rules = Rules::of(Host::default(), vec![Worker::new("b", 80)]);
        rules.balancers[0] = Balancer { method, ..Balancer::alone(WorkerId(0)) };
        rules
    }

    #[test]
    fn the_pool_is_told_once_a_second_and_only_if_it_asks() {
        let at = |secs| Time::ZERO.after(Wait::from_secs(secs));
        let mut ledger = Ledger::new(&rules(Method::ByTraffic));
        let seat = SeatId::from(WorkerId(0));
        assert!(!ledger.add(seat, 5, at(0)) && ledger.add(seat, 5, at(1)));
        let mut pool = Pool::<()>::new(&rules(Method::ByTraffic), crate::limits::PENDING);
        ledger.tell(&mut pool, at(1));
        assert!(!ledger.add(seat, 5, at(1)));
        assert_eq!(pool.carried(seat), 10);
        ledger.tell(&mut pool, at(2));
        assert_eq!((pool.carried(seat), ledger.bytes.len()), (15, 1));
        ledger.tell(&mut pool, at(3));
        assert_eq!((pool.carried(seat), ledger.bytes.len()), (15, 0));
        assert!(!Ledger::new(&rules(Method::ByRequests)).add(seat, 5, at(9)));
    }
}
