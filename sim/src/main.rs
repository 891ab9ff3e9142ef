//! `underpass-sim`: what was recorded in production, played again by the core of today.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use underpass_core::trace::{NoReplay, replay};

/// Replays what sessions did.
#[derive(Debug, Parser)]
#[command(name = "underpass-sim")]
enum Command {
    /// Plays traces of `underpass run --record DIR`, each up to its end or to the first divergence
    ///
    /// Exits with 0 if all went as they went, with 2 if one did not, with 3 if one could not be read.
    Replay {
        /// The traces: one file for each connection
        #[arg(required = true)]
        traces: Vec<PathBuf>,
    },
}

/// What came of a trace, the worst one last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Fate {
    /// It went as it went.
    Same = 0,
    /// The session of today does something else.
    Diverged = 2,
    /// It is no trace, or its rules are none of today.
    Unreadable = 3,
}

fn main() -> ExitCode {
    let Command::Replay { traces } = match Command::try_parse() {
        Ok(command) => command,
        Err(error) => {
            // Help is no mistake; where it cannot be printed, nothing can.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Fate::Unreadable as u8 } else { 0 });
        }
    };
    let fates = traces.iter().map(|path| {
        let (fate, words) = play(path);
        let told = writeln!(io::stdout(), "{}: {words}", path.display());
        if told.is_ok() { fate } else { Fate::Unreadable }
    });
    ExitCode::from(fates.max().unwrap_or(Fate::Same) as u8)
}

fn play(path: &Path) -> (Fate, String) {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return (Fate::Unreadable, error.to_string()),
    };
    match replay(BufReader::new(file)) {
        Ok(played) => {
            let (moves, turns, reports) = (played.moves, played.turns, played.reports.len());
            let words = format!("{moves} moves in {turns} turns, {reports} reports: as it went");
            (Fate::Same, words)
        }
        Err(no @ NoReplay::Diverged(_)) => (Fate::Diverged, no.to_string()),
        Err(no @ (NoReplay::Unreadable(..) | NoReplay::Rules(_))) => {
            (Fate::Unreadable, no.to_string())
        }
    }
}
