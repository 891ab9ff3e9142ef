//! From the client's first byte to the head that goes to the backend.

use super::deal::{Deal, Keeper, body};
use super::{Cx, Phase, Session, State};
use crate::balance::{Lease, NoWorker};
use crate::edit::Editor;
use crate::exchange::Body;
use crate::head::{Request, Scan, slots};
use crate::limits::ADDRESSES_MOST;
use crate::negotiate::{Offer, Refusal, forward};
use crate::op::{Fault, Read};
use crate::report::Close;
use crate::route::{Caller, Hello};
use crate::time::Time;
use crate::{Both, Dial, Side};

impl Session {
    /// The client's handshake is over, and began with that hello.
    pub(crate) fn greeted(&mut self, hello: Option<Hello>) {
        if let State::Hello(caller) = &mut self.state {
            caller.hello = hello;
        }
    }

    /// That side's handshake is over.
    pub(crate) fn secured(&mut self, side: Side, got: Result<(), Fault>, cx: &mut Cx<'_>) {
        match (side, got) {
            (Side::Client, Ok(())) => self.await_request(cx),
            (Side::Client, Err(fault)) => self.client_lost(fault, cx),
            (Side::Backend, Ok(())) => self.offer(cx),
            (Side::Backend, Err(fault)) => self.not_secured(fault, cx),
        }
    }

    fn await_request(&mut self, cx: &Cx<'_>) {
        if let State::Hello(caller) = self.state {
            self.state = State::Request { caller, scan: Scan::default() };
            // The handshake had a clock of its own (R50).
            self.began = cx.now;
            self.deadline = cx.rules.front(caller.door).limits.head.deadline(cx.now, 0);
        }
    }

    /// The connection is kept: the next request is awaited, or is there already (RFC 9112 §9.3.2).
    pub(super) fn await_next_request(&mut self, caller: Caller, cx: &mut Cx<'_>) {
        self.state = State::Request { caller, scan: Scan::default() };
        self.flows = Both::default();
        (self.began, self.answered) = (cx.now, Time::NEVER);
        (self.status, self.fault) = (0, None);
        self.deadline = cx.now.after(cx.rules.front(caller.door).limits.keep_alive);
        self.resume(cx);
    }

    /// Reads the request that stands behind the last one, once the answer to that one is out: so
    /// pipelined requests are answered in order, one at a time.
    pub(super) fn resume(&mut self, cx: &mut Cx<'_>) {
        if self.output.client.is_empty() && !self.input.client.is_empty() {
            self.read_request(cx);
        }
    }

    /// Something came while the request's head is awaited.
    pub(super) fn request_filled(&mut self, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        let idle = self.input.client.is_empty();
        match got {
            Ok(Read::Moved(count)) => {
                if idle && self.served > 0 {
                    self.began = cx.now;
                }
                self.input.client.filled(count.get() as usize);
                self.read_request(cx);
            }
            Ok(_) if idle => self.leave(Close::Unasked, cx),
            Ok(_) => self.refuse(Refusal::Truncated, cx),
            Err(fault) if idle => {
                self.note(Side::Client, fault);
                self.leave(Close::Faulted(Side::Client, fault), cx);
            }
            Err(fault) => self.client_lost(fault, cx),
        }
    }

    fn read_request(&mut self, cx: &mut Cx<'_>) {
        let State::Request { caller, scan } = &mut self.state else { return };
        let caller = *caller;
        let front = cx.rules.front(caller.door);
        let (limits, bytes) = (&front.limits, self.input.client.bytes());
        let head = match scan.find(bytes, limits) {
            Ok(Some(head)) => head,
            Ok(None) => {
                self.deadline = limits.head.deadline(self.began, bytes.len() as u64);
                return;
            }
            Err(bad) => return self.refuse(Refusal::Head(bad), cx),
        };
        self.served += 1;
        let mut slots = slots();
        let request = match Request::parse(&bytes[head.clone()], &mut slots) {
            Ok(request) => request,
            Err(bad) => return self.refuse(Refusal::Head(bad), cx),
        };
        let keeper = Keeper { caller, version: request.version };
        let keeps = self.served < limits.requests && request.fields.persists(request.version);
        match Deal::make(&request, head, keeps.then_some(keeper), caller, cx.rules) {
            Ok(deal) => {
                let mut deal = Box::new(deal);
                self.deadline = deal.await_worker(cx);
                self.state = State::Deal(Phase::Elect, deal);
            }
            Err(no) => self.refuse_deal(no, cx),
        }
    }

    /// A worker was elected, or there is none.
    pub(crate) fn elected(&mut self, got: Result<Lease, NoWorker>, cx: &mut Cx<'_>) {
        debug_assert!(self.lease.is_none(), "elected with a lease in hand");
        match got {
            Ok(lease) => {
                if let State::Deal(_, deal) = &mut self.state {
                    deal.serve_by(&lease, cx.rules);
                }
                self.lease = Some(lease);
                self.dial_first(cx);
            }
            Err(none) => self.refuse(self.no_worker(none), cx),
        }
    }

