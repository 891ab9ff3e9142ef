//! How many instructions the hot paths of core take. They are counted by valgrind, which counts the same wherever the same
//! binary runs, so that a change of a few per cent is seen where times are noise.
//!
//! `cargo install gungraun-runner@0.20.0 && cargo bench -p underpass-benches --bench instructions` fails if one takes
//! more than what is written here, by 5 %. What takes less is to be written down.

#![allow(missing_docs, reason = "the macros make modules, which they do not describe")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use underpass_benches::election::Shared;
use underpass_benches::texts::{ManyRules, chunked, scan};
use underpass_benches::{BROWSER, Bench, rules};
use underpass_core::Session;
use underpass_core::head::{Request, Scan, slots};
use underpass_core::limits::Limits;
use underpass_core::route::Method;

/// How often what is short is done, so that how it begins does not count.
const TIMES: usize = 100;

/// So many instructions, and a little more.
fn about(count: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, count + count / 20)]));
    config
}

/// A loop whose rules nobody takes back.
fn at_work() -> Bench<'static> {
    Bench::new(Box::leak(Box::new(rules())))
}

fn with_tunnel() -> (Bench<'static>, Session) {
    let mut bench = at_work();
    let mut session = bench.accept();
    bench.open(&mut session);
    bench.echo(&mut session);
    (bench, session)
}

fn with_client() -> (Bench<'static>, Session) {
    let mut bench = at_work();
    let mut session = bench.accept();
    bench.exchange(&mut session);
    (bench, session)
}

fn with_members(members: u32) -> Shared {
    let shared = Shared::new(members, Method::LeastTunnels);
    shared.tunnel(0);
    shared
}

#[library_benchmark]
#[bench::of_a_browser(config = about(900_000))]
fn head() -> usize {
    (0..TIMES)
        .filter(|_| {
            let end = Scan::default().find(black_box(BROWSER), &Limits::DEFAULT);
            let mut slots = slots();
            let head = &BROWSER[end.expect("it is good").expect("it is whole")];
            Request::parse(head, &mut slots).is_ok()
        })
        .count()
}

#[library_benchmark]
#[bench::opened_and_ended(setup = at_work, config = about(5_300_000))]
fn tunnel(mut bench: Bench<'static>) -> Bench<'static> {
    for _ in 0..TIMES {
        let mut session = bench.accept();
        bench.open(&mut session);
        bench.close(&mut session);
    }
    bench
}

#[library_benchmark]
#[bench::each_way(setup = with_tunnel, config = about(218_000))]
fn message((mut bench, mut session): (Bench<'static>, Session)) -> (Bench<'static>, Session) {
    (0..TIMES).for_each(|_| bench.echo(&mut session));
    (bench, session)
}

#[library_benchmark]
#[bench::on_kept_connections(setup = with_client, config = about(3_290_000))]
fn get((mut bench, mut session): (Bench<'static>, Session)) -> (Bench<'static>, Session) {
    (0..TIMES).for_each(|_| bench.exchange(&mut session));
    (bench, session)
}

#[library_benchmark]
#[bench::of_two(args = (2), setup = with_members, config = about(177_000))]
#[bench::of_sixteen(args = (16), setup = with_members, config = about(531_000))]
#[bench::of_a_thousand(args = (1_000), setup = with_members, config = about(3_020_000))]
fn elect(shared: Shared) -> Shared {
    (0..TIMES).for_each(|_| shared.tunnel(0));
    shared
}

#[library_benchmark]
#[bench::of_16_bytes(args = (65_536, 16), setup = chunked, config = about(1_620_000))]
#[bench::of_1_kib(args = (65_536, 1_024), setup = chunked, config = about(30_700))]
fn chunks(body: Vec<u8>) -> usize {
    scan(&body)
}

#[library_benchmark]
#[bench::of_1_000_rules(args = (1_000), setup = ManyRules::new, config = about(174_000_000))]
fn config(many: ManyRules) -> usize {
    many.load().rules.workers.len()
}

library_benchmark_group!(
    name = paths,
    benchmarks = [head, tunnel, message, get, elect, chunks, config]
);
main!(library_benchmark_groups = paths);
