//! Stage 3 of 6 · may we ask for it, what do we ask, and what did they answer?
//!
//! [`offer`] judges what the client asks for, [`hops`] whether it may go on at all, [`forward`]
//! writes the heads that go on, [`answer`] judges what the backend says, [`refuse`] writes what we
//! say ourselves.

pub mod answer;
pub mod forward;
pub mod hops;
pub mod offer;
pub mod refuse;

pub use answer::{Answer, Nonsense, judge};
pub use hops::NoHop;
pub use offer::Offer;
pub use refuse::Refusal;
