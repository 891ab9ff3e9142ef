//! A driver around an engine's driver, which tells what a session is asked for and what comes of it.

use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker, SeatId};
use underpass_core::report::Report;
use underpass_core::route::Hello;
use underpass_core::time::Time;
use underpass_core::{Call, Fault, Io, Op, Read, Side};

use crate::event::{Event, Told, What, Who};
use crate::log::Log;
use crate::outcome::Outcome;

/// The driver of one turn of one session.
pub(crate) struct Telling<'l, I> {
    pub(crate) io: I,
    pub(crate) log: &'l mut Log,
    /// When the turn is, in virtual time.
    pub(crate) at: Time,
    /// Whose it is.
    pub(crate) session: u32,
}

impl<I> Telling<'_, I> {
    /// Tells what happens to the session.
    pub(crate) fn tell(&mut self, what: What) {
        self.log.add(Event { at: self.at, who: Who::Session(self.session), what });
    }

    /// Tells what came of a move; that it is "not now" is no news.
    fn made<T: Copy + Into<Outcome>>(
        &mut self,
        op: Op,
        polled: Poll<Result<T, Fault>>,
    ) -> Poll<Result<T, Fault>> {
        if polled.is_ready() {
            self.tell(What::Makes(op, polled.into()));
        }
        polled
    }
}

impl<I: Io> Io for Telling<'_, I> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let got = self.io.secure(side);
        self.made(Op::Secure(side), got)
    }

    fn hello(&self) -> Option<Hello> {
        self.io.hello()
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let got = self.io.fill(side, room);
        self.made(Op::Fill(side), got)
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        let put = self.io.flush(to, bytes);
        self.made(Op::Flush(to), put)
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        let elected = self.io.elect(ask, failed);
        let outcome = match &elected {
            Poll::Pending => Outcome::Pending,
            Poll::Ready(Ok(lease)) => Outcome::Elected(lease.worker()),
            Poll::Ready(Err(none)) => Outcome::None(*none),
        };
        self.tell(What::Makes(Op::Elect, outcome));
        elected
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        let up = self.io.connect(call);
        if up.is_ready() {
            self.tell(What::Dials(call.dial, up.into()));
        }
        up
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.io.confirm(lease);
        self.tell(What::Makes(Op::Confirm, Outcome::Done));
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        self.io.release(lease, report);
        self.tell(What::Reports(Box::new(Told(*report))));
    }

    fn carried(&mut self, seat: SeatId, bytes: u64) {
        self.io.carried(seat, bytes);
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        let got = self.io.pull(from, most);
        self.made(Op::Pull(from), got)
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let put = self.io.push(to);
        self.made(Op::Push(to), put)
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let shut = self.io.shut(side);
        self.made(Op::Shut(side), shut)
    }

    fn watch(&mut self, side: Side) -> Poll<Fault> {
        let broke = self.io.watch(side);
        if let Poll::Ready(fault) = broke {
            self.tell(What::Makes(Op::Watch(side), Outcome::Broke(fault)));
        }
        broke
    }

    fn park(&mut self) {
        self.io.park();
        self.tell(What::Makes(Op::Park, Outcome::Done));
    }
}
