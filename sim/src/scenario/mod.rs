//! Scenarios: what a seed makes into a plan. Each looks into one corner, and each seed draws anew which
//! things may happen there at all, so that rare ones meet without common ones in between.
//!
//! `draw` draws what scripts and networks are made of, `heads` what their heads bear, `members` balancers, `faults`
//! what goes wrong.

mod draw;
mod faults;
mod heads;
mod members;

use crate::plan::{Ask, Backend, Client, Network, Op, Plan, Timed, VERSION};
use crate::rng::Rng;
use draw::Draw;
use faults::Wrong;

/// A corner to look into.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scenario {
    /// Several backends behind one balancer, of which some fail.
    Balancer,
    /// Much is sent both ways, and read slowly.
    Bulk,
    /// Many come before a worker that serves few at once.
    Crowd,
    /// Ends of directions in every order.
    HalfClose,
    /// Heads that are edited on their way, and decide who may come in.
    Heads,
    /// A backend that does everything wrong.
    Hostile,
    /// Exchanges on kept connections, with tunnels in between.
    KeepAlive,
    /// Tunnels that are silent for minutes, and then are not.
    LongIdle,
    /// The network breaks and heals.
    Partition,
    /// Backends restart one after the other.
    Restart,
    /// Clients that are slow on purpose.
    Slowloris,
    /// Many ask for tunnels at once.
    Storm,
    /// Everything at once.
    Swarm,
    /// Tunnels and exchanges by TLS, on either side.
    Tls,
}

