//! A mix of ordinary requests and their answers, which client and backend both know.

use crate::wire::put_chunk;

/// What is asked, and what is answered. Every body that comes is the [`text`] of the request's path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kind {
    /// The method of the request.
    pub method: &'static str,
    /// How the request frames its body.
    pub sends: Framed,
    /// The status of the answer.
    pub status: &'static str,
    /// How the answer frames its body.
    pub answers: Framed,
}

/// How a message frames its body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framed {
    /// In chunks of at most 100 bytes.
    Chunks,
    /// By its length.
    Length,
    /// There is none, and no field speaks of one.
    Nothing,
    /// By the length of a body that does not come, as the answer to a HEAD does.
    Promise,
}

const GET: Kind =
    Kind { method: "GET", sends: Framed::Nothing, status: "200", answers: Framed::Length };
const CHUNKS: Kind = Kind { answers: Framed::Chunks, ..GET };
const EMPTY: Kind = Kind { status: "204", answers: Framed::Nothing, ..GET };
const FRESH: Kind = Kind { status: "304", answers: Framed::Nothing, ..GET };
const HEAD: Kind = Kind { method: "HEAD", answers: Framed::Promise, ..GET };
const POST: Kind = Kind { method: "POST", sends: Framed::Length, ..GET };
const UPLOAD: Kind = Kind { sends: Framed::Chunks, ..POST };

/// What requests ask for, in turn. Their count is prime, so clients that take every tenth or every
/// hundredth of them get all kinds all the same.
pub const MIX: [Kind; 19] = [
    GET, GET, CHUNKS, GET, GET, POST, GET, HEAD, GET, GET, EMPTY, GET, GET, CHUNKS, GET, FRESH,
    GET, UPLOAD, GET,
];

impl Kind {
    /// What the request of that number asks for.
    pub const fn of(number: usize) -> Self {
        MIX[number % MIX.len()]
    }

    /// Whether it may be sent twice, and so over a connection that may be stale.
    pub fn repeats(self) -> bool {
        self.method != "POST"
    }

    /// The request for that path.
    pub fn request(self, path: &str) -> Vec<u8> {
        let head = format!("{} {path} HTTP/1.1\r\nHost: app.example\r\n", self.method);
        self.sends.message(head, path)
    }

    /// The answer for that path.
    pub fn answer(self, path: &str) -> Vec<u8> {
        self.answers.message(format!("HTTP/1.1 {} Fine\r\n", self.status), path)
    }
}

impl Framed {
    /// The body that comes when this is said.
    pub fn body(self, path: &str) -> String {
        match self {
            Self::Chunks | Self::Length => text(path),
            Self::Nothing | Self::Promise => String::new(),
        }
    }

    fn message(self, head: String, path: &str) -> Vec<u8> {
        let (text, mut message) = (text(path), head.into_bytes());
        match self {
            Self::Chunks => {
                message.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                text.as_bytes().chunks(100).for_each(|chunk| put_chunk(chunk, &mut message));
                put_chunk(b"", &mut message);
            }
            Self::Length | Self::Promise => {
                let body = self.body(path);
                let length = text.len();
                message.extend(format!("Content-Length: {length}\r\n\r\n{body}").bytes());
            }
            Self::Nothing => message.extend(b"\r\n"),
        }
        message
    }
}

/// What a body says: its own path, over and over, so that no answer fits another request.
pub fn text(path: &str) -> String {
    path.repeat(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_they_say() {
        let said = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let head = "POST /p HTTP/1.1\r\nHost: app.example\r\n";
        let chunk = "/p".repeat(30);
        let chunked = format!("Transfer-Encoding: chunked\r\n\r\n3c\r\n{chunk}\r\n0\r\n\r\n");
        assert_eq!(said(UPLOAD.request("/p")), format!("{head}{chunked}"));
        assert_eq!(said(POST.request("/p")), format!("{head}Content-Length: 60\r\n\r\n{chunk}"));
        assert_eq!(said(HEAD.answer("/p")), "HTTP/1.1 200 Fine\r\nContent-Length: 60\r\n\r\n");
        assert_eq!(said(FRESH.answer("/p")), "HTTP/1.1 304 Fine\r\n\r\n");
    }

    #[test]
    fn every_client_of_ten_or_a_hundred_gets_all_kinds() {
        for clients in [10, 100] {
            let asked: Vec<_> = (3..).step_by(clients).take(MIX.len()).map(Kind::of).collect();
            assert!(MIX.iter().all(|kind| asked.contains(kind)));
        }
    }
}
