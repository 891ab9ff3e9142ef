//! A page that shows a run, or a recorded session, as a sequence diagram. It needs nothing but itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use underpass_core::time::{Time, Wait};

use super::{Line, Tone, Way};
use crate::event::Who;

/// The page; its facts stand below its title.
pub fn page(title: &str, facts: &[String], lines: &[Line]) -> String {
    let named = |way: Way| match way {
        Way::From(who) | Way::To(who) => who,
    };
    let others = lines.iter().filter_map(|line| line.way.map(named));
    let all: BTreeSet<_> = lines.iter().map(|line| line.who).chain(others).collect();
    let mut parties: Vec<_> = all.into_iter().filter(|who| *who != Who::Network).collect();
    parties.sort_by_key(|who| (rank(*who), *who));
    let place = |who: Who| parties.iter().position(|party| *party == who);
    let columns = parties.iter().map(|who| json!({ "name": who.to_string(), "rank": rank(*who) }));
    let data = json!({
        "title": title,
        "facts": facts,
        "parties": columns.collect::<Vec<_>>(),
        "rows": merged(lines).iter().map(|row| of(row, &place)).collect::<Vec<_>>(),
    });
    // Nothing in it may end the element that it stands in.
    PAGE.replace("{{data}}", &data.to_string().replace('<', "\\u003c"))
}

/// A line, and those of the kind that followed it.
#[derive(Clone, Debug)]
struct Row<'l> {
    line: &'l Line,
    bytes: u64,
    count: u32,
    last: Time,
}

/// Clients stand on the left, and backends on the right.
fn rank(who: Who) -> u8 {
    match who {
        Who::Client(_) => 0,
        Who::Network | Who::Session(_) => 1,
        Who::Backend(_) => 2,
    }
}

/// What goes the same way in pieces is one row: a party that reads and writes by turns has two.
fn merged(lines: &[Line]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for line in lines {
        let alike = |row: &Row<'_>| {
            let Line { who, text, way, .. } = row.line;
            let soon = line.at.since(row.last) <= SOON;
            soon && (who, text, way) == (&line.who, &line.text, &line.way)
        };
        let from = rows.len().saturating_sub(2);
        let near = rows[from..].iter().rposition(alike).map(|at| from + at);
        let only = |at: &usize| rows[*at..].iter().all(|row| row.line.who == line.who);
        let bytes = line.bytes.map_or(0, u64::from);
        match near.filter(only) {
            Some(at) => {
                let Row { bytes: all, count, last, .. } = &mut rows[at];
                (*all, *count, *last) = (*all + bytes, *count + 1, line.at);
            }
            None => rows.push(Row { line, bytes, count: 1, last: line.at }),
        }
    }
    rows
}

fn of(row: &Row<'_>, place: &dyn Fn(Who) -> Option<usize>) -> Value {
    let Row { line, bytes, count, .. } = row;
    let (from, to) = match line.way {
        Some(Way::From(who)) => (place(who), place(line.who)),
        Some(Way::To(who)) => (place(line.who), place(who)),
        None => (None, None),
    };
    let text = match (&line.text, line.bytes, *count) {
        (text, None, 1) => text.clone(),
        (text, None, _) => format!("{text} ({count} times)"),
        (text, Some(_), 1) => format!("{text} {bytes}"),
        (text, Some(_), _) => format!("{text} {bytes} in {count}"),
    };
    let tone = match line.tone {
        Tone::Bytes => "bytes",
        Tone::End => "end",
        Tone::Fault => "fault",
        Tone::Head => "head",
        Tone::Proxy => "proxy",
        Tone::Violation => "violation",
    };
    let at = line.at.as_micros();
    json!({ "at": at, "who": place(line.who), "from": from, "to": to, "text": text, "tone": tone })
}

/// What comes later than that is another row.
const SOON: Wait = Wait::from_millis(10);

const PAGE: &str = include_str!("page.html");

#[cfg(test)]
mod tests {
    use super::*;

    fn line(who: Who, text: &str, bytes: Option<u32>) -> Line {
        let (at, tone, way) = (Time::ZERO, Tone::Bytes, Some(Way::To(Who::Client(1))));
        Line { at, who, text: text.to_owned(), bytes, tone, way }
    }

    #[test]
    fn pieces_that_follow_one_another_are_one_row() {
        let (session, other) = (Who::Session(2), Who::Session(3));
        let pieces = [
            line(session, "pull:", Some(5)),
            line(session, "push:", Some(5)),
            line(session, "pull:", Some(7)),
            line(session, "push:", Some(7)),
            line(other, "pull:", Some(1)),
            line(session, "pull:", Some(9)),
        ];
        let rows: Vec<_> = merged(&pieces).iter().map(|row| (row.bytes, row.count)).collect();
        assert_eq!(rows, [(12, 2), (12, 2), (1, 1), (9, 1)]);
        let late = [Time::ZERO, Time::ZERO.after(SOON), Time::from_micros(1_000_000)];
        let late = late.map(|at| Line { at, ..line(session, "shut", None) });
        assert_eq!(merged(&late).iter().map(|row| row.count).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn a_page_stands_alone_and_no_text_can_leave_its_place() {
        let evil = line(Who::Session(2), "</script><script>alert(1)</script>", None);
        let page = page("a run", &["a fact".to_owned()], &[evil]);
        assert!(!page.contains("</script><script>alert"), "{page}");
        assert!(page.contains("a fact") && !page.contains("{{data}}"));
        for outside in ["http://", "https://", "src=", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
