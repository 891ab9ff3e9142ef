//! A driver around a driver, which writes down what that is asked, and what it answers.

use std::num::NonZeroU32;
use std::task::Poll;

use super::event::{Event, Move, Outcome};
use super::seen::Seen;
use super::stream::Stream;
use crate::balance::{Ask, Lease, NoWorker, SeatId};
use crate::head::BadHeader;
use crate::io::{Call, Io};
use crate::op::{Fault, Read};
use crate::report::Report;
use crate::route::{Hello, Rules};
use crate::{Both, Cx, Pumped, Session, Side};

/// What one session is recorded on, from its first turn to its last: the events of the turns since they
/// were last taken, and how far its streams have come.
#[derive(Debug)]
pub struct Tape {
    events: Vec<Event>,
    /// What core looks at of each side; the backend's once its present connection has been asked something.
    streams: Both<Option<Stream>>,
    bad_header: BadHeader,
}

impl Tape {
    /// The tape of a session that has had no turn yet, under those rules.
    pub fn new(rules: &Rules) -> Self {
        let requests = Stream::requests(rules.protocols().map(Into::into).collect());
        let streams = Both { client: Some(requests), backend: None };
        Self { events: Vec::new(), streams, bad_header: rules.bad_header }
    }

    /// The events since the last time, in their order.
    pub fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn saw(&mut self, side: Side, bytes: &[u8]) -> Seen {
        match &mut self.streams[side] {
            Some(stream) => stream.saw(bytes),
            None => {
                let mut seen = Seen::default();
                seen.blank(bytes.len());
                seen
            }
        }
    }
}

/// Runs one turn as [`pump`](fn@crate::pump) does, and records it.
pub fn pump(
    session: &mut Session,
    io: &mut impl Io,
    cx: &mut Cx<'_>,
    budget: u32,
    tape: &mut Tape,
) -> Pumped {
    tape.events.push(Event::Turn { at: cx.now, budget });
    let pumped = crate::pump(session, &mut Recorder { io, tape }, cx, budget);
    tape.events.push(Event::Rests(session.state().into(), pumped));
    pumped
}

/// The driver of one recorded turn; [`pump`] makes it.
#[derive(Debug)]
pub struct Recorder<'t, I> {
    io: &'t mut I,
    tape: &'t mut Tape,
}

impl<I> Recorder<'_, I> {
    fn made(&mut self, asked: Move, outcome: Outcome) {
        self.tape.events.push(Event::Made(asked, outcome));
    }
}

impl<I: Io> Io for Recorder<'_, I> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let polled = self.io.secure(side);
        let hello = self.io.hello().filter(|_| side == Side::Client);
        let done = hello.map_or(Outcome::Done, Outcome::Greeted);
        self.made(Move::Secure(side), outcome(polled, |()| done));
        polled
    }

    fn hello(&self) -> Option<Hello> {
        self.io.hello()
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let polled = self.io.fill(side, room);
        let saw = |read| match read {
            Read::Moved(count) => Outcome::Saw(self.tape.saw(side, &room[..count.get() as usize])),
            Read::Eof => Outcome::Eof,
            Read::Cut => Outcome::Cut,
        };
        let outcome = outcome(polled, saw);
        self.made(Move::Fill(side, narrow(room.len())), outcome);
        polled
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        // The first that a connection to a backend is sent is the whole head of a request.
        if let (Side::Backend, None) = (to, &self.tape.streams.backend) {
            let requests = self.tape.streams.client.as_ref();
            self.tape.streams.backend =
                requests.map(|requests| requests.answers(bytes, self.tape.bad_header));
        }
        let polled = self.io.flush(to, bytes);
        self.made(Move::Flush(to, narrow(bytes.len())), outcome(polled, Outcome::Moved));
        polled
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        let asked = Move::Elect { balancer: ask.balancer, failed: failed.is_some() };
        let polled = self.io.elect(ask, failed);
        let outcome = match &polled {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(Ok(lease)) => match lease.address() {
                Some(address) => Outcome::LeasedAt(lease.worker(), address),
                None => Outcome::Leased(lease.worker()),
            },
            Poll::Ready(Err(none)) => Outcome::NoWorker(*none),
        };
        self.made(asked, outcome);
        polled
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        self.tape.streams.backend = None;
        let polled = self.io.connect(call);
        self.made(Move::Connect(call.dial), outcome(polled, |()| Outcome::Done));
        polled
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.io.confirm(lease);
        self.made(Move::Confirm, Outcome::Done);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        let asked = Move::Release { report: Box::new(*report), leased: lease.is_some() };
        self.io.release(lease, report);
        self.made(asked, Outcome::Done);
    }

    fn carried(&mut self, seat: SeatId, bytes: u64) {
        self.io.carried(seat, bytes);
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        let polled = self.io.pull(from, most);
        let moved = |read| match read {
            Read::Moved(count) => Outcome::Moved(count),
            Read::Eof => Outcome::Eof,
            Read::Cut => Outcome::Cut,
        };
        let outcome = outcome(polled, moved);
        if let (Outcome::Moved(count), Some(stream)) = (&outcome, &mut self.tape.streams[from]) {
            stream.pulled(count.get().into());
        }
        self.made(Move::Pull(from, most), outcome);
        polled
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let polled = self.io.push(to);
        self.made(Move::Push(to), outcome(polled, Outcome::Moved));
        polled
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let polled = self.io.shut(side);
        self.made(Move::Shut(side), outcome(polled, |()| Outcome::Done));
        polled
    }

    fn watch(&mut self, side: Side) -> Poll<Fault> {
        let polled = self.io.watch(side);
        self.made(Move::Watch(side), outcome(polled.map(Err::<(), _>), |()| Outcome::Done));
        polled
    }

    fn park(&mut self) {
        self.io.park();
        self.made(Move::Park, Outcome::Done);
    }
}

/// What came of it, in the words of a trace.
fn outcome<T>(polled: Poll<Result<T, Fault>>, done: impl FnOnce(T) -> Outcome) -> Outcome {
    match polled {
        Poll::Pending => Outcome::Pending,
        Poll::Ready(Ok(got)) => done(got),
        Poll::Ready(Err(fault)) => Outcome::Broke(fault),
    }
}

pub(super) fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a buffer is smaller than 4 GiB")
}
