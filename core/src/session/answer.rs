//! From the backend's first byte to a tunnel or an exchange.

use std::borrow::Cow;
use std::ops::Range;

use super::deal::{Deal, NoDeal};
use super::{Cx, Phase, Session, State};
use crate::edit::Editor;
use crate::exchange::{BadChunk, Body, Chunks, Run};
use crate::head::{BadHead, Framing, Response, Version, slots};
use crate::limits::{INTERIM_MOST, REPLAY_MOST};
use crate::negotiate::forward::{self, After};
use crate::negotiate::{Answer, Consent, Needed, Offer, Refusal, judge};
use crate::op::{Fault, Read};
use crate::report::Close;
use crate::route::Rules;
use crate::tunnel::Tunnel;
use crate::{Both, Dial, Op, OpSet, Side};

impl Session {
    /// The next move while the answer is awaited: the request's body out and in, then the head.
    pub(super) fn next_of_answer(&self, deal: &Deal, blocked: OpSet) -> Option<Op> {
        let interim = (!self.output.client.is_empty()).then_some(Op::Flush(Side::Client));
        let fill = interim.is_none().then_some(Op::Fill(Side::Backend));
        let order = [self.body_out(Side::Client), interim, fill, self.body_in(deal, Side::Client)];
        order.into_iter().flatten().find(|&op| !blocked.has(op))
    }

    /// The next move while the response comes: both bodies, out before in.
    pub(super) fn next_of_exchange(&self, deal: &Deal, blocked: OpSet) -> Option<Op> {
        let order = [
            self.body_out(Side::Backend),
            self.body_out(Side::Client),
            self.body_in(deal, Side::Backend),
            self.body_in(deal, Side::Client),
        ];
        order.into_iter().flatten().find(|&op| !blocked.has(op))
    }

    fn body_out(&self, from: Side) -> Option<Op> {
        self.flows[from].outward(!from, !self.output[!from].is_empty())
    }

    /// A body is read on only when what was read of it has gone.
    fn body_in(&self, deal: &Deal, from: Side) -> Option<Op> {
        let flow = &self.flows[from];
        let free = self.output[!from].is_empty() && flow.in_flight() == 0 && !flow.is_over();
        let next = deal.bodies[from].next(from).filter(|_| free);
        // What is kept must be seen.
        if from == Side::Client && deal.replays { next.map(|_| Op::Fill(from)) } else { next }
    }

    /// Something came while the backend's head is awaited.
    pub(super) fn answer_filled(&mut self, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        match got {
            Ok(Read::Moved(count)) => {
                self.input.backend.filled(count.get() as usize);
                self.read_answers(cx);
            }
            Ok(_) if self.is_stale() => self.dial_anew(cx),
            Ok(_) if self.may_fail_over(cx.rules) => self.fail_over(Fault::Closed, cx),
            Ok(end) => self.answer_ended(end, cx),
            Err(fault) if self.is_stale() => {
                self.note(Side::Backend, fault);
                self.dial_anew(cx);
            }
            Err(fault) if self.may_fail_over(cx.rules) => self.fail_over(fault, cx),
            Err(fault) => {
                self.note(Side::Backend, fault);
                self.refuse(Refusal::Lost(fault), cx);
            }
        }
    }

    /// Whether the backend has closed an idle connection while our request was on its way: nothing of
    /// an answer was seen, and the request may be sent twice.
    fn is_stale(&self) -> bool {
        let stale = |deal: &Deal| deal.dial == Dial::Idle && deal.replays && deal.interims == 0;
        self.input.backend.is_empty() && self.deal().is_some_and(stale)
    }

    /// Whether another worker may answer in the place of one that broke off: nothing of an answer was seen,
    /// and the request may be sent twice.
    fn may_fail_over(&self, rules: &Rules) -> bool {
        let may =
            |deal: &Deal| rules.is_group(deal.ask.balancer) && deal.replays && deal.interims == 0;
        self.input.backend.is_empty() && self.deal().is_some_and(may)
    }

