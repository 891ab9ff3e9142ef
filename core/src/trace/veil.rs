//! What of a head may be written down: every byte of it becomes one byte, by which core decides the same.
//!
//! Names, paths and the values that core decides by stay. Of all other values, and of queries, letters and
//! digits become `x`: whoever keeps a secret in a field that we have never heard of loses nothing by it.
//! Edits of heads decide by what the configuration likes (`SetEnvIf`, `ProxyPassReverse`, whether a client's
//! route has changed): where they look at what is veiled, a replay may go another way.
//! The key of a WebSocket and its proof become those of RFC 6455 §1.3, which belong together.

use crate::head::fields::is_token_byte;
use crate::negotiate::offer::Handshake;

/// The key and what proves it, of RFC 6455 §1.3.
const KEY: &[u8; 24] = b"dGhlIHNhbXBsZSBub25jZQ==";
const PROOF: &[u8; 28] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Fields whose values stay: those by which core decides, and those that say which software speaks.
/// Of `Sec-WebSocket-Protocol` only the subprotocols stay that a rule is for: some applications put tokens
/// of their users there.
const KEPT: [&str; 16] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "keep-alive",
    "max-forwards",
    "origin",
    "sec-websocket-extensions",
    "sec-websocket-version",
    "server",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// How far one head has come, and how what comes next is veiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Veil {
    at: At,
    /// The name of the field, or the element of the list in its value, as far as it is known.
    word: Vec<u8>,
}

/// What is known of a head before it comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// What it must prove, if it is an answer to a handshake.
    pub(super) proof: Option<&'a Handshake>,
    /// The subprotocols that rules are for.
    pub(super) protocols: &'a [String],
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    /// An empty line that may stand before the start line (RFC 9112 §2.2), or its first byte.
    #[default]
    Before,
    /// The start line, before any query.
    Start,
    Query,
    /// The start line behind the target.
    Version,
    Name,
    /// That byte of a value, the blanks before it not counted.
    Value(Value, usize),
    /// A line that is no field, or one that goes on.
    Doubtful,
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Kept,
    Masked,
    Key,
    Proof,
    /// A list of subprotocols.
    Protocols,
}

impl Veil {
    /// What is written down for the next byte of a head.
    pub(super) fn veil(&mut self, byte: u8, known: Known<'_>) -> u8 {
        let (next, veiled) = match (self.at, byte) {
            (At::Before, b'\r' | b'\n') => (At::Before, byte),
            (_, b'\n') => {
                self.word.clear();
                (At::Name, byte)
            }
            (At::Start, b'?') => (At::Query, byte),
            (At::Query, b' ') => (At::Version, byte),
            (At::Name, b':') => {
                let value = Value::of(&std::mem::take(&mut self.word));
                (At::Value(value, 0), byte)
            }
            (At::Name, byte) if is_token_byte(byte) => {
                self.word.push(byte);
                (At::Name, byte)
            }
            (At::Before, byte) => (At::Start, byte),
            (At::Name, b'\r') | (At::Start | At::Version, _) => (self.at, byte),
            // The byte that makes it doubtful is what core refuses it for.
            (At::Name, byte) => (At::Doubtful, byte),
            (At::Value(value, 0), b' ' | b'\t') => (At::Value(value, 0), byte),
            (At::Value(Value::Protocols, at), byte) => {
                (At::Value(Value::Protocols, at + 1), self.protocol(byte, known))
            }
            (At::Value(value, at), byte) => {
                (At::Value(value, at + 1), value.veil(at, byte, known.proof))
            }
            (At::Query | At::Doubtful, byte) => (self.at, mask(byte)),
        };
        self.at = next;
        veiled
    }

