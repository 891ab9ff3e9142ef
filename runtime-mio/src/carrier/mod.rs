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
    /// Both legs are plain: what goes from one to the other need not be seen.
    pub(crate) splices: bool,
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
            let socket = leg.plain().expect("only plain legs are spliced");
            let moved = socket.read_by(0, |socket| pipe.fill(socket, most))?;
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
                let socket = leg.plain().expect("only plain legs are spliced");
                let moved = socket.write_by(0, |socket| pipe.drain(socket, *held as usize))?;
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
        let (true, Some(leg)) = (self.splices, leg.plain()) else { return };
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::thread;

    use super::*;
    use crate::testing::Wire;
    use underpass_core::limits::PULL_MOST;

    /// Moves all that comes from one wire to the other; gives how many of the pulls were spliced.
    fn relay(source: &mut Wire, sink: &mut Wire, store: &mut Store) -> io::Result<(usize, usize)> {
        let (mut carrier, mut pulls, mut spliced) = (Carrier::default(), 0, 0);
        let mut lane = Lane { from: Side::Client, carrier: &mut carrier, store, splices: true };
        loop {
            let mut left = source.until(|leg| lane.pull(leg, u64::MAX))?;
            if left == 0 {
                lane.park();
                return Ok((pulls, spliced));
            }
            pulls += 1;
            spliced += usize::from(lane.store.scratch.of.is_none());
            while left > 0 {
                // Only what is kept may wait: the scratch is the loop's.
                left -= match lane.push(sink.leg()) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        lane.stow();
                        sink.wait()?;
                        0
                    }
                    moved => moved?,
                };
            }
        }
    }

    /// Sends `bytes` through a lane, and gives what arrived, with what [`relay`] says.
    fn carry(bytes: &[u8], store: &mut Store) -> io::Result<(Vec<u8>, (usize, usize))> {
        let (mut source, mut sink) = (Wire::new()?, Wire::new()?);
        let (mut sender, mut receiver) = (source.peer.try_clone()?, sink.peer.try_clone()?);
        thread::scope(|scope| {
            scope.spawn(move || {
                sender.write_all(bytes)?;
                sender.shutdown(std::net::Shutdown::Write)
            });
            let received = scope.spawn(move || {
                let mut all = Vec::new();
                receiver.read_to_end(&mut all).map(|_| all)
            });
            let said = relay(&mut source, &mut sink, store)?;
            sink.leg().shut()?;
            Ok((received.join().expect("the receiver ends")?, said))
        })
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn a_small_message_is_copied_and_leaves_nothing_behind() -> io::Result<()> {
        let mut store = Store::new(4);
        let (arrived, (pulls, spliced)) = carry(b"hello", &mut store)?;
        assert_eq!((&arrived[..], pulls, spliced), (&b"hello"[..], 1, 0));
        assert_eq!(store.free(), 0, "nothing was ever leased");
        Ok(())
    }

    #[test]
    fn a_stream_is_spliced_and_arrives_whole() -> io::Result<()> {
        let (bytes, mut store) = (pattern(64 << 20), Store::new(4));
        let (arrived, (pulls, spliced)) = carry(&bytes, &mut store)?;
        assert!(arrived == bytes, "the bytes have changed");
        assert!(spliced > 0, "none of {pulls} pulls was spliced");
        assert_eq!(store.free(), 1, "what was leased is back");
        Ok(())
    }

    #[test]
    fn without_a_pipe_a_stream_is_copied() -> io::Result<()> {
        let (bytes, mut store) = (pattern(4 << 20), Store::new(0));
        let (arrived, (_, spliced)) = carry(&bytes, &mut store)?;
        assert!(arrived == bytes, "the bytes have changed");
        assert_eq!(spliced, 0);
        Ok(())
    }

    /// A body is not read beyond its end.
    #[test]
    fn a_pull_takes_no_more_than_it_may() -> io::Result<()> {
        let (mut wire, mut carrier, mut store) = (Wire::new()?, Carrier::default(), Store::new(0));
        wire.peer.write_all(&pattern(PULL_MOST as usize))?;
        let mut lane =
            Lane { from: Side::Client, carrier: &mut carrier, store: &mut store, splices: false };
        assert_eq!(wire.until(|leg| lane.pull(leg, 10))?, 10);
        lane.stow();
        Ok(())
    }
}
