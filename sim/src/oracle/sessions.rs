//! The proxy's sessions: every clock rings when it should, every lease comes back, and no more is held
//! than may be.

use std::num::NonZeroU32;

use underpass_core::limits::Pace;
use underpass_core::negotiate::Refusal;
use underpass_core::report::{Close, Report};
use underpass_core::route::{Balancer, Rules, Terms};
use underpass_core::time::{Time, Wait};
use underpass_core::{Both, Dial, Fault, Op, Side};

use super::held::Bound;
use super::vain::Vain;
use super::{Each, Found, Kind};
use crate::engine::Manners;
use crate::event::{Counts, Event, Rest, What, Who};
use crate::outcome::Outcome;
use crate::plan::Plan;

/// The sessions of a run.
#[derive(Debug)]
pub(super) struct Sessions {
    live: Each<Live>,
    terms: Vec<Terms>,
    head: Pace,
    /// How late a clock may ring.
    tick: Wait,
    bound: Bound,
    /// As many sessions as each worker takes at least; of the members of balancers, `Balancing` knows more.
    most: u32,
    /// Somebody waits for a worker although each has a place.
    vain: Vain,
}

/// A session that is not over.
#[derive(Debug, Default)]
struct Live {
    rest: Option<Rest>,
    /// When something last moved, by the proxy's clock.
    moved: Time,
    /// When it began to wait for a worker.
    waits: Option<Time>,
    /// When its backend was connected.
    dialled: Time,
    /// The connection that it has is one that was kept.
    reuses: bool,
    /// Sides that were told that nothing more comes.
    shut: Both<bool>,
    under_way: Both<u64>,
    /// When each side of the tunnel broke as one that sends.
    broke: Both<Option<Time>>,
    /// Pieces that came of the backend's head.
    pieces: u32,
    answered: bool,
}

impl Sessions {
    pub(super) fn new(plan: &Plan, rules: &Rules, manners: Manners) -> Self {
        let host = rules.main();
        let forwards = host.rules.iter().filter_map(|rule| rule.action.forward());
        Self {
            live: Each::new(),
            terms: forwards.map(|forward| Terms::of(forward, &host.scope, host.timeout)).collect(),
            head: host.limits.head,
            tick: manners.tick,
            bound: Bound::of(plan),
            most: least(rules),
            vain: Vain::default(),
        }
    }

    /// The clock has jumped: what is due now could not be told before.
    pub(super) fn jumps(&mut self, found: &mut Found) {
        for live in self.live.values_mut() {
            let tunnel = live.rest.is_some_and(|rest| rest.state == "Tunnel");
            found.meet("the clock jumped while a tunnel was open", tunnel);
            live.rest = live.rest.map(|rest| Rest { deadline: None, ..rest });
            live.broke = Both::default();
        }
    }

    /// Judges what happens at that moment of the proxy's clock.
    pub(super) fn see(&mut self, event: &Event, clock: Time, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Session(number), What::Accepts(..)) => {
                self.live.insert(number, Live { moved: clock, ..Live::default() });
            }
            (Who::Session(number), What::Gone) => {
                self.live.remove(&number);
            }
            (Who::Session(number), _) => self.session(number, event, clock, found),
            (_, What::Counts(counts)) => {
                self.counts(counts, event, found);
                self.queue(counts, event, found);
            }
            (_, What::Forgets(_)) => found.met.add("an idle connection was forgotten"),
            _ => {}
        }
    }

    fn session(&mut self, number: u32, event: &Event, clock: Time, found: &mut Found) {
        let Some(live) = self.live.get_mut(&number) else { return };
        match &event.what {
            What::Makes(op, outcome) => {
                if matches!(outcome, Outcome::Elected(_)) {
                    self.vain.ends();
                }
                live.makes(*op, *outcome, clock, event, found);
            }
            What::Dials(dial, outcome) => live.dials(*dial, *outcome, clock, found),
            What::Reports(told) => {
                let wait = |of: fn(&Terms) -> Wait| self.terms.iter().map(of).min();
                live.reports(&told.0, wait, &self.head, event, found);
            }
            What::Rests(rest) => {
                let stall = self.terms.iter().map(|terms| terms.answer).max().unwrap_or_default();
                let most = self.bound.bytes(rest.state);
                live.rests(*rest, self.tick, most, event, found);
                live.ends(*rest, self.tick.plus(stall), event, found);
            }
            _ => {}
        }
    }

    /// Nobody waits for a worker that has a place, but for as long as it takes to be told.
    fn queue(&mut self, counts: &Counts, event: &Event, found: &mut Found) {
        let waits =
            |live: &Live| live.rest.is_some_and(|rest| rest.state == "Elect" && !rest.again);
        let in_vain = counts.busy < self.most && self.live.values().any(waits);
        if let Some(since) = self.vain.look(in_vain, event.at, self.tick) {
            let why = format!("somebody waits for a worker since {since}, and each has a place");
            found.violate(Kind::Late, event, why);
        }
    }

    /// A lease is out for each session that has one, and for no other.
    fn counts(&self, counts: &Counts, event: &Event, found: &mut Found) {
        let states = |wanted: &'static [&str]| {
            let rests = self.live.values().filter_map(|live| live.rest);
            rests.filter(|rest| wanted.contains(&rest.state)).count() as u32
        };
        let leased = states(&["Connect", "Secure", "Offer", "Answer", "Exchange", "Tunnel"]);
        // One that was pumped to the end of its budget may have a failed lease in hand.
        let asking = states(&["Elect", "Release"]);
        if counts.busy < leased || counts.busy > leased + asking {
            let why = format!("{} leases are out for {leased} sessions", counts.busy);
            found.violate(Kind::Count, event, why);
        }
        let live = self.live.len() as u32;
        if counts.sessions != live {
            let why = format!("{} sessions of {live}", counts.sessions);
            found.violate(Kind::Count, event, why);
        }
        let buffers = |live: &Live| live.rest.map_or(0, |rest| Bound::buffers(rest.state));
        let most: u32 = self.live.values().map(buffers).sum();
        if counts.buffers > most {
            let why = format!("{} buffers are leased of {most} that may be", counts.buffers);
            found.violate(Kind::Held, event, why);
        }
    }
}

