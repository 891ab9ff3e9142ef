//! What the fuzz targets check, so that a crash can be replayed and read like a test.
//!
//! One module a target: [`request`] and [`response`] take bytes for a head, of which [`heads`] knows what
//! both have in common; [`chunks`] for a chunked body; [`path`] for rules and a path, [`config`] for a
//! configuration; [`sticky`] for a request that says whom it belongs to; [`edits`] for edits and two heads; [`probe`] for what a member sends to whoever checks it, and
//! [`heartbeats`] for what members say themselves; [`session`] for two peers and a script, and so does [`exchange`],
//! which has hyper read what the peers got. [`wires`] is the driver that plays the script, [`verdict`] judges what came of it,
//! [`answer`] finds final responses, [`rules`] are the configurations.

#![forbid(unsafe_code)]

pub mod answer;
pub mod chunks;
pub mod config;
pub mod edits;
pub mod exchange;
pub mod heads;
pub mod heartbeats;
pub mod path;
pub mod probe;
pub mod request;
pub mod response;
pub mod rules;
pub mod session;
pub mod sticky;
pub mod verdict;
pub mod wires;

#[path = "../../core/tests/http11/by_hyper.rs"]
mod by_hyper;
#[path = "../../core/tests/http11/message.rs"]
#[allow(dead_code, reason = "not every user needs all of it")]
mod message;
