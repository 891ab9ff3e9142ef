//! The network: connections between sockets, and the way of every byte, FIN and reset from one to the other.
//!
//! What a call gives is what Linux gives: bytes that are there are read before a reset is told, which
//! is told once; behind a FIN a read finds the end, whatever comes later; to close on unread bytes is to
//! reset; what comes to a closed socket is answered by a reset.

use std::task::Poll;

use underpass_core::Fault;
use underpass_core::time::{Time, Wait};

use super::Due;
use super::agenda::Agenda;
use super::road::Road;
use super::socket::{Flight, Life, Owner, Route, Socket};
use crate::party::{Sockets, Tip};
use crate::plan::{Backend, Network};
use crate::rng::Rng;
use crate::secret::Secret;

/// Every connection there ever was.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) now: Time,
    pub(super) agenda: Agenda<Due>,
    pub(super) knobs: Network,
    /// The proxy has found part of a record.
    pub(super) torn: bool,
    sockets: Vec<Socket>,
    /// The ways of the clients, and of the backends.
    roads: [Vec<Road>; 2],
    backends: Vec<Backend>,
}

impl Net {
    pub(super) fn new(knobs: Network, clients: usize, backends: &[Backend]) -> Self {
        let roads = [clients, backends.len()].map(|count| vec![Road::default(); count]);
        let (now, agenda, sockets) = (Time::ZERO, Agenda::new(), Vec::new());
        Self { now, agenda, knobs, torn: false, sockets, roads, backends: backends.to_vec() }
    }

    /// The place of the backend of that name, and how many of its addresses refuse.
    pub(super) fn host(&self, name: &str) -> Option<(u32, u8)> {
        let place = self.backends.iter().position(|backend| backend.name == name)?;
        Some((place as u32, self.backends[place].dead))
    }

    /// Begins to connect; `name` is what the connection's own chance begins with. Where TLS is spoken, the acceptor
    /// is asked by a name.
    pub(super) fn begin(
        &mut self,
        owner: Owner,
        route: Route,
        name: u64,
        asked: Option<&str>,
    ) -> Tip {
        let tip = Tip(u32::try_from(self.sockets.len()).expect("few connections"));
        let ends = [
            ("dialler", owner, asked.map(Secret::client)),
            ("acceptor", Owner::Nobody, asked.map(|_| Secret::server())),
        ];
        for (end, owner, secret) in ends {
            let chance = Rng::of(self.knobs.chance, end, name);
            let window = self.knobs.window as usize;
            self.sockets.push(Socket::new(owner, route, chance, window, secret));
        }
        let at = self.arrival(tip);
        self.agenda.note(at, Due::Knocks(tip));
        let patience = self.now.after(CONNECT_MOST);
        self.agenda.note(patience, Due::ConnectEnds(tip, Fault::TimedOut));
        tip
    }

    /// The acceptor takes the connection that this tip has dialled. One that has broken meanwhile is taken
    /// too, and who has it now finds out.
    pub(super) fn accept(&mut self, dialler: Tip, owner: Owner) -> Tip {
        let acceptor = dialler.peer();
        self.at(acceptor).owner = owner;
        if self.at(acceptor).life == Life::Dead {
            self.agenda.note(self.now, Due::Wakes(acceptor));
            return acceptor;
        }
        self.at(acceptor).life = Life::Up;
        let at = self.arrival(acceptor);
        self.at(dialler).last = at;
        self.agenda.note(at, Due::Connects(dialler));
        acceptor
    }

    /// Nobody takes it: the dialler hears of it later.
    pub(super) fn refuse(&mut self, dialler: Tip) {
        let at = self.arrival(dialler.peer());
        self.agenda.note(at, Due::ConnectEnds(dialler, Fault::Refused));
    }

    /// The acceptor's word has come: the connection is up, unless nobody waits for it any more.
    pub(super) fn connects(&mut self, dialler: Tip) -> Option<Owner> {
        if self.at(dialler).owner == Owner::Nobody {
            self.send(dialler, Flight::Reset);
            self.at(dialler).life = Life::Dead;
            return None;
        }
        if self.at(dialler).life != Life::Connecting {
            return None;
        }
        self.at(dialler).life = Life::Up;
        self.flush(dialler);
        Some(self.at(dialler).owner)
    }

    /// Connecting has failed, if it has not succeeded.
    pub(super) fn connect_ends(&mut self, dialler: Tip, fault: Fault) -> Option<Owner> {
        let socket = self.at(dialler);
        let pending = socket.life == Life::Connecting && socket.owner != Owner::Nobody;
        pending.then(|| self.breaks(dialler, fault))
    }

    /// What has broken the connection: known without reading, and told once.
    pub(super) fn breakage(&mut self, tip: Tip) -> Option<Fault> {
        self.at(tip).error.take()
    }

    /// Whether there is nothing to be read: neither bytes nor an end.
    pub(super) fn is_silent(&mut self, tip: Tip) -> bool {
        let is_quiet = self.hears_nothing(tip);
        let socket = self.at(tip);
        let is_empty = socket.secret.is_some() || socket.arrived.is_empty();
        is_quiet && is_empty && !socket.ended && socket.life == Life::Up
    }

