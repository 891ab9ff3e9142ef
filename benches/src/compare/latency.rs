//! How much longer a message takes by a proxy than without one.

use std::io;
use std::time::Duration;

use super::crowd::Crowd;
use super::order::Order;
use super::results::{Front, Sample, Unit};
use super::site::Site;
use super::stuck::Stuck;
use super::tasks::Scale;
use super::visit::Door;
use crate::daemon::failure;

/// Which of a thousand echoes is looked at, from the fastest on.
const PERMILLES: [(usize, &str); 3] = [(500, "p50"), (990, "p99"), (999, "p99.9")];

/// How many echoes are timed.
const ECHOES: [usize; 2] = [5_000, 1_000];

/// The time that the proxy adds to echoes of 64 bytes by one tunnel.
///
/// # Errors
///
/// If the tunnel breaks.
pub fn added(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    through(site, &site.door(front), scale, "added latency")
}

/// The same while handshakes stand around that go on by a byte a second.
///
/// # Errors
///
/// If the tunnel breaks, or the proxy gives those up meanwhile.
pub fn beside_stuck(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let (door, count) = (site.door(front), scale.of([1_000, 50]));
    let what = format!("added latency beside {count} stuck handshakes");
    let stuck = Stuck::enter(&door, count)?;
    stuck.during(|| through(site, &door, scale, &what))
}

/// What is added by the way through that door.
fn through(site: &Site<'_>, door: &Door, scale: Scale, what: &str) -> io::Result<Vec<Sample>> {
    let [through, past] = [echoes(door, scale)?, echoes(&site.back_door(), scale)?];
    site.backend.until_empty()?;
    let sample = |(permille, name): (usize, &str)| {
        let at = scale.of(ECHOES) * permille / 1000;
        let (with, without) =
            through.get(at).zip(past.get(at)).ok_or_else(|| failure("too few echoes"))?;
        let value = (with.as_secs_f64() - without.as_secs_f64()) * 1e6;
        Ok(Sample { what: format!("{what}, {name}"), unit: Unit::Passing, value })
    };
    PERMILLES.into_iter().map(sample).collect()
}

/// How long echoes take there, the shortest first.
fn echoes(door: &Door, scale: Scale) -> io::Result<Vec<Duration>> {
    let (mut crowd, times) = (Crowd::open(door, 1)?, scale.of(ECHOES));
    crowd.exchange(&Order::echo(64), times / 10)?;
    let mut spans = crowd.exchange(&Order::echo(64), times)?;
    spans.sort();
    Ok(spans)
}
