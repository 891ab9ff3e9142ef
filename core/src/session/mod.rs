//! One client connection and what becomes of it: the state, the next move, and the clocks.
//!
//! `request.rs` takes the session from its first byte to the head that goes to the backend,
//! `answer.rs` from the backend's head to a tunnel or an exchange, `relay.rs` moves bodies and
//! tunnelled bytes, `expire.rs` is what happens when a clock runs out, `renew.rs` what becomes of it by a reload, `end.rs` how it ends: what is
//! said, given back and told, and what comes after.

mod answer;
mod deal;
mod elect;
mod end;
mod expire;
mod heads;
mod relay;
mod renew;
mod request;

use crate::balance::{Ask, Lease, SeatId};
use crate::head::{Buf, Buffers, Scan};
use crate::op::Fault;
use crate::route::{Caller, Rules};
use crate::time::Time;
use crate::tunnel::{Flow, Tunnel};
use crate::{Both, Call, Op, OpSet, Side};
use deal::Deal;
use end::End;

/// What a driver lends for the length of one turn.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The present moment.
    pub now: Time,
    /// The configuration that the session began with: the same snapshot in every turn, until it takes
    /// [another one](Session::renew).
    pub rules: &'a Rules,
    /// The free buffers of the loop.
    pub buffers: &'a mut Buffers,
}

/// One client connection, from its accept to its end.
#[derive(Debug)]
pub struct Session {
    state: State,
    /// Bytes that came from each side and have not been judged yet.
    input: Both<Buf>,
    /// Bytes that are to go to each side.
    output: Both<Buf>,
    /// What came from each side behind the heads.
    flows: Both<Flow>,
    lease: Option<Lease>,
    began: Time,
    /// When the backend answered; never, until it does.
    answered: Time,
    /// The deadline of the present state, if it is not computed from what has moved.
    deadline: Time,
    /// Requests that this connection has carried, the present one included.
    served: u32,
    status: u16,
    fault: Option<(Side, Fault)>,
}

/// Where a session stands. The table of states is in the [crate's documentation](crate).
#[derive(Debug)]
enum State {
    Hello(Caller),
    Request {
        caller: Caller,
        scan: Scan,
    },
    /// Between the request and the end of its response, or the opening of its tunnel.
    Deal(Phase, Box<Deal>),
    Tunnel(Tunnel),
    /// Over, but not told yet.
    Release(Box<End>),
    Linger {
        shut: bool,
        dropped: u32,
    },
    Closed,
}

/// How far a deal has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Elect,
    Connect,
    Secure,
    Offer,
    Answer,
    Exchange,
}

impl Session {
    /// A session for a connection that was accepted at `now`.
    pub fn new(caller: Caller, rules: &Rules, now: Time) -> Self {
        Self {
            state: State::Hello(caller),
            input: Both::default(),
            output: Both::default(),
            flows: Both::default(),
            lease: None,
            began: now,
            answered: Time::NEVER,
            deadline: now.after(rules.front(caller.door).limits.handshake),
            served: 0,
            status: 0,
            fault: None,
        }
    }

    /// The next move, if `blocked` leaves one. Pure: asking twice gives the same answer.
    pub fn next_op(&self, blocked: OpSet) -> Option<Op> {
        let op = match &self.state {
            State::Hello(_) => Op::Secure(Side::Client),
            State::Request { .. } | State::Linger { .. } if !self.output.client.is_empty() => {
                Op::Flush(Side::Client)
            }
            State::Request { .. } => Op::Fill(Side::Client),
            State::Deal(Phase::Exchange, _) | State::Tunnel(_) if self.is_pending() => Op::Confirm,
            State::Deal(phase, deal) => {
                return self.next_of_deal(*phase, deal, blocked).or_else(|| watch(blocked));
            }
            State::Tunnel(tunnel) => return tunnel.next(&self.flows, self.holds(), blocked),
            State::Release(..) => Op::Release,
            State::Linger { shut: false, .. } => Op::Shut(Side::Client),
            State::Linger { shut: true, .. } => Op::Fill(Side::Client),
            State::Closed => return None,
        };
        (!blocked.has(op)).then_some(op)
    }

    fn next_of_deal(&self, phase: Phase, deal: &Deal, blocked: OpSet) -> Option<Op> {
        let op = match phase {
            Phase::Elect => Op::Elect,
            Phase::Connect => Op::Connect,
            Phase::Secure => Op::Secure(Side::Backend),
            Phase::Offer => Op::Flush(Side::Backend),
            Phase::Answer => return self.next_of_answer(deal, blocked),
            Phase::Exchange => return self.next_of_exchange(deal, blocked),
        };
        (!blocked.has(op)).then_some(op)
    }

    /// The earliest moment at which something is due, if anything ever is; O(1).
    pub fn poll_timeout(&self) -> Option<Time> {
        let at = match &self.state {
            State::Deal(Phase::Offer | Phase::Answer | Phase::Exchange, deal) => {
                deal.deadline(&self.flows).0
            }
            State::Tunnel(tunnel) => tunnel.poll_timeout(&self.flows, self.holds()),
            State::Deal(Phase::Elect, deal) => self.deadline.min(deal.asks_again),
            State::Release(..) | State::Closed => Time::NEVER,
            State::Hello(_) | State::Request { .. } | State::Deal(..) | State::Linger { .. } => {
                self.deadline
            }
        };
        at.deadline()
    }

