//! What each side has heard, read by the script: nothing may be in it that the other side did not say.

use underpass_core::report::{Close, Report};

use super::scene::Scene;
use super::script::{Exchange, Script};

/// How the head of a switch begins.
pub(crate) const SWITCHED: &str = "HTTP/1.1 101 ";

/// The word for which a body waits.
pub(crate) const WORD: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// What a backend's connection has carried, as far as it has come.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Asked {
    /// The number of the last request.
    pub(crate) last: usize,
    /// Bytes of the last request's body, or of the tunnel.
    pub(crate) body: usize,
    /// The last request is there to its end.
    pub(crate) whole: bool,
}

/// Reads what a backend has heard on one connection: whole requests of the script, one behind the
/// other, and a part of one more. R5, R7: of what is behind an upgrade only if it `switched`.
///
/// # Panics
///
/// If it is anything else.
pub(crate) fn asked(script: &Script, heard: &[u8], switched: bool) -> Asked {
    let read =
        (0..script.exchanges.len()).find_map(|first| asked_from(script, first, heard, switched));
    read.unwrap_or_else(|| panic!("the backend heard {:?}", heard.escape_ascii().to_string()))
}

fn asked_from(script: &Script, first: usize, heard: &[u8], switched: bool) -> Option<Asked> {
    let (mut rest, mut last) = (heard, Asked::default());
    for number in first.. {
        let exchange = script.exchange(number);
        if rest.is_empty() {
            return Some(last);
        }
        let [head, body] = &exchange.asked;
        let again = if switched { script.again.client.repeat(rest.len()) } else { String::new() };
        let body = if switched || !exchange.switches() { body.as_str() } else { "" };
        let message = [head.as_str(), body, &again].concat();
        let taken = common(message.as_bytes(), rest)?;
        let number = number % script.exchanges.len();
        last = Asked {
            last: number,
            body: taken.saturating_sub(head.len()),
            whole: taken == message.len(),
        };
        rest = &rest[taken..];
    }
    None
}

/// How long the shorter one is, if the longer one begins with it.
fn common(whole: &[u8], heard: &[u8]) -> Option<usize> {
    let both = whole.len().min(heard.len());
    (whole[..both] == heard[..both]).then_some(both)
}

/// What a client has heard, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The status of each final head whose first line is there.
    pub(crate) statuses: Vec<u16>,
    /// Bytes of the last response's body, or of the tunnel, that are the backend's.
    pub(crate) body: usize,
    /// The last message is there to its end.
    pub(crate) whole: bool,
    /// How many interim heads before it are not there.
    pub(crate) skipped: usize,
    /// Its head says that it is the last one.
    pub(crate) closes: bool,
}

/// Reads what the client has heard: what the script has for it, and answers of ours instead of it.
///
/// # Panics
///
/// If it is anything else.
pub(crate) fn told(scene: &Scene<'_>) -> Told {
    let heard = &scene.world.wires.peers.client.heard[..];
    let (mut rest, mut told) = (heard, Told::default());
    while !rest.is_empty() {
        assert!(!told.closes, "more behind the last answer: {:?}", rest.escape_ascii().to_string());
        let exchange = scene.script.exchange(told.statuses.len());
        let report = scene.world.wires.reports.get(told.statuses.len());
        let taken = told.read(exchange, &scene.script.again.backend, report, rest);
        rest = &rest[taken.unwrap_or_else(|| {
            panic!("the client heard {:?}", heard.escape_ascii().to_string())
        })..];
    }
    told
}

impl Told {
    /// Reads all that is there of one answer; gives how much that is.
    fn read(
        &mut self,
        exchange: &Exchange,
        again: &str,
        report: Option<&Report>,
        heard: &[u8],
    ) -> Option<usize> {
        let interim = |head: &str| head.starts_with("HTTP/1.1 1") && !head.starts_with(SWITCHED);
        self.skipped = exchange.told.iter().filter(|[head, _]| interim(head)).count();
        let mut rest = heard;
        for message in &exchange.told {
            let Some(taken) = self.read_message(message, again, rest) else { continue };
            let is_final = self.note(&rest[..taken]);
            self.skipped -= usize::from(!is_final && self.whole);
            rest = &rest[taken..];
            if is_final || rest.is_empty() {
                return Some(heard.len() - rest.len());
            }
        }
        Some(heard.len() - rest.len() + self.read_ours(report, rest)?)
    }

    /// Reads a message of the backend's, which may say that it is the last one.
    fn read_message(&mut self, message: &[String; 2], again: &str, heard: &[u8]) -> Option<usize> {
        let [head, body] = message;
        let last = head.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let again = if head.starts_with(SWITCHED) { again.repeat(heard.len()) } else { "".into() };
        [(head, false), (&last, true)].into_iter().find_map(|(head, closes)| {
            let all = [head.as_str(), body, &again].concat();
            let taken = common(all.as_bytes(), heard)?;
            self.body = taken.saturating_sub(head.len());
            (self.whole, self.closes) = (taken == all.len(), closes);
            Some(taken)
        })
    }

    /// Reads an answer of ours, which says how long it is; `report` says that it is one.
    fn read_ours(&mut self, report: Option<&Report>, heard: &[u8]) -> Option<usize> {
        let report = report.filter(|report| matches!(report.close, Close::Refused(_)))?;
        let text = std::str::from_utf8(heard).ok()?;
        common(format!("HTTP/1.1 {} ", report.status).as_bytes(), heard)?;
        self.note(heard);
        self.body = 0;
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            self.whole = false;
            return Some(text.len());
        };
        let length = head.split_once("Content-Length: ")?.1.lines().next()?.parse().ok()?;
        self.whole = body.len() >= length;
        self.closes = head.contains("Connection: close");
        Some(head.len() + 4 + body.len().min(length))
    }

    /// Notes the status of a final head; whether it is one.
    fn note(&mut self, message: &[u8]) -> bool {
        let status =
            message.get(9..12).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let status = status.filter(|status: &u16| !(100..200).contains(status) || *status == 101);
        self.statuses.extend(status);
        status.is_some()
    }
}
