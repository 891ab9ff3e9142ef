//! One end of a connection, as a test speaks and hears it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use socket2::SockRef;

use super::{PATIENCE, pattern};

/// One end of a connection. What it is told to do must work, or the test fails.
#[derive(Debug)]
pub(crate) struct Wire(TcpStream);

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    /// In order: what came was everything.
    Ended,
    /// By a reset: something is missing.
    Reset,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket without delay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket with patience");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket with patience");
        Self(stream)
    }

    /// One end of a connection by a Unix socket: all that a test does with it works for any stream.
    pub(crate) fn unix(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket with patience");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket with patience");
        Self(OwnedFd::from(stream).into())
    }

    /// The address of the other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.0.peer_addr().expect("it is connected")
    }

    /// Another handle on the same end, for another thread.
    pub(crate) fn twin(&self) -> Self {
        Self(self.0.try_clone().expect("another descriptor"))
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("the peer takes what is sent");
    }

    /// Sends the first `total` bytes of the [`pattern`].
    pub(crate) fn send_pattern(&mut self, total: usize) {
        for piece in pattern::pieces(0, total) {
            self.send(piece);
        }
    }

    /// Ends this direction: FIN.
    pub(crate) fn shut(&self) {
        self.0.shutdown(Shutdown::Write).expect("the direction ends");
    }

    /// Breaks the connection: RST.
    pub(crate) fn reset(self) {
        SockRef::from(&self.0).set_linger(Some(Duration::ZERO)).expect("a socket without linger");
    }

    /// Hears a head up to its empty line, and not a byte further.
    pub(crate) fn head(&mut self) -> String {
        self.head_or_end().expect("a head, and not the end")
    }

    /// Hears a head, or the end where one might begin.
    pub(crate) fn head_or_end(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let (mut byte, heard) = ([0], String::from_utf8_lossy(&head));
            match self.0.read(&mut byte) {
                Ok(0) if head.is_empty() => return None,
                Ok(0) => panic!("the end inside a head, behind {heard:?}"),
                Ok(_) => head.extend(byte),
                Err(error) => panic!("no whole head: {error} behind {heard:?}"),
            }
        }
        Some(String::from_utf8(head).expect("a head in ASCII"))
    }

    /// Hears exactly these bytes.
    pub(crate) fn hear(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let heard = self.hear_any(expected.len());
        assert!(
            heard == expected,
            "heard {:?} instead of {:?}",
            String::from_utf8_lossy(&heard),
            String::from_utf8_lossy(expected)
        );
    }

    /// Hears so many bytes, whichever they are.
    pub(crate) fn hear_any(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("so many bytes come");
        bytes
    }

    /// Hears the first `total` bytes of the [`pattern`].
    pub(crate) fn hear_pattern(&mut self, total: usize) {
        self.hear_pattern_from(0, total);
    }

    /// Hears what lies between two places of the [`pattern`].
    pub(crate) fn hear_pattern_from(&mut self, from: usize, to: usize) {
        let mut room = vec![0; pattern::PIECE];
        for piece in pattern::pieces(from, to) {
            let room = &mut room[..piece.len()];
            self.0.read_exact(room).expect("the whole pattern comes");
            assert!(room == piece, "the bytes are not those that were sent");
        }
    }

    /// Hears everything up to the end, which must come in order.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("the connection ends in order");
        bytes
    }

    /// Hears everything up to the end, as text.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8(self.rest()).expect("text")
    }

    /// Hears the end, in order, and nothing before it.
    pub(crate) fn ends(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "not the end, but {:?}", String::from_utf8_lossy(&rest));
    }

    /// Hears how it ends, whatever comes before.
    pub(crate) fn fate(&mut self) -> Fate {
        match io::copy(&mut self.0, &mut io::sink()) {
            Ok(_) => Fate::Ended,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Fate::Reset,
            Err(error) => panic!("no end: {error}"),
        }
    }

    /// Whether the peer has ended the connection; asks without waiting.
    pub(crate) fn is_over(&self) -> bool {
        self.0.set_nonblocking(true).expect("a socket that does not block");
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).expect("a socket that blocks");
        match peeked {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Writes what goes without waiting.
    pub(crate) fn offer(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set_nonblocking(true).expect("a socket that does not block");
        let written = self.0.write(bytes);
        self.0.set_nonblocking(false).expect("a socket that blocks");
        written
    }
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
