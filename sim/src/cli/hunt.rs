//! Seed after seed, until something goes wrong or the time is up.

use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
#[expect(clippy::disallowed_types, reason = "the hunter's own time, which no run sees")]
use std::time::Instant;

use clap::Args;

use super::args::{engine, scenario};
use super::{Failure, Outcome, replay_of, run};
use crate::engine::Engine;
use crate::oracle::Met;
use crate::plan::Plan;
use crate::run::Run;
use crate::scenario::Scenario;

/// Run seed after seed, and stop at the first violation.
#[derive(Args, Debug)]
pub(super) struct Hunt {
    /// The scenario that draws the plans, or all of them in turn.
    #[arg(long, default_value = "all", value_parser = scenarios)]
    scenario: Scenarios,
    /// How many minutes; if it is not said, --count seeds are run.
    #[arg(long, conflicts_with = "count")]
    minutes: Option<f64>,
    /// How many seeds of each scenario.
    #[arg(long, default_value_t = 1_000)]
    count: u64,
    /// What runs the plans: des, or turmoil.
    #[arg(long, value_parser = engine, default_value = "des")]
    engine: Engine,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many threads hunt.
    #[arg(long, default_value_t = NonZeroU64::MIN)]
    jobs: NonZeroU64,
    /// Where plans that fail are written.
    #[arg(long, default_value = "failures")]
    failures: PathBuf,
}

/// Which scenarios are hunted in.
#[derive(Clone, Debug)]
struct Scenarios(Vec<Scenario>);

fn scenarios(name: &str) -> Result<Scenarios, String> {
    if name == "all" {
        return Ok(Scenarios(Scenario::ALL.into()));
    }
    scenario(name).map(|one| Scenarios(vec![one])).map_err(|names| format!("{names}, or all"))
}

/// What one thread has found.
#[derive(Debug, Default)]
struct Haul {
    seeds: u64,
    met: Met,
    /// Faults that the engine could not do.
    skipped: u64,
    found: Option<Box<(Plan, Run)>>,
}

/// When a hunt is over.
#[derive(Debug)]
struct Until {
    #[expect(clippy::disallowed_types, reason = "the hunter's own time, which no run sees")]
    began: Instant,
    span: Option<Duration>,
    /// Somebody has found something.
    found: AtomicBool,
}

impl Hunt {
    #[expect(clippy::disallowed_types, reason = "the hunter's own time, which no run sees")]
    pub(super) fn run(&self, out: &mut impl Write) -> Result<Outcome, Failure> {
        let span = self.minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
        let until = Until { began: Instant::now(), span, found: AtomicBool::new(false) };
        let haul = thread::scope(|scope| {
            let start = |job| {
                let until = &until;
                scope.spawn(move || self.search(job, until))
            };
            let hunters: Vec<_> = (0..self.jobs.get()).map(start).collect();
            let hauls = hunters.into_iter().map(|hunter| hunter.join().expect("panics are caught"));
            hauls.reduce(|one, other| Ok(one?.with(other?))).expect("there is at least one")
        })?;
        if let Some(found) = &haul.found {
            return self.tell(&found.0, &found.1, out);
        }
        let minutes = until.began.elapsed().as_secs_f64() / 60.0;
        for (what, count) in haul.met.all() {
            writeln!(out, "{count:>9}  {what}")?;
        }
        let (seeds, name) = (haul.seeds, self.engine.name());
        if haul.skipped > 0 {
            writeln!(out, "{} faults that {name} cannot do were left out", haul.skipped)?;
        }
        writeln!(out, "{seeds} seeds, {:.0} a minute, no violation", seeds as f64 / minutes)?;
        Ok(Outcome::Well)
    }

    /// Runs every seed whose turn is that job's.
    fn search(&self, job: u64, until: &Until) -> Result<Haul, Failure> {
        let mut haul = Haul::default();
        let mut seeds = (self.from + job..).step_by(self.jobs.get() as usize);
        while let Some(seed) =
            seeds.next().filter(|seed| !until.is_over(seed - self.from, self.count))
        {
            for scenario in &self.scenario.0 {
                let plan = scenario.draw(seed);
                let run = run(self.engine, &plan, false)?;
                haul.seeds += 1;
                haul.skipped += run.skipped.len() as u64;
                haul.met.join(&run.met);
                if !run.violations.is_empty() {
                    until.found.store(true, Ordering::Relaxed);
                    haul.found = Some(Box::new((plan, run)));
                    return Ok(haul);
                }
            }
        }
        Ok(haul)
    }

    /// Keeps the plan that fails, and says how it is run again.
    fn tell(&self, plan: &Plan, run: &Run, out: &mut impl Write) -> Result<Outcome, Failure> {
        let file = self.failures.join(format!("{}-{}.plan.json", plan.scenario, plan.seed));
        let failed = |error| Failure::file(&file, &error);
        fs::create_dir_all(&self.failures).map_err(failed)?;
        fs::write(&file, plan.to_json()).map_err(failed)?;
        for violation in &run.violations {
            writeln!(out, "{violation}")?;
        }
        writeln!(out, "{}", replay_of(&file, self.engine))?;
        Ok(Outcome::Violation)
    }
}

impl Until {
    /// Whether that seed, counted from the first one, is not run any more.
    fn is_over(&self, number: u64, count: u64) -> bool {
        let late = match self.span {
            Some(span) => self.began.elapsed() >= span,
            None => number >= count,
        };
        late || self.found.load(Ordering::Relaxed)
    }
}

impl Haul {
    /// What both have found; the smaller seed, if both failed.
    fn with(mut self, other: Self) -> Self {
        self.seeds += other.seeds;
        self.skipped += other.skipped;
        self.met.join(&other.met);
        let found = [self.found, other.found].into_iter().flatten();
        Self { found: found.min_by_key(|found| found.0.seed), ..self }
    }
}
