//! Idle legs: connections to workers that wait for another exchange, watched while they wait.

use std::io;

use mio::event::Event;
use mio::{Registry, Token};
use slab::Slab;
use underpass_core::balance::{Destination, Idle, SeatId};
use underpass_core::route::Worker;
use underpass_core::time::Time;

use crate::leg::Leg;
use crate::slots::{Key, Seat};

/// The idle legs of one loop. Which are kept, and for how long, core says.
#[derive(Debug)]
pub(crate) struct IdleLegs {
    legs: Slab<Waiting>,
    idle: Idle<Key>,
    generation: u32,
}

#[derive(Debug)]
struct Waiting {
    leg: Leg,
    seat: SeatId,
    generation: u32,
}

impl IdleLegs {
    pub(crate) fn new(workers: &[Worker]) -> Self {
        Self { legs: Slab::new(), idle: Idle::new(workers), generation: 0 }
    }

    /// The workers are other ones: legs to those that are not where they were are closed.
    pub(crate) fn renew(&mut self, before: &[Worker], after: &[Worker]) {
        for place in self.idle.renew(before, after) {
            self.close(place);
        }
    }

    /// Keeps a leg on which an exchange has ended well. One that has something to say already, or
    /// that cannot be watched, is closed.
    pub(crate) fn keep(&mut self, mut leg: Leg, to: Destination, now: Time, registry: &Registry) {
        let place = Key::new(self.legs.vacant_key(), self.generation);
        if !leg.is_silent() || leg.register_again(registry, place.token(Seat::Idle)).is_err() {
            return;
        }
        self.generation = place.next_generation();
        self.legs.insert(Waiting { leg, seat: to.seat, generation: place.generation });
        if let Some(surplus) = self.idle.keep(to, place, now) {
            self.close(surplus);
        }
    }

    /// Takes a leg that leads there, which from now on has events for that token.
    pub(crate) fn take(
        &mut self,
        to: &Destination,
        now: Time,
        registry: &Registry,
        token: Token,
    ) -> Option<io::Result<Leg>> {
        let place = self.idle.take(to, now)?;
        let leg = self.close(place)?;
        Some(leg.register_again(registry, token).map(|()| leg))
    }

    /// An event: nobody has asked, so whatever the backend says ends the connection (R26). Only that
    /// it can be written to is no news, nor what TLS says to itself.
    pub(crate) fn note(&mut self, place: Key, event: &Event) {
        let Some(waiting) = self.legs.get_mut(place.number as usize) else { return };
        if waiting.generation != place.generation {
            return;
        }
        waiting.leg.note(event);
        if !waiting.leg.is_silent() {
            let seat = waiting.seat;
            self.idle.forget(seat, place);
            self.close(place);
        }
    }

    /// Closes what has waited for too long.
    pub(crate) fn expire(&mut self, now: Time) {
        while let Some(place) = self.idle.expired(now) {
            self.close(place);
        }
    }

    /// When the next leg has waited for too long.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.idle.next_deadline()
    }

    fn close(&mut self, place: Key) -> Option<Leg> {
        self.legs.try_remove(place.number as usize).map(|waiting| waiting.leg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Wire;
    use std::io::Write as _;
    use underpass_core::route::WorkerId;

    fn to() -> Destination {
        SeatId::from(WorkerId(0)).into()
    }

    #[test]
    fn a_kept_leg_serves_again() -> io::Result<()> {
        let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(&[Worker::new("b", 80)]));
        let leg = wire.take_leg();
        idle.keep(leg, to(), Time::ZERO, wire.registry());
        let taken =
            idle.take(&to(), Time::ZERO, wire.registry(), Token(0)).expect("it was kept")?;
        assert!(idle.take(&to(), Time::ZERO, wire.registry(), Token(0)).is_none());
        wire.put_leg(taken);
        wire.peer.write_all(b"hello")?;
        assert_eq!(wire.until(|leg| leg.read(&mut [0; 9]))?, 5);
        Ok(())
    }

    /// R26: nothing may be said between two exchanges.
    #[test]
    fn a_leg_that_speaks_or_ends_while_it_waits_is_closed() -> io::Result<()> {
        for bytes in [&b"HTTP/1.1 408 Too Late\r\n\r\n"[..], b""] {
            let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(&[Worker::new("b", 80)]));
            let leg = wire.take_leg();
            idle.keep(leg, to(), Time::ZERO, wire.registry());
            wire.peer.write_all(bytes)?;
            wire.peer.shutdown(std::net::Shutdown::Write)?;
            while idle.next_deadline().is_some() {
                for event in &wire.events()? {
                    let (place, seat) = Key::of(event.token());
                    assert_eq!(seat, Seat::Idle);
                    idle.note(place, event);
                }
            }
            assert!(
                idle.legs.is_empty()
                    && idle.take(&to(), Time::ZERO, wire.registry(), Token(0)).is_none()
            );
        }
        Ok(())
    }

    #[test]
    fn a_leg_that_waits_for_too_long_is_closed() -> io::Result<()> {
        let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(&[Worker::new("b", 80)]));
        let leg = wire.take_leg();
        idle.keep(leg, to(), Time::ZERO, wire.registry());
        idle.expire(idle.next_deadline().expect("a deadline"));
        assert!(idle.legs.is_empty() && idle.next_deadline().is_none());
        Ok(())
    }
}