    /// Whose socket it is.
    pub(super) fn owner(&self, tip: Tip) -> Owner {
        self.sockets[tip.0 as usize].owner
    }

    /// Where its connection goes.
    pub(super) fn route(&self, tip: Tip) -> Route {
        self.sockets[tip.0 as usize].route
    }

    /// From now on somebody else is told of what happens to it.
    pub(super) fn give(&mut self, tip: Tip, owner: Owner) {
        self.at(tip).owner = owner;
    }

    /// The chance of that socket.
    pub(super) fn chance(&mut self, tip: Tip) -> &mut Rng {
        &mut self.at(tip).chance
    }

    /// Whatever is due has arrived; gives who is to be told.
    pub(super) fn arrives(&mut self, tip: Tip) -> Option<Owner> {
        let now = self.now;
        let mut news = false;
        while let Some(&(_, flight)) = self.at(tip).coming.front().filter(|(at, _)| *at <= now) {
            self.at(tip).coming.pop_front();
            news |= self.lands(tip, flight);
        }
        if let Some(&(at, _)) = self.at(tip).coming.front() {
            self.agenda.note(at, Due::Arrives(tip));
        }
        self.shakes_hands(tip);
        news.then(|| self.at(tip).owner)
    }

    fn lands(&mut self, tip: Tip, flight: Flight) -> bool {
        let socket = self.at(tip);
        let gone = socket.owner == Owner::Nobody || socket.life == Life::Dead;
        match flight {
            Flight::Bytes(count) => {
                let bytes = socket.coming_bytes.drain(..count as usize);
                if gone {
                    drop(bytes);
                    self.send(tip, Flight::Reset);
                    self.at(tip).life = Life::Dead;
                } else {
                    socket.arrived.extend(bytes);
                }
            }
            Flight::Fin => socket.ended |= socket.life == Life::Up,
            Flight::Reset if socket.life == Life::Dead => {}
            Flight::Reset => {
                let fault = if socket.ended { Fault::Closed } else { Fault::Reset };
                self.breaks(tip, fault);
            }
        }
        !gone
    }

    /// The peer has read so much; gives who is to be told.
    pub(super) fn credits(&mut self, tip: Tip, count: u32) -> Option<Owner> {
        self.at(tip).credit += count as usize;
        self.flush(tip);
        let socket = self.at(tip);
        std::mem::take(&mut socket.starved).then_some(socket.owner)
    }

    /// The connection breaks at this end; gives who is to be told.
    pub(super) fn breaks(&mut self, tip: Tip, fault: Fault) -> Owner {
        let socket = self.at(tip);
        if socket.life != Life::Dead {
            (socket.error, socket.life) = (Some(fault), Life::Dead);
        }
        socket.owner
    }

    /// From now on everything that goes over this connection is lost, and both ends find out late.
    pub(super) fn loses(&mut self, tip: Tip) {
        for tip in [tip, tip.peer()] {
            let socket = self.at(tip);
            socket.holed = true;
            socket.coming.clear();
            socket.coming_bytes.clear();
            let at = self.now.after(USER_TIMEOUT);
            self.agenda.note(at, Due::Breaks(tip, Fault::TimedOut));
        }
    }

    /// The way of that route.
    pub(super) fn road(&mut self, route: Route) -> &mut Road {
        match route {
            Route::Client(place) => &mut self.roads[0][place as usize],
            Route::Backend(place, _) => &mut self.roads[1][place as usize],
        }
    }

    /// Takes so much of what has arrived.
    pub(super) fn take(&mut self, tip: Tip, count: usize) -> Vec<u8> {
        let taken: Vec<u8> = self.at(tip).arrived.drain(..count).collect();
        let at = self.arrival(tip);
        self.agenda.note(at, Due::Credits(tip.peer(), count as u32));
        taken
    }

    /// Sends as many of the bytes as there is room for.
    pub(super) fn put(&mut self, tip: Tip, bytes: &[u8]) -> usize {
        let segment = self.knobs.segment as usize;
        let socket = self.at(tip);
        let count = bytes.len().min(socket.credit);
        socket.credit -= count;
        for piece in bytes[..count].chunks(segment) {
            if !self.at(tip).holed {
                self.at(tip.peer()).coming_bytes.extend(piece);
                self.send(tip, Flight::Bytes(piece.len() as u32));
            }
        }
        count
    }

    /// A FIN goes out, once nothing is to be sent before it.
    pub(super) fn fin(&mut self, tip: Tip) {
        if self.at(tip).ends && !std::mem::replace(&mut self.at(tip).shut, true) {
            self.send(tip, Flight::Fin);
        }
    }

    pub(super) fn at(&mut self, tip: Tip) -> &mut Socket {
        &mut self.sockets[tip.0 as usize]
    }

