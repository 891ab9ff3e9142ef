//! A day of tunnels: they come and go, members restart, and how evenly the members share them is measured.
//!
//! Only the pool is real. Lifetimes are heavy-tailed (most tunnels end within minutes, some last all day),
//! because that is what parts the methods: who counts requests is blind to who is still there.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::net::{IpAddr, Ipv4Addr};
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, Pool, Purpose};
use underpass_core::limits;
use underpass_core::report::{Close, Report};
use underpass_core::route::{
    Balancer, BalancerId, HashKey, Host, Member, Method, Recovery, Rules, Scheme, Target, Worker,
    WorkerId,
};
use underpass_core::time::{Time, Wait};

use crate::rng::Rng;

/// What a day is like.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// What its chance depends on.
    pub seed: u64,
    /// How many tunnels are opened, besides those that come back after a restart.
    pub tunnels: u32,
    /// How many members there are.
    pub members: u32,
    /// How many of them restart, one after the other.
    pub restarts: u32,
}

/// How evenly the members shared, by the most that one had over the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// On average over the minutes of the day.
    pub mean: f64,
    /// In all minutes but one of a hundred.
    pub usual: f64,
    /// In the worst minute.
    pub worst: f64,
}

/// The methods that are compared, by their names.
pub fn methods() -> [(&'static str, Method); 6] {
    [
        ("byrequests", Method::ByRequests),
        ("bytraffic", Method::ByTraffic),
        ("bybusyness", Method::ByBusyness),
        ("heartbeat", Method::Heartbeat),
        ("leasttunnels", Method::LeastTunnels),
        ("hash", Method::Hash(HashKey::Client)),
    ]
}

/// Lives through a day under that method.
pub fn live(weather: Weather, method: Method) -> Spread {
    let mut day = Day::new(weather, method);
    while let Some(Reverse((at, _, event))) = day.events.pop() {
        day.now = at;
        day.happens(event);
    }
    Spread::of(&mut day.spreads)
}

const MINUTE: Wait = Wait::from_secs(60);
const DAY: u64 = 24 * 60;
/// Before that minute there are too few tunnels to be shared.
const MORNING: u64 = 60;
/// The shortest life of a tunnel, in seconds, and how heavy the tail is (the exponent of Pareto's distribution).
const LIFE_LEAST: f64 = 300.0;
const LIFE_TAIL: f64 = 1.3;
/// How long a member is away when it restarts, and in how many seconds its clients have come back.
const AWAY: u64 = 45;
const RETURN: u32 = 10;
/// What a member says that it can take, less what it has.
const ROOM: u32 = 10_000;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    Begins { client: u32, ends: Time },
    Ends(u32),
    Leaves(u32),
    Returns(u32),
    Minute(u64),
}

struct Day {
    weather: Weather,
    chance: Rng,
    pool: Pool<u32>,
    now: Time,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    noted: u64,
    /// By number: the lease, the client and the end of each tunnel that is open.
    open: Vec<Option<(Lease, u32, Time)>>,
    away: BTreeSet<u32>,
    spreads: Vec<f64>,
}

impl Day {
    fn new(weather: Weather, method: Method) -> Self {
        let mut day = Self {
            weather,
            chance: Rng::of(weather.seed, "day", 0),
            pool: Pool::new(&rules(weather.members, method), limits::PENDING),
            now: Time::ZERO,
            events: BinaryHeap::new(),
            noted: 0,
            open: Vec::new(),
            away: BTreeSet::new(),
            spreads: Vec::new(),
        };
        day.draw();
        day
    }

    fn draw(&mut self) {
        let whole = DAY * MINUTE.as_micros();
        for _ in 0..self.weather.tunnels {
            let at = Time::from_micros(self.chance.draw() % whole);
            let client = self.chance.draw() as u32;
            let ends = at.after(self.life());
            self.note(at, Event::Begins { client, ends });
        }
        for number in 0..self.weather.restarts {
            let at = Time::from_micros(
                whole * u64::from(number + 1) / u64::from(self.weather.restarts + 1),
            );
            self.note(at, Event::Leaves(number * 3 % self.weather.members));
        }
        (0..DAY).for_each(|minute| self.note(minutes(minute), Event::Minute(minute)));
    }

    fn life(&mut self) -> Wait {
        let drawn = (self.chance.draw() >> 11) as f64 / (1_u64 << 53) as f64;
        let secs = LIFE_LEAST / (1.0 - drawn).powf(1.0 / LIFE_TAIL);
        Wait::from_millis((secs * 1_000.0).min(86_400_000.0) as u64)
    }