    /// The worker broke off: the request goes to the next one.
    fn fail_over(&mut self, fault: Fault, cx: &mut Cx<'_>) {
        self.take_back_offer(cx);
        self.next_worker(fault, cx);
    }

    /// The request goes out once more, on a fresh connection.
    fn dial_anew(&mut self, cx: &mut Cx<'_>) {
        self.take_back_offer(cx);
        self.dial_next(Dial::Address(0), cx);
    }

    /// What was to go to the backend is forgotten: it is written anew.
    fn take_back_offer(&mut self, cx: &mut Cx<'_>) {
        self.output.backend.clear(cx.buffers);
        self.flows = Both::default();
    }

    fn read_answers(&mut self, cx: &mut Cx<'_>) {
        while let State::Deal(Phase::Answer, deal) = &mut self.state {
            let limits = deal.manner.response_limits(cx.rules.bad_header);
            match deal.scan.find(self.input.backend.bytes(), &limits) {
                Ok(Some(head)) => self.take_answer(head, cx),
                Ok(None) => return,
                Err(bad) => return self.refuse(Refusal::BadAnswer(bad), cx),
            }
        }
    }

    /// The backend has ended: its last line may still be one that begins the body.
    fn answer_ended(&mut self, end: Read, cx: &mut Cx<'_>) {
        let State::Deal(_, deal) = &mut self.state else { return };
        let limits = deal.manner.response_limits(cx.rules.bad_header);
        match deal.scan.find_last(self.input.backend.bytes(), &limits) {
            Some(head) => {
                self.take_answer(head, cx);
                self.body_ended(Side::Backend, end, cx);
            }
            None => self.refuse(Refusal::NoAnswer, cx),
        }
    }

    fn take_answer(&mut self, head: Range<usize>, cx: &mut Cx<'_>) {
        if let Err(refusal) = self.read_answer(head, cx) {
            self.refuse(refusal, cx);
        }
    }

    /// Judges one whole head and does what it means.
    fn read_answer(&mut self, head: Range<usize>, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        let (body_is_out, elapsed) = (self.body_is_out(), cx.now.since(self.began));
        let State::Deal(_, deal) = &mut self.state else { return Ok(()) };
        self.input.client.consume(deal.forget());
        let mut slots = slots();
        let bytes = cx.rules.bad_header.mend(&self.input.backend.bytes()[..head.end]);
        let response = Response::parse(&bytes, &mut slots).map_err(Refusal::BadAnswer)?;
        if matches!(bytes, Cow::Owned(_)) && response.status < 200 {
            return Err(Refusal::BadAnswer(BadHead::Syntax));
        }
        let answer = judge(&deal.offer, body_is_out, &response).map_err(Refusal::Nonsense)?;
        let out = &mut self.output.client;
        match answer {
            Answer::Interim => {
                deal.count_interim(response.status)?;
                if deal.wants_interim(response.status) {
                    forward::interim(&response, out, cx.buffers);
                }
                self.input.backend.consume(head.end);
            }
            Answer::Switch => {
                let token = deal.offer.token().unwrap_or("");
                let editor = Editor::new(cx.rules, &deal.changes, elapsed);
                forward::switch(&response, token, editor, out, cx.buffers);
                self.status = response.status;
                self.open_tunnel(head.end, cx);
            }
            Answer::Final if overrides(deal, response.status, cx.rules) => {
                let needed = Needed::kept(&response);
                let reusable = deal.is_reusable(&response, body_is_out)
                    && deal.is_whole(&response, &self.input.backend.bytes()[head.end..]);
                let refusal = Refusal::Overridden(response.status);
                let no = NoDeal { needed, reusable, ..self.no_deal(refusal, cx.rules) };
                self.refuse_deal(no, cx);
            }
            Answer::Final => {
                let behind = &self.input.backend.bytes()[head.end..];
                let (framing, after) = deal.take_final(&response, behind, body_is_out)?;
                let editor = Editor::new(cx.rules, &deal.changes, elapsed);
                forward::response(&response, framing, after, editor, out, cx.buffers);
                self.status = response.status;
                self.open_exchange(head.end, cx);
            }
        }
        Ok(())
    }

