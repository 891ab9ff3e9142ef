//! Stage 3 of 6 · may we ask for it, what do we ask, and what did they answer?
//!
//! [`offer`] judges what the client asks for, `origin.rs` whose page asks for it, `content.rs` the body that it means to send and [`hops`]
//! whether it may go on at all; [`forward`] writes the heads that go on, [`answer`] judges what the
//! backend says. [`refuse`] is why we answer ourselves, and `page.rs` how: in what the client likes to
//! read (`media.rs`), with the fields that the status needs (`needed.rs`).

pub mod answer;
mod content;
pub mod forward;
pub mod hops;
mod media;
mod needed;
pub mod offer;
mod origin;
mod page;
mod reason;
pub mod refuse;

pub use answer::{Answer, Nonsense, judge};
pub(crate) use content::{Consent, admit};
pub use hops::NoHop;
pub(crate) use media::Medium;
pub(crate) use needed::Needed;
pub use offer::Offer;
pub use origin::BadOrigin;
pub(crate) use origin::admit_origin;
pub(crate) use page::Page;
pub use refuse::Refusal;