    /// Whether it is over: every move has been made, the driver may drop both legs.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether a tunnel is open.
    pub fn is_tunnel(&self) -> bool {
        matches!(self.state, State::Tunnel(_))
    }

    /// The name of the present state.
    pub fn state(&self) -> &'static str {
        match &self.state {
            State::Hello(_) => "Hello",
            State::Request { .. } => "Request",
            State::Deal(phase, _) => phase.name(),
            State::Tunnel(_) => "Tunnel",
            State::Release(..) => "Release",
            State::Linger { .. } => "Linger",
            State::Closed => "Closed",
        }
    }

    /// What has come from each side and gone to the other, behind the heads.
    pub fn flows(&self) -> &Both<Flow> {
        &self.flows
    }

    /// Bytes that core holds.
    pub fn held(&self) -> usize {
        self.input.iter().chain(self.output.iter()).map(Buf::len).sum()
    }

    /// Room for what that side sends; for [`Op::Fill`].
    pub(crate) fn room(&mut self, side: Side, buffers: &mut Buffers) -> &mut [u8] {
        let heads = side == Side::Backend && self.phase() != Some(Phase::Exchange);
        let piece = self.deal().filter(|_| !heads).and_then(|deal| deal.manner.piece);
        self.input[side].room(piece.map(|piece| piece.get() as usize), buffers)
    }

    /// What that side is to be sent; for [`Op::Flush`].
    pub(crate) fn holding(&self, to: Side) -> &[u8] {
        self.output[to].bytes()
    }

    /// How much may be pulled from that side; for [`Op::Pull`].
    pub(crate) fn most(&self, from: Side) -> u64 {
        let piece = |deal: &Deal| deal.manner.piece.map_or(u64::MAX, |piece| piece.get().into());
        self.deal().map_or(u64::MAX, |deal| deal.bodies[from].most().min(piece(deal)))
    }

    /// What is asked in [`Op::Elect`], with the lease that failed.
    pub(crate) fn ask(&mut self) -> Option<(&Ask, Option<Lease>)> {
        let State::Deal(Phase::Elect, deal) = &self.state else { return None };
        Some((&deal.ask, self.lease.take()))
    }

    /// Which connection is wanted, for [`Op::Connect`].
    pub(crate) fn call(&self) -> Option<Call<'_>> {
        let State::Deal(Phase::Connect, deal) = &self.state else { return None };
        Some(Call { lease: self.lease.as_ref()?, dial: deal.dial, name: deal.name() })
    }

    /// Who has the session.
    pub(crate) fn leased(&self) -> Option<SeatId> {
        self.lease.as_ref().map(Lease::seat)
    }

    /// The lease to confirm, for [`Op::Confirm`].
    pub(crate) fn lease_mut(&mut self) -> Option<&mut Lease> {
        self.lease.as_mut()
    }

    /// Gives back every buffer that holds nothing.
    pub(crate) fn tidy(&mut self, buffers: &mut Buffers) {
        for buf in self.input.iter_mut().chain(self.output.iter_mut()) {
            buf.tidy(buffers);
        }
    }

    /// Sweeps the invariants; in debug builds only.
    pub(crate) fn check(&self) {
        let leased = self.lease.is_some();
        match &self.state {
            State::Deal(Phase::Elect, _) | State::Release(..) => {}
            State::Deal(..) | State::Tunnel(_) => {
                debug_assert!(leased, "{} without a lease", self.state());
            }
            State::Hello(_) | State::Request { .. } | State::Linger { .. } | State::Closed => {
                debug_assert!(!leased, "{} with a lease", self.state());
            }
        }
        debug_assert!(!self.is_closed() || self.held() == 0, "closed with bytes in hand");
        debug_assert!(!self.is_tunnel() || self.input.iter().all(Buf::is_empty), "bytes unjudged");
    }

    fn is_pending(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_pending)
    }

    fn holds(&self) -> Both<bool> {
        Both::from_fn(|side| !self.output[side].is_empty())
    }

    /// Notes the first thing that broke.
    fn note(&mut self, side: Side, fault: Fault) {
        self.fault.get_or_insert((side, fault));
    }

    fn deal(&self) -> Option<&Deal> {
        if let State::Deal(_, deal) = &self.state { Some(deal) } else { None }
    }

    fn phase(&self) -> Option<Phase> {
        if let State::Deal(phase, _) = self.state { Some(phase) } else { None }
    }

    fn enter(&mut self, next: Phase) {
        if let State::Deal(phase, _) = &mut self.state {
            *phase = next;
        }
    }
}

/// While it waits for others, a client is not read, and must be watched to be missed.
fn watch(blocked: OpSet) -> Option<Op> {
    let watch = Op::Watch(Side::Client);
    (!blocked.has(watch)).then_some(watch)
}

impl Phase {
    const fn name(self) -> &'static str {
        match self {
            Self::Elect => "Elect",
            Self::Connect => "Connect",
            Self::Secure => "Secure",
            Self::Offer => "Offer",
            Self::Answer => "Answer",
            Self::Exchange => "Exchange",
        }
    }
}
