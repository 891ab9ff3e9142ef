//! The program `underpass-sim`.

mod args;
mod balance;
mod hunt;
mod mutants;
mod recorded;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use crate::engine::Engine;
use crate::file;
use crate::plan::Plan;
use crate::run::Run;
use crate::scenario::Scenario;
use crate::shrink::shrink;
use crate::timeline::{self, Line};
use args::{Cli, Command, Show};

/// Runs the program: 0 if all is well, 1 for a violation, 2 where two runs part, 3 if it is asked for
/// what cannot be.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where nobody reads what is said, nothing can be.
            let _ = error.print();
            return Outcome::of_usage(error.use_stderr()).into();
        }
    };
    let mut out = anstream::stdout().lock();
    match cli.command.run(&mut out) {
        Ok(outcome) => outcome.into(),
        Err(Failure::Written(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Outcome::Well.into()
        }
        Err(failure) => {
            anstream::eprintln!("underpass-sim: {}", failure.words());
            Outcome::Usage.into()
        }
    }
}

/// How it went, the worst last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Outcome {
    Well = 0,
    Violation = 1,
    Divergence = 2,
    Usage = 3,
}

/// Why it could not be done.
#[derive(Debug)]
enum Failure {
    /// What was asked for cannot be.
    Asked(String),
    /// The output could not be written.
    Written(io::Error),
}

impl Outcome {
    const fn of_usage(wrong: bool) -> Self {
        if wrong { Self::Usage } else { Self::Well }
    }

    const fn unless(violation: bool) -> Self {
        if violation { Self::Violation } else { Self::Well }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome as u8)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Written(error)
    }
}

impl Failure {
    fn words(&self) -> String {
        match self {
            Self::Asked(why) => why.clone(),
            Self::Written(error) => error.to_string(),
        }
    }

    fn file(path: &Path, error: &io::Error) -> Self {
        Self::Asked(format!("{}: {error}", path.display()))
    }
}

impl Command {
    fn run(self, out: &mut impl Write) -> Result<Outcome, Failure> {
        match self {
            Self::Run { scenario, seed, engine, show } => {
                show_run(engine, &scenario.draw(seed), &show, out)
            }
            Self::Hunt(hunt) => hunt.run(out),
            Self::Balance(balance) => balance.run(out),
            Self::Mutants(mutants) => mutants.run(out),
            Self::Shrink { file, output, most, engine } => {
                shrink_file(&file, output, most, engine, out)
            }
            Self::Replay { files, engine, show } => replay_all(&files, engine, &show, out),
            Self::Diff { one, other } => diff(&read(&one)?, &read(&other)?, out),
            Self::CheckDeterminism { count, engine } => check_determinism(engine, count, out),
        }
    }
}

fn run(engine: Engine, plan: &Plan, keeps: bool) -> Result<Run, Failure> {
    engine.run(plan, keeps).map_err(|bad| Failure::Asked(bad.to_string()))
}

/// The command that runs a plan again.
fn replay_of(file: &Path, engine: Engine) -> String {
    let by = if engine == Engine::Des { "" } else { " --engine turmoil" };
    format!("underpass-sim replay {}{by} --timeline", file.display())
}

fn show_run(
    engine: Engine,
    plan: &Plan,
    show: &Show,
    out: &mut impl Write,
) -> Result<Outcome, Failure> {
    let run = run(engine, plan, true)?;
    for skipped in &run.skipped {
        let (name, fault) = (engine.name(), &plan.faults[*skipped]);
        writeln!(out, "{name} cannot do fault {skipped}, {fault}: it is left out")?;
    }
    if let Some(what) = engine.leaves_out(plan) {
        writeln!(out, "{} leaves out {what}", engine.name())?;
    }
    let shown = show.timeline || show.html.is_some();
    let events = if shown { &run.events[..] } else { &[] };
    let lines = timeline::lines(plan, events, &run.violations);
    let title = format!("{} {} on {}", plan.scenario, plan.seed, engine.name());
    let hash = format!("{} events until {}, hash {:016x}", run.count, run.ended, run.hash);
    show_lines(show, &title, &[hash, plan.config.join(" · ")], &lines, out)?;
    if let Some(path) = &show.trace {
        fs::write(path, file::trace(engine, plan, &run))
            .map_err(|error| Failure::file(path, &error))?;
    }
    for violation in &run.violations {
        writeln!(out, "{violation}")?;
    }
    let (Run { hash, count, ended, .. }, scenario, seed) = (&run, &plan.scenario, plan.seed);
    writeln!(out, "{scenario} {seed}: {count} events until {ended}, hash {hash:016x}")?;
    Ok(Outcome::unless(!run.violations.is_empty()))
}

