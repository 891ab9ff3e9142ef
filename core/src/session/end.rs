//! How an exchange, a tunnel and a session end: what is said, given back and told, and what comes after.

use crate::route::Caller;

use super::deal::{Keeper, NoDeal};
use super::heads::unread;
use super::{Cx, Phase, Session, State};
use crate::balance::Lease;
use crate::edit::{Changes, Editor};
use crate::limits::{LINGER, LINGER_MOST};
use crate::negotiate::forward::After;
use crate::negotiate::{Medium, Needed, Page, Refusal};
use crate::op::{Fault, Read};
use crate::report::{Close, Report};
use crate::route::{Rules, Upgrade, WorkerId};
use crate::time::Time;
use crate::tunnel::Flow;
use crate::{Both, Side};

/// How it was: what the report says, and what comes after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct End {
    close: Close,
    /// The worker that had it, or failed it last, if one was elected.
    worker: Option<WorkerId>,
    then: Then,
}

/// What becomes of the connections after a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// Both are closed at once.
    Close,
    /// The client, which called there, may ask again; `true` if the backend's may serve others.
    Again(Caller, bool),
    /// The client's is closed once it has our last words; `true` if the backend's may serve others.
    Linger(bool),
}

impl Session {
    /// Answers the client ourselves. What was to go to the backend is dropped (R5, R7).
    pub(super) fn refuse(&mut self, refusal: Refusal, cx: &mut Cx<'_>) {
        self.refuse_deal(self.no_deal(refusal, cx.rules), cx);
    }

    /// What becomes of the present request if we answer it ourselves.
    pub(super) fn no_deal(&self, refusal: Refusal, rules: &Rules) -> NoDeal {
        let deal = self.deal();
        NoDeal {
            refusal,
            changes: self.changes(rules),
            needed: Needed::by(refusal, &Upgrade::Never),
            to_head: deal.is_some_and(|deal| deal.to_head),
            medium: deal.map_or(Medium::Plain, |deal| deal.medium),
            keeps: deal.and_then(|deal| deal.keeps).filter(|_| self.body_is_out()),
            reusable: false,
            read: deal.map_or(0, |deal| deal.kept),
        }
    }

    fn changes(&self, rules: &Rules) -> Changes {
        match &self.state {
            State::Deal(_, deal) => deal.changes.clone(),
            State::Hello(caller) | State::Request { caller, .. } => unread(*caller, rules),
            State::Tunnel(_) | State::Release(_) | State::Linger { .. } | State::Closed => {
                Changes::default()
            }
        }
    }

    /// Writes our answer, after which the connections are kept or closed as it says.
    pub(super) fn refuse_deal(&mut self, no: NoDeal, cx: &mut Cx<'_>) {
        debug_assert!(self.answered == Time::NEVER, "refused after an answer");
        let after = no.keeps.map_or(After::Close, |keeper| After::KeepAlive(keeper.version));
        self.status = no.refusal.status();
        let editor = Editor::new(cx.rules, &no.changes, cx.now.since(self.began));
        let (medium, to_head, needed) = (no.medium, no.to_head, &no.needed);
        let page = Page { medium, to_head, after, needed, editor };
        page.write(no.refusal, &mut self.output.client, cx.buffers);
        self.input.client.consume(no.read);
        let answer = std::mem::take(&mut self.output.client);
        let again = |keeper: Keeper| Then::Again(keeper.caller, no.reusable);
        let then = no.keeps.map_or(Then::Linger(no.reusable), again);
        self.finish_then(Close::Refused(no.refusal), then, cx);
        self.output.client = answer;
    }

    /// Ends the session: nothing more is written to anybody.
    pub(super) fn finish(&mut self, close: Close, cx: &mut Cx<'_>) {
        self.finish_then(close, Then::Close, cx);
    }

    fn finish_then(&mut self, close: Close, then: Then, cx: &mut Cx<'_>) {
        if !matches!(then, Then::Again(..)) {
            self.input.client.clear(cx.buffers);
        }
        self.input.backend.clear(cx.buffers);
        self.output.iter_mut().for_each(|buf| buf.clear(cx.buffers));
        let worker = self.worker(cx.rules);
        self.state = State::Release(Box::new(End { close, worker, then }));
    }

