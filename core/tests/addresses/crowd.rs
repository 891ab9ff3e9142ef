//! A pool of members whose addresses serve each for itself, and whoever is served by it.

use std::net::{IpAddr, Ipv4Addr};
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker, Pool, Purpose, Resolved};
use underpass_core::limits;
use underpass_core::report::{Close, Report};
use underpass_core::route::{
    Balancer, BalancerId, Expansion, Host, Member, Owner, Recovery, RouteId, Rules, Scheme, Target,
    Worker, WorkerId,
};
use underpass_core::time::{Time, Wait};

/// The member whose addresses serve each for itself, and one that is one.
pub(crate) const MANY: WorkerId = WorkerId(0);
pub(crate) const ONE: WorkerId = WorkerId(1);

pub(crate) fn at(secs: u64) -> Time {
    Time::ZERO.after(Wait::from_secs(secs))
}

pub(crate) fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

pub(crate) fn salted() -> Expansion {
    Expansion { salt: "app\n\n80".into() }
}

pub(crate) fn worker(expansion: Option<Expansion>) -> Worker {
    let target = Target::new(Scheme::Ws, "b", 80);
    let member = Member { expansion, ..Member::new(target) };
    let recovery = Recovery::After(Wait::from_secs(60));
    Worker { recovery, member: Some(Box::new(member)), ..Worker::new("b", 80) }
}

pub(crate) fn member(worker: &mut Worker) -> &mut Member {
    worker.member.as_mut().expect("it is a member")
}

/// A pool, and whoever is served by it.
pub(crate) struct Crowd {
    pub(crate) pool: Pool<u32>,
    pub(crate) now: Time,
    pub(crate) clients: u32,
}

/// A member of addresses alone.
pub(crate) fn many(change: impl FnOnce(&mut Worker, &mut Balancer)) -> Crowd {
    let mut worker = worker(Some(salted()));
    let mut balancer = Balancer { retries: 9, ..Balancer::alone(MANY) };
    (balancer.name, balancer.forces_recovery) = (Some("app".into()), false);
    change(&mut worker, &mut balancer);
    Crowd::of(vec![worker], balancer)
}

/// The same beside one that is one.
pub(crate) fn both(change: impl FnOnce(&mut [Worker], &mut Balancer)) -> Crowd {
    let mut workers = vec![worker(Some(salted())), worker(None)];
    let mut balancer = Balancer { retries: 9, ..Balancer::alone(MANY) };
    (balancer.name, balancer.workers) = (Some("app".into()), vec![MANY, ONE]);
    balancer.routes = [(RouteId(0), "one".into())].into();
    member(&mut workers[1]).route = Some(RouteId(0));
    change(&mut workers, &mut balancer);
    Crowd::of(workers, balancer)
}

pub(crate) fn plain(addresses: &[u8]) -> Crowd {
    let mut crowd = many(|_, _| ());
    crowd.resolve(addresses);
    crowd
}

impl Crowd {
    pub(crate) fn of(workers: Vec<Worker>, balancer: Balancer) -> Self {
        let rules = Rules { balancers: vec![balancer], ..Rules::of(Host::default(), workers) };
        Self { pool: Pool::new(&rules, limits::PENDING), now: at(0), clients: 0 }
    }

    pub(crate) fn resolve(&mut self, addresses: &[u8]) -> Resolved {
        let addresses: Vec<_> = addresses.iter().map(|last| ip(*last)).collect();
        self.pool.resolved(MANY, &addresses, self.now)
    }

    pub(crate) fn ask(owner: Option<Owner>) -> Ask {
        let purpose = Purpose::Tunnel { quota: None, handshakes: None };
        Ask { owner, ..Ask::new(BalancerId(0), ip(99), purpose) }
    }

    /// What a client gets that asks so.
    pub(crate) fn elect(&mut self, ask: &Ask, who: u32) -> Poll<Result<Lease, NoWorker>> {
        self.pool.elect(ask, None, who, self.now)
    }

    /// A new client's lease, whose handshake is under way.
    pub(crate) fn lease(&mut self, ask: &Ask) -> Lease {
        self.clients += 1;
        match self.elect(ask, self.clients) {
            Poll::Ready(Ok(lease)) => lease,
            other @ (Poll::Ready(Err(_)) | Poll::Pending) => panic!("{other:?}"),
        }
    }

    /// Who serves each of so many that stay, by the last number of the address; 0 for a member that is one.
    pub(crate) fn serve(&mut self, count: usize) -> Vec<(u8, Lease)> {
        (0..count).map(|_| self.open(&Self::ask(None))).collect()
    }

    pub(crate) fn open(&mut self, ask: &Ask) -> (u8, Lease) {
        let mut lease = self.lease(ask);
        let last = last(&lease);
        self.pool.confirm(&mut lease);
        (last, lease)
    }

    pub(crate) fn close(&mut self, lease: Lease, close: Close) {
        self.give_back(Some(lease), self.clients, close);
    }

    /// What a client has, or its place among those that wait.
    pub(crate) fn give_back(&mut self, lease: Option<Lease>, who: u32, close: Close) {
        let report = Report {
            worker: lease.as_ref().map(Lease::worker),
            status: 200,
            ..Report::new(close, self.now)
        };
        self.pool.release(lease, who, &report);
    }

    /// Who serves each of so many that end at once.
    pub(crate) fn turns(&mut self, count: usize) -> Vec<u8> {
        let turn = |_| {
            let (last, lease) = self.open(&Self::ask(None));
            self.close(lease, Close::Answered);
            last
        };
        (0..count).map(turn).collect()
    }
}

pub(crate) fn last(lease: &Lease) -> u8 {
    match lease.address() {
        Some(IpAddr::V4(address)) => address.octets()[3],
        Some(IpAddr::V6(address)) => panic!("{address}"),
        None => 0,
    }
}

pub(crate) fn lasts(served: &[(u8, Lease)]) -> Vec<u8> {
    served.iter().map(|(last, _)| *last).collect()
}

pub(crate) fn owner(last: u8) -> Option<Owner> {
    Some(Owner::Address(salted().route(ip(last))))
}
