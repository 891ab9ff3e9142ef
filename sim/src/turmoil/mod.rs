//! Engine two: the same sessions in tasks of tokio's, on the hosts of turmoil.
//!
//! [`world`] is what happens on the hosts: a proxy, a backend, a backend that refuses, and clients.
//! [`errand`] is what each client wants, [`asking`] and [`answering`] are what it and the backend do
//! for it, each on its end of a [`wire`]. [`driver`] is the proxy's own part: an
//! [`Io`](underpass_core::Io) over tokio's streams, with its [`idle`] connections.
//!
//! Its runs are drawn from seeds, not from plans: turmoil's network cannot do most of what a
//! [`Plan`](crate::plan::Plan) says.

pub mod answering;
pub mod asking;
pub mod driver;
pub mod errand;
pub mod idle;
pub mod wire;
pub mod world;

pub use world::{Mark, Run, run};
