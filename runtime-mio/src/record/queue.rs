//! The way from the loops to the writer: as many bytes as it may hold, and a count of what did not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use underpass_core::route::Caller;
use underpass_core::time::Time;
use underpass_core::trace::Event;

/// Bytes of events that may wait for the writer.
const WAITING_MOST: usize = 8 << 20;

/// What one session did in one turn.
#[derive(Debug)]
pub(super) struct Batch {
    /// Whose it is: the number of the loop, and that of the session there.
    pub(super) whose: (usize, u64),
    /// What the session began with, in its first batch.
    pub(super) begin: Option<Begin>,
    pub(super) events: Vec<Event>,
    /// Nothing more comes.
    pub(super) is_last: bool,
}

/// What a session begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    pub(super) caller: Caller,
    pub(super) at: Time,
}

/// The loops' end.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    batches: Sender<Batch>,
    counts: Arc<Counts>,
}

/// The writer's end.
#[derive(Debug)]
pub(super) struct Batches {
    batches: Receiver<Batch>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

/// A queue that is empty.
pub(super) fn queue() -> (Queue, Batches) {
    let (sender, batches) = channel();
    let counts = Arc::new(Counts::default());
    (Queue { batches: sender, counts: Arc::clone(&counts) }, Batches { batches, counts })
}

impl Queue {
    /// Sends a batch if there is room for it; an empty one always is.
    pub(super) fn send(&self, batch: Batch) -> Result<(), Full> {
        let weight = weight(&batch);
        let waiting = self.counts.waiting.fetch_add(weight, Ordering::Relaxed);
        if weight > 0 && waiting + weight > WAITING_MOST {
            self.counts.waiting.fetch_sub(weight, Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return Err(Full);
        }
        // A writer that is gone has said why.
        self.batches.send(batch).map_err(|_| Full)
    }
}

/// There is no room: the batch is lost, and was counted.
#[derive(Debug)]
pub(super) struct Full;

impl Batches {
    /// The next batch; waits for it, but for no longer than `patience` if there is any.
    pub(super) fn next(&self, patience: Option<Duration>) -> Result<Batch, RecvTimeoutError> {
        let batch = match patience {
            None => self.batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.batches.recv_timeout(patience),
        }?;
        self.counts.waiting.fetch_sub(weight(&batch), Ordering::Relaxed);
        Ok(batch)
    }

    /// One more trace is lost: it cannot be written.
    pub(super) fn lose(&self) {
        self.counts.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many traces were cut short since this was asked last.
    pub(super) fn take_lost(&self) -> u64 {
        self.counts.lost.swap(0, Ordering::Relaxed)
    }

    /// Whether any was.
    pub(super) fn has_lost(&self) -> bool {
        self.counts.lost.load(Ordering::Relaxed) > 0
    }
}

fn weight(batch: &Batch) -> usize {
    batch.events.iter().map(Event::weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use underpass_core::trace::{Move, Outcome};

    fn batch(events: usize) -> Batch {
        let event = Event::Made(Move::Park, Outcome::Done);
        Batch { whose: (0, 0), begin: None, events: vec![event; events], is_last: false }
    }

    #[test]
    fn a_full_queue_counts_what_does_not_fit_and_has_room_again() {
        let (queue, batches) = queue();
        let fits = WAITING_MOST / weight(&batch(1));
        queue.send(batch(fits)).expect("it fits");
        assert!(queue.send(batch(1)).is_err() && queue.send(batch(1)).is_err());
        queue.send(batch(0)).expect("an end always fits");
        assert!(batches.has_lost());
        assert_eq!((batches.take_lost(), batches.take_lost()), (2, 0));
        assert_eq!(batches.next(None).expect("it waits").events.len(), fits);
        queue.send(batch(fits)).expect("there is room again");
        assert_eq!(batches.take_lost(), 0);
    }

    #[test]
    fn the_writer_learns_that_all_loops_have_ended() {
        let (queue, batches) = queue();
        assert_eq!(batches.next(Some(Duration::ZERO)).unwrap_err(), RecvTimeoutError::Timeout);
        let other = queue.clone();
        drop(queue);
        other.send(batch(1)).expect("it fits");
        drop(other);
        assert_eq!(batches.next(None).expect("it waits").events.len(), 1);
        assert_eq!(batches.next(None).unwrap_err(), RecvTimeoutError::Disconnected);
    }
}
