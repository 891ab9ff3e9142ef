//! Engine one: an own network of discrete events under the real sessions, without threads and without
//! waiting. Time jumps from one event to the next.
//!
//! `agenda` is what is to happen, `net` the connections with their `socket`s, and `road` the ways that
//! they go, `secrecy` the TLS that they may speak. The `proxy` has its loops
//! (`home`), which pump the sessions (`turn`).

#![expect(clippy::wildcard_enum_match_arm, reason = "each part looks at what concerns it")]

mod agenda;
mod home;
mod net;
mod proxy;
mod road;
mod secrecy;
mod socket;
mod turn;

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};

use underpass_core::Fault;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};

use crate::engine::Engine;
use crate::event::{Event, What, Who};
use crate::log::Log;
use crate::oracle::{Left, Oracle};
use crate::party::{Client, Serving, Tip};
use crate::plan::{self, BadPlan, End, Leg, Link, Plan};
use crate::run::Run;
use net::Net;
use proxy::Proxy;
use socket::{Owner, Route};

/// Something that is wrong on purpose, in this engine's driver: so that it can be seen that the oracles see.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Bug {
    /// Nothing is.
    #[default]
    None,
    /// No FIN ever goes out before the connection is closed.
    ForgetsEnd,
    /// Sessions of other loops are not told that their turn has come.
    ForgetsTurn,
    /// Every connection to a backend is kept for others.
    KeepsAll,
    /// Leases are not given back.
    LeaksLease,
    /// Some carried bytes are lost.
    LosesByte,
    /// Alarms ring three seconds late.
    RingsLate,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Due {
    Alarm(u32),
    Arrives(Tip),
    Begins(usize),
    Breaks(Tip, Fault),
    Client(u32),
    ConnectEnds(Tip, Fault),
    Connects(Tip),
    Credits(Tip, u32),
    Expires(u32),
    Knocks(Tip),
    Restored,
    Serves(u32),
    Told(u32),
    Turn(u32),
    Wakes(Tip),
}

/// Runs a plan; the events are kept if they are wanted. A panic on the way is a violation.
///
/// # Errors
///
/// Why the plan cannot be run.
pub fn run(plan: &Plan, bug: Bug, keeps: bool) -> Result<Run, BadPlan> {
    let rules = plan.rules()?;
    // What a panic leaves behind is thrown away.
    let run = panic::catch_unwind(AssertUnwindSafe(|| run_by(plan, rules, bug, keeps)));
    Ok(run.unwrap_or_else(|_| Run::panicked()))
}

fn run_by(plan: &Plan, rules: Rules, bug: Bug, keeps: bool) -> Run {
    let log = Log::new(Oracle::new(plan, &rules, Engine::Des.manners(plan)), keeps);
    let net = Net::new(plan.network.clone(), plan.clients.len(), &plan.backends);
    let client = |(place, client)| Client::new(client, place);
    let mut world = World {
        plan,
        net,
        log,
        proxy: Proxy::new(rules, plan.loops, bug),
        clients: (0..).zip(&plan.clients).map(client).collect(),
        servings: BTreeMap::new(),
        hosts: vec![Host::default(); plan.backends.len()],
        reloads: 0,
    };
    world.begin();
    world.finish()
}

/// A run that is under way.
struct World<'p> {
    plan: &'p Plan,
    net: Net,
    log: Log,
    proxy: Proxy,
    clients: Vec<Client<'p>>,
    /// What backends serve, by the numbers of the connections.
    servings: BTreeMap<u32, Serving<'p>>,
    hosts: Vec<Host>,
    /// How often the proxy was reloaded.
    reloads: u32,
}

/// Until when a backend does not take connections.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    refuses: Time,
    hangs: Time,
}

