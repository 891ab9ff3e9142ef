//! Idle legs: connections to workers that wait for another exchange, watched while they wait.

use std::io;

use mio::event::Event;
use mio::{Registry, Token};
use slab::Slab;
use underpass_core::balance::Idle;
use underpass_core::route::WorkerId;
use underpass_core::time::Time;

use crate::leg::Leg;

/// The idle legs of one loop. Which are kept, and for how long, core says.
#[derive(Debug)]
pub(crate) struct IdleLegs {
    legs: Slab<Waiting>,
    idle: Idle<Place>,
    generation: u32,
}

#[derive(Debug)]
struct Waiting {
    leg: Leg,
    worker: WorkerId,
    generation: u32,
}

/// Where an idle leg waits; its generation tells it from the next one there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    number: u32,
    generation: u32,
}

impl Place {
    /// Tokens of idle legs have the highest bit, and are no listener's.
    const MARK: usize = 1 << 63;

    const fn token(self) -> Token {
        Token(Self::MARK | (self.generation as usize) << 32 | self.number as usize)
    }

    /// What a token stands for, if it is an idle leg's.
    pub(crate) const fn of(token: Token) -> Option<Self> {
        if token.0 & Self::MARK == 0 {
            return None;
        }
        let (number, generation) = (token.0 as u32, ((token.0 & !Self::MARK) >> 32) as u32);
        Some(Self { number, generation })
    }
}

impl IdleLegs {
    /// Generations go round below those of the listeners' tokens.
    const GENERATIONS: u32 = u32::MAX >> 2;

    pub(crate) fn new(workers: usize) -> Self {
        Self { legs: Slab::new(), idle: Idle::new(workers), generation: 0 }
    }

    /// Keeps a leg on which an exchange has ended well. One that has something to say already, or
    /// that cannot be watched, is closed.
    pub(crate) fn keep(&mut self, mut leg: Leg, worker: WorkerId, now: Time, registry: &Registry) {
        let number = u32::try_from(self.legs.vacant_key()).expect("fewer legs than descriptors");
        let place = Place { number, generation: self.generation };
        if !leg.is_silent() || leg.register_again(registry, place.token()).is_err() {
            return;
        }
        self.generation = (self.generation + 1) % Self::GENERATIONS;
        self.legs.insert(Waiting { leg, worker, generation: place.generation });
        if let Some(surplus) = self.idle.keep(worker, place, now) {
            self.close(surplus);
        }
    }

    /// Takes a leg to the worker, which from now on has events for that token.
    pub(crate) fn take(
        &mut self,
        worker: WorkerId,
        registry: &Registry,
        token: Token,
    ) -> Option<io::Result<Leg>> {
        let place = self.idle.take(worker)?;
        let mut leg = self.close(place)?;
        Some(leg.register_again(registry, token).map(|()| leg))
    }

    /// An event: nobody has asked, so whatever the backend says ends the connection (R26). Only that
    /// it can be written to is no news.
    pub(crate) fn note(&mut self, place: Place, event: &Event) {
        let Some(waiting) = self.legs.get_mut(place.number as usize) else { return };
        if waiting.generation != place.generation {
            return;
        }
        waiting.leg.note(event);
        if waiting.leg.is_readable() {
            let worker = waiting.worker;
            self.idle.forget(worker, place);
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

    fn close(&mut self, place: Place) -> Option<Leg> {
        self.legs.try_remove(place.number as usize).map(|waiting| waiting.leg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::{Key, Slots};
    use crate::testing::Wire;
    use std::io::Write as _;
    use underpass_core::Side;

    const WORKER: WorkerId = WorkerId(0);

    #[test]
    fn tokens_of_idle_legs_and_of_sessions_differ() {
        let place = Place { number: 7, generation: IdleLegs::GENERATIONS - 1 };
        assert_eq!(Place::of(place.token()), Some(place));
        assert_eq!(Place::of(Slots::default().next_key().token(Side::Backend)), None);
        assert!(place.token().0 < usize::MAX - 1_000_000, "room for listeners");
        let _: (Key, Side) = Key::of(Token(0));
    }

    #[test]
    fn a_kept_leg_serves_again() -> io::Result<()> {
        let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(1));
        let leg = wire.take_leg();
        idle.keep(leg, WORKER, Time::ZERO, wire.registry());
        let taken = idle.take(WORKER, wire.registry(), Token(0)).expect("it was kept")?;
        assert!(idle.take(WORKER, wire.registry(), Token(0)).is_none());
        wire.put_leg(taken);
        wire.peer.write_all(b"hello")?;
        assert_eq!(wire.until(|leg| leg.read(&mut [0; 9]))?, 5);
        Ok(())
    }

    /// R26: nothing may be said between two exchanges.
    #[test]
    fn a_leg_that_speaks_or_ends_while_it_waits_is_closed() -> io::Result<()> {
        for bytes in [&b"HTTP/1.1 408 Too Late\r\n\r\n"[..], b""] {
            let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(1));
            let leg = wire.take_leg();
            idle.keep(leg, WORKER, Time::ZERO, wire.registry());
            wire.peer.write_all(bytes)?;
            wire.peer.shutdown(std::net::Shutdown::Write)?;
            while idle.next_deadline().is_some() {
                for event in &wire.events()? {
                    idle.note(Place::of(event.token()).expect("an idle leg's"), event);
                }
            }
            assert!(idle.legs.is_empty() && idle.take(WORKER, wire.registry(), Token(0)).is_none());
        }
        Ok(())
    }

    #[test]
    fn a_leg_that_waits_for_too_long_is_closed() -> io::Result<()> {
        let (mut wire, mut idle) = (Wire::new()?, IdleLegs::new(1));
        let leg = wire.take_leg();
        idle.keep(leg, WORKER, Time::ZERO, wire.registry());
        idle.expire(idle.next_deadline().expect("a deadline"));
        assert!(idle.legs.is_empty() && idle.next_deadline().is_none());
        Ok(())
    }
}
