//! Simulation: the same [`Session`](underpass_core::Session), driven by the same
//! [`pump`](fn@underpass_core::pump) as in production, on a network whose every chance is drawn from a seed.
//!
//! [`world`] is what happens on turmoil's hosts: a proxy, a backend, a backend that refuses, and
//! clients. [`errand`] is what each client wants, [`asking`] and [`answering`] are what it and the
//! backend do for it, each on its end of a [`wire`]. [`driver`] is the proxy's own part: an
//! [`Io`](underpass_core::Io) over tokio's streams, with its [`idle`] connections. [`trace`] keeps every
//! move, and [`rng`] is where chance comes from.
//!
//! A run is a pure function of its seed: the same seed gives the same trace, event by event.

#![forbid(unsafe_code)]

pub mod answering;
pub mod asking;
pub mod driver;
pub mod errand;
pub mod idle;
pub mod rng;
pub mod trace;
pub mod wire;
pub mod world;

pub use world::{Mark, Run, run};