/// As many sessions as each worker takes whom anybody may have that is sent there.
fn least(rules: &Rules) -> u32 {
    if rules.balancers.iter().any(Balancer::is_group) {
        return 0;
    }
    rules.workers.iter().map(|it| it.most.map_or(u32::MAX, NonZeroU32::get)).min().unwrap_or(0)
}

impl Live {
    fn state(&self) -> &'static str {
        self.rest.map_or("Hello", |rest| rest.state)
    }

    fn makes(&mut self, op: Op, outcome: Outcome, clock: Time, event: &Event, found: &mut Found) {
        match op {
            Op::Flush(to) | Op::Push(to) if self.shut[to] => {
                found.violate(Kind::AfterEnd, event, format!("{op} behind the end"));
            }
            Op::Shut(to) if outcome == Outcome::Done => self.shut[to] = true,
            Op::Elect if outcome == Outcome::Pending => {
                self.waits.get_or_insert(clock);
                found.met.add("a full worker made a request wait");
            }
            Op::Flush(Side::Client) if self.state() == "Answer" && self.pieces > 0 => {
                found.meet("an interim response came first", !self.answered);
            }
            Op::Confirm => self.answered = true,
            Op::Fill(Side::Backend) if self.state() == "Answer" && !self.answered => {
                self.pieces += 1;
            }
            _ => {}
        }
        if let Outcome::Moved(count) = outcome {
            match op {
                Op::Pull(from) => self.under_way[from] += u64::from(count),
                Op::Push(to) => {
                    self.under_way[!to] = self.under_way[!to].saturating_sub(u64::from(count));
                }
                _ => {}
            }
        }
        if let Outcome::Broke(fault) = outcome {
            self.breaks(op, fault, found);
            if let (Op::Pull(side), "Tunnel") = (op, self.state()) {
                self.broke[side] = Some(clock);
            }
        }
        if let (Op::Pull(from), Outcome::Moved(_)) = (op, outcome)
            && self.broke[!from].is_some()
        {
            let why = format!("the {from} is read for the {}, which is gone", !from);
            found.violate(Kind::AfterEnd, event, why);
        }
        if outcome != Outcome::Pending && !matches!(op, Op::Confirm | Op::Park) {
            self.moved = clock;
        }
    }

    fn breaks(&self, op: Op, fault: Fault, found: &mut Found) {
        let tunnel = self.state() == "Tunnel";
        let under_way = self.under_way.client + self.under_way.backend > 0;
        found.meet("a fault while bytes were under way", tunnel && under_way);
        found.meet("the peer of a connection was lost without a word", fault == Fault::TimedOut);
        let watched = matches!(op, Op::Watch(_));
        found.meet("a client broke while others were waited for", watched && !tunnel);
        found.meet("a side that had ended broke, and the other had not", watched && tunnel);
        let (Op::Fill(side) | Op::Pull(side) | Op::Flush(side) | Op::Push(side)) = op else {
            return;
        };
        let stuck = self.under_way[side] > 0 || self.under_way[!side] > 0;
        found.meet("a reset while the other side did not read", tunnel && stuck);
        found.meet("a tunnel broke on the side of the client", tunnel && side == Side::Client);
        found.meet("a tunnel broke on the side of the backend", tunnel && side == Side::Backend);
    }

    fn dials(&mut self, dial: Dial, outcome: Outcome, clock: Time, found: &mut Found) {
        let done = outcome == Outcome::Done;
        let none = outcome == Outcome::Broke(Fault::Resources);
        found.meet("a backend could not be dialled for want of descriptors", none);
        found.meet("an idle connection served again", done && dial == Dial::Idle);
        let next = matches!(dial, Dial::Address(number) if number > 0);
        found.meet("the next address was dialled", done && next);
        let early = self.rest.is_some_and(|rest| rest.held > EARLY);
        found.meet("early bytes waited while an address failed", !done && early);
        let stale = "an idle connection was stale, and the request was sent once more";
        found.meet(stale, done && self.reuses && dial != Dial::Idle);
        if done {
            self.reuses = dial == Dial::Idle;
        }
        self.shut.backend = false;
        (self.dialled, self.moved) = (clock, clock);
    }

    fn rests(&mut self, rest: Rest, tick: Wait, most: usize, event: &Event, found: &mut Found) {
        let before = self.rest.replace(rest);
        let late = before.and_then(|before| before.deadline).filter(|_| !rest.again);
        if let Some(deadline) = late.filter(|at| at.after(tick) < rest.clock) {
            let why = format!("{} was due at {deadline}", before.map_or("", |before| before.state));
            found.violate(Kind::Late, event, why);
        }
        if rest.deadline.is_some_and(|at| at < rest.clock) && !rest.again {
            found.violate(Kind::Late, event, "what was due was not done".to_owned());
        }
        let grows = before.is_some_and(|before| {
            before.state == "Tunnel" && rest.state == "Tunnel" && rest.held > before.held
        });
        if grows || rest.held as usize > most {
            found.violate(Kind::Held, event, format!("{} bytes in {}", rest.held, rest.state));
        }
        let dialling = before.is_some_and(|before| before.state == "Connect");
        let timed = before.and_then(|before| before.deadline).is_some_and(|at| at <= rest.clock);
        found.meet("a connect took longer than it may", dialling && timed);
    }

    /// Where one side has broken, the other is told all that it has sent, and then the end: sooner, or as
    /// soon as it has not read for too long.
    fn ends(&self, rest: Rest, most: Wait, event: &Event, found: &mut Found) {
        let broke = self.broke.client.or(self.broke.backend).filter(|_| rest.state == "Tunnel");
        if let Some(at) = broke.filter(|at| self.moved.max(*at).after(most) < rest.clock) {
            found.violate(
                Kind::Late,
                event,
                format!("one side broke at {at}, and the other lives"),
            );
        }
    }

    fn reports(
        &mut self,
        report: &Report,
        wait: impl Fn(fn(&Terms) -> Wait) -> Option<Wait>,
        head: &Pace,
        event: &Event,
        found: &mut Found,
    ) {
        let (since, least) = match report.close {
            Close::Idle => (self.moved, wait(|terms| terms.idle)),
            Close::HalfClosed => (self.moved, wait(|terms| terms.half_closed)),
            Close::Lifetime => (report.answered.unwrap_or_default(), wait(|terms| terms.lifetime)),
            Close::Refused(Refusal::LateAnswer) => (self.dialled, wait(|terms| terms.answer)),
            Close::Refused(Refusal::LateWorker) => {
                (self.waits.unwrap_or(report.began), wait(|terms| terms.acquire))
            }
            Close::Refused(Refusal::Late) => (report.began, Some(head.first)),
            _ => (Time::ZERO, None),
        };
        let waited = report.ended.since(since);
        // A span in whole milliseconds is rounded up: never shorter than it says.
        if least.is_some_and(|least| waited < least) {
            found.violate(Kind::Early, event, format!("{} after {waited}", report.close));
        }
        self.remember(report, found);
        (self.waits, self.answered, self.pieces, self.reuses) = (None, false, 0, false);
        self.shut.backend = false;
        self.under_way = Both::default();
        self.broke = Both::default();
    }

    fn remember(&self, report: &Report, found: &mut Found) {
        let refusal = if let Close::Refused(refusal) = report.close { Some(refusal) } else { None };
        let open = report.status == 101;
        let all = [
            ("a 101 came in pieces", open && self.pieces > 1),
            ("a body was cut", matches!(report.close, Close::Cut(_))),
            ("a half-closed tunnel ran out of time", report.close == Close::HalfClosed),
            ("a silent tunnel ran out of time", report.close == Close::Idle),
            ("a side that did not read was given up", matches!(report.close, Close::Stalled(_))),
            ("a tunnel had lived for as long as it may", report.close == Close::Lifetime),
            ("a tunnel ended well", matches!(report.close, Close::Ended(_))),
            ("an answer came too late", refusal == Some(Refusal::LateAnswer)),
            ("no rule took a request", refusal == Some(Refusal::NoRule)),
            ("no worker was free in time", refusal == Some(Refusal::LateWorker)),
            ("the client's head came too slowly", refusal == Some(Refusal::Late)),
            (
                "an answer was no HTTP, or a lie",
                matches!(refusal, Some(Refusal::BadAnswer(_) | Refusal::Nonsense(_))),
            ),
        ];
        all.into_iter().for_each(|(what, is)| found.meet(what, is));
    }
}

/// What is held beyond a head of this crate's, and so is early bytes.
const EARLY: u32 = 300;
