//! Connections to workers that wait for a further exchange: which, and for how long, core says.

use std::collections::BTreeMap;
use std::fmt;
use std::task::{Context, Waker};

use underpass_core::balance::{self, SeatId};
use underpass_core::route::Worker;
use underpass_core::time::Time;

use super::driver::Leg;

/// The idle connections of one loop. Nobody speaks TLS here, so no names are asked for.
pub(super) struct Idle {
    legs: BTreeMap<u32, (SeatId, Leg)>,
    idle: balance::Idle<u32>,
    /// The name of the next one.
    next: u32,
    /// The task that looks after them.
    keeper: Option<Waker>,
}

impl Idle {
    /// No connections to those workers yet.
    pub(super) fn new(workers: &[Worker]) -> Self {
        let idle = balance::Idle::new(workers);
        Self { legs: BTreeMap::new(), idle, next: 0, keeper: None }
    }

    /// Keeps a connection, and closes the one that must go for it.
    pub(super) fn keep(&mut self, seat: SeatId, leg: Leg, now: Time) {
        self.legs.insert(self.next, (seat, leg));
        let surplus = self.idle.keep(seat.into(), self.next, now);
        surplus.map(|name| self.legs.remove(&name));
        self.next += 1;
        self.wake();
    }

    /// Takes a connection that is silent: one that has ended, or spoken unasked (R26), is closed.
    pub(super) fn take(&mut self, seat: SeatId, now: Time, task: &mut Context<'_>) -> Option<Leg> {
        loop {
            let name = self.idle.take(&seat.into(), now)?;
            let (_, mut leg) = self.legs.remove(&name)?;
            if leg.is_silent(task) {
                return Some(leg);
            }
        }
    }

    /// Closes what is not silent, and what has waited for too long; gives the names of the former, and
    /// when to look again if nothing happens.
    pub(super) fn look(&mut self, now: Time, task: &mut Context<'_>) -> (Vec<u32>, Time) {
        self.keeper = Some(task.waker().clone());
        while let Some(name) = self.idle.expired(now) {
            self.legs.remove(&name);
        }
        let speaks = |(name, (seat, leg)): (&u32, &mut (SeatId, Leg))| {
            (!leg.is_silent(task)).then_some((*name, *seat))
        };
        let speak: Vec<_> = self.legs.iter_mut().filter_map(speaks).collect();
        for (name, seat) in &speak {
            self.legs.remove(name);
            self.idle.forget(*seat, *name);
        }
        let names = speak.into_iter().map(|(name, _)| name).collect();
        (names, self.idle.next_deadline().unwrap_or(Time::NEVER))
    }

    /// Has them looked after.
    pub(super) fn wake(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.wake_by_ref();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.legs.len()
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.idle.fmt(f)
    }
}