    pub(super) fn body_is_out(&self) -> bool {
        let done = self.deal().is_some_and(|deal| deal.bodies.client.is_done());
        let flow = &self.flows.client;
        done && self.output.backend.is_empty() && flow.in_flight() == 0 && !flow.is_over()
    }

    /// Opens the tunnel: what stands behind both heads is its first bytes, and goes first (R5).
    fn open_tunnel(&mut self, head: usize, cx: &mut Cx<'_>) {
        let Some(terms) = self.deal().map(|deal| deal.terms) else { return };
        self.input.backend.consume(head);
        for from in Side::BOTH {
            self.relay(from, self.input[from].len(), cx);
            self.flows[from].touch(cx.now);
        }
        self.answered = cx.now;
        self.state = State::Tunnel(Tunnel::open(&terms, cx.now));
    }

    fn open_exchange(&mut self, head: usize, cx: &mut Cx<'_>) {
        self.enter(Phase::Exchange);
        self.input.backend.consume(head);
        self.flows.backend.touch(cx.now);
        self.answered = cx.now;
        self.body_came(Side::Backend, cx);
    }

    /// Takes what is there of that side's body.
    fn body_came(&mut self, from: Side, cx: &mut Cx<'_>) {
        if let Err(bad) = self.take_body(from, cx) {
            self.body_broke(from, bad.into(), cx);
        }
    }

    /// Takes what is there of that side's body; what of it goes on is on its way to the other side.
    pub(super) fn take_body(&mut self, from: Side, cx: &mut Cx<'_>) -> Result<(), BadChunk> {
        while let State::Deal(_, deal) = &mut self.state {
            if from == Side::Client && deal.replays {
                return self.keep_body(cx);
            }
            match deal.bodies[from].run(self.input[from].bytes())? {
                Run { len: 0, .. } => break,
                Run { len, goes_on: true } => self.relay(from, len, cx),
                Run { len, goes_on: false } => self.input[from].consume(len),
            }
        }
        Ok(())
    }

    /// Takes what is there of the body of a request that may be sent again: it goes on, and stays.
    fn keep_body(&mut self, cx: &mut Cx<'_>) -> Result<(), BadChunk> {
        let State::Deal(_, deal) = &mut self.state else { return Ok(()) };
        let (body, input) = (&mut deal.bodies.client, &mut self.input.client);
        loop {
            let fresh = &input.bytes()[deal.kept..];
            let Run { len, goes_on } = body.run(fresh)?;
            if len == 0 {
                break;
            }
            if goes_on {
                self.output.backend.append(&fresh[..len], cx.buffers);
                self.flows.client.add_pulled(narrow(len), cx.now);
            }
            deal.kept += len;
        }
        // It has outgrown what is kept, and is sent once.
        if !body.is_done() && input.len() >= REPLAY_MOST {
            input.consume(deal.forget());
        }
        Ok(())
    }

    /// Moves the first `count` bytes of that side's input on their way to the other side.
    fn relay(&mut self, from: Side, count: usize, cx: &mut Cx<'_>) {
        if count > 0 {
            self.input[from].give(&mut self.output[!from], count, cx.buffers);
            self.flows[from].add_pulled(narrow(count), cx.now);
        }
    }

    /// Chunks of a body came.
    pub(super) fn body_filled(&mut self, from: Side, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        match got {
            Ok(Read::Moved(count)) => {
                self.input[from].filled(count.get() as usize);
                self.body_came(from, cx);
            }
            Ok(end) => self.body_ended(from, end, cx),
            Err(fault) => self.body_lost(from, fault, cx),
        }
    }

    /// The source of a body has ended: its end, or a cut through it. Where nothing else says that a body is
    /// whole, only an end that was said does (RFC 9112 §9.8).
    pub(super) fn body_ended(&mut self, from: Side, end: Read, cx: &mut Cx<'_>) {
        let State::Deal(_, deal) = &mut self.state else { return };
        let body = &mut deal.bodies[from];
        let cut = end == Read::Cut && *body == Body::Close;
        if cut || !body.ended() {
            self.body_broke(from, Refusal::Truncated, cx);
        }
    }

