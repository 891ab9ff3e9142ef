//! One response of the corpus through a session, to a client that has asked for it.

use underpass_core::Side::{Backend, Client};
use underpass_core::report::Close;
use underpass_core::route::Rules;

use super::Case;
use crate::world::{World, heads};

/// What came of one response.
#[derive(Clone, Debug)]
pub(crate) struct Relayed {
    /// In the words of the corpus.
    pub(crate) verdict: String,
    /// What the client heard.
    pub(crate) heard: Vec<u8>,
    /// Its connection was reset behind that.
    pub(crate) is_reset: bool,
}

/// What the client asked in that case.
pub(crate) fn asked(case: &Case) -> (&'static str, String) {
    match case.verdict.split(' ').next() {
        Some("get") => ("GET", heads::get("")),
        Some("head") => ("HEAD", heads::get("").replace("GET", "HEAD")),
        Some("old") => ("GET", heads::get("").replace("HTTP/1.1", "HTTP/1.0")),
        Some("websocket") => ("GET", heads::ask("")),
        _ => panic!("{} does not say what was asked", case.name),
    }
}

/// Plays the response in those pieces.
pub(crate) fn relay<'b>(
    rules: &Rules,
    case: &Case,
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> Relayed {
    let mut world = World::new(rules);
    world.hear(Client, &asked(case).1);
    for piece in pieces {
        world.wires.peers.backend.to_come.extend(piece);
        let _ = world.settle();
    }
    world.end(Backend);
    world.end(Client);
    world.assert_nothing_is_lent();
    let report = *world.report();
    let outcome = if report.close == Close::Answered {
        format!("passed {}", report.status)
    } else if matches!(report.close, Close::Refused(_)) {
        format!("refused {}", report.status)
    } else if report.close.is_abrupt() {
        "broken".to_owned()
    } else {
        assert!(matches!(report.close, Close::Ended(_)), "{}: {}", case.name, report.close);
        "switched".to_owned()
    };
    let asked = case.verdict.split(' ').next().unwrap_or_default();
    Relayed {
        verdict: format!("{asked} {outcome}"),
        heard: std::mem::take(&mut world.wires.peers.client.heard),
        is_reset: report.close.is_abrupt(),
    }
}

impl Relayed {
    /// Whether that is what the corpus says: whether a response that breaks is refused or cut depends on
    /// how far its head was ahead.
    pub(crate) fn is_as_said(&self, case: &Case) -> bool {
        let broken = case.verdict.ends_with(" broken") && self.verdict.ends_with(" refused 502");
        self.verdict == case.verdict || broken
    }
}
