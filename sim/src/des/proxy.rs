//! The proxy: its loops, each with its sessions and idle connections, and the pool that they share.

use std::iter;
use std::rc::Rc;

use underpass_core::balance::Pool;
use underpass_core::route::{Caller, Door, Rules};
use underpass_core::time::{Time, Wait};
use underpass_core::{Cx, Pumped, Session, limits, pump};

use super::home::{Home, Slot};
use super::net::Net;
use super::socket::Owner;
use super::turn::Turn;
use super::{Bug, Due};
use crate::event::{Counts, Event, Rest, What, Who};
use crate::log::Log;
use crate::party::{Sockets as _, Tip};
use crate::plan::Client;
use crate::telling::Telling;

/// The proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    /// By what connections are accepted.
    rules: Rc<Rules>,
    homes: Vec<Home>,
    pool: Pool<u32>,
    /// How far its clock is ahead.
    ahead: Wait,
    /// How many connections it may have.
    pub(super) most: u32,
    bug: Bug,
    /// The loop of each session there ever was.
    places: Vec<u32>,
    /// Where bytes are read to.
    scratch: Vec<u8>,
}

impl Proxy {
    pub(super) fn new(rules: Rules, loops: u32, bug: Bug) -> Self {
        Self {
            homes: (0..loops).map(|_| Home::new(&rules)).collect(),
            pool: Pool::new(&rules, limits::PENDING),
            rules: Rc::new(rules),
            ahead: Wait::ZERO,
            most: u32::MAX,
            bug,
            places: Vec::new(),
            scratch: vec![0; limits::PULL_MOST as usize],
        }
    }

    /// A client has connected: it is accepted, or turned away if there is no descriptor for it (R56).
    pub(super) fn admit(
        &mut self,
        (client, place): (&Client, u32),
        dialler: Tip,
        net: &mut Net,
        log: &mut Log,
    ) {
        let number = u32::try_from(self.places.len()).expect("few sessions");
        let tip = net.accept(dialler, Owner::Session(number));
        if self.free() == 0 {
            log.oracle.met("a client was turned away");
            return net.close(tip);
        }
        let home = place % self.homes.len() as u32;
        self.places.push(home);
        log.add(Event {
            at: net.now,
            who: Who::Session(number),
            what: What::Accepts(client.id, tip.connection()),
        });
        let caller = Caller::at_main(client.address());
        let session = Session::new(caller, &self.rules, self.clock(net));
        let name = u64::from(client.id) << 32 | u64::from(tip.connection()) << 8;
        let slot = Slot::new(session, Rc::clone(&self.rules), tip, name);
        self.homes[home as usize].slots.insert(number, slot);
        self.queue(number, net);
    }

    /// What its clock says.
    pub(super) fn clock(&self, net: &Net) -> Time {
        net.now.after(self.ahead)
    }

    /// The backend's socket of the session that this client's socket belongs to.
    pub(super) fn behind(&self, client: Tip) -> Option<Tip> {
        let mut slots = self.homes.iter().flat_map(|home| home.slots.values());
        slots.find(|slot| slot.legs.client == client.peer())?.legs.backend.tip()
    }

    /// Something happened to a session: it goes on in its loop's next turn.
    pub(super) fn queue(&mut self, number: u32, net: &mut Net) {
        let place = self.places[number as usize];
        let home = &mut self.homes[place as usize];
        let Some(slot) = home.slots.get_mut(&number).filter(|slot| !slot.queued) else { return };
        slot.queued = true;
        home.ready.push(number);
        home.wake(place, net);
    }

    /// Its clock has jumped: every deadline may have passed.
    pub(super) fn jump(&mut self, by: Wait, net: &mut Net) {
        self.ahead = self.ahead.plus(by);
        let all: Vec<u32> = self.homes.iter().flat_map(|home| home.slots.keys().copied()).collect();
        all.into_iter().for_each(|number| self.queue(number, net));
        for (home, place) in self.homes.iter_mut().zip(0..) {
            // Every alarm was set by the clock as it was.
            home.slots.values_mut().for_each(|slot| slot.armed = Time::NEVER);
            home.wake(place, net);
        }
    }

    /// It reads its configuration again, which says that now.
    pub(super) fn reload(&mut self, said: Rules, net: &mut Net, log: &mut Log) {
        let now = self.clock(net);
        let slots = self.homes.iter().flat_map(|home| home.slots.values());
        let live = iter::once(&self.rules).chain(slots.map(|slot| &slot.rules));
        let live: Vec<_> = live.map(|rules| &**rules).collect();
        let rules = said.after(&live, &self.pool.in_use()).expect("a plan has few lines");
        let before = std::mem::replace(&mut self.rules, Rc::new(rules));
        self.pool.renew(&self.rules);
        for home in &mut self.homes {
            home.kept.renew(&before, &self.rules, net);
            if !home.kept.legs.is_empty() {
                log.oracle.met("an idle connection outlived a reload");
            }
            home.ledger.renew(&self.rules);
            for slot in home.slots.values_mut() {
                leave(slot, &self.rules, now, log);
            }
        }
        for number in self.pool.take_woken() {
            self.queue(number, net);
        }
    }

    /// An alarm rings: for nothing, if the session has set another one since.
    pub(super) fn alarm(&mut self, number: u32, net: &mut Net) {
        let now = self.clock(net);
        let home = &mut self.homes[self.places[number as usize] as usize];
        if let Some(slot) = home.slots.get_mut(&number).filter(|slot| slot.armed <= now) {
            slot.armed = Time::NEVER;
            self.queue(number, net);
        }
    }

