//! What the fuzz targets check, so that a crash can be replayed and read like a test.
//!
//! [`request`] takes bytes for a request head, [`response`] for a response head, [`chunks`] for a chunked
//! body, [`session`] for two peers and a script; [`wires`] is the driver that plays the script, [`verdict`]
//! judges what came of it, [`answer`] finds final responses, [`rules`] are the configurations.

#![forbid(unsafe_code)]

pub mod answer;
pub mod chunks;
pub(crate) mod heads;
pub mod request;
pub mod response;
pub mod rules;
pub mod session;
pub mod verdict;
pub mod wires;
