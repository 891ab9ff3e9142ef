//! A run as a person reads it: one line an event, in a column of its own for each party; and, in `html`, as
//! a page with a sequence diagram. `ties` finds who talks to whom.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is not said of an event is nothing")]

mod html;
mod ties;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use underpass_core::time::Time;
use underpass_core::{Op, Side};

use crate::event::{Event, What, Who};
use crate::oracle::Violation;
use crate::outcome::Outcome;
use crate::plan::Plan;
use ties::Ties;

pub use html::page;

/// One thing that happened, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// When.
    pub at: Time,
    /// To whom, or by whom.
    pub who: Who,
    /// What, without the number of bytes.
    pub text: String,
    /// How many bytes went.
    pub bytes: Option<u32>,
    /// What kind of thing it is.
    pub tone: Tone,
    /// Between whom and whom.
    pub way: Option<Way>,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tone {
    /// Bytes went.
    Bytes,
    /// Something ended, or broke.
    End,
    /// Something goes wrong, because the plan says so.
    Fault,
    /// A connection, or a request, or an answer.
    Head,
    /// The proxy decides.
    Proxy,
    /// What must not happen.
    Violation,
}

/// Which way something went, from where it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From there.
    From(Who),
    /// There.
    To(Who),
}

/// What happened, as far as it matters: what only says that nothing changed is left out.
pub fn lines(plan: &Plan, events: &[Event], violations: &[Violation]) -> Vec<Line> {
    let ties = Ties::of(events);
    let news = events.iter().enumerate().filter(|(_, event)| is_news(event));
    let mut lines: Vec<_> = news.map(|(at, event)| line(plan, &ties, at, event)).collect();
    let bad = violations.iter().map(|violation| Line {
        at: violation.at,
        who: violation.who,
        text: format!("{:?}: {}", violation.kind, violation.why),
        bytes: None,
        tone: Tone::Violation,
        way: None,
    });
    lines.extend(bad);
    lines.sort_by_key(|line| line.at);
    lines
}

/// Writes lines, each party's in a column of its own.
///
/// # Errors
///
/// What the writer says.
pub fn write(out: &mut impl Write, lines: &[Line]) -> io::Result<()> {
    let mut before: Option<&Line> = None;
    for line in lines {
        let gap = before.is_some_and(|before| line.at.since(before.at).as_micros() > 1_000_000);
        if gap {
            writeln!(out)?;
        }
        let (style, indent) = look(line);
        let Line { at, who, text, .. } = line;
        let (at, who) = (at.to_string(), who.to_string());
        write!(out, "{at:>14}  {:indent$}{style}{who:<4} {text}", "")?;
        if let Some(bytes) = line.bytes {
            write!(out, " {bytes}")?;
        }
        writeln!(out, "{style:#}")?;
        before = Some(line);
    }
    Ok(())
}

/// Whether an event says more than that time has passed.
fn is_news(event: &Event) -> bool {
    !matches!(event.what, What::Counts(_) | What::Rests(_))
}

fn look(line: &Line) -> (Style, usize) {
    let (color, indent) = match line.who {
        Who::Client(_) => (AnsiColor::Cyan, 0),
        Who::Session(_) => (AnsiColor::Green, 20),
        Who::Backend(_) => (AnsiColor::Yellow, 40),
        Who::Network => (AnsiColor::Magenta, 10),
    };
    match line.tone {
        Tone::Violation => (AnsiColor::Red.on_default().bold(), indent),
        _ => (color.on_default(), indent),
    }
}

fn line(plan: &Plan, ties: &Ties, at: usize, event: &Event) -> Line {
    let (text, bytes) = words(plan, &event.what);
    let (tone, way) = (tone(&event.what), way(ties, at, event));
    Line { at: event.at, who: event.who, text, bytes, tone, way }
}

/// An event in words, and how many bytes went.
fn words(plan: &Plan, what: &What) -> (String, Option<u32>) {
    match what {
        What::Makes(op, Outcome::Moved(count)) => (format!("{op}:"), Some(*count)),
        What::Hears(count) => ("hears".to_owned(), Some(*count)),
        What::Says(count) => ("says".to_owned(), Some(*count)),
        What::Fault(number) => match plan.faults.get(*number) {
            Some(timed) => (format!("fault {number}: {}", timed.fault), None),
            None => (what.to_string(), None),
        },
        _ => (what.to_string(), None),
    }
}

