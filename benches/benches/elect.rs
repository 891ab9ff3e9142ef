//! What an election costs, and its end: alone, and while another thread wants the same pool.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use underpass_core::balance::{Ask, Pool, Purpose};
use underpass_core::limits;
use underpass_core::report::{Close, Report};
use underpass_core::route::{
    Balancer, BalancerId, Host, Member, Method, Rules, Scheme, Target, Worker, WorkerId,
};
use underpass_core::time::Time;

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

/// One tunnel's way through the pool.
fn tunnel(pool: &Mutex<Pool<u32>>, ask: &Ask, who: u32, report: &Report) {
    let lock = || pool.lock().expect("nobody panics with it");
    let elected = lock().elect(ask, None, who, Time::ZERO);
    let Poll::Ready(Ok(mut lease)) = elected else { panic!("there is room") };
    lock().confirm(&mut lease);
    lock().release(Some(lease), who, report);
}

fn report() -> Report {
    Report { status: 101, ..Report::new(Close::Idle, Time::ZERO) }
}

fn elect(criterion: &mut Criterion) {
    let purpose = Purpose::Tunnel { quota: None, handshakes: None };
    let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), purpose);
    let (ask, report) = (&ask, &report());
    let mut group = criterion.benchmark_group("elect");
    for (name, method) in
        [("byrequests", Method::ByRequests), ("leasttunnels", Method::LeastTunnels)]
    {
        for members in [2, 16, 1_000] {
            let pool = Mutex::new(pool(members, method.clone()));
            group.bench_function(format!("{name}, {members} members, alone"), |bencher| {
                bencher.iter(|| tunnel(&pool, ask, 0, report));
            });
            group.bench_function(format!("{name}, {members} members, two threads"), |bencher| {
                let ends = AtomicBool::new(false);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        while !ends.load(Ordering::Relaxed) {
                            tunnel(&pool, ask, 1, report);
                        }
                    });
                    bencher.iter(|| tunnel(&pool, ask, 0, report));
                    ends.store(true, Ordering::Relaxed);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, elect);
criterion_main!(benches);
