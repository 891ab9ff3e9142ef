//! What happened, event by event, and one number that stands for all of it.

use std::fmt;
use std::hash::{Hash, Hasher as _};
use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker};
use underpass_core::report::Report;
use underpass_core::time::Time;
use underpass_core::{Dial, Fault, Io, Op, Read, Side};

use crate::fnv::Fnv;

/// Every event of a run, and a hash that rolls over them.
///
/// The hash is taken of the typed events, never of how they print.
#[derive(Debug, Default)]
pub struct Trace {
    events: Vec<Event>,
    hash: Fnv,
}

/// One thing that one session did or met.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Event {
    /// When, in virtual time.
    pub at: Time,
    /// The number of the session, in the order of their accepting.
    pub session: u64,
    /// What.
    pub what: What,
}

/// What a session did or met.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum What {
    /// It was asked to make that move, and this came of it.
    Made(Op, Outcome),
    /// It asked for that connection, and this came of it.
    Dialled(Dial, Outcome),
    /// Its report: the words for why it ended, the status, and the bytes pulled and pushed, from the
    /// client and from the backend.
    Ended(String, u16, [u64; 4]),
    /// A turn is over, and the session is in the state of that name.
    Rests(&'static str),
}

impl What {
    /// The status, and the bytes pulled and pushed, if this is a report.
    pub fn ended(&self) -> Option<(u16, [u64; 4])> {
        match self {
            Self::Ended(_, status, bytes) => Some((*status, *bytes)),
            Self::Made(..) | Self::Dialled(..) | Self::Rests(_) => None,
        }
    }
}

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
    /// The leg broke.
    Broke(Fault),
    /// There is no worker.
    None(NoWorker),
}

impl Trace {
    /// Adds an event.
    pub fn add(&mut self, event: Event) {
        event.hash(&mut self.hash);
        self.events.push(event);
    }

    /// The events, in their order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The number that stands for all events.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }
}

/// A driver that writes down whatever another driver is asked, and answers.
#[derive(Debug)]
pub struct Recorder<'t, I> {
    io: I,
    trace: &'t mut Trace,
    session: u64,
    now: Time,
}

impl<'t, I: Io> Recorder<'t, I> {
    /// Records one turn of that session.
    pub fn new(io: I, trace: &'t mut Trace, session: u64, now: Time) -> Self {
        Self { io, trace, session, now }
    }

    fn made<T: Copy + Into<Outcome>>(
        &mut self,
        op: Op,
        polled: Poll<Result<T, Fault>>,
    ) -> Poll<Result<T, Fault>> {
        self.add(What::Made(op, polled.into()));
        polled
    }

    fn add(&mut self, what: What) {
        self.trace.add(Event { at: self.now, session: self.session, what });
    }
}

impl<I: Io> Io for Recorder<'_, I> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let polled = self.io.secure(side);
        self.made(Op::Secure(side), polled)
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let polled = self.io.fill(side, room);
        self.made(Op::Fill(side), polled)
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        let polled = self.io.flush(to, bytes);
        self.made(Op::Flush(to), polled)
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        let polled = self.io.elect(ask, failed);
        self.add(What::Made(
            Op::Elect,
            match &polled {
                Poll::Pending => Outcome::Pending,
                Poll::Ready(Ok(_)) => Outcome::Done,
                Poll::Ready(Err(none)) => Outcome::None(*none),
            },
        ));
        polled
    }

    fn connect(&mut self, lease: &Lease, dial: Dial) -> Poll<Result<(), Fault>> {
        let polled = self.io.connect(lease, dial);
        self.add(What::Dialled(dial, polled.into()));
        polled
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.io.confirm(lease);
        self.add(What::Made(Op::Confirm, Outcome::Done));
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        self.io.release(lease, report);
        let (pulled, pushed) = (report.pulled, report.pushed);
        let bytes = [pulled.client, pulled.backend, pushed.client, pushed.backend];
        self.add(What::Ended(report.close.to_string(), report.status, bytes));
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        let polled = self.io.pull(from, most);
        self.made(Op::Pull(from), polled)
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let polled = self.io.push(to);
        self.made(Op::Push(to), polled)
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let polled = self.io.shut(side);
        self.made(Op::Shut(side), polled)
    }

    fn watch(&mut self, side: Side) -> Poll<Fault> {
        let polled = self.io.watch(side);
        let _ = self.made(Op::Watch(side), polled.map(Err::<(), _>));
        polled
    }

    fn park(&mut self) {
        self.io.park();
        self.add(What::Made(Op::Park, Outcome::Done));
    }
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

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:>11}] s{:<3} {}", self.at.to_string(), self.session, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(op, outcome) => write!(f, "{:<14} {outcome}", op.to_string()),
            Self::Dialled(Dial::Idle, outcome) => write!(f, "connect idle   {outcome}"),
            Self::Dialled(Dial::Address(number), outcome) => {
                write!(f, "connect {number:<6} {outcome}")
            }
            Self::Ended(why, status, [up, down, ..]) => {
                write!(f, "ended          {why}, status {status}, {up} up, {down} down")
            }
            Self::Rests(state) => write!(f, "rests in {state}"),
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
            Self::Broke(fault) => fault.fmt(f),
            Self::None(none) => none.fmt(f),
        }
    }
}
