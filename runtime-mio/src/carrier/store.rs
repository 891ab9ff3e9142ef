//! What carriers are made of, and the free lists of one loop.

use std::ops::Range;

use underpass_core::Side;
use underpass_core::limits::PULL_MOST;

use super::pipe::{Pipe, Pipes};

/// What a direction holds beyond the scratch, from when it first needs it until it is parked.
#[derive(Debug, Default)]
pub(super) struct Leased {
    /// Bytes that the sink did not take.
    pub(super) bytes: Vec<u8>,
    /// How many of them it has taken since.
    pub(super) start: usize,
    /// A pipe, from when the direction first became a stream.
    pub(super) pipe: Option<Pipe>,
    pub(super) via: Via,
}

/// How the next bytes are carried.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Via {
    /// Through the scratch, by a read and a write.
    #[default]
    Copy,
    /// Through the pipe, which holds so many bytes; so many splices in a row were small.
    Splice { held: u32, small: u8 },
}

/// What the directions of one loop share.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) scratch: Scratch,
    #[expect(clippy::vec_box, reason = "a lease moves one pointer, and a slot holds no more")]
    free: Vec<Box<Leased>>,
    pub(super) pipes: Pipes,
}

/// The loop's one buffer, between a pull and the push that follows it.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) bytes: Box<[u8]>,
    /// Which of them are in flight, and in which direction: by the side that they come from.
    pub(super) of: Option<(Side, Range<usize>)>,
}

impl Store {
    /// Free leases beyond this number go back to the allocator.
    const KEPT: usize = 64;

    /// An empty store that will open at most so many pipes.
    pub(crate) fn new(pipes: usize) -> Self {
        let bytes = vec![0; PULL_MOST as usize].into();
        let scratch = Scratch { bytes, of: None };
        Self { scratch, free: Vec::new(), pipes: Pipes::new(pipes) }
    }

    /// How many leases have come back.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    pub(super) fn lease(&mut self) -> Box<Leased> {
        self.free.pop().unwrap_or_default()
    }

    /// Takes back what a direction has leased; bytes that are still in it go nowhere any more.
    pub(super) fn give_back(&mut self, mut leased: Box<Leased>) {
        if let Some(pipe) = leased.pipe.take() {
            let empty = matches!(leased.via, Via::Copy | Via::Splice { held: 0, .. });
            self.pipes.give_back(pipe, empty);
        }
        if self.free.len() < Self::KEPT {
            leased.bytes.clear();
            leased.start = 0;
            leased.via = Via::Copy;
            self.free.push(leased);
        }
    }
}
