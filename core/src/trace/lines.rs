//! A trace as a text: one line of JSON for the opening, and one for each event.
//!
//! So a trace can be appended to as it happens, whatever was written of it before a crash can be read, and
//! everybody's tools can look into it.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::opening::Opening;
use super::play::{NoReplay, Player, Replayed};

impl Opening {
    /// Writes its line behind what is there.
    pub fn write(&self, out: &mut Vec<u8>) {
        write(self, out);
    }
}

impl Event {
    /// Writes its line behind what is there.
    pub fn write(&self, out: &mut Vec<u8>) {
        write(self, out);
    }
}

fn write(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, value).expect("a vector takes all, and every key is a string");
    out.push(b'\n');
}

/// Reads a trace, a line for each event, and replays it.
///
/// A last line without an end is one that was not written whole, and does not count.
///
/// # Errors
///
/// If it cannot be read, or does not go as it went.
pub fn replay(mut reader: impl BufRead) -> Result<Replayed, NoReplay> {
    let mut number = 0;
    let first = line(&mut reader, &mut number)?;
    let opening: Opening = parse(&first.unwrap_or_default(), number)?;
    if opening.underpass_trace != Opening::FORMAT {
        let why = format!("a trace of format {}, not {}", opening.underpass_trace, Opening::FORMAT);
        return Err(NoReplay::Unreadable(number, why));
    }
    let rules = opening.rules().map_err(NoReplay::Rules)?;
    let events = std::iter::from_fn(|| {
        let text = line(&mut reader, &mut number).transpose()?;
        Some(text.and_then(|text| parse(&text, number)))
    });
    Player::new(&opening, &rules).run(events)
}

/// The next whole line, if there is one.
fn line(reader: &mut impl BufRead, number: &mut u64) -> Result<Option<String>, NoReplay> {
    *number += 1;
    let mut text = String::new();
    let read = reader.read_line(&mut text);
    read.map_err(|error| NoReplay::Unreadable(*number, error.to_string()))?;
    Ok(text.ends_with('\n').then_some(text))
}

fn parse<'t, T: Deserialize<'t>>(text: &'t str, number: u64) -> Result<T, NoReplay> {
    serde_json::from_str(text).map_err(|error| NoReplay::Unreadable(number, error.to_string()))
}
