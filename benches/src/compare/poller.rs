//! `epoll`, as both ends of the tunnels wait: each socket is added once, and told of by its edges.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::retry_on_intr;

use crate::daemon::failure;
use crate::wire::PATIENCE;

/// How many events are taken at a time.
const EVENTS: usize = 256;

/// Sockets that are waited for.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    told: Vec<Edge>,
}

/// What is told of a socket: its number, and whether the peer has ended.
pub type Edge = (u64, bool);

impl Poller {
    /// One without sockets.
    ///
    /// # Errors
    ///
    /// If there are too many descriptors.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, told: Vec::with_capacity(EVENTS) })
    }

    /// Tells from now on, under that number, whenever the socket becomes readable or writable.
    ///
    /// # Errors
    ///
    /// If the socket was added before.
    pub fn add(&self, socket: impl AsFd, number: u64) -> io::Result<()> {
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(number), edges)?)
    }

    /// Waits for the next events, for at most [`PATIENCE`].
    ///
    /// # Errors
    ///
    /// If there are none in time.
    pub fn wait(&mut self) -> io::Result<&[Edge]> {
        let patience = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
        self.wait_for(Some(&patience))?;
        let none = self.told.is_empty();
        if none {
            Err(failure(format!("nothing happened for {PATIENCE:?}")))
        } else {
            Ok(&self.told)
        }
    }

    /// Waits for the next events for as long as it takes.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn wait_for_ever(&mut self) -> io::Result<&[Edge]> {
        self.wait_for(None)?;
        Ok(&self.told)
    }

    fn wait_for(&mut self, patience: Option<&Timespec>) -> io::Result<()> {
        const ENDED: EventFlags = EventFlags::RDHUP.union(EventFlags::HUP).union(EventFlags::ERR);
        // They hold pointers, so they cannot be kept by one who goes to another thread.
        let mut events = Vec::<Event>::with_capacity(EVENTS);
        let wait = || epoll::wait(&self.epoll, spare_capacity(&mut events), patience);
        retry_on_intr(wait)?;
        self.told.clear();
        self.told.extend(events.iter().map(|event| {
            // Copied, because an event is packed.
            let (data, flags) = (event.data, event.flags);
            (data.u64(), flags.intersects(ENDED))
        }));
        Ok(())
    }
}
