//! Results as pictures: what each proxy needs, beside what ours needs, as bars of SVG.

use std::fmt::Write as _;

use super::peers::{OURS, PEERS};
use super::results::{Front, Results, Row, Unit};
use super::table::number;

/// Widths and heights, in pixels.
const LABEL: f64 = 260.0;
const BARS: f64 = 420.0;
const MARGIN: f64 = 60.0;
const BAR: f64 = 11.0;
const GAP: f64 = 14.0;
const TOP: f64 = 64.0;

/// Bars that are longer are cut, and say how long they are: one that is very bad hides all others.
const MOST: f64 = 6.0;

/// The pictures, by the name of their file: CPU without TLS and with it, and memory.
pub fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let cpu =
        |row: &&Row, front| row.front == front && matches!(row.unit, Unit::Each | Unit::Gigabyte);
    let idle = |row: &&Row| row.unit == Unit::Bytes && row.what.ends_with("user space");
    let plain = results.rows.iter().filter(|row| cpu(row, Front::Plain)).collect();
    let tls = results.rows.iter().filter(|row| cpu(row, Front::Tls)).collect();
    let all = [
        ("plain.svg", "CPU for the same work, Underpass = 1 (less is better)", plain),
        (
            "tls.svg",
            "CPU for the same work, clients by TLS 1.3, Underpass = 1 (less is better)",
            tls,
        ),
        (
            "idle.svg",
            "User-space memory of an idle tunnel, Underpass = 1 (less is better)",
            results.rows.iter().filter(idle).collect::<Vec<_>>(),
        ),
    ];
    let drawn = all.into_iter().filter(|(.., rows): &(_, _, Vec<_>)| !rows.is_empty());
    drawn.map(|(file, title, rows)| (file, picture(title, &rows))).collect()
}

/// The colour of each proxy, which reads on white and on black.
fn colour(name: &str) -> &'static str {
    match name {
        "underpass" => "#2f81f7",
        "nginx" => "#3fa45b",
        "haproxy" => "#d9822b",
        _ => "#b35ab8",
    }
}

fn picture(title: &str, rows: &[&Row]) -> String {
    let names: Vec<_> = [OURS]
        .into_iter()
        .chain(PEERS)
        .map(|peer| peer.name)
        .filter(|name| rows.iter().any(|row| row.figures.contains_key(*name)))
        .collect();
    let group = BAR * names.len() as f64 + GAP;
    let (width, height) = (LABEL + BARS + MARGIN, TOP + group * rows.len() as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"#7d8590\">\n\
         <text x=\"0\" y=\"16\" font-size=\"14\">{title}</text>\n"
    );
    let mut x = LABEL;
    for name in &names {
        piece(&mut svg, x, 30.0, 12.0, name);
        text(&mut svg, x + 17.0, 39.0, "start", name);
        x += 100.0;
    }
    for (row, number) in rows.iter().zip(0..) {
        let y = TOP + group * f64::from(number);
        text(&mut svg, LABEL - 8.0, y + (group - GAP) / 2.0 + 4.0, "end", &label(row));
        bars(&mut svg, row, &names, y);
    }
    svg + "</svg>\n"
}

/// The bars of one row, ours first. Where one proxy has no figure, there is room for it.
fn bars(svg: &mut String, row: &Row, names: &[&str], mut y: f64) {
    for name in names {
        if let Some(times) = row.over_ours(name) {
            let cut = if times > MOST { " →" } else { "" };
            let width = times.clamp(0.0, MOST) / MOST * BARS;
            piece(svg, LABEL, y, width, name);
            text(svg, LABEL + width + 4.0, y + BAR - 2.0, "start", &(number(times) + cut));
        }
        y += BAR;
    }
}

/// A piece of a proxy's colour.
fn piece(svg: &mut String, x: f64, y: f64, width: f64, name: &str) {
    let (height, colour) = (BAR - 1.0, colour(name));
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" rx=\"2\" fill=\"{colour}\"/>"
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ =
        writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

/// What was measured; with TLS where the picture does not say it.
fn label(row: &Row) -> String {
    let tls = if row.unit == Unit::Bytes && row.front == Front::Tls { ", by TLS" } else { "" };
    format!("{}{tls}", row.what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::results::Figure;

    fn drawn(theirs: f64) -> String {
        let named =
            |(name, median): (&str, f64)| (name.to_owned(), Figure { median, best: median });
        let figures = [(OURS.name, 2.0), ("nginx", theirs)].map(named).into();
        let row = Row { what: "an echo".into(), front: Front::Plain, unit: Unit::Each, figures };
        let results = Results { rows: vec![row], ..Results::default() };
        let [(file, svg)] = <[_; 1]>::try_from(plots(&results)).expect("one picture");
        assert_eq!(file, "plain.svg");
        svg
    }

    #[test]
    fn a_bar_is_as_long_as_its_ratio() {
        assert!(drawn(6.0).contains("width=\"210.0\""));
        assert!(drawn(6.0).contains(">3.00<"));
    }

    #[test]
    fn a_bar_that_is_too_long_is_cut_and_says_so() {
        assert!(drawn(200.0).contains("width=\"420.0\""));
        assert!(drawn(200.0).contains(">100 →<"));
    }
}
