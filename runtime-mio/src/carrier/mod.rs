//! Carriers: where tunnelled bytes wait between two sockets.
//!
//! A small message goes through the loop's one [`Scratch`]: one read, one write. What the sink does
//! not take is kept in a leased buffer. A direction that fills the scratch three times running moves
//! to a leased pipe and `splice`, which costs half the CPU, and back when its reads become small
//! (`systems.md` 1). Nothing is held by a direction in which nothing is in flight, once it is parked.

mod pipe;

use std::io;
use std::ops::Range;

use pipe::Pipe;
pub(crate) use pipe::Pipes;

use crate::leg::Leg;
use underpass_core::Side;
use underpass_core::limits::PULL_MOST;

/// Full reads in a row that make a direction a stream.
const STREAM: u8 = 3;
/// Splices below [`SMALL`] in a row that make it none.
const TRICKLE: u8 = 3;
/// A splice that would have been cheaper as a copy.
const SMALL: usize = 16 * 1024;

/// What a direction holds outside the scratch.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// Nothing; so many reads in a row were full.
    Empty(u8),
    /// Bytes that the sink did not take.
    Kept(Box<Kept>),
    /// A pipe, with so many bytes in it, and so many small splices in a row.
    Piped { pipe: Pipe, held: u32, small: u8 },
}

/// Bytes in a leased buffer.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    start: usize,
}

/// What the directions of one loop share.
#[derive(Debug)]
pub(crate) struct Store {
    scratch: Scratch,
    #[expect(clippy::vec_box, reason = "a lease moves one pointer, and a slot holds no more")]
    kept: Vec<Box<Kept>>,
    pipes: Pipes,
}

/// The loop's one buffer, between a pull and the push that follows it.
#[derive(Debug)]
struct Scratch {
    bytes: Box<[u8]>,
    /// The direction whose bytes these are, by the side that they come from.
    of: Option<(Side, Range<usize>)>,
}

impl Store {
    /// Free buffers beyond this number go back to the allocator.
    const KEPT: usize = 64;

    pub(crate) fn new(pipes: Pipes) -> Self {
        let bytes = vec![0; PULL_MOST as usize].into();
        Self { scratch: Scratch { bytes, of: None }, kept: Vec::new(), pipes }
    }

    fn keep(&mut self, bytes: &[u8]) -> Box<Kept> {
        let mut kept =
            self.kept.pop().unwrap_or_else(|| Box::new(Kept { bytes: Vec::new(), start: 0 }));
        kept.bytes.clear();
        kept.bytes.extend_from_slice(bytes);
        kept.start = 0;
        kept
    }
}

impl Default for Carrier {
    fn default() -> Self {
        Self::Empty(0)
    }
}

/// One direction of one session, and what it may use of the loop's.
pub(crate) struct Lane<'a> {
    /// The side that the bytes come from.
    pub(crate) from: Side,
    pub(crate) carrier: &'a mut Carrier,
    pub(crate) store: &'a mut Store,
}

impl Lane<'_> {
    /// Moves at most `most` bytes from the leg into the carrier, which is empty.
    pub(crate) fn pull(&mut self, leg: &mut Leg, most: u64) -> io::Result<usize> {
        self.choose();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        match self.carrier {
            Carrier::Piped { pipe, held, small } => {
                let moved = leg.source(usize::MAX, |leg| pipe.fill(&*leg, most))?;
                *held = u32::try_from(moved).expect("a pipe is smaller than 4 GiB");
                *small = if moved < SMALL { *small + 1 } else { 0 };
                Ok(moved)
            }
            Carrier::Kept(_) => unreachable!("core pulls into an empty carrier only"),
            Carrier::Empty(full) => {
                debug_assert!(self.store.scratch.of.is_none(), "the scratch was not stowed");
                let room = self.store.scratch.bytes.len().min(most);
                let moved = leg.read(&mut self.store.scratch.bytes[..room])?;
                *full = if moved == self.store.scratch.bytes.len() { *full + 1 } else { 0 };
                self.store.scratch.of = (moved > 0).then_some((self.from, 0..moved));
                Ok(moved)
            }
        }
    }

    /// Moves bytes from the carrier to the leg.
    pub(crate) fn push(&mut self, leg: &mut Leg) -> io::Result<usize> {
        if let Some((from, range)) = &mut self.store.scratch.of
            && *from == self.from
        {
            let moved = leg.write(&self.store.scratch.bytes[range.clone()])?;
            range.start += moved;
            if range.start == range.end {
                self.store.scratch.of = None;
            }
            return Ok(moved);
        }
        match self.carrier {
            Carrier::Kept(kept) => {
                let moved = leg.write(&kept.bytes[kept.start..])?;
                kept.start += moved;
                Ok(moved)
            }
            Carrier::Piped { pipe, held, .. } => {
                let moved = leg.sink(*held as usize, |leg| pipe.drain(&*leg, *held as usize))?;
                *held -= u32::try_from(moved).expect("no more went out than was held");
                Ok(moved)
            }
            Carrier::Empty(_) => unreachable!("core pushes only what was pulled"),
        }
    }

    /// Keeps what is left of the direction's bytes in the scratch, which others need.
    pub(crate) fn stow(&mut self) {
        if self.store.scratch.of.as_ref().is_some_and(|(from, _)| *from == self.from)
            && let Some((_, range)) = self.store.scratch.of.take()
        {
            let bytes = std::mem::take(&mut self.store.scratch.bytes);
            *self.carrier = Carrier::Kept(self.store.keep(&bytes[range]));
            self.store.scratch.bytes = bytes;
        }
    }

    /// Gives back what an empty carrier holds.
    pub(crate) fn park(&mut self) {
        match std::mem::take(self.carrier) {
            Carrier::Empty(_) => {}
            Carrier::Kept(kept) => {
                if self.store.kept.len() < Store::KEPT {
                    self.store.kept.push(kept);
                }
            }
            Carrier::Piped { pipe, held, .. } => self.store.pipes.give_back(pipe, held == 0),
        }
    }

    /// Chooses how the next bytes are carried; nothing is in flight.
    fn choose(&mut self) {
        match self.carrier {
            Carrier::Empty(full) if *full >= STREAM => {
                if let Some(pipe) = self.store.pipes.lease() {
                    *self.carrier = Carrier::Piped { pipe, held: 0, small: 0 };
                }
            }
            Carrier::Piped { small, .. } if *small >= TRICKLE => self.park(),
            Carrier::Kept(_) => self.park(),
            Carrier::Empty(_) | Carrier::Piped { .. } => {}
        }
    }
}
