//! A backend whose connections the test answers itself.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

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

    /// Lets `answer` have every connection, each on a thread of its own; gives their count.
    pub(crate) fn serve(
        &self,
        answer: impl Fn(TcpStream) + Clone + Send + 'static,
    ) -> Arc<AtomicUsize> {
        let listener = self.0.try_clone().expect("another descriptor");
        let count = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&count);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                accepted.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                thread::spawn(move || answer(stream));
            }
        });
        count
    }
}
