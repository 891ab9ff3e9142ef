//! Stage 5 of 6 · bytes both ways, of which core sees only the counts.
//!
//! [`flow`] is one direction; [`tunnel`] is both of them with their clocks.

pub mod flow;
#[expect(clippy::module_inception, reason = "the room is named after what stands in it")]
pub mod tunnel;

pub use flow::{End, Flow};
pub use tunnel::Tunnel;
