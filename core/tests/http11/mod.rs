//! HTTP/1.1 as it comes in the wild: cases as data, what we make of them, and what another parser must
//! make of the same bytes. Shared by `differential.rs` and, for the parser that needs a socket, by
//! `runtime-mio/tests/tiny_http.rs`.
#![allow(dead_code, reason = "not every user needs all of it")]
#![allow(unused_imports, reason = "not every user needs all of it")]

pub(crate) mod case;
pub(crate) mod message;
pub(crate) mod oracle;
pub(crate) mod play;
pub(crate) mod relay;
mod tell;

pub(crate) use case::{Case, requests, responses};
pub(crate) use message::{Reading, Request};
pub(crate) use oracle::Findings;
pub(crate) use play::{Played, play};
pub(crate) use relay::{Relayed, relay};