    /// What is written down for the next byte of subprotocols. What an answer chooses is veiled as it was in the
    /// offer; where it parts from all that were offered a comma stands, with which it is none of them.
    fn protocol(&mut self, byte: u8, known: Known<'_>) -> u8 {
        let veiled = self.offered(byte, known.protocols);
        let may_be = |proof: &Handshake| proof.protocols().any(|all| all.starts_with(&self.word));
        if known.proof.is_none_or(may_be) { veiled } else { b',' }
    }

    /// What is written down for the next byte of a list of subprotocols: a known one stays, and what is none
    /// does not become one.
    fn offered(&mut self, byte: u8, known: &[String]) -> u8 {
        if byte == b',' || byte.is_ascii_whitespace() {
            self.word.clear();
            return byte;
        }
        let is_known = |word: &[u8]| known.iter().any(|known| known.as_bytes().starts_with(word));
        let so_far = self.word.len();
        self.word.push(mask(byte));
        let becomes_known = is_known(&self.word);
        self.word[so_far] = byte;
        if is_known(&self.word) || becomes_known { byte } else { mask(byte) }
    }
}

impl Value {
    fn of(name: &[u8]) -> Self {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("sec-websocket-key") {
            Self::Key
        } else if is("sec-websocket-accept") {
            Self::Proof
        } else if is("sec-websocket-protocol") {
            Self::Protocols
        } else if KEPT.into_iter().any(is) {
            Self::Kept
        } else {
            Self::Masked
        }
    }

    fn veil(self, at: usize, byte: u8, proof: Option<&Handshake>) -> u8 {
        if byte.is_ascii_whitespace() || byte.is_ascii_control() {
            return byte;
        }
        match self {
            Self::Kept => byte,
            Self::Masked | Self::Protocols => mask(byte),
            Self::Key => KEY.get(at).copied().filter(|_| may_stand(at, byte)).unwrap_or(NONE),
            Self::Proof => {
                let due = proof.and_then(|proof| proof.accept.as_bytes().get(at));
                due.filter(|&&due| due == byte).map_or(NONE, |_| PROOF[at])
            }
        }
    }
}

/// A byte that no base64 has: with it a key or a proof is as wrong as what it stands for.
const NONE: u8 = b'-';

/// Whether a good key may have that byte at that place: 16 bytes in base64 (RFC 6455 §4.1).
const fn may_stand(at: usize, byte: u8) -> bool {
    match at {
        0..=20 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
        21 => matches!(byte, b'A' | b'Q' | b'g' | b'w'),
        22 | 23 => byte == b'=',
        _ => false,
    }
}

