//! Stage 3 of 6 · what the client asked for, and what we may ask of the backend.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::Refusal;
use crate::head::fields::is_token;
use crate::head::{Framing, Request, Version};
use crate::route::{Forward, Scope, Upgrade};

/// The token of RFC 6455, as browsers spell it.
pub const WEBSOCKET: &str = "websocket";
/// The field that offers and chooses subprotocols (RFC 6455 §11.3.4).
pub(super) const PROTOCOL: &str = "sec-websocket-protocol";

/// What a request asks the backend to switch to: at most one protocol (R9).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Offer {
    /// Nothing: an ordinary request.
    None,
    /// WebSocket: what the answer must prove.
    WebSocket(Handshake),
    /// Another protocol, by the token that the client used.
    Other(Box<str>),
}

/// What the answer to a WebSocket handshake is judged by (RFC 6455 §4.2.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handshake {
    /// The digest by which the backend proves that it understood.
    pub accept: Accept,
    /// The subprotocols that the client offers, with a comma between two: the backend may choose one of them.
    protocols: Box<[u8]>,
}

impl Handshake {
    /// A handshake that the digest of that key belongs to, and that offers those subprotocols.
    pub fn of<'b>(key: &[u8], protocols: impl Iterator<Item = &'b [u8]>) -> Self {
        let protocols: Vec<_> = protocols.collect();
        Self { accept: Accept::of(key), protocols: protocols.join(&b',').into() }
    }

    /// Whether that is a subprotocol which the client offers to speak: case matters.
    pub fn offers(&self, protocol: &[u8]) -> bool {
        is_token(protocol) && self.protocols().any(|offered| offered == protocol)
    }

    /// The subprotocols that the client offers to speak.
    pub fn protocols(&self) -> impl Iterator<Item = &[u8]> {
        self.protocols.split(|&byte| byte == b',')
    }
}

/// The value of `Sec-WebSocket-Accept` that belongs to a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Accept([u8; 28]);

impl Offer {
    /// Judges the request under its rule, with what is said of its path.
    pub fn of(
        request: &Request<'_, '_>,
        forward: &Forward,
        scope: &Scope,
    ) -> Result<Self, Refusal> {
        match chosen(request, &forward.upgrade) {
            Some(token) if token.eq_ignore_ascii_case(WEBSOCKET.as_bytes()) => {
                websocket(request).map(Self::WebSocket)
            }
            Some(token) => other(request, token),
            None if forward.only_upgrades(scope) => Err(Refusal::UpgradeRequired),
            None => Ok(Self::None),
        }
    }

    /// The token that we send in `Upgrade`, if any.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::WebSocket(_) => Some(WEBSOCKET),
            Self::Other(token) => Some(token),
        }
    }
}

