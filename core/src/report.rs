//! Stage 6 of 6 · how it ended, with every count: one report for each exchange or tunnel.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::negotiate::Refusal;
use crate::op::Fault;
use crate::route::WorkerId;
use crate::time::Time;
use crate::{Both, Side};

/// Why a session ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Close {
    /// The client left without a request.
    Unasked,
    /// We answered ourselves.
    Refused(Refusal),
    /// The backend's response was relayed whole.
    Answered,
    /// A response was cut in its middle: that side broke off, or fell silent.
    Cut(Side),
    /// A tunnel whose both directions have ended; that side ended first.
    Ended(Side),
    /// A tunnel that a fault ended on that side.
    Faulted(Side, Fault),
    /// A tunnel in which nothing moved for too long.
    Idle,
    /// A half-closed tunnel in which nothing moved for too long.
    HalfClosed,
    /// A tunnel that lived for as long as it may.
    Lifetime,
    /// That side did not take what was written for too long (R52).
    Stalled(Side),
}

/// What became of one request and of the tunnel that it may have opened.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Report {
    /// Why it ended.
    pub close: Close,
    /// The worker that had it, or failed it last, if one was elected.
    pub worker: Option<WorkerId>,
    /// The status that the client was sent; 0 if none.
    pub status: u16,
    /// When the connection was accepted, and its handshake over; for a further request on it, when that one's head began.
    pub began: Time,
    /// When the tunnel opened, or the response began.
    pub answered: Option<Time>,
    /// When it ended.
    pub ended: Time,
    /// Bytes that came from each side behind the heads.
    pub pulled: Both<u64>,
    /// Bytes that went from each side to the other behind the heads.
    pub pushed: Both<u64>,
    /// Whether the backend's connection may serve another exchange: nothing of this one is left on
    /// it, and both sides mean to keep it (R6, R14, R26, R27).
    pub reusable: bool,
    /// The first thing that broke, and the side on which it did, even if the session got over it.
    pub fault: Option<(Side, Fault)>,
}

impl Close {
    /// Whether the client must see that something is missing: its connection is then reset, because
    /// an orderly end would make half a response look whole.
    pub const fn is_abrupt(self) -> bool {
        matches!(self, Self::Cut(_) | Self::Stalled(_))
    }
}

impl Report {
    /// Of a session that began and ended at that time, and of which nothing is known but how.
    pub fn new(close: Close, at: Time) -> Self {
        Self {
            close,
            worker: None,
            status: 0,
            began: at,
            answered: None,
            ended: at,
            pulled: Both::default(),
            pushed: Both::default(),
            reusable: false,
            fault: None,
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("no request"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Answered => f.write_str("answered"),
            Self::Cut(side) => write!(f, "cut by the {side}"),
            Self::Ended(side) => write!(f, "ended by the {side}"),
            Self::Faulted(side, fault) => write!(f, "{side}: {fault}"),
            Self::Idle => f.write_str("idle for too long"),
            Self::HalfClosed => f.write_str("half-closed for too long"),
            Self::Lifetime => f.write_str("lived for as long as it may"),
            Self::Stalled(side) => write!(f, "the {side} did not read"),
        }
    }
}
