//! What the bytes of one connection belong to, in the order in which they come: heads, bodies, or nothing
//! that core looks at.

use std::ops::Range;

use super::seen::Seen;
use super::veil::{Known, Veil, mask};
use crate::exchange::{BadChunk, Body};
use crate::head::{BadHeader, Framing, Request, Response, Scan, slots};
use crate::limits::{HEAD_MOST, Limits};
use crate::negotiate::offer::{Handshake, protocols};

/// One direction of one connection.
///
/// It follows the messages by the very parts of core by which a session follows them, so that it knows of
/// each byte what core will take it for, at the latest when it comes.
#[derive(Debug)]
pub(super) struct Stream {
    at: At,
    heads: Heads,
    /// The subprotocols that rules are for.
    protocols: Vec<String>,
}

/// Which heads a stream has, and what they are read by.
#[derive(Clone, Debug)]
pub(super) enum Heads {
    Requests,
    Responses {
        bad_header: BadHeader,
        /// Whether the request was a HEAD: there is no body then.
        to_head: bool,
        /// What a 101 must prove, if a WebSocket's handshake was asked.
        proof: Option<Handshake>,
    },
}

#[derive(Debug)]
enum At {
    /// A head that is not whole, and what has come of it.
    Head { scan: Scan, veil: Veil, bytes: Vec<u8> },
    /// A body, and whether heads come behind it.
    Body(Body, Behind),
    /// Bytes that core counts at the most.
    Blind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Behind {
    Heads,
    Nothing,
}

impl Stream {
    /// A stream that begins with a head.
    pub(super) fn new(heads: Heads) -> Self {
        Self { at: At::head(), heads, protocols: Vec::new() }
    }

    /// The requests of a client, by rules that are for those subprotocols.
    pub(super) fn requests(protocols: Vec<String>) -> Self {
        Self { protocols, ..Self::new(Heads::Requests) }
    }

    /// What answers the head of a request that came by this stream and went on to a backend, with what stands
    /// behind it.
    pub(super) fn answers(&self, asked: &[u8], bad_header: BadHeader) -> Self {
        let whole = Scan::default().find(asked, &wide(BadHeader::IsError)).ok().flatten();
        let mut slots = slots();
        let request = whole.and_then(|head| Request::parse(&asked[head], &mut slots).ok());
        let to_head = request.as_ref().is_some_and(|request| request.method == "HEAD");
        let proof = request.and_then(|request| {
            let key = request.fields.one("sec-websocket-key").ok().flatten()?;
            Some(Handshake::of(key, protocols(&request)))
        });
        let heads = Heads::Responses { bad_header, to_head, proof };
        Self { protocols: self.protocols.clone(), ..Self::new(heads) }
    }

    /// Bytes came that core looks at: what of them is kept.
    pub(super) fn saw(&mut self, mut bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        while !bytes.is_empty() {
            let taken = match &mut self.at {
                At::Head { .. } => self.head(bytes, &mut seen),
                At::Body(..) => self.body(bytes, &mut seen),
                At::Blind => {
                    seen.blank(bytes.len());
                    bytes.len()
                }
            };
            bytes = &bytes[taken..];
        }
        seen
    }

    /// So many bytes went by that core did not see.
    pub(super) fn pulled(&mut self, count: u64) {
        if let At::Body(body, _) = &mut self.at {
            body.pulled(count);
            self.end_body();
        }
    }

    fn head(&mut self, fresh: &[u8], seen: &mut Seen) -> usize {
        let At::Head { scan, veil, bytes } = &mut self.at else { return 0 };
        let before = bytes.len();
        bytes.extend(fresh);
        match scan.find(bytes, &wide(self.heads.bad_header())) {
            Ok(Some(head)) => return self.whole(head, before, seen),
            Ok(None) => {
                let known = Known { proof: self.heads.proof(), protocols: &self.protocols };
                fresh.iter().for_each(|&byte| seen.keep(veil.veil(byte, known)));
            }
            Err(_) => {
                fresh.iter().for_each(|&byte| seen.keep(mask(byte)));
                self.at = At::Blind;
            }
        }
        fresh.len()
    }

    /// A head is whole, of which the bytes from `before` on have just come: how many of them were taken.
    ///
    /// A head may end before the first line of the body (`ProxyBadHeader StartBody`). That line is what
    /// ends it, so it goes with it.
    fn whole(&mut self, head: Range<usize>, before: usize, seen: &mut Seen) -> usize {
        let At::Head { mut veil, bytes, .. } = std::mem::replace(&mut self.at, At::Blind) else {
            return 0;
        };
        self.at = self.heads.behind(&bytes, &head);
        let ended = bytes[..head.end].ends_with(b"\r\n\r\n");
        let line = bytes[head.end..].iter().position(|&byte| byte == b'\n').filter(|_| !ended);
        let end = head.end + line.map_or(0, |last| last + 1);
        let known = Known { proof: self.heads.proof(), protocols: &self.protocols };
        for (place, &byte) in (before..end).zip(&bytes[before..end]) {
            let body = place >= head.end && !matches!(self.at, At::Body(..));
            seen.keep(if body { mask(byte) } else { veil.veil(byte, known) });
        }
        let _ = self.saw(&bytes[head.end..end]);
        end - before
    }

