//! What the loops share, and how they are spoken to.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::Waker;
use underpass_core::balance::Pool;
use underpass_core::limits;
use underpass_core::route::{Rules, WorkerId};

/// What every loop of the daemon uses.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The configuration.
    pub(crate) rules: Rules,
    pool: Mutex<Pool>,
}

impl Shared {
    pub(crate) fn new(rules: Rules) -> Self {
        let pool = Mutex::new(Pool::new(&rules.workers, limits::PENDING));
        Self { rules, pool }
    }

    /// The pool: taken for an election, a confirmation and a settlement, never across a system call.
    pub(crate) fn pool(&self) -> MutexGuard<'_, Pool> {
        // A loop that panicked has left counts behind, at worst too high ones: the others go on.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told to a loop from another thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// A name was resolved; to nothing, if it failed.
    Resolved { worker: WorkerId, addresses: Vec<SocketAddr> },
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
