//! A hundred mistakes, and what is said of each: `mistakes/*.conf`, with the messages as comments at the end.
//!
//! `UPDATE=1 cargo test -p underpass-core --test mistakes` writes the messages anew; review the diff.

#![expect(clippy::disallowed_methods, reason = "the texts are files, and may be written anew")]

use std::fs;
use std::path::PathBuf;

use underpass_core::config::{Input, Problem, Severity, Source, read};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mistakes");

/// What stands before each message.
const MARK: &str = "#! ";

/// One file, nowhere but here, and no environment.
struct One(String);

impl Source for One {
    fn read(&mut self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }

    fn matching(&mut self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn fixtures() -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(FOLDER).expect("there is a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).expect("a text"));
    let mut all: Vec<_> = paths.map(read).collect();
    all.sort();
    all
}

/// The mistake alone, and what is to be said of it.
fn parts(text: &str) -> (String, String) {
    let is_message = |line: &&str| line.starts_with(MARK);
    let (said, mistake): (Vec<_>, Vec<_>) = text.split_inclusive('\n').partition(is_message);
    (mistake.concat(), said.concat())
}

/// What is said of a text, a line for each problem.
fn said(mistake: &str) -> String {
    let read = read(&mut One(mistake.into()), &[Input::File(String::new())], &[]);
    let problems = read.map_or_else(|problems| problems, |read| read.warnings);
    assert!(!problems.is_empty(), "there is no mistake in\n{mistake}");
    let told = |problem: &Problem| {
        let warning = if problem.severity == Severity::Warning { "warning: " } else { "" };
        format!("{MARK}{warning}{}\n", &problem.to_string()[1..])
    };
    problems.iter().map(told).collect()
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_help() {
    let (all, update) = (fixtures(), std::env::var_os("UPDATE").is_some());
    assert!(all.len() >= 100, "{} mistakes", all.len());
    for (path, text) in all {
        let (mistake, expected) = parts(&text);
        let now = said(&mistake);
        if update {
            fs::write(&path, mistake + &now).expect("the folder can be written to");
        } else {
            assert_eq!(now, expected, "{}", path.display());
        }
    }
}
