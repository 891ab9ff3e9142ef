//! What long texts cost: a configuration of 10 000 rules, and bodies by their chunks.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use underpass_benches::texts::{ManyRules, chunked, scan};

fn rules(criterion: &mut Criterion) {
    let (many, mut group) = (ManyRules::new(10_000), criterion.benchmark_group("config"));
    group.sample_size(10);
    group.bench_function("10 000 rules", |bencher| {
        bencher.iter_batched(|| (), |()| many.load(), BatchSize::PerIteration);
    });
    group.finish();
}

fn chunks(criterion: &mut Criterion) {
    const BODY: usize = 64 * 1024;
    let mut group = criterion.benchmark_group("chunks");
    group.throughput(Throughput::Bytes(BODY as u64));
    for size in [16, 1_024, 16_384] {
        let body = chunked(BODY, size);
        group.bench_function(format!("of {size} bytes"), |bencher| bencher.iter(|| scan(&body)));
    }
    group.finish();
}

criterion_group!(benches, rules, chunks);
criterion_main!(benches);
