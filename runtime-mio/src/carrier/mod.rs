//! Carriers: where tunnelled bytes wait between two sockets.
//!
//! A small message goes through the loop's one scratch buffer: one read, one write. What the sink
//! does not take is kept in a leased buffer. A direction that fills the scratch three times running
//! moves to a leased pipe and `splice`, which costs half the CPU, and back when its reads become
//! small (`systems.md` 1). What is leased is given back when the tunnel is parked.

mod pipe;
mod store;

use std::io;

use underpass_core::Side;

use crate::leg::Leg;
pub(crate) use store::Store;
use store::{Leased, Via};

/// Splices below [`SMALL`] in a row that make it none.
const TRICKLE: u8 = 3;
/// Below this size a copy is cheaper than a splice.
const SMALL: usize = 16 * 1024;

/// What one direction of one session keeps between turns.
#[derive(Debug, Default)]
pub(crate) struct Carrier(Option<Box<Leased>>);

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
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.choose(leg);
        if let Some(Leased { pipe: Some(pipe), via: Via::Splice { held, small }, .. }) =
            self.carrier.0.as_deref_mut()
        {
            debug_assert!(*held == 0, "pulled into a pipe that is not empty");
            let moved = leg.read_by(0, |leg| pipe.fill(leg, most))?;
            *held = u32::try_from(moved).expect("a pipe is smaller than 4 GiB");
            *small = if moved < SMALL { *small + 1 } else { 0 };
            return Ok(moved);
        }
        self.read(leg, most)
    }

    fn read(&mut self, leg: &mut Leg, most: usize) -> io::Result<usize> {
        let scratch = &mut self.store.scratch;
        debug_assert!(scratch.of.is_none(), "the scratch was not stowed");
        let room = scratch.bytes.len().min(most);
        let moved = leg.read(&mut scratch.bytes[..room])?;
        scratch.of = (moved > 0).then_some((self.from, 0..moved));
        Ok(moved)
    }

    /// Moves bytes from the carrier to the leg.
    pub(crate) fn push(&mut self, leg: &mut Leg) -> io::Result<usize> {
        let scratch = &mut self.store.scratch;
        if let Some((_, range)) = scratch.of.as_mut().filter(|(from, _)| *from == self.from) {
            let moved = leg.write(&scratch.bytes[range.clone()])?;
            range.start += moved;
            scratch.of = scratch.of.take().filter(|(_, range)| range.start < range.end);
            return Ok(moved);
        }
        let leased = self.carrier.0.as_deref_mut().expect("core pushes what was pulled");
        match (&mut leased.via, &leased.pipe) {
            (Via::Splice { held, .. }, Some(pipe)) => {
                let moved = leg.write_by(0, |leg| pipe.drain(leg, *held as usize))?;
                *held -= u32::try_from(moved).expect("no more went out than was held");
                Ok(moved)
            }
            _ => {
                let moved = leg.write(&leased.bytes[leased.start..])?;
                leased.start += moved;
                Ok(moved)
            }
        }
    }

    /// Keeps what is left of the direction's bytes in the scratch, which others need.
    pub(crate) fn stow(&mut self) {
        let scratch = &mut self.store.scratch;
        let Some((_, range)) = scratch.of.take_if(|(from, _)| *from == self.from) else { return };
        let mut leased = self.carrier.0.take().unwrap_or_else(|| self.store.lease());
        leased.bytes.clear();
        leased.bytes.extend_from_slice(&self.store.scratch.bytes[range]);
        leased.start = 0;
        self.carrier.0 = Some(leased);
    }

    /// Gives back what was leased.
    pub(crate) fn park(&mut self) {
        if let Some(leased) = self.carrier.0.take() {
            self.store.give_back(leased);
        }
    }

    /// Chooses how the next bytes are carried; nothing is in flight.
    fn choose(&mut self, leg: &mut Leg) {
        match self.carrier.0.as_deref_mut() {
            Some(Leased { via: via @ Via::Splice { .. }, .. }) => {
                if matches!(via, Via::Splice { small: TRICKLE.., .. }) {
                    *via = Via::Copy;
                    leg.trickles();
                }
            }
            _ if leg.streams() => self.begin_to_splice(),
            _ => {}
        }
    }

    /// Takes a pipe, if there is one to be had: copying always works.
    fn begin_to_splice(&mut self) {
        let mut leased = self.carrier.0.take().unwrap_or_else(|| self.store.lease());
        if leased.pipe.is_none() {
            leased.pipe = self.store.pipes.lease();
        }
        if leased.pipe.is_some() {
            leased.via = Via::Splice { held: 0, small: 0 };
        }
        self.carrier.0 = Some(leased);
    }
}
