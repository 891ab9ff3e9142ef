//! No alarm is set later than the configuration says, judged by what the session was seen to do.

use underpass_core::limits::LINGER;
use underpass_core::route::{Rules, Terms};
use underpass_core::time::{Time, Wait};
use underpass_core::{Both, Op};

use super::{Each, Found, Kind};
use crate::event::{Event, Rest, What, Who};
use crate::outcome::Outcome;

/// The alarms of a run.
#[derive(Debug)]
pub(super) struct Clocks {
    live: Each<Seen>,
    most: Most,
    /// How much later than what causes it an alarm may be set.
    tick: Wait,
}

/// How long each thing may take, where it may take longest.
#[derive(Debug)]
struct Most {
    handshake: Wait,
    /// A head, or the silence before it.
    head: Wait,
    acquire: Wait,
    connect: Wait,
    answer: Wait,
    idle: Wait,
    half_closed: Wait,
    /// How long a tunnel may live.
    lifetime: Wait,
}

/// What a session was seen to do.
#[derive(Debug, Default)]
struct Seen {
    state: &'static str,
    /// When the state was entered, and when something last moved, or the state did.
    entered: Time,
    moved: Time,
    /// When the present head began, or the wait for it.
    head: Time,
    /// It has begun.
    begun: bool,
    under_way: Both<u64>,
    shut: Both<bool>,
    broken: bool,
    /// When its alarm rings.
    rings: Time,
}

impl Clocks {
    pub(super) fn new(rules: &Rules, tick: Wait) -> Self {
        let host = rules.main();
        let forwards = || host.rules.iter().filter_map(|rule| rule.action.forward());
        let terms = || forwards().map(|forward| Terms::of(forward, &host.scope, host.timeout));
        let most =
            |of: fn(&Terms) -> Wait| terms().map(|terms| of(&terms)).max().unwrap_or(Wait::FOREVER);
        let most = Most {
            handshake: host.limits.handshake,
            head: host.limits.head.most.max(host.limits.keep_alive),
            acquire: most(|terms| terms.acquire),
            connect: most(|terms| terms.connect),
            answer: most(|terms| terms.answer),
            idle: most(|terms| terms.idle),
            half_closed: most(|terms| terms.half_closed),
            lifetime: most(|terms| terms.lifetime),
        };
        Self { live: Each::new(), most, tick }
    }

    /// Judges what happens at that moment of the proxy's clock.
    pub(super) fn see(&mut self, event: &Event, clock: Time, found: &mut Found) {
        let Who::Session(number) = event.who else { return };
        let seen = self.live.entry(number).or_default();
        match &event.what {
            What::Accepts(..) => *seen = Seen { moved: clock, head: clock, ..Seen::default() },
            What::Makes(op, outcome) => seen.makes(*op, *outcome, clock),
            What::Dials(..) => seen.moved = clock,
            What::Reports(_) => {
                *seen = Seen { state: seen.state, moved: clock, head: clock, ..Seen::default() };
            }
            What::Rests(rest) => seen.rests(rest, &self.most, self.tick, event, found),
            What::Gone => drop(self.live.remove(&number)),
            _ => {}
        }
    }
}

impl Seen {
    fn makes(&mut self, op: Op, outcome: Outcome, clock: Time) {
        match (op, outcome) {
            (_, Outcome::Pending) => return,
            (_, Outcome::Broke(_)) => self.broken = true,
            (Op::Shut(side), _) => self.shut[side] = true,
            (Op::Pull(from), Outcome::Moved(count)) => self.under_way[from] += u64::from(count),
            (Op::Push(to), Outcome::Moved(count)) => {
                self.under_way[!to] = self.under_way[!to].saturating_sub(count.into());
            }
            (Op::Fill(_), _) if !std::mem::replace(&mut self.begun, true) => self.head = clock,
            _ => {}
        }
        self.moved = clock;
    }

    fn rests(&mut self, rest: &Rest, most: &Most, tick: Wait, event: &Event, found: &mut Found) {
        // An address that does not answer in time is given up for the next one.
        let next_address = rest.state == "Connect" && self.rings <= rest.clock;
        if self.state != rest.state || next_address {
            (self.state, self.moved, self.entered) = (rest.state, rest.clock, rest.clock);
        }
        let latest = self.latest(rest, most);
        let set = rest.deadline.unwrap_or(Time::NEVER);
        self.rings = set;
        if set > latest.after(tick) && !rest.again {
            let why = format!("the alarm of {} is set for {set}, after {latest}", rest.state);
            found.violate(Kind::Late, event, why);
        }
    }

    /// When the next alarm must ring at the latest.
    fn latest(&self, rest: &Rest, most: &Most) -> Time {
        match rest.state {
            "Hello" => self.head.after(most.handshake),
            "Request" => self.head.after(most.head),
            "Elect" => self.moved.after(most.acquire),
            // The handshake has what the connect has left of its time.
            "Connect" | "Secure" => self.moved.after(most.connect),
            "Offer" | "Answer" | "Exchange" => self.moved.after(most.answer),
            "Linger" => self.moved.after(LINGER),
            "Tunnel" => {
                self.moved.after(self.silence(rest, most)).min(self.entered.after(most.lifetime))
            }
            _ => Time::NEVER,
        }
    }

    /// How long a tunnel may be as it is (R51, R52).
    fn silence(&self, rest: &Rest, most: &Most) -> Wait {
        let half_closed = self.shut.client || self.shut.backend;
        // What was under way to a side that broke is waited for no more.
        let stuck = !self.broken && (rest.held > 0 || self.under_way != Both::default());
        let half_closed = if half_closed { most.half_closed } else { Wait::FOREVER };
        let stuck = if stuck { most.answer } else { Wait::FOREVER };
        most.idle.min(half_closed).min(stuck)
    }
}
