//! What has been measured, as it is written to JSON, and how figures compare.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::peers::OURS;

/// How clients come in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Front {
    /// By TCP alone.
    Plain,
    /// By TLS 1.3; the backend is plain all the same.
    Tls,
}

/// What a figure counts. Less is better, always.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// System calls.
    Calls,
    /// Microseconds of CPU for each; a million by that is how many there are to a second of CPU.
    Each,
    /// Seconds of CPU for 10⁹ bytes.
    Gigabyte,
    /// Microseconds that pass.
    Passing,
    /// How many times what it is compared with.
    Times,
}

/// One figure of one turn.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What was measured.
    pub what: String,
    /// What it counts.
    pub unit: Unit,
    /// How much it is.
    pub value: f64,
}

/// All that was measured in one run.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Results {
    /// The machine, in words.
    pub machine: String,
    /// What each proxy says of its version.
    pub versions: BTreeMap<String, String>,
    /// What was measured, in order.
    pub rows: Vec<Row>,
}

/// What one thing costs each proxy.
#[derive(Debug, Deserialize, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// How clients came in.
    pub front: Front,
    /// What the figures count.
    pub unit: Unit,
    /// By the proxy's name.
    pub figures: BTreeMap<String, Figure>,
}

/// What one thing costs one proxy, over all rounds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// The middle one.
    pub median: f64,
    /// The least.
    pub best: f64,
}

impl Figure {
    /// That of some rounds; none of none.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let lower = if values.len().is_multiple_of(2) { values[middle - 1] } else { upper };
        Some(Self { median: (lower + upper) / 2.0, best: values[0] })
    }
}

impl Row {
    /// How often the figure of that proxy is ours; none where ours is nothing, as a latency may be.
    pub fn over_ours(&self, name: &str) -> Option<f64> {
        let ours = self.figures.get(OURS.name)?.median;
        (ours > 0.0).then_some(self.figures.get(name)?.median / ours)
    }

    /// How often our figure is that of the best of the others.
    pub fn over_best(&self) -> Option<f64> {
        let others = self.figures.iter().filter(|(name, _)| *name != OURS.name);
        let best = others.map(|(_, figure)| figure.median).min_by(f64::total_cmp)?;
        (best > 0.0).then_some(self.figures.get(OURS.name)?.median / best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(values: &[f64]) -> Figure {
        Figure::of(values.to_vec()).expect("there are values")
    }

    #[test]
    fn a_figure_is_the_middle_of_its_rounds() {
        assert_eq!(figure(&[3.0, 1.0, 9.0]), Figure { median: 3.0, best: 1.0 });
        assert_eq!(figure(&[3.0, 1.0]), Figure { median: 2.0, best: 1.0 });
        assert_eq!(Figure::of(Vec::new()), None);
    }

    #[test]
    fn the_best_of_the_others_is_what_we_are_measured_by() {
        let named = |(name, value): (&str, f64)| (name.to_owned(), figure(&[value]));
        let figures = [(OURS.name, 2.0), ("nginx", 4.0), ("haproxy", 8.0)].map(named).into();
        let row = Row { what: String::new(), front: Front::Plain, unit: Unit::Each, figures };
        assert_eq!((row.over_best(), row.over_ours("haproxy")), (Some(0.5), Some(4.0)));
        assert_eq!(row.over_ours("apache2"), None);
    }
}
