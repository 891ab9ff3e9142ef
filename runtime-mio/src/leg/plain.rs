//! A socket, and what is known of its readiness: all of a leg that is spoken on without TLS.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::Socket;
use underpass_core::limits::PULL_MOST;

/// A connection of TCP or of a Unix socket, registered once and edge-triggered.
///
/// Its bits say which calls would block for certain, so that they are not made. They belong to the
/// leg alone: core never hears of them.
#[derive(Debug)]
pub(crate) struct Plain {
    stream: Socket,
    readable: bool,
    writable: bool,
    peer: Peer,
    /// So many reads in a row moved as much as a read may.
    full: u8,
    /// One above the place to which its events come, once it has been an idle one.
    place: Option<NonZeroU32>,
}

/// What events have told of the other end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    /// Nothing: it is there.
    Here,
    /// It has hung up. No further edge will tell of its end, so that from now on a short read does not
    /// mean that the socket is drained: it is read until it says so itself.
    HungUp,
    /// The same, and the connection is broken.
    Broken,
}

/// Full reads in a row that make a leg the source of a stream.
const STREAM: u8 = 3;

impl Plain {
    /// A leg of which nothing is known yet but that it was registered.
    pub(crate) fn new(stream: impl Into<OwnedFd>, writable: bool) -> Self {
        let stream = Socket::from(stream.into());
        Self { stream, readable: false, writable, peer: Peer::Here, full: 0, place: None }
    }

    /// Takes what an event says. Events are hints: a bit that is set in vain costs one call.
    pub(crate) fn note(&mut self, event: &Event) {
        if event.is_error() {
            self.peer = Peer::Broken;
        } else if event.is_read_closed() && self.peer == Peer::Here {
            self.peer = Peer::HungUp;
        }
        self.readable |= event.is_readable() || self.peer != Peer::Here;
        self.writable |=
            event.is_writable() || event.is_write_closed() || self.peer == Peer::Broken;
    }

    /// The address of ours that it leads to.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        let none = || io::Error::from(io::ErrorKind::AddrNotAvailable);
        self.stream.local_addr()?.as_socket().ok_or_else(none)
    }

    /// Whether a write may not block.
    pub(crate) const fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether there may be something to read: bytes, or the end.
    pub(crate) const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Lets its events come to that place among the idle ones from now on, by whose token they are known.
    pub(crate) fn settle(
        &mut self,
        registry: &Registry,
        token: Token,
        place: u32,
    ) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.reregister(&mut SourceFd(&self.stream.as_raw_fd()), token, interest)?;
        self.place = place.checked_add(1).and_then(NonZeroU32::new);
        Ok(())
    }

    /// The place to which its events come, once it has been an idle one.
    pub(crate) fn place(&self) -> Option<u32> {
        self.place.map(|above| above.get() - 1)
    }

    /// What has broken the connection, if anything has: known without reading, and told once.
    pub(crate) fn breakage(&mut self) -> Option<io::Error> {
        if self.peer != Peer::Broken {
            return None;
        }
        self.peer = Peer::HungUp;
        self.take_error().unwrap_or_else(Some)
    }

    /// The error that a failed connect has left.
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    /// Reads into `room`; a short read drains the socket, unless it has hung up.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let got = self.read_by(room.len(), |leg| leg.stream.read(room));
        if let Ok(count) = got {
            self.full = if count < PULL_MOST as usize { 0 } else { self.full.saturating_add(1) };
        }
        got
    }

    /// Whether more comes than a read can move, again and again.
    pub(crate) const fn streams(&self) -> bool {
        self.full >= STREAM
    }

    /// Forgets that the leg was the source of a stream.
    pub(crate) const fn trickles(&mut self) {
        self.full = 0;
    }

    /// Reads by `read`: fewer bytes than `whole` drain the socket, as "it would block" always does.
    pub(crate) fn read_by(
        &mut self,
        whole: usize,
        mut read: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let got = uninterrupted(|| read(self));
        self.readable = goes_on(&got, whole) || self.peer != Peer::Here && got.is_ok();
        got
    }

    /// Writes the first of `bytes`; a short write fills the socket.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_by(bytes.len(), |leg| leg.stream.write(bytes))
    }

    /// Writes by `write`: fewer bytes than `whole` fill the socket, as "it would block" always does.
    pub(crate) fn write_by(
        &mut self,
        whole: usize,
        mut write: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let put = uninterrupted(|| write(self));
        self.writable = goes_on(&put, whole);
        put
    }

    /// Ends our direction: FIN.
    pub(crate) fn shut(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Makes the coming close a reset: the peer must not take what it got for the whole.
    pub(crate) fn make_abrupt(&self) {
        // A socket that refuses the option is closed in order, which is the most that can be done.
        let _ = self.stream.set_linger(Some(Duration::ZERO));
    }
}

impl AsFd for Plain {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Whether a further call may move bytes, after one that could have moved `whole`.
fn goes_on(moved: &io::Result<usize>, whole: usize) -> bool {
    match moved {
        Ok(count) => *count >= whole,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

/// Calls again what a signal has interrupted.
fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::testing::Wire;

    fn is_pending(got: &io::Result<usize>) -> bool {
        got.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[test]
    fn a_short_read_drains_the_socket_until_the_next_event() -> io::Result<()> {
        let (mut wire, mut room) = (Wire::new()?, [0; 64]);
        assert!(is_pending(&wire.leg().read(&mut room)), "nothing is known to be there");
        wire.peer.write_all(b"hello")?;
        assert_eq!(wire.until(|leg| leg.read(&mut room))?, 5);
        wire.peer.write_all(b"more")?;
        assert!(is_pending(&wire.leg().read(&mut room)), "not read before its event");
        assert_eq!(wire.until(|leg| leg.read(&mut room))?, 4);
        Ok(())
    }

    /// Data and FIN may come as one edge: no further one tells of the end (`systems.md` 1).
    #[test]
    fn a_short_read_does_not_hide_an_end_that_came_with_it() -> io::Result<()> {
        let (mut wire, mut room) = (Wire::new()?, [0; 64]);
        wire.peer.write_all(b"bye")?;
        wire.peer.shutdown(Shutdown::Write)?;
        while wire.leg().plain().is_some_and(|plain| plain.peer == Peer::Here) {
            wire.wait()?;
        }
        assert_eq!(wire.leg().read(&mut room)?, 3);
        assert_eq!(wire.leg().read(&mut room)?, 0, "the end, without another event");
        Ok(())
    }

    #[test]
    fn a_full_socket_is_not_written_before_it_has_room() -> io::Result<()> {
        let mut wire = Wire::new()?;
        let bytes = vec![0; 1 << 20];
        while !is_pending(&wire.leg().write(&bytes)) {}
        assert!(!wire.leg().is_writable());
        let mut peer = wire.peer.try_clone()?;
        let reader = std::thread::spawn(move || io::copy(&mut peer, &mut io::sink()));
        assert!(wire.until(|leg| leg.write(b"x"))? == 1);
        drop(wire);
        reader.join().expect("the reader ends")?;
        Ok(())
    }

    #[test]
    fn an_abrupt_close_is_seen_as_a_reset() -> io::Result<()> {
        let mut wire = Wire::new()?;
        wire.leg().write(b"half a response")?;
        wire.leg().make_abrupt();
        drop(wire.take_leg());
        let read = io::Read::read_to_end(&mut wire.peer, &mut Vec::new());
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        Ok(())
    }
}