fn tone(what: &What) -> Tone {
    match what {
        What::Wrong(_) | What::Mistaken | What::Smuggled(_) | What::GivesUp => Tone::Violation,
        What::Fault(_) => Tone::Fault,
        What::Makes(op, outcome) => tone_of(*op, *outcome),
        What::Hears(_) | What::Says(_) => Tone::Bytes,
        What::Dials(_, Outcome::Broke(_))
        | What::Aborts
        | What::Breaks(_)
        | What::Ends
        | What::Forgets(_)
        | What::Gone
        | What::HalfCloses
        | What::Unanswered(_) => Tone::End,
        What::Reports(_) | What::Counts(_) | What::Rests(_) => Tone::Proxy,
        _ => Tone::Head,
    }
}

/// What kind of thing a move is that came to that.
fn tone_of(op: Op, outcome: Outcome) -> Tone {
    match (op, outcome) {
        (_, Outcome::Broke(_) | Outcome::Cut | Outcome::Eof | Outcome::None(_))
        | (Op::Shut(_), _) => Tone::End,
        (_, Outcome::Moved(_)) => Tone::Bytes,
        _ => Tone::Proxy,
    }
}

/// Which way a move goes: towards a side, or from it.
pub(crate) fn way_of(op: Op, who: impl Fn(Side) -> Option<Who>) -> Option<Way> {
    match op {
        Op::Fill(side) | Op::Pull(side) | Op::Watch(side) => who(side).map(Way::From),
        Op::Flush(side) | Op::Push(side) | Op::Shut(side) => who(side).map(Way::To),
        Op::Connect => who(Side::Backend).map(Way::To),
        Op::Confirm | Op::Elect | Op::Park | Op::Release | Op::Secure(_) => None,
    }
}

fn way(ties: &Ties, at: usize, event: &Event) -> Option<Way> {
    let beside = |session| move |side| ties.beside(session, side, at);
    match (event.who, &event.what) {
        (Who::Session(session), What::Makes(op, _)) => way_of(*op, beside(session)),
        (Who::Session(session), What::Dials(..)) => way_of(Op::Connect, beside(session)),
        (Who::Session(session), What::Accepts(..)) => beside(session)(Side::Client).map(Way::From),
        (who, What::Asks(_) | What::Says(_) | What::HalfCloses | What::Aborts) => {
            ties.session(who, at).map(Way::To)
        }
        (who, What::Connects(_) | What::Switches(..)) => ties.session(who, at).map(Way::To),
        (who, What::Hears(_) | What::Ends | What::Heads(..) | What::Gets(..)) => {
            ties.session(who, at).map(Way::From)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::scenario::Scenario;

    fn drawn() -> (Plan, Vec<Line>) {
        let plan = Scenario::Storm.draw(1);
        let run = Engine::Des.run(&plan, true).expect("it can be run");
        let lines = lines(&plan, &run.events, &run.violations);
        (plan, lines)
    }

    #[test]
    fn everybody_has_a_column() -> io::Result<()> {
        let mut out = Vec::new();
        write(&mut anstream::StripStream::new(&mut out), &drawn().1)?;
        let text = String::from_utf8_lossy(&out);
        let first = |who: &str| text.lines().find_map(|line| line.find(who)).expect("a line");
        let columns = ["is connected by", "fill client", "gets request"].map(first);
        assert!(columns.is_sorted() && columns[0] < columns[2], "{text}");
        assert!(!text.contains("rests in"), "{text}");
        Ok(())
    }

    /// Whoever talks with a session is who it talks with.
    #[test]
    fn what_goes_to_somebody_comes_from_somebody() {
        let (plan, lines) = drawn();
        let goes = |way: Option<Way>| matches!(way, Some(Way::To(Who::Backend(_))));
        let gets = |line: &&Line| line.text.starts_with("gets request");
        assert!(lines.iter().any(|line| line.text == "flush backend:" && goes(line.way)));
        for line in lines.iter().filter(gets) {
            let Some(Way::From(Who::Session(number))) = line.way else { panic!("{line:?}") };
            let accepts = format!("of {}", line.text.rsplit('c').next().expect("a client"));
            let of =
                |line: &&Line| line.who == Who::Session(number) && line.text.contains("accepts");
            let accepted = lines.iter().find(of).expect("it was accepted");
            assert!(accepted.text.ends_with(&accepts), "{line:?} {accepted:?} {}", plan.to_line());
        }
    }
}
