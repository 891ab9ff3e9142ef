//! Elections without a daemon: a pool of equal members, and one tunnel's way through it.

use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use underpass_core::balance::{Ask, Pool, Purpose};
use underpass_core::limits;
use underpass_core::report::{Close, Report};
use underpass_core::route::{
    Balancer, BalancerId, Host, Member, Method, Rules, Scheme, Target, Worker, WorkerId,
};
use underpass_core::time::Time;

/// A pool that threads share.
#[derive(Debug)]
pub struct Shared {
    pool: Mutex<Pool<u32>>,
    ask: Ask,
    report: Report,
}

impl Shared {
    /// One of so many members, which are chosen by that method.
    pub fn new(members: u32, method: Method) -> Self {
        let purpose = Purpose::Tunnel { quota: None, handshakes: None };
        Self {
            pool: Mutex::new(pool(members, method)),
            ask: Ask::new(BalancerId(0), [127, 0, 0, 1].into(), purpose),
            report: Report { status: 101, ..Report::new(Close::Idle, Time::ZERO) },
        }
    }

    /// One tunnel of who has that number: its election, its confirmation and its end.
    ///
    /// # Panics
    ///
    /// If nobody serves it, which no member has a reason for.
    pub fn tunnel(&self, who: u32) {
        let lock = || self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let elected = lock().elect(&self.ask, None, who, Time::ZERO);
        let Poll::Ready(Ok(mut lease)) = elected else { panic!("there is room") };
        lock().confirm(&mut lease);
        lock().release(Some(lease), who, &self.report);
    }
}

fn pool(members: u32, method: Method) -> Pool<u32> {
    let worker = |number: u32| {
        let host = format!("b{number}");
        let target = Target::new(Scheme::Ws, host.clone(), 80);
        Worker { member: Some(Box::new(Member::new(target))), ..Worker::new(host, 80) }
    };
    let balancer = Balancer {
        name: Some("app".into()),
        workers: (0..members).map(WorkerId).collect(),
        method,
        ..Balancer::alone(WorkerId(0))
    };
    let workers = (0..members).map(worker).collect();
    let rules = Rules { balancers: vec![balancer], ..Rules::of(Host::default(), workers) };
    Pool::new(&rules, limits::PENDING)
}
