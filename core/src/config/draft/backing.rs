//! Who stands behind the rules of all servers: the balancers and their workers, each once.

use crate::route::{Balancer, BalancerId, Worker, WorkerId};

/// The balancers and workers so far.
#[derive(Debug, Default)]
pub(in crate::config) struct Backing {
    pub(in crate::config) balancers: Vec<Balancer>,
    pub(in crate::config) workers: Vec<Worker>,
}

impl Backing {
    /// The balancer of a worker that a rule names itself: that of an earlier rule, if it is dialled the same way.
    pub(super) fn alone(&mut self, worker: Worker) -> BalancerId {
        let is_same = |balancer: &Balancer| {
            let mut workers = balancer.workers.iter().map(|id| &self.workers[id.0 as usize]);
            !balancer.is_group() && workers.any(|known| *known == worker)
        };
        let number = self.balancers.iter().position(is_same).unwrap_or_else(|| {
            self.balancers.push(Balancer::alone(WorkerId(self.workers.len() as u32)));
            self.workers.push(worker);
            self.balancers.len() - 1
        });
        BalancerId(number as u32)
    }
}