impl Scenario {
    /// Every scenario there is.
    pub const ALL: [Self; 14] = [
        Self::Balancer,
        Self::Bulk,
        Self::Crowd,
        Self::HalfClose,
        Self::Heads,
        Self::Hostile,
        Self::KeepAlive,
        Self::LongIdle,
        Self::Partition,
        Self::Restart,
        Self::Slowloris,
        Self::Storm,
        Self::Swarm,
        Self::Tls,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Balancer => "balancer",
            Self::Bulk => "bulk",
            Self::Crowd => "crowd",
            Self::HalfClose => "half-close",
            Self::Heads => "heads",
            Self::Hostile => "hostile",
            Self::KeepAlive => "keep-alive",
            Self::LongIdle => "long-idle",
            Self::Partition => "partition",
            Self::Restart => "restart",
            Self::Slowloris => "slowloris",
            Self::Storm => "storm",
            Self::Swarm => "swarm",
            Self::Tls => "tls",
        }
    }

    /// The scenario of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// The plan of a seed.
    pub fn draw(self, seed: u64) -> Plan {
        let mut whole = Draw(Rng::of(seed, self.name(), 0));
        let (least, most) = self.crowd();
        let count = whole.0.within(least, most);
        let client = |id| self.client(id, Draw(Rng::of(seed, "client", id.into())));
        let clients: Vec<_> = (0..count).map(client).collect();
        let backends = self.backends(&mut whole);
        Plan {
            version: VERSION,
            scenario: self.name().to_owned(),
            seed,
            config: self.config(&mut whole, backends.len()),
            loops: if self == Self::Crowd { 2 } else { whole.0.within(1, 2) },
            network: self.network(&mut whole),
            faults: self.faults(&mut Draw(Rng::of(seed, "faults", 0)), &clients, &backends),
            backends,
            clients,
        }
    }

    fn network(self, whole: &mut Draw) -> Network {
        let network = whole.network(self == Self::Bulk);
        if self != Self::Tls {
            return network;
        }
        // The flight of a server takes few round trips: it is no fault that a handshake takes its time.
        Network { tls: whole.tls(), window: network.window.max(2_000), ..network }
    }

    /// How many clients there are, at the least and at the most.
    const fn crowd(self) -> (u32, u32) {
        match self {
            Self::Bulk | Self::HalfClose | Self::LongIdle => (1, 3),
            Self::Balancer => (2, 6),
            Self::Crowd => (4, 9),
            Self::Storm => (4, 12),
            Self::Heads
            | Self::Hostile
            | Self::KeepAlive
            | Self::Partition
            | Self::Restart
            | Self::Slowloris
            | Self::Swarm
            | Self::Tls => (1, 5),
        }
    }

    fn backends(self, whole: &mut Draw) -> Vec<Backend> {
        let dead =
            |whole: &mut Draw| if self == Self::Bulk { 0 } else { whole.0.pick(&[0, 0, 0, 1, 2]) };
        let count = if self == Self::Balancer { whole.0.within(3, 5) } else { 2 };
        (0..count).map(|at| Backend { name: format!("b{at}"), dead: dead(whole) }).collect()
    }

    /// The configuration, as an operator writes it.
    fn config(self, whole: &mut Draw, backends: usize) -> Vec<String> {
        let rng = &mut whole.0;
        let mut lines = vec!["Listen 80".to_owned()];
        let mut parameters = String::new();
        let (mut protocol, mut scheme) = ("", "ws");
        match self {
            Self::Crowd => {
                let most = rng.within(1, 2);
                let acquire = rng.pick(&["", " acquire=900ms", " acquire=20s"]);
                parameters = format!(" max={most}{acquire}");
                let bounds = [
                    format!("ProxyWebsocketMaxTunnels {}", rng.within(1, 3)),
                    format!("ProxyWebsocketMaxHandshakes {}", rng.within(1, 2)),
                ];
                lines.extend(bounds.into_iter().filter(|_| rng.one_in(3)));
            }
            Self::LongIdle | Self::HalfClose | Self::Swarm => lines.extend(clocks(rng)),
            Self::Heads => {
                protocol = rng.pick(&["", "", " protocol=chat"]);
                lines.extend(whole.edits());
                lines.extend(whole.origins());
            }
            Self::KeepAlive | Self::Restart => {
                parameters =
                    rng.pick(&["", "", " ttl=2", " smax=1", " disablereuse=On"]).to_owned();
                lines.extend(rng.one_in(4).then(|| "KeepAliveTimeout 2".to_owned()));
                lines.extend(rng.one_in(4).then(|| "MaxKeepAliveRequests 2".to_owned()));
            }
            Self::Slowloris => {
                let read = rng.pick(&["header=20-40,MinRate=500", "header=3-9,MinRate=100 body=5"]);
                lines.push(format!("RequestReadTimeout {read}"));
            }
            Self::Tls => {
                lines.extend(whole.secrecy());
                scheme = whole.0.pick(&["ws", "wss", "wss"]);
            }
            Self::Balancer | Self::Bulk | Self::Hostile | Self::Partition | Self::Storm => {}
        }
        lines.extend(manners(&mut whole.0));
        if self == Self::Balancer {
            lines.extend(whole.balancer(backends));
            return lines;
        }
        let connect = whole.0.pick(&["", "", " connectiontimeout=2"]);
        for name in ["b0", "b1"] {
            let protocol = if name == "b1" { protocol } else { "" };
            lines.push(format!(
                "ProxyPass /{name}/ {scheme}://{name}/{parameters}{connect}{protocol}"
            ));
        }
        lines
    }

    fn client(self, id: u32, mut draw: Draw) -> Client {
        let spread = if matches!(self, Self::Storm | Self::Crowd) { 30 } else { 2_000 };
        let start = u64::from(draw.0.within(0, spread));
        let mut script = Vec::new();
        match self {
            Self::Balancer => {
                let kinds = if draw.0.one_in(3) { 6 } else { 5 };
                for _ in 0..draw.0.within(1, 4) {
                    script.extend(match draw.0.below(kinds) {
                        0 | 1 => draw.tunnel(draw::Talk::Short),
                        5 => vec![draw.victim()],
                        _ => draw.exchange(),
                    });
                }
                draw.belong(&mut script);
            }
            Self::Bulk => script.extend(draw.tunnel(draw::Talk::Bulk)),
            Self::HalfClose => script.extend(draw.tunnel(draw::Talk::HalfClose)),
            Self::LongIdle => script.extend(draw.tunnel(draw::Talk::LongIdle)),
            Self::Storm => script.extend(draw.hasty_tunnel()),
            Self::Slowloris => script.extend(draw.slow()),
            Self::Hostile => {
                for _ in 0..draw.0.within(1, 4) {
                    script.push(draw.victim());
                }
            }
            Self::KeepAlive | Self::Restart => {
                for _ in 0..draw.0.within(1, 6) {
                    script.extend(draw.exchange());
                }
                if draw.0.one_in(2) {
                    script.extend(draw.tunnel(draw::Talk::Short));
                }
            }
            Self::Crowd | Self::Heads | Self::Partition | Self::Swarm | Self::Tls => {
                for _ in 0..draw.0.within(1, 3) {
                    script.extend(self.errand(&mut draw));
                }
            }
        }
        if self == Self::Heads {
            draw.dress(&mut script);
        } else if self == Self::Tls {
            draw.name(&mut script);
        }
        let behind = (self == Self::Crowd && draw.0.one_in(2)).then_some(0);
        Client { id, behind, start, script }
    }

    fn errand(self, draw: &mut Draw) -> Vec<Op> {
        let kinds = if self == Self::Swarm { 8 } else { 5 + usize::from(self == Self::Heads) };
        match draw.0.below(kinds) {
            0 | 1 => draw.tunnel(draw::Talk::Short),
            2 => draw.tunnel(draw::Talk::HalfClose),
            3 | 4 => draw.exchange(),
            5 => vec![draw.victim()],
            6 => draw.slow(),
            _ => draw.tunnel(draw::Talk::LongIdle),
        }
    }

    fn faults(self, draw: &mut Draw, clients: &[Client], backends: &[Backend]) -> Vec<Timed> {
        let kinds = match self {
            Self::Balancer => {
                &[Wrong::Crash, Wrong::Refuse, Wrong::Hang, Wrong::Reload, Wrong::Reset, Wrong::Cut]
                    [..]
            }
            Self::Bulk => &[Wrong::Reset, Wrong::Cut, Wrong::Hole, Wrong::Slow, Wrong::Reload],
            Self::Crowd => &[Wrong::Reset, Wrong::Refuse, Wrong::Crash, Wrong::Reload],
            Self::HalfClose => &[Wrong::Reset, Wrong::Cut],
            Self::Heads | Self::Hostile | Self::Slowloris => &[Wrong::Reset],
            Self::KeepAlive => &[Wrong::Crash, Wrong::Reset, Wrong::Reload],
            Self::LongIdle => &[Wrong::Jump, Wrong::Hole, Wrong::Reset, Wrong::Cut, Wrong::Reload],
            Self::Partition => &[Wrong::Cut, Wrong::Hole, Wrong::Hang, Wrong::Slow],
            Self::Restart => &[Wrong::Crash, Wrong::Refuse, Wrong::Reload],
            Self::Storm => &[Wrong::Refuse, Wrong::Hang, Wrong::Descriptors, Wrong::Reset],
            Self::Swarm => &Wrong::ALL,
            Self::Tls => {
                &[Wrong::Reset, Wrong::Cut, Wrong::Hole, Wrong::Crash, Wrong::Slow, Wrong::Reload]
            }
        };
        // A third of the runs goes well.
        if draw.0.one_in(3) {
            return Vec::new();
        }
        let on: Vec<_> = kinds.iter().copied().filter(|_| !draw.0.one_in(2)).collect();
        let count = draw.0.within(1, 4);
        let draws = (0..count).filter(|_| !on.is_empty());
        // The first backend more often, so that a second fault finds the first one there.
        let names = backends.iter().map(|backend| backend.name.as_str());
        let likely: Vec<_> = names.clone().take(1).chain(names).collect();
        let mut faults: Vec<_> = draws.map(|_| draw.fault(&on, clients, &likely)).collect();
        faults.sort_by_key(|timed| timed.at);
        faults
    }
}

