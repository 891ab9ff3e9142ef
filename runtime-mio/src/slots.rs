//! Slots: the sessions of a loop, and the tokens by which events find them.

use mio::Token;
use slab::Slab;
use underpass_core::time::Time;
use underpass_core::{Both, Session, Side};

use crate::carrier::Carrier;
use crate::leg::Leg;

/// One session with its legs, and all that the loop keeps for it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) session: Session,
    pub(crate) client: Leg,
    pub(crate) backend: Option<Leg>,
    /// The number of the worker's address that the backend's leg is being dialled to; nothing once it is up.
    pub(crate) dialling: Option<u8>,
    pub(crate) carriers: Both<Carrier>,
    /// The moment at which the session wants to be pumped.
    pub(crate) wish: Time,
    /// The moment for which it stands in the deadlines.
    pub(crate) armed: Time,
    /// Whether it stands in the list of what is ready.
    pub(crate) queued: bool,
    pub(crate) generation: u32,
}

/// The number of a slot, or of an idle leg's place, together with its generation: an event, a deadline,
/// a name or a turn that comes late finds nobody instead of the next tenant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    pub(crate) number: u32,
    pub(crate) generation: u32,
}

/// Which socket a token stands for, of what has that key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Seat {
    /// One side's of a session.
    Session(Side),
    /// That of an idle leg.
    Idle,
}

/// The slots of one loop.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slab: Slab<Slot>,
    generation: u32,
}

impl Key {
    /// The greatest generation: those above are tokens of listeners and of the waker.
    pub(crate) const GENERATIONS: u32 = u32::MAX / 2;

    /// The key of that place in a slab.
    pub(crate) fn new(number: usize, generation: u32) -> Self {
        let number = u32::try_from(number).expect("fewer places than descriptors");
        Self { number, generation }
    }

    /// The generation after this one.
    pub(crate) const fn next_generation(self) -> u32 {
        (self.generation + 1) % Self::GENERATIONS
    }

    /// The token of a socket.
    pub(crate) const fn token(self, seat: Seat) -> Token {
        let low = match seat {
            Seat::Session(side) => side as usize,
            Seat::Idle => 2,
        };
        Token((self.generation as usize) << 32 | (self.number as usize) << 2 | low)
    }

    /// What a token stands for.
    pub(crate) const fn of(token: Token) -> (Self, Seat) {
        let low = token.0 as u32;
        let seat = match low & 3 {
            0 => Seat::Session(Side::Client),
            1 => Seat::Session(Side::Backend),
            _ => Seat::Idle,
        };
        (Self { number: low >> 2, generation: (token.0 >> 32) as u32 }, seat)
    }
}

impl Slot {
    /// A slot for a connection that was just accepted.
    pub(crate) fn new(session: Session, client: Leg) -> Self {
        Self {
            session,
            client,
            backend: None,
            dialling: None,
            carriers: Both::default(),
            wish: Time::NEVER,
            armed: Time::NEVER,
            queued: false,
            generation: 0,
        }
    }
}

impl Slots {
    /// The key of the slot that is filled next.
    pub(crate) fn next_key(&self) -> Key {
        Key::new(self.slab.vacant_key(), self.generation)
    }

    /// Fills the next slot.
    pub(crate) fn insert(&mut self, mut slot: Slot) -> Key {
        let key = self.next_key();
        slot.generation = key.generation;
        self.generation = key.next_generation();
        self.slab.insert(slot);
        key
    }

    /// The slot, if it is still that session's.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slab.get_mut(key.number as usize).filter(|slot| slot.generation == key.generation)
    }

    /// Empties the slot.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Slot> {
        self.get_mut(key)?;
        self.slab.try_remove(key.number as usize)
    }

    /// The keys of all that are filled.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.slab.iter().map(|(number, slot)| Key::new(number, slot.generation)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Wire;
    use underpass_core::route::{Caller, Rules};

    /// The budget of an idle tunnel is 256 bytes, its deadline included.
    #[test]
    fn a_slot_is_small() {
        let slot = size_of::<Option<Slot>>();
        assert!(slot <= 248, "a slot takes {slot} bytes");
    }

    /// An event for a session that has gone finds nobody, even in the same slot.
    #[test]
    fn a_slot_is_found_by_its_own_key_only() -> std::io::Result<()> {
        let mut slots = Slots::default();
        let slot = || -> std::io::Result<Slot> {
            let session =
                Session::new(Caller::at_main([127, 0, 0, 1]), &Rules::default(), Time::ZERO);
            Ok(Slot::new(session, Wire::new()?.take_leg()))
        };
        let (announced, first) = (slots.next_key(), slots.insert(slot()?));
        assert_eq!(announced, first);
        assert!(slots.remove(first).is_some());
        let second = slots.insert(slot()?);
        assert_eq!((first.number, slots.len()), (second.number, 1));
        assert!(slots.get_mut(first).is_none() && slots.remove(first).is_none());
        assert!(slots.get_mut(second).is_some());
        Ok(())
    }

    #[test]
    fn a_token_says_place_generation_and_seat() {
        let key = Key { number: 0x3fff_fff0, generation: Key::GENERATIONS - 1 };
        for seat in [Seat::Session(Side::Client), Seat::Session(Side::Backend), Seat::Idle] {
            assert_eq!(Key::of(key.token(seat)), (key, seat));
            assert!(key.token(seat).0 < usize::MAX - 1_000_000, "room for listeners");
        }
    }
}
