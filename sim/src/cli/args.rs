//! What the program can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::balance::Balance;
use super::hunt::Hunt;
use super::mutants::Mutants;
use crate::engine::Engine;
use crate::scenario::Scenario;

/// Runs the core of Underpass on a simulated network: looks for what goes wrong, and runs it again.
#[derive(Debug, Parser)]
#[command(name = "underpass-sim", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the plan of one seed.
    Run {
        /// The scenario that draws the plan.
        #[arg(long, value_parser = scenario)]
        scenario: Scenario,
        /// The seed.
        #[arg(long)]
        seed: u64,
        /// What runs it: des, or turmoil.
        #[arg(long, value_parser = engine, default_value = "des")]
        engine: Engine,
        #[command(flatten)]
        show: Show,
    },
    /// Run seed after seed, and stop at the first violation.
    Hunt(Hunt),
    /// Print how evenly each method of a balancer shares a day of tunnels.
    Balance(Balance),
    /// Plant one bug of sim/mutants after the other, and hunt for each.
    Mutants(Mutants),
    /// Cut a plan that fails down to what it fails by.
    Shrink {
        /// A plan, or a trace.
        file: PathBuf,
        /// Where the smaller plan goes; beside the larger one, if not said.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// How often a plan is run at the most.
        #[arg(long, default_value_t = 5_000)]
        most: u32,
        /// What runs the plans: des, or turmoil; the engine of the trace, if not said.
        #[arg(long, value_parser = engine)]
        engine: Option<Engine>,
    },
    /// Run plans again, or play what was recorded; a trace must come out as it is.
    Replay {
        /// Plans, traces of runs, or traces of `underpass run --record DIR`.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// What runs the plans: des, or turmoil; the engine of the trace, if not said.
        #[arg(long, value_parser = engine)]
        engine: Option<Engine>,
        #[command(flatten)]
        show: Show,
    },
    /// Say where two traces part.
    Diff {
        /// A trace.
        one: PathBuf,
        /// Another one.
        other: PathBuf,
    },
    /// Run seeds of every scenario twice: the runs must be the same.
    CheckDeterminism {
        /// How many seeds of each scenario.
        #[arg(long, default_value_t = 100)]
        count: u64,
        /// What runs them: des, or turmoil.
        #[arg(long, value_parser = engine, default_value = "des")]
        engine: Engine,
    },
}

/// What of a run is shown.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Show {
    /// Print what happens, line by line.
    #[arg(long)]
    pub(super) timeline: bool,
    /// Write a page with a sequence diagram to that file.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Write the trace to that file, one JSON value a line.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
}

/// A scenario by its name.
pub(super) fn scenario(name: &str) -> Result<Scenario, String> {
    let names = || Scenario::ALL.map(Scenario::name).join(", ");
    Scenario::of(name).ok_or_else(|| format!("there are {}", names()))
}

/// An engine by its name.
pub(super) fn engine(name: &str) -> Result<Engine, String> {
    let names = || Engine::ALL.map(Engine::name).join(" and ");
    Engine::of(name).ok_or_else(|| format!("there are {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
