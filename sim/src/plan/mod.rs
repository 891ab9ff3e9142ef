//! Plans: everything about a run, as data. A run is a pure function of its plan; a seed only draws one.
//!
//! `client` is what clients do, `reply` what backends answer, `fault` what goes wrong and when. A plan
//! is JSON, so that it can be kept, cut down by hand, and run again by anybody.

mod client;
mod fault;
mod reply;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use underpass_core::config::{self, Input, Nowhere};
use underpass_core::route::Rules;

pub use client::{Ask, Client, Kind, Op, Upload};
pub use fault::{End, Fault, Leg, Link, Timed, Way};
pub use reply::{Answer, Framing, Pace, Reply, Then};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;

/// A run, before it is run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// The scenario that drew it; nothing depends on it.
    pub scenario: String,
    /// The seed that it was drawn from; nothing depends on it.
    pub seed: u64,
    /// The proxy's configuration, line by line.
    pub config: Vec<String>,
    /// How many loops the proxy has.
    pub loops: u32,
    /// How the network behaves.
    pub network: Network,
    /// The backends that the configuration may name.
    pub backends: Vec<Backend>,
    /// The clients.
    pub clients: Vec<Client>,
    /// What goes wrong.
    pub faults: Vec<Timed>,
}

/// How the network behaves while nothing is wrong with it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What the streams of chance of its connections begin with; each connection has its own.
    pub chance: u64,
    /// The shortest and the longest way of a segment, in microseconds.
    pub latency: [u32; 2],
    /// Bytes of one segment, at the most.
    pub segment: u32,
    /// Bytes between one end's write and the other's read, at the most, in each direction.
    pub window: u32,
    /// Bytes that one call of the proxy's moves, at the most.
    pub call: u32,
    /// The proxy's sockets say "not now" once in so many times although they could; 0 is never.
    pub hesitates: u32,
    /// Whose connections speak TLS, and how.
    #[serde(default)]
    pub tls: Tls,
    /// How long a loop of the proxy sleeps on, in microseconds, after what should wake it.
    pub lag: u32,
}

/// Whose connections with the proxy speak TLS; of backends the configuration says it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The clients'.
    pub clients: bool,
    /// Clients and backends end without saying so once in so many times; 0 is never.
    pub rude: u32,
}

/// A backend.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// Its name, as the configuration's URLs have it.
    pub name: String,
    /// How many of its addresses refuse, before the one that does not.
    pub dead: u8,
}

/// Why a plan cannot be run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadPlan(String);

impl Plan {
    /// Reads a plan from its JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, or with the plan.
    pub fn parse(text: &str) -> Result<Self, BadPlan> {
        let plan: Self = serde_json::from_str(text).map_err(|error| BadPlan(error.to_string()))?;
        plan.rules().map(|_| plan)
    }

    /// Reads a plan from a file.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, or with the plan in it.
    pub fn load(path: &Path) -> Result<Self, BadPlan> {
        let named = |why: &dyn fmt::Display| BadPlan(format!("{}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| named(&error))?;
        Self::parse(&text).map_err(|bad| named(&bad))
    }

    /// The plan as JSON that a person can edit.
    ///
    /// # Panics
    ///
    /// Never: every plan can be written.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a plan has string keys only");
        text.push('\n');
        text
    }

    /// The plan on one line.
    ///
    /// # Panics
    ///
    /// Never: every plan can be written.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("a plan has string keys only")
    }

    /// What the configuration says, once the whole plan has been looked at.
    ///
    /// # Errors
    ///
    /// The first thing that makes the plan one that cannot be run.
    pub fn rules(&self) -> Result<Rules, BadPlan> {
        self.check()?;
        let line = |text: &String| Input::Line { name: "the plan".into(), text: text.clone() };
        let lines: Vec<_> = self.config.iter().map(line).collect();
        let read = config::load(&mut Nowhere, &lines, &[]);
        let rules = read.map_err(|bad| BadPlan(bad[0].to_string()))?.rules;
        let mut members = rules.workers.iter().filter_map(|worker| worker.member.as_ref());
        match members.find(|member| member.expansion.is_some()) {
            Some(member) => {
                let why = "names have one address in a plan, and nobody resolves them";
                Err(BadPlan(format!("{}: addresses=all: {why}", member.target)))
            }
            None => Ok(rules),
        }
    }

    /// What the configuration says after so many reloads: the same, but other things stand before it, and they are others
    /// each time. So nothing of it has the number that it would have by itself.
    ///
    /// # Errors
    ///
    /// Those of [`rules`](Self::rules).
    pub fn reloaded(&self, times: u32) -> Result<Rules, BadPlan> {
        let others = [
            format!("<Location /other{times}>"),
            "ProxyWebsocketMaxTunnels 1".to_owned(),
            "</Location>".to_owned(),
            format!("<Proxy balancer://other{times}>"),
            format!("BalancerMember http://other{times}/ route=other"),
            "BalancerMember http://other/".to_owned(),
            "ProxySet stickysession=OTHER".to_owned(),
            "</Proxy>".to_owned(),
            format!("ProxyPass /other{times}/ balancer://other{times}/"),
            format!("ProxyPass /alone/ http://alone{times}/"),
        ];
        let (config, faults) =
            (others.into_iter().chain(self.config.clone()).collect(), Vec::new());
        Self { config, faults, ..self.clone() }.rules()
    }

    /// What the plan says about that client.
    pub fn client(&self, id: u32) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The request that stands at that place of that client's script.
    pub fn ask(&self, client: u32, at: usize) -> Option<&Ask> {
        if let Op::Ask(ask) = self.client(client)?.script.get(at)? { Some(ask) } else { None }
    }