    /// When what this end sends now arrives at the other one.
    fn arrival(&mut self, from: Tip) -> Time {
        let [least, most] = self.knobs.latency;
        let route = self.route(from);
        let to_proxy = matches!(route, Route::Client(_)) == (from.0 & 1 == 0);
        let now = self.now;
        let begins = self.road(route).begins(to_proxy, now);
        let spread = (most - least) as usize;
        let extra = if spread == 0 { 0 } else { self.at(from).chance.below(spread + 1) };
        begins.after(Wait::from_micros(u64::from(least) + extra as u64))
    }

    fn send(&mut self, from: Tip, flight: Flight) {
        if self.at(from).holed {
            return;
        }
        let (at, route, now) = (self.arrival(from), self.route(from), self.now);
        let bytes = if let Flight::Bytes(count) = flight { count } else { 0 };
        let takes = self.road(route).takes(bytes, now);
        let peer = self.at(from.peer());
        let at = at.max(peer.last).after(takes);
        peer.last = at;
        // One arrival is noted at a time: what comes behind it is noted when it has landed.
        let first = peer.coming.is_empty();
        peer.coming.push_back((at, flight));
        if first {
            self.agenda.note(at, Due::Arrives(from.peer()));
        }
    }
}

impl Sockets for Net {
    fn now(&self) -> Time {
        self.now
    }

    fn dial(&mut self, place: u32, name: u64) -> Tip {
        let asked = self.knobs.tls.clients.then_some("proxy");
        self.begin(Owner::Client(place), Route::Client(place), name, asked)
    }

    fn asked(&self, tip: Tip) -> Option<&str> {
        self.sockets[tip.0 as usize].secret.as_ref()?.asked.as_deref()
    }

    fn connected(&mut self, dialler: Tip) -> Poll<Result<(), Fault>> {
        let socket = self.at(dialler);
        match socket.life {
            Life::Connecting => Poll::Pending,
            Life::Up => Poll::Ready(Ok(())),
            Life::Dead => Poll::Ready(Err(socket.error.take().unwrap_or(Fault::Closed))),
        }
    }

    fn read(&mut self, tip: Tip, room: &mut [u8]) -> Poll<Result<usize, Fault>> {
        if self.at(tip).secret.is_some() {
            if let Some(count) = self.read_secret(tip, room) {
                return Poll::Ready(count);
            }
        } else {
            let count = room.len().min(self.at(tip).arrived.len());
            if count > 0 {
                let arrived = self.take(tip, count);
                room[..count].copy_from_slice(&arrived);
                return Poll::Ready(Ok(count));
            }
        }
        let socket = self.at(tip);
        match (socket.ended, socket.error.take(), socket.life) {
            (true, error, _) => {
                socket.error = error;
                Poll::Ready(Ok(0))
            }
            (false, Some(fault), _) => Poll::Ready(Err(fault)),
            (false, None, Life::Dead) => Poll::Ready(Ok(0)),
            (false, None, Life::Connecting | Life::Up) => Poll::Pending,
        }
    }

    fn write(&mut self, tip: Tip, bytes: &[u8]) -> Poll<Result<usize, Fault>> {
        let socket = self.at(tip);
        if let Some(fault) = socket.error.take() {
            return Poll::Ready(Err(fault));
        }
        if socket.shut || socket.ends || socket.life == Life::Dead {
            return Poll::Ready(Err(Fault::Closed));
        }
        let count = match socket.secret {
            Some(_) => self.write_secret(tip, bytes),
            None => self.put(tip, bytes),
        };
        self.at(tip).starved = count < bytes.len();
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    fn shut(&mut self, tip: Tip) -> Result<(), Fault> {
        if self.at(tip).life != Life::Up {
            return Err(Fault::Closed);
        }
        if !std::mem::replace(&mut self.at(tip).ends, true) {
            self.say_end(tip);
        }
        self.flush(tip);
        Ok(())
    }

    fn close(&mut self, tip: Tip) {
        if !self.at(tip).arrived.is_empty() {
            return self.abort(tip);
        }
        if let Owner::Session(_) | Owner::Idle(_) = self.owner(tip) {
            // The proxy has said what it had to say, or has nothing to say.
            self.at(tip).ends = true;
        }
        // What is dead has nobody to be told.
        let _ = self.shut(tip);
        self.at(tip).owner = Owner::Nobody;
    }

    fn abort(&mut self, tip: Tip) {
        if self.at(tip).life == Life::Up {
            // Whether what is on its way arrives is chance.
            if self.at(tip).chance.one_in(2) {
                let peer = self.at(tip.peer());
                peer.coming.clear();
                peer.coming_bytes.clear();
            }
            self.send(tip, Flight::Reset);
        }
        let socket = self.at(tip);
        (socket.owner, socket.life, socket.shut) = (Owner::Nobody, Life::Dead, true);
        socket.arrived.clear();
    }
}

/// How long the system tries to connect.
const CONNECT_MOST: Wait = Wait::from_secs(127);
/// When the system gives up a peer that says nothing, and acknowledges nothing: what the daemon sets.
const USER_TIMEOUT: Wait = Wait::from_secs(120);
