//! One turn of one session: the daemon's [`Io`].

use std::io;
use std::num::NonZeroU32;
use std::task::Poll;

use mio::{Registry, Token};
use underpass_core::balance::{Ask, Destination, Lease, Ledger, NoWorker, Pool, SeatId};
use underpass_core::negotiate::Refusal;
use underpass_core::report::{Close, Report};
use underpass_core::route::{Hello, Rules};
use underpass_core::time::Time;
use underpass_core::{Both, Call, Dial, Fault, Io, Read, Side};

use crate::carrier::{Carrier, Lane, Store};
use crate::dial::Dialler;
use crate::epoch::Epoch;
use crate::idle_legs::IdleLegs;
use crate::leg::{Leg, fault};
use crate::resolve::Names;
use crate::shared::{Shared, Who};
use crate::slots::{Key, Seat};

/// What the ops of one session are made with.
pub(crate) struct Turn<'a> {
    pub(crate) who: Who,
    pub(crate) now: Time,
    pub(crate) client: &'a mut Leg,
    pub(crate) backend: &'a mut Option<Leg>,
    /// The number of the worker's address that it is being dialled to.
    pub(crate) dialling: &'a mut Option<u8>,
    pub(crate) carriers: &'a mut Both<Carrier>,
    pub(crate) store: &'a mut Store,
    pub(crate) names: &'a mut Names,
    pub(crate) idle: &'a mut IdleLegs,
    pub(crate) registry: &'a Registry,
    pub(crate) shared: &'a Shared,
    /// The configuration that the session lives by.
    pub(crate) epoch: &'a Epoch,
    pub(crate) ledger: &'a mut Ledger,
    /// Sessions of this loop whose turn has come at a worker that was full.
    pub(crate) woken: &'a mut Vec<Key>,
}

impl Turn<'_> {
    /// Ends the turn: what is left in the loop's scratch is kept, and what may go is given back.
    pub(crate) fn end(mut self, is_closed: bool) {
        for from in Side::BOTH {
            self.lane(from).stow();
            if is_closed {
                self.lane(from).park();
            }
        }
    }

    /// Whoever goes to the pool tells it what was carried meanwhile.
    fn with_pool<T>(&mut self, act: impl FnOnce(&mut Pool<Who>) -> T) -> T {
        let (ledger, now) = (&mut *self.ledger, self.now);
        self.shared.with_pool(self.who.home, self.woken, |pool| {
            ledger.tell(pool, now);
            act(pool)
        })
    }

    fn lane(&mut self, from: Side) -> Lane<'_> {
        let splices = self.splices();
        Lane { from, carrier: &mut self.carriers[from], store: self.store, splices }
    }

    /// Whether what goes from one leg to the other need not be seen.
    fn splices(&mut self) -> bool {
        let backend = self.backend.as_mut().is_some_and(|leg| leg.plain().is_some());
        backend && self.client.plain().is_some()
    }

    /// The leg of that side; core asks only for legs that are up.
    fn leg(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Client => self.client,
            Side::Backend => {
                self.backend.as_mut().expect("core uses the backend only once it is up")
            }
        }
    }

    /// The lane of a direction, and the leg at that end of it.
    fn lane_at(&mut self, from: Side, end: Side) -> (Lane<'_>, &mut Leg) {
        let splices = self.splices();
        let leg = match end {
            Side::Client => &mut *self.client,
            Side::Backend => self.backend.as_mut().expect("core moves bytes only between two legs"),
        };
        (Lane { from, carrier: &mut self.carriers[from], store: self.store, splices }, leg)
    }

    /// Takes an idle leg, if there is one.
    fn take_idle(&mut self, call: Call<'_>) -> Result<(), Fault> {
        self.hang_up();
        let taken = self.idle.take(&call.destination(), self.now, self.who.key);
        *self.backend = Some(taken.ok_or(Fault::Exhausted)?);
        Ok(())
    }

    fn dial_address(&mut self, call: Call<'_>, number: u8) -> Poll<Result<(), Fault>> {
        if let (Some(leg), true) = (&self.backend, *self.dialling == Some(number)) {
            return if leg.is_writable() { self.rise(call) } else { Poll::Pending };
        }
        let (key, token) = (self.who.key, self.hang_up());
        let (lease, shared, registry, now) = (call.lease, self.shared, self.registry, self.now);
        let rules = &self.epoch.rules;
        let mut dialler = Dialler { shared, rules, names: self.names, registry, now };
        match dialler.dial(lease.worker(), lease.address(), number, key, token) {
            Poll::Ready(Ok(leg)) => {
                (*self.backend, *self.dialling) = (Some(leg), Some(number));
                Poll::Pending
            }
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Drops the earlier attempt, whose events would carry the same token as those of the next one.
    fn hang_up(&mut self) -> Token {
        *self.dialling = None;
        if let Some(leg) = self.backend.take() {
            self.idle.close(leg);
        }
        self.who.key.token(Seat::Session(Side::Backend))
    }

    /// The dialled socket has had its event: it is up, or says why not.
    fn rise(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        let Some(mut leg) = self.backend.take() else { return Poll::Pending };
        *self.dialling = None;
        let leg = match leg.breakage() {
            Some(error) => Err(error),
            None => self.epoch.secured(leg, call.lease.worker(), call.name),
        };
        Poll::Ready(match leg {
            Ok(leg) => {
                *self.backend = Some(leg);
                Ok(())
            }
            Err(error) => Err(fault(&error)),
        })
    }

    /// The operator is told why a backend is not spoken with; of clients there are all kinds.
    fn tell_of_handshake(&self, side: Side, error: &io::Error) {
        match side {
            Side::Client => tracing::debug!(%error, "a client's TLS handshake has failed"),
            Side::Backend => tracing::warn!(%error, "a backend's TLS handshake has failed"),
        }
    }
}

impl Io for Turn<'_> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let epoch = self.epoch;
        let got = self.leg(side).secure(&|door, name| epoch.keys_for(door, name));
        match got {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => {
                self.tell_of_handshake(side, &error);
                Poll::Ready(Err(fault(&error)))
            }
            Ok(()) => Poll::Ready(Ok(())),
        }
    }

    fn hello(&self) -> Option<Hello> {
        self.client.hello()
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let leg = self.leg(side);
        read(leg.read(room), leg)
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        wrote(self.leg(to).write(bytes))
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        let Self { who, now, .. } = *self;
        self.with_pool(|pool| pool.elect(ask, failed, who, now))
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        match call.dial {
            Dial::Idle => Poll::Ready(self.take_idle(call)),
            Dial::Address(number) => self.dial_address(call, number),
        }
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.with_pool(|pool| pool.confirm(lease));
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        // Core has done with the backend: its connection need not wait for the client's to linger.
        let keeps = report.reusable && self.dialling.is_none();
        if let (Some(lease), Some(leg)) = (&lease, self.backend.take_if(|_| keeps)) {
            let to = Destination { seat: lease.seat(), name: leg.name().map(Into::into) };
            self.idle.keep(leg, to, self.now, self.registry);
        }
        self.hang_up();
        let who = self.who;
        self.with_pool(|pool| pool.release(lease, who, report));
        if report.close.is_abrupt() {
            self.client.make_abrupt();
        }
        tell(report, &self.epoch.rules);
    }

    fn carried(&mut self, seat: SeatId, bytes: u64) {
        if self.ledger.add(seat, bytes, self.now) {
            self.with_pool(|_| ());
        }
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        self.lane(!from).stow();
        let (mut lane, leg) = self.lane_at(from, from);
        read(lane.pull(leg, most), leg)
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let (mut lane, leg) = self.lane_at(!to, to);
        wrote(lane.push(leg))
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        match self.leg(side).shut() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            shut => Poll::Ready(shut.map_err(|error| fault(&error))),
        }
    }

    fn watch(&mut self, side: Side) -> Poll<Fault> {
        match self.leg(side).breakage() {
            Some(error) => Poll::Ready(fault(&error)),
            None => Poll::Pending,
        }
    }

    fn park(&mut self) {
        for from in Side::BOTH {
            self.lane(from).park();
        }
    }
}

