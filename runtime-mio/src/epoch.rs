//! One configuration of those that sessions live by, with the keys that belong to it.

use std::io;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use underpass_core::route::{Door, Hello, Rules, WorkerId};

use crate::leg::Leg;
use crate::tls::Keys;

/// What stays as it is from one reload to the next, but for the keys, which are renewed when their files change. It is
/// gone with the last session that has it.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) rules: Rules,
    /// How many checks may be under way at once (`ProxyHCTPsize`).
    pub(crate) checks: NonZeroU16,
    /// Where heartbeats are kept (`HeartbeatStorage`).
    pub(crate) heartbeats: Option<String>,
    keys: Mutex<Arc<Keys>>,
}

impl Epoch {
    pub(crate) fn new(
        rules: Rules,
        checks: NonZeroU16,
        heartbeats: Option<String>,
        keys: Arc<Keys>,
    ) -> Self {
        Self { rules, checks, heartbeats, keys: Mutex::new(keys) }
    }

    /// From now on handshakes begin with those keys.
    pub(crate) fn renew(&self, keys: Arc<Keys>) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who answers a client that came in by that door and names that host, or none, in its hello; and by which keys.
    pub(crate) fn keys_for(
        &self,
        door: Door,
        name: Option<&str>,
    ) -> Option<(Hello, Arc<ServerConfig>)> {
        let hello = self.rules.hello(door, name)?;
        Some((hello, self.keys().front(hello)?))
    }

    /// A leg to that worker, which is up, with TLS spoken on it if the worker speaks that: by that name, if it is
    /// asked by another one than its own.
    pub(crate) fn secured(
        &self,
        leg: Leg,
        worker: WorkerId,
        name: Option<&str>,
    ) -> io::Result<Leg> {
        if self.rules.worker(worker).is_none_or(|worker| worker.tls.is_none()) {
            return Ok(leg);
        }
        let none = || io::Error::other("there are no keys for this backend");
        let (config, server) = self.keys().back(&self.rules, worker, name).ok_or_else(none)?;
        leg.secured(config, server, name)
    }
}

#[cfg(test)]
impl Epoch {
    /// That of those rules, without any keys.
    pub(crate) fn of(rules: Rules) -> Arc<Self> {
        Arc::new(Self::new(rules, NonZeroU16::MIN, None, Arc::default()))
    }
}
