//! Real sockets for the tests of this package's modules.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};

use crate::leg::Leg;

/// A leg of ours, the peer that it is connected to, and the poll that it is registered with.
pub(crate) struct Wire {
    pub(crate) leg: Option<Leg>,
    pub(crate) peer: TcpStream,
    poll: Poll,
}

impl Wire {
    pub(crate) fn new() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let peer = TcpStream::connect(listener.local_addr()?)?;
        let (ours, _) = listener.accept()?;
        ours.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(ours);
        let poll = Poll::new()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(0), interest)?;
        Ok(Self { leg: Some(Leg::new(stream, true)), peer, poll })
    }

    /// Waits for events.
    pub(crate) fn events(&mut self) -> io::Result<Events> {
        let mut events = Events::with_capacity(8);
        self.poll.poll(&mut events, Some(Duration::from_secs(20)))?;
        assert!(!events.is_empty(), "no event came");
        Ok(events)
    }

    /// Waits for an event, and notes all that have come.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        let events = self.events()?;
        events.iter().for_each(|event| self.leg().note(event));
        Ok(())
    }

    /// The leg, which is still ours.
    pub(crate) fn leg(&mut self) -> &mut Leg {
        self.leg.as_mut().expect("the leg was not taken")
    }

    /// Takes the leg out of the wire; it stays registered.
    pub(crate) fn take_leg(&mut self) -> Leg {
        self.leg.take().expect("the leg was not taken")
    }

    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Does a step of the leg's, waiting for events as long as it would block.
    pub(crate) fn until<T>(
        &mut self,
        mut step: impl FnMut(&mut Leg) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match step(self.leg()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait()?,
                done => return done,
            }
        }
    }
}
