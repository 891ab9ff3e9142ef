//! The typed events of a session: what it asked of its driver, and what came of it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::seen::Seen;
use crate::balance::NoWorker;
use crate::op::{Dial, Fault};
use crate::report::Report;
use crate::route::{BalancerId, Hello, WorkerId};
use crate::time::Time;
use crate::{Op, Pumped, Side};

/// One thing that happened to a session.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Event {
    /// A turn of [`pump`](crate::pump) begins, at that moment and with that budget.
    Turn {
        /// The present moment, in this turn.
        at: Time,
        /// How many moves there may be.
        budget: u32,
    },
    /// The session asked for that move, and this came of it.
    Made(Move, Outcome),
    /// The turn is over, and the session is in the state of that name.
    Rests(Cow<'static, str>, Pumped),
}

/// An [`Op`] with all that the session said when it asked for it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Move {
    /// Finish the handshake of that side.
    Secure(Side),
    /// Read from that side into room for so many bytes.
    Fill(Side, u32),
    /// Write so many bytes to that side, or the first of them.
    Flush(Side, u32),
    /// Elect, for a rule of that balancer.
    Elect {
        /// The balancer of the rule.
        balancer: BalancerId,
        /// Whether a lease is handed over that failed.
        failed: bool,
    },
    /// Get that connection.
    Connect(Dial),
    /// Tell the pool that the worker has answered.
    Confirm,
    /// Take that report.
    Release {
        /// How it was.
        report: Box<Report>,
        /// Whether a lease comes back.
        leased: bool,
    },
    /// Move so many bytes at the most from that side into the carrier.
    Pull(Side, u64),
    /// Move bytes from the carrier to that side.
    Push(Side),
    /// Tell that side that nothing more will come.
    Shut(Side),
    /// Notice if that side breaks.
    Watch(Side),
    /// Give the carriers back.
    Park,
}

/// What came of a move.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Outcome {
    /// Not now.
    Pending,
    /// It is done.
    Done,
    /// The client's handshake is done, which began with that hello.
    Greeted(Hello),
    /// So many bytes went.
    Moved(NonZeroU32),
    /// Bytes came that core looked at.
    Saw(Seen),
    /// The peer has ended its direction.
    Eof,
    /// It has, without saying so itself.
    Cut,
    /// There is a lease for that worker.
    Leased(WorkerId),
    /// There is one for that address of that worker, which has a seat for each.
    LeasedAt(WorkerId, IpAddr),
    /// There is none.
    NoWorker(NoWorker),
    /// The leg broke.
    Broke(Fault),
}

impl Event {
    /// The report, if this is one.
    pub fn report(&self) -> Option<&Report> {
        if let Self::Made(asked, _) = self { asked.report() } else { None }
    }

    /// How many bytes it weighs at the most in memory and as a line: what a bound on traces counts.
    pub fn weight(&self) -> usize {
        const LINE: usize = 128;
        match self {
            Self::Made(_, Outcome::Saw(seen)) => LINE + seen.weight(),
            Self::Made(Move::Release { .. }, _) => 4 * LINE,
            Self::Turn { .. } | Self::Made(..) | Self::Rests(..) => LINE,
        }
    }
}

impl Move {
    /// The report, if one is handed over.
    pub fn report(&self) -> Option<&Report> {
        if let Self::Release { report, .. } = self { Some(report) } else { None }
    }

    /// The op.
    pub const fn op(&self) -> Op {
        match self {
            Self::Secure(side) => Op::Secure(*side),
            Self::Fill(side, _) => Op::Fill(*side),
            Self::Flush(side, _) => Op::Flush(*side),
            Self::Elect { .. } => Op::Elect,
            Self::Connect(_) => Op::Connect,
            Self::Confirm => Op::Confirm,
            Self::Release { .. } => Op::Release,
            Self::Pull(side, _) => Op::Pull(*side),
            Self::Push(side) => Op::Push(*side),
            Self::Shut(side) => Op::Shut(*side),
            Self::Watch(side) => Op::Watch(*side),
            Self::Park => Op::Park,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn { at, budget } => write!(f, "turn at {at}, {budget} moves at the most"),
            Self::Made(Move::Release { report, .. }, _) => {
                let (why, status, pushed) = (report.close, report.status, report.pushed);
                let (up, down) = (pushed.client, pushed.backend);
                write!(f, "release              {why}, status {status}, {up} up, {down} down")
            }
            Self::Made(asked, outcome) => write!(f, "{:<20} {outcome}", asked.to_string()),
            Self::Rests(state, Pumped::Waiting(Some(at))) => {
                write!(f, "rests in {state} until {at}")
            }
            Self::Rests(state, Pumped::Again) => write!(f, "rests in {state}, to go on at once"),
            Self::Rests(state, Pumped::Waiting(None) | Pumped::Closed) => {
                write!(f, "rests in {state}")
            }
        }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.op().fmt(f)?;
        match self {
            Self::Fill(_, room) => write!(f, " ({room})"),
            Self::Flush(_, size) => write!(f, " ({size})"),
            Self::Pull(_, most) if *most < u64::MAX => write!(f, " ({most})"),
            Self::Connect(Dial::Idle) => f.write_str(" idle"),
            Self::Connect(Dial::Address(number)) => write!(f, " {number}"),
            Self::Elect { failed: true, .. } => f.write_str(" again"),
            Self::Release { report, .. } => write!(f, " {report:?}"),
            Self::Elect { .. }
            | Self::Secure(_)
            | Self::Confirm
            | Self::Pull(..)
            | Self::Push(_)
            | Self::Shut(_)
            | Self::Watch(_)
            | Self::Park => Ok(()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("-"),
            Self::Done | Self::Greeted(_) | Self::Leased(_) | Self::LeasedAt(..) => {
                f.write_str("done")
            }
            Self::Moved(count) => count.fmt(f),
            Self::Saw(seen) => seen.len().fmt(f),
            Self::Eof => f.write_str("eof"),
            Self::Cut => f.write_str("cut"),
            Self::NoWorker(none) => none.fmt(f),
            Self::Broke(fault) => fault.fmt(f),
        }
    }
}