/// How requests are treated, whatever the corner.
fn manners(rng: &mut Rng) -> Vec<String> {
    let late = rng.one_in(3).then(|| format!("ProxyTimeout {}", rng.pick(&[3, 15])));
    let mut lines: Vec<_> = late.into_iter().collect();
    lines.extend(rng.one_in(4).then(|| "Proxy100Continue Off".to_owned()));
    lines.extend(rng.one_in(3).then(|| "ProxyErrorOverride On 500".to_owned()));
    lines.extend(rng.one_in(6).then(|| "ProxyIOBufferSize 4096".to_owned()));
    lines
}

/// How long tunnels may be silent, half-closed, and alive, and when they park.
fn clocks(rng: &mut Rng) -> Vec<String> {
    let mut lines = vec![format!("ProxyWebsocketIdleTimeout {}", rng.pick(&[0, 0, 7, 45]))];
    let park = rng.pick(&["ProxyWebsocketAsync OFF", "ProxyWebsocketAsyncDelay 2"]);
    lines.extend((!rng.one_in(3)).then(|| park.to_owned()));
    let half = format!("ProxyWebsocketHalfCloseTimeout {}", rng.pick(&[2, 30]));
    lines.extend(rng.one_in(3).then_some(half));
    let life = format!("ProxyWebsocketMaxDuration {}", rng.pick(&[1, 5, 60]));
    lines.extend(rng.one_in(4).then_some(life));
    lines
}

/// An ask as a step.
fn step(ask: Ask) -> Op {
    Op::Ask(Box::new(ask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::of(scenario.name()), Some(scenario));
        }
        assert_eq!(Scenario::of("all"), None);
    }

    #[test]
    fn a_seed_is_a_plan_that_can_be_run() {
        for scenario in Scenario::ALL {
            for seed in 0..50 {
                let plan = scenario.draw(seed);
                assert!(plan.rules().is_ok(), "{}", plan.to_json());
                assert_eq!(plan, scenario.draw(seed));
            }
            assert_ne!(scenario.draw(1), Plan { seed: 1, ..scenario.draw(2) });
        }
    }
}