    /// Why nobody serves: who could be reached, but could not be spoken with, is a bad gateway's.
    fn no_worker(&self, none: NoWorker) -> Refusal {
        let has_tried = self.deal().is_some_and(|deal| !deal.ask.tried.is_empty());
        match self.fault {
            Some((Side::Backend, fault @ Fault::Tls)) if has_tried => Refusal::Lost(fault),
            _ => Refusal::NoWorker(none),
        }
    }

    /// An idle connection may turn out to be stale: only what can surely be sent twice goes out on one.
    fn dial_first(&mut self, cx: &Cx<'_>) {
        let is_kept = |deal: &Deal| deal.replays && !matches!(deal.bodies.client, Body::Chunked(_));
        let may_wait = |deal: &Deal| deal.reuses && deal.offer == Offer::None && is_kept(deal);
        let reuses = self.deal().is_some_and(may_wait);
        self.dial_next(if reuses { Dial::Idle } else { Dial::Address(0) }, cx);
    }

    pub(super) fn dial_next(&mut self, dial: Dial, cx: &Cx<'_>) {
        if let State::Deal(phase, deal) = &mut self.state {
            self.deadline = cx.now.after(deal.terms.connect);
            deal.dial = dial;
            *phase = Phase::Connect;
        }
    }

    /// The connection is there, or not. What is left of its time is the handshake's, which belongs to
    /// getting a connection.
    pub(crate) fn connected(&mut self, got: Result<(), Fault>, cx: &Cx<'_>) {
        match got {
            Ok(()) => self.enter(Phase::Secure),
            Err(fault) => self.next_address(fault, cx),
        }
    }

    /// There was no idle connection, or one address failed: the next one, or the next worker where
    /// there is none.
    pub(super) fn next_address(&mut self, fault: Fault, cx: &Cx<'_>) {
        let Some(Dial::Address(address)) = self.deal().map(|deal| deal.dial) else {
            return self.dial_next(Dial::Address(0), cx);
        };
        let last = matches!(fault, Fault::Exhausted | Fault::Unresolved | Fault::Resources);
        if last || address + 1 >= ADDRESSES_MOST {
            return self.next_worker(fault, cx);
        }
        self.note(Side::Backend, fault);
        self.dial_next(Dial::Address(address + 1), cx);
    }

    /// The backend's handshake failed: an idle connection says nothing of its worker, nor does a name that the
    /// client has chosen, or it could have every worker left alone.
    pub(super) fn not_secured(&mut self, fault: Fault, cx: &mut Cx<'_>) {
        match self.deal() {
            Some(deal) if deal.dial == Dial::Idle => {
                self.note(Side::Backend, fault);
                self.dial_next(Dial::Address(0), cx);
            }
            Some(deal) if deal.name().is_some() => {
                self.note(Side::Backend, fault);
                self.refuse(Refusal::Unproven(fault), cx);
            }
            _ => self.next_worker(fault, cx),
        }
    }

    /// The worker failed before anything was sent to it: the next one (D11: whatever the reason).
    pub(super) fn next_worker(&mut self, fault: Fault, cx: &Cx<'_>) {
        self.note(Side::Backend, fault);
        let failed = self.lease.as_ref().map(Lease::seat);
        if let State::Deal(phase, deal) = &mut self.state {
            deal.ask.tried.extend(failed);
            self.deadline = deal.await_worker(cx);
            *phase = Phase::Elect;
        }
    }

    /// The backend is ready: writes the head for it, with what is there of the body (R5: nothing else).
    fn offer(&mut self, cx: &mut Cx<'_>) {
        match self.write_offer(cx) {
            Ok(()) => self.enter(Phase::Offer),
            Err(refusal) => self.refuse(refusal, cx),
        }
    }

    fn write_offer(&mut self, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        let State::Deal(_, deal) = &mut self.state else { return Ok(()) };
        deal.since = cx.now;
        let head = &self.input.client.bytes()[deal.head.clone()];
        let mut slots = slots();
        let request = Request::parse(head, &mut slots).map_err(Refusal::Head)?;
        let said = cx.rules.at(&deal.place).ok_or(Refusal::NoRule)?;
        let (client, offer) = (deal.ask.client, &deal.offer);
        let worker = self.lease.as_ref().and_then(|it| cx.rules.worker(it.worker()));
        let target = said.target(worker.ok_or(Refusal::NoRule)?);
        let (scheme, hops, reuses) = (said.host.scheme(), deal.hops, deal.reuses);
        let editor = Editor::new(cx.rules, &deal.changes, cx.now.since(self.began));
        let way = forward::Way { said, target, editor, client, scheme, hops, offer, reuses };
        forward::request(&request, way, &mut self.output.backend, cx.buffers);
        (deal.kept, deal.bodies.client) = (deal.head.end, body(&request, said.host));
        if !deal.replays {
            self.input.client.consume(deal.forget());
        }
        self.take_body(Side::Client, cx).map_err(Refusal::from)
    }
}
