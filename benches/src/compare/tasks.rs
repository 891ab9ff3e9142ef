//! What is measured, in order, and by how much work.

use std::io;

use super::crowd::Crowd;
use super::order::Order;
use super::results::{Front, Sample, Unit};
use super::site::Site;
use super::visit::{gets, upgrades};
use super::{calls, latency, memory, stalled};

/// Something that is measured.
#[derive(Debug)]
pub struct Task {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Which ways in make a difference.
    pub fronts: &'static [Front],
    /// How often each proxy takes its turn, and how often in a quick run: not at all, if that takes too long.
    pub rounds: [usize; 2],
    /// A turn.
    pub turn: fn(&Site<'_>, Front, Scale) -> io::Result<Vec<Sample>>,
}

/// How much is done in a turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// As much as makes good figures.
    Full,
    /// As little as shows that everything works.
    Quick,
}

impl Scale {
    /// One number of the two.
    pub fn of<T>(self, [full, quick]: [T; 2]) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// The most tunnels of a task that does not start a proxy of its own.
pub const CROWDS: [usize; 2] = [5_000, 100];

const BOTH: &[Front] = &[Front::Plain, Front::Tls];

/// All that can be measured.
pub const TASKS: [Task; 11] = [
    Task { name: "idle", fronts: BOTH, rounds: [1, 1], turn: memory::idle },
    Task { name: "upgrade", fronts: BOTH, rounds: [3, 2], turn: upgrade },
    Task { name: "echo", fronts: BOTH, rounds: [3, 2], turn: echo },
    Task { name: "many", fronts: BOTH, rounds: [2, 0], turn: many },
    Task { name: "bulk", fronts: BOTH, rounds: [3, 2], turn: bulk },
    Task { name: "get", fronts: BOTH, rounds: [3, 2], turn: get },
    Task { name: "beside", fronts: BOTH, rounds: [1, 1], turn: memory::beside },
    Task { name: "latency", fronts: BOTH, rounds: [3, 2], turn: latency::added },
    Task { name: "stuck", fronts: &[Front::Tls], rounds: [3, 1], turn: latency::beside_stuck },
    Task { name: "calls", fronts: BOTH, rounds: [1, 1], turn: calls::count },
    Task { name: "stalled", fronts: &[Front::Plain], rounds: [1, 1], turn: stalled::held },
];

/// Tunnels that are opened and ended, through which nothing goes.
fn upgrade(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let (door, count) = (site.door(front), scale.of([1_600, 160]));
    let open_and_end = |count| upgrades(&door, count).and_then(|()| site.backend.until_empty());
    open_and_end(count / 10)?;
    let cost = site.cost(|| open_and_end(count))?;
    Ok(vec![each("a tunnel opened and ended", cost, count)])
}

const SIZES: [(u64, &str); 3] = [(64, "64 B"), (1024, "1 KiB"), (64 * 1024, "64 KiB")];

/// Messages that come back, by few tunnels.
fn echo(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let all = [(1, &SIZES[..]), (50, &[(4096, "4 KiB")]), (100, &SIZES)];
    let echoed = all.map(|(tunnels, sizes)| echo_by(site, front, scale, tunnels, sizes));
    Ok(echoed.into_iter().collect::<io::Result<Vec<_>>>()?.concat())
}

/// Messages that come back, by many tunnels.
fn many(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    echo_by(site, front, scale, CROWDS[0], &SIZES)
}

/// Messages of those sizes that come back, by so many tunnels.
fn echo_by(
    site: &Site<'_>,
    front: Front,
    scale: Scale,
    tunnels: usize,
    sizes: &[(u64, &str)],
) -> io::Result<Vec<Sample>> {
    let (mut samples, mut crowd) = (Vec::new(), Crowd::open(&site.door(front), tunnels)?);
    let by = if tunnels == 1 { "1 tunnel".into() } else { format!("{tunnels} tunnels") };
    for &(size, named) in sizes {
        let messages = scale.of([8_000, 600]) / if size > 4096 { 6 } else { 1 };
        let (order, times) = (Order::echo(size), (messages / tunnels).max(1));
        crowd.exchange(&order, times.div_ceil(10))?;
        let cost = site.cost(|| crowd.exchange(&order, times).map(drop))?;
        samples.push(each(format!("an echo of {named}, {by}"), cost, times * tunnels));
    }
    drop(crowd);
    site.backend.until_empty()?;
    Ok(samples)
}

/// Streams as fast as they go, over a few tunnels.
fn bulk(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    const TUNNELS: usize = 4;
    let bytes = scale.of([256_u64, 64]) << 20;
    let share = bytes / TUNNELS as u64;
    let mut crowd = Crowd::open(&site.door(front), TUNNELS)?;
    let mut samples = Vec::new();
    for (what, order) in [
        ("bulk, down", Order::down(share)),
        ("bulk, up", Order { up: share, down: 1, after: share }),
        ("bulk, both ways", Order::both(share / 2)),
    ] {
        let cost = site.cost(|| crowd.exchange(&order, 1).map(drop))?;
        let value = cost * 1e9 / bytes as f64;
        samples.push(Sample { what: what.into(), unit: Unit::Gigabyte, value });
    }
    drop(crowd);
    site.backend.until_empty()?;
    Ok(samples)
}

/// Ordinary requests on connections that are kept.
fn get(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let (door, count) = (site.door(front), scale.of([8_000, 800]));
    gets(&door, count / 10)?;
    let cost = site.cost(|| gets(&door, count))?;
    Ok(vec![each("a GET on kept connections", cost, count)])
}

/// What each of so many things cost.
fn each(what: impl Into<String>, cost: f64, count: usize) -> Sample {
    Sample { what: what.into(), unit: Unit::Each, value: cost * 1e6 / count as f64 }
}
