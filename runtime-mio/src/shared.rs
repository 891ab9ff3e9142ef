//! What the loops share, and how they are spoken to.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{io, iter, mem};

use mio::Waker;
use socket2::Socket;
use underpass_core::balance::Pool;
use underpass_core::limits;
use underpass_core::route::{Rules, TooManyLines, WorkerId};

use crate::epoch::Epoch;
use crate::slots::Key;

/// What every loop of the daemon uses.
#[derive(Debug)]
pub(crate) struct Shared {
    epochs: Mutex<Epochs>,
    pool: Mutex<Pool<Who>>,
    mailboxes: Vec<Mailbox>,
    /// Addresses of ours that could not be dialled from, so that each is told of once.
    sources: Mutex<BTreeSet<IpAddr>>,
}

/// The configurations that sessions live by.
#[derive(Debug)]
struct Epochs {
    present: Arc<Epoch>,
    /// The oldest first.
    past: Vec<Weak<Epoch>>,
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
    pub(crate) fn new(epoch: Arc<Epoch>, mailboxes: Vec<Mailbox>) -> Self {
        let pool = Mutex::new(Pool::new(&epoch.rules, limits::PENDING));
        let epochs = Mutex::new(Epochs { present: epoch, past: Vec::new() });
        Self { epochs, pool, mailboxes, sources: Mutex::default() }
    }

    /// The present configuration.
    pub(crate) fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&self.epochs().present)
    }

    /// Those rules with the numbers that they have after all that sessions live by.
    pub(crate) fn renumbered(&self, rules: Rules) -> Result<Rules, TooManyLines> {
        let mut epochs = self.epochs();
        epochs.past.retain(|past| past.strong_count() > 0);
        let past: Vec<_> = epochs.past.iter().rev().filter_map(Weak::upgrade).collect();
        let live = iter::once(&epochs.present).chain(&past).map(|epoch| &epoch.rules);
        rules.after(&live.collect::<Vec<_>>(), &self.lock_pool().in_use())
    }

    /// From now on that one is the present one, whose rules were [renumbered](Self::renumbered): whoever is elected is
    /// elected by it. The loops are told by who calls.
    pub(crate) fn begin(&self, epoch: &Arc<Epoch>) {
        let mut epochs = self.epochs();
        let before = mem::replace(&mut epochs.present, Arc::clone(epoch));
        epochs.past.push(Arc::downgrade(&before));
        self.tell_pool(|pool| pool.renew(&epoch.rules));
    }

    fn epochs(&self) -> MutexGuard<'_, Epochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// The name that was asked for by the question of that number was resolved; to nothing, if it failed.
    Resolved { worker: WorkerId, number: u32, addresses: Vec<SocketAddr> },
    /// It is that session's turn at a worker that was full.
    Woken(Key),
    /// Another configuration has begun.
    Renewed(Renewal),
    /// End.
    Stop,
}

/// A configuration that begins, and what it changes of what is listened on.
#[derive(Debug)]
pub(crate) struct Renewal {
    pub(crate) epoch: Arc<Epoch>,
    /// Sockets of new addresses.
    pub(crate) opened: Vec<Socket>,
    /// Addresses that are listened on no more.
    pub(crate) closed: Vec<SocketAddr>,
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
