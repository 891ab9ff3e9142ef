//! What came of a move, as far as an oracle cares: the tapes of core know more.

use std::fmt;
use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::NoWorker;
use underpass_core::route::WorkerId;
use underpass_core::{Fault, Read};

/// What came of a move.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Not now.
    Pending,
    /// It is done.
    Done,
    /// So many bytes went.
    Moved(u32),
    /// The peer has ended its direction.
    Eof,
    /// The connection has ended, and TLS has not said so.
    Cut,
    /// The leg broke.
    Broke(Fault),
    /// That worker was elected.
    Elected(WorkerId),
    /// There is no worker.
    None(NoWorker),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done
    }
}

impl From<NonZeroU32> for Outcome {
    fn from(count: NonZeroU32) -> Self {
        Self::Moved(count.get())
    }
}

impl From<Read> for Outcome {
    fn from(read: Read) -> Self {
        match read {
            Read::Moved(count) => count.into(),
            Read::Eof => Self::Eof,
            Read::Cut => Self::Cut,
        }
    }
}

impl<T: Into<Self>> From<Poll<Result<T, Fault>>> for Outcome {
    fn from(polled: Poll<Result<T, Fault>>) -> Self {
        match polled {
            Poll::Pending => Self::Pending,
            Poll::Ready(Ok(got)) => got.into(),
            Poll::Ready(Err(fault)) => Self::Broke(fault),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("-"),
            Self::Done => f.write_str("done"),
            Self::Moved(count) => write!(f, "{count}"),
            Self::Eof => f.write_str("eof"),
            Self::Cut => f.write_str("cut"),
            Self::Broke(fault) => fault.fmt(f),
            Self::Elected(worker) => write!(f, "worker {}", worker.0),
            Self::None(none) => none.fmt(f),
        }
    }
}
