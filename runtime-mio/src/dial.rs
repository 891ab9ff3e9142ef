//! Dialling: one non-blocking connect to one address; which one, and for how long, core says.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::task::Poll;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use underpass_core::Fault;
use underpass_core::route::{Peer, Rules, Tcp, WorkerId};
use underpass_core::time::Time;

use crate::leg::{Leg, fault};
use crate::resolve::{Address, Names};
use crate::shared::Shared;
use crate::slots::Key;

/// A peer that does not acknowledge what was sent is given up after so long (`TCP_USER_TIMEOUT`, R52).
const USER_TIMEOUT: Duration = Duration::from_secs(120);
/// A peer is asked for a sign of life after so long a silence. When the system means to ask again, 75 s later, its time
/// is up (tcp(7): `TCP_USER_TIMEOUT` counts, and not how often it was asked), so that nothing else need be set.
const KEEPALIVE: Duration = USER_TIMEOUT.saturating_sub(Duration::from_secs(75));

/// What a thread dials its workers by.
#[derive(Debug)]
pub(crate) struct Dialler<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) rules: &'a Rules,
    pub(crate) names: &'a mut Names,
    pub(crate) registry: &'a Registry,
    pub(crate) now: Time,
}

impl Dialler<'_> {
    /// Begins to connect to a worker's address of that number, which is the first one if only `one` will do, and
    /// registers the socket by that token: its first event tells how it went. Pending: its name is asked for on
    /// behalf of who has that key.
    pub(crate) fn dial(
        &mut self,
        id: WorkerId,
        one: Option<IpAddr>,
        number: u8,
        key: Key,
        token: Token,
    ) -> Poll<Result<Leg, Fault>> {
        let rules = self.rules;
        match (&rules.workers[id.0 as usize].peer, one) {
            (_, Some(_)) if number > 0 => Poll::Ready(Err(Fault::Exhausted)),
            (Peer::Tcp(tcp), Some(one)) => {
                Poll::Ready(self.dial_address(SocketAddr::new(one, tcp.port), tcp, token))
            }
            (Peer::Tcp(tcp), None) => match self.names.address(id, tcp, number, key, self.now) {
                Address::Asked => Poll::Pending,
                Address::Exhausted => Poll::Ready(Err(Fault::Exhausted)),
                Address::Failed => Poll::Ready(Err(Fault::Unresolved)),
                Address::Known(address) => Poll::Ready(self.dial_address(address, tcp, token)),
            },
            // A Unix socket is one address.
            (Peer::Unix(_), _) if number > 0 => Poll::Ready(Err(Fault::Exhausted)),
            (Peer::Unix(path), _) => {
                Poll::Ready(dial_unix(path, self.registry, token).map_err(|error| fault(&error)))
            }
        }
    }

    fn dial_address(&self, address: SocketAddr, tcp: &Tcp, token: Token) -> Result<Leg, Fault> {
        dial(address, tcp, self.registry, token).map_err(|failed| match failed {
            NotDialled::System(error) => fault(&error),
            NotDialled::NoSource(source, error) => {
                self.shared.tell_of_source(source, &error);
                Fault::Unreachable
            }
        })
    }
}

fn dial(
    address: SocketAddr,
    tcp: &Tcp,
    registry: &Registry,
    token: Token,
) -> Result<Leg, NotDialled> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    tune(&socket, tcp.keepalive)?;
    // The window that the connection begins with is made of it (`tcp(7)`).
    if let Some(bytes) = tcp.receive_buffer {
        socket.set_recv_buffer_size(bytes.get() as usize)?;
    }
    if let Some(source) = tcp.source {
        bind(&socket, source, address)?;
    }
    Ok(connect(&socket, &SockAddr::from(address)).and_then(|()| leg(socket, registry, token))?)
}

fn dial_unix(path: &str, registry: &Registry, token: Token) -> io::Result<Leg> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    connect(&socket, &SockAddr::unix(path)?)?;
    leg(socket, registry, token)
}

/// Why an address was not even dialled.
#[derive(Debug)]
enum NotDialled {
    /// By the address of ours that it should be dialled from.
    NoSource(IpAddr, io::Error),
    /// By the system.
    System(io::Error),
}

impl From<io::Error> for NotDialled {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

fn bind(socket: &Socket, source: IpAddr, to: SocketAddr) -> Result<(), NotDialled> {
    if source.is_ipv4() != to.is_ipv4() {
        let error = io::Error::other(format!("{} is of the other family", to.ip()));
        return Err(NotDialled::NoSource(source, error));
    }
    socket.bind(&SockAddr::from(SocketAddr::new(source, 0))).map_err(|error| {
        // An address that is ours may have no port left.
        let is_full = error.kind() == io::ErrorKind::AddrInUse;
        if is_full { error.into() } else { NotDialled::NoSource(source, error) }
    })
}

fn connect(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    match socket.connect(address) {
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => Ok(()),
        connected => connected,
    }
}

fn leg(socket: Socket, registry: &Registry, token: Token) -> io::Result<Leg> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    registry.register(&mut SourceFd(&socket.as_raw_fd()), token, interest)?;
    Ok(Leg::new(socket, false))
}

const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// Sets what a leg needs to be quick and to notice a dead peer. Set on a listener, its connections
/// inherit all of it.
pub(crate) fn tune(socket: &Socket, keepalive: bool) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    if keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
    use std::num::NonZeroU32;

    use mio::Poll;
    use socket2::SockRef;

    use super::*;

    fn dialled(change: impl FnOnce(&mut Tcp)) -> io::Result<Result<Leg, NotDialled>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut tcp = Tcp::new("127.0.0.1", 80);
        change(&mut tcp);
        Ok(dial(listener.local_addr()?, &tcp, Poll::new()?.registry(), Token(0)))
    }

    #[test]
    fn a_connection_has_the_receive_buffer_that_was_asked_for() -> io::Result<()> {
        let bytes = NonZeroU32::new(16_384);
        let mut leg = dialled(|tcp| tcp.receive_buffer = bytes)?.expect("it is dialled");
        // The system doubles it, for its own notes (`socket(7)`).
        assert_eq!(SockRef::from(&*leg.plain().expect("no TLS")).recv_buffer_size()?, 32_768);
        Ok(())
    }

    #[test]
    fn an_address_of_one_family_is_not_dialled_from_one_of_the_other() -> io::Result<()> {
        let source = Ipv6Addr::LOCALHOST.into();
        let dialled = dialled(|tcp| tcp.source = Some(source))?;
        assert!(matches!(dialled, Err(NotDialled::NoSource(told, _)) if told == source));
        Ok(())
    }
}
