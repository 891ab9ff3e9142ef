//! Stage 4 of 6 · one seat of a balancer: a worker in it, and what it is weighed by.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::health::Health;
use crate::route::{Admission, Owner, Role, RouteId, Worker, WorkerId};
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

impl SeatId {
    /// A new seat of a worker that has so many.
    pub(super) const fn new(worker: WorkerId, place: usize) -> Self {
        Self { worker, place: place as u32, generation: 0 }
    }

    /// The name of that seat once it is another one's.
    pub(super) const fn next(self) -> Self {
        Self { generation: self.generation.wrapping_add(1), ..self }
    }
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
    pub(super) spot: Spot,
    pub(super) health: Health,
    pub(super) weight: u32,
    pub(super) set: u8,
    pub(super) role: Role,
    pub(super) admission: Admission,
    /// The clients that belong to it.
    pub(super) owner: Option<Owner>,
    pub(super) redirect: Option<RouteId>,
    /// What stands for its URL, or for the place where it is dialled.
    pub(super) tag: u64,
    /// Places that are kept for those who wait and have been woken.
    pub(super) kept: u32,
    /// How much it has been passed over (httpd's `lbstatus`).
    pub(super) score: i64,
    /// Bytes that it has carried, in both directions.
    pub(super) carried: u64,
    /// What it says that it can take.
    pub(super) ready: u32,
}

/// What of its worker a seat is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spot {
    /// All of it, whatever its addresses are.
    Whole,
    /// All of it, but it is no member any more: nobody is elected for it.
    Gone,
    /// That one of its addresses.
    At(IpAddr),
    /// An address that it no longer has: nobody is elected for it, and once nobody is left there the seat may be
    /// another one's.
    Left(IpAddr),
}

impl Seat {
    pub(super) fn new(id: WorkerId, worker: &Worker) -> Self {
        let member = worker.member.as_deref();
        Self {
            id: id.into(),
            spot: Spot::Whole,
            health: Health::new(worker),
            weight: member.map_or(100, |member| member.weight),
            set: member.map_or(0, |member| member.set),
            role: member.map_or(Role::Regular, |member| member.role),
            admission: member.map_or(Admission::Open, |member| member.admission),
            owner: member.and_then(|member| member.owner(None)),
            redirect: member.and_then(|member| member.redirect),
            tag: worker.tag(),
            kept: 0,
            score: 0,
            carried: 0,
            ready: 0,
        }
    }

    /// Other things are said of it: what is known of it stays.
    pub(super) fn renew(&mut self, worker: &Worker) {
        let said = Self::new(self.id.worker, worker);
        self.health.renew(worker);
        let owner = worker.member.as_ref().and_then(|member| member.owner(self.address()));
        let spot = if self.spot == Spot::Gone { Spot::Whole } else { self.spot };
        let Self { id, health, kept, score, carried, ready, .. } = self.clone();
        *self = Self { id, spot, health, owner, kept, score, carried, ready, ..said };
    }

    /// It is no member any more, or has not that address.
    pub(super) fn leave(&mut self) {
        self.spot = match self.spot {
            Spot::Whole | Spot::Gone => Spot::Gone,
            Spot::At(address) | Spot::Left(address) => Spot::Left(address),
        };
    }

    /// How many more may have it, besides those for whom a place is kept.
    pub(super) fn free(&self) -> u32 {
        self.health.free().saturating_sub(self.kept)
    }

    /// Whether it may be tried, by who belongs to it at least.
    pub(super) fn is_usable(&self, now: Time) -> bool {
        self.is_here() && self.admission != Admission::Closed && self.health.is_usable(now)
    }

    /// Whether there still is what it is for.
    pub(super) fn is_here(&self) -> bool {
        matches!(self.spot, Spot::Whole | Spot::At(_))
    }

    /// The one address that it is for, if it is.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.spot {
            Spot::Whole | Spot::Gone => None,
            Spot::At(address) | Spot::Left(address) => Some(address),
        }
    }

    /// What tells it from the others of its balancer, in every process.
    pub(super) fn tag(&self) -> u64 {
        if let Some(Owner::Address(route)) = self.owner { route.0 } else { self.tag }
    }

    /// Whether it serves those who do not belong to it.
    pub(super) fn is_open(&self) -> bool {
        self.admission == Admission::Open
    }
}