/// What a read of a leg means to core.
fn read(got: io::Result<usize>, leg: &Leg) -> Poll<Result<Read, Fault>> {
    match got.map(narrow) {
        Ok(Some(count)) => Poll::Ready(Ok(Read::Moved(count))),
        Ok(None) if leg.is_cut() => Poll::Ready(Ok(Read::Cut)),
        Ok(None) => Poll::Ready(Ok(Read::Eof)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        Err(error) => Poll::Ready(Err(fault(&error))),
    }
}

/// What a write to a socket means to core.
fn wrote(put: io::Result<usize>) -> Poll<Result<NonZeroU32, Fault>> {
    match put.map(narrow) {
        Ok(Some(count)) => Poll::Ready(Ok(count)),
        Ok(None) => Poll::Ready(Err(Fault::Closed)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        Err(error) => Poll::Ready(Err(fault(&error))),
    }
}

fn narrow(count: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(count).expect("buffers and pipes are smaller than 4 GiB"))
}

/// One line for each end, for whoever looks for trouble: a backend's failure is told to everyone, but
/// not an error that it answers with. The access log is its own matter.
fn tell(report: &Report, rules: &Rules) {
    let Report { close, status, began, ended, pulled, pushed, fault, worker, .. } = report;
    let fault = fault.map(|(side, fault)| format!("{side}: {fault}"));
    let worker = worker.map(|id| &rules.workers[id.0 as usize]);
    let worker = worker.map(|worker| worker.peer.to_string());
    let ours = matches!(close, Close::Refused(why) if !matches!(why, Refusal::Overridden(_)));
    if *status >= 500 && ours {
        tracing::warn!(status, worker, fault, "{close}");
    } else {
        let took = ended.since(*began);
        tracing::debug!(status, worker, fault, %took, ?pulled, ?pushed, "{close}");
    }
}
