//! Seeds of every scenario on the engine of discrete events: nothing goes wrong, and the same seed is the
//! same run.

use std::fs;
use std::path::{Path, PathBuf};

use underpass_sim::des::{self, Bug};
use underpass_sim::engine::Engine;
use underpass_sim::file;
use underpass_sim::oracle::{Kind, Met};
use underpass_sim::plan::Plan;
use underpass_sim::scenario::Scenario;
use underpass_sim::shrink::shrink;

/// How many seeds of each scenario run; `SEEDS=n` runs more.
const SEEDS: u64 = 160;

fn run(plan: &Plan, bug: Bug) -> underpass_sim::run::Run {
    des::run(plan, bug, false).expect("the plan can be run")
}

#[test]
fn nothing_goes_wrong_and_everything_happens() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let (mut met, mut failed) = (Met::default(), Vec::new());
    for (scenario, seed) in
        Scenario::ALL.into_iter().flat_map(|it| (0..seeds).map(move |n| (it, n)))
    {
        let run = run(&scenario.draw(seed), Bug::None);
        met.join(&run.met);
        let name = scenario.name();
        let replay = format!("underpass-sim run --scenario {name} --seed {seed} --timeline");
        failed.extend(run.violations.first().map(|violation| format!("{violation}\n  {replay}\n")));
    }
    assert!(failed.is_empty(), "{}", failed.concat());
    assert_eq!(met.missing(), [""; 0], "never happened");
}

#[test]
fn the_same_seed_is_the_same_run_and_another_seed_is_not() {
    for scenario in Scenario::ALL {
        let traces: Vec<_> = (0..6)
            .map(|seed| {
                let plan = scenario.draw(seed / 2);
                file::trace(
                    Engine::Des,
                    &plan,
                    &Engine::Des.run(&plan, true).expect("it can be run"),
                )
            })
            .collect();
        for pair in traces.chunks(2) {
            assert_eq!(file::parting(&pair[0], &pair[1]), None, "{}", scenario.name());
        }
        assert!(file::parting(&traces[0], &traces[2]).is_some(), "{}", scenario.name());
    }
}

/// Every client has a stream of chance of its own: who leaves one out does not change what another says.
#[test]
fn who_leaves_a_client_out_leaves_the_others_as_they_were() {
    let whole = Scenario::Storm.draw(4);
    let mut less = whole.clone();
    less.clients.remove(1);
    for client in &less.clients {
        assert_eq!(whole.client(client.id), Some(client));
    }
    assert_eq!(run(&less, Bug::None).kind(), None);
}

/// What a bug of the driver's does is seen, and cut down to next to nothing.
#[test]
fn bugs_that_are_planted_are_found_and_cut_down() {
    let planted = [
        (Bug::ForgetsEnd, Kind::Late, Scenario::HalfClose),
        (Bug::LosesByte, Kind::Wrong, Scenario::Bulk),
        (Bug::RingsLate, Kind::Late, Scenario::LongIdle),
        (Bug::LeaksLease, Kind::Count, Scenario::Storm),
    ];
    for (bug, kind, scenario) in planted {
        let plans = (0..200).map(|seed| scenario.draw(seed));
        let plan = plans.into_iter().find(|plan| run(plan, bug).kind() == Some(kind));
        let plan = plan.unwrap_or_else(|| panic!("{bug:?} is not found"));
        let shrunk =
            shrink(&plan, kind, 3_000, &mut |plan| des::run(plan, bug, false).ok()?.kind());
        let ops: usize = shrunk.plan.clients.iter().map(|client| client.script.len()).sum();
        let small = shrunk.plan.clients.len() <= 1 && ops <= 3 && shrunk.plan.faults.is_empty();
        assert!(small, "{bug:?}: {}", shrunk.plan.to_json());
        let without = run(&shrunk.plan, Bug::None).violations;
        assert!(without.is_empty(), "{bug:?}: {without:?} {}", shrunk.plan.to_line());
    }
}

/// These need two loops, or two who meet on one connection.
#[test]
fn bugs_that_need_company_are_found() {
    let found =
        |bug, scenario: Scenario| (0..300).find_map(|seed| run(&scenario.draw(seed), bug).kind());
    assert!(found(Bug::ForgetsTurn, Scenario::Crowd).is_some());
    assert!(found(Bug::KeepsAll, Scenario::KeepAlive).is_some());
}

/// What once went wrong does not again.
#[test]
fn the_regressions_stay_away() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let files = fs::read_dir(folder).expect("there is a folder");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let plan = Plan::load(&file).unwrap_or_else(|bad| panic!("{bad}"));
        let run = run(&plan, Bug::None);
        assert!(run.violations.is_empty(), "{}: {:?}", file.display(), run.violations);
    }
}
