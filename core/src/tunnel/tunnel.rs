//! Stage 5 of 6 · both directions of an open tunnel, and its clocks.

use super::flow::{End, Flow};
use crate::report::Close;
use crate::route::{Park, Terms};
use crate::time::{Millis, Time, Wait};
use crate::{Both, Fault, Op, OpSet, Side};

/// What an open tunnel is beside its two [`Flow`]s: they stand outside, because the counts outlive it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tunnel {
    /// The end of its life (R51).
    until: Time,
    stall: Millis,
    idle: Millis,
    half_closed: Millis,
    half_closes: bool,
    delay: Millis,
    carrier: Carrier,
    /// The side that is read first: the one that was not read last.
    turn: Side,
    /// The side that ended first.
    first: Option<Side>,
    /// What broke first since it is open: what broke before was got over.
    broken: Option<(Side, Fault)>,
}

/// What becomes of the carriers of a tunnel with nothing in flight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Carrier {
    /// They are kept for life.
    Owned,
    /// They are kept until the silence has lasted for the delay.
    Held,
    /// They are to be given back as soon as nothing can be moved.
    Due,
    /// They have been given back.
    Parked,
}

impl Tunnel {
    /// A tunnel that opens at `now`.
    pub fn open(terms: &Terms, now: Time) -> Self {
        let (carrier, delay) = match terms.park {
            Park::Never => (Carrier::Owned, Wait::FOREVER),
            Park::After(delay) => (Carrier::Parked, delay),
        };
        Self {
            until: now.after(terms.lifetime),
            stall: terms.answer.into(),
            idle: terms.idle.into(),
            half_closed: terms.half_closed.into(),
            half_closes: terms.half_closes,
            delay: delay.into(),
            carrier,
            turn: Side::Client,
            first: None,
            broken: None,
        }
    }

    /// The next move: out before in, so that what was read is written while it is at hand; parking
    /// last, when nothing can be moved. A side that has ended is read no more, and must be watched to be
    /// missed while the other one speaks. `holds` says for which sides core holds bytes.
    pub fn next(&self, flows: &Both<Flow>, holds: Both<bool>, blocked: OpSet) -> Option<Op> {
        let out = |from: Side| flows[from].outward(!from, holds[!from]);
        let into = |from: Side| flows[from].inward(from, holds[!from]);
        let watched = |side: Side| {
            let listens = flows[side].end() != End::Open && !flows[!side].is_over();
            listens.then_some(Op::Watch(side))
        };
        let order = [
            out(self.turn),
            out(!self.turn),
            into(self.turn),
            into(!self.turn),
            watched(self.turn),
            watched(!self.turn),
            (self.carrier == Carrier::Due && is_quiet(flows)).then_some(Op::Park),
        ];
        order.into_iter().flatten().find(|&op| !blocked.has(op))
    }

    /// Bytes came from that side: it is the other's turn, and the carriers are in use.
    pub fn pulled(&mut self, from: Side) {
        self.turn = !from;
        self.carrier = match self.carrier {
            Carrier::Owned => Carrier::Owned,
            Carrier::Held | Carrier::Due | Carrier::Parked if self.delay == Wait::ZERO.into() => {
                Carrier::Due
            }
            Carrier::Held | Carrier::Due | Carrier::Parked => Carrier::Held,
        };
    }

    /// The carriers have been given back.
    pub fn parked(&mut self) {
        self.carrier = Carrier::Parked;
    }

    /// That side has ended by itself: it sends nothing more, and neither does the other one where no half
    /// outlives the other (`proxy-nohalfclose`). What is in flight still goes out.
    pub fn finished(&mut self, side: Side, flows: &mut Both<Flow>, now: Time) {
        self.ended(side);
        flows[side].drain(now);
        if !self.half_closes {
            flows[!side].drain(now);
        }
    }

    /// That side has ended, by itself or by a fault.
    pub fn ended(&mut self, side: Side) {
        self.first.get_or_insert(side);
    }

    /// That side has broken.
    pub fn broke(&mut self, side: Side, fault: Fault) {
        self.ended(side);
        self.broken.get_or_insert((side, fault));
    }

    /// Why it ended, once both directions have.
    pub fn close(&self) -> Close {
        let ended = Close::Ended(self.first.unwrap_or(Side::Client));
        self.broken.map_or(ended, |(side, fault)| Close::Faulted(side, fault))
    }

