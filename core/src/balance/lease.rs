//! Stage 4 of 6 · what is asked of the pool, what it gives, and why it gives nothing.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::route::WorkerId;
use crate::time::Wait;

/// What an election is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Ask {
    /// The worker of the rule.
    pub worker: WorkerId,
    /// The client's address.
    pub client: IpAddr,
}

/// The right to use one worker for one session. It must come back, by
/// [`Pool::release`](super::Pool::release), or by [`Pool::elect`](super::Pool::elect) if it failed; it
/// cannot be copied.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a lease that is dropped keeps its worker busy for ever"]
pub struct Lease {
    pub(super) worker: WorkerId,
    /// The client whose handshake this is, while it is under way; boxed, because a tunnel has none
    /// and there are many of them.
    pub(super) pending: Option<Box<IpAddr>>,
}

/// Why no worker was elected.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum NoWorker {
    /// Too many handshakes are under way (R53).
    Busy,
    /// This request has tried every worker that there is.
    Tried,
    /// Every worker is left alone after a failure; the first may be tried after so long.
    Resting(Wait),
}

impl Lease {
    /// A lease of that worker, for a handshake of that client's.
    pub(crate) fn new(worker: WorkerId, client: IpAddr) -> Self {
        Self { worker, pending: Some(Box::new(client)) }
    }

    /// The handshake is over: whose it was, if that is news.
    pub(crate) fn confirm(&mut self) -> Option<IpAddr> {
        self.pending.take().map(|client| *client)
    }

    /// The worker that it is for.
    pub const fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Whether the handshake is still under way.
    pub const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }
}

impl NoWorker {
    /// What `Retry-After` says.
    pub const fn retry_after(self) -> Wait {
        match self {
            Self::Busy | Self::Tried => limits::RETRY_AFTER,
            Self::Resting(wait) => wait,
        }
    }
}

impl fmt::Display for NoWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many handshakes under way"),
            Self::Tried => f.write_str("no worker is left to be tried"),
            Self::Resting(wait) => write!(f, "every worker failed, the next try is in {wait}"),
        }
    }
}