    /// All requests of all clients.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        let ops = self.clients.iter().flat_map(|client| &client.script);
        ops.filter_map(|op| if let Op::Ask(ask) = op { Some(&**ask) } else { None })
    }

    fn check(&self) -> Result<(), BadPlan> {
        let network = &self.network;
        let none = |what: &str| Err(BadPlan(format!("{what} must not be 0")));
        match () {
            () if self.version != VERSION => {
                Err(BadPlan(format!("version {}: only {VERSION} is known", self.version)))
            }
            () if self.loops == 0 => none("loops"),
            () if network.segment == 0 => none("network.segment"),
            () if network.window == 0 => none("network.window"),
            () if network.call == 0 => none("network.call"),
            () if network.latency[0] > network.latency[1] => {
                Err(BadPlan("network.latency: the shortest is longer than the longest".into()))
            }
            () => self.check_names(),
        }
    }

    fn check_names(&self) -> Result<(), BadPlan> {
        let mut clients = BTreeSet::new();
        for client in &self.clients {
            if !clients.insert(client.id) {
                return Err(BadPlan(format!("there are two clients {}", client.id)));
            }
            client.script.iter().try_for_each(|op| self.check_op(op))?;
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.backends.iter().find(|backend| !names.insert(&backend.name)) {
            return Err(BadPlan(format!("there are two backends {}", twice.name)));
        }
        self.faults.iter().try_for_each(|timed| timed.fault.check())
    }

    fn check_op(&self, op: &Op) -> Result<(), BadPlan> {
        let Op::Ask(ask) = op else { return op.pace().map_or(Ok(()), Pace::check) };
        ask.reply.pace.as_ref().map_or(Ok(()), Pace::check)?;
        let is_field = |line: &&String| line.contains(": ") && !line.contains(char::is_control);
        if let Some(line) = ask.fields.iter().chain(&ask.reply.fields).find(|line| !is_field(line))
        {
            return Err(BadPlan(format!("{line:?} is no field")));
        }
        let begins = ask.tail.is_empty() || ask.tail.starts_with([';', '?']);
        if !begins || !ask.tail.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
            return Err(BadPlan(format!("{:?} does not stand behind a path", ask.tail)));
        }
        let Answer::Switch { script, .. } = &ask.reply.answer else { return Ok(()) };
        if script.iter().any(|op| matches!(op, Op::Ask(_) | Op::Garbage(_))) {
            return Err(BadPlan("a backend asks nothing, and sends no garbage in a tunnel".into()));
        }
        script.iter().try_for_each(|op| self.check_op(op))
    }
}

impl Default for Network {
    /// A network on which nothing is odd.
    fn default() -> Self {
        Self {
            chance: 0,
            latency: [1_000, 1_000],
            segment: 1_460,
            window: 65_536,
            call: 65_536,
            hesitates: 0,
            tls: Tls::default(),
            lag: 0,
        }
    }
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn drawn() -> Plan {
        Scenario::ALL[0].draw(1)
    }

    #[test]
    fn what_is_written_is_read_again() {
        for scenario in Scenario::ALL {
            let plan = scenario.draw(7);
            assert_eq!(Plan::parse(&plan.to_json()), Ok(plan.clone()));
            assert_eq!(Plan::parse(&plan.to_line()), Ok(plan));
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_with_its_reason() {
        let refused = |edit: &dyn Fn(&mut Plan)| {
            let mut plan = drawn();
            edit(&mut plan);
            Plan::parse(&plan.to_json()).expect_err("it cannot be run").to_string()
        };
        assert_eq!(refused(&|plan| plan.version = 9), "version 9: only 1 is known");
        assert_eq!(refused(&|plan| plan.loops = 0), "loops must not be 0");
        assert!(refused(&|plan| plan.config = vec!["Listne 80".into()]).contains("Listne"));
        let many = "BalancerMember balancer://a http://b addresses=all";
        let said = refused(&|plan| plan.config.push(many.into()));
        assert_eq!(
            said,
            "http://b: addresses=all: names have one address in a plan, and nobody resolves them"
        );
        let twice = |plan: &mut Plan| plan.clients.push(plan.clients[0].clone());
        assert_eq!(refused(&twice), "there are two clients 0");
        let drain = Timed { at: 1, fault: Fault::Drain };
        let said = refused(&|plan| plan.faults = vec![drain.clone()]);
        assert_eq!(said, "drain: not supported, the core cannot drain yet");
        let link = Link::Client(0);
        let slow = Fault::Slow { link, latency: 0, bandwidth: 999, lasts: 1 };
        let said = refused(&|plan| plan.faults = vec![Timed { at: 1, fault: slow.clone() }]);
        assert_eq!(said, "a way takes 1000 bytes a second at the least");
        let asked = |edit: fn(&mut Ask)| {
            refused(&|plan| {
                let ops = plan.clients.iter_mut().flat_map(|client| &mut client.script);
                ops.for_each(|op| {
                    if let Op::Ask(ask) = op {
                        edit(ask)
                    }
                });
            })
        };
        let said = asked(|ask| ask.fields = vec!["X: a\r\nY: b".to_owned()]);
        assert_eq!(said, r#""X: a\r\nY: b" is no field"#);
        let said = asked(|ask| ask.tail = "?a b".to_owned());
        assert_eq!(said, r#""?a b" does not stand behind a path"#);
        let said = asked(|ask| ask.tail = "/more".to_owned());
        assert_eq!(said, r#""/more" does not stand behind a path"#);
        assert!(Plan::parse("{").is_err());
    }
}
