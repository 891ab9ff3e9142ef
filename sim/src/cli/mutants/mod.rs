//! Planted bugs: each patch of `sim/mutants` is applied to a copy of the workspace, and must be found there.
//!
//! `patch` reads the patches, `copy` is where they are built and hunted.

mod copy;
mod patch;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, Outcome, run};
use crate::engine::Engine;
use crate::plan::Plan;
use crate::scenario::Scenario;
use copy::{Caught, Copy};
use patch::Mutant;

/// Plant one bug of sim/mutants after the other into a copy of core, hunt for each, and cut down what is found.
#[derive(Args, Debug)]
pub(super) struct Mutants {
    /// Which ones, by the names of their files; all of them, if none is named.
    names: Vec<String>,
    /// How many seeds of each scenario are run before a bug is said to survive.
    #[arg(long, default_value_t = 1_000)]
    count: u64,
    /// Where the copy is made and built; it stays there, so that the next time less is built.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("underpass-mutants"))]
    folder: PathBuf,
}

impl Mutants {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<Outcome, Failure> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let mutants = patch::all(&workspace.join("sim/mutants"))?;
        let copy = Copy::make(workspace, &self.folder)?;
        // One that no longer applies is found at once, whichever are wanted.
        mutants.iter().try_for_each(|mutant| copy.check(mutant))?;
        let mutants = patch::named(mutants, &self.names)?;
        let mut bad = 0;
        for mutant in &mutants {
            let fate = self.fate(mutant, &copy)?;
            writeln!(out, "{:<34} {fate}", mutant.name)?;
            out.flush()?;
            bad += usize::from(!fate.is_good(mutant));
        }
        writeln!(
            out,
            "{} mutations, {bad} of them not found, or not cut down as far as they should be",
            mutants.len()
        )?;
        Ok(Outcome::unless(bad > 0))
    }

    fn fate(&self, mutant: &Mutant, copy: &Copy) -> Result<Fate, Failure> {
        let caught = copy.hunt(mutant, self.count)?;
        caught.map_or(Ok(Fate::Survived(self.count)), Fate::of)
    }
}

/// What became of a planted bug.
#[derive(Debug)]
enum Fate {
    /// It was found.
    Caught(Caught),
    /// The core as it is fails by the same plan, so nothing is known of the bug.
    Alike(Caught),
    /// It was not found in so many seeds of each scenario.
    Survived(u64),
}

impl Fate {
    /// What is found must not be found without the bug.
    fn of(caught: Caught) -> Result<Self, Failure> {
        let clean = run(Engine::Des, &caught.plan, false)?.violations.is_empty();
        Ok(if clean { Self::Caught(caught) } else { Self::Alike(caught) })
    }

    /// Whether it was found, and by a plan as small as it should be.
    fn is_good(&self, mutant: &Mutant) -> bool {
        match self {
            Self::Caught(caught) => mutant.is_small(&caught.plan),
            Self::Alike(_) | Self::Survived(_) => false,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survived(count) => write!(f, "SURVIVES {count} seeds of each scenario"),
            Self::Alike(caught) => write!(f, "{caught}, BUT SO IT DOES WITHOUT THE BUG"),
            Self::Caught(caught) => caught.fmt(f),
        }
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, plan } = self;
        let by = format!("{kind} in {}", plan.scenario);
        write!(f, "{by:<24} after {:>5} seeds, by ", seeds(plan))?;
        let (clients, faults) = (plan.clients.len(), plan.faults.len());
        write!(f, "{clients} clients, {} steps, {faults} faults", steps(plan))
    }
}

/// How many plans a hunt in all scenarios has run when it comes to this one.
fn seeds(plan: &Plan) -> u64 {
    let place = Scenario::ALL.into_iter().position(|scenario| scenario.name() == plan.scenario);
    plan.seed * Scenario::ALL.len() as u64 + place.map_or(0, |place| place as u64 + 1)
}

/// How many steps the clients of a plan take.
fn steps(plan: &Plan) -> usize {
    plan.clients.iter().map(|client| client.script.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_a_hunt_are_counted_through_all_scenarios() {
        let drawn = |place: usize, seed| seeds(&Scenario::ALL[place].draw(seed));
        let two_rounds = 2 * Scenario::ALL.len() as u64;
        assert_eq!((drawn(0, 0), drawn(3, 0), drawn(0, 2)), (1, 4, two_rounds + 1));
    }

    #[test]
    fn a_bug_that_is_found_by_too_large_a_plan_is_not_well_found() {
        let mutant = |clients, steps| Mutant { clients, steps, ..Mutant::default() };
        let plan = Scenario::Storm.draw(4);
        let (clients, count) = (plan.clients.len(), steps(&plan));
        let fate = Fate::Caught(Caught { kind: "Lost".to_owned(), plan });
        assert!(fate.is_good(&mutant(clients, count)));
        assert!(!fate.is_good(&mutant(clients - 1, count)));
        assert!(!fate.is_good(&mutant(clients, count - 1)));
        assert!(!Fate::Survived(9).is_good(&mutant(clients, count)));
    }
}
