//! What must be true of every file of the workspace, and is checked by no compiler.

use std::fs;
use std::path::{Path, PathBuf};

/// Rules of `reference/rules.md` that are kept today: each must be cited where it is kept or proven.
const RULES: [std::ops::RangeInclusive<u32>; 6] =
    [1..=10, 15..=16, 20..=23, 28..=37, 50..=50, 51..=53];

const LINES_MOST: usize = 400;

/// What core may not even name, outside of comments (STYLE.md 4.6).
const BANNED: [&str; 7] = [
    "Instant::now",
    "SystemTime",
    "std::net::Tcp",
    "thread::",
    "HashMap",
    "println!",
    "std::env::",
];

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut long = Vec::new();
    for folder in ["core", "runtime-mio", "sim", "fuzz", "benches"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            long.extend((lines > LINES_MOST).then(|| format!("{path}: {lines} lines")));
        }
    }
    assert_eq!(long, [""; 0]);
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    for folder in ["core/src", "runtime-mio/src", "runtime-mio/tests"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{path} does not say what it is");
        }
    }
}

#[test]
fn core_names_nothing_that_acts() {
    for (path, text) in sources("core/src") {
        for (line, number) in code(&text).zip(1..) {
            let banned = BANNED.into_iter().find(|word| line.contains(word));
            assert_eq!(banned, None, "{path}:{number}");
        }
    }
}

#[test]
fn nothing_is_unsafe() {
    for (path, text) in sources("core/src").into_iter().chain(sources("runtime-mio/src")) {
        for (line, number) in code(&text).zip(1..) {
            assert!(!words(line).any(|word| word == "unsafe"), "{path}:{number}");
        }
    }
}

/// Safety rules that are said to be kept are cited by their number, in code or in its tests.
#[test]
fn every_rule_is_cited() {
    let mut texts = sources("core/src");
    texts.extend(sources("core/tests"));
    let cited = |rule: &str| texts.iter().any(|(_, text)| words(text).any(|word| word == rule));
    let rules = RULES.into_iter().flatten().map(|number| format!("R{number}"));
    let missing: Vec<_> = rules.filter(|rule| !cited(rule)).collect();
    assert_eq!(missing, [""; 0]);
}

/// The lines of a source file without their comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| match line.trim_start() {
        comment if comment.starts_with("//") => "",
        code => code.split(" // ").next().unwrap_or(code),
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_')
}

/// Every Rust file below a folder of the workspace: its path there, and its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace above");
    let (mut folders, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((shown(&path, root), fs::read_to_string(&path).expect("a text")));
            }
        }
    }
    found
}

fn shown(path: &Path, root: &Path) -> String {
    let below = path.strip_prefix(root).map(PathBuf::from);
    below.expect("it is below the root").to_string_lossy().into_owned()
}