/// A byte of the same class: what is UTF-8 stays so, and what is not does not become it.
pub(super) const fn mask(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => b'x',
        0x00..=0x7F => byte,
        0x80..=0xBF => 0x80,
        0xC2..=0xDF => 0xC3,
        0xE0..=0xEF => 0xE1,
        0xF0..=0xF4 => 0xF1,
        0xC0 | 0xC1 | 0xF5..=0xFF => 0xFF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::negotiate::offer::Accept;

    fn accept(key: &[u8]) -> Accept {
        Handshake::of(key, [].into_iter()).accept
    }

    /// A request's head, or one that answers that key.
    fn veiled(head: &str, key: &str) -> String {
        let proof = Handshake::of(key.as_bytes(), [].into_iter());
        veiled_by(head, Some(&proof).filter(|_| !key.is_empty()))
    }

    fn veiled_by(head: &str, proof: Option<&Handshake>) -> String {
        let mut veil = Veil::default();
        let known = Known { proof, protocols: &["chat".into(), "chat.x".into()] };
        let bytes = head.bytes().map(|byte| veil.veil(byte, known)).collect();
        String::from_utf8(bytes).expect("what is UTF-8 stays so")
    }

    #[test]
    fn only_what_core_decides_by_can_be_read() {
        let head = "\r\nGET /ws/a?token=s3cret&b=%2f HTTP/1.1\r\nHost: app.example:81\r\n\
                    Authorization: Basic dTpw\r\nSec-WebSocket-Protocol: t0k\r\nX-Api-Key:\t k\u{e9}y \r\nUpgrade: foo\r\nno field\r\n \
                    folded, 1\r\n\r\n";
        let expected = "\r\nGET /ws/a?xxxxx=xxxxxx&x=%xx HTTP/1.1\r\nHost: app.example:81\r\n\
                        Authorization: xxxxx xxxx\r\nSec-WebSocket-Protocol: xxx\r\nX-Api-Key:\t x\u{c0}x \r\nUpgrade: foo\r\nno xxxxx\r\n \
                        xxxxxx, x\r\n\r\n";
        assert_eq!(veiled(head, ""), expected);
    }

    /// What is veiled leads to the same rule.
    #[test]
    fn only_subprotocols_that_rules_are_for_can_be_read() {
        let offered = |list: &str| {
            let veiled = veiled(&format!("a\nSec-WebSocket-Protocol: {list}\r\n"), "");
            veiled[26..].trim().to_owned()
        };
        assert_eq!(offered("t0k, chat,v1 chat"), "xxx, chat,xx chat");
        assert_eq!(offered("chat.x\t, Chat, chatter, cha"), "chat.x\t, xxxx, chatxxx, cha");
        // It must not become what it is not.
        assert_eq!(offered("chat.s3cret, chat.y"), "chat.sxxxxx, chat.y");
    }

    /// What was offered stays offered, and what was not does not become it.
    #[test]
    fn a_subprotocol_is_chosen_as_well_as_it_was() {
        let offered: [&[u8]; 3] = [b"chat", b"t0k-1", b"abc"];
        let proof = Handshake::of(KEY, offered.into_iter());
        let chosen = |value: &str| {
            let head = format!("a\nSec-WebSocket-Protocol: {value}\r\n");
            veiled_by(&head, Some(&proof))[26..].trim().to_owned()
        };
        assert_eq!(["chat", "t0k-1", "abc"].map(chosen), ["chat", "xxx-x", "xxx"]);
        assert_eq!(["Chat", "t0k_1", "xyz", "abcd"].map(chosen), [",,,,", "xxx,,", ",,,", "xxx,"]);
    }

    #[test]
    fn what_has_no_secret_stays_as_it_is() {
        for head in
            ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 101 Go on\r\nServer: b\r\n\r\n", "\r\n"]
        {
            assert_eq!(veiled(head, ""), head);
        }
    }

    /// A key and its proof stay a pair, and what is none stays none.
    #[test]
    fn keys_and_proofs_are_as_good_as_they_were() {
        let (key, other) = ("AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAQ==");
        let keys = |value: &str| veiled(&format!("a\nSec-WebSocket-Key: {value}\r\n"), key);
        assert_eq!(keys(key), "a\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
        for bad in
            ["AAAAAAAAAAAAAAAAAAAAAB==", "AAAAAAAAAAAAAAAAAAAAAA=", &format!("{key}="), "A A", ""]
        {
            let veiled = keys(bad);
            let value = &veiled[21..veiled.len() - 2];
            assert!(
                value.len() == bad.len() && value != std::str::from_utf8(KEY).unwrap(),
                "{value}"
            );
        }
        let proves = |key: &str| {
            let accept = accept(key.as_bytes());
            let value = std::str::from_utf8(accept.as_bytes()).unwrap().to_owned();
            veiled(&format!("a\nsec-websocket-accept: {value}\r\n"), other)
        };
        assert!(proves(other).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(!proves(key).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(accept(KEY).as_bytes(), PROOF);
    }

    #[test]
    fn what_stands_between_words_can_be_read() {
        for value in [Value::Masked, Value::Key, Value::Proof] {
            for byte in *b" \t\r\x01" {
                assert_eq!(value.veil(0, byte, None), byte);
            }
        }
        assert_ne!(Value::Masked.veil(0, b'a', None), b'a');
    }
}
