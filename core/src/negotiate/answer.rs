//! Stage 3 of 6 · what the backend answered: a table, first line that applies.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Offer;
use super::offer::{Handshake, PROTOCOL};
use crate::head::{Response, Version};

/// What a response head means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// The backend has switched, as we asked, and has proved it.
    Switch,
    /// Another response follows (R37).
    Interim,
    /// An ordinary response.
    Final,
}

/// Why a 101 is none: 502, and both sides close (R3b).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Nonsense {
    /// Nobody asked for it.
    Unasked,
    /// It is in HTTP/1.0, which cannot switch.
    Version,
    /// `Connection` does not say `upgrade`.
    Connection,
    /// `Upgrade` is not exactly the protocol that we offered.
    Protocol,
    /// `Sec-WebSocket-Accept` does not belong to the key.
    Accept,
    /// `Sec-WebSocket-Protocol` is not one of those that the client offered.
    Subprotocol,
    /// It came before the request's body was out (R10).
    Early,
}

/// Judges a response head to a request with that offer (R1, R3, R4).
pub fn judge(
    offer: &Offer,
    body_is_out: bool,
    response: &Response<'_, '_>,
) -> Result<Answer, Nonsense> {
    if response.is_interim() {
        return Ok(Answer::Interim);
    }
    if response.status != 101 {
        return Ok(Answer::Final);
    }
    let Some(token) = offer.token() else { return Err(Nonsense::Unasked) };
    let fields = &response.fields;
    let doubts = [
        (response.version != Version::Http11, Nonsense::Version),
        (!fields.lists("connection", "upgrade"), Nonsense::Connection),
        (!is_only(fields.list("upgrade"), token), Nonsense::Protocol),
        (!proves(offer, response), Nonsense::Accept),
        (!chooses_well(offer, response), Nonsense::Subprotocol),
        (!body_is_out, Nonsense::Early),
    ];
    let doubt = doubts.into_iter().find(|doubt| doubt.0);
    doubt.map_or(Ok(Answer::Switch), |(_, nonsense)| Err(nonsense))
}

fn is_only<'b>(mut list: impl Iterator<Item = &'b [u8]>, token: &str) -> bool {
    let first = list.next();
    first.is_some_and(|first| first.eq_ignore_ascii_case(token.as_bytes())) && list.next().is_none()
}

fn proves(offer: &Offer, response: &Response<'_, '_>) -> bool {
    match offer {
        Offer::WebSocket(Handshake { accept, .. }) => {
            response.fields.one("sec-websocket-accept") == Ok(Some(accept.as_bytes()))
        }
        Offer::Other(_) | Offer::None => true,
    }
}

/// RFC 6455 §4.1: a client must fail what speaks a subprotocol that it did not offer; none is always well.
fn chooses_well(offer: &Offer, response: &Response<'_, '_>) -> bool {
    match (offer, response.fields.one(PROTOCOL)) {
        (Offer::Other(_) | Offer::None, _) | (Offer::WebSocket(_), Ok(None)) => true,
        (Offer::WebSocket(handshake), Ok(Some(chosen))) => handshake.offers(chosen),
        (Offer::WebSocket(_), Err(_)) => false,
    }
}

impl Nonsense {
    /// Every kind of nonsense.
    pub const ALL: [Self; 7] = [
        Self::Unasked,
        Self::Version,
        Self::Connection,
        Self::Protocol,
        Self::Accept,
        Self::Subprotocol,
        Self::Early,
    ];
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unasked => "it switched protocols unasked",
            Self::Version => "it switched protocols in HTTP/1.0",
            Self::Connection => "its 101 has no Connection: upgrade",
            Self::Protocol => "it switched to another protocol",
            Self::Accept => "its Sec-WebSocket-Accept is wrong",
            Self::Subprotocol => "it chose a subprotocol that was not offered",
            Self::Early => "it switched protocols before the request was out",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;

