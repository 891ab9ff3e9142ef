//! Idle legs: connections to workers that wait for another exchange, watched while they wait.

use std::io;

use mio::Registry;
use mio::event::Event;
use slab::Slab;
use underpass_core::balance::{Destination, Idle, SeatId};
use underpass_core::route::Worker;
use underpass_core::time::Time;

use crate::leg::Leg;
use crate::slots::{Key, Seat};

/// The idle legs of one loop. Which are kept, and for how long, core says.
#[derive(Debug)]
pub(crate) struct IdleLegs {
    places: Slab<Place>,
    idle: Idle<Key>,
    generation: u32,
}

/// Where the events of a leg come that is idle, or has been. It goes with its leg.
#[derive(Debug)]
struct Place {
    tenant: Tenant,
    generation: u32,
}

#[derive(Debug)]
enum Tenant {
    /// Nobody uses the leg.
    Waiting(Leg, SeatId),
    /// That session does.
    Session(Key),
}

impl IdleLegs {
    pub(crate) fn new(workers: &[Worker]) -> Self {
        Self { places: Slab::new(), idle: Idle::new(workers), generation: 0 }
    }

    /// The workers are other ones: legs to those that are not where they were are closed.
    pub(crate) fn renew(&mut self, before: &[Worker], after: &[Worker]) {
        for place in self.idle.renew(before, after) {
            self.leave(place);
        }
    }

    /// Keeps a leg on which an exchange has ended well. One that has something to say already, or
    /// that cannot be watched, is closed.
    pub(crate) fn keep(&mut self, mut leg: Leg, to: Destination, now: Time, registry: &Registry) {
        if !leg.is_silent() {
            return self.close(leg);
        }
        // A leg that could not be watched is closed.
        let Ok(key) = self.settle(leg, to.seat, registry) else { return };
        if let Some(surplus) = self.idle.keep(to, key, now) {
            self.leave(surplus);
        }
    }

    /// Puts a leg into its place. The first time it is given one, which it has from then on: whoever takes it is found by
    /// that, so that it need not be watched anew.
    fn settle(&mut self, mut leg: Leg, seat: SeatId, registry: &Registry) -> io::Result<Key> {
        if let Some(number) = leg.place() {
            let place = &mut self.places[number as usize];
            place.tenant = Tenant::Waiting(leg, seat);
            return Ok(Key { number, generation: place.generation });
        }
        let key = Key::new(self.places.vacant_key(), self.generation);
        leg.settle(registry, key.token(Seat::Idle), key.number)?;
        self.generation = key.next_generation();
        let tenant = Tenant::Waiting(leg, seat);
        self.places.insert(Place { tenant, generation: key.generation });
        Ok(key)
    }

    /// Takes a leg that leads there for that session.
    pub(crate) fn take(&mut self, to: &Destination, now: Time, session: Key) -> Option<Leg> {
        let key = self.idle.take(to, now)?;
        let place = self.places.get_mut(key.number as usize)?;
        match std::mem::replace(&mut place.tenant, Tenant::Session(session)) {
            Tenant::Waiting(leg, _) => Some(leg),
            Tenant::Session(_) => None,
        }
    }

    /// An event, of a leg that a session uses: that session. Of one that waits, nobody has asked, so whatever the
    /// backend says ends the connection (R26). Only that it can be written to is no news, nor what TLS says to itself.
    pub(crate) fn note(&mut self, key: Key, event: &Event) -> Option<Key> {
        let place = self.places.get_mut(key.number as usize)?;
        let place = Some(place).filter(|place| place.generation == key.generation)?;
        let (leg, seat) = match &mut place.tenant {
            Tenant::Waiting(leg, seat) => (leg, *seat),
            Tenant::Session(session) => return Some(*session),
        };
        leg.note(event);
        if !leg.is_silent() {
            self.idle.forget(seat, key);
            self.leave(key);
        }
        None
    }

    /// Closes a leg that a session has used.
    pub(crate) fn close(&mut self, leg: Leg) {
        if let Some(number) = leg.place() {
            self.places.try_remove(number as usize);
        }
    }

    /// Closes what has waited for too long.
    pub(crate) fn expire(&mut self, now: Time) {
        while let Some(place) = self.idle.expired(now) {
            self.leave(place);
        }
    }

    /// When the next leg has waited for too long.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.idle.next_deadline()
    }

    /// A leg that waits is closed, and its place with it.
    fn leave(&mut self, place: Key) {
        self.places.try_remove(place.number as usize);
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
        for generation in 0..3 {
            let session = Key { number: 7, generation };
            let mut taken = idle.take(&to(), Time::ZERO, session).expect("it was kept");
            assert!(idle.take(&to(), Time::ZERO, session).is_none());
            wire.peer.write_all(b"hello")?;
            while taken.read(&mut [0; 9]).is_err() {
                for event in &wire.events()? {
                    let (place, seat) = Key::of(event.token());
                    assert_eq!((seat, idle.note(place, event)), (Seat::Idle, Some(session)));
                    taken.note(event);
                }
            }
            idle.keep(taken, to(), Time::ZERO, wire.registry());
        }
        Ok(())
    }

    /// Or its events would come to whoever has its place next.
    #[test]
    fn a_leg_that_is_closed_leaves_its_place() -> io::Result<()> {
        let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(&[Worker::new("b", 80)]));
        idle.keep(wire.take_leg(), to(), Time::ZERO, wire.registry());
        let session = Key { number: 7, generation: 7 };
        let mut taken = idle.take(&to(), Time::ZERO, session).expect("it was kept");
        assert_eq!(idle.places.len(), 1);
        wire.peer.write_all(b"too late")?;
        while taken.plain().is_some_and(|leg| !leg.is_readable()) {
            wire.events()?.iter().for_each(|event| taken.note(event));
        }
        idle.keep(taken, to(), Time::ZERO, wire.registry());
        assert!(idle.places.is_empty() && idle.next_deadline().is_none(), "it has spoken");
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
                idle.places.is_empty()
                    && idle.take(&to(), Time::ZERO, Key { number: 7, generation: 7 }).is_none()
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
        assert!(idle.places.is_empty() && idle.next_deadline().is_none());
        Ok(())
    }
}
