//! What came of moving bytes: one past participle for each op.

use std::num::NonZeroU32;

use super::{Cx, Phase, Session, State};
use crate::Side;
use crate::negotiate::{Consent, forward};
use crate::op::{Fault, Read};
use crate::report::Close;

impl Session {
    /// Bytes that core wanted to see came from that side.
    pub(crate) fn filled(&mut self, side: Side, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        self.note_cut(side, got);
        match (&self.state, side) {
            (State::Request { .. }, Side::Client) => self.request_filled(got, cx),
            (State::Deal(Phase::Answer, _), Side::Backend) => self.answer_filled(got, cx),
            (State::Linger { .. }, Side::Client) => self.lingered(got, cx),
            _ => self.body_filled(side, got, cx),
        }
        self.finish_exchange(cx);
    }

    /// Bytes that core held went to that side.
    pub(crate) fn flushed(&mut self, to: Side, put: Result<NonZeroU32, Fault>, cx: &mut Cx<'_>) {
        match put {
            Ok(count) => {
                self.output[to].consume(count.get() as usize);
                self.count_flushed(to, cx);
                self.offer_is_out(cx);
                if matches!(self.state, State::Request { .. }) {
                    self.resume(cx);
                }
            }
            Err(fault) => self.sink_lost(to, fault, cx),
        }
        self.finish_exchange(cx);
    }

    /// The bytes of a flow stand at the end of what core holds: what is left of them is in flight.
    fn count_flushed(&mut self, to: Side, cx: &Cx<'_>) {
        let flow = &mut self.flows[!to];
        let left = u32::try_from(self.output[to].len()).unwrap_or(u32::MAX);
        let gone = flow.in_flight().saturating_sub(left);
        // R37: an interim head that goes out is no step towards the answer.
        if gone > 0 || !matches!(self.state, State::Deal(Phase::Answer, _)) {
            flow.add_pushed(gone, cx.now);
        }
    }

    fn offer_is_out(&mut self, cx: &mut Cx<'_>) {
        if self.phase() == Some(Phase::Offer) && self.output.backend.is_empty() {
            self.enter(Phase::Answer);
            self.consent(cx);
        }
    }

    /// The backend is there, and has our head: a client that waits for our word may send its body, if
    /// there is still somebody to send it to. It is told once, however often its request is sent.
    fn consent(&mut self, cx: &mut Cx<'_>) {
        let State::Deal(_, deal) = &mut self.state else { return };
        if deal.consent == Consent::Ours && !self.flows.client.is_over() {
            deal.consent = Consent::None;
            self.output.client.append(forward::CONTINUE, cx.buffers);
        }
    }

    /// Bytes came from that side into the carrier.
    pub(crate) fn pulled(&mut self, from: Side, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        self.note_cut(from, got);
        if let State::Tunnel(tunnel) = &mut self.state {
            match got {
                Ok(Read::Moved(count)) => {
                    self.flows[from].add_pulled(count.get(), cx.now);
                    tunnel.pulled(from);
                }
                Ok(_) => tunnel.finished(from, &mut self.flows, cx.now),
                Err(fault) => self.source_lost(from, fault, cx),
            }
            return self.finish_tunnel(cx);
        }
        match got {
            Ok(Read::Moved(count)) => {
                self.flows[from].add_pulled(count.get(), cx.now);
                if let State::Deal(_, deal) = &mut self.state {
                    deal.bodies[from].pulled(count.get().into());
                }
            }
            Ok(end) => self.body_ended(from, end, cx),
            Err(fault) => self.body_lost(from, fault, cx),
        }
        self.finish_exchange(cx);
    }

    /// A cut is noted before all else, for it may be the reason of what the client misses.
    fn note_cut(&mut self, side: Side, got: Result<Read, Fault>) {
        if got == Ok(Read::Cut) {
            self.fault = Some((side, Fault::Cut));
        }
    }

    /// Bytes went from the carrier to that side.
    pub(crate) fn pushed(&mut self, to: Side, put: Result<NonZeroU32, Fault>, cx: &mut Cx<'_>) {
        match put {
            Ok(count) => self.flows[!to].add_pushed(count.get(), cx.now),
            Err(fault) => self.sink_lost(to, fault, cx),
        }
        self.finish_exchange(cx);
    }

    /// That side was told that nothing more will come.
    pub(crate) fn shut(&mut self, side: Side, got: Result<(), Fault>, cx: &mut Cx<'_>) {
        match (&mut self.state, got) {
            (State::Linger { shut, .. }, Ok(())) => *shut = true,
            (State::Linger { .. }, Err(_)) => self.state = State::Closed,
            (_, Ok(())) => self.flows[!side].shut(cx.now),
            (_, Err(fault)) => self.sink_lost(side, fault, cx),
        }
        self.finish_tunnel(cx);
    }

    /// The carriers were given back.
    pub(crate) fn parked(&mut self) {
        if let State::Tunnel(tunnel) = &mut self.state {
            tunnel.parked();
        }
    }

    /// That side was found broken while nothing was read from it: it had ended, or nobody is left to be answered.
    pub(crate) fn broke(&mut self, side: Side, fault: Fault, cx: &mut Cx<'_>) {
        debug_assert!(side == Side::Client || self.is_tunnel(), "only a client is watched");
        if self.is_tunnel() {
            self.sink_lost(side, fault, cx);
        } else {
            self.client_lost(fault, cx);
        }
    }

    /// A tunnel's source broke: what it sent is still delivered; to it nothing can be.
    fn source_lost(&mut self, from: Side, fault: Fault, cx: &mut Cx<'_>) {
        self.flows[from].drain(cx.now);
        self.sink_lost(from, fault, cx);
    }

    /// That side takes no more bytes: what was for it is dropped; what it still sends is not.
    fn sink_lost(&mut self, to: Side, fault: Fault, cx: &mut Cx<'_>) {
        self.note(to, fault);
        match (&mut self.state, to) {
            (State::Tunnel(tunnel), _) => {
                tunnel.broke(to, fault);
                self.cut(to, cx);
                self.finish_tunnel(cx);
            }
            (State::Deal(..), Side::Client) => self.finish(Close::Faulted(to, fault), cx),
            // It may have answered before it stopped reading: a 413, say.
            (State::Deal(..), Side::Backend) => {
                self.cut(to, cx);
                self.offer_is_out(cx);
            }
            // What is left is the client that we have finished with, and what it asked meanwhile.
            _ => {
                self.input.client.clear(cx.buffers);
                self.output.client.clear(cx.buffers);
                self.state = State::Closed;
            }
        }
    }

    fn cut(&mut self, to: Side, cx: &mut Cx<'_>) {
        self.output[to].clear(cx.buffers);
        self.flows[!to].cut(cx.now);
    }
}