    /// The next bytes of a body with one fate: how many they are.
    fn body(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        let At::Body(body, _) = &mut self.at else { return bytes.len() };
        let (data, framing) = match body {
            Body::Chunked(chunks) => (chunks.data(), bytes.first().filter(|_| chunks.data() == 0)),
            Body::Done | Body::Length(_) | Body::Close => (u64::MAX, None),
        };
        let most = usize::try_from(data.max(1)).map_or(bytes.len(), |most| most.min(bytes.len()));
        let run = body.run(&bytes[..most]);
        match (framing, run) {
            (None, _) => seen.blank(run.map_or(most, |run| run.len)),
            (Some(&byte), Ok(run)) if run.goes_on => seen.keep(byte),
            // An extension or a trailer, which goes nowhere.
            (Some(&byte), Ok(_) | Err(BadChunk::TooLong)) => seen.keep(mask(byte)),
            // As bad as what stood here, which may be data.
            (Some(_), Err(BadChunk::Malformed | BadChunk::TooLarge)) => seen.keep(0),
        }
        if run.is_err() {
            self.at = At::Blind;
        }
        self.end_body();
        run.map_or(most, |run| run.len)
    }

    fn end_body(&mut self) {
        match &self.at {
            At::Body(body, Behind::Heads) if body.is_done() => self.at = At::head(),
            At::Body(body, Behind::Nothing) if body.is_done() => self.at = At::Blind,
            At::Head { .. } | At::Body(..) | At::Blind => {}
        }
    }
}

impl At {
    fn head() -> Self {
        Self::Head { scan: Scan::default(), veil: Veil::default(), bytes: Vec::new() }
    }

    fn body(framing: Framing, behind: Behind) -> Self {
        match (Body::from(framing), behind) {
            (Body::Done, Behind::Heads) => Self::head(),
            (Body::Done, Behind::Nothing) => Self::Blind,
            (body, behind) => Self::Body(body, behind),
        }
    }
}

impl Heads {
    /// What stands behind a whole head.
    fn behind(&self, bytes: &[u8], head: &Range<usize>) -> At {
        let mut slots = slots();
        match self {
            Self::Requests => match Request::parse(&bytes[head.clone()], &mut slots) {
                // R7: bytes behind an upgrade are no request, whatever becomes of it.
                Ok(request) if request.fields.has("upgrade") => {
                    At::body(request.framing, Behind::Nothing)
                }
                Ok(request) => At::body(request.framing, Behind::Heads),
                Err(_) => At::Blind,
            },
            Self::Responses { bad_header, to_head, .. } => {
                let mended = bad_header.mend(&bytes[..head.end]);
                match Response::parse(&mended, &mut slots) {
                    Ok(response) if response.is_interim() => At::head(),
                    // Of other bodies core counts the bytes.
                    Ok(response) if response.framing(*to_head) == Framing::Chunked => {
                        At::body(Framing::Chunked, Behind::Nothing)
                    }
                    Ok(_) | Err(_) => At::Blind,
                }
            }
        }
    }

    const fn bad_header(&self) -> BadHeader {
        match self {
            Self::Requests => BadHeader::IsError,
            Self::Responses { bad_header, .. } => *bad_header,
        }
    }

    const fn proof(&self) -> Option<&Handshake> {
        match self {
            Self::Requests => None,
            Self::Responses { proof, .. } => proof.as_ref(),
        }
    }
}

/// The widest limits that there are: a session that has narrower ones refuses a head earlier, and then
/// reads no further.
const fn wide(bad_header: BadHeader) -> Limits {
    let most = HEAD_MOST as u32;
    Limits { line: most, field: most, fields: most, bad_header, ..Limits::DEFAULT }
}

#[cfg(test)]
mod tests {
    use super::super::seen::Piece;
    use super::*;

    fn responses(bad_header: BadHeader) -> Heads {
        Heads::Responses { bad_header, to_head: false, proof: None }
    }

    /// What is kept of `text`, a number in brackets for what is not; cut in pieces of that size.
    fn kept(heads: Heads, text: &str, size: usize) -> String {
        let (mut stream, mut all) = (Stream::new(heads), Seen::default());
        for piece in text.as_bytes().chunks(size) {
            for piece in stream.saw(piece).pieces() {
                match piece {
                    Piece::Kept(text) => text.bytes().for_each(|byte| all.keep(byte)),
                    Piece::Blank(count) => all.blank(*count as usize),
                }
            }
        }
        let shown = |piece: &Piece| match piece {
            Piece::Kept(text) => text.clone(),
            Piece::Blank(count) => format!("[{count}]"),
        };
        all.pieces().iter().map(shown).collect()
    }

