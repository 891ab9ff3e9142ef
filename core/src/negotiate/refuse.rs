//! Stage 3 of 6 · why we say no.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BadOrigin, NoHop, Nonsense};
use crate::balance::NoWorker;
use crate::exchange::BadChunk;
use crate::head::BadHead;
use crate::limits;
use crate::op::Fault;
use crate::route::BadPath;
use crate::time::Wait;

/// Why a request gets its status from us and not from a backend.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Refusal {
    /// The head is bad.
    Head(BadHead),
    /// The path is bad.
    Path(BadPath),
    /// The head did not come in time (R50): 408.
    Late,
    /// The body did not come in time (R50): 408.
    LateBody,
    /// The body's chunks are bad (R23, R24): 400.
    Chunk(BadChunk),
    /// The body is longer than the operator allows (`LimitRequestBody`): 413.
    TooLarge,
    /// A body whose end nobody can find: a POST, PUT or PATCH of HTTP/1.0 without a length (RFC 9110
    /// §15.5.12): 411.
    NoLength,
    /// The client ended in the middle of its request: nobody is left to be told, but it is 400.
    Truncated,
    /// A field would get a value from the request that it cannot hold (`RequestHeader`, `Header`): 400.
    BadValue,
    /// The connection was made to another host, which demands other things of clients (R13): 421.
    Misdirected,
    /// No rule matches, or one that excludes: 404.
    NoRule,
    /// Nobody may ask for this path (`Require all denied`): 403.
    Denied,
    /// The rule's backend is one that nobody may go to (`ProxyBlock`): 403.
    Blocked,
    /// Its `Max-Forwards` lets it go no further.
    Hops(NoHop),
    /// A WebSocket handshake by another method than GET (R3): 400.
    Method,
    /// A WebSocket handshake with a body (R10): 400.
    Body,
    /// A WebSocket handshake without exactly one good key (R3): 400.
    Key,
    /// Another version of WebSocket than 13 (R2): 426.
    Version,
    /// An upgrade for a page that may not ask for one (R15): 403.
    Origin(BadOrigin),
    /// It expects what we cannot do, or an upgrade expects anything (R26): 417.
    Expectation,
    /// The rule is for upgrades only, and this is none that it accepts: 426.
    UpgradeRequired,
    /// No worker may take it now: 503, to be tried again later.
    NoWorker(NoWorker),
    /// No worker was found in time: 503, to be tried again later.
    LateWorker,
    /// The backend broke off before it answered: 502.
    Lost(Fault),
    /// The backend did not speak TLS with us as the host that the request is for (`ProxyPreserveHost`): 502. That
    /// says nothing of the backend, for the client has chosen the name.
    Unproven(Fault),
    /// The backend ended before it answered: 502.
    NoAnswer,
    /// The backend did not answer in time: 504.
    LateAnswer,
    /// The backend's head is bad (R36): 502.
    BadAnswer(BadHead),
    /// The body of the backend's response begins with bad chunks (R23): 502.
    BadBody(BadChunk),
    /// The backend sent too many interim responses (R37): 502.
    Interims,
    /// The backend's 101 is none (R3b): 502.
    Nonsense(Nonsense),
    /// The backend answered with that status, which we say in our own words (`ProxyErrorOverride`).
    Overridden(u16),
}

impl Refusal {
    /// The status that the client gets.
    pub const fn status(self) -> u16 {
        match self {
            Self::Head(bad) => bad.status(),
            Self::Hops(no) => no.status(),
            Self::Path(BadPath::Hidden) | Self::NoRule => 404,
            Self::Path(BadPath::Escape | BadPath::AboveRoot)
            | Self::BadValue
            | Self::Chunk(_)
            | Self::Truncated
            | Self::Method
            | Self::Body
            | Self::Key => 400,
            Self::Denied | Self::Blocked | Self::Origin(_) => 403,
            Self::Late | Self::LateBody => 408,
            Self::NoLength => 411,
            Self::TooLarge => 413,
            Self::Expectation => 417,
            Self::Misdirected => 421,
            Self::Version | Self::UpgradeRequired => 426,
            Self::Lost(_)
            | Self::Unproven(_)
            | Self::NoAnswer
            | Self::BadAnswer(_)
            | Self::BadBody(_)
            | Self::Interims
            | Self::Nonsense(_) => 502,
            Self::NoWorker(_) | Self::LateWorker => 503,
            Self::LateAnswer => 504,
            Self::Overridden(status) => status,
        }
    }

    /// How long the client is told to wait before it tries again, where that may help.
    pub(super) const fn retry_after(self) -> Option<Wait> {
        if let Self::NoWorker(none) = self {
            Some(none.retry_after())
        } else if matches!(self, Self::LateWorker) {
            Some(limits::RETRY_AFTER)
        } else {
            None
        }
    }
}

impl From<BadChunk> for Refusal {
    /// Why a request is refused whose body has that chunk.
    fn from(bad: BadChunk) -> Self {
        match bad {
            BadChunk::TooLarge => Self::TooLarge,
            BadChunk::Malformed | BadChunk::TooLong => Self::Chunk(bad),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head(bad) => return bad.fmt(f),
            Self::Path(bad) => return bad.fmt(f),
            Self::Hops(no) => return no.fmt(f),
            Self::Origin(bad) => return bad.fmt(f),
            Self::Late => "the request head did not come in time",
            Self::LateBody => "the request body did not come in time",
            Self::Chunk(bad) => return write!(f, "bad request body ({bad})"),
            Self::TooLarge => "the request body is too large",
            Self::NoLength => "the request body has no length",
            Self::Truncated => "the request ended in its middle",
            Self::BadValue => "a field cannot hold what the request says",
            Self::Misdirected => "this host is not asked by this connection",
            Self::NoRule => "no rule for this path",
            Self::Denied => "nobody may ask for this path",
            Self::Blocked => "nobody may go to this backend",
            Self::Method => "a WebSocket handshake must be a GET",
            Self::Body => "a WebSocket handshake must have no body",
            Self::Key => "missing or malformed Sec-WebSocket-Key",
            Self::Version => "this server speaks WebSocket version 13 only",
            Self::Expectation => "the request expects what cannot be done",
            Self::UpgradeRequired => "this path is for upgrades only",
            Self::NoWorker(none) => {
                return write!(f, "no backend can take the request now ({none})");
            }
            Self::LateWorker => "no backend could be found in time",
            Self::Lost(fault) => {
                return write!(f, "the backend was lost before it answered ({fault})");
            }
            Self::Unproven(fault) => {
                return write!(f, "the backend does not answer for this host ({fault})");
            }
            Self::NoAnswer => "the backend closed before it answered",
            Self::LateAnswer => "the backend did not answer in time",
            Self::BadAnswer(bad) => return write!(f, "the backend answered nonsense ({bad})"),
            Self::BadBody(bad) => return write!(f, "the backend answered nonsense ({bad})"),
            Self::Interims => "the backend sent too many interim responses",
            Self::Nonsense(nonsense) => {
                return write!(f, "the backend answered nonsense ({nonsense})");
            }
            Self::Overridden(_) => "the backend answered with this error",
        })
    }
}