impl Accept {
    /// The digest of a key (RFC 6455 §4.2.2, 5.4).
    pub fn of(key: &[u8]) -> Self {
        const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
        let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        let mut accept = [0; 28];
        let written = STANDARD.encode_slice(digest, &mut accept);
        debug_assert_eq!(written, Ok(28), "20 bytes make 28 digits");
        Self(accept)
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Whether the request asks for any upgrade that could be granted at all: both fields, in HTTP/1.1 (RFC 9110 §7.8).
pub fn asks_upgrade(request: &Request<'_, '_>) -> bool {
    request.version == Version::Http11
        && request.fields.lists("connection", "upgrade")
        && request.fields.has("upgrade")
}

/// Whether the request asks for a protocol that may be switched to.
pub fn accepts(request: &Request<'_, '_>, upgrade: &Upgrade) -> bool {
    chosen(request, upgrade).is_some()
}

/// Whether the client offers to speak that subprotocol of WebSocket (RFC 6455 §4.1): case matters.
pub fn offers(request: &Request<'_, '_>, protocol: &str) -> bool {
    protocols(request).any(|offered| offered == protocol.as_bytes())
}

/// The subprotocols that the request offers to speak.
pub(crate) fn protocols<'b>(request: &Request<'_, 'b>) -> impl Iterator<Item = &'b [u8]> {
    request.fields.list(PROTOCOL)
}

/// The first protocol that the client asks for and the rule accepts.
fn chosen<'b>(request: &Request<'_, 'b>, upgrade: &Upgrade) -> Option<&'b [u8]> {
    if *upgrade == Upgrade::Always && request.version == Version::Http11 {
        return Some(WEBSOCKET.as_bytes());
    }
    if !asks_upgrade(request) {
        return None;
    }
    request.fields.list("upgrade").find(|token| !is_http(token) && has(upgrade, token))
}

fn has(upgrade: &Upgrade, token: &[u8]) -> bool {
    match upgrade {
        Upgrade::Never => false,
        Upgrade::Any => true,
        Upgrade::Tokens(tokens) => {
            tokens.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(token))
        }
        Upgrade::Always => token.eq_ignore_ascii_case(WEBSOCKET.as_bytes()),
    }
}

/// R8: versions of HTTP itself, and TLS, are never switched to: the backend would then speak past us.
pub fn is_http(token: &[u8]) -> bool {
    let name = token.split(|&byte| byte == b'/').next().unwrap_or(token);
    ["h2c", "h2", "h3", "http", "tls"]
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// R2, R3, R10, R26: a WebSocket handshake is a GET without a body, with one key and version 13.
fn websocket(request: &Request<'_, '_>) -> Result<Handshake, Refusal> {
    if request.method != "GET" || request.path == b"*" {
        return Err(Refusal::Method);
    }
    if request.framing != Framing::None || request.fields.has("transfer-encoding") {
        return Err(Refusal::Body);
    }
    if request.fields.has("expect") {
        return Err(Refusal::Expectation);
    }
    if request.fields.one("sec-websocket-version") != Ok(Some(b"13")) {
        return Err(Refusal::Version);
    }
    match request.fields.one("sec-websocket-key") {
        Ok(Some(key)) if is_key(key) => Ok(Handshake::of(key, protocols(request))),
        _ => Err(Refusal::Key),
    }
}

/// R3: base64 of 16 bytes, in the one spelling that they have.
fn is_key(key: &[u8]) -> bool {
    let mut bytes = [0; 18];
    key.len() == 24 && STANDARD.decode_slice(key, &mut bytes) == Ok(16)
}

/// R26 for any other protocol; a body may come before the switch (R10, kept where the answer is judged).
fn other(request: &Request<'_, '_>, token: &[u8]) -> Result<Offer, Refusal> {
    if request.fields.has("expect") {
        return Err(Refusal::Expectation);
    }
    let token = std::str::from_utf8(token).expect("the head holds only ASCII protocols");
    Ok(Offer::Other(token.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;
    use crate::route::{BalancerId, Scheme, Target};

    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const ASK: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    const V13: &str = "Sec-WebSocket-Version: 13\r\n";

    fn rule(upgrade: Upgrade) -> Forward {
        let target = Target::new(Scheme::Ws, "b", 80);
        Forward { upgrade, ..Forward::new(target, BalancerId(0)) }
    }

    fn tokens(list: &[&str]) -> Upgrade {
        Upgrade::Tokens(list.iter().map(|&token| token.into()).collect())
    }

    fn judged(line: &str, fields: &str, upgrade: Upgrade) -> Result<Offer, Refusal> {
        let head = format!("{line}\r\nHost: h\r\n{fields}\r\n");
        let mut slots = slots();
        let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
        Offer::of(&request, &rule(upgrade), &Scope::DEFAULT)
    }

    fn ws(line: &str, fields: &str) -> Result<Offer, Refusal> {
        judged(line, fields, tokens(&["WebSocket"]))
    }

    const GET: &str = "GET / HTTP/1.1";

    /// The example of RFC 6455 §1.3.
    #[test]
    fn a_good_handshake_is_offered_with_its_digest() {
        let offer = ws(GET, &[ASK, KEY, V13].concat()).unwrap();
        assert_eq!(offer.token(), Some("websocket"));
        let Offer::WebSocket(handshake) = offer else { panic!("no WebSocket: {offer:?}") };
        assert_eq!(handshake.accept.as_bytes(), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    /// RFC 6455 §4.1: several fields are one list.
    #[test]
    fn every_subprotocol_that_is_offered_is_remembered() {
        let lists =
            "Sec-WebSocket-Protocol: v1.chat ,, chat, a b\r\nsec-websocket-protocol: Mqtt\r\n";
        let Ok(Offer::WebSocket(handshake)) = ws(GET, &[ASK, KEY, V13, lists].concat()) else {
            panic!("no WebSocket");
        };
        for offered in ["v1.chat", "chat", "Mqtt"] {
            assert!(handshake.offers(offered.as_bytes()), "{offered}");
        }
        for other in ["", ",", "mqtt", "chat,Mqtt", "v1", "a b"] {
            assert!(!handshake.offers(other.as_bytes()), "{other}");
        }
    }

    /// R2.
    #[test]
    fn another_version_is_refused_here() {
        for version in ["", "Sec-WebSocket-Version: 12\r\n", "Sec-WebSocket-Version: 13, 8\r\n"] {
            let refused = ws(GET, &[ASK, KEY, version].concat());
            assert_eq!(refused, Err(Refusal::Version));
        }
        assert_eq!(ws(GET, &[ASK, KEY, V13, V13].concat()), Err(Refusal::Version));
    }

    /// R3: method and key.
    #[test]
    fn a_handshake_is_a_get_with_one_good_key() {
        for method in ["POST", "HEAD", "get", "OPTIONS"] {
            let line = format!("{method} / HTTP/1.1");
            assert_eq!(ws(&line, &[ASK, KEY, V13].concat()), Err(Refusal::Method));
        }
        let keys = ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZR==", "c2hvcnQ=", "!"];
        for key in keys {
            let field = format!("Sec-WebSocket-Key: {key}\r\n");
            assert_eq!(ws(GET, &[ASK, &field, V13].concat()), Err(Refusal::Key), "{key}");
        }
        assert_eq!(ws(GET, &[ASK, V13].concat()), Err(Refusal::Key));
        assert_eq!(ws(GET, &[ASK, KEY, KEY, V13].concat()), Err(Refusal::Key));
    }

    /// R10.
    #[test]
    fn a_handshake_has_no_body() {
        for body in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            assert_eq!(ws(GET, &[ASK, KEY, V13, body].concat()), Err(Refusal::Body));
        }
        assert!(ws(GET, &[ASK, KEY, V13, "Content-Length: 0\r\n"].concat()).is_ok());
    }

    /// R26.
    #[test]
    fn an_upgrade_expects_nothing() {
        let expect = "Expect: 100-continue\r\n";
        assert_eq!(ws(GET, &[ASK, KEY, V13, expect].concat()), Err(Refusal::Expectation));
        let foo = "Connection: upgrade\r\nUpgrade: foo\r\nExpect: 100-continue\r\n";
        assert_eq!(judged(GET, foo, Upgrade::Any), Err(Refusal::Expectation));
    }

    /// RFC 9110 §7.8: over HTTP/1.0, or without `Connection: upgrade`, the field says nothing (D7, D8).
    #[test]
    fn an_upgrade_that_is_not_asked_for_is_none() {
        let all = [ASK, KEY, V13].concat();
        assert_eq!(ws("GET / HTTP/1.0", &all), Ok(Offer::None));
        assert_eq!(ws(GET, "Upgrade: websocket\r\nConnection: close\r\n"), Ok(Offer::None));
        assert_eq!(ws(GET, "Connection: upgrade\r\n"), Ok(Offer::None));
    }

    /// R8.
    #[test]
    fn http_and_tls_are_never_offered() {
        for token in ["h2c", "H2C", "h2", "h3", "HTTP/2.0", "TLS/1.0", "tls", "h2c/1"] {
            let fields = format!("Connection: upgrade\r\nUpgrade: {token}\r\n");
            assert_eq!(judged(GET, &fields, Upgrade::Any), Ok(Offer::None), "{token}");
        }
    }

    /// R9, D7: one list over all fields, one token out of it, compared whole.
    #[test]
    fn one_token_of_the_list_is_offered() {
        let list = "Connection: upgrade\r\nUpgrade: h2c, foobar\r\nUpgrade: foo/2, Foo, bar\r\n";
        let offered =
            |upgrade| judged(GET, list, upgrade).map(|offer| offer.token().map(str::to_owned));
        assert_eq!(offered(tokens(&["foo"])), Ok(Some("Foo".into())));
        assert_eq!(offered(tokens(&["bar", "foobar"])), Ok(Some("foobar".into())));
        assert_eq!(offered(tokens(&["fo"])), Ok(None));
        assert_eq!(offered(Upgrade::Any), Ok(Some("foobar".into())));
        assert_eq!(offered(Upgrade::Never), Ok(None));
    }

    /// R9: a list cannot hide the WebSocket in it from the checks of a WebSocket.
    #[test]
    fn a_hidden_websocket_is_checked_like_any_other() {
        let list = "Connection: upgrade\r\nUpgrade: foo, websocket\r\n";
        assert_eq!(ws(GET, list), Err(Refusal::Version));
    }

    /// D1: the field is not required, the handshake is.
    #[test]
    fn none_requires_no_upgrade_field() {
        let offer = judged(GET, &[KEY, V13].concat(), Upgrade::Always).unwrap();
        assert_eq!(offer.token(), Some("websocket"));
        assert_eq!(judged(GET, "", Upgrade::Always), Err(Refusal::Version));
        assert_eq!(judged("GET / HTTP/1.0", KEY, Upgrade::Always), Ok(Offer::None));
    }

    #[test]
    fn a_rule_for_upgrades_only_demands_one() {
        let head = format!("{GET}\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n");
        let mut slots = slots();
        let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
        let rule = rule(tokens(&["WebSocket"]));
        let scope = Scope { falls_back: false, ..Scope::DEFAULT };
        assert_eq!(Offer::of(&request, &rule, &scope), Err(Refusal::UpgradeRequired));
    }
}
