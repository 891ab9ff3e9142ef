//! One connection of TLS without its socket: ciphertext in and out, plaintext out and in.

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::bytes::{Bytes, Needs, Wire};

/// Bytes of plaintext in one record at the most (RFC 8446 §5.1).
pub(super) const RECORD: usize = 16 * 1024;

/// A connection, and the plaintext that has come by it.
pub(crate) struct Records {
    talk: Talk,
    /// Plaintext that nobody has taken yet: of one record.
    plain: Bytes,
    stage: Stage,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Its handshake is under way.
    Shaking,
    /// Both sides may speak.
    Open,
    /// The peer has said that it will say nothing more (close_notify).
    Ended,
}

/// Who speaks; both are large.
enum Talk {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

impl Talk {
    /// Whether the connection has something to say by itself.
    fn has_words(&self) -> bool {
        match self {
            Self::Server(it) => it.wants_write(),
            Self::Client(it) => it.wants_write(),
        }
    }
}

/// What is to be said, if the connection lets us.
#[derive(Clone, Copy)]
enum Say<'a> {
    Nothing,
    Data(&'a [u8]),
    /// That nothing more will come.
    End,
}

/// What one step came to.
enum Step {
    /// Something was done: there may be more to do.
    Again,
    /// What was to be said has been said.
    Said,
    /// Both sides may speak; nothing is left to do.
    Open,
    /// More must come first.
    Blocked,
    /// The peer has ended.
    Ended,
}

impl Records {
    /// The server's side of a connection.
    pub(super) fn server(connection: UnbufferedServerConnection) -> Self {
        Self::new(Talk::Server(Box::new(connection)))
    }

    /// The client's side of a connection.
    pub(super) fn client(connection: UnbufferedClientConnection) -> Self {
        Self::new(Talk::Client(Box::new(connection)))
    }

    fn new(talk: Talk) -> Self {
        Self { talk, plain: Bytes::default(), stage: Stage::Shaking }
    }

    /// Reads what has come, as far as it goes: until there is plaintext, or more must come.
    ///
    /// # Errors
    ///
    /// If what has come is no good TLS, or the peer gives up, or proves to be another one. What the peer is to be told
    /// of it is among what is to go.
    pub(super) fn advance(&mut self, wire: &mut Wire) -> Result<Stage, Error> {
        while self.plain.is_empty() {
            match self.step(Say::Nothing, wire)? {
                Step::Again | Step::Said => {}
                Step::Ended => self.stage = Stage::Ended,
                Step::Open => {
                    self.opens();
                    break;
                }
                Step::Blocked => break,
            }
        }
        if !self.plain.is_empty() {
            self.opens();
        }
        Ok(self.stage)
    }

    /// Moves plaintext into `room`; how much.
    pub(super) fn take(&mut self, room: &mut [u8]) -> usize {
        let count = room.len().min(self.plain.len());
        room[..count].copy_from_slice(&self.plain.as_slice()[..count]);
        self.plain.consume(count);
        count
    }

    /// Makes a record of the first of `bytes`; gives how many that are. None if the connection does not let us yet, or
    /// no more.
    ///
    /// # Errors
    ///
    /// As of [`advance`](Self::advance): something may have come that must be read first.
    pub(super) fn encrypt(
        &mut self,
        bytes: &[u8],
        wire: &mut Wire,
    ) -> Result<Option<usize>, Error> {
        let bytes = &bytes[..bytes.len().min(RECORD)];
        Ok(self.say(Say::Data(bytes), wire)?.then_some(bytes.len()))
    }

    /// Says that nothing more will come from us (close_notify), if anything may be said.
    ///
    /// # Errors
    ///
    /// As of [`encrypt`](Self::encrypt).
    pub(super) fn end(&mut self, wire: &mut Wire) -> Result<(), Error> {
        self.say(Say::End, wire).map(drop)
    }

    /// `true` if it was said.
    fn say(&mut self, say: Say<'_>, wire: &mut Wire) -> Result<bool, Error> {
        loop {
            match self.step(say, wire)? {
                Step::Again | Step::Open => {}
                Step::Ended => self.stage = Stage::Ended,
                Step::Said => return Ok(true),
                Step::Blocked => return Ok(false),
            }
        }
    }

    fn opens(&mut self) {
        if self.stage == Stage::Shaking {
            self.stage = Stage::Open;
        }
    }

    fn step(&mut self, say: Say<'_>, wire: &mut Wire) -> Result<Step, Error> {
        self.one(say, wire).inspect_err(|_| {
            // What is left to be said is why: an alert. What has come must not be heard again.
            while self.talk.has_words() && self.one(Say::Nothing, wire).is_ok() {}
        })
    }

    fn one(&mut self, say: Say<'_>, Wire { came, to_go }: &mut Wire) -> Result<Step, Error> {
        let Self { talk, plain, .. } = self;
        let (read, step) = match talk {
            Talk::Server(it) => step(it.process_tls_records(came.as_mut()), say, plain, to_go),
            Talk::Client(it) => step(it.process_tls_records(came.as_mut()), say, plain, to_go),
        };
        came.consume(read);
        step
    }
}

/// One step of a connection; and how much was read of what has come.
fn step<Data>(
    UnbufferedStatus { discard, state, .. }: UnbufferedStatus<'_, '_, Data>,
    say: Say<'_>,
    plain: &mut Bytes,
    to_go: &mut Bytes,
) -> (usize, Result<Step, Error>) {
    let step = state.and_then(|state| match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                plain.append(record?.payload);
            }
            Ok(Step::Again)
        }
        ConnectionState::EncodeTlsData(mut data) => {
            to_go.write(|room| data.encode(room).map_err(Needs::from)).map(|()| Step::Again)
        }
        ConnectionState::TransmitTlsData(data) => {
            // It goes when the socket takes it.
            data.done();
            Ok(Step::Again)
        }
        ConnectionState::WriteTraffic(mut traffic) => {
            let said = match say {
                Say::Nothing => return Ok(Step::Open),
                Say::Data(bytes) => to_go.write(|room| Ok(traffic.encrypt(bytes, room)?)),
                Say::End => to_go.write(|room| Ok(traffic.queue_close_notify(room)?)),
            };
            said.map(|()| Step::Said)
        }
        ConnectionState::PeerClosed => Ok(Step::Ended),
        // Early data is not asked for, so that none comes.
        ConnectionState::BlockedHandshake
        | ConnectionState::Closed
        | ConnectionState::ReadEarlyData(_)
        | _ => Ok(Step::Blocked),
    });
    (discard, step)
}

#[cfg(test)]
mod tests;
