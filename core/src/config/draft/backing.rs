//! Who stands behind the rules of all servers: the balancers and their workers, each once.

use super::Settings;
use super::groups::Group;
use crate::route::{
    Balancer, BalancerId, Method, RouteId, Scheme, Target, Upgrade, Worker, WorkerId,
};
use crate::time::Wait;

/// The balancers and workers so far.
#[derive(Debug, Default)]
pub(in crate::config) struct Backing {
    pub(in crate::config) balancers: Vec<Balancer>,
    pub(in crate::config) workers: Vec<Worker>,
    known: Vec<Known>,
}

/// A balancer that rules can name, and what they take over from its members.
#[derive(Debug)]
pub(super) struct Known {
    /// The number of the server that describes it.
    host: usize,
    name: String,
    pub(super) id: BalancerId,
    pub(super) scheme: Scheme,
    pub(super) upgrade: Upgrade,
    pub(super) acquire: Wait,
    /// The URLs of its members.
    pub(super) targets: Vec<Target>,
}

impl Backing {
    /// The balancer of a worker that a rule names itself: that of an earlier rule, if it is dialled the same way.
    pub(super) fn alone(&mut self, worker: Worker) -> BalancerId {
        let is_same = |balancer: &Balancer| {
            let mut workers = balancer.workers.iter().map(|id| &self.workers[id.0 as usize]);
            !balancer.is_group() && workers.any(|known| *known == worker)
        };
        let number = self.balancers.iter().position(is_same).unwrap_or_else(|| {
            let balancer = Balancer::alone(self.hire(worker));
            self.balancers.push(balancer);
            self.balancers.len() - 1
        });
        BalancerId(number as u32)
    }

    /// A balancer that is described by a server of those settings.
    pub(super) fn add(&mut self, group: &Group, settings: &Settings) {
        let Some((scheme, upgrade)) = group.speaks() else { return };
        let only_upgrades = settings.only_upgrades(scheme);
        let plain = if only_upgrades { Method::LeastTunnels } else { Method::ByRequests };
        let mut balancer = group.says.balancer(&group.name, group.attempts(), plain);
        let routes = group.routes().into_iter();
        balancer.routes = routes.map(|name| (RouteId::of(name.as_bytes()), name)).collect();
        let manners = group.members.iter().map(|line| settings.manner(&line.options));
        let acquire = manners.map(|manner| manner.acquire).max().unwrap_or(settings.timeout);
        // Who is to wait for a member so long must not be sent away before.
        let acquire = acquire.max(balancer.patience);
        for line in &group.members {
            let worker = settings.member(line, &balancer);
            balancer.workers.push(self.hire(worker));
        }
        let id = BalancerId(self.balancers.len() as u32);
        self.balancers.push(balancer);
        let targets = group.members.iter().map(|line| line.target.clone()).collect();
        let (host, name) = (group.host, group.name.clone());
        self.known.push(Known { host, name, id, scheme, upgrade, acquire, targets });
    }

    /// The balancer that a rule of that server means by that URL, if it is one.
    pub(super) fn named(&self, host: usize, target: &Target) -> Option<&Known> {
        let of = |host| self.known.iter().find(|it| it.host == host && it.name == target.host);
        (target.scheme == Scheme::Balancer).then(|| of(host).or_else(|| of(0))).flatten()
    }

    fn hire(&mut self, worker: Worker) -> WorkerId {
        self.workers.push(worker);
        WorkerId(self.workers.len() as u32 - 1)
    }
}
