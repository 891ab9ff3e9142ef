//! What must be true of every run, whatever engine made it: judged from events alone.
//!
//! `balancing` judges who of a balancer's members gets which requests, by what the `team` of them is known to do;
//! `streams` judges the bytes of tunnels and their ends, `missed` that nobody is served who has left, `prompt` knows
//! how soon; `requests` which answer belongs to whom, by help of the `guard`, who knows who may come in; `heads` what heads
//! bear, by the `edits` of a plan; `reports` what is told of all that, `sessions` clocks and leases, `crowd` how many
//! there are,
//! `clocks` when alarms are set, `tally` what the proxy counts, `held` how much core may hold. `links` knows which
//! session is whose; `met` counts what should happen sometimes.

#![expect(clippy::wildcard_enum_match_arm, reason = "each oracle looks at what concerns it")]

mod balancing;
mod clocks;
mod crowd;
mod cuts;
mod edits;
mod guard;
mod heads;
mod held;
mod links;
mod met;
mod missed;
mod prompt;
mod reports;
mod requests;
mod sessions;
mod streams;
mod tally;
mod team;
mod vain;

use std::collections::BTreeMap;
use std::fmt;

use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};

use crate::engine::Manners;
use crate::event::{Counts, Event, What, Who};
use crate::plan::{Fault, Plan};

use balancing::Balancing;
use clocks::Clocks;
use crowd::Crowd;
use cuts::Cuts;
use heads::Heads;
use links::Links;
pub use met::{MARKS, Met};
use missed::Missed;
use prompt::Prompt;
use reports::Reports;
use requests::Requests;
use sessions::Sessions;
use streams::Streams;
use tally::Tally;

/// Something that must not happen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// What kind of thing: a plan is cut down only as long as this stays.
    pub kind: Kind,
    /// When.
    pub at: Time,
    /// To whom.
    pub who: Who,
    /// What it was.
    pub why: String,
}

/// What kind of thing must not happen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Something was written behind a FIN.
    AfterEnd,
    /// A request came to a member of a balancer whose turn it was not.
    Astray,
    /// So much happens that it never ends.
    Busy,
    /// A count is wrong, or something lent is not given back.
    Count,
    /// What was recorded of a session does not replay.
    Diverged,
    /// A clock rang before its time.
    Early,
    /// An answer belongs to another request, or to none.
    Foreign,
    /// More is held than may be.
    Held,
    /// A direction ended although nothing ended it.
    Invented,
    /// A clock rang too late, or never.
    Late,
    /// Bytes are missing from what ended well.
    Lost,
    /// A request went over a connection that was made to another host.
    Mistaken,
    /// An assertion of core's, or of the engine's, failed.
    Panic,
    /// A request that nothing hinders got no answer.
    Refused,
    /// A backend got a request twice that must not be sent twice.
    Repeated,
    /// Bytes reached a backend before they may.
    Smuggled,
    /// Something does not finish.
    Stuck,
    /// A head does not bear what the configuration makes of it.
    Unedited,
    /// What was done is not what is reported of it.
    Untold,
    /// Bytes are not those that were sent.
    Wrong,
}

/// What is left at the end of a run, when nothing more can happen.
#[derive(Clone, Debug)]
pub struct Left {
    /// Clients that are not over, and what they do.
    pub clients: Vec<(u32, &'static str)>,
    /// Connections of backends that are not over.
    pub servings: u32,
    /// What the proxy has lent.
    pub counts: Counts,
}

/// Everything that judges one run.
#[derive(Debug)]
pub struct Oracle {
    found: Found,
    faults: Vec<Fault>,
    /// How far the proxy's clock is ahead.
    ahead: Wait,
    links: Links,
    /// Of a plan that has a balancer.
    balancing: Option<Balancing>,
    crowd: Crowd,
    cuts: Cuts,
    heads: Heads,
    missed: Missed,
    streams: Streams,
    reports: Reports,
    requests: Requests,
    sessions: Sessions,
    clocks: Clocks,
    tally: Tally,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    violations: Vec<Violation>,
    met: Met,
}

impl Oracle {
    /// Judges runs of that plan, under those rules, by an engine that is so exact.
    pub fn new(plan: &Plan, rules: &Rules, manners: Manners) -> Self {
        let prompt = Prompt::of(plan, manners);
        Self {
            found: Found::default(),
            faults: plan.faults.iter().map(|timed| timed.fault.clone()).collect(),
            ahead: Wait::ZERO,
            links: Links::default(),
            balancing: Balancing::of(plan, rules, manners.tick),
            crowd: Crowd::new(plan, rules),
            cuts: Cuts::default(),
            heads: Heads::new(plan),
            missed: Missed::new(prompt.missed),
            streams: Streams::new(prompt),
            reports: Reports::default(),
            requests: Requests::new(plan, rules),
            sessions: Sessions::new(plan, rules, manners),
            clocks: Clocks::new(rules, manners.tick),
            tally: Tally::new(rules),
        }
    }

