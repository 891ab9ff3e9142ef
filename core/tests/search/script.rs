//! What the peers of a walk have to say, in the pieces in which it may come, and what each is to hear.

use std::collections::BTreeSet;

use underpass_core::route::Rules;
use underpass_core::{Both, Fault};

use super::heard::SWITCHED;
use crate::world::{CONF, rules};

/// One client, the backends that answer it, and what is configured.
///
/// In what is said, a `|` stands where a read may end.
#[derive(Clone)]
pub(crate) struct Script {
    /// Configuration beside the usual; all of it if the worker is full.
    pub(crate) conf: &'static str,
    /// What the client says.
    pub(crate) client: String,
    /// What each side says over and over behind everything else, so that two more are always there.
    pub(crate) again: Both<String>,
    /// Its requests; behind the last, the first again.
    pub(crate) exchanges: Vec<Exchange>,
    /// What dialling each address gives.
    pub(crate) addresses: Vec<Result<(), Fault>>,
    /// Idle connections at the start.
    pub(crate) idle: usize,
    /// Somebody else has the worker's only place.
    pub(crate) full: bool,
    /// How many requests may be answered.
    pub(crate) most: usize,
    /// By what a leg can break.
    pub(crate) faults: &'static [Fault],
}

/// One request of a script, and its answer.
#[derive(Clone, Default)]
pub(crate) struct Exchange {
    /// What the backend is to hear: the head, and what goes on of the body.
    pub(crate) asked: [String; 2],
    /// What the backend says as soon as it hears of it.
    pub(crate) says: String,
    /// What it says behind that, and must not: such a connection can carry nothing more (R27).
    pub(crate) extra: &'static str,
    /// What the client is to hear of that: message by message the head, and what goes on of the body.
    pub(crate) told: Vec<[String; 2]>,
}

impl Script {
    /// One exchange, in the simplest of circumstances.
    pub(crate) fn new(client: &str, exchange: Exchange) -> Self {
        Self {
            conf: "",
            client: client.into(),
            again: Both::default(),
            exchanges: vec![exchange],
            addresses: vec![Ok(())],
            idle: 0,
            full: false,
            most: usize::MAX,
            faults: &[Fault::Reset],
        }
    }

    pub(crate) fn rules(&self) -> Rules {
        if self.full { rules(self.conf) } else { rules(&[CONF, self.conf].concat()) }
    }

    /// The present exchange once so many are over.
    pub(crate) fn exchange(&self, over: usize) -> &Exchange {
        &self.exchanges[over % self.exchanges.len()]
    }

    /// Whether the client speaks without end.
    pub(crate) fn repeats(&self) -> bool {
        !self.again.client.is_empty()
    }

    /// How long the client's head is, if it has one request.
    pub(crate) fn head(&self) -> usize {
        words(&self.client).find("\r\n\r\n").map_or(0, |at| at + 4)
    }
}

impl Exchange {
    /// All that the backend says.
    pub(crate) fn all(&self) -> String {
        format!("{}|{}", self.says, self.extra)
    }

    /// Whether the backend switches, as it should.
    pub(crate) fn switches(&self) -> bool {
        self.told.iter().any(|[head, _]| head.starts_with(SWITCHED))
    }

    /// How long the backend's heads are.
    pub(crate) fn heads(&self) -> usize {
        words(&self.says).rfind("\r\n\r\n").map_or(0, |at| at + 4)
    }

    /// Whether nothing but the end of the connection ends the response.
    pub(crate) fn is_open_ended(&self) -> bool {
        ["Content-Length", "chunked", " 204 "].iter().all(|word| !self.says.contains(word))
    }
}

/// What is said, without the marks.
pub(crate) fn words(text: &str) -> String {
    text.replace('|', "")
}

/// How many bytes a read may leave: those behind each mark, or any number if `WALK=bytes`.
#[expect(clippy::disallowed_methods, reason = "a test may be told how far to go")]
pub(crate) fn marks(text: &str) -> BTreeSet<usize> {
    if std::env::var("WALK").is_ok_and(|value| value == "bytes") {
        return (0..words(text).len()).collect();
    }
    text.match_indices('|').map(|(at, _)| words(&text[at..]).len()).collect()
}
