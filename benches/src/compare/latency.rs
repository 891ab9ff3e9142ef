//! How much longer a message takes by a proxy than without one.

use std::io;
use std::time::Duration;

use super::crowd::Crowd;
use super::order::Order;
use super::results::{Front, Sample, Unit};
use super::site::Site;
use super::tasks::Scale;
use crate::daemon::failure;

/// Which of a thousand echoes is looked at, from the fastest on.
const PERMILLES: [(usize, &str); 3] = [(500, "p50"), (990, "p99"), (999, "p99.9")];

/// The time that the proxy adds to echoes of 64 bytes by one tunnel.
///
/// # Errors
///
/// If the tunnel breaks.
pub fn added(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    let times = scale.of([5_000, 1_000]);
    let echoes = |door| -> io::Result<Vec<Duration>> {
        let mut crowd = Crowd::open(door, 1)?;
        crowd.exchange(&Order::echo(64), times / 10)?;
        let mut spans = crowd.exchange(&Order::echo(64), times)?;
        spans.sort();
        Ok(spans)
    };
    let [through, past] = [echoes(&site.door(front))?, echoes(&site.back_door())?];
    site.backend.until_empty()?;
    let sample = |(permille, name): (usize, &str)| {
        let at = times * permille / 1000;
        let (with, without) =
            through.get(at).zip(past.get(at)).ok_or_else(|| failure("too few echoes"))?;
        let value = (with.as_secs_f64() - without.as_secs_f64()) * 1e6;
        Ok(Sample { what: format!("added latency, {name}"), unit: Unit::Passing, value })
    };
    PERMILLES.into_iter().map(sample).collect()
}
