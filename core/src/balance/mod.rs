//! Stage 4 of 6 · which backend: a pool of workers as plain data, and the leases on them.
//!
//! [`pool`] elects a worker and takes the [`lease`] back, [`worker`] is what it knows of one worker,
//! `queue` who waits for a full one, `crowd` how many there are; [`idle`] keeps connections for later exchanges. How the pool is
//! shared between loops is the driver's business.

mod crowd;
pub mod idle;
pub mod lease;
pub mod pool;
mod queue;
pub mod worker;

pub(crate) use crowd::Visit;
pub use idle::Idle;
pub use lease::{Ask, Lease, NoWorker, Purpose};
pub use pool::Pool;
