//! What an election costs, and its end: alone, and while another thread wants the same pool.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use underpass_benches::election::Shared;
use underpass_core::route::Method;

fn elect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("elect");
    for (name, method) in
        [("byrequests", Method::ByRequests), ("leasttunnels", Method::LeastTunnels)]
    {
        for members in [2, 16, 1_000] {
            let shared = Shared::new(members, method.clone());
            group.bench_function(format!("{name}, {members} members, alone"), |bencher| {
                bencher.iter(|| shared.tunnel(0));
            });
            group.bench_function(format!("{name}, {members} members, two threads"), |bencher| {
                let ends = AtomicBool::new(false);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        while !ends.load(Ordering::Relaxed) {
                            shared.tunnel(1);
                        }
                    });
                    bencher.iter(|| shared.tunnel(0));
                    ends.store(true, Ordering::Relaxed);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, elect);
criterion_main!(benches);
