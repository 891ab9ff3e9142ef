//! The command line.

use std::path::PathBuf;

use clap::Parser;

use super::peers::Peer;
use super::tasks::{Scale, TASKS};

/// Measures Underpass beside other proxies, and prints one table of Markdown.
#[derive(Debug, Parser)]
#[command(name = "compare")]
pub struct Options {
    /// The others, by comma: nginx, haproxy, apache2. Without any, Underpass is measured alone.
    #[arg(long, value_delimiter = ',', value_parser = Peer::named)]
    pub peers: Vec<&'static Peer>,
    /// What is measured, by comma, instead of everything: idle, upgrade, echo, many, bulk, get, beside, latency,
    /// stuck, calls, stalled.
    #[arg(long, value_delimiter = ',', value_parser = task)]
    only: Vec<&'static str>,
    /// A minute instead of a quarter of an hour: it shows that everything works, and no more.
    #[arg(long)]
    quick: bool,
    /// Writes the results to that file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Measures nothing, and takes the results from that file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["peers", "only", "quick", "json"])]
    pub from: Option<PathBuf>,
    /// Draws the results into that folder.
    #[arg(long, value_name = "DIR")]
    pub plots: Option<PathBuf>,
    /// Puts the table into that file of Markdown, between its two marks.
    #[arg(long, value_name = "FILE")]
    pub readme: Option<PathBuf>,
}

impl Options {
    /// Whether the task of that name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.contains(&name)
    }

    /// How much is done.
    pub fn scale(&self) -> Scale {
        if self.quick { Scale::Quick } else { Scale::Full }
    }
}

/// The task of that name.
fn task(name: &str) -> Result<&'static str, String> {
    let names = TASKS.each_ref().map(|task| task.name);
    let known = names.into_iter().find(|known| *known == name);
    known.ok_or_else(|| format!("`{name}` is not one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_task_can_be_chosen_and_is_named() {
        let help = Options::command().render_help().to_string();
        for name in TASKS.each_ref().map(|task| task.name) {
            assert_eq!(task(name), Ok(name));
            assert!(help.contains(name), "{name} is not in {help}");
        }
        assert!(task("idl").is_err());
    }
}
