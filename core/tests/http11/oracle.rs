//! What another parser must make of the same bytes (rules R20 to R37, in one sentence: we may refuse
//! what it accepts, never the reverse, and what we send on it must read as exactly what we counted).

use super::{Case, Played, Reading};

/// Where a parser and we differ.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    parser: &'static str,
    /// Cases in which we lawfully pass what it refuses.
    lawful: &'static [&'static str],
    met: Vec<&'static str>,
    found: Vec<String>,
}

impl Findings {
    /// None yet.
    pub(crate) fn of(parser: &'static str, lawful: &'static [&'static str]) -> Self {
        Self { parser, lawful, ..Self::default() }
    }

    /// What a backend has heard, by that parser: exactly the requests that we counted.
    pub(crate) fn forwarded(
        &mut self,
        name: &'static str,
        played: &Played,
        read: impl Fn(&[u8]) -> Reading,
    ) {
        for connection in &played.connections {
            let reading = read(&connection.heard);
            if reading.requests != connection.requests {
                let (it, we) = (&reading.requests, &connection.requests);
                self.add(name, &format!("of what we sent it reads {it:?}, we count {we:?}"));
            }
            if let Some(why) = reading.refused.filter(|_| connection.is_whole) {
                self.add(name, &format!("refuses what we sent: {why}"));
            }
        }
    }

    /// What the client has said, by that parser: all that has gone on was good to it, and was the same.
    pub(crate) fn said(
        &mut self,
        case: &Case,
        played: &Played,
        read: impl FnOnce(&[u8]) -> Reading,
    ) {
        let name = case.name;
        if played.passed().next().is_none() {
            return;
        }
        let reading = read(played.said(case));
        for (number, request) in played.passed() {
            match reading.requests.get(number) {
                None => self.add(
                    name,
                    &format!("refuses request {number} that we passed: {:?}", reading.refused),
                ),
                Some(it) if (&it.method, &it.body) == (&request.method, &request.body) => {}
                Some(it) => self
                    .add(name, &format!("reads request {number} as {it:?}, we passed {request:?}")),
            }
        }
    }

    fn add(&mut self, name: &'static str, what: &str) {
        if self.lawful.contains(&name) {
            self.met.push(name);
        } else {
            self.found.push(format!("{name}: {} {what}", self.parser));
        }
    }

    /// Fails if there are any, or if an exception is none any more.
    pub(crate) fn assert_none(mut self) {
        let unmet = self.lawful.iter().filter(|name| !self.met.contains(name));
        self.found.extend(unmet.map(|name| format!("{name}: {} agrees by now", self.parser)));
        assert!(self.found.is_empty(), "{}", self.found.join("\n"));
    }
}
