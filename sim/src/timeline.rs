//! A run as a person reads it: one line an event, in a column of its own for each party.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::event::{Event, What, Who};

/// Writes the events that matter; what only says that nothing changed is left out.
///
/// # Errors
///
/// What the writer says.
pub fn write(out: &mut impl Write, events: &[Event]) -> io::Result<()> {
    let mut before: Option<&Event> = None;
    for event in events.iter().filter(|event| is_news(event)) {
        let gap = before.is_some_and(|before| event.at.since(before.at).as_micros() > 1_000_000);
        if gap {
            writeln!(out)?;
        }
        let (style, indent) = look(event);
        writeln!(
            out,
            "{:>14}  {:indent$}{style}{:<4} {}{style:#}",
            event.at.to_string(),
            "",
            event.who.to_string(),
            event.what
        )?;
        before = Some(event);
    }
    Ok(())
}

/// Whether an event says more than that time has passed.
pub(crate) fn is_news(event: &Event) -> bool {
    !matches!(event.what, What::Counts(_) | What::Rests(_))
}

fn look(event: &Event) -> (Style, usize) {
    let bad = matches!(event.what, What::Wrong(_) | What::Smuggled(_) | What::GivesUp);
    let (color, indent) = match event.who {
        Who::Client(_) => (AnsiColor::Cyan, 0),
        Who::Session(_) => (AnsiColor::Green, 20),
        Who::Backend(_) => (AnsiColor::Yellow, 40),
        Who::Network => (AnsiColor::Magenta, 10),
    };
    if bad { (AnsiColor::Red.on_default().bold(), indent) } else { (color.on_default(), indent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::des::{self, Bug};
    use crate::scenario::Scenario;

    #[test]
    fn everybody_has_a_column() -> io::Result<()> {
        let run = des::run(&Scenario::Storm.draw(1), Bug::None, true).expect("it can be run");
        let mut out = Vec::new();
        write(&mut anstream::StripStream::new(&mut out), &run.events)?;
        let text = String::from_utf8_lossy(&out);
        let first = |who: &str| text.lines().find_map(|line| line.find(who)).expect("a line");
        let columns = ["is connected by", "fill client", "gets request"].map(first);
        assert!(columns.is_sorted() && columns[0] < columns[2], "{text}");
        assert!(!text.contains("rests in"), "{text}");
        Ok(())
    }
}