    /// Who has the request, or failed it last, or would have had it if nobody else could.
    fn worker(&self, rules: &Rules) -> Option<WorkerId> {
        let leased = self.lease.as_ref().map(Lease::worker);
        leased.or_else(|| {
            let ask = &self.deal()?.ask;
            let balancer = rules.balancer(ask.balancer)?;
            let alone = balancer.workers.first().filter(|_| !balancer.is_group());
            ask.tried.last().map(|seat| seat.worker).or(alone.copied())
        })
    }

    /// The client broke off before it was answered.
    pub(super) fn client_lost(&mut self, fault: Fault, cx: &mut Cx<'_>) {
        self.note(Side::Client, fault);
        self.finish(Close::Faulted(Side::Client, fault), cx);
    }

    /// The client leaves without a request: worth a report only if it never had one.
    pub(super) fn leave(&mut self, close: Close, cx: &mut Cx<'_>) {
        self.finish(close, cx);
        if self.served > 0 {
            self.state = State::Closed;
        }
    }

    /// The client asks nothing more for now: it is told that it cannot. A request that is on its way is not answered by
    /// a reset, which the client might take for another's (RFC 9112 §9.5).
    pub(super) fn part(&mut self, cx: &mut Cx<'_>) {
        if self.served == 0 {
            return self.leave(Close::Unasked, cx);
        }
        self.state = State::Linger { shut: false, dropped: 0 };
        self.deadline = cx.now.after(LINGER);
    }

    /// The response is over when all of it has gone to the client.
    pub(super) fn finish_exchange(&mut self, cx: &mut Cx<'_>) {
        if let State::Deal(Phase::Exchange, deal) = &self.state
            && deal.bodies.backend.is_done()
            && self.output.client.is_empty()
            && self.flows.backend.in_flight() == 0
            && !self.is_pending()
        {
            // R27: what is left of the request, or stands behind the response, is on its connection.
            let whole = self.body_is_out();
            let reusable = deal.reusable && whole && self.input.backend.is_empty();
            let keeps = deal.keeps.filter(|_| whole);
            let again = |keeper: Keeper| Then::Again(keeper.caller, reusable);
            let then = keeps.map_or(Then::Linger(reusable), again);
            self.finish_then(Close::Answered, then, cx);
        }
    }

    /// A tunnel is over when both directions are.
    pub(super) fn finish_tunnel(&mut self, cx: &mut Cx<'_>) {
        if let State::Tunnel(tunnel) = &self.state
            && self.flows.iter().all(Flow::is_over)
        {
            let close = tunnel.close();
            self.finish(close, cx);
        }
    }

    /// What is given back and told in [`Op::Release`]; the state moves on at once, because a lease
    /// that is handed over is gone.
    pub(crate) fn released(&mut self, cx: &mut Cx<'_>) -> Option<(Option<Lease>, Report)> {
        let State::Release(end) = &self.state else { return None };
        let (end, report) = (**end, self.report(end, cx.now));
        let lease = self.lease.take();
        match end.then {
            Then::Close => self.state = State::Closed,
            Then::Again(caller, _) => self.await_next_request(caller, cx),
            Then::Linger(_) => {
                self.state = State::Linger { shut: false, dropped: 0 };
                self.deadline = cx.now.after(LINGER);
            }
        }
        Some((lease, report))
    }

    fn report(&self, end: &End, now: Time) -> Report {
        Report {
            close: end.close,
            worker: end.worker,
            status: self.status,
            began: self.began,
            answered: self.answered.deadline(),
            ended: now,
            pulled: Both::from_fn(|side| self.flows[side].pulled()),
            pushed: Both::from_fn(|side| self.flows[side].pushed()),
            reusable: matches!(end.then, Then::Again(_, true) | Then::Linger(true)),
            fault: self.fault,
        }
    }

    /// What a client sends behind our last word is dropped unread (R7).
    pub(super) fn lingered(&mut self, got: Result<Read, Fault>, cx: &mut Cx<'_>) {
        let State::Linger { dropped, .. } = &mut self.state else { return };
        match got {
            Ok(Read::Moved(count)) if *dropped < LINGER_MOST => {
                *dropped = dropped.saturating_add(count.get());
                self.input.client.filled(count.get() as usize);
                self.input.client.consume(count.get() as usize);
            }
            Ok(_) | Err(_) => {
                self.input.client.clear(cx.buffers);
                self.state = State::Closed;
            }
        }
    }
}