impl World<'_> {
    fn begin(&mut self) {
        for (place, client) in (0..).zip(&self.plan.clients) {
            self.net.agenda.note(at(client.start), Due::Client(place));
        }
        for (number, timed) in self.plan.faults.iter().enumerate() {
            self.net.agenda.note(at(timed.at), Due::Begins(number));
        }
    }

    fn finish(mut self) -> Run {
        while let Some((at, due)) = self.net.agenda.next() {
            self.net.now = at;
            self.happens(due);
            if self.log.count() > EVENTS_MOST {
                self.log.oracle.busy(at);
                break;
            }
        }
        if self.net.torn {
            self.log.oracle.met("a record came in pieces");
        }
        let doing = self.clients.iter().zip(&self.plan.clients);
        let doing = doing.filter(|(client, _)| !client.is_over());
        let left = Left {
            clients: doing.map(|(client, plan)| (plan.id, client.doing())).collect(),
            servings: self.servings.values().filter(|serving| !serving.is_over()).count() as u32,
            counts: self.proxy.counts(),
        };
        self.log.finish(&left)
    }

    fn happens(&mut self, due: Due) {
        let owner = match due {
            Due::Arrives(tip) => self.net.arrives(tip),
            Due::Breaks(tip, fault) => Some(self.net.breaks(tip, fault)),
            Due::ConnectEnds(tip, fault) => self.net.connect_ends(tip, fault),
            Due::Connects(tip) => self.net.connects(tip),
            Due::Credits(tip, count) => self.net.credits(tip, count),
            Due::Wakes(tip) => Some(self.net.owner(tip)),
            _ => return self.happens_to(due),
        };
        let tip = match due {
            Due::Arrives(tip) | Due::Breaks(tip, _) | Due::Credits(tip, _) | Due::Wakes(tip) => tip,
            _ => Tip(0),
        };
        match owner.unwrap_or(Owner::Nobody) {
            Owner::Nobody => {}
            Owner::Backend => self.serve(tip.connection()),
            Owner::Client(place) => self.step(place),
            Owner::Idle(number) => self.proxy.forget(number, &mut self.net, &mut self.log),
            Owner::Session(number) => self.proxy.queue(number, &mut self.net),
        }
    }

    fn happens_to(&mut self, due: Due) {
        let (net, log) = (&mut self.net, &mut self.log);
        match due {
            Due::Alarm(number) => self.proxy.alarm(number, net),
            Due::Begins(number) => self.fault(number),
            Due::Client(place) => self.step(place),
            Due::Expires(place) => self.proxy.expires(place, net),
            Due::Knocks(tip) => self.knocks(tip),
            Due::Restored => self.proxy.most = u32::MAX,
            Due::Serves(number) => self.serve(number),
            Due::Told(number) => {
                log.oracle.met("a session was woken from another loop");
                self.proxy.queue(number, net);
            }
            Due::Turn(place) => self.proxy.turn(place, net, log),
            _ => unreachable!("sockets have had theirs"),
        }
    }

    fn step(&mut self, place: u32) {
        let (now, client) = (self.net.now, &mut self.clients[place as usize]);
        let at = client.step(&mut self.net, &mut self.log);
        if at != Time::NEVER && (at < client.armed || client.armed <= now) {
            client.armed = at;
            self.net.agenda.note(at, Due::Client(place));
        }
    }

    fn serve(&mut self, number: u32) {
        let now = self.net.now;
        let Some(serving) = self.servings.get_mut(&number) else { return };
        let at = serving.step(&mut self.net, &mut self.log);
        if at != Time::NEVER && (at < serving.armed || serving.armed <= now) {
            serving.armed = at;
            self.net.agenda.note(at, Due::Serves(number));
        }
    }

    /// Somebody wants to connect.
    fn knocks(&mut self, tip: Tip) {
        let (net, log) = (&mut self.net, &mut self.log);
        let place = match net.route(tip) {
            Route::Client(place) => {
                let client = &self.plan.clients[place as usize];
                return self.proxy.admit((client, place), tip, net, log);
            }
            Route::Backend(place, address) if address < self.plan.backends[place as usize].dead => {
                return net.refuse(tip);
            }
            Route::Backend(place, _) => place,
        };
        let host = self.hosts[place as usize];
        if net.now < host.refuses {
            net.refuse(tip);
        } else if net.now < host.hangs {
            // The system asks again until then.
            net.agenda.note(host.hangs, Due::Knocks(tip));
        } else {
            let tip = net.accept(tip, Owner::Backend);
            let who = Who::Backend(tip.connection());
            log.add(Event { at: net.now, who, what: What::Accepts(place, tip.connection()) });
            self.servings.insert(tip.connection(), Serving::new(self.plan, place, tip));
        }
    }

    /// A fault begins.
    fn fault(&mut self, number: usize) {
        use plan::Fault;
        let timed = &self.plan.faults[number];
        self.log.add(Event { at: self.net.now, who: Who::Network, what: What::Fault(number) });
        let until = at(timed.until());
        match &timed.fault {
            Fault::BlackHole(leg) => {
                if let Some(tip) = self.leg(*leg) {
                    self.net.loses(tip);
                }
            }
            Fault::ClockJump(by) => {
                self.proxy.jump(Wait::from_millis(u64::from(*by)), &mut self.net);
            }
            Fault::Crash { backend, .. } => self.crash(backend, until),
            Fault::Cut { link, way, .. } => {
                if let Some(route) = self.route(link) {
                    self.net.road(route).block(*way, until);
                }
            }
            Fault::Descriptors { most, .. } => {
                self.proxy.most = *most;
                self.net.agenda.note(until, Due::Restored);
            }
            Fault::Drain => unreachable!("a plan with a drain is refused"),
            Fault::Hang { backend, .. } => {
                if let Some(host) = self.host(backend) {
                    self.hosts[host].hangs = until;
                }
            }
            Fault::Refuse { backend, .. } => {
                if let Some(host) = self.host(backend) {
                    self.hosts[host].refuses = until;
                }
            }
            Fault::Reload => self.reload(),
            Fault::Reset { leg, end } => self.reset(*leg, *end),
            Fault::Slow { link, latency, bandwidth, .. } => {
                if let Some(route) = self.route(link) {
                    let more = Wait::from_millis(u64::from(*latency));
                    self.net.road(route).slow(more, *bandwidth, until);
                }
            }
        }
    }

    fn reload(&mut self) {
        self.reloads += 1;
        let rules = self.plan.reloaded(self.reloads).expect("a plan that is run can be reloaded");
        self.proxy.reload(rules, &mut self.net, &mut self.log);
    }

    fn crash(&mut self, backend: &str, until: Time) {
        let Some(host) = self.host(backend) else { return };
        self.hosts[host].refuses = until;
        for serving in self.servings.values_mut().filter(|serving| serving.host as usize == host) {
            serving.crash(&mut self.net, &mut self.log);
        }
    }

    fn reset(&mut self, leg: Leg, end: End) {
        let Some(tip) = self.leg(leg) else { return };
        let proxys = if matches!(leg, Leg::Client(_)) { tip.peer() } else { tip };
        // Who is not told asks for a sign of life, sooner or later, and is told then.
        let late = self.net.now.after(KEEPALIVE);
        let told = |is: bool| if is { self.net.now } else { late };
        let ends = [(proxys, told(end != End::Peer)), (proxys.peer(), told(end != End::Proxy))];
        for (tip, at) in ends {
            self.net.agenda.note(at, Due::Breaks(tip, underpass_core::Fault::Reset));
        }
    }

    /// The socket that dialled a connection.
    fn leg(&self, leg: Leg) -> Option<Tip> {
        let (Leg::Client(id) | Leg::Behind(id)) = leg;
        let place = self.plan.clients.iter().position(|client| client.id == id)?;
        let tip = self.clients[place].tip()?;
        if leg == Leg::Client(id) { Some(tip) } else { self.proxy.behind(tip) }
    }

    fn host(&self, name: &str) -> Option<usize> {
        self.plan.backends.iter().position(|backend| backend.name == name)
    }

    fn route(&self, link: &Link) -> Option<Route> {
        match link {
            Link::Backend(name) => self.host(name).map(|place| Route::Backend(place as u32, 0)),
            Link::Client(id) => {
                let place = self.plan.clients.iter().position(|client| client.id == *id);
                place.map(|place| Route::Client(place as u32))
            }
        }
    }
}

/// The moment of so many milliseconds.
fn at(millis: u64) -> Time {
    Time::ZERO.after(Wait::from_millis(millis))
}

/// How long a connection is silent before its peer is asked whether it is there.
const KEEPALIVE: Wait = Wait::from_secs(60);
/// After so many events a run has lost its way.
const EVENTS_MOST: u64 = 3_000_000;
