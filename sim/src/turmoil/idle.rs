//! Connections to workers that wait for a further exchange: which, and for how long, core says.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::Context;

use tokio::io::{AsyncRead, ReadBuf};
use underpass_core::balance;
use underpass_core::route::{Worker, WorkerId};
use underpass_core::time::Time;

/// The idle connections of one loop.
pub struct Idle<S> {
    streams: BTreeMap<u64, S>,
    idle: balance::Idle<u64>,
    /// The name of the next one.
    next: u64,
}

impl<S> Idle<S> {
    /// No connections to those workers yet.
    pub fn new(workers: &[Worker]) -> Self {
        Self { streams: BTreeMap::new(), idle: balance::Idle::new(workers), next: 0 }
    }

    /// Keeps a connection, and closes the one that must go for it.
    pub fn keep(&mut self, worker: WorkerId, stream: S, now: Time) {
        self.streams.insert(self.next, stream);
        let surplus = self.idle.keep(worker, self.next, now);
        surplus.map(|name| self.streams.remove(&name));
        self.next += 1;
    }

    /// Closes every connection.
    pub fn clear(&mut self) {
        while let Some(name) = self.idle.expired(Time::NEVER) {
            self.streams.remove(&name);
        }
    }

    /// Whether no connection is kept.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

impl<S: AsyncRead + Unpin> Idle<S> {
    /// Takes a connection that is silent: one that has ended, or spoken unasked (R26), is closed, and
    /// so is one whose time is up.
    pub fn take(&mut self, worker: WorkerId, now: Time, task: &mut Context<'_>) -> Option<S> {
        while let Some(name) = self.idle.expired(now) {
            self.streams.remove(&name);
        }
        loop {
            let name = self.idle.take(worker, now)?;
            let mut stream = self.streams.remove(&name)?;
            let mut byte = [0];
            let mut room = ReadBuf::new(&mut byte);
            if Pin::new(&mut stream).poll_read(task, &mut room).is_pending() {
                return Some(stream);
            }
        }
    }
}

impl<S> fmt::Debug for Idle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.idle.fmt(f)
    }
}
