//! Tunnels that do nothing: what they hold, and whether those that do something pay for them.

use std::io;

use super::crowd::Crowd;
use super::meter::kernel;
use super::order::Order;
use super::results::{Figure, Front, Sample, Unit};
use super::site::Site;
use super::tasks::Scale;
use super::visit::Door;
use crate::daemon::failure;

/// How many tunnels stand at each reading: a process may open 20 000 descriptors here, and we have both
/// ends of each tunnel.
const STEPS: [[usize; 3]; 2] = [[1_000, 5_000, 9_000], [200, 500, 800]];

/// What each has sent and heard before it is silent.
const MESSAGE: Order = Order::echo(512);

/// What a tunnel holds that has been used once, in the proxy and for it in the kernel: the slope over
/// thousands, by a proxy of its own.
///
/// # Errors
///
/// If fewer tunnels can be opened than make a slope.
pub fn idle(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let steps = scale.of(STEPS);
    let site = site.fresh(steps[2], "")?;
    // Without a proxy there are our own two sockets only.
    let [with, without] =
        [site.door(front), site.back_door()].map(|door| stand(&site, &door, steps));
    let (with, without) = (with?, without?);
    let user = Some(slope(&with, |reading| Some(reading.user))?);
    let of_kernel = |readings| slope(readings, |reading| reading.kernel).ok();
    let kernel = of_kernel(&with).zip(of_kernel(&without)).map(|(with, without)| with - without);
    if kernel.is_none() {
        eprintln!("compare: left out: what the kernel holds: only root may read /proc/slabinfo");
    }
    let sample = |(what, value): (&str, Option<f64>)| {
        let what = format!("bytes of an idle tunnel, {what}");
        Some(Sample { what, unit: Unit::Bytes, value: value? })
    };
    Ok([("user space", user), ("kernel", kernel)].into_iter().filter_map(sample).collect())
}

/// What is held while so many tunnels stand.
#[derive(Clone, Copy, Debug)]
struct Reading {
    tunnels: usize,
    user: f64,
    /// None where we may not know.
    kernel: Option<f64>,
}

/// Opens tunnels step by step, as far as the proxy can, and reads at each step what is held.
fn stand(site: &Site<'_>, door: &Door, steps: [usize; 3]) -> io::Result<Vec<Reading>> {
    let (mut readings, mut crowd) = (Vec::new(), Crowd::open(door, 0)?);
    for tunnels in steps {
        let grown = crowd.grow(door, tunnels).and_then(|()| crowd.exchange(&MESSAGE, 1));
        if let Err(error) = grown {
            eprintln!("compare: {} does not bear {tunnels} tunnels: {error}", site.peer().name);
            break;
        }
        readings.push(Reading { tunnels, user: site.meter().anonymous()?, kernel: kernel().ok() });
    }
    drop(crowd);
    site.backend.until_empty()?;
    Ok(readings)
}

/// By how much something grows with each tunnel: from the first reading to the last.
fn slope(readings: &[Reading], of: impl Fn(&Reading) -> Option<f64>) -> io::Result<f64> {
    let [first, .., last] = readings else { return Err(failure("too few tunnels for a slope")) };
    let unknown = || failure("it cannot be read");
    let grown = of(last).zip(of(first)).map(|(most, less)| most - less).ok_or_else(unknown)?;
    Ok(grown / (last.tunnels - first.tunnels) as f64)
}

/// What 100 busy tunnels cost beside thousands of idle ones against what they cost alone. Two proxies are
/// compared in turn, before one of them gets its idle tunnels and after.
///
/// # Errors
///
/// If tunnels cannot be opened.
pub fn beside(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let count = scale.of([9_000, 500]);
    let sites = [site.fresh(100, "")?, site.fresh(100 + count, "")?];
    let doors = [sites[0].door(front), sites[1].door(front)];
    let mut busy = [Crowd::open(&doors[0], 100)?, Crowd::open(&doors[1], 100)?];
    let order = Order::echo(64);
    let mut ratio = || {
        let mut ratios = Vec::new();
        for _ in 0..scale.of([11, 3]) {
            let mut costs = [0.0; 2];
            for ((site, busy), cost) in sites.iter().zip(&mut busy).zip(&mut costs) {
                *cost = site.cost(|| busy.exchange(&order, scale.of([100, 20])).map(drop))?;
            }
            ratios.push(costs[1] / costs[0]);
        }
        Figure::of(ratios).ok_or_else(|| failure("there are no rounds"))
    };
    let before = ratio()?;
    let mut idle = Crowd::open(&doors[1], count)?;
    idle.exchange(&MESSAGE, 1)?;
    let value = ratio()?.median / before.median;
    let what = format!("CPU of 100 busy tunnels with {count} idle ones against without");
    Ok(vec![Sample { what, unit: Unit::Times, value }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_without_tunnels_does_not_count() {
        let readings = [(100, 1_000.0), (200, 7_000.0), (300, 5_000.0)];
        let readings = readings.map(|(tunnels, user)| Reading { tunnels, user, kernel: None });
        assert_eq!(slope(&readings, |reading| Some(reading.user)).ok(), Some(20.0));
        assert!(slope(&readings, |reading| reading.kernel).is_err());
        assert!(slope(&readings[..1], |reading| Some(reading.user)).is_err());
    }
}
