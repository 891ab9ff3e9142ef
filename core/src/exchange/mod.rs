//! Stage 5 of 6 · ordinary HTTP: a request body one way, a response body the other.
//!
//! [`chunked`] finds the end of a chunked body and what of it goes on, [`body`] says what the next move for a body is.

pub mod body;
pub mod chunked;
mod extension;

pub use body::Body;
pub use chunked::{BadChunk, Chunks, Run};