    /// The earliest moment at which something is due; O(1).
    pub fn poll_timeout(&self, flows: &Both<Flow>, holds: Both<bool>) -> Time {
        let park = self.park_at(flows);
        self.ends(flows, holds).into_iter().fold(park, |earliest, (at, _)| earliest.min(at))
    }

    /// What is due at `now`: the end of the tunnel, with its reason, or only the parking.
    pub fn expire(&mut self, flows: &Both<Flow>, holds: Both<bool>, now: Time) -> Option<Close> {
        if self.park_at(flows) <= now {
            self.carrier = Carrier::Due;
        }
        self.ends(flows, holds).into_iter().find(|&(at, _)| at <= now).map(|(_, close)| close)
    }

    /// When each clock runs out, and what that means (R51, R52). A clock that is off never does.
    fn ends(&self, flows: &Both<Flow>, holds: Both<bool>) -> [(Time, Close); 5] {
        let quiet = last_moved(flows);
        let half_closed = Side::BOTH.into_iter().any(|side| flows[side].is_over());
        let half = if half_closed { quiet.after(self.half_closed.into()) } else { Time::NEVER };
        let stuck = |from: Side| {
            let flow = &flows[from];
            let waits = holds[!from] || flow.in_flight() > 0 || flow.end() == End::Drain;
            if waits && !flow.is_over() {
                flow.moved().after(self.stall.into())
            } else {
                Time::NEVER
            }
        };
        [
            (self.until, Close::Lifetime),
            (stuck(Side::Client), Close::Stalled(Side::Backend)),
            (stuck(Side::Backend), Close::Stalled(Side::Client)),
            (half, Close::HalfClosed),
            (quiet.after(self.idle.into()), Close::Idle),
        ]
    }

    fn park_at(&self, flows: &Both<Flow>) -> Time {
        if self.carrier == Carrier::Held && is_quiet(flows) {
            last_moved(flows).after(self.delay.into())
        } else {
            Time::NEVER
        }
    }
}

fn last_moved(flows: &Both<Flow>) -> Time {
    flows.client.moved().max(flows.backend.moved())
}

