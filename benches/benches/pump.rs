//! What the loop costs when the legs cost nothing.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use underpass_benches::{Bench, rules};

/// Pull, push and pull, push, then two pulls that are blocked, and the parking.
const OPS: u64 = 7;

fn echo(criterion: &mut Criterion) {
    let rules = rules();
    let mut bench = Bench::new(&rules);
    let mut session = bench.accept();
    bench.open(&mut session);
    let mut group = criterion.benchmark_group("pump");
    group.throughput(Throughput::Elements(OPS));
    group.bench_function("a message each way, per op", |bencher| {
        bencher.iter(|| bench.echo(&mut session));
    });
    group.finish();
    bench.close(&mut session);
}

fn life(criterion: &mut Criterion) {
    let rules = rules();
    let mut bench = Bench::new(&rules);
    criterion.bench_function("pump/handshake, tunnel, close", |bencher| {
        bencher.iter(|| {
            let mut session = bench.accept();
            bench.open(&mut session);
            bench.close(&mut session);
        });
    });
}

/// One request of many on a connection, by a backend's connection that was kept as well.
fn exchange(criterion: &mut Criterion) {
    let rules = rules();
    let mut bench = Bench::new(&rules);
    let mut session = bench.accept();
    criterion.bench_function("pump/keep-alive GET exchange", |bencher| {
        bencher.iter(|| bench.exchange(&mut session));
    });
    bench.close(&mut session);
}

/// The same with a tape, and what the writer's thread then does with it.
fn recorded(criterion: &mut Criterion) {
    let rules = rules();
    let mut group = criterion.benchmark_group("recorded");
    let mut bench = Bench::recording(&rules);
    let mut session = bench.accept();
    bench.open(&mut session);
    group.throughput(Throughput::Elements(OPS));
    group.bench_function("a message each way, per op", |bencher| {
        bencher.iter(|| {
            bench.echo(&mut session);
            bench.take_events()
        });
    });
    bench.echo(&mut session);
    let (events, mut lines) = (bench.take_events(), Vec::new());
    group.bench_function("writing that down, per op", |bencher| {
        bencher.iter(|| {
            lines.clear();
            events.iter().for_each(|event| event.write(&mut lines));
        });
    });
    drop(group);
    criterion.bench_function("recorded/handshake, tunnel, close", |bencher| {
        bencher.iter(|| {
            let mut session = bench.accept();
            bench.open(&mut session);
            bench.close(&mut session);
            bench.take_events()
        });
    });
}

criterion_group!(benches, echo, exchange, life, recorded);
criterion_main!(benches);
