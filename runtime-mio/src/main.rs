//! The daemon of Underpass: a thin driver of [`underpass_core`].
//!
//! ```text
//! main ─ cli ─ configure ─▶ daemon ─┬▶ event_loop (one a core): accept → slots → turn ⇄ core's pump
//!                                   ├▶ resolver (names)              legs · carriers · deadlines
//!                                   ├▶ checks (of members) ─ heartbeats
//!                                   ├▶ record (traces)
//!                                   └▶ signals ─ reload
//! ```
//!
//! Every decision is core's. What is here opens sockets, reads and writes them, and wakes sessions.

#![forbid(unsafe_code)]

mod accept;
mod carrier;
mod checks;
mod cli;
mod configure;
mod daemon;
mod deadlines;
mod demo;
mod describe;
mod dial;
mod doors;
mod epoch;
mod event_loop;
mod explain;
mod heartbeats;
mod idle_legs;
mod leg;
mod log;
mod manual;
mod record;
mod reload;
mod resolve;
mod resolver;
mod shared;
mod slots;
#[cfg(test)]
mod testing;
mod tls;
mod turn;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser as _;
use cli::{Check, Cli, Command};
use underpass_core::config::Read;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(given) => configure::load_to_run(&given).and_then(|it| {
            run(it, Box::new(move || configure::load_to_run(&given)), daemon::announce)
        }),
        Command::Check(given) => check(&given),
        Command::Directives { markdown: true, .. } => say(&manual::manual()),
        Command::Directives { name, .. } => {
            describe::describe(name.as_deref()).and_then(|text| say(&text))
        }
        Command::Demo { listen } => run_demo(listen),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            // Where standard error is gone there is nobody left to be told.
            let _ = io::stderr().write_all(text.as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn run(
    loaded: Read,
    load: Box<reload::Load>,
    ready: impl FnOnce(&[SocketAddr]),
) -> Result<(), String> {
    let keeper = configure::keys(&loaded)?;
    daemon::run(loaded, keeper, load, ready).map_err(|error| format!("underpass: {error}\n"))
}

fn check(given: &Check) -> Result<(), String> {
    let loaded = configure::load(&given.configuration)?;
    configure::keys(&loaded)?;
    let config = loaded.config;
    if let Some(url) = &given.explain {
        return explain::explain(&config, url).and_then(|text| say(&text));
    }
    let rules: usize = config.rules.hosts.iter().map(|host| host.rules.len()).sum();
    let listens = config.listens.len();
    say(&format!("The configuration is good. Rules: {rules}. Addresses to listen on: {listens}.\n"))
}

fn run_demo(listen: SocketAddr) -> Result<(), String> {
    let directives =
        demo::start(listen).map_err(|error| format!("underpass: no demo: {error}\n"))?;
    let lines = directives.clone();
    let load = Box::new(move || configure::load_lines(&lines));
    run(configure::load_lines(&directives)?, load, |addresses| {
        daemon::announce(addresses);
        demo::invite(&directives, addresses);
    })
}

fn say(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("underpass: {error}\n"))
}
