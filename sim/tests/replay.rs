//! `underpass-sim replay`: a trace of the daemon's, and what the program says of it.

use std::path::{Path, PathBuf};
use std::process::Command;

const GET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/get.trace");

/// How the program exits, and what it says.
fn replayed(trace: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_underpass-sim"));
    let output = command.arg("replay").arg(trace).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The trace with another word in it, as a file of that name.
fn changed(name: &str, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(GET).expect("it is committed");
    assert!(text.contains(from), "{from}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text.replacen(from, to, 1)).expect("the folder can be written to");
    path
}

#[test]
fn a_trace_of_production_goes_as_it_went() {
    let (code, said) = replayed(Path::new(GET));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.ends_with(
            "6 turns with 20 moves and 1 reports, to the end of the session: as it went\n"
        ),
        "{said}"
    );
}

#[test]
fn what_goes_otherwise_is_a_divergence() {
    let (code, said) = replayed(&changed("other.trace", "GET /x HTTP/1.1", "GET /x HTTP/9.9"));
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn what_is_no_trace_cannot_be_read() {
    assert_eq!(replayed(&changed("none.trace", "underpass_trace", "trace")).0, Some(3));
    assert_eq!(replayed(Path::new("nowhere.trace")).0, Some(3));
}

#[test]
fn what_was_recorded_is_shown_as_lines_and_as_a_page() {
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join("get.html");
    let mut command = Command::new(env!("CARGO_BIN_EXE_underpass-sim"));
    command.args(["replay", GET, "--timeline", "--html"]).arg(&page);
    let said = String::from_utf8(command.output().expect("it runs").stdout).expect("it is text");
    let page = std::fs::read_to_string(page).expect("it was written");
    for words in ["fill client: GET /x HTTP/1.1: 65", "reports: answered, status 200"] {
        assert!(said.contains(words) && page.contains(words), "{said}");
    }
    let trace = command.args(["--trace", "nowhere"]).output().expect("it runs");
    assert_eq!(trace.status.code(), Some(3), "it is a trace already");
    let mut command = Command::new(env!("CARGO_BIN_EXE_underpass-sim"));
    let engine = command.args(["replay", GET, "--engine", "des"]).output().expect("it runs");
    assert_eq!(engine.status.code(), Some(3), "no engine runs it");
}
