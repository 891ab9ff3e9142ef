//! Traces of production: what a daemon recorded, played again by the core of today.

use std::io::Write;
use std::path::Path;

use underpass_core::trace::{NoReplay, replay};

use super::{Failure, Outcome};

/// Whether a file is a trace of `underpass run --record DIR`.
pub(super) fn is_recorded(text: &str) -> bool {
    text.starts_with("{\"underpass_trace\"")
}

/// Plays it, up to its end or to the first divergence.
pub(super) fn play(path: &Path, text: &str, out: &mut impl Write) -> Result<Outcome, Failure> {
    match replay(text.as_bytes()) {
        Ok(played) => {
            writeln!(out, "{}: {played}: as it went", path.display())?;
            Ok(Outcome::Well)
        }
        Err(no @ NoReplay::Diverged(_)) => {
            writeln!(out, "{}: {no}", path.display())?;
            Ok(Outcome::Divergence)
        }
        Err(no @ (NoReplay::Unreadable(..) | NoReplay::Rules(_))) => {
            Err(Failure::Asked(format!("{}: {no}", path.display())))
        }
    }
}
