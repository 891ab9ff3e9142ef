//! Stage 4 of 6 · which backend: a pool of workers as plain data, and the leases on them.
//!
//! [`pool`] elects and settles, [`worker`] is what it knows of one worker. How the pool is shared
//! between loops is the driver's business.

pub mod pool;
pub mod worker;

pub use pool::{Ask, Lease, NoWorker, Pool, Verdict};
