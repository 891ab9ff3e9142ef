//! Dialling: one non-blocking connect to one address; which one, and for how long, core says.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use crate::leg::Leg;

/// A peer is asked for a sign of life after so long a silence,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// again so often,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// and is given up after so many questions.
const KEEPALIVE_RETRIES: u32 = 4;
/// A peer that does not acknowledge what was sent is given up after so long (`TCP_USER_TIMEOUT`, R52).
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// The backend's leg of a session, as far as it has come.
#[derive(Debug, Default)]
pub(crate) enum Backend {
    /// None was dialled yet.
    #[default]
    None,
    /// The worker's address of that number is being dialled.
    Dialing(u8, Leg),
    /// It is up.
    Up(Leg),
}

impl Backend {
    /// Takes what an event says.
    pub(crate) fn note(&mut self, event: &Event) {
        match self {
            Self::None => {}
            Self::Dialing(_, leg) | Self::Up(leg) => leg.note(event),
        }
    }

    /// The leg, once it is up.
    pub(crate) fn up(&mut self) -> Option<&mut Leg> {
        match self {
            Self::Up(leg) => Some(leg),
            Self::None | Self::Dialing(..) => None,
        }
    }
}

/// Begins to connect, and registers the socket: its first event tells how it went.
pub(crate) fn dial(
    address: SocketAddr,
    keepalive: bool,
    registry: &Registry,
    token: Token,
) -> io::Result<Leg> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    tune(&socket, keepalive)?;
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) => return Err(error),
    }
    let mut stream = TcpStream::from_std(socket.into());
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(Leg::new(stream, false))
}

const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// Sets what a leg needs to be quick and to notice a dead peer. Set on a listener, its connections
/// inherit all of it.
pub(crate) fn tune(socket: &Socket, keepalive: bool) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    if keepalive {
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_IDLE)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}