    /// The source of a body broke.
    pub(super) fn body_lost(&mut self, from: Side, fault: Fault, cx: &mut Cx<'_>) {
        self.note(from, fault);
        match from {
            Side::Client => self.client_lost(fault, cx),
            Side::Backend => self.finish(Close::Cut(Side::Backend), cx),
        }
    }

    /// A body is bad or unfinished: the client is told if no answer has begun; else both sides are cut.
    fn body_broke(&mut self, from: Side, refusal: Refusal, cx: &mut Cx<'_>) {
        if self.phase() == Some(Phase::Answer) {
            self.refuse(refusal, cx);
        } else {
            self.finish(Close::Cut(from), cx);
        }
    }
}

/// So many bytes of a buffer.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).expect("a buffer is smaller than 4 GiB")
}

/// Whether a response of that status is said in our own words.
fn overrides(deal: &Deal, status: u16, rules: &Rules) -> bool {
    rules.at(&deal.place).is_some_and(|said| said.scope.overrides.has(status))
}

impl Deal {
    /// The final response has come, with that behind its head: how it is framed for the client, and what
    /// becomes of the client's connection behind it.
    fn take_final(
        &mut self,
        response: &Response<'_, '_>,
        behind: &[u8],
        body_is_out: bool,
    ) -> Result<(Framing, After), Refusal> {
        let framing = self.frame(response);
        self.bodies.backend.check(behind).map_err(Refusal::BadBody)?;
        let ends = |side| framing[side] == Framing::Close;
        self.keeps = self.keeps.filter(|_| body_is_out && !ends(Side::Client));
        self.reusable = self.is_reusable(response, body_is_out) && !ends(Side::Backend);
        let after = self.keeps.map_or(After::Close, |keeper| After::KeepAlive(keeper.version));
        Ok((framing.client, after))
    }

    /// R37: interim responses are counted, and do not start a clock anew.
    fn count_interim(&mut self, status: u16) -> Result<(), Refusal> {
        self.scan = crate::head::Scan::default();
        self.interims += 1;
        self.odd |= status == 100 && self.consent != Consent::Backend;
        if self.interims > INTERIM_MOST { Err(Refusal::Interims) } else { Ok(()) }
    }

    /// R37: HTTP/1.0 knows no interim responses, and a 100 goes only to who waits for it.
    fn wants_interim(&self, status: u16) -> bool {
        self.version == Version::Http11 && (status != 100 || self.consent == Consent::Backend)
    }

    /// Whether the backend's connection may serve again once its response is over.
    fn is_reusable(&self, response: &Response<'_, '_>, body_is_out: bool) -> bool {
        let persists = response.fields.persists(response.version);
        // R6, R26: never after an upgrade, nor when 100 and the final response came in an odd order.
        let usual = self.offer == Offer::None && !self.odd && self.consent != Consent::Backend;
        // What is to serve once has been told to close, whatever it answers.
        self.reuses && persists && usual && body_is_out
    }

    /// Whether `behind` is the whole body of the response, and nothing more (R27).
    fn is_whole(&self, response: &Response<'_, '_>, behind: &[u8]) -> bool {
        Body::from(response.framing(self.to_head)).is_all(behind)
    }

    /// Begins the response's body: how it is framed by the backend, and towards the client.
    fn frame(&mut self, response: &Response<'_, '_>) -> Both<Framing> {
        let framing = response.framing(self.to_head);
        let unknown = framing == Framing::Chunked && self.version == Version::Http10;
        self.bodies.backend =
            if unknown { Body::Chunked(Chunks::default().decoded()) } else { Body::from(framing) };
        // HTTP/1.0 knows no chunks: it gets their data until the end of the connection.
        Both { client: if unknown { Framing::Close } else { framing }, backend: framing }
    }
}