    fn is_kept(heads: Heads, text: &str, expected: &str) {
        for size in 1..=text.len() {
            assert_eq!(kept(heads.clone(), text, size), expected, "in pieces of {size}");
        }
    }

    const GET: &str = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
    const OK: &str = "HTTP/1.1 200 OK\r\n";

    #[test]
    fn heads_stay_and_bodies_are_counted() {
        let post = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n";
        is_kept(Heads::Requests, &format!("{post}secret{GET}"), &format!("{post}[6]{GET}"));
        let answer = format!("{OK}Content-Length: 6\r\n\r\n");
        let expected = format!("{answer}[6]");
        is_kept(responses(BadHeader::IsError), &format!("{answer}secret"), &expected);
    }

    #[test]
    fn what_core_pulls_is_a_part_of_the_body() {
        let mut stream = Stream::new(Heads::Requests);
        stream.saw(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nse");
        stream.pulled(4);
        assert_eq!(stream.saw(GET.as_bytes()).pieces(), [Piece::Kept(GET.into())]);
    }

    /// R24, R25: of chunks, what frames them stays, and what ends here does so unread.
    #[test]
    fn of_chunks_the_framing_stays() {
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        let body = "6;a=\"b c\"\r\nsecret\r\n0\r\nT-1: very\r\n\r\n";
        let veiled = "6;x=\"x x\"\r\n[6]\r\n0\r\nx-x: xxxx\r\n\r\n";
        let post = format!("POST / HTTP/1.1\r\nHost: h\r\n{chunked}");
        is_kept(Heads::Requests, &format!("{post}{body}{GET}"), &format!("{post}{veiled}{GET}"));
        let head = format!("{OK}{chunked}");
        let (text, expected) = (format!("{head}{body}more"), format!("{head}{veiled}[4]"));
        is_kept(responses(BadHeader::IsError), &text, &expected);
        let (text, expected) = (format!("{post}6\r\nsecrets"), format!("{post}6\r\n[6]\0"));
        is_kept(Heads::Requests, &text, &expected);
    }

    #[test]
    fn behind_an_upgrade_and_behind_nonsense_nothing_is_kept() {
        let ask = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: foo\r\n\r\n";
        is_kept(Heads::Requests, &format!("{ask}{GET}"), &format!("{ask}[{}]", GET.len()));
        let bad = "GET / HTTP/1.1\r\n\r\n";
        is_kept(Heads::Requests, &format!("{bad}{GET}"), &format!("{bad}[{}]", GET.len()));
        let switch = "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 101 Go\r\n\r\n";
        let (text, expected) = (format!("{switch}bytes"), format!("{switch}[5]"));
        is_kept(responses(BadHeader::IsError), &text, &expected);
        assert_eq!(
            kept(Heads::Requests, "GET / HTTP/1.1\nA: secret", 99),
            "xxx / xxxx/x.x\nx: xxxxxx"
        );
    }

    #[test]
    fn a_line_that_begins_the_body_goes_with_the_head() {
        let heads = responses(BadHeader::StartBody);
        let text = format!("{OK}A: b\r\nno field\r\nmore");
        assert_eq!(kept(heads.clone(), &text, 99), format!("{OK}A: x\r\nxx xxxxx\r\n[4]"));
        let text = format!("{OK}Transfer-Encoding: chunked\r\n6\r\nsecret\r\n");
        is_kept(heads, &text, &text.replace("secret", "[6]"));
    }

    #[test]
    fn an_answer_is_read_by_what_was_asked() {
        let requests = Stream::requests(vec!["a".into()]);
        let asked = |head: &str| requests.answers(head.as_bytes(), BadHeader::IsError).heads;
        let head = "HEAD / HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: abc\r\n\
                    Sec-WebSocket-Protocol: a, b\r\n\r\nbody";
        let Heads::Responses { to_head: true, proof: Some(proof), .. } = asked(head) else {
            panic!("{:?}", asked(head))
        };
        let offered: [&[u8]; 2] = [b"a", b"b"];
        assert_eq!(proof, Handshake::of(b"abc", offered.into_iter()));
        assert_eq!(requests.answers(GET.as_bytes(), BadHeader::IsError).protocols, ["a"]);
        for head in [GET, "", "nonsense"] {
            let none = matches!(asked(head), Heads::Responses { to_head: false, proof: None, .. });
            assert!(none, "{head}");
        }
    }

    /// Rules may allow more than is allowed where nothing is said.
    #[test]
    fn heads_of_every_size_stay() {
        let narrow = Limits::DEFAULT;
        let wide = ["x".repeat(narrow.line as usize + 1), "x".repeat(narrow.field as usize + 1)];
        let fields = "A: b\r\n".repeat(narrow.fields as usize + 1);
        for head in [
            format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", wide[0]),
            format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", wide[1]),
            format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"),
        ] {
            let whole = kept(Heads::Requests, &format!("{head}{GET}"), head.len() / 2);
            assert!(whole.ends_with(GET) && whole.len() == head.len() + GET.len());
        }
    }
}
