//! A plain TCP leg, and what is known of its readiness.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use socket2::SockRef;

/// A TCP connection, registered once and edge-triggered.
///
/// Its bits say which calls would block for certain, so that they are not made. They belong to the
/// leg alone: core never hears of them.
#[derive(Debug)]
pub(crate) struct Leg {
    stream: TcpStream,
    readable: bool,
    writable: bool,
    /// The peer has hung up. No further edge will tell of its end, so that from now on a short read
    /// does not mean that the socket is drained: it is read until it says so itself.
    hung_up: bool,
}

impl Leg {
    /// A leg of which nothing is known yet but that it was registered.
    pub(crate) const fn new(stream: TcpStream, writable: bool) -> Self {
        Self { stream, readable: false, writable, hung_up: false }
    }

    /// Takes what an event says. Events are hints: a bit that is set in vain costs one call.
    pub(crate) fn note(&mut self, event: &Event) {
        self.hung_up |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.hung_up;
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// Whether a write may not block.
    pub(crate) const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The error that a failed connect has left.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    /// Reads into `room`; a short read drains the socket, unless it has hung up.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let wanted = room.len();
        self.source(wanted, |leg| leg.stream.read(room))
    }

    /// Reads by `read`, which was asked for `wanted` bytes.
    pub(crate) fn source(
        &mut self,
        wanted: usize,
        mut read: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let got = uninterrupted(|| read(self));
        self.readable = match &got {
            Ok(count) => *count == wanted || self.hung_up,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        got
    }

    /// Writes the first of `bytes`; a short write fills the socket.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wanted = bytes.len();
        self.sink(wanted, |leg| leg.stream.write(bytes))
    }

    /// Writes by `write`, which was asked for `wanted` bytes.
    pub(crate) fn sink(
        &mut self,
        wanted: usize,
        mut write: impl FnMut(&mut Self) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if !self.writable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let put = uninterrupted(|| write(self));
        self.writable = match &put {
            Ok(count) => *count == wanted,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        put
    }

    /// Ends our direction: FIN.
    pub(crate) fn shut(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Makes the coming close a reset: the peer must not take what it got for the whole.
    pub(crate) fn make_abrupt(&self) {
        // A socket that refuses the option is closed in order, which is the most that can be done.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

impl AsFd for Leg {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
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
