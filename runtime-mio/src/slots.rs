//! Slots: the sessions of a loop, and the tokens by which events find them.

use mio::Token;
use slab::Slab;
use underpass_core::time::Time;
use underpass_core::{Both, Session, Side};

use crate::carrier::Carrier;
use crate::dial::Backend;
use crate::leg::Leg;

/// One session with its legs, and all that the loop keeps for it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) session: Session,
    pub(crate) client: Leg,
    pub(crate) backend: Backend,
    pub(crate) carriers: Both<Carrier>,
    /// The moment at which the session wants to be pumped.
    pub(crate) wish: Time,
    /// The moment for which it stands in the deadlines.
    pub(crate) armed: Time,
    /// Whether it stands in the list of what is ready.
    pub(crate) queued: bool,
    pub(crate) generation: u32,
}

/// A slot's number together with its generation: an event, a deadline or a name that comes late finds
/// nobody instead of the next tenant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    number: u32,
    generation: u32,
}

/// The slots of one loop.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slab: Slab<Slot>,
    generation: u32,
}

impl Key {
    /// The token of one side's socket.
    pub(crate) const fn token(self, side: Side) -> Token {
        Token((self.generation as usize) << 32 | (self.number as usize) << 1 | side as usize)
    }

    /// What a token stands for.
    pub(crate) const fn of(token: Token) -> (Self, Side) {
        let low = token.0 as u32;
        let side = if low & 1 == 0 { Side::Client } else { Side::Backend };
        (Self { number: low >> 1, generation: (token.0 >> 32) as u32 }, side)
    }
}

impl Slot {
    /// A slot for a connection that was just accepted.
    pub(crate) fn new(session: Session, client: Leg) -> Self {
        Self {
            session,
            client,
            backend: Backend::None,
            carriers: Both::default(),
            wish: Time::NEVER,
            armed: Time::NEVER,
            queued: false,
            generation: 0,
        }
    }
}

impl Slots {
    /// The greatest generation: those above are tokens of listeners and of the waker.
    pub(crate) const GENERATIONS: u32 = u32::MAX / 2;

    /// The key of the slot that is filled next.
    pub(crate) fn next_key(&self) -> Key {
        let number = u32::try_from(self.slab.vacant_key()).expect("fewer slots than descriptors");
        Key { number, generation: self.generation }
    }

    /// Fills the next slot.
    pub(crate) fn insert(&mut self, mut slot: Slot) -> Key {
        let key = self.next_key();
        slot.generation = key.generation;
        self.generation = (self.generation + 1) % Self::GENERATIONS;
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

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Wire;
    use underpass_core::limits::Limits;

    /// The budget of an idle tunnel is 256 bytes, its deadline included. mio's streams are
    /// descriptors, beside which it keeps a note of its own in debug builds only.
    #[test]
    fn a_slot_is_small() {
        let notes = 2 * (size_of::<mio::net::TcpStream>() - size_of::<std::os::fd::RawFd>());
        let slot = size_of::<Option<Slot>>() - notes;
        assert!(slot <= 248, "a slot takes {slot} bytes");
    }

    /// An event for a session that has gone finds nobody, even in the same slot.
    #[test]
    fn a_slot_is_found_by_its_own_key_only() -> std::io::Result<()> {
        let mut slots = Slots::default();
        let slot = || -> std::io::Result<Slot> {
            let session = Session::new([127, 0, 0, 1].into(), &Limits::DEFAULT, Time::ZERO);
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
    fn a_token_says_slot_generation_and_side() {
        let key = Key { number: 0x7fff_fff0, generation: Slots::GENERATIONS - 1 };
        for side in Side::BOTH {
            assert_eq!(Key::of(key.token(side)), (key, side));
        }
    }
}
