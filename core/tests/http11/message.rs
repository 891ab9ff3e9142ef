//! What we sent to a backend, read as it would read it: by a reader that shares nothing with core, and
//! what any other reader makes of it. Shared with the fuzz target `exchange`.

use std::fmt;

/// A request as its reader understood it.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(40)]);
        write!(f, "{} {} with {} bytes, {body:?}", self.method, self.target, self.body.len())
    }
}

/// How another parser has read a connection.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The requests that it took, whole.
    pub(crate) requests: Vec<Request>,
    /// Why it took no more of them, if not because the connection had ended.
    pub(crate) refused: Option<String>,
}

/// A request, and what else of it matters to whoever answers it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) request: Request,
    /// How many bytes it is.
    pub(crate) length: usize,
    /// The protocol that it asks for.
    pub(crate) upgrade: Option<String>,
    /// Its chunks have no extensions, and there are no trailers behind them.
    pub(crate) is_bare: bool,
}

impl Message {
    /// The first request of `bytes`, if it is whole.
    pub(crate) fn first(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = at(bytes, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(head);
        let (line, fields) = head.split_once("\r\n").unwrap_or((&head, ""));
        let [method, target, _] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("no request line: {line:?}")
        };
        let field = |name: &str| {
            let mut named = fields.split("\r\n").filter_map(|field| field.split_once(": "));
            named.find(|field| field.0.eq_ignore_ascii_case(name)).map(|field| field.1.to_owned())
        };
        let (body, behind, is_bare) = match (field("Content-Length"), field("Transfer-Encoding")) {
            (None, None) => (Vec::new(), rest, true),
            (Some(length), None) => {
                let length = length.parse().expect("we wrote the length");
                (rest.get(..length)?.to_owned(), &rest[length..], true)
            }
            (None, Some(_)) => chunks(rest)?,
            (Some(_), Some(_)) => panic!("two frames: {head:?}"),
        };
        let (method, target) = (method.to_owned(), target.to_owned());
        let request = Request { method, target, body };
        let length = bytes.len() - behind.len();
        Some(Self { request, length, upgrade: field("Upgrade"), is_bare })
    }
}

/// Every whole request of a connection, up to where it becomes a tunnel, and how many bytes they are.
pub(crate) fn all(bytes: &[u8]) -> (Vec<Message>, usize) {
    let (mut messages, mut read) = (Vec::new(), 0);
    while let Some(message) = Message::first(&bytes[read..]) {
        read += message.length;
        let tunnel = message.upgrade.is_some();
        messages.push(message);
        if tunnel {
            break;
        }
    }
    (messages, read)
}

/// A chunked body, what stands behind it, and whether it is chunks and nothing else.
fn chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8], bool)> {
    let (mut body, mut is_bare) = (Vec::new(), true);
    loop {
        let (line, rest) = at(bytes, b"\r\n")?;
        let digits = line.split(|&byte| byte == b';').next().unwrap_or(line);
        is_bare &= digits.len() == line.len();
        let size = std::str::from_utf8(digits).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.unwrap_or_else(|| panic!("no chunk size: {line:?}"));
        if size == 0 {
            let (trailers, behind) = trailers(rest)?;
            return Some((body, behind, is_bare && trailers == 0));
        }
        body.extend(rest.get(..size)?);
        let end = rest.get(size..size + 2)?;
        assert_eq!(end, b"\r\n", "a chunk has no end");
        bytes = &rest[size + 2..];
    }
}

fn trailers(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    for count in 0.. {
        let (line, rest) = at(bytes, b"\r\n")?;
        if line.is_empty() {
            return Some((count, rest));
        }
        bytes = rest;
    }
    None
}

/// What stands before the first `end`, and what behind it.
fn at<'b>(bytes: &'b [u8], end: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let place = bytes.windows(end.len()).position(|some| some == end)?;
    Some((&bytes[..place], &bytes[place + end.len()..]))
}
