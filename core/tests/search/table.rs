//! The rows of `table.txt`, to be found again.

use std::collections::BTreeSet;

use underpass_core::Fault;

use super::Row;

/// What the table says that no search has come across: a state, or what happens in it.
pub(crate) fn missing(found: &BTreeSet<Row>) -> Vec<String> {
    let table = include_str!("../table.txt").replace(&format!("\n{:40} -> ", ""), " -> ");
    let mut missing = Vec::new();
    for section in table.split("\n\n\n").skip(1) {
        let (title, rest) = section.split_once("\n    asks for ").expect("a section has a head");
        let (asks, rows) = rest.split_once('\n').expect("a section has rows");
        let state = format!("{}: {asks}", title.split(':').next().unwrap_or_default());
        let reached = |row: &Row| row.state == state || row.outcome == state;
        if !found.iter().any(reached) {
            missing.push(state.clone());
        }
        for row in rows.lines().filter(|line| !line.is_empty()) {
            let absent = |(what, how, outcome)| !is_in(found, &state, what, how, outcome);
            missing.extend(split(row).into_iter().any(absent).then(|| format!("{state} | {row}")));
        }
    }
    missing
}

fn is_in(found: &BTreeSet<Row>, state: &str, what: &str, how: &str, outcome: &str) -> bool {
    let any = how.starts_with("any ");
    let same =
        |row: &Row| row.how == how || any && Fault::ALL.iter().any(|f| row.how == f.to_string());
    found
        .iter()
        .any(|row| row.state == state && row.what == what && row.outcome == outcome && same(row))
}

/// What, how and the outcome, for each how of a row.
fn split(row: &str) -> Vec<(&str, &str, &str)> {
    let (left, outcome) = row.split_once(" -> ").expect("a row has an outcome");
    let (what, mut hows) = (left[..20].trim(), left[20..].trim());
    let mut all = Vec::new();
    while !hows.is_empty() {
        // The words of one fault have a comma in them.
        let end = hows.find(", ").unwrap_or(hows.len());
        let fault = Fault::ALL.iter().map(|fault| fault.to_string().len());
        let end = fault
            .filter(|&length| {
                Fault::ALL.iter().any(|f| Some(f.to_string().as_str()) == hows.get(..length))
            })
            .max()
            .unwrap_or(end);
        all.push((what, &hows[..end], outcome));
        hows = hows[end..].trim_start_matches(", ");
    }
    all
}