/// Shows what happened, in the ways that are asked for.
fn show_lines(
    show: &Show,
    title: &str,
    facts: &[String],
    lines: &[Line],
    out: &mut impl Write,
) -> Result<(), Failure> {
    if show.timeline {
        timeline::write(out, lines)?;
    }
    if let Some(path) = &show.html {
        let page = timeline::page(title, facts, lines);
        fs::write(path, page).map_err(|error| Failure::file(path, &error))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}

fn plan_in(path: &Path, text: &str) -> Result<Plan, Failure> {
    file::plan_of(text).map_err(|bad| Failure::Asked(format!("{}: {bad}", path.display())))
}

/// Plays one file after the other; the worst of what comes of them counts.
fn replay_all(
    paths: &[PathBuf],
    engine: Option<Engine>,
    show: &Show,
    out: &mut impl Write,
) -> Result<Outcome, Failure> {
    if paths.len() > 1 && (show.html.is_some() || show.trace.is_some()) {
        return Err(Failure::Asked("--html and --trace show one file".to_owned()));
    }
    let mut worst = Outcome::Well;
    for path in paths {
        worst = worst.max(match replay(path, engine, show, out) {
            Err(Failure::Asked(why)) => {
                anstream::eprintln!("underpass-sim: {why}");
                Outcome::Usage
            }
            outcome => outcome?,
        });
    }
    Ok(worst)
}

/// Runs the plan of a file again; a trace must come out as it is.
fn replay(
    path: &Path,
    engine: Option<Engine>,
    show: &Show,
    out: &mut impl Write,
) -> Result<Outcome, Failure> {
    let text = read(path)?;
    if recorded::is_recorded(&text) {
        if engine.is_some() {
            let why = format!("{}: no engine runs what was recorded", path.display());
            return Err(Failure::Asked(why));
        }
        return recorded::play(path, &text, show, out);
    }
    let plan = plan_in(path, &text)?;
    let engine = engine.or_else(|| file::engine_of(&text)).unwrap_or_default();
    let outcome = show_run(engine, &plan, show, out)?;
    if !file::is_trace(&text) {
        return Ok(outcome);
    }
    let parts = diff(&text, &file::trace(engine, &plan, &run(engine, &plan, true)?), out)?;
    Ok(if parts == Outcome::Well { outcome } else { parts })
}

fn diff(one: &str, other: &str, out: &mut impl Write) -> Result<Outcome, Failure> {
    let Some(parting) = file::parting(one, other) else {
        writeln!(out, "the traces are the same")?;
        return Ok(Outcome::Well);
    };
    writeln!(out, "the traces part at line {}:", parting.line)?;
    for (sign, line) in [('-', &parting.one), ('+', &parting.other)] {
        writeln!(out, "{sign} {}", line.as_deref().unwrap_or("(nothing more)"))?;
    }
    Ok(Outcome::Divergence)
}

fn shrink_file(
    path: &Path,
    output: Option<PathBuf>,
    most: u32,
    engine: Option<Engine>,
    out: &mut impl Write,
) -> Result<Outcome, Failure> {
    let text = read(path)?;
    let plan = plan_in(path, &text)?;
    let engine = engine.or_else(|| file::engine_of(&text)).unwrap_or_default();
    let Some(kind) = run(engine, &plan, false)?.kind() else {
        return Err(Failure::Asked(format!("{}: nothing goes wrong in it", path.display())));
    };
    let mut fails = |plan: &Plan| engine.run(plan, false).ok()?.kind();
    let shrunk = shrink(&plan, kind, most, &mut fails);
    let output = output.unwrap_or_else(|| path.with_extension("min.json"));
    fs::write(&output, shrunk.plan.to_json()).map_err(|error| Failure::file(&output, &error))?;
    let ops: usize = shrunk.plan.clients.iter().map(|client| client.script.len()).sum();
    let (clients, faults) = (shrunk.plan.clients.len(), shrunk.plan.faults.len());
    writeln!(
        out,
        "{kind:?} by {clients} clients, {ops} steps and {faults} faults, {} runs",
        shrunk.runs
    )?;
    writeln!(out, "{}", replay_of(&output, engine))?;
    Ok(Outcome::Violation)
}

fn check_determinism(engine: Engine, count: u64, out: &mut impl Write) -> Result<Outcome, Failure> {
    for (scenario, seed) in
        Scenario::ALL.into_iter().flat_map(|it| (0..count).map(move |n| (it, n)))
    {
        let plan = scenario.draw(seed);
        let (one, other) = (run(engine, &plan, true)?, run(engine, &plan, true)?);
        if one.hash != other.hash {
            writeln!(out, "{} {seed} differs from itself:", scenario.name())?;
            let traces = [one, other].map(|run| file::trace(engine, &plan, &run));
            return diff(&traces[0], &traces[1], out);
        }
        writeln!(out, "{} {seed}: {:016x}", scenario.name(), one.hash)?;
    }
    Ok(Outcome::Well)
}
