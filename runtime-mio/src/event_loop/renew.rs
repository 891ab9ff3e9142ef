//! Another configuration begins: what a loop listens on, what it knows of workers, and by which rules its sessions live.

use std::sync::Arc;

use super::{EventLoop, LISTENERS, Listening, WAKER};
use mio::{Interest, Token};
use socket2::Socket;
use std::io;
use underpass_core::time::Time;

use crate::accept::{Accepted, Listener};
use crate::shared::Renewal;
use crate::slots::Key;

impl EventLoop {
    /// Listens on one more socket.
    pub(super) fn listen(&mut self, socket: Socket) -> io::Result<()> {
        let mut listener = Listener::new(socket);
        let entry = self.listeners.vacant_entry();
        if entry.key() >= LISTENERS {
            return Err(io::Error::other("there are too many listeners"));
        }
        let token = Token(WAKER.0 - 1 - entry.key());
        self.poll.registry().register(listener.socket(), token, Interest::READABLE)?;
        let door = self.epoch.rules.door_of_all(listener.socket().local_addr()?);
        entry.insert(Listening { listener, waiting: None, door });
        Ok(())
    }

    /// From now on connections come in by that configuration. Sessions leave the one that they have when they can.
    pub(super) fn renew(&mut self, Renewal { epoch, opened, closed }: Renewal, now: Time) {
        let close = |listening: &mut Listening| {
            let address = listening.listener.socket().local_addr();
            address.is_ok_and(|address| closed.contains(&address))
        };
        for number in 0..self.listeners.capacity() {
            if self.listeners.get_mut(number).is_some_and(close) {
                self.close(number, now);
            }
        }
        let before = std::mem::replace(&mut self.epoch, epoch);
        let (old, new) = (&before.rules.workers, &self.epoch.rules.workers);
        self.names.renew(old, new);
        self.idle.renew(old, new);
        self.ledger.renew(&self.epoch.rules);
        for (_, Listening { listener, door, .. }) in &mut self.listeners {
            let address = listener.socket().local_addr();
            *door = address.ok().and_then(|address| self.epoch.rules.door_of_all(address));
        }
        for socket in opened {
            if let Err(error) = self.listen(socket) {
                tracing::error!(%error, "a loop does not listen on an address that is new");
            }
        }
        for key in self.slots.keys() {
            self.staying.entry(key).or_insert_with(|| Arc::clone(&before));
            self.leave(key, now);
        }
    }

    /// Whoever waits at that door is let in before it is closed.
    fn close(&mut self, number: usize, now: Time) {
        while let Accepted::Client(stream, client) = self.listeners[number].listener.accept() {
            self.admit(number, stream, client, now);
        }
        self.listeners.remove(number);
    }

    /// A session leaves the configuration that it began with for the present one, if it can by now. One that is
    /// recorded cannot: a trace is about one configuration.
    pub(super) fn leave(&mut self, key: Key, now: Time) {
        let Some(before) = self.staying.get(&key) else { return };
        let Some(slot) = self.slots.get_mut(key) else {
            self.staying.remove(&key);
            return;
        };
        if self.tapes.as_mut().is_some_and(|tapes| tapes.of(key).is_some()) {
            return;
        }
        let rules = &self.epoch.rules;
        let client = &slot.client;
        let door = || client.local_addr().map(|local| rules.door(local)).unwrap_or_default();
        if slot.session.renew(&before.rules, rules, door, now) {
            self.staying.remove(&key);
            // Its time may be up.
            self.queue(key);
        }
    }
}
