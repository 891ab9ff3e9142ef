//! One loop of the proxy: its sessions with their connections, and the connections that it keeps idle.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use underpass_core::balance::{Destination, Idle, Ledger, SeatId};
use underpass_core::head::Buffers;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};
use underpass_core::{Both, Session};

use super::Due;
use super::net::Net;
use super::socket::Owner;
use crate::party::{Sockets as _, Tip};

/// One loop.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) slots: BTreeMap<u32, Slot>,
    pub(super) kept: Kept,
    pub(super) buffers: Buffers,
    /// What the workers have carried for it.
    pub(super) ledger: Ledger,
    /// Sessions that can go on.
    pub(super) ready: Vec<u32>,
    /// Whether a turn is noted.
    pub(super) due: bool,
    /// When the next idle connection is to be closed, if that is noted.
    armed: Time,
}

/// The idle connections of a loop.
#[derive(Debug)]
pub(super) struct Kept {
    idle: Idle<u32>,
    /// The sockets and whom they lead to, by their numbers.
    pub(super) legs: BTreeMap<u32, (Tip, SeatId)>,
}

/// One session and all that its loop keeps for it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) session: Session,
    /// What it lives by.
    pub(super) rules: Rc<Rules>,
    pub(super) legs: Legs,
    pub(super) queued: bool,
    /// The moment for which it has an alarm.
    pub(super) armed: Time,
}

/// The connections of a session.
#[derive(Debug)]
pub(super) struct Legs {
    pub(super) client: Tip,
    pub(super) backend: Backend,
    /// By which name the backend was asked, if not by its own.
    pub(super) asked: Option<Box<str>>,
    /// Bytes under way, by the side that they come from.
    pub(super) carriers: Both<VecDeque<u8>>,
    /// The client's connection is to be reset when it is closed.
    pub(super) abrupt: bool,
    /// What the chance of the next connection to a backend begins with.
    pub(super) name: u64,
}

/// The backend's connection, as far as it has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Backend {
    #[default]
    None,
    Dialling(u8, Tip),
    Up(Tip),
}

impl Home {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            slots: BTreeMap::new(),
            kept: Kept { idle: Idle::new(&rules.workers), legs: BTreeMap::new() },
            buffers: Buffers::default(),
            ledger: Ledger::new(rules),
            ready: Vec::new(),
            due: false,
            armed: Time::NEVER,
        }
    }

    /// There is something to do: the loop wakes a little later.
    pub(super) fn wake(&mut self, place: u32, net: &mut Net) {
        if !std::mem::replace(&mut self.due, true) {
            let lag = Wait::from_micros(u64::from(net.knobs.lag) + 1);
            net.agenda.note(net.now.after(lag), Due::Turn(place));
        }
    }

    /// Notes when the next idle connection is to be closed.
    pub(super) fn arm(&mut self, place: u32, now: Time, net: &mut Net) {
        let Some(at) = self.kept.idle.next_deadline() else { return };
        if at < self.armed || self.armed <= now {
            self.armed = at;
            net.agenda.note(net.now.after(at.since(now)), Due::Expires(place));
        }
    }

    /// How many connections it has.
    pub(super) fn open(&self) -> usize {
        let backends = self.slots.values().filter(|slot| slot.legs.backend.tip().is_some()).count();
        self.slots.len() + backends + self.kept.legs.len()
    }
}

impl Kept {
    /// Keeps a connection on which an exchange has ended well, unless it has something to say already.
    pub(super) fn keep(&mut self, tip: Tip, to: Destination, now: Time, net: &mut Net) {
        if !net.is_silent(tip) {
            return net.close(tip);
        }
        let number = tip.0;
        net.give(tip, Owner::Idle(number));
        self.legs.insert(number, (tip, to.seat));
        if let Some(surplus) = self.idle.keep(to, number, now)
            && let Some((tip, _)) = self.legs.remove(&surplus)
        {
            net.close(tip);
        }
    }

    /// Takes a connection that leads there.
    pub(super) fn take(&mut self, to: &Destination, now: Time) -> Option<Tip> {
        let number = self.idle.take(to, now)?;
        self.legs.remove(&number).map(|(tip, _)| tip)
    }

    /// Something happened to an idle connection; gives whether it was closed for it.
    pub(super) fn forget(&mut self, number: u32, net: &mut Net) -> bool {
        let Some(&(tip, seat)) = self.legs.get(&number) else { return false };
        let speaks = !net.is_silent(tip);
        if speaks {
            self.legs.remove(&number);
            self.idle.forget(seat, number);
            net.close(tip);
        }
        speaks
    }

    /// The workers are other ones.
    pub(super) fn renew(&mut self, before: &Rules, after: &Rules, net: &mut Net) {
        for number in self.idle.renew(&before.workers, &after.workers) {
            if let Some((tip, _)) = self.legs.remove(&number) {
                net.close(tip);
            }
        }
    }

    /// Closes what has waited for too long.
    pub(super) fn expire(&mut self, now: Time, net: &mut Net) {
        while let Some(number) = self.idle.expired(now) {
            if let Some((tip, _)) = self.legs.remove(&number) {
                net.close(tip);
            }
        }
    }
}

impl Slot {
    /// What a loop keeps for a session that begins.
    pub(super) fn new(session: Session, rules: Rc<Rules>, client: Tip, name: u64) -> Self {
        let (backend, carriers) = (Backend::None, Both::default());
        let legs = Legs { client, backend, asked: None, carriers, abrupt: false, name };
        Self { session, rules, legs, queued: false, armed: Time::NEVER }
    }
}

impl Legs {
    /// Lets go of both connections.
    pub(super) fn close(mut self, net: &mut Net) {
        self.backend.close(net);
        if self.abrupt {
            net.abort(self.client);
        } else {
            net.close(self.client);
        }
    }
}

impl Backend {
    /// Its socket, if it has come as far as having one.
    pub(super) const fn tip(self) -> Option<Tip> {
        match self {
            Self::None => None,
            Self::Dialling(_, tip) | Self::Up(tip) => Some(tip),
        }
    }

    /// Lets go of the connection, if there is one.
    pub(super) fn close(&mut self, net: &mut Net) -> bool {
        let tip = std::mem::take(self).tip();
        tip.map(|tip| net.close(tip)).is_some()
    }
}
