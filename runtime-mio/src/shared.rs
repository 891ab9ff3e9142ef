//! What the loops share, and how they are spoken to.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;
use underpass_core::balance::Pool;
use underpass_core::limits;
use underpass_core::route::{Rules, WorkerId};

use crate::slots::Key;

/// What every loop of the daemon uses.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The configuration.
    pub(crate) rules: Rules,
    pool: Mutex<Pool<Who>>,
    mailboxes: Vec<Mailbox>,
    /// Addresses of ours that could not be dialled from, so that each is told of once.
    sources: Mutex<BTreeSet<IpAddr>>,
}

/// The name of a session in the pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Who {
    /// The number of its loop.
    pub(crate) home: usize,
    /// Its slot there.
    pub(crate) key: Key,
}

impl Shared {
    /// What the loops behind those mailboxes share; a loop's number is that of its mailbox.
    pub(crate) fn new(rules: Rules, mailboxes: Vec<Mailbox>) -> Self {
        let pool = Mutex::new(Pool::new(&rules, limits::PENDING));
        Self { rules, pool, mailboxes, sources: Mutex::default() }
    }

    /// Something could not be dialled from an address of ours: the operator is told at the first time.
    pub(crate) fn tell_of_source(&self, source: IpAddr, error: &io::Error) {
        let mut told = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(source) {
            tracing::error!(%source, %error, "ProxySourceAddress: no backend can be dialled from it");
        }
    }

    /// The way to the loop of that number.
    pub(crate) fn mailbox(&self, home: usize) -> &Mailbox {
        &self.mailboxes[home]
    }

    /// The one way to the pool: for an election, a confirmation or a release of a session of the loop
    /// `home`. Whose turn has come by it is woken: other loops are told, and the keys of this one's own
    /// sessions are added to `woken`.
    pub(crate) fn with_pool<T>(
        &self,
        home: usize,
        woken: &mut Vec<Key>,
        act: impl FnOnce(&mut Pool<Who>) -> T,
    ) -> T {
        let (done, names) = {
            let mut pool = self.lock_pool();
            (act(&mut pool), pool.take_woken())
        };
        // The lock is free again: telling a loop is a system call.
        for Who { home: theirs, key } in names {
            if theirs == home {
                woken.push(key);
            } else {
                self.mailbox(theirs).post(Message::Woken(key));
            }
        }
        done
    }

    /// The same for who has no sessions: whose turn has come is told to its loop.
    pub(crate) fn tell_pool<T>(&self, act: impl FnOnce(&mut Pool<Who>) -> T) -> T {
        let nobody = usize::MAX;
        self.with_pool(nobody, &mut Vec::new(), act)
    }

    fn lock_pool(&self) -> MutexGuard<'_, Pool<Who>> {
        // A loop that panicked has left counts behind, at worst too high ones: the others go on.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told to a loop from another thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// A name was resolved; to nothing, if it failed.
    Resolved { worker: WorkerId, addresses: Vec<SocketAddr> },
    /// It is that session's turn at a worker that was full.
    Woken(Key),
    /// End.
    Stop,
}

/// The way to a loop from another thread.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    messages: Sender<Message>,
    waker: Arc<Waker>,
}

impl Mailbox {
    /// A mailbox whose owner is woken by `waker`, and what the owner reads it from.
    pub(crate) fn new(waker: Waker) -> (Self, Receiver<Message>) {
        let (messages, inbox) = channel();
        (Self { messages, waker: Arc::new(waker) }, inbox)
    }

    /// Posts a message and wakes the loop. A loop that has ended takes none, and misses none.
    pub(crate) fn post(&self, message: Message) {
        if self.messages.send(message).is_ok()
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "a loop could not be woken");
        }
    }
}
