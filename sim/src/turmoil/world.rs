//! What all hosts of a run share: they live on one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::Notify;
use turmoil::{Builder, Sim, reverse_lookup};
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};

use super::proxy::Proxy;
use crate::event::{Event, What, Who};
use crate::log::Log;
use crate::oracle::{Left, Oracle};
use crate::plan::Plan;
use crate::run::Run;

/// The hosts of a run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) log: RefCell<Log>,
    /// The time at which the present tick began: all that happens in it happens then.
    pub(super) now: Cell<Time>,
    pub(super) proxy: Proxy,
    /// The backends, in the plan's order.
    pub(super) hosts: Vec<Host>,
    /// What each client is doing; nothing once it is over.
    pub(super) doing: RefCell<Vec<Option<&'static str>>>,
    /// The place of the backend that serves a connection.
    pub(super) servings: RefCell<BTreeMap<u32, u32>>,
    wires: RefCell<Wires>,
}

/// Until when a backend does not take connections.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) refuses: Cell<Time>,
    pub(super) hangs: Cell<Time>,
    /// One of them has changed.
    pub(super) changed: Notify,
}

/// The connections, by the hosts and ports that they are dialled from. turmoil hands ports out in their
/// order, and takes none back.
#[derive(Debug, Default)]
struct Wires {
    next: BTreeMap<String, u16>,
    /// The number of a connection, and the place of the client that it is for.
    dialled: BTreeMap<(String, u16), (u32, u32)>,
}

impl World {
    pub(super) fn new(plan: Plan, rules: Rules, keeps: bool) -> Self {
        let oracle = Oracle::new(&plan, &rules, crate::engine::Engine::Turmoil.manners(&plan));
        Self {
            log: RefCell::new(Log::new(oracle, keeps)),
            now: Cell::new(Time::ZERO),
            proxy: Proxy::new(rules, plan.loops),
            hosts: plan.backends.iter().map(|_| Host::default()).collect(),
            doing: RefCell::new(vec![Some("waiting"); plan.clients.len()]),
            servings: RefCell::default(),
            wires: RefCell::default(),
            plan,
        }
    }

    /// A network that loses nothing: turmoil's TCP does not send again.
    pub(super) fn network(&self) -> Sim<'static> {
        let [least, most] = ways(&self.plan);
        let chance = self.plan.network.chance;
        let mut builder = Builder::new();
        builder
            .rng_seed(chance)
            .epoch(UNIX_EPOCH)
            .tick_duration(Duration::from_micros(TICK.as_micros()))
            .simulation_duration(Duration::MAX)
            .min_message_latency(least)
            .max_message_latency(most)
            // Segments, not bytes: with fewer, turmoil loses ends and forgets wakes.
            .tcp_capacity(65_536);
        if chance % 2 == 1 {
            builder.enable_random_order();
        }
        builder.build()
    }

    /// Tells what happens.
    pub(super) fn tell(&self, who: Who, what: What) {
        self.log.borrow_mut().add(Event { at: self.now.get(), who, what });
    }

    /// Somebody on that host dials now, for the client at that place: the number of the connection.
    pub(super) fn dials(&self, host: String, place: u32) -> u32 {
        let mut wires = self.wires.borrow_mut();
        let number = wires.dialled.len() as u32;
        let port = wires.next.entry(host.clone()).or_insert(PORTS_FROM);
        let dialled = (host, *port);
        *port += 1;
        wires.dialled.insert(dialled, (number, place));
        number
    }

    /// The number of the connection from there, and the place of the client that it is for.
    pub(super) fn dialled(&self, from: SocketAddr) -> (u32, u32) {
        let host = reverse_lookup(from.ip()).unwrap_or_default();
        let wires = self.wires.borrow();
        *wires.dialled.get(&(host, from.port())).expect("turmoil hands ports out in their order")
    }

    /// Whether nothing more can happen.
    pub(super) fn is_over(&self) -> bool {
        let clients = self.doing.borrow().iter().all(Option::is_none);
        clients && self.proxy.is_over() && self.servings.borrow().is_empty()
    }

    /// What came of the run.
    pub(super) fn finish(self) -> Run {
        let Self { plan, log, proxy, doing, servings, .. } = self;
        let doing = doing.into_inner();
        let doing = plan.clients.iter().zip(doing);
        let left = Left {
            clients: doing.filter_map(|(client, doing)| Some((client.id, doing?))).collect(),
            servings: servings.into_inner().len() as u32,
            counts: proxy.counts(),
        };
        log.into_inner().finish(&left)
    }
}

/// The shortest and the longest way of a message: a tick at the least.
fn ways(plan: &Plan) -> [Duration; 2] {
    plan.network.latency.map(|way| Duration::from_millis(u64::from(way).div_ceil(1_000).max(1)))
}

/// How often turmoil looks at the clock.
pub const TICK: Wait = Wait::from_millis(1);
/// The first port that turmoil hands out.
const PORTS_FROM: u16 = 49_152;
