//! One connection of TLS without its socket: ciphertext in and out, plaintext out and in.

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::bytes::{Bytes, Needs, Wire};

/// A connection, and the plaintext that has come by it.
pub(crate) struct Records {
    talk: Talk,
    /// Plaintext that nobody has taken yet: of one record.
    plain: Bytes,
    stage: Stage,
    /// What is wrong with what came behind the plaintext that was read.
    failed: Option<Box<Error>>,
}

/// Where plaintext goes: into the reader's room, and what that does not hold behind it.
struct Sink<'a> {
    room: &'a mut [u8],
    filled: usize,
    rest: &'a mut Bytes,
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
    /// There was plaintext; so much of it went into the reader's room.
    Heard(usize),
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
        Self { talk, plain: Bytes::default(), stage: Stage::Shaking, failed: None }
    }

    /// Reads what has come until there is plaintext, or more must come: how far it came.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub(super) fn advance(&mut self, wire: &mut Wire) -> Result<Stage, Error> {
        self.read(wire, &mut [])?;
        Ok(self.stage)
    }

    /// How far the connection has come.
    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    /// Reads what has come, as far as it goes: until `room` is full of plaintext, or more must come. How much that is.
    ///
    /// # Errors
    ///
    /// If what has come is no good TLS, or the peer gives up, or proves to be another one: once what came before that has
    /// been read. What the peer is to be told of it is among what is to go.
    pub(super) fn read(&mut self, wire: &mut Wire, room: &mut [u8]) -> Result<usize, Error> {
        let mut filled = self.take(room);
        while self.plain.is_empty() && (filled < room.len() || room.is_empty()) {
            match self.step(Say::Nothing, wire, &mut room[filled..]) {
                Ok(Step::Again | Step::Said) => {}
                Ok(Step::Heard(count)) => filled += count,
                Ok(Step::Ended) => self.stage = Stage::Ended,
                Ok(Step::Open) => {
                    self.opens();
                    break;
                }
                Ok(Step::Blocked) => break,
                Err(error) if filled == 0 => return Err(error),
                Err(error) => {
                    self.failed = Some(Box::new(error));
                    break;
                }
            }
        }
        Ok(filled)
    }

    /// Moves plaintext into `room` that has been read before; how much.
    fn take(&mut self, room: &mut [u8]) -> usize {
        let count = room.len().min(self.plain.len());
        room[..count].copy_from_slice(&self.plain.as_slice()[..count]);
        self.plain.consume(count);
        count
    }

    /// Makes records of `bytes`; gives how many that are. None if the connection does not let us yet, or no more.
    ///
    /// # Errors
    ///
    /// As of [`advance`](Self::advance): something may have come that must be read first.
    pub(super) fn encrypt(
        &mut self,
        bytes: &[u8],
        wire: &mut Wire,
    ) -> Result<Option<usize>, Error> {
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
            match self.step(say, wire, &mut [])? {
                Step::Again | Step::Heard(_) | Step::Open => {}
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

    fn step(&mut self, say: Say<'_>, wire: &mut Wire, room: &mut [u8]) -> Result<Step, Error> {
        if let Some(error) = self.failed.take() {
            return Err(*error);
        }
        let step = self.one(say, wire, room).inspect_err(|_| {
            // What is left to be said is why: an alert. What has come must not be heard again.
            while self.talk.has_words() && self.one(Say::Nothing, wire, &mut []).is_ok() {}
        });
        if matches!(step, Ok(Step::Heard(_))) {
            self.opens();
        }
        step
    }

    fn one(
        &mut self,
        say: Say<'_>,
        Wire { came, to_go }: &mut Wire,
        room: &mut [u8],
    ) -> Result<Step, Error> {
        let Self { talk, plain, .. } = self;
        let sink = Sink { room, filled: 0, rest: plain };
        let (read, step) = match talk {
            Talk::Server(it) => step(it.process_tls_records(came.as_mut()), say, sink, to_go),
            Talk::Client(it) => step(it.process_tls_records(came.as_mut()), say, sink, to_go),
        };
        came.consume(read);
        step
    }
}

impl Sink<'_> {
    fn put(&mut self, payload: &[u8]) {
        let room = &mut self.room[self.filled..];
        let (first, rest) = payload.split_at(payload.len().min(room.len()));
        room[..first.len()].copy_from_slice(first);
        self.filled += first.len();
        if !rest.is_empty() {
            self.rest.append(rest);
        }
    }
}

/// One step of a connection; and how much was read of what has come.
fn step<Data>(
    UnbufferedStatus { discard, state, .. }: UnbufferedStatus<'_, '_, Data>,
    say: Say<'_>,
    mut plain: Sink<'_>,
    to_go: &mut Bytes,
) -> (usize, Result<Step, Error>) {
    let step = state.and_then(|state| match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                plain.put(record?.payload);
            }
            Ok(Step::Heard(plain.filled))
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
