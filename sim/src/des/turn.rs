//! One turn of one session: the [`Io`] of this engine.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::task::{Poll, ready};

use underpass_core::balance::{Ask, Destination, Lease, Ledger, NoWorker, Pool, SeatId};
use underpass_core::report::Report;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};
use underpass_core::{Call, Dial, Fault, Io, Read, Side};

use super::home::{Backend, Kept, Legs};
use super::net::Net;
use super::socket::{Owner, Route};
use super::{Bug, Due};
use crate::party::{Sockets as _, Tip, moved};

/// What the ops of one session are made with.
pub(super) struct Turn<'a> {
    pub(super) number: u32,
    /// What the proxy's clock says.
    pub(super) now: Time,
    pub(super) rules: &'a Rules,
    pub(super) pool: &'a mut Pool<u32>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) kept: &'a mut Kept,
    pub(super) legs: &'a mut Legs,
    pub(super) scratch: &'a mut Vec<u8>,
    /// How many more connections the proxy may have.
    pub(super) free: u32,
    pub(super) bug: Bug,
    pub(super) net: &'a mut Net,
}

impl Turn<'_> {
    /// The socket of that side; core asks only for those that are up.
    fn tip(&self, side: Side) -> Tip {
        match (side, self.legs.backend) {
            (Side::Client, _) => self.legs.client,
            (Side::Backend, Backend::Up(tip)) => tip,
            (Side::Backend, Backend::None | Backend::Dialling(..)) => {
                unreachable!("core uses the backend only once it is up")
            }
        }
    }

    /// Sometimes it is not now, although it could be: the session is woken a little later.
    fn hesitates(&mut self, side: Side) -> Poll<Tip> {
        let (tip, often) = (self.tip(side), self.net.knobs.hesitates as usize);
        if often > 0 && self.net.chance(tip).one_in(often) {
            let at = self.net.now.after(Wait::from_micros(1));
            self.net.agenda.note(at, Due::Wakes(tip));
            return Poll::Pending;
        }
        Poll::Ready(tip)
    }

    /// How much of that one call moves.
    fn call(&self, room: usize) -> usize {
        room.min(self.net.knobs.call as usize)
    }

    fn read(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let tip = ready!(self.hesitates(side));
        let most = self.call(room.len());
        let got = self.net.read(tip, &mut room[..most]);
        let end = if self.net.is_cut(tip) { Read::Cut } else { Read::Eof };
        got.map_ok(|count| moved(count).map_or(end, Read::Moved))
    }

    fn write(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        let tip = ready!(self.hesitates(to));
        let put = ready!(self.net.write(tip, &bytes[..self.call(bytes.len())]))?;
        Poll::Ready(moved(put).ok_or(Fault::Closed))
    }

    fn take_idle(&mut self, call: Call<'_>) -> Result<(), Fault> {
        self.legs.backend.close(self.net);
        let tip = self.kept.take(&call.destination(), self.now).ok_or(Fault::Exhausted)?;
        self.net.give(tip, Owner::Session(self.number));
        self.legs.backend = Backend::Up(tip);
        Ok(())
    }

    fn dial(&mut self, call: Call<'_>, address: u8) -> Poll<Result<(), Fault>> {
        if let Backend::Dialling(dialled, tip) = self.legs.backend
            && dialled == address
        {
            ready!(self.net.connected(tip))?;
            self.legs.backend = Backend::Up(tip);
            return Poll::Ready(Ok(()));
        }
        self.free = self.free.saturating_add(self.legs.backend.close(self.net).into());
        let worker = &self.rules.workers[call.lease.worker().0 as usize];
        let Some((place, dead)) = self.net.host(worker.peer.name()) else {
            return Poll::Ready(Err(Fault::Unresolved));
        };
        if address > dead {
            return Poll::Ready(Err(Fault::Exhausted));
        }
        if self.free == 0 {
            return Poll::Ready(Err(Fault::Resources));
        }
        self.legs.name += 1;
        let (owner, route) = (Owner::Session(self.number), Route::Backend(place, address));
        let own = worker.tls.as_ref().map(|tls| &*tls.name);
        let asked = own.map(|own| call.name.unwrap_or(own));
        let tip = self.net.begin(owner, route, self.legs.name, asked);
        self.legs.backend = Backend::Dialling(address, tip);
        Poll::Pending
    }
}

impl Io for Turn<'_> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let tip = ready!(self.hesitates(side));
        self.net.secure(tip)
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        self.read(side, room)
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        self.write(to, bytes)
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        if failed.is_some() {
            self.legs.backend.close(self.net);
        }
        self.pool.elect(ask, failed, self.number, self.now)
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        self.legs.asked = call.name.map(Into::into);
        match call.dial {
            Dial::Idle => Poll::Ready(self.take_idle(call)),
            Dial::Address(address) => self.dial(call, address),
        }
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.pool.confirm(lease);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        let reusable = report.reusable || self.bug == Bug::KeepsAll;
        if let (Some(lease), true, Backend::Up(tip)) = (&lease, reusable, self.legs.backend) {
            self.legs.backend = Backend::None;
            let to = Destination { seat: lease.seat(), name: self.legs.asked.take() };
            self.kept.keep(tip, to, self.now, self.net);
        }
        self.legs.backend.close(self.net);
        self.legs.abrupt |= report.close.is_abrupt();
        let lease = lease.filter(|_| self.bug != Bug::LeaksLease);
        self.pool.release(lease, self.number, report);
    }

    fn carried(&mut self, seat: SeatId, bytes: u64) {
        if self.ledger.add(seat, bytes, self.now) {
            self.ledger.tell(self.pool, self.now);
        }
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        debug_assert!(self.legs.carriers[from].is_empty(), "pulled into what is not empty");
        let mut scratch = std::mem::take(self.scratch);
        let most = usize::try_from(most).map_or(scratch.len(), |most| most.min(scratch.len()));
        let got = self.read(from, &mut scratch[..most]);
        if let Poll::Ready(Ok(Read::Moved(count))) = got {
            self.legs.carriers[from].extend(&scratch[..count.get() as usize]);
        }
        *self.scratch = scratch;
        got
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let mut carrier = std::mem::take(&mut self.legs.carriers[!to]);
        let loses =
            self.bug == Bug::LosesByte && carrier.len() > 1 && self.net.now.as_micros() % 2 == 1;
        let bytes = carrier.make_contiguous();
        let put = if loses { self.write(to, &bytes[1..]) } else { self.write(to, bytes) };
        let put = put.map_ok(|put| put.saturating_add(loses.into()));
        if let Poll::Ready(Ok(count)) = put {
            carrier.drain(..count.get() as usize);
        }
        self.legs.carriers[!to] = carrier;
        put
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let tip = ready!(self.hesitates(side));
        if self.bug == Bug::ForgetsEnd {
            return Poll::Ready(Ok(()));
        }
        self.net.shut(tip)?;
        if self.net.is_flushed(tip) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn watch(&mut self, side: Side) -> Poll<Fault> {
        self.net.breakage(self.tip(side)).map_or(Poll::Pending, Poll::Ready)
    }

    fn park(&mut self) {
        // What was for a side that is gone is dropped.
        self.legs.carriers.iter_mut().for_each(VecDeque::clear);
    }
}
