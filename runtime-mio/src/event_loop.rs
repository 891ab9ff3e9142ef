//! One loop, one thread: poll → accept → pump what is ready → expire.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use socket2::Socket;
use underpass_core::balance::Ledger;
use underpass_core::head::Buffers;
use underpass_core::route::{Caller, Door};
use underpass_core::time::{Time, Wait};
use underpass_core::{Cx, Pumped, Session, Side, limits, pump, trace};

use crate::accept::{Accepted, Listener};
use crate::carrier::Store;
use crate::deadlines::Deadlines;
use crate::epoch::Epoch;
use crate::idle_legs::IdleLegs;
use crate::leg::Leg;
use crate::record::Tapes;
use crate::resolve::{Names, Question};
use crate::shared::{Mailbox, Message, Shared, Who};
use crate::slots::{Key, Seat, Slot, Slots};
use crate::turn::Turn;

/// Events taken in one poll.
const EVENTS: usize = 1024;
/// Connections that a listener accepts in one turn, so that those that are open have theirs.
const ACCEPTS: usize = 64;
/// Pipes that one loop may hold; beyond that its streams are copied.
const PIPES: usize = 32;
/// How long a listener rests when not even its spare descriptor is left.
const REST: Wait = Wait::from_millis(100);
/// Tokens of listeners: those below [`WAKER`]'s.
const LISTENERS: usize = 1 << 16;
const WAKER: Token = Token(usize::MAX);

/// A loop: its sessions, its listeners, and what its sessions lease.
#[derive(Debug)]
pub(crate) struct EventLoop {
    poll: Poll,
    inbox: Receiver<Message>,
    /// The number of this loop.
    home: usize,
    shared: Arc<Shared>,
    /// The present configuration, by which connections are accepted,
    epoch: Arc<Epoch>,
    /// and those that others live by: who cannot leave what it began with yet.
    staying: BTreeMap<Key, Arc<Epoch>>,
    listeners: Slab<Listening>,
    slots: Slots,
    deadlines: Deadlines,
    /// Sessions that can go on: by an event, a deadline, a name, their turn, or a spent budget.
    ready: Vec<Key>,
    /// Those of them that are pumped in this turn.
    turn: Vec<Key>,
    /// Those whose turn at a full worker has come by what was pumped last.
    woken: Vec<Key>,
    buffers: Buffers,
    /// What the workers have carried for it.
    ledger: Ledger,
    store: Store,
    names: Names,
    idle: IdleLegs,
    /// What sessions are recorded on, if any are.
    tapes: Option<Tapes>,
    began: Instant,
}

/// What a loop hears by. It is there before the loop is: each loop must know the way to all others.
#[derive(Debug)]
pub(crate) struct Ears {
    poll: Poll,
    inbox: Receiver<Message>,
}

impl Ears {
    /// The ears of a loop, and the way to speak to it.
    pub(crate) fn new() -> io::Result<(Self, Mailbox)> {
        let poll = Poll::new()?;
        let (mailbox, inbox) = Mailbox::new(Waker::new(poll.registry(), WAKER)?);
        Ok((Self { poll, inbox }, mailbox))
    }
}

#[derive(Debug)]
struct Listening {
    listener: Listener,
    /// Whether connections may wait, and from when on they may be looked for.
    waiting: Option<Time>,
    /// Where all its connections come in; none if that depends on the address that each came to.
    door: Option<Door>,
}

impl EventLoop {
    /// The loop of that number, with those listening sockets.
    pub(crate) fn new(
        home: usize,
        Ears { poll, inbox }: Ears,
        shared: Arc<Shared>,
        sockets: Vec<Socket>,
        asks: Sender<Question>,
        tapes: Option<Tapes>,
    ) -> io::Result<Self> {
        let epoch = shared.epoch();
        let workers = &epoch.rules.workers;
        let names = Names::new(workers, asks, shared.mailbox(home).clone());
        let (idle, ledger) = (IdleLegs::new(workers), Ledger::new(&epoch.rules));
        let mut new = Self {
            poll,
            inbox,
            home,
            shared,
            epoch,
            staying: BTreeMap::new(),
            listeners: Slab::new(),
            slots: Slots::default(),
            deadlines: Deadlines::default(),
            ready: Vec::new(),
            turn: Vec::new(),
            woken: Vec::new(),
            buffers: Buffers::default(),
            ledger,
            store: Store::new(PIPES),
            names,
            idle,
            tapes,
            began: Instant::now(),
        };
        sockets.into_iter().try_for_each(|socket| new.listen(socket))?;
        Ok(new)
    }

