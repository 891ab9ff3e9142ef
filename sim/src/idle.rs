//! Connections to workers that wait for a further exchange.

use std::fmt;
use std::pin::Pin;
use std::task::Context;

use tokio::io::{AsyncRead, ReadBuf};
use underpass_core::route::WorkerId;

/// The idle connections of one loop, by worker; the one that was used last serves next.
pub struct Idle<S> {
    workers: Vec<Vec<S>>,
}

impl<S> Idle<S> {
    /// No connections to so many workers.
    pub fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| Vec::new()).collect() }
    }

    /// Keeps a connection; the oldest goes where there are too many.
    pub fn keep(&mut self, worker: WorkerId, stream: S) {
        let kept = &mut self.workers[worker.0 as usize];
        kept.push(stream);
        if kept.len() > MOST {
            kept.remove(0);
        }
    }

    /// Closes every connection.
    pub fn clear(&mut self) {
        self.workers.iter_mut().for_each(Vec::clear);
    }

    /// Whether no connection is kept.
    pub fn is_empty(&self) -> bool {
        self.workers.iter().all(Vec::is_empty)
    }
}

impl<S: AsyncRead + Unpin> Idle<S> {
    /// Takes a connection that is silent: one that has ended, or spoken unasked (R26), is closed.
    pub fn take(&mut self, worker: WorkerId, task: &mut Context<'_>) -> Option<S> {
        loop {
            let mut stream = self.workers[worker.0 as usize].pop()?;
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
        f.debug_list().entries(self.workers.iter().map(Vec::len)).finish()
    }
}

/// Connections to one worker that are kept.
const MOST: usize = 3;
