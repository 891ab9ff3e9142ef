//! A driver that plays back what another one answered, and notices the first question that was another.

use std::num::NonZeroU32;
use std::task::Poll;

use super::event::{Event, Move, Outcome};
use super::recorder::narrow;
use crate::balance::{Ask, Lease, NoWorker, Visit};
use crate::io::{Call, Io};
use crate::op::{Fault, Read};
use crate::report::Report;
use crate::route::{Hello, WorkerId};
use crate::{Both, Side};

/// The driver of one replayed turn.
///
/// From the first divergence on it answers "not now", so that the turn ends.
#[derive(Debug)]
pub(super) struct Replay<'c> {
    moves: std::vec::IntoIter<(Move, Outcome)>,
    /// Whether the recording broke off in this turn: then nothing is known of what came next.
    cut: bool,
    /// Bytes in the carriers, by the side that they came from.
    carried: &'c mut Both<u64>,
    /// What the client said in its hello, if it has said it in this turn.
    hello: Option<Hello>,
    diverged: Option<Event>,
}

impl<'c> Replay<'c> {
    /// A driver for one turn in which those moves were made; `cut` if the recording ends with them.
    pub(super) fn new(moves: Vec<(Move, Outcome)>, cut: bool, carried: &'c mut Both<u64>) -> Self {
        Self { moves: moves.into_iter(), cut, carried, hello: None, diverged: None }
    }

    /// Ends the turn: the recorded moves that were not made, and what was asked instead of the first of
    /// them, or with an outcome that it cannot have.
    pub(super) fn end(self) -> (Vec<(Move, Outcome)>, Option<Event>) {
        (self.moves.collect(), self.diverged)
    }

    /// What came of it, as far as `fit` understands that.
    fn play<T>(
        &mut self,
        asked: Move,
        fit: impl FnOnce(&mut Self, &Outcome) -> Option<T>,
    ) -> Poll<T> {
        let next = self.moves.as_slice().first().cloned();
        let broken_off = next.is_none() && self.cut;
        let known = next.filter(|(recorded, _)| self.diverged.is_none() && *recorded == asked);
        let outcome = known.map(|(_, outcome)| outcome);
        let polled = match &outcome {
            Some(Outcome::Pending) => Some(Poll::Pending),
            Some(outcome) => fit(self, outcome).map(Poll::Ready),
            None if broken_off => return Poll::Pending,
            None => None,
        };
        if polled.is_some() {
            self.moves.next();
        } else {
            self.diverged.get_or_insert(Event::Made(asked, Outcome::Pending));
        }
        polled.unwrap_or(Poll::Pending)
    }

    /// As [`play`](Self::play), for a move by a leg, which may break.
    fn leg<T>(
        &mut self,
        asked: Move,
        fit: impl FnOnce(&mut Self, &Outcome) -> Option<T>,
    ) -> Poll<Result<T, Fault>> {
        self.play(asked, |play, outcome| match broke(outcome) {
            Some(fault) => Some(Err(fault)),
            None => fit(play, outcome).map(Ok),
        })
    }

    fn plain(&mut self, asked: Move) -> Poll<Result<(), Fault>> {
        self.leg(asked, |_, outcome| (*outcome == Outcome::Done).then_some(()))
    }
}

impl Io for Replay<'_> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        self.leg(Move::Secure(side), |play, outcome| {
            if let Outcome::Greeted(hello) = outcome {
                play.hello = Some(*hello);
                return (side == Side::Client).then_some(());
            }
            (*outcome == Outcome::Done).then_some(())
        })
    }

    fn hello(&self) -> Option<Hello> {
        self.hello
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        self.leg(Move::Fill(side, narrow(room.len())), |_, outcome| {
            let Outcome::Saw(seen) = outcome else { return ended(outcome) };
            let bytes = (seen.len() <= room.len()).then(|| seen.bytes())??;
            room[..bytes.len()].copy_from_slice(&bytes);
            NonZeroU32::new(narrow(bytes.len())).map(Read::Moved)
        })
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        let most = narrow(bytes.len());
        self.leg(Move::Flush(to, most), |_, outcome| moved(outcome, most.into()))
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        let asked = Move::Elect { balancer: ask.balancer, failed: failed.is_some() };
        self.play(asked, |_, outcome| {
            let lease = |worker: &WorkerId, at| Lease::new((*worker).into(), at, Visit::of(ask));
            if let Outcome::Leased(worker) = outcome {
                Some(Ok(lease(worker, None)))
            } else if let Outcome::LeasedAt(worker, address) = outcome {
                Some(Ok(lease(worker, Some(*address))))
            } else if let Outcome::NoWorker(none) = outcome {
                Some(Err(*none))
            } else {
                None
            }
        })
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        *self.carried = Both::default();
        self.plain(Move::Connect(call.dial))
    }

    fn confirm(&mut self, lease: &mut Lease) {
        lease.confirm();
        let _ = self.plain(Move::Confirm);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        let (report, leased) = (Box::new(*report), lease.is_some());
        let _ = self.plain(Move::Release { report, leased });
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        self.leg(Move::Pull(from, most), |play, outcome| {
            let Some(count) = moved(outcome, most) else { return ended(outcome) };
            play.carried[from] += u64::from(count.get());
            Some(Read::Moved(count))
        })
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        self.leg(Move::Push(to), |play, outcome| {
            let count = moved(outcome, play.carried[!to])?;
            play.carried[!to] -= u64::from(count.get());
            Some(count)
        })
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        self.plain(Move::Shut(side))
    }

    fn watch(&mut self, side: Side) -> Poll<Fault> {
        self.play(Move::Watch(side), |_, outcome| broke(outcome))
    }

    fn park(&mut self) {
        let _ = self.plain(Move::Park);
    }
}

/// So many bytes, of which there were no more than `most`.
fn moved(outcome: &Outcome, most: u64) -> Option<NonZeroU32> {
    if let Outcome::Moved(count) = outcome {
        (u64::from(count.get()) <= most).then_some(*count)
    } else {
        None
    }
}

fn ended(outcome: &Outcome) -> Option<Read> {
    let is = |end| (*outcome == end).then_some(());
    is(Outcome::Eof).map(|()| Read::Eof).or(is(Outcome::Cut).map(|()| Read::Cut))
}

fn broke(outcome: &Outcome) -> Option<Fault> {
    if let Outcome::Broke(fault) = outcome { Some(*fault) } else { None }
}
