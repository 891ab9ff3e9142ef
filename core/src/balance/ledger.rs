//! Stage 4 of 6 · what one loop's workers have carried since the pool was told.

use super::Pool;
use crate::route::{Method, Rules, WorkerId};
use crate::time::{Time, Wait};

/// How often the pool is told, if nothing else takes the loop there.
const EVERY: Wait = Wait::from_secs(1);

/// Bytes by worker, of one loop. It counts nothing where no balancer asks for it (`lbmethod=bytraffic`).
#[derive(Clone, Debug)]
pub struct Ledger {
    bytes: Vec<u64>,
    /// Those of them that are not 0.
    moved: Vec<WorkerId>,
    told: Time,
}

impl Ledger {
    /// An empty one, for the workers of those rules.
    pub fn new(rules: &Rules) -> Self {
        let counts = rules.balancers.iter().any(|it| it.method == Method::ByTraffic);
        let workers = if counts { rules.workers.len() } else { 0 };
        Self { bytes: vec![0; workers], moved: Vec::new(), told: Time::ZERO }
    }

    /// Adds what a worker has carried; gives whether the pool should be told.
    #[must_use = "the pool is told when it is time"]
    pub fn add(&mut self, worker: WorkerId, bytes: u64, now: Time) -> bool {
        let Some(sum) = self.bytes.get_mut(worker.0 as usize) else { return false };
        if *sum == 0 {
            self.moved.push(worker);
        }
        *sum = sum.saturating_add(bytes);
        self.told.after(EVERY) <= now
    }

    /// Tells the pool all of it.
    pub fn tell<W: Copy + Eq>(&mut self, pool: &mut Pool<W>, now: Time) {
        for worker in self.moved.drain(..) {
            pool.note(worker, std::mem::take(&mut self.bytes[worker.0 as usize]));
        }
        self.told = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Balancer, Host, Worker};

    fn rules(method: Method) -> Rules {
        let mut rules = Rules::of(Host::default(), vec![Worker::new("b", 80)]);
        rules.balancers[0] = Balancer { method, ..Balancer::alone(WorkerId(0)) };
        rules
    }

    #[test]
    fn the_pool_is_told_once_a_second_and_only_if_it_asks() {
        let at = |secs| Time::ZERO.after(Wait::from_secs(secs));
        let mut ledger = Ledger::new(&rules(Method::ByTraffic));
        assert!(!ledger.add(WorkerId(0), 5, at(0)) && ledger.add(WorkerId(0), 5, at(1)));
        let mut pool = Pool::<()>::new(&rules(Method::ByTraffic), crate::limits::PENDING);
        ledger.tell(&mut pool, at(1));
        assert!(!ledger.add(WorkerId(0), 5, at(1)));
        assert_eq!((pool.carried(WorkerId(0)), ledger.moved.len()), (10, 1));
        assert!(!Ledger::new(&rules(Method::ByRequests)).add(WorkerId(0), 5, at(9)));
    }
}
