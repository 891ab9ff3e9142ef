//! Traces of production: what a daemon recorded, played again by the core of today, and shown.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of what comes of a move is its own words"
)]

use std::io::Write;
use std::path::Path;

use underpass_core::Side;
use underpass_core::report::Report;
use underpass_core::time::Time;
use underpass_core::trace::{Event, Move, NoReplay, Opening, Outcome as Came, Piece, Seen, replay};

use super::args::Show;
use super::{Failure, Outcome, show_lines};
use crate::event::Who;
use crate::timeline::{self, Line, Tone};

/// Whether a file is a trace of `underpass run --record DIR`.
pub(super) fn is_recorded(text: &str) -> bool {
    text.starts_with("{\"underpass_trace\"")
}

/// Plays it, up to its end or to the first divergence, and shows what was recorded.
pub(super) fn play(
    path: &Path,
    text: &str,
    show: &Show,
    out: &mut impl Write,
) -> Result<Outcome, Failure> {
    if show.trace.is_some() {
        return Err(Failure::Asked(format!("{}: it is a trace already", path.display())));
    }
    let (said, outcome) = match replay(text.as_bytes()) {
        Ok(played) => (format!("{}: {played}: as it went", path.display()), Outcome::Well),
        Err(no @ NoReplay::Diverged(_)) => {
            (format!("{}: {no}", path.display()), Outcome::Divergence)
        }
        Err(no @ (NoReplay::Unreadable(..) | NoReplay::Rules(_))) => {
            return Err(Failure::Asked(format!("{}: {no}", path.display())));
        }
    };
    let (opening, lines) =
        lines(text).map_err(|error| Failure::Asked(format!("{}: {error}", path.display())))?;
    let title = format!("session {} of {}", opening.session, opening.client);
    let recorded = format!("recorded by underpass {}", opening.recorded_by);
    let facts = [recorded, said.clone()].into_iter().chain(opening.directives);
    show_lines(show, &title, &facts.collect::<Vec<_>>(), &lines, out)?;
    writeln!(out, "{said}")?;
    Ok(outcome)
}

/// What was recorded, in words. A last line without an end was not written whole, and does not count.
fn lines(text: &str) -> serde_json::Result<(Opening, Vec<Line>)> {
    let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let opening: Opening = serde_json::from_str(whole.next().unwrap_or_default())?;
    let session = Who::Session(u32::try_from(opening.session).unwrap_or(u32::MAX));
    let (mut at, mut lines) = (opening.at, Vec::new());
    for event in whole {
        match serde_json::from_str(event)? {
            Event::Turn { at: turn, .. } => at = turn,
            Event::Made(_, Came::Pending) | Event::Rests(..) => {}
            Event::Made(asked, came) => lines.push(line(at, session, &asked, &came)),
        }
    }
    Ok((opening, lines))
}

fn line(at: Time, who: Who, asked: &Move, came: &Came) -> Line {
    let op = asked.op();
    let label = if let Move::Connect(_) = asked { asked.to_string() } else { op.to_string() };
    let (said, bytes) = match came {
        Came::Moved(count) => (String::new(), Some(count.get())),
        Came::Saw(seen) => (start_line(seen), Some(seen.len() as u32)),
        came => (came.to_string(), None),
    };
    let (text, tone) = match (asked, came) {
        (Move::Release { report, .. }, _) => {
            let Report { close, status, pushed, .. } = &**report;
            let (up, down) = (pushed.client, pushed.backend);
            let text = format!("reports: {close}, status {status}, {up} up, {down} down");
            (text, Tone::Proxy)
        }
        (_, Came::Eof | Came::Broke(_) | Came::NoWorker(_)) | (Move::Shut(_), _) => {
            (format!("{label}: {said}"), Tone::End)
        }
        (_, Came::Saw(_)) if !said.is_empty() => (format!("{label}: {said}:"), Tone::Head),
        (_, Came::Moved(_) | Came::Saw(_)) => (format!("{label}:"), Tone::Bytes),
        (Move::Connect(_), _) => (format!("{label}: {said}"), Tone::Head),
        _ => (format!("{label}: {said}"), Tone::Proxy),
    };
    let way = timeline::way_of(op, |side| {
        Some(if side == Side::Client { Who::Client(0) } else { Who::Backend(0) })
    });
    Line { at, who, text, bytes, tone, way }
}

/// The first line of a head, if what came begins with one.
fn start_line(seen: &Seen) -> String {
    let Some(Piece::Kept(text)) = seen.pieces().first() else { return String::new() };
    let first = text.lines().next().filter(|line| line.contains("HTTP/"));
    first.unwrap_or_default().to_owned()
}
