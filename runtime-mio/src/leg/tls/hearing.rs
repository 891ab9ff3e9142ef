//! A client's first words: whom it wants to speak TLS with, or that it speaks something else.

use std::sync::Arc;

use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::{AlertDescription, Error, ServerConfig};
use underpass_core::route::{Door, Hello};

use super::records::Records;

/// Who answers a client that came in by that door, and names that host or none: by which keys.
pub(crate) type Choice<'a> = &'a dyn Fn(Door, Option<&str>) -> Option<(Hello, Arc<ServerConfig>)>;

/// A client's hello, as far as it has come.
pub(super) struct Hearing {
    door: Door,
    acceptor: Acceptor,
    /// How much of what has come the acceptor has seen.
    heard: usize,
}

/// What becomes of a client that cannot be answered by TLS: what it is told, and why.
pub(super) struct Turned {
    pub(super) words: Vec<u8>,
    pub(super) why: Error,
}

/// What is told in plain HTTP to whoever speaks that.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 65\r\n\
    Connection: close\r\n\r\nThis port speaks HTTPS. Ask by https:// (or wss://), not http://.";
/// The first byte of every handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

impl Hearing {
    pub(super) fn new(door: Door) -> Self {
        Self { door, acceptor: Acceptor::default(), heard: 0 }
    }

    /// Looks at all that has come: the connection to that client, once its hello is whole.
    ///
    /// # Errors
    ///
    /// If it is none, or nobody answers it.
    pub(super) fn hear(
        &mut self,
        came: &[u8],
        choose: Choice<'_>,
    ) -> Result<Option<(Hello, Records)>, Turned> {
        if came.first().is_some_and(|first| *first != HANDSHAKE) {
            return Err(Turned::plainly(came));
        }
        while self.heard < came.len() {
            let mut fresh = &came[self.heard..];
            let read = self.acceptor.read_tls(&mut fresh).map_err(Turned::strangely)?;
            self.heard += read;
            let accepted = self.acceptor.accept().map_err(|(why, mut alert)| {
                let mut words = Vec::new();
                // A vector takes everything.
                let _ = alert.write_all(&mut words);
                Turned { words, why }
            })?;
            let Some(accepted) = accepted else { continue };
            let hello = accepted.client_hello();
            let chosen = choose(self.door, hello.server_name()).ok_or_else(Turned::unrecognized)?;
            let connection = UnbufferedServerConnection::new(chosen.1)
                .map_err(|why| Turned { words: Vec::new(), why })?;
            return Ok(Some((chosen.0, Records::server(connection))));
        }
        Ok(None)
    }
}

impl Turned {
    /// What came is no TLS: perhaps it is plain HTTP.
    fn plainly(came: &[u8]) -> Self {
        let is_http = came[0].is_ascii_uppercase();
        let words = if is_http { PLAIN.to_vec() } else { Vec::new() };
        Self { words, why: Error::General("the client does not speak TLS".into()) }
    }

    fn strangely(error: std::io::Error) -> Self {
        Self { words: Vec::new(), why: Error::General(error.to_string()) }
    }

    /// Nobody answers by that name, or by none (RFC 6066 §3): a fatal alert, which is not encrypted yet.
    fn unrecognized() -> Self {
        let alert = u8::from(AlertDescription::UnrecognisedName);
        let why = Error::General("no host answers by the name in the hello".into());
        Self { words: vec![21, 3, 3, 0, 2, 2, alert], why }
    }
}
