//! Seed after seed, until something goes wrong or the time is up.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
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

impl Hunt {
    #[expect(clippy::disallowed_types, reason = "the hunter's own time, which no run sees")]
    pub(super) fn run(&self, out: &mut impl Write) -> Result<Outcome, Failure> {
        let (began, mut seeds, mut met) = (Instant::now(), 0, Met::default());
        let span = self.minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
        for seed in self.from.. {
            let over = match span {
                Some(span) => began.elapsed() >= span,
                None => seed - self.from >= self.count,
            };
            if over {
                break;
            }
            for scenario in &self.scenario.0 {
                let plan = scenario.draw(seed);
                let run = run(self.engine, &plan, false)?;
                seeds += 1;
                met.join(&run.met);
                if !run.violations.is_empty() {
                    return self.tell(&plan, &run, out);
                }
            }
        }
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        for (what, count) in met.all() {
            writeln!(out, "{count:>9}  {what}")?;
        }
        writeln!(out, "{seeds} seeds, {:.0} a minute, no violation", seeds as f64 / minutes)?;
        Ok(Outcome::Well)
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
