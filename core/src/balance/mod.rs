//! Stage 4 of 6 · which backend: a pool of workers as plain data, and the leases on them.
//!
//! [`pool`] elects and settles, [`worker`] is what it knows of one worker; [`idle`] keeps connections
//! for later exchanges. How the pool is shared between loops is the driver's business.

pub mod idle;
pub mod pool;
pub mod worker;

pub use idle::Idle;
pub use pool::{Ask, Lease, NoWorker, Pool, Verdict};