    /// Runs until it is told to stop.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let now = self.now();
            if self.take(&events, now) == Stop::Yes {
                tracing::info!(sessions = self.slots.len(), "a loop ends");
                return Ok(());
            }
            self.accept(now);
            self.pump_ready(now);
            self.expire(now);
        }
    }

    fn now(&self) -> Time {
        let micros = self.began.elapsed().as_micros();
        Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// How long the poll may sleep: not at all while something is ready, else until the next deadline.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let accept = self.listeners.iter().filter_map(|(_, listening)| listening.waiting).min();
        let others = accept.into_iter().chain(self.idle.next_deadline());
        let at = self.deadlines.next(&mut self.slots).into_iter().chain(others).min()?;
        Some(Duration::from_micros(at.since(self.now()).as_micros()))
    }

    fn take(&mut self, events: &Events, now: Time) -> Stop {
        for event in events {
            match WAKER.0 - event.token().0 {
                0 => {
                    if self.read_messages(now) == Stop::Yes {
                        return Stop::Yes;
                    }
                }
                number if number > LISTENERS => self.note(event),
                number => {
                    // One that is closed may have been told of before.
                    let listening = self.listeners.get_mut(number - 1);
                    listening.into_iter().for_each(|it| it.waiting = Some(now));
                }
            }
        }
        Stop::No
    }

    /// An event of a leg: it is noted there, and the session is ready.
    fn note(&mut self, event: &Event) {
        let (key, side) = match Key::of(event.token()) {
            (key, Seat::Session(side)) => (key, side),
            (place, Seat::Idle) => match self.idle.note(place, event) {
                Some(key) => (key, Side::Backend),
                None => return,
            },
        };
        let Some(slot) = self.slots.get_mut(key) else { return };
        match side {
            Side::Client => slot.client.note(event),
            Side::Backend => slot.backend.iter_mut().for_each(|leg| leg.note(event)),
        }
        self.queue(key);
    }

    fn read_messages(&mut self, now: Time) -> Stop {
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Stop => return Stop::Yes,
                Message::Woken(key) => self.queue(key),
                Message::Renewed(renewal) => self.renew(renewal, now),
                Message::Resolved { worker, number, addresses } => {
                    for key in self.names.answered(worker, number, addresses, now) {
                        self.queue(key);
                    }
                }
            }
        }
        Stop::No
    }

    fn queue(&mut self, key: Key) {
        if let Some(slot) = self.slots.get_mut(key)
            && !slot.queued
        {
            slot.queued = true;
            self.ready.push(key);
        }
    }

    fn accept(&mut self, now: Time) {
        let is_due = |listening: &Listening| listening.waiting.is_some_and(|from| from <= now);
        for number in 0..self.listeners.capacity() {
            if self.listeners.get(number).is_some_and(is_due) {
                self.listeners[number].waiting = self.accept_some(number, now);
            }
        }
    }

    /// Accepts up to a turn's share; gives when to go on, if connections may still wait.
    fn accept_some(&mut self, number: usize, now: Time) -> Option<Time> {
        for _ in 0..ACCEPTS {
            match self.listeners[number].listener.accept() {
                Accepted::Client(stream, client) => self.admit(number, stream, client, now),
                Accepted::Shed => {}
                Accepted::Drained => return None,
                Accepted::Exhausted => return Some(now.after(REST)),
            }
        }
        Some(now)
    }

    /// Where a connection came in, if it is still there.
    fn door(&self, listener: usize, stream: &TcpStream) -> io::Result<Door> {
        match self.listeners[listener].door {
            Some(door) => Ok(door),
            None => stream.local_addr().map(|local| self.epoch.rules.door(local)),
        }
    }

    fn admit(&mut self, listener: usize, mut stream: TcpStream, client: SocketAddr, now: Time) {
        let Ok(door) = self.door(listener, &stream) else { return };
        let token = self.slots.next_key().token(Seat::Session(Side::Client));
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
            tracing::warn!(%error, "a connection cannot be watched");
            return;
        }
        let caller = Caller::new(client.ip(), door);
        let rules = &self.epoch.rules;
        let session = Session::new(caller, rules, now);
        let speaks_tls = rules.front(door).tls.is_some();
        let leg = if speaks_tls { Leg::accepted(stream, door) } else { Leg::new(stream, true) };
        let key = self.slots.insert(Slot::new(session, leg));
        if let Some(tapes) = &mut self.tapes {
            tapes.admit(key, caller, now, rules);
        }
        self.queue(key);
    }

    /// Pumps each session that is ready once; one whose budget is spent is ready again.
    fn pump_ready(&mut self, now: Time) {
        std::mem::swap(&mut self.ready, &mut self.turn);
        for place in 0..self.turn.len() {
            self.pump(self.turn[place], now);
        }
        self.turn.clear();
    }

    fn expire(&mut self, now: Time) {
        self.idle.expire(now);
        while let Some(key) = self.deadlines.due(now, &mut self.slots) {
            self.pump(key, now);
        }
    }

    fn pump(&mut self, key: Key, now: Time) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.queued = false;
        let epoch = self.staying.get(&key).unwrap_or(&self.epoch);
        let mut turn = Turn {
            who: Who { home: self.home, key },
            now,
            client: &mut slot.client,
            backend: &mut slot.backend,
            dialling: &mut slot.dialling,
            carriers: &mut slot.carriers,
            store: &mut self.store,
            names: &mut self.names,
            idle: &mut self.idle,
            registry: self.poll.registry(),
            shared: &self.shared,
            epoch,
            ledger: &mut self.ledger,
            woken: &mut self.woken,
        };
        let mut cx = Cx { now, rules: &epoch.rules, buffers: &mut self.buffers };
        let (session, tape) = (&mut slot.session, self.tapes.as_mut().and_then(|it| it.of(key)));
        let pumped = match tape {
            None => pump(session, &mut turn, &mut cx, limits::BUDGET),
            Some(tape) => trace::pump(session, &mut turn, &mut cx, limits::BUDGET, tape),
        };
        turn.end(pumped == Pumped::Closed);
        if let Some(tapes) = &mut self.tapes {
            tapes.turned(key, pumped == Pumped::Closed);
        }
        match pumped {
            Pumped::Again => self.queue(key),
            Pumped::Waiting(at) => self.deadlines.wish(key, at, &mut self.slots),
            // Dropping the legs closes them, and closing takes them out of the poll.
            Pumped::Closed => drop(self.slots.remove(key)),
        }
        if !self.staying.is_empty() {
            self.leave(key, now);
        }
        while let Some(key) = self.woken.pop() {
            self.queue(key);
        }
    }
}

mod renew;

/// Whether the loop was told to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stop {
    Yes,
    No,
}