    /// The time of an idle connection may be up.
    pub(super) fn expires(&mut self, place: u32, net: &mut Net) {
        self.homes[place as usize].wake(place, net);
    }

    /// Whatever comes on an idle connection ends it (R26).
    pub(super) fn forget(&mut self, number: u32, net: &mut Net, log: &mut Log) {
        let home = self.homes.iter_mut().find(|home| home.kept.legs.contains_key(&number));
        if home.is_some_and(|home| home.kept.forget(number, net)) {
            log.add(Event { at: net.now, who: Who::Network, what: What::Forgets(number) });
        }
    }

    /// One turn of a loop: each session that can go on, once.
    pub(super) fn turn(&mut self, place: u32, net: &mut Net, log: &mut Log) {
        let now = self.clock(net);
        let home = &mut self.homes[place as usize];
        home.due = false;
        home.kept.expire(now, net);
        for number in std::mem::take(&mut home.ready) {
            self.pump(place, number, net, log);
        }
        self.homes[place as usize].arm(place, now, net);
        let what = What::Counts(self.counts());
        log.add(Event { at: net.now, who: Who::Network, what });
    }

    fn pump(&mut self, place: u32, number: u32, net: &mut Net, log: &mut Log) {
        let (now, free) = (self.clock(net), self.free());
        let home = &mut self.homes[place as usize];
        let Some(slot) = home.slots.get_mut(&number) else { return };
        slot.queued = false;
        let (at, rules) = (net.now, Rc::clone(&slot.rules));
        let io = Turn {
            number,
            now,
            rules: &rules,
            pool: &mut self.pool,
            ledger: &mut home.ledger,
            kept: &mut home.kept,
            legs: &mut slot.legs,
            scratch: &mut self.scratch,
            free,
            bug: self.bug,
            net,
        };
        let mut turn = Telling { io, log, at, session: number };
        let mut cx = Cx { now, rules: &rules, buffers: &mut home.buffers };
        let pumped = pump(&mut slot.session, &mut turn, &mut cx, limits::BUDGET);
        leave(slot, &self.rules, now, log);
        let session = &slot.session;
        let rest = Rest {
            state: session.state(),
            held: session.held() as u32,
            deadline: session.poll_timeout(),
            again: pumped == Pumped::Again,
            clock: now,
        };
        log.add(Event { at: net.now, who: Who::Session(number), what: What::Rests(rest) });
        match pumped {
            Pumped::Closed => self.remove(place, number, net, log),
            Pumped::Again => self.queue(number, net),
            Pumped::Waiting(at) => self.arm(place, number, at, net),
        }
        self.wake_others(place, net);
    }

    fn remove(&mut self, place: u32, number: u32, net: &mut Net, log: &mut Log) {
        if let Some(slot) = self.homes[place as usize].slots.remove(&number) {
            slot.legs.close(net);
            log.add(Event { at: net.now, who: Who::Session(number), what: What::Gone });
        }
    }

    fn arm(&mut self, place: u32, number: u32, at: Option<Time>, net: &mut Net) {
        let now = self.clock(net);
        let late = if self.bug == Bug::RingsLate { Wait::from_secs(3) } else { Wait::ZERO };
        let slot = self.homes[place as usize].slots.get_mut(&number);
        if let (Some(slot), Some(at)) = (slot, at)
            && at != slot.armed
        {
            slot.armed = at;
            net.agenda.note(net.now.after(at.since(now)).after(late), Due::Alarm(number));
        }
    }

    /// Those whose turn at a worker has come are told: a session of another loop by a message.
    fn wake_others(&mut self, home: u32, net: &mut Net) {
        for number in self.pool.take_woken() {
            if self.places[number as usize] == home {
                self.queue(number, net);
            } else if self.bug != Bug::ForgetsTurn {
                let at = net.now.after(Wait::from_micros(MESSAGE));
                net.agenda.note(at, Due::Told(number));
            }
        }
    }

    /// How many more connections it may have.
    fn free(&self) -> u32 {
        if self.most == u32::MAX {
            return u32::MAX;
        }
        let open: usize = self.homes.iter().map(Home::open).sum();
        self.most.saturating_sub(open as u32)
    }

    /// What is lent.
    pub(super) fn counts(&self) -> Counts {
        let sum = |count: fn(&Home) -> usize| self.homes.iter().map(count).sum::<usize>() as u32;
        Counts {
            sessions: sum(|home| home.slots.len()),
            busy: self.pool.busy(),
            pending: self.pool.pending(),
            buffers: sum(|home| home.buffers.leased()),
            idle: sum(|home| home.kept.legs.len()),
        }
    }
}

/// A session leaves the rules that it began with for those, if it can.
fn leave(slot: &mut Slot, rules: &Rc<Rules>, now: Time, log: &mut Log) {
    if Rc::ptr_eq(&slot.rules, rules) {
        return;
    }
    let was = slot.session.state();
    if slot.session.renew(&slot.rules, rules, Door::default, now) {
        slot.rules = Rc::clone(rules);
        log.oracle.met(match was {
            "Tunnel" => "a tunnel outlived a reload",
            "Request" => "a kept connection left the rules that it had",
            _ => return,
        });
    } else {
        log.oracle.met("a request went on by the rules from before a reload");
    }
}

/// How long a message from one loop to another is on its way, in microseconds.
const MESSAGE: u64 = 20;
