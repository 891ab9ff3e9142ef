//! What the two peers of a seed are going to say.

use underpass_core::{Both, Side};

use super::{Rng, heads};

/// One client and one backend.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Everything that each side says, its head first.
    pub(crate) says: Both<Vec<u8>>,
    /// How long its head is, interim heads included.
    pub(crate) heads: Both<usize>,
    /// The request's body, as it stands behind the head.
    pub(crate) body: usize,
    /// How much of what the backend says is its response's body.
    pub(crate) response: usize,
    /// The backend answers once it has the whole body.
    pub(crate) patient: bool,
    /// The answer is a verified 101, if it comes when it should.
    pub(crate) switches: bool,
    /// Both bodies are in chunks.
    pub(crate) chunked: Both<bool>,
}

impl Plan {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let asks = rng.of(&[
            Ask::WebSocket,
            Ask::WebSocket,
            Ask::Foo,
            Ask::Get,
            Ask::Length,
            Ask::Chunked,
        ]);
        let (head, body) = asks.request(rng);
        let tail = rng.bytes(120);
        let heads_only = head.len();
        let body_length = body.len();
        let client = [head.into_bytes(), body, tail].concat();
        let upgrade = matches!(asks, Ask::WebSocket | Ask::Foo);
        let answer = if upgrade && rng.permille(700) { 0 } else { 1 + rng.below(5) };
        let interims = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n".repeat(rng.of(&[0, 0, 1, 2]));
        let (head, behind, chunked) = response(answer, asks, rng);
        let head = interims + &head;
        let response = if answer == 0 { 0 } else { behind.len() };
        let tail = if answer == 4 { Vec::new() } else { rng.bytes(120) };
        Self {
            heads: Both { client: heads_only, backend: head.len() },
            says: Both { client, backend: [head.into_bytes(), behind, tail].concat() },
            body: body_length,
            response,
            patient: rng.permille(800),
            switches: answer == 0,
            chunked: Both { client: matches!(asks, Ask::Chunked), backend: chunked },
        }
    }

    /// What that side says behind its head and behind what else belongs to the exchange.
    pub(crate) fn behind(&self, side: Side) -> &[u8] {
        &self.says[side][self.heads[side]..]
    }
}

/// What stands behind the one request of a plan is no request: `kept.rs` has those.
const CLOSE: &str = "Connection: close\r\n";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ask {
    WebSocket,
    Foo,
    Get,
    Length,
    Chunked,
}

impl Ask {
    /// The request's head and its body.
    fn request(self, rng: &mut Rng) -> (String, Vec<u8>) {
        let body = rng.bytes(100);
        let length = format!("Content-Length: {}\r\n", body.len());
        // The client does not wait in vain: it sends its body, whoever says that it may.
        let expect = rng.of(&["", "Expect: 100-continue\r\n"]);
        match self {
            Self::WebSocket => (heads::ask(""), Vec::new()),
            Self::Get => (heads::get(CLOSE), Vec::new()),
            Self::Foo => {
                let fields = format!("Connection: upgrade\r\nUpgrade: foo\r\n{length}");
                (heads::get(&fields).replace("/page", "/any/x"), body)
            }
            Self::Length => {
                (heads::get(&[expect, &length, CLOSE].concat()).replace("GET", "PUT"), body)
            }
            Self::Chunked => (
                heads::get(&[expect, "Transfer-Encoding: chunked\r\n", CLOSE].concat())
                    .replace("GET", "PUT"),
                chunks(&body, rng),
            ),
        }
    }
}

/// The head, its body, and whether that is in chunks.
fn response(answer: usize, asks: Ask, rng: &mut Rng) -> (String, Vec<u8>, bool) {
    let body = rng.bytes(100);
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    match answer {
        0 if asks == Ask::WebSocket => (heads::switch(""), Vec::new(), false),
        0 => {
            let head = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
            (head.to_owned(), Vec::new(), false)
        }
        1 => (heads::switch("").replace("s3pP", "S3pP"), Vec::new(), false),
        2 => (ok(&format!("Content-Length: {}\r\n", body.len())), body, false),
        3 => (ok("Transfer-Encoding: chunked\r\n"), chunks(&body, rng), true),
        4 => (ok(""), body, false),
        _ => ("nonsense\n".to_owned(), Vec::new(), false),
    }
}

/// The body in chunks of arbitrary sizes.
fn chunks(mut body: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut all = Vec::new();
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(1 + rng.below(body.len()));
        all.extend(format!("{:x}\r\n", chunk.len()).bytes());
        all.extend(chunk);
        all.extend(b"\r\n");
        body = rest;
    }
    all.extend(b"0\r\n\r\n");
    all
}