    /// Judges what happens.
    pub fn see(&mut self, event: &Event) {
        if let What::Fault(number) = event.what {
            let fault = &self.faults[number];
            self.balancing.as_mut().into_iter().for_each(|it| it.suffers(fault, event.at));
            if let Fault::ClockJump(by) = fault {
                self.ahead = self.ahead.plus(Wait::from_millis(u64::from(*by)));
                self.sessions.jumps(&mut self.found);
            }
        }
        match event.what {
            What::GivesUp => {
                self.found.violate(Kind::Stuck, event, "nothing comes any more".into())
            }
            What::Wrong(good) => {
                self.found.violate(Kind::Wrong, event, format!("behind {good} good bytes"));
            }
            What::Mistaken => {
                let why = "the connection was made to another host".into();
                self.found.violate(Kind::Mistaken, event, why);
            }
            What::Smuggled(count) => {
                self.found.violate(Kind::Smuggled, event, format!("{count} bytes"));
            }
            _ => {}
        }
        self.sessions.see(event, event.at.after(self.ahead), &mut self.found);
        self.clocks.see(event, event.at.after(self.ahead), &mut self.found);
        self.tally.see(event, &mut self.found);
        self.links.see(event);
        self.crowd.see(event, &self.links, &mut self.found);
        self.cuts.see(event, &mut self.found);
        if let Some(balancing) = &mut self.balancing {
            balancing.see(event, &self.links, &mut self.found);
        }
        self.heads.see(event, &mut self.found);
        self.missed.see(event, &self.links, &mut self.found);
        self.streams.see(event, &self.links, &mut self.found);
        self.reports.see(event, &self.links, &mut self.found);
        self.requests.see(event, &mut self.found);
    }

    /// Something that should happen sometimes has happened.
    pub fn met(&mut self, what: &'static str) {
        self.found.met.add(what);
    }

    /// The run is cut off, because it does not end by itself.
    pub fn busy(&mut self, at: Time) {
        let why = "too much happens".to_owned();
        self.finds(Violation { kind: Kind::Busy, at, who: Who::Network, why });
    }

    /// Something was found by who knows more than events tell.
    pub fn finds(&mut self, violation: Violation) {
        self.found.violations.push(violation);
    }

    /// Judges what is left; gives all that was found.
    pub fn end(mut self, at: Time, left: &Left) -> (Vec<Violation>, Met) {
        let Counts { sessions, busy, pending, buffers, idle } = left.counts;
        let counts = [
            ("sessions", sessions, Kind::Stuck),
            ("connections of backends", left.servings, Kind::Stuck),
            ("leases", busy, Kind::Count),
            ("handshakes", pending, Kind::Count),
            ("buffers", buffers, Kind::Count),
            ("idle connections", idle, Kind::Count),
        ];
        for (id, doing) in &left.clients {
            let (who, why) = (Who::Client(*id), format!("is still {doing}"));
            self.found.violations.push(Violation { kind: Kind::Stuck, at, who, why });
        }
        for (what, count, kind) in counts {
            if count > 0 {
                let why = format!("{count} {what} are left at the end");
                self.found.violations.push(Violation { kind, at, who: Who::Network, why });
            }
        }
        self.streams.end(&mut self.found);
        self.reports.end(at, &mut self.found);
        (self.found.violations, self.found.met)
    }
}

impl Found {
    fn violate(&mut self, kind: Kind, event: &Event, why: String) {
        // The first ones tell the story.
        if self.violations.len() < VIOLATIONS_MOST {
            self.violations.push(Violation { kind, at: event.at, who: event.who, why });
        }
    }

    fn meet(&mut self, what: &'static str, is: bool) {
        if is {
            self.met.add(what);
        }
    }
}

/// Violations of one run that are kept.
const VIOLATIONS_MOST: usize = 20;

/// Something for each of several.
type Each<T> = BTreeMap<u32, T>;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}, {}: {}", self.kind, self.at, self.who, self.why)
    }
}
