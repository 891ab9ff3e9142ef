//! Stage 4 of 6 · one seat of a balancer: a worker in it, and what it is weighed by.

use serde::{Deserialize, Serialize};

use super::health::Health;
use crate::route::{Admission, Role, RouteId, Worker, WorkerId};
use crate::time::Time;

/// The name of a seat. A seat that is given to somebody else has another name from then on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct SeatId {
    /// Whose seat it is.
    pub worker: WorkerId,
    /// Its place among those of its worker.
    pub(super) place: u32,
    /// How often it was given to somebody else.
    pub(super) generation: u32,
}

/// The seat of a worker that has only one.
impl From<WorkerId> for SeatId {
    fn from(worker: WorkerId) -> Self {
        Self { worker, place: 0, generation: 0 }
    }
}

/// A worker in its balancer: what it is weighed by.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) id: SeatId,
    pub(super) health: Health,
    pub(super) weight: u32,
    pub(super) set: u8,
    pub(super) role: Role,
    pub(super) admission: Admission,
    pub(super) route: Option<RouteId>,
    pub(super) redirect: Option<RouteId>,
    /// Places that are kept for those who wait and have been woken.
    pub(super) kept: u32,
    /// How much it has been passed over (httpd's `lbstatus`).
    pub(super) score: i64,
    /// Bytes that it has carried, in both directions.
    pub(super) carried: u64,
    /// What it says that it can take.
    pub(super) ready: u32,
}

impl Seat {
    pub(super) fn new(id: WorkerId, worker: &Worker) -> Self {
        let member = worker.member.as_deref();
        Self {
            id: id.into(),
            health: Health::new(worker),
            weight: member.map_or(100, |member| member.weight),
            set: member.map_or(0, |member| member.set),
            role: member.map_or(Role::Regular, |member| member.role),
            admission: member.map_or(Admission::Open, |member| member.admission),
            route: member.and_then(|member| member.route),
            redirect: member.and_then(|member| member.redirect),
            kept: 0,
            score: 0,
            carried: 0,
            ready: 0,
        }
    }

    /// How many more may have it, besides those for whom a place is kept.
    pub(super) fn free(&self) -> u32 {
        self.health.free().saturating_sub(self.kept)
    }

    /// Whether it may be tried, by who belongs to it at least.
    pub(super) fn is_usable(&self, now: Time) -> bool {
        self.admission != Admission::Closed && self.health.is_usable(now)
    }

    /// Whether it serves those who do not belong to it.
    pub(super) fn is_open(&self) -> bool {
        self.admission == Admission::Open
    }
}
