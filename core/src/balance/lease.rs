//! Stage 4 of 6 · what is asked of the pool, what it gives, and why it gives nothing.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::crowd::Visit;
use super::seat::SeatId;
use crate::limits;
use crate::route::{BalancerId, Owner, Quota, QuotaId, WorkerId};
use crate::time::Wait;

/// What an election is about.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Ask {
    /// The balancer of the rule.
    pub balancer: BalancerId,
    /// The client's address.
    pub client: IpAddr,
    /// What the worker is to be used for.
    pub purpose: Purpose,
    /// To whom the client belongs, if it says so.
    pub owner: Option<Owner>,
    /// What stands for the request where members are chosen by a [hash](crate::route::Method::Hash).
    pub key: u64,
    /// Those who have failed this request.
    pub tried: Vec<SeatId>,
}

impl Ask {
    /// The first election for a request of a client that belongs to nobody.
    pub const fn new(balancer: BalancerId, client: IpAddr, purpose: Purpose) -> Self {
        Self { balancer, client, purpose, owner: None, key: 0, tried: Vec::new() }
    }
}

/// What a worker is asked to do, and within which bounds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Purpose {
    /// To answer an ordinary request.
    Exchange,
    /// To switch protocols.
    Tunnel {
        /// How many tunnels there may be where it is asked for, if that is bounded.
        quota: Option<Quota>,
        /// How many handshakes of its client may be under way, this one included, if that is bounded.
        handshakes: Option<NonZeroU32>,
    },
}

/// The right to use one worker for one session. It must come back, by
/// [`Pool::release`](super::Pool::release), or by [`Pool::elect`](super::Pool::elect) if it failed; it
/// cannot be copied.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a lease that is dropped keeps its worker busy for ever"]
pub struct Lease {
    pub(super) seat: SeatId,
    /// The line that bounds its tunnel, if one does.
    pub(super) line: Option<QuotaId>,
    /// Its handshake, while that is under way; boxed, because a tunnel has none and there are many of them.
    pub(super) pending: Option<Box<Handshake>>,
}

/// What is known of a lease until its worker has answered.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Handshake {
    /// What it is counted as.
    pub(super) visit: Visit,
    /// Where it goes, if the worker has a seat for each of its addresses.
    address: Option<IpAddr>,
}

/// Why no worker was elected.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum NoWorker {
    /// Too many handshakes are under way, in all or with the worker (R53).
    Busy,
    /// Too many handshakes of the client are under way (R53, `ProxyWebsocketMaxHandshakes`).
    Client,
    /// There are as many tunnels as there may be (`ProxyWebsocketMaxTunnels`).
    Tunnels,
    /// This request has tried every worker that there is.
    Tried,
    /// Every worker is left alone after a failure; the first may be tried after so long.
    Resting(Wait),
    /// No member may be tried: each is closed, fails its checks, or sends no heartbeats.
    Down,
    /// The member that the client belongs to cannot serve, and no other may (`nofailover=On`).
    Route,
}

impl Lease {
    /// A lease of that seat, which may be that of one address, for a handshake that is counted as that.
    pub(crate) fn new(seat: SeatId, address: Option<IpAddr>, visit: Visit) -> Self {
        Self { seat, line: visit.line, pending: Some(Box::new(Handshake { visit, address })) }
    }

    /// The handshake is over: what it was counted as, if that is news.
    pub(crate) fn confirm(&mut self) -> Option<Visit> {
        self.pending.take().map(|handshake| handshake.visit)
    }

    /// The worker that it is for.
    pub const fn worker(&self) -> WorkerId {
        self.seat.worker
    }

    /// The name of what it is for, by which others know it.
    pub const fn seat(&self) -> SeatId {
        self.seat
    }

    /// The one address of the worker that it is for, if the worker has a seat for each (`addresses=all`). It is
    /// known while the handshake is under way, for only then is anything dialled.
    pub fn address(&self) -> Option<IpAddr> {
        self.pending.as_ref()?.address
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
            Self::Resting(wait) => wait,
            Self::Busy | Self::Client | Self::Tunnels | Self::Tried | Self::Down | Self::Route => {
                limits::RETRY_AFTER
            }
        }
    }
}

impl fmt::Display for NoWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many handshakes under way"),
            Self::Client => f.write_str("too many handshakes of this client under way"),
            Self::Tunnels => f.write_str("as many tunnels as there may be"),
            Self::Tried => f.write_str("no worker is left to be tried"),
            Self::Resting(wait) => write!(f, "every worker failed, the next try is in {wait}"),
            Self::Down => f.write_str("no worker may be tried"),
            Self::Route => f.write_str("the client's own worker cannot serve"),
        }
    }
}
