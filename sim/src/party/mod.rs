//! What clients and backends do, as their plan says it, on whatever network there is.
//!
//! A `client` and a `backend` are stepped by an engine when something has happened to their `sockets`, or
//! when their time has come. `asking` is a client's connection, `hand` what both work with, `http` as much
//! of that as they need, `talk` what either does in a tunnel, `pattern` the bytes that they send.

#![expect(clippy::wildcard_enum_match_arm, reason = "each part looks at what concerns it")]

mod asking;
mod backend;
mod client;
mod hand;
mod http;
mod pattern;
mod sockets;
mod talk;

use std::num::NonZeroU32;

pub(crate) use backend::Serving;
pub(crate) use client::Client;
pub(crate) use http::is_edited;
pub(crate) use sockets::{Sockets, Tip};

/// A number of bytes that is not zero.
pub(crate) fn moved(count: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(count).expect("no call moves 4 GiB"))
}
