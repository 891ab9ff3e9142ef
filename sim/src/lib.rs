//! Simulation: the same [`Session`](underpass_core::Session), driven by the same
//! [`pump`](fn@underpass_core::pump) as in production, on a network whose every chance is drawn from a seed.
//!
//! A [`plan`] says everything about a run: the configuration, what clients and backends do, how the
//! network is, and what goes wrong. A [`scenario`] draws one from a seed. There are two [`engine`]s that
//! run it: [`des`] on an own network of discrete events, and [`turmoil`] in tasks of tokio's. Each
//! [`event`] goes to the [`oracle`]s, which know what must never happen, and what should happen sometimes.
//! [`shrink`](mod@shrink) cuts a plan that fails down to what it fails by, [`file`](mod@file) keeps traces, and [`cli`] is
//! the program `underpass-sim`. [`rng`] is where chance comes from.
//!
//! A run is a pure function of its plan: the same plan gives the same trace, event by event.

#![forbid(unsafe_code)]

pub mod cli;
pub mod day;
pub mod des;
pub mod engine;
pub mod event;
pub mod file;
mod fnv;
mod log;
pub mod oracle;
pub mod outcome;
mod party;
pub mod plan;
pub mod rng;
pub mod run;
pub mod scenario;
mod secret;
pub mod shrink;
mod telling;
pub mod timeline;
pub mod turmoil;
