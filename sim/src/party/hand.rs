//! What a client and a backend do their work with: a socket, what is still to be written, and the time.

use std::collections::VecDeque;
use std::task::{Poll, ready};

use underpass_core::time::{Time, Wait};
use underpass_core::{Fault, Read};

use super::sockets::{Sockets, Tip};
use crate::event::{Event, What, Who};
use crate::log::Log;
use crate::plan::{Op, Pace};

/// A client, or a backend, at its end of a connection, for the length of one step.
pub(crate) struct Hand<'a> {
    pub(crate) net: &'a mut dyn Sockets,
    pub(crate) log: &'a mut Log,
    pub(crate) who: Who,
    pub(crate) tip: Tip,
}

/// What an end has in mind.
#[derive(Debug)]
pub(crate) struct Mind {
    /// What is still to be written.
    pub(crate) out: VecDeque<u8>,
    pace: Option<Pace>,
    /// How slowly it reads; at once if it does not say.
    sips: Option<Pace>,
    /// Before then nothing more is written.
    slow: Time,
    /// Before then nothing is read.
    rests: Time,
    /// Before then the script does not go on.
    sleeps: Time,
}

impl Hand<'_> {
    /// Tells what happens.
    pub(crate) fn tell(&mut self, what: What) {
        self.log.add(Event { at: self.net.now(), who: self.who, what });
    }
}

impl Mind {
    pub(crate) const fn new() -> Self {
        let none = Time::ZERO;
        Self { out: VecDeque::new(), pace: None, sips: None, slow: none, rests: none, sleeps: none }
    }

    /// From now on writes at that pace, or as it likes.
    pub(crate) fn keep_pace(&mut self, pace: Option<Pace>) {
        self.pace = pace;
    }

    /// Does nothing but read for so many milliseconds.
    pub(crate) fn sleep(&mut self, millis: u32, now: Time) {
        self.sleeps = now.after(Wait::from_millis(millis.into()));
    }

    /// Does what needs no connection; gives whether it was that.
    pub(crate) fn does(&mut self, op: &Op, now: Time) -> bool {
        match op {
            Op::Dribble(pace) => self.pace = Some(*pace),
            Op::Sip(pace) => self.sips = Some(*pace),
            Op::Rest(millis) => self.rests = now.after(Wait::from_millis((*millis).into())),
            Op::Sleep(millis) => self.sleep(*millis, now),
            _ => return false,
        }
        true
    }

    /// Whether it sleeps.
    pub(crate) fn sleeps(&self, now: Time) -> bool {
        now < self.sleeps
    }

    /// When it can go on by itself.
    pub(crate) fn wakes(&self, now: Time) -> Option<Time> {
        let slow = if self.out.is_empty() { Time::ZERO } else { self.slow };
        [slow, self.rests, self.sleeps].into_iter().filter(|at| *at > now).min()
    }

    /// Writes what it can; gives how much that was.
    pub(crate) fn write(&mut self, hand: &mut Hand<'_>) -> Result<u32, Fault> {
        let mut written = 0;
        while !self.out.is_empty() && self.slow <= hand.net.now() {
            let most = self.pace.map_or(CHUNK, |pace| (pace.bytes as usize).min(CHUNK));
            let bytes = &self.out.make_contiguous()[..];
            let Poll::Ready(put) = hand.net.write(hand.tip, &bytes[..bytes.len().min(most)]) else {
                break;
            };
            let put = put?;
            self.out.drain(..put);
            written += put as u32;
            if let Some(pace) = self.pace {
                self.slow = hand.net.now().after(Wait::from_millis(pace.every.into()));
            }
        }
        Ok(written)
    }

    /// Reads what is there.
    pub(crate) fn read(
        &mut self,
        hand: &mut Hand<'_>,
        room: &mut [u8],
    ) -> Poll<Result<Read, Fault>> {
        let now = hand.net.now();
        if now < self.rests {
            return Poll::Pending;
        }
        let most = self.sips.map_or(room.len(), |pace| room.len().min(pace.bytes as usize));
        let got = ready!(hand.net.read(hand.tip, &mut room[..most]))?;
        if let Some(pace) = self.sips {
            self.rests = now.after(Wait::from_millis(pace.every.into()));
        }
        Poll::Ready(Ok(super::moved(got).map_or(Read::Eof, Read::Moved)))
    }
}

/// Bytes of one write.
const CHUNK: usize = 16 * 1024;
