//! Stage 1 of 6 · a response head, by the same strict parser as a request's (R36).

use super::{BadHead, Fields, Framing, Slots, Version};

/// A response head. It borrows the bytes that it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Response<'h, 'b> {
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase; empty if there is none.
    pub reason: &'b str,
    /// The version.
    pub version: Version,
    /// The fields.
    pub fields: Fields<'h, 'b>,
    /// How the end of the body is found, if the request's method and the status allow one.
    framing: Framing,
}

impl<'h, 'b> Response<'h, 'b> {
    /// Parses a whole head: from its first byte to its empty line, as [`Scan`](super::Scan) found it.
    pub fn parse(head: &'b [u8], slots: &'h mut Slots<'b>) -> Result<Self, BadHead> {
        let version = super::version(head.get(..8).ok_or(BadHead::Syntax)?)?;
        let mut parsed = httparse::Response::new(slots);
        let whole = parsed.parse(head)?;
        debug_assert!(whole.is_complete(), "the scan found the end of the head");
        let status = parsed.code.filter(|&code| code >= 100).ok_or(BadHead::Status)?;
        let fields = Fields(parsed.headers);
        fields.check_options()?;
        let framing = Framing::of(&fields, version)?.unwrap_or(Framing::Close);
        Ok(Self { status, reason: parsed.reason.unwrap_or(""), version, fields, framing })
    }

    /// The same response with other fields.
    pub(crate) fn with_fields<'x>(self, fields: &'x [httparse::Header<'x>]) -> Response<'x, 'x>
    where
        'b: 'x,
    {
        Response { fields: Fields(fields), ..self }
    }

    /// Whether more responses to the same request follow: 1xx, but not 101, which is final (R37).
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// How the end of the body is found: none behind HEAD, 1xx, 204 and 304 (RFC 9112 §6.3).
    pub fn framing(&self, to_head: bool) -> Framing {
        match self.status {
            100..200 | 204 | 304 => Framing::None,
            _ if to_head => Framing::None,
            _ => self.framing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots;
    use super::*;

    fn bad(head: &str) -> BadHead {
        Response::parse(head.as_bytes(), &mut slots()).map(|_| ()).unwrap_err()
    }

    fn framing(head: &str, to_head: bool) -> Framing {
        Response::parse(head.as_bytes(), &mut slots()).unwrap().framing(to_head)
    }

    #[test]
    fn parses_a_head() {
        let mut slots = slots();
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
        let response = Response::parse(head, &mut slots).unwrap();
        assert_eq!((response.status, response.reason), (101, "Switching Protocols"));
        assert!(response.fields.lists("upgrade", "WebSocket"));
        assert!(!response.is_interim());
    }

    /// RFC 9112 §6.3.
    #[test]
    fn the_end_of_the_body() {
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n", false), Framing::Close);
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false),
            Framing::Length(5)
        );
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true), Framing::None);
        for status in [100, 101, 103, 204, 304] {
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n");
            assert_eq!(framing(&head, false), Framing::None);
        }
    }

    /// R36: what is refused from a client is refused from a backend.
    #[test]
    fn refuses_what_it_refuses_in_requests() {
        assert_eq!(bad("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("HTTP/1.1 200 O\u{1}K\r\n\r\n"), BadHead::Status);
        assert_eq!(bad("HTTP/1.1 099 OK\r\n\r\n"), BadHead::Status);
        assert_eq!(bad("HTTP/1.1 20 OK\r\n\r\n"), BadHead::Status);
        assert_eq!(bad("HTTP/2.0 200 OK\r\n\r\n"), BadHead::Version);
        assert_eq!(bad("ICY 200 OK\r\n\r\n"), BadHead::Syntax);
        assert_eq!(bad("SSH-2.0-x\r\n\r\n"), BadHead::Syntax);
        let both = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(bad(both), BadHead::Ambiguous);
    }
}