    const GOOD: &str = "Connection: Upgrade\r\nUpgrade: WebSocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    fn websocket() -> Offer {
        let protocols: [&[u8]; 2] = [b"chat", b"v2.chat"];
        Offer::WebSocket(Handshake::of(b"dGhlIHNhbXBsZSBub25jZQ==", protocols.into_iter()))
    }

    fn judged(
        offer: &Offer,
        body_is_out: bool,
        status: &str,
        fields: &str,
    ) -> Result<Answer, Nonsense> {
        let head = format!("HTTP/{status} x\r\n{fields}\r\n");
        let mut slots = slots();
        judge(offer, body_is_out, &Response::parse(head.as_bytes(), &mut slots).unwrap())
    }

    fn switched(fields: &str) -> Result<Answer, Nonsense> {
        judged(&websocket(), true, "1.1 101", fields)
    }

    /// R1, R4: only 101 switches.
    #[test]
    fn only_a_101_switches() {
        assert_eq!(switched(GOOD), Ok(Answer::Switch));
        for status in ["200", "403", "426", "999"] {
            let status = format!("1.1 {status}");
            assert_eq!(judged(&websocket(), true, &status, GOOD), Ok(Answer::Final));
        }
        for status in ["100", "102", "103", "199"] {
            let status = format!("1.1 {status}");
            assert_eq!(judged(&websocket(), true, &status, GOOD), Ok(Answer::Interim));
        }
    }

    /// R3, D18: each part of the proof.
    #[test]
    fn a_101_must_be_the_one_that_was_asked_for() {
        let without = |part: &str| GOOD.replace(part, "");
        assert_eq!(switched(&without("Connection: Upgrade\r\n")), Err(Nonsense::Connection));
        assert_eq!(switched(&without("Upgrade: WebSocket\r\n")), Err(Nonsense::Protocol));
        assert_eq!(switched(&GOOD.replace("WebSocket\r", "foo\r")), Err(Nonsense::Protocol));
        assert_eq!(
            switched(&GOOD.replace("WebSocket\r", "websocket, x\r")),
            Err(Nonsense::Protocol)
        );
        assert_eq!(switched(&GOOD.replace("s3pP", "S3pP")), Err(Nonsense::Accept));
        let doubled = [GOOD, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"].concat();
        assert_eq!(switched(&doubled), Err(Nonsense::Accept));
        assert_eq!(judged(&websocket(), true, "1.0 101", GOOD), Err(Nonsense::Version));
    }

    /// RFC 6455 §4.2.2: one of those that were offered, or none.
    #[test]
    fn a_subprotocol_must_be_one_that_was_offered() {
        let chosen = |lines: &str| switched(&[GOOD, lines].concat());
        for good in ["", "Sec-WebSocket-Protocol: chat\r\n", "sec-websocket-protocol: v2.chat\r\n"]
        {
            assert_eq!(chosen(good), Ok(Answer::Switch), "{good}");
        }
        for lie in ["mqtt", "Chat", "chat, v2.chat", "", "v2"] {
            let line = format!("Sec-WebSocket-Protocol: {lie}\r\n");
            assert_eq!(chosen(&line), Err(Nonsense::Subprotocol), "{lie}");
        }
        let twice = "Sec-WebSocket-Protocol: chat\r\n".repeat(2);
        assert_eq!(chosen(&twice), Err(Nonsense::Subprotocol));
        let other = "Connection: upgrade\r\nUpgrade: foo\r\nSec-WebSocket-Protocol: x\r\n";
        let foo = Offer::Other("foo".into());
        assert_eq!(
            judged(&foo, true, "1.1 101", other),
            Ok(Answer::Switch),
            "it means nothing there"
        );
    }

    /// R3b.
    #[test]
    fn a_101_that_nobody_asked_for_is_nonsense() {
        assert_eq!(judged(&Offer::None, true, "1.1 101", GOOD), Err(Nonsense::Unasked));
    }

    /// R10: the body must be out first.
    #[test]
    fn a_101_before_the_end_of_the_body_is_nonsense() {
        let foo = Offer::Other("foo".into());
        let fields = "Connection: upgrade\r\nUpgrade: FOO\r\n";
        assert_eq!(judged(&foo, true, "1.1 101", fields), Ok(Answer::Switch));
        assert_eq!(judged(&foo, false, "1.1 101", fields), Err(Nonsense::Early));
    }
}
