//! A leg that speaks TLS: the only folder that names connections of rustls.
//!
//! [`records`] is a connection without a socket, [`hearing`] what comes before it is known which host answers;
//! here both meet the socket.

mod bytes;
mod hearing;
mod records;

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use mio::event::Event;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use underpass_core::route::{Door, Hello};

use super::plain::Plain;
use bytes::Wire;
pub(crate) use hearing::Choice;
use hearing::{Hearing, Turned};
use records::{Records, Stage};

/// How much ciphertext can be read at once at the least: the rest of any record.
const READ: usize = 20 * 1024;

/// A socket that TLS is spoken on.
pub(crate) struct Tls {
    pub(super) socket: Plain,
    talk: Talk,
    wire: Wire,
    hello: Option<Hello>,
    /// By which name a backend was asked, if not by its own.
    pub(super) name: Option<Box<str>>,
    /// We have said that nothing more will come.
    has_ended: bool,
    /// The peer has ended without saying so.
    pub(super) is_cut: bool,
}

enum Talk {
    /// Who answers is not known yet.
    Hearing(Box<Hearing>),
    Records(Records),
    /// It cannot be spoken with.
    Over,
}

impl Tls {
    /// A client that came in by that door.
    pub(super) fn accepted(socket: Plain, door: Door) -> Self {
        Self::new(socket, Talk::Hearing(Box::new(Hearing::new(door))))
    }

    /// A backend that is to be that server, and was asked by that name if not by its own.
    ///
    /// # Errors
    ///
    /// If no hello can be made by that configuration.
    pub(super) fn dialled(
        socket: Plain,
        config: Arc<ClientConfig>,
        server: ServerName<'static>,
        name: Option<&str>,
    ) -> io::Result<Self> {
        let connection = UnbufferedClientConnection::new(config, server);
        let records = Records::client(connection.map_err(io::Error::other)?);
        Ok(Self { name: name.map(Into::into), ..Self::new(socket, Talk::Records(records)) })
    }

    fn new(socket: Plain, talk: Talk) -> Self {
        let (wire, hello, name) = (Wire::default(), None, None);
        Self { socket, talk, wire, hello, name, has_ended: false, is_cut: false }
    }

    /// What the client said in its hello, once it is known who answers.
    pub(super) const fn hello(&self) -> Option<Hello> {
        self.hello
    }

    /// Takes what an event says. What had to wait goes on at once: core has counted it as gone.
    pub(super) fn note(&mut self, event: &Event) {
        self.socket.note(event);
        if self.socket.is_writable() && !self.wire.to_go.is_empty() {
            // Whoever writes next is told of an error.
            let _ = self.flush();
        }
    }

    /// Goes on with the handshake until it is over.
    pub(super) fn secure(&mut self, choose: Choice<'_>) -> io::Result<()> {
        loop {
            let is_open = self.greet(choose)? && self.advance()? != Stage::Shaking;
            // The last word of a handshake may be ours.
            self.flush()?;
            if is_open {
                return Ok(());
            }
            if self.receive()? == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    /// Whether it is known who answers.
    fn greet(&mut self, choose: Choice<'_>) -> io::Result<bool> {
        let Talk::Hearing(hearing) = &mut self.talk else { return Ok(true) };
        match hearing.hear(self.wire.came.as_slice(), choose) {
            Ok(None) => Ok(false),
            Ok(Some((hello, records))) => {
                (self.hello, self.talk) = (Some(hello), Talk::Records(records));
                Ok(true)
            }
            Err(Turned { words, why }) => {
                self.wire.to_go.append(&words);
                Err(self.fail(why))
            }
        }
    }

    /// Reads plaintext into `room`: what has been read before comes first, for no event will tell of it.
    pub(super) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            let Talk::Records(records) = &mut self.talk else { return Err(not_connected()) };
            match records.read(&mut self.wire, room) {
                Ok(0) if records.stage() == Stage::Ended => return Ok(0),
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(why) => return Err(self.fail(why)),
            }
            self.flush()?;
            if self.receive()? == 0 {
                self.is_cut = true;
                return Ok(0);
            }
        }
    }

    /// Takes the first of `bytes`: they have been written as far as core is concerned, and go when the socket takes
    /// them. Nothing is taken while earlier bytes wait.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let Talk::Records(records) = &mut self.talk else { return Err(not_connected()) };
        match records.encrypt(bytes, &mut self.wire) {
            Ok(Some(count)) => self.flush().map(|_| count),
            Ok(None) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(why) => Err(self.fail(why)),
        }
    }

    /// Ends our direction: a close_notify, and the FIN behind it once all has gone.
    pub(super) fn shut(&mut self) -> io::Result<()> {
        if let (Talk::Records(records), false) = (&mut self.talk, self.has_ended) {
            self.has_ended = true;
            let ended = records.end(&mut self.wire);
            ended.map_err(|why| self.fail(why))?;
        }
        if self.flush()? { self.socket.shut() } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn advance(&mut self) -> io::Result<Stage> {
        let Talk::Records(records) = &mut self.talk else { return Err(not_connected()) };
        let advanced = records.advance(&mut self.wire);
        advanced.map_err(|why| self.fail(why))
    }

    /// It is spoken with no more: the peer is told why, as far as the socket takes that.
    fn fail(&mut self, why: Error) -> io::Error {
        self.talk = Talk::Over;
        // There is nobody left to be told of an error of the socket's.
        let _ = self.flush();
        io::Error::other(why)
    }

    /// Writes ciphertext that waits; `true` if none does any more.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.wire.to_go.is_empty() {
            match self.socket.write(self.wire.to_go.as_slice()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wire.to_go.stow();
                    return Ok(false);
                }
                written => self.wire.to_go.consume(written?),
            }
        }
        Ok(true)
    }

    /// Reads ciphertext; how much.
    fn receive(&mut self) -> io::Result<usize> {
        let came = &mut self.wire.came;
        if !self.socket.is_readable() {
            came.stow();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let room = came.spare(READ);
        let got = self
            .socket
            .read_by(room.len(), |socket| Ok(rustix::io::read(socket.as_fd(), &mut *room)?));
        came.fill(*got.as_ref().unwrap_or(&0));
        if got.is_err() {
            came.stow();
        }
        got
    }
}

fn not_connected() -> io::Error {
    io::ErrorKind::NotConnected.into()
}
