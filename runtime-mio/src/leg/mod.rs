//! Legs: the two connections of a session, as a driver reads and writes them.

mod plain;
mod tls;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use mio::event::Event;
use mio::{Registry, Token};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use underpass_core::Fault;
use underpass_core::route::{Door, Hello};

use plain::Plain;
pub(crate) use tls::Choice;
use tls::Tls;

/// A connection of TCP or of a Unix socket, registered once and edge-triggered.
pub(crate) enum Leg {
    /// It is spoken on as it is.
    Plain(Plain),
    /// TLS is spoken on it.
    Tls(Box<Tls>),
}

impl Leg {
    /// A leg of which nothing is known yet but that it was registered.
    pub(crate) fn new(stream: impl Into<OwnedFd>, writable: bool) -> Self {
        Self::Plain(Plain::new(stream, writable))
    }

    /// The same, of a client that is to speak TLS with who answers at that door.
    pub(crate) fn accepted(stream: impl Into<OwnedFd>, door: Door) -> Self {
        Self::Tls(Box::new(Tls::accepted(Plain::new(stream, true), door)))
    }

    /// This leg, which was dialled and is up, with TLS spoken on it to a backend that proves to be
    /// that server; by which name it was asked, if not by its own, is kept.
    pub(crate) fn secured(
        self,
        config: Arc<ClientConfig>,
        server: ServerName<'static>,
        name: Option<&str>,
    ) -> io::Result<Self> {
        match self {
            Self::Plain(socket) => {
                Ok(Self::Tls(Box::new(Tls::dialled(socket, config, server, name)?)))
            }
            Self::Tls(_) => Ok(self),
        }
    }

    /// By which name the backend at its other end was asked, if not by its own.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.name.as_deref(),
        }
    }

    /// Goes on with the handshake until it is over; a plain leg has none. Where it is the client's, `choose` says who
    /// answers.
    pub(crate) fn secure(&mut self, choose: Choice<'_>) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.secure(choose),
        }
    }

    /// What the client said in its hello; nothing without TLS.
    pub(crate) const fn hello(&self) -> Option<Hello> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.hello(),
        }
    }

    /// Takes what an event says. Events are hints: a bit that is set in vain costs one call.
    pub(crate) fn note(&mut self, event: &Event) {
        match self {
            Self::Plain(plain) => plain.note(event),
            Self::Tls(tls) => tls.note(event),
        }
    }

    /// The socket, if nothing else is between it and core: kernel and carrier may move bytes by themselves.
    pub(crate) const fn plain(&mut self) -> Option<&mut Plain> {
        match self {
            Self::Plain(plain) => Some(plain),
            Self::Tls(_) => None,
        }
    }

    const fn socket(&self) -> &Plain {
        match self {
            Self::Plain(plain) => plain,
            Self::Tls(tls) => &tls.socket,
        }
    }

    const fn socket_mut(&mut self) -> &mut Plain {
        match self {
            Self::Plain(plain) => plain,
            Self::Tls(tls) => &mut tls.socket,
        }
    }

    /// The address of ours that it leads to.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Whether a write may not block.
    pub(crate) const fn is_writable(&self) -> bool {
        self.socket().is_writable()
    }

    /// Whether the peer has neither sent anything more nor ended: asked of the socket where it is not
    /// known. What was there is lost, so that a leg that was not silent is of no further use.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Lets its events come to that place among the idle ones from now on, by whose token they are known.
    pub(crate) fn settle(
        &mut self,
        registry: &Registry,
        token: Token,
        place: u32,
    ) -> io::Result<()> {
        self.socket_mut().settle(registry, token, place)
    }

    /// The place to which its events come, once it has been an idle one.
    pub(crate) fn place(&self) -> Option<u32> {
        self.socket().place()
    }

    /// What has broken the connection, or kept it from being made, if anything has: known without reading, and told
    /// once.
    pub(crate) fn breakage(&mut self) -> Option<io::Error> {
        self.socket_mut().breakage()
    }

    /// Reads into `room`.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(room),
            Self::Tls(tls) => tls.read(room),
        }
    }

    /// Whether what was read has ended without the peer's saying so, where it must (`close_notify`).
    pub(crate) const fn is_cut(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.is_cut)
    }

    /// Writes the first of `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// Ends our direction; "it would block" while that has to wait for what is on its way.
    pub(crate) fn shut(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(plain) => plain.shut(),
            Self::Tls(tls) => tls.shut(),
        }
    }

    /// Makes the coming close a reset: the peer must not take what it got for the whole.
    pub(crate) fn make_abrupt(&self) {
        self.socket().make_abrupt();
    }
}

impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(if matches!(self, Self::Tls(_)) { "Tls" } else { "Plain" })
            .field(self.socket())
            .finish()
    }
}

/// The word that core knows for an error of the system.
pub(crate) fn fault(error: &io::Error) -> Fault {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        // That a Unix socket would block tells that too many wait to be accepted there already.
        Some(Errno::CONNREFUSED | Errno::AGAIN) => Fault::Refused,
        Some(Errno::CONNRESET | Errno::CONNABORTED) => Fault::Reset,
        Some(Errno::PIPE | Errno::NOTCONN) => Fault::Closed,
        Some(Errno::TIMEDOUT) => Fault::TimedOut,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN | Errno::NOENT) => {
            Fault::Unreachable
        }
        Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Fault::Resources,
        _ if is_exhaustion(error) => Fault::Resources,
        _ if error.kind() == io::ErrorKind::BrokenPipe => Fault::Closed,
        _ if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Fault::Tls,
        _ => Fault::Other,
    }
}

/// Whether the process or the machine has no descriptor, buffer or memory left (R56).
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| exhausted.iter().any(|errno| errno.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn errors_of_the_system_have_their_words() {
        let rows = [
            (Errno::CONNREFUSED, Fault::Refused),
            (Errno::AGAIN, Fault::Refused),
            (Errno::NOENT, Fault::Unreachable),
            (Errno::CONNRESET, Fault::Reset),
            (Errno::PIPE, Fault::Closed),
            (Errno::TIMEDOUT, Fault::TimedOut),
            (Errno::HOSTUNREACH, Fault::Unreachable),
            (Errno::MFILE, Fault::Resources),
            (Errno::ADDRNOTAVAIL, Fault::Resources),
            (Errno::ADDRINUSE, Fault::Resources),
            (Errno::INVAL, Fault::Other),
        ];
        for (errno, word) in rows {
            assert_eq!(fault(&io::Error::from(errno)), word);
        }
    }
}
