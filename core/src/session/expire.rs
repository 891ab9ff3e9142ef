//! What happens when a clock runs out (R50, R51, R52).

use super::{Cx, Phase, Session, State};
use crate::Side;
use crate::negotiate::Refusal;
use crate::op::Fault;
use crate::report::Close;

impl Session {
    /// Does what is due. Spurious calls do nothing: the deadline is compared, an alarm only wakes.
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        if self.poll_timeout().is_none_or(|at| cx.now < at) {
            return;
        }
        let holds = self.holds();
        match &mut self.state {
            // There is nobody to be answered before the handshake is over.
            State::Hello(_) => self.client_lost(Fault::TimedOut, cx),
            // Who does not take our refusal has had its report, and is not late with a request.
            State::Request { .. } if !self.output.client.is_empty() => {
                self.leave(Close::Unasked, cx);
            }
            State::Request { .. } if self.input.client.is_empty() => self.part(cx),
            State::Request { .. } => self.refuse(Refusal::Late, cx),
            State::Deal(Phase::Elect, deal) if cx.now < self.deadline => deal.ask_again(cx),
            State::Deal(phase, _) => {
                let phase = *phase;
                self.deal_is_late(phase, cx);
            }
            State::Tunnel(tunnel) => {
                if let Some(close) = tunnel.expire(&self.flows, holds, cx.now) {
                    self.finish(close, cx);
                }
            }
            State::Linger { .. } => {
                self.output.client.clear(cx.buffers);
                self.state = State::Closed;
            }
            State::Release(..) | State::Closed => {}
        }
    }

    fn deal_is_late(&mut self, phase: Phase, cx: &mut Cx<'_>) {
        match phase {
            Phase::Elect => self.refuse(Refusal::LateWorker, cx),
            Phase::Connect | Phase::Secure => self.next_address(Fault::TimedOut, cx),
            Phase::Offer | Phase::Answer => self.answer_is_late(cx),
            Phase::Exchange => self.exchange_is_late(cx),
        }
    }

    fn answer_is_late(&mut self, cx: &mut Cx<'_>) {
        let Some(deal) = self.deal() else { return };
        match deal.deadline(&self.flows).1 {
            Side::Client => self.refuse(Refusal::LateBody, cx),
            Side::Backend => self.refuse(Refusal::LateAnswer, cx),
        }
    }

    /// Half a response is out: the client must see that it is half.
    fn exchange_is_late(&mut self, cx: &mut Cx<'_>) {
        let Some(deal) = self.deal() else { return };
        let late = deal.deadline(&self.flows).1;
        let stuck = !self.output.client.is_empty() || self.flows.backend.in_flight() > 0;
        let close = if stuck { Close::Stalled(Side::Client) } else { Close::Cut(late) };
        self.finish(close, cx);
    }
}
