//! `balance`: how evenly each method shares a day of tunnels.

use std::io::{self, Write};

use clap::Args;

use super::{Failure, Outcome};
use crate::day::{Weather, live, methods};

/// What the day is like.
#[derive(Args, Debug)]
pub(super) struct Balance {
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many tunnels are opened.
    #[arg(long, default_value_t = 100_000)]
    tunnels: u32,
    /// How many members share them.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    members: u32,
    /// How many members restart.
    #[arg(long, default_value_t = 2)]
    restarts: u32,
}

impl Balance {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<Outcome, Failure> {
        let Self { seed, tunnels, members, restarts } = *self;
        let weather = Weather { seed, tunnels, members, restarts };
        writeln!(out, "{tunnels} tunnels a day over {members} members, {restarts} restarts")?;
        writeln!(out, "the most that one member has, over the mean of all:")?;
        writeln!(out, "{:14}{:>8}{:>10}{:>8}", "lbmethod", "mean", "99 of 100", "worst")?;
        for (name, method) in methods() {
            let spread = live(weather, method);
            let (mean, usual, worst) = (spread.mean, spread.usual, spread.worst);
            writeln!(out, "{name:14}{mean:>8.3}{usual:>10.3}{worst:>8.3}")?;
        }
        out.flush().map_err(io::Error::into).map(|()| Outcome::Well)
    }
}
