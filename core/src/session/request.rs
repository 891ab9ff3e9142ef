//! From the client's first byte to the head that goes to the backend.

use super::deal::{Deal, NoDeal};
use super::{Cx, Phase, Session, State};
use crate::Side;
use crate::balance::{Lease, NoWorker};
use crate::head::{Request, Scan, slots};
use crate::limits::ADDRESSES_MOST;
use crate::negotiate::{Refusal, forward};
use crate::op::{Fault, Read};
use crate::report::Close;
use crate::route::{CleanPath, Upgrade};

impl Session {
    /// That side's handshake is over.
    pub(crate) fn secured(&mut self, side: Side, got: Result<(), Fault>, cx: &mut Cx<'_>) {
        match (side, got) {
            (Side::Client, Ok(())) => self.await_request(cx),
            (Side::Client, Err(fault)) => self.client_lost(fault, cx),
            (Side::Backend, Ok(())) => self.offer(cx),
            (Side::Backend, Err(fault)) => self.next_worker(fault, cx),
        }
    }

    fn await_request(&mut self, cx: &Cx<'_>) {
        if let State::Hello(client) = self.state {
            // The head's clock began with the connection: a slow handshake is a slow head (R50).
            self.state = State::Request { client, scan: Scan::default() };
            self.deadline = cx.rules.limits.head.deadline(self.began, 0);
        }
    }

    /// Something came while the request's head is awaited.
    pub(super) fn request_filled(&mut self, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        match got {
            Ok(Read::Moved(count)) => {
                self.input.client.filled(count.get() as usize);
                self.read_request(cx);
            }
            Ok(Read::Eof) if self.input.client.is_empty() => self.finish(Close::Unasked, cx),
            Ok(Read::Eof) => self.refuse(Refusal::Truncated, cx),
            Err(fault) => self.client_lost(fault, cx),
        }
    }

    fn read_request(&mut self, cx: &mut Cx<'_>) {
        let State::Request { client, scan } = &mut self.state else { return };
        let (bytes, limits) = (self.input.client.bytes(), &cx.rules.limits);
        let head = match scan.find(bytes, limits) {
            Ok(Some(head)) => head,
            Ok(None) => {
                self.deadline = limits.head.deadline(self.began, bytes.len() as u64);
                return;
            }
            Err(bad) => return self.refuse(Refusal::Head(bad), cx),
        };
        let mut slots = slots();
        let made = match Request::parse(&bytes[head.clone()], &mut slots) {
            Ok(request) => Deal::make(&request, head, *client, cx.rules),
            Err(bad) => Err(NoDeal { refusal: Refusal::Head(bad), rule: None, to_head: false }),
        };
        match made {
            Ok(deal) => {
                self.deadline = cx.now.after(deal.terms.answer);
                self.state = State::Deal(Phase::Elect, Box::new(deal));
            }
            Err(no) => {
                let forward = no.rule.and_then(|rule| cx.rules.forward(rule));
                let upgrade = forward.map_or(&Upgrade::Never, |forward| &forward.upgrade);
                self.refuse_as(no.refusal, upgrade, no.to_head, cx);
            }
        }
    }

    /// A worker was elected, or there is none.
    pub(crate) fn elected(&mut self, got: Result<Lease, NoWorker>, cx: &mut Cx<'_>) {
        debug_assert!(self.lease.is_none(), "elected with a lease in hand");
        match got {
            Ok(lease) => {
                self.lease = Some(lease);
                self.dial_address(0, cx);
            }
            Err(none) => self.refuse(Refusal::NoWorker(none.retry_after()), cx),
        }
    }

    fn dial_address(&mut self, address: u8, cx: &Cx<'_>) {
        if let Some(deal) = self.deal() {
            self.deadline = cx.now.after(deal.terms.connect);
            self.enter(Phase::Connect(address));
        }
    }

    /// The address was reached, or not.
    pub(crate) fn connected(&mut self, got: Result<(), Fault>, cx: &Cx<'_>) {
        match (got, self.deal()) {
            (Ok(()), Some(deal)) => {
                self.deadline = cx.now.after(deal.terms.answer);
                self.enter(Phase::Secure);
            }
            (Ok(()), None) => {}
            (Err(fault), _) => self.next_address(fault, cx),
        }
    }

    /// One address failed: the next one, or the next worker where there is none.
    pub(super) fn next_address(&mut self, fault: Fault, cx: &Cx<'_>) {
        let Some(Phase::Connect(address)) = self.phase() else { return };
        let last = matches!(fault, Fault::Exhausted | Fault::Unresolved | Fault::Resources);
        if last || address + 1 >= ADDRESSES_MOST {
            return self.next_worker(fault, cx);
        }
        self.note(Side::Backend, fault);
        self.dial_address(address + 1, cx);
    }

    /// The worker failed before anything was sent to it: the next one (D11: whatever the reason).
    pub(super) fn next_worker(&mut self, fault: Fault, cx: &Cx<'_>) {
        self.note(Side::Backend, fault);
        if let Some(deal) = self.deal() {
            self.deadline = cx.now.after(deal.terms.answer);
            self.enter(Phase::Elect);
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
        let path = CleanPath::parse(request.path).map_err(Refusal::Path)?;
        let rule = cx.rules.rules.get(deal.rule).ok_or(Refusal::NoRule)?;
        let forward = cx.rules.forward(deal.rule).ok_or(Refusal::NoRule)?;
        let rest = rule.rest(path.as_bytes()).ok_or(Refusal::NoRule)?;
        let (rules, client, offer) = (cx.rules, deal.ask.client, &deal.offer);
        let way = forward::Way { rules, forward, rest, client, offer };
        forward::request(&request, way, &mut self.output.backend, cx.buffers);
        self.input.client.consume(deal.head.end);
        let taken = deal.bodies.client.take(self.input.client.bytes());
        self.take_body(Side::Client, taken.map_err(|_| Refusal::Chunk)?, cx);
        Ok(())
    }

    /// The client broke off before it was answered.
    pub(super) fn client_lost(&mut self, fault: Fault, cx: &mut Cx<'_>) {
        self.note(Side::Client, fault);
        self.finish(Close::Faulted(Side::Client, fault), cx);
    }
}
