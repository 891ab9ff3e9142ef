//! Stage 4 of 6 · which backend: a pool of workers as plain data, and the leases on them.
//!
//! [`pool`] elects a worker and takes the [`lease`] back, [`worker`] is what it knows of one worker,
//! `queue` who waits for a full one; [`idle`] keeps connections for later exchanges. How the pool is
//! shared between loops is the driver's business.

pub mod idle;
pub mod lease;
pub mod pool;
mod queue;
pub mod worker;

pub use idle::Idle;
pub use lease::{Ask, Lease, NoWorker};
pub use pool::Pool;
