//! Results as a table of Markdown, and the table's place in a page.

use std::io;

use super::peers::{OURS, PEERS};
use super::results::{Front, Results, Row, Unit};
use crate::daemon::failure;

/// The marks between which the table stands in a page.
const MARKS: [&str; 2] = ["<!-- compare -->\n", "<!-- /compare -->\n"];

/// Where and of what the figures are, and their table: what was measured, what each proxy needs, in
/// parentheses how often that is what ours needs, and last what ours needs as a part of what the best of
/// the others does.
pub fn table(results: &Results) -> String {
    let names = PEERS.map(|peer| peer.name);
    let others: Vec<_> =
        names.into_iter().filter(|name| results.versions.contains_key(*name)).collect();
    let mut lines = vec![String::new(), String::new()];
    lines[0] = format!("| what | {} |", OURS.name);
    lines[1] = "|---|---:|".to_owned();
    for name in &others {
        lines[0] += &format!(" {name} |");
        lines[1] += "---:|";
    }
    lines[0] += " ours / best |";
    lines[1] += "---:|";
    lines.extend(results.rows.iter().map(|row| line(row, &others)));
    let versions: Vec<_> = results.versions.values().map(String::as_str).collect();
    format!("{}. {}.\n\n{}\n", results.machine, versions.join("; "), lines.join("\n"))
}

fn line(row: &Row, others: &[&str]) -> String {
    let mut line = format!("| {} | {} |", named(row), cell(row, OURS.name));
    for name in others {
        let over = row.over_ours(name).map(|times| format!(" ({})", number(times)));
        line += &format!(" {}{} |", cell(row, name), over.unwrap_or_default());
    }
    line + &format!(" {} |", row.over_best().map_or("–".to_owned(), number))
}

/// What was measured, with its unit.
fn named(row: &Row) -> String {
    let front = if row.front == Front::Tls { ", by TLS" } else { "" };
    let unit = match row.unit {
        Unit::Bytes | Unit::Calls | Unit::Times => "",
        Unit::Each => ": per CPU-second",
        Unit::Gigabyte => ": CPU-seconds per GB",
        Unit::Passing => ": µs",
    };
    format!("{}{front}{unit}", row.what)
}

fn cell(row: &Row, name: &str) -> String {
    let Some(figure) = row.figures.get(name) else { return "–".to_owned() };
    match row.unit {
        Unit::Bytes => grouped(figure.median),
        Unit::Each => grouped(1e6 / figure.median),
        Unit::Calls | Unit::Gigabyte | Unit::Passing | Unit::Times => number(figure.median),
    }
}

/// Two digits behind the point where they tell something.
pub fn number(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A whole number, with a thin gap before every three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let sign = if value < 0.0 { "−" } else { "" };
    let first = (digits.len() - 1) % 3 + 1;
    let rest = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
    let rest: String = rest.map(|three| format!(" {three}")).collect();
    format!("{sign}{}{rest}", &digits[..first])
}

/// The page with this text between its marks.
///
/// # Errors
///
/// If it does not have them.
pub fn put(page: &str, text: &str) -> io::Result<String> {
    let [begin, end] = MARKS;
    let parts =
        page.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let missing = || failure(format!("the page needs the lines {begin}{end}"));
    let (before, after) = parts.ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::results::Figure;

    #[test]
    fn a_line_has_figures_and_ratios() {
        let named =
            |(name, median): (&str, f64)| (name.to_owned(), Figure { median, best: median });
        let figures = [(OURS.name, 10.0), ("nginx", 25.0)].map(named).into();
        let row = Row { what: "an echo".into(), front: Front::Tls, unit: Unit::Each, figures };
        let others = ["nginx", "haproxy"];
        assert_eq!(
            line(&row, &others),
            "| an echo, by TLS: per CPU-second | 100 000 | 40 000 (2.50) | – | 0.40 |"
        );
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        let all = [0.0, 12.0, 999.6, 1_234_567.0, -4_000.0].map(grouped);
        assert_eq!(all, ["0", "12", "1 000", "1 234 567", "−4 000"]);
    }

    #[test]
    fn a_table_takes_the_place_of_the_last_one() {
        let page = "a\n<!-- compare -->\nold\n<!-- /compare -->\nb\n";
        let new = put(page, "new").expect("there are marks");
        assert_eq!(new, "a\n<!-- compare -->\n\nnew\n<!-- /compare -->\nb\n");
        assert_eq!(put(&new, "new").expect("there are marks still"), new);
        assert!(put("a\nb\n", "new").is_err());
    }
}
