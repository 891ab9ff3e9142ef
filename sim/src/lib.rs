//! Simulation: the same [`Session`](underpass_core::Session), driven by the same
//! [`pump`](fn@underpass_core::pump) as in production, on a network whose every chance is drawn from a seed.
//!
//! [`world`] is what happens on turmoil's hosts: a proxy, a backend, a backend that refuses, and
//! clients. [`errand`] is what each client wants, and what it and the backend do for it. [`driver`]
//! is the proxy's own part: an [`Io`](underpass_core::Io) over tokio's streams. [`trace`] writes down every move, and
//! [`rng`] is where chance comes from.
//!
//! A run is a pure function of its seed: the same seed gives the same trace, event by event.

#![forbid(unsafe_code)]

pub mod driver;
pub mod errand;
pub mod rng;
pub mod trace;
pub mod world;

pub use world::{Run, run};
