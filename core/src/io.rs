//! What a driver must be able to do: the seam between what decides and what acts.

use std::num::NonZeroU32;
use std::task::Poll;

use crate::Side;
use crate::balance::{Ask, Destination, Lease, NoWorker, SeatId};
use crate::op::{Dial, Fault, Read};
use crate::report::Report;
use crate::route::Hello;

/// A connection that is wanted, for [`Op::Connect`](crate::Op::Connect).
#[derive(Clone, Copy, Debug)]
pub struct Call<'s> {
    /// To whom.
    pub lease: &'s Lease,
    /// Which one.
    pub dial: Dial,
    /// By which name the worker is asked in TLS, if that is not [its own](crate::route::Back::name).
    pub name: Option<&'s str>,
}

impl Call<'_> {
    /// Where an idle connection must lead to serve.
    pub fn destination(&self) -> Destination {
        Destination { seat: self.lease.seat(), name: self.name.map(Into::into) }
    }
}

/// A driver of sessions: one method for each [`Op`](crate::Op).
///
/// `Pending` means: not now, and I will [`pump`](crate::pump) again when that may change. So whatever
/// answers `Pending` owns the duty to wake the session. Only "it would block" is `Pending`: a short
/// read or write is not.
pub trait Io {
    /// Finishes the TLS handshake of that side; a plain leg is ready at once.
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>>;

    /// What the client said in its hello, once its handshake is over; nothing of one without TLS.
    fn hello(&self) -> Option<Hello> {
        None
    }

    /// Reads from that side into `room`.
    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>>;

    /// Writes the first of `bytes` to that side.
    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>>;

    /// Elects a worker ([`Pool::elect`](crate::balance::Pool::elect)). A failed lease is handed over
    /// once, in the first call, even if that is `Pending`.
    ///
    /// `Pending` is the session's place in a queue: the driver pumps it when the pool says that its
    /// turn has come. A session that no longer waits is released without a lease.
    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>>;

    /// Gets an idle connection to the worker, or dials one of its addresses; any earlier attempt is
    /// dropped.
    ///
    /// An idle connection is one on which the backend has said nothing since its last exchange, and
    /// which it has not closed, as far as the driver can see: core cannot.
    ///
    /// Asked for an idle connection where there is none, or for an address that the worker does not
    /// have, it answers [`Fault::Exhausted`]; asked for a further address while its name is still
    /// being resolved, [`Fault::Unresolved`].
    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>>;

    /// Tells the pool that the worker has answered ([`Pool::confirm`](crate::balance::Pool::confirm)).
    fn confirm(&mut self, lease: &mut Lease);

    /// Takes the report of an exchange or a tunnel, and the lease if there was one; the backend's
    /// connection is done with, and may be kept for others if the report says so. It cannot wait: a
    /// lease that is handed over is gone.
    ///
    /// Without a lease the session may have waited for one: both go to
    /// [`Pool::release`](crate::balance::Pool::release), which knows.
    fn release(&mut self, lease: Option<Lease>, report: &Report);

    /// So many bytes have moved to or from the worker on that seat in this turn; told once at the end of a turn in which any
    /// did, for a [`Ledger`](crate::balance::Ledger). A driver that elects by something else may not care.
    fn carried(&mut self, seat: SeatId, bytes: u64) {
        let _ = (seat, bytes);
    }

    /// Moves at most `most` bytes from that side's socket into the direction's carrier, which is empty.
    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>>;

    /// Moves bytes from the carrier of the direction towards `to` to that side's socket.
    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>>;

    /// Tells that side that nothing more will come: close_notify, flush, FIN.
    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>>;

    /// Waits until the connection of that side breaks, as far as the driver can see without reading: a
    /// reset, or a peer that is given up. A side that has only ended its own direction is still there.
    fn watch(&mut self, side: Side) -> Poll<Fault>;

    /// Gives the carriers back: nothing is in flight. Bytes for a side that has gone may still be in
    /// one; they go nowhere, and least of all into another session.
    fn park(&mut self);
}
