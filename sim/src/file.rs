//! Traces as files: one JSON value a line, the plan first, so that one file is enough to run it again.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::event::Event;
use crate::plan::{BadPlan, Plan, VERSION};
use crate::run::Run;

/// Where two traces part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parting {
    /// The number of the line, from 1.
    pub line: usize,
    /// What stands there in the one, if it goes on so far.
    pub one: Option<String>,
    /// What stands there in the other, if it goes on so far.
    pub other: Option<String>,
}

/// The trace of a run by that engine, whose events were kept.
pub fn trace(engine: Engine, plan: &Plan, run: &Run) -> String {
    let faults = run.skipped.iter().map(|fault| plan.faults[*fault].to_string());
    let skipped: Vec<_> = faults.chain(engine.leaves_out(plan).map(str::to_owned)).collect();
    let head = json!({
        "version": VERSION,
        "engine": engine.name(),
        "skipped": skipped,
        "plan": plan,
    });
    let mut text = head.to_string();
    text.push('\n');
    for event in &run.events {
        line(&mut text, &of(event));
    }
    let violations: Vec<_> = run.violations.iter().map(ToString::to_string).collect();
    let hash = format!("{:016x}", run.hash);
    line(&mut text, &json!({ "hash": hash, "events": run.count, "violations": violations }));
    text
}

fn line(text: &mut String, value: &Value) {
    writeln!(text, "{value}").expect("a string takes everything");
}

fn of(event: &Event) -> Value {
    let Event { at, who, what } = event;
    json!({ "t": at.as_micros(), "who": who.to_string(), "what": what.to_string() })
}

/// The plan in a file: a plan's own, or that of a trace.
///
/// # Errors
///
/// Why there is none.
pub fn plan_of(text: &str) -> Result<Plan, BadPlan> {
    match head_of(text) {
        Some(head) => Plan::parse(&head["plan"].to_string()),
        None => Plan::parse(text),
    }
}

/// The engine that a trace is of.
pub fn engine_of(text: &str) -> Option<Engine> {
    Engine::of(head_of(text)?["engine"].as_str()?)
}

fn head_of(text: &str) -> Option<Value> {
    let head: Value = serde_json::from_str(text.lines().next()?).ok()?;
    head.get("plan").is_some().then_some(head)
}

/// Whether a file is a trace, and not a plan.
pub fn is_trace(text: &str) -> bool {
    text.lines().nth(1).is_some_and(|line| line.starts_with("{\"t\":") || line.contains("\"hash\""))
}

/// Where two traces part, if they do. What their plans say does not matter.
pub fn parting(one: &str, other: &str) -> Option<Parting> {
    let (mut ones, mut others) = (one.lines().skip(1), other.lines().skip(1));
    let mut line = 1;
    loop {
        line += 1;
        match (ones.next(), others.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => {
                let [one, other] = [one, other].map(|line| line.map(str::to_owned));
                return Some(Parting { line, one, other });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_trace_has_its_plan_and_is_the_same_when_that_is_run_again() {
        let plan = Scenario::Restart.draw(3);
        let run = |plan: &Plan| Engine::Des.run(plan, true).expect("it can be run");
        let text = trace(Engine::Des, &plan, &run(&plan));
        assert!(is_trace(&text) && !is_trace(&plan.to_json()));
        let again = plan_of(&text).expect("the plan is in it");
        assert_eq!((&again, plan_of(&plan.to_json())), (&plan, Ok(plan.clone())));
        assert_eq!(parting(&text, &trace(Engine::Des, &again, &run(&again))), None);
    }

    #[test]
    fn two_traces_part_at_the_first_line_that_differs() {
        let part = |one, other| parting(one, other).map(|parting| parting.line);
        assert_eq!(part("plan\na\nb\n", "other\na\nb\n"), None);
        assert_eq!(part("plan\na\nb\n", "plan\na\nc\n"), Some(3));
        assert_eq!(part("plan\na\n", "plan\na\nc\n"), Some(3));
    }
}
