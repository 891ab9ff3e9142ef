//! What the fuzz targets check, so that a crash can be replayed and read like a test.
//!
//! [`head`] takes bytes for a request head, [`chunks`] for a chunked body, [`session`] for two peers
//! and a script; [`wires`] is the driver that plays the script, [`verdict`] judges what came of it, [`rules`] are the configurations.

#![forbid(unsafe_code)]

pub mod chunks;
pub mod head;
pub mod rules;
pub mod session;
pub mod verdict;
pub mod wires;