fn is_quiet(flows: &Both<Flow>) -> bool {
    flows.iter().all(|flow| flow.is_over() || flow.in_flight() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Side::{Backend, Client};

    const NONE: Both<bool> = Both { client: false, backend: false };

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    fn tunnel(change: impl FnOnce(&mut Terms)) -> (Tunnel, Both<Flow>) {
        let mut terms = Terms::DEFAULT;
        change(&mut terms);
        (Tunnel::open(&terms, Time::ZERO), Both::default())
    }

    #[test]
    fn what_came_in_goes_out_before_more_comes_in() {
        let (mut tunnel, mut flows) = tunnel(|_| ());
        assert_eq!(tunnel.next(&flows, NONE, OpSet::NONE), Some(Op::Pull(Client)));
        flows.client.add_pulled(5, at(1));
        tunnel.pulled(Client);
        assert_eq!(tunnel.next(&flows, NONE, OpSet::NONE), Some(Op::Push(Backend)));
        flows.client.add_pushed(5, at(1));
        assert_eq!(tunnel.next(&flows, NONE, OpSet::NONE), Some(Op::Pull(Backend)));
    }

    #[test]
    fn a_blocked_sink_does_not_stop_the_other_direction() {
        let (mut tunnel, mut flows) = tunnel(|_| ());
        flows.client.add_pulled(5, at(1));
        tunnel.pulled(Client);
        let mut blocked = OpSet::NONE;
        blocked.add(Op::Push(Backend));
        assert_eq!(tunnel.next(&flows, NONE, blocked), Some(Op::Pull(Backend)));
    }

    #[test]
    fn a_side_that_has_ended_is_watched_for_as_long_as_it_may_hear_something() {
        let (tunnel, mut flows) = tunnel(|_| ());
        assert_eq!(tunnel.next(&flows, NONE, all_pulls()), None);
        flows.client.drain(at(1));
        flows.client.shut(at(1));
        assert_eq!(tunnel.next(&flows, NONE, all_pulls()), Some(Op::Watch(Client)));
        flows.backend.cut(at(2));
        assert_eq!(tunnel.next(&flows, NONE, all_pulls()), None);
    }

    /// R51: each clock, alone, rings at its moment and says why.
    #[test]
    fn each_clock_ends_the_tunnel_with_its_reason() {
        let (mut idle, flows) = tunnel(|terms| terms.idle = Wait::from_secs(9));
        assert_eq!(idle.poll_timeout(&flows, NONE), at(9));
        assert_eq!(idle.expire(&flows, NONE, at(8)), None);
        assert_eq!(idle.expire(&flows, NONE, at(9)), Some(Close::Idle));

        let (mut life, mut flows) = tunnel(|terms| terms.lifetime = Wait::from_secs(7));
        flows.client.touch(at(6));
        assert_eq!(life.expire(&flows, NONE, at(7)), Some(Close::Lifetime));

        let (mut half, mut flows) = tunnel(|terms| terms.half_closed = Wait::from_secs(5));
        assert_eq!(half.poll_timeout(&flows, NONE), Time::NEVER);
        flows.client.drain(at(1));
        flows.client.shut(at(2));
        assert_eq!(half.expire(&flows, NONE, at(6)), None);
        assert_eq!(half.expire(&flows, NONE, at(7)), Some(Close::HalfClosed));
    }

    /// R52: the clock of a stuck write runs only while something is to be written, and restarts with every byte.
    #[test]
    fn a_stuck_write_ends_the_tunnel() {
        let (mut tunnel, mut flows) = tunnel(|terms| terms.answer = Wait::from_secs(3));
        assert_eq!(tunnel.poll_timeout(&flows, NONE), Time::NEVER);
        flows.backend.add_pulled(10, at(1));
        flows.backend.add_pushed(4, at(3));
        assert_eq!(tunnel.expire(&flows, NONE, at(5)), None);
        assert_eq!(tunnel.expire(&flows, NONE, at(6)), Some(Close::Stalled(Client)));
    }

    /// R52: a client that does not take the 101 itself is stuck, too.
    #[test]
    fn a_head_that_is_not_taken_ends_the_tunnel() {
        let (mut tunnel, flows) = tunnel(|terms| terms.answer = Wait::from_secs(3));
        let holds = Both { client: true, backend: false };
        let closed = tunnel.expire(&flows, holds, at(3));
        assert_eq!(closed, Some(Close::Stalled(Client)));
    }

    #[test]
    fn activity_in_either_direction_is_activity() {
        let (mut tunnel, mut flows) = tunnel(|terms| terms.idle = Wait::from_secs(9));
        flows.backend.touch(at(5));
        assert_eq!(tunnel.expire(&flows, NONE, at(13)), None);
        flows.client.touch(at(13));
        assert_eq!(tunnel.poll_timeout(&flows, NONE), at(22));
    }

    #[test]
    fn parks_at_once_without_a_delay() {
        let (mut tunnel, flows) = tunnel(|_| ());
        let blocked = all_pulls();
        assert_eq!(tunnel.next(&flows, NONE, blocked), None, "there is nothing to give back yet");
        tunnel.pulled(Client);
        assert_eq!(tunnel.next(&flows, NONE, OpSet::NONE), Some(Op::Pull(Backend)));
        assert_eq!(tunnel.next(&flows, NONE, blocked), Some(Op::Park));
        tunnel.parked();
        assert_eq!(tunnel.next(&flows, NONE, blocked), None);
    }

    #[test]
    fn parks_after_the_delay() {
        let (mut tunnel, mut flows) = tunnel(|terms| terms.park = Park::After(Wait::from_secs(2)));
        flows.client.touch(at(1));
        tunnel.pulled(Client);
        assert_eq!(tunnel.next(&flows, NONE, all_pulls()), None);
        assert_eq!(tunnel.poll_timeout(&flows, NONE), at(3));
        assert_eq!(tunnel.expire(&flows, NONE, at(3)), None);
        assert_eq!(tunnel.next(&flows, NONE, all_pulls()), Some(Op::Park));
        assert_eq!(
            tunnel.poll_timeout(&flows, NONE),
            Time::NEVER,
            "a spent clock must not ring again"
        );
    }

    #[test]
    fn never_parks_when_told_so() {
        let (mut tunnel, flows) = tunnel(|terms| terms.park = Park::Never);
        tunnel.pulled(Client);
        assert_eq!(tunnel.next(&flows, NONE, all_pulls()), None);
        assert_eq!(tunnel.poll_timeout(&flows, NONE), Time::NEVER);
    }

    fn all_pulls() -> OpSet {
        let mut blocked = OpSet::NONE;
        blocked.add(Op::Pull(Client));
        blocked.add(Op::Pull(Backend));
        blocked
    }
}
