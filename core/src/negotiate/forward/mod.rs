//! Stage 3 of 6 · the heads that go on: what is dropped, what is added, what is made anew.
//!
//! Hop-by-hop fields end here (RFC 9110 §7.6.1); ours are written after the strip, so that no
//! `Connection` can remove them (R35, CVE-2022-31813). `request.rs` writes the head for the
//! backend, `response.rs` those for the client; `via.rs` and `forwarded.rs` write one field each.

mod forwarded;
mod request;
mod response;
#[cfg(test)]
mod testing;
mod via;

pub use request::{Way, request};
pub(super) use response::wanted;
pub use response::{CONTINUE, interim, response, switch};

use crate::head::{Buf, Buffers, Fields, Framing, Version};

/// Fields that mean something to one connection only, and framing, which is written anew.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "http2-settings",
    "proxy-authenticate",
];

/// Fields that `Connection` cannot remove: whoever names them there means to deceive the backend (R35).
const PROTECTED: [&str; 11] = [
    "host",
    "authorization",
    "cookie",
    "origin",
    "forwarded",
    "via",
    "set-cookie",
    "date",
    "location",
    "expect",
    "content-type",
];

/// Prefixes of fields that `Connection` cannot remove (R35).
const PROTECTED_PREFIXES: [&str; 2] = ["x-forwarded-", "sec-websocket-"];

/// What becomes of a connection after a message on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum After {
    /// It is closed.
    Close,
    /// It is kept, and the other end, which speaks that version, may use it again.
    KeepAlive(Version),
}

impl After {
    /// The option of `Connection` that says so; none where the version says it by itself (RFC 9112 §9.3).
    pub const fn option(self) -> Option<&'static str> {
        match self {
            Self::Close => Some("close"),
            Self::KeepAlive(Version::Http10) => Some("keep-alive"),
            Self::KeepAlive(Version::Http11) => None,
        }
    }
}

/// Writes head lines behind what a buffer holds.
pub(super) struct Lines<'a> {
    pub(super) out: &'a mut Buf,
    pub(super) buffers: &'a mut Buffers,
}

impl Lines<'_> {
    pub(super) fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.out.append(part, self.buffers);
        }
        self.out.append(b"\r\n", self.buffers);
    }

    pub(super) fn field(&mut self, name: &str, value: &[u8]) {
        self.line(&[name.as_bytes(), b": ", value]);
    }

    /// Writes what proxies before us said and our own behind it as one field, if it says anything.
    fn appended<'b>(&mut self, name: &str, before: impl Iterator<Item = &'b [u8]>, own: &'b [u8]) {
        let all: Vec<_> = before.chain([own]).filter(|value| !value.is_empty()).collect();
        if !all.is_empty() {
            self.field(name, &all.join(&b", "[..]));
        }
    }

    fn framing(&mut self, framing: Framing) {
        match framing {
            Framing::Length(length) => {
                self.field("Content-Length", length.to_string().as_bytes());
            }
            Framing::Chunked => self.field("Transfer-Encoding", b"chunked"),
            Framing::None | Framing::Close => {}
        }
    }

    fn upgrade(&mut self, token: &[u8]) {
        self.field("Connection", b"Upgrade");
        self.field("Upgrade", token);
    }

    /// Says which protocols would do, if any, and what becomes of the connection after this message.
    pub(super) fn protocols(&mut self, protocols: &[u8], after: After) {
        if protocols.is_empty() {
            return self.connection(after);
        }
        let options: Vec<_> = ["Upgrade"].into_iter().chain(after.option()).collect();
        self.field("Connection", options.join(", ").as_bytes());
        self.field("Upgrade", protocols);
    }

    /// Says what becomes of the connection after this message, where it must be said.
    fn connection(&mut self, after: After) {
        if let Some(option) = after.option() {
            self.field("Connection", option.as_bytes());
        }
    }
}

/// Whether a field goes on: it is not hop-by-hop, nor one that matters in disguise, and `Connection`
/// does not name it, or must not (R35).
pub(super) fn passes(fields: &Fields<'_, '_>, name: &str) -> bool {
    goes_on(name) && (is_protected(name) || !fields.lists("connection", name))
}

/// Whether fields of that name go on, as far as the name says.
pub(crate) fn goes_on(name: &str) -> bool {
    !is_any(&HOP_BY_HOP, name) && !is_disguised(name)
}

/// R30: backends that cannot tell `_` from `-` (CGI, WSGI, PHP) would take it for the field of that
/// name, which it has passed by.
fn is_disguised(name: &str) -> bool {
    let dashed = || name.replace('_', "-");
    name.contains('_') && (is_any(&HOP_BY_HOP, &dashed()) || is_protected(&dashed()))
}

fn is_protected(name: &str) -> bool {
    let prefixed = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    is_any(&PROTECTED, name) || PROTECTED_PREFIXES.iter().any(prefixed)
}

fn is_any(list: &[&str], name: &str) -> bool {
    list.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Request, slots};

    fn passing(connection: &str) -> Vec<String> {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: {connection}\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
             Trailer: x\r\nProxy-Connection: x\r\nHTTP2-Settings: x\r\nUpgrade: x\r\n\
             X-Hop: 1\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\nSec-WebSocket-Key: k\r\n\r\n"
        );
        let mut slots = slots();
        let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
        let names = request.fields.iter().map(|(name, _)| name);
        names.filter(|name| passes(&request.fields, name)).map(str::to_owned).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_ends_here() {
        let all = ["Host", "X-Hop", "Cookie", "X-Forwarded-For", "Sec-WebSocket-Key"];
        assert_eq!(passing("close"), all);
    }

    /// R35: `Connection` removes what is hop-by-hop, and nothing that a backend decides by.
    #[test]
    fn connection_removes_only_what_it_may() {
        let kept = ["Host", "Cookie", "X-Forwarded-For", "Sec-WebSocket-Key"];
        let named = "x-hop, host, COOKIE, X-Forwarded-For, Sec-WebSocket-Key";
        assert_eq!(passing(named), kept);
    }

    /// R30.
    #[test]
    fn no_underscore_makes_a_field_of_what_is_none() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\ntransfer_Encoding: chunked\r\n\
                    X_Forwarded-For: a\r\nSEC-WebSocket_Key: k\r\nSet_Cookie: c\r\nMy_Field: d\r\n\
                    _host: e\r\n\r\n";
        let mut slots = slots();
        let request = Request::parse(head.as_bytes(), &mut slots).unwrap();
        let names = request.fields.iter().map(|(name, _)| name);
        let kept: Vec<_> = names.filter(|name| passes(&request.fields, name)).collect();
        assert_eq!(kept, ["Host", "My_Field", "_host"]);
    }
}
