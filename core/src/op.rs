//! The words that core and driver share: what to do next, what was read, what broke.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::Side;

/// The next move of a session. The driver makes it, and tells the session what came of it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Op {
    /// Finish the TLS handshake of that side; a plain leg is ready at once.
    Secure(Side),
    /// Read bytes of that side that core wants to see: heads and chunk framing.
    Fill(Side),
    /// Write bytes that core holds to that side.
    Flush(Side),
    /// Choose the worker that shall serve this request.
    Elect,
    /// Get a connection to the elected worker: an idle one, or a fresh one.
    Connect,
    /// Tell the pool that the worker has answered: the handshake is over.
    Confirm,
    /// Give the lease back with the report of how it went.
    Release,
    /// Move bytes that core does not see from that side into the carrier.
    Pull(Side),
    /// Move bytes out of the carrier to that side.
    Push(Side),
    /// Tell that side that nothing more will come.
    Shut(Side),
    /// Give the carriers back: nothing is in flight.
    Park,
    /// Notice if that side breaks, while nothing is read from it.
    Watch(Side),
}

impl Op {
    /// Every op there is.
    pub const ALL: [Self; 19] = [
        Self::Secure(Side::Client),
        Self::Secure(Side::Backend),
        Self::Fill(Side::Client),
        Self::Fill(Side::Backend),
        Self::Flush(Side::Client),
        Self::Flush(Side::Backend),
        Self::Elect,
        Self::Connect,
        Self::Confirm,
        Self::Release,
        Self::Pull(Side::Client),
        Self::Pull(Side::Backend),
        Self::Push(Side::Client),
        Self::Push(Side::Backend),
        Self::Shut(Side::Client),
        Self::Shut(Side::Backend),
        Self::Park,
        Self::Watch(Side::Client),
        Self::Watch(Side::Backend),
    ];

    const fn bit(self) -> u32 {
        match self {
            Self::Secure(side) => 1 << (side as u32),
            Self::Fill(side) => 1 << (2 + side as u32),
            Self::Flush(side) => 1 << (4 + side as u32),
            Self::Elect => 1 << 6,
            Self::Connect => 1 << 7,
            Self::Confirm => 1 << 8,
            Self::Release => 1 << 9,
            Self::Pull(side) => 1 << (10 + side as u32),
            Self::Push(side) => 1 << (12 + side as u32),
            Self::Shut(side) => 1 << (14 + side as u32),
            Self::Park => 1 << 16,
            Self::Watch(side) => 1 << (17 + side as u32),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secure(side) => write!(f, "secure {side}"),
            Self::Fill(side) => write!(f, "fill {side}"),
            Self::Flush(side) => write!(f, "flush {side}"),
            Self::Elect => f.write_str("elect"),
            Self::Connect => f.write_str("connect"),
            Self::Confirm => f.write_str("confirm"),
            Self::Release => f.write_str("release"),
            Self::Pull(side) => write!(f, "pull {side}"),
            Self::Push(side) => write!(f, "push {side}"),
            Self::Shut(side) => write!(f, "shut {side}"),
            Self::Park => f.write_str("park"),
            Self::Watch(side) => write!(f, "watch {side}"),
        }
    }
}

/// A set of ops: those that answered "not now" during one turn.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpSet(u32);

impl OpSet {
    /// The set without any op.
    pub const NONE: Self = Self(0);

    /// Whether `op` is in the set.
    pub const fn has(self, op: Op) -> bool {
        self.0 & op.bit() != 0
    }

    /// Adds `op`.
    pub const fn add(&mut self, op: Op) {
        self.0 |= op.bit();
    }
}

/// What a read gave. "Nothing moved" cannot be said: it is `Poll::Pending`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Read {
    /// So many bytes.
    Moved(NonZeroU32),
    /// The peer has ended its direction.
    Eof,
    /// The peer's direction has ended, and it has not said so itself, as who speaks TLS must (`close_notify`, RFC 8446
    /// §6.1): what came may be less than it has sent.
    Cut,
}

/// What broke a leg, in the words that decisions need.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Fault {
    /// The peer refused the connection.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The peer no longer reads what we write.
    Closed,
    /// The peer's machine did not answer in time (`ETIMEDOUT`, `TCP_USER_TIMEOUT`).
    TimedOut,
    /// There is no way to the peer (`EHOSTUNREACH`, `ENETUNREACH`, no such socket).
    Unreachable,
    /// The name could not be resolved.
    Unresolved,
    /// The worker has no further address to dial.
    Exhausted,
    /// The machine lacks descriptors, ports or memory for it.
    Resources,
    /// The TLS handshake or a record was bad.
    Tls,
    /// The peer has ended without saying so: something may be missing ([`Read::Cut`]).
    Cut,
    /// Anything else.
    Other,
}

/// Which connection to a worker is asked for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Dial {
    /// One that an earlier exchange has left idle.
    Idle,
    /// A fresh one, to the worker's address of that number, counted from 0.
    Address(u8),
}

impl Fault {
    /// Every fault there is.
    pub const ALL: [Self; 11] = [
        Self::Refused,
        Self::Reset,
        Self::Closed,
        Self::TimedOut,
        Self::Unreachable,
        Self::Unresolved,
        Self::Exhausted,
        Self::Resources,
        Self::Tls,
        Self::Cut,
        Self::Other,
    ];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::Closed => "connection closed by the peer",
            Self::TimedOut => "connection timed out",
            Self::Unreachable => "no route to the peer",
            Self::Unresolved => "name not resolved",
            Self::Exhausted => "no further address",
            Self::Resources => "out of descriptors, ports or memory",
            Self::Tls => "TLS failed",
            Self::Cut => "cut off",
            Self::Other => "input/output error",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_op_has_a_bit_of_its_own() {
        let mut seen = OpSet::NONE;
        for op in Op::ALL {
            assert!(!seen.has(op), "{op} shares its bit");
            seen.add(op);
            assert!(seen.has(op));
        }
    }

    #[test]
    fn each_fault_prints_its_own_words() {
        let words: std::collections::BTreeSet<_> = Fault::ALL.map(|f| f.to_string()).into();
        assert_eq!(words.len(), Fault::ALL.len());
    }
}
