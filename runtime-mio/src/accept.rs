//! Listeners: one socket for each loop and address, and what happens when descriptors run out.

use std::fs::File;
use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, Socket, Type};
use underpass_core::config::SocketBuffers;

use crate::dial::tune;
use crate::leg::is_exhaustion;

/// Connections that may wait to be accepted; the system caps it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A listener of one loop.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    /// Held back so that a connection can be taken and closed when no other descriptor is left (R56).
    spare: Option<File>,
}

/// What became of an accept.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// A connection.
    Client(TcpStream, SocketAddr),
    /// A connection went as it came: there is no descriptor for it, or it was gone already.
    Shed,
    /// No connection is waiting.
    Drained,
    /// Nothing can be accepted for a while: there is no descriptor, not even the spare one.
    Exhausted,
}

impl Listener {
    /// A listener on a socket of [`bind`]'s.
    pub(crate) fn new(socket: Socket) -> Self {
        Self { socket: TcpListener::from_std(socket.into()), spare: spare() }
    }

    /// The socket, for its registration.
    pub(crate) fn socket(&mut self) -> &mut TcpListener {
        &mut self.socket
    }

    /// Accepts one connection. Out of descriptors, the spare one serves to turn it away: left in the
    /// queue it would wait for ever, for its edge is spent.
    pub(crate) fn accept(&mut self) -> Accepted {
        match self.socket.accept() {
            Ok((stream, client)) => Accepted::Client(stream, client),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Accepted::Drained,
            Err(error) if is_exhaustion(&error) => self.shed(&error),
            Err(error) if is_passing(&error) => Accepted::Shed,
            Err(error) => {
                tracing::error!(%error, "nothing can be accepted");
                Accepted::Exhausted
            }
        }
    }

    fn shed(&mut self, error: &io::Error) -> Accepted {
        if self.spare.take().is_none() {
            self.spare = spare();
            return Accepted::Exhausted;
        }
        // The system says that it is out of descriptors even when nobody waits: only this accept knows.
        let shed = match self.socket.accept().map(drop) {
            Ok(()) => {
                tracing::warn!(%error, "a connection is turned away");
                Accepted::Shed
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Accepted::Drained,
            Err(error) if is_passing(&error) => Accepted::Shed,
            Err(_) => Accepted::Exhausted,
        };
        self.spare = spare();
        shed
    }
}

/// Whether the next accept may go well: the client has gone while it waited, or a signal came.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Binds one socket for each loop to the address, and says which address that is, for port 0 is none. Clients'
/// connections have such buffers.
pub(crate) fn bind(
    address: SocketAddr,
    loops: usize,
    buffers: SocketBuffers,
) -> io::Result<(SocketAddr, Vec<Socket>)> {
    let address = probe(address)?;
    let sockets: io::Result<Vec<_>> = (0..loops).map(|_| listen(address, buffers)).collect();
    Ok((address, sockets?))
}

/// Finds out whether the address is free: with `SO_REUSEPORT` we would share it with another Underpass
/// without a word.
fn probe(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn listen(address: SocketAddr, buffers: SocketBuffers) -> io::Result<Socket> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    tune(&socket, true)?;
    // The window that a connection begins with is made of it (`tcp(7)`).
    let SocketBuffers { send, receive } = buffers;
    send.map_or(Ok(()), |bytes| socket.set_send_buffer_size(bytes.get() as usize))?;
    receive.map_or(Ok(()), |bytes| socket.set_recv_buffer_size(bytes.get() as usize))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;
    use std::time::Duration;

    const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn an_address_in_use_is_refused_even_if_its_owner_shares_it() {
        let (address, _sockets) = bind(ANY_PORT, 2, SocketBuffers::default()).unwrap();
        assert_ne!(address.port(), 0);
        let again = bind(address, 2, SocketBuffers::default()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }

    /// What is set on a listener holds for its connections, and costs them no system call.
    #[test]
    fn connections_inherit_what_their_listener_was_tuned_to() {
        let buffers =
            SocketBuffers { send: NonZeroU32::new(65_536), receive: NonZeroU32::new(16_384) };
        let (address, sockets) = bind(ANY_PORT, 1, buffers).unwrap();
        let listener = sockets.into_iter().next().unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(accepted.tcp_nodelay().unwrap());
        assert!(accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), Duration::from_secs(45));
        // The system doubles them, for its own notes (`socket(7)`).
        let both = (accepted.send_buffer_size().unwrap(), accepted.recv_buffer_size().unwrap());
        assert_eq!(both, (131_072, 32_768));
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(Duration::from_secs(120)));
    }
}
