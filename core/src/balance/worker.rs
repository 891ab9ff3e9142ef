//! Stage 4 of 6 · what the pool knows of one worker: how busy it is, and whether it may be tried.

use std::num::NonZeroU32;

use crate::route::{Recovery, Worker};
use crate::time::{Time, Wait};

/// One worker's counts and health.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    recovery: Recovery,
    /// How many leases may be out (`max=`).
    most: u32,
    /// Leases out.
    busy: u32,
    /// Handshakes under way: leases out before the worker has answered, and sessions that wait for one (R53).
    pending: u32,
    /// The moment until which it is left alone, after a failure.
    resting: Option<Time>,
}

impl Health {
    /// A worker that nothing is known of but what the configuration says.
    pub fn new(worker: &Worker) -> Self {
        let most = worker.most.map_or(u32::MAX, NonZeroU32::get);
        Self { recovery: worker.recovery, most, busy: 0, pending: 0, resting: None }
    }

    /// Leases out.
    pub const fn busy(&self) -> u32 {
        self.busy
    }

    /// How many more leases may be out (`max=`).
    pub const fn free(&self) -> u32 {
        self.most.saturating_sub(self.busy)
    }

    /// Handshakes under way: leases out before the worker has answered, and sessions that wait for one (R53).
    pub const fn pending(&self) -> u32 {
        self.pending
    }

    /// How long it must still be left alone; none if it may be tried now.
    pub fn rests(&self, now: Time) -> Option<Wait> {
        self.resting.filter(|&until| now < until).map(|until| until.since(now))
    }

    pub(super) fn asked(&mut self) {
        self.pending += 1;
    }

    pub(super) fn leased(&mut self) {
        debug_assert!(self.free() > 0, "more leases than there may be");
        self.busy += 1;
    }

    pub(super) fn confirmed(&mut self) {
        self.abandoned();
        self.resting = None;
    }

    pub(super) fn returned(&mut self) {
        debug_assert!(self.busy > 0, "a lease came back that was never out");
        self.busy = self.busy.saturating_sub(1);
    }

    pub(super) fn abandoned(&mut self) {
        debug_assert!(self.pending > 0, "a handshake ended that never began");
        self.pending = self.pending.saturating_sub(1);
    }

    pub(super) fn failed(&mut self, now: Time) {
        if let Recovery::After(wait) = self.recovery {
            self.resting = Some(now.after(wait));
        }
    }
}
