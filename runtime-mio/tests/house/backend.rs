//! A backend whose connections the test answers itself.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::SockRef;

use super::{PATIENCE, Wire};

/// A listener of the test's.
#[derive(Debug)]
pub(crate) struct Backend(TcpListener);

impl Backend {
    /// Listens on that address.
    pub(crate) fn listen(address: SocketAddr) -> Self {
        Self::try_listen(address).expect("a free port")
    }

    /// Listens on that address, if this machine has it.
    pub(crate) fn try_listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        SockRef::from(&listener).set_read_timeout(Some(PATIENCE))?;
        Ok(Self(listener))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> Wire {
        Wire::new(self.0.accept().expect("the daemon connects to the backend").0)
    }
}