    fn note(&mut self, at: Time, event: Event) {
        self.noted += 1;
        self.events.push(Reverse((at, self.noted, event)));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Begins { client, ends } => self.begins(client, ends),
            Event::Ends(number) => {
                if let Some((lease, ..)) = self.open[number as usize].take() {
                    self.over(lease);
                }
            }
            Event::Leaves(member) => self.leaves(member),
            Event::Returns(member) => {
                self.away.remove(&member);
            }
            Event::Minute(minute) => self.minute(minute),
        }
    }

    fn begins(&mut self, client: u32, ends: Time) {
        if ends <= self.now {
            return;
        }
        let address = IpAddr::V4(Ipv4Addr::from(client));
        let purpose = Purpose::Tunnel { quota: None, handshakes: None };
        let plain = Ask::new(BalancerId(0), address, purpose);
        let mut ask = Ask { key: Rng::of(u64::from(client), "key", 0).draw(), ..plain };
        let (number, mut failed) = (self.open.len() as u32, None);
        loop {
            match self.pool.elect(&ask, failed.take(), number, self.now) {
                Poll::Ready(Ok(lease)) if self.away.contains(&lease.worker().0) => {
                    ask.tried.push(lease.seat());
                    failed = Some(lease);
                }
                Poll::Ready(Ok(mut lease)) => {
                    self.pool.confirm(&mut lease);
                    self.open.push(Some((lease, client, ends)));
                    return self.note(ends, Event::Ends(number));
                }
                Poll::Ready(Err(_)) | Poll::Pending => return self.comes_back(client, ends),
            }
        }
    }

    /// The tunnel is gone: its client opens another one a little later.
    fn comes_back(&mut self, client: u32, ends: Time) {
        let wait = Wait::from_millis(u64::from(self.chance.within(100, RETURN * 1_000)));
        self.note(self.now.after(wait), Event::Begins { client, ends });
    }

    fn leaves(&mut self, member: u32) {
        self.away.insert(member);
        self.note(self.now.after(Wait::from_secs(AWAY)), Event::Returns(member));
        let has = |tunnel: &Option<(Lease, u32, Time)>| {
            tunnel.as_ref().is_some_and(|(lease, ..)| lease.worker().0 == member)
        };
        let lost: Vec<_> =
            self.open.iter_mut().filter(|it| has(it)).filter_map(Option::take).collect();
        for (lease, client, ends) in lost {
            self.over(lease);
            self.comes_back(client, ends);
        }
    }

    fn over(&mut self, lease: Lease) {
        let report = Report {
            worker: Some(lease.worker()),
            status: 101,
            ..Report::new(Close::Idle, self.now)
        };
        self.pool.release(Some(lease), 0, &report);
    }

    /// A minute has passed: each tunnel has carried something, and the members are counted.
    fn minute(&mut self, minute: u64) {
        let members = self.weather.members;
        let workers: Vec<_> =
            self.open.iter().flatten().map(|(lease, ..)| lease.worker()).collect();
        for worker in workers {
            self.pool.note(worker, self.chance.draw() % 100_000);
        }
        let busy = |member| self.pool.health(WorkerId(member)).busy();
        let counts: Vec<_> = (0..members).map(busy).collect();
        for (member, busy) in (0..).zip(&counts) {
            let ready = if self.away.contains(&member) { 0 } else { ROOM.saturating_sub(*busy) };
            self.pool.heard(WorkerId(member), ready);
        }
        let (most, all) = (counts.iter().max().copied().unwrap_or(0), counts.iter().sum::<u32>());
        if minute >= MORNING && all > 0 {
            self.spreads.push(f64::from(most) * f64::from(members) / f64::from(all));
        }
    }
}

impl Spread {
    fn of(spreads: &mut [f64]) -> Self {
        spreads.sort_by(f64::total_cmp);
        let at = |part: usize| spreads.get(spreads.len() * part / 100).or(spreads.last()).copied();
        let mean = spreads.iter().sum::<f64>() / spreads.len().max(1) as f64;
        Self { mean, usual: at(99).unwrap_or(1.0), worst: at(100).unwrap_or(1.0) }
    }
}

fn minutes(count: u64) -> Time {
    Time::from_micros(count * MINUTE.as_micros())
}

fn rules(members: u32, method: Method) -> Rules {
    let worker = |number: u32| {
        let host = format!("b{number}");
        let target = Target::new(Scheme::Ws, host.clone(), 80);
        let member = Some(Box::new(Member::new(target)));
        Worker { recovery: Recovery::After(MINUTE), member, ..Worker::new(host, 80) }
    };
    let balancer = Balancer {
        name: Some("day".into()),
        workers: (0..members).map(WorkerId).collect(),
        method,
        retries: members - 1,
        forces_recovery: true,
        ..Balancer::alone(WorkerId(0))
    };
    let workers = (0..members).map(worker).collect();
    Rules { balancers: vec![balancer], ..Rules::of(Host::default(), workers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEATHER: Weather = Weather { seed: 1, tunnels: 20_000, members: 8, restarts: 2 };

    #[test]
    fn who_counts_tunnels_shares_them_evenly() {
        let of = |method: Method| live(WEATHER, method).mean;
        let least = of(Method::LeastTunnels);
        assert!(least < 1.05, "{least}");
        assert!(of(Method::ByRequests) > least, "who counts requests does not");
    }

    #[test]
    fn a_day_is_the_same_each_time() {
        let one = live(WEATHER, Method::LeastTunnels);
        assert_eq!(one, live(WEATHER, Method::LeastTunnels));
        assert_ne!(one, live(Weather { seed: 2, ..WEATHER }, Method::LeastTunnels));
    }
}
