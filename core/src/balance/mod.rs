//! Stage 4 of 6 · which backend: a pool of workers as plain data, and the leases on them.
//!
//! [`pool`] elects a worker and takes the [`lease`] back; `house` is one balancer, `seat` what each member has there,
//! or each of its addresses (`expand`), `renew` what becomes of it by a reload, `choice` the methods by which one is chosen, [`health`] what is known of it,
//! `verdict` what an end says of it, `queue` who waits for a full one, `crowd` how many there are, [`sticky`] to whom
//! a request belongs, and `owner` who that is; [`ledger`] is what they have carried, and [`idle`] keeps connections
//! for later exchanges. [`round`] says when members are checked, and [`probe`] is one check; [`lookups`] says when
//! names are resolved anew; [`heartbeats`] are what members say themselves, and [`heartbeat`] is one of them. How the
//! pool is shared between loops is the driver's business.

mod choice;
mod crowd;
mod expand;
pub mod health;
pub mod heartbeat;
pub mod heartbeats;
mod house;
pub mod idle;
pub mod lease;
pub mod ledger;
pub mod lookups;
mod owner;
pub mod pool;
pub mod probe;
mod queue;
mod renew;
pub mod round;
mod seat;
pub mod sticky;
mod verdict;

pub(crate) use crowd::Visit;
pub use expand::Resolved;
pub use health::Health;
pub use heartbeats::Heartbeats;
pub use idle::{Destination, Idle};
pub use lease::{Ask, Lease, NoWorker, Purpose};
pub use ledger::Ledger;
pub use lookups::Lookups;
pub use pool::Pool;
pub use probe::Probe;
pub use round::Round;
pub use seat::SeatId;
