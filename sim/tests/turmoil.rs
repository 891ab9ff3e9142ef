//! Seeds on turmoil: each is a world of its own, and the same one every time.

use std::collections::BTreeSet;

use underpass_sim::turmoil::{Mark, Run, run};

/// How many seeds run; `SEEDS=n` runs more.
const SEEDS: u64 = 256;

#[test]
fn every_client_gets_what_it_came_for() {
    let runs = (0..number("SEEDS").unwrap_or(SEEDS)).map(|seed| (seed, run(seed)));
    let mut met = BTreeSet::new();
    let runs = runs.inspect(|(_, run)| met.extend(run.marks.iter().copied()));
    let failed: Vec<_> = runs.filter(|(_, run)| !run.failures.is_empty()).collect();
    assert!(failed.is_empty(), "{}", failed.iter().map(describe).collect::<String>());
    assert!(Mark::ALL.iter().all(|mark| met.contains(mark)), "only {met:?} happened");
}

fn describe((seed, run): &(u64, Run)) -> String {
    let replay = format!("SEED={seed} cargo test -p underpass-sim replays -- --nocapture");
    format!("\nseed {seed} ({replay}):\n  {}\n", run.failures.join("\n  "))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_way_to_end_happens() {
    let mut ends = BTreeSet::new();
    for event in (0..16).flat_map(|seed| run(seed).events) {
        if let Some(report) = event.what.report() {
            ends.insert((report.status, report.close.to_string()));
        }
    }
    let ends: Vec<_> = ends.iter().map(|(status, why)| (*status, why.as_str())).collect();
    assert_eq!(
        ends,
        [
            (101, "ended by the backend"),
            (101, "ended by the client"),
            (200, "answered"),
            (404, "refused: no rule for this path"),
            (500, "refused: the backend answered with this error"),
            (503, "refused: no backend can take the request now"),
        ]
    );
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..8 {
        let (first, second) = (run(seed), run(seed));
        let differs = first.events.iter().zip(&second.events).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.hash, second.hash, "seed {seed}");
    }
}

#[test]
fn different_seeds_are_different_runs() {
    let mut hashes: Vec<_> = (0..16).map(|seed| run(seed).hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 16);
}

/// `SEED=n` runs that seed and prints its trace.
#[test]
fn replays_the_seed_of_the_environment() {
    let Some(seed) = number("SEED") else { return };
    let run = run(seed);
    run.events.iter().for_each(|event| eprintln!("{event}"));
    eprintln!("seed {seed}: {} errands, hash {:016x}", run.errands, run.hash);
    assert!(run.failures.is_empty(), "{}", describe(&(seed, run)));
}
