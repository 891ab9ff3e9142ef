//! Stage 3 of 6 · the heads that go on: what is dropped, what is added, what is made anew.
//!
//! Hop-by-hop fields end here (RFC 9110 §7.6.1); ours are written after the strip, so that no
//! `Connection` of a client can remove them (R35, CVE-2022-31813).

use std::net::IpAddr;

use super::Offer;
use super::offer::is_http;
use crate::head::{Buf, Buffers, Fields, Framing, Request, Response, Version};
use crate::route::path::encode;
use crate::route::{Forward, Rules};

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

/// Fields that describe a body, which a 101 has not (R16, D16).
const CONTENT: [&str; 4] =
    ["content-type", "content-encoding", "content-range", "content-location"];

/// Writes head lines behind what a buffer holds.
struct Lines<'a> {
    out: &'a mut Buf,
    buffers: &'a mut Buffers,
}

impl Lines<'_> {
    fn line(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.out.append(part, self.buffers);
        }
        self.out.append(b"\r\n", self.buffers);
    }

    fn field(&mut self, name: &str, value: &[u8]) {
        self.line(&[name.as_bytes(), b": ", value]);
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

    fn connection(&mut self, upgrade: Option<&[u8]>) {
        match upgrade {
            Some(token) => {
                self.field("Connection", b"Upgrade");
                self.field("Upgrade", token);
            }
            None => self.field("Connection", b"close"),
        }
    }
}

/// What a request is forwarded by.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// The configuration.
    pub rules: &'a Rules,
    /// The rule.
    pub forward: &'a Forward,
    /// What is left of the decoded path behind the rule's prefix.
    pub rest: &'a [u8],
    /// The client's address.
    pub client: IpAddr,
    /// What we ask the backend to switch to.
    pub offer: &'a Offer,
}

/// Writes the request head that goes to the backend.
pub fn request(request: &Request<'_, '_>, way: Way<'_>, out: &mut Buf, buffers: &mut Buffers) {
    let mut lines = Lines { out, buffers };
    let version: &[u8] = match request.version {
        // A backend that knows whom it answers sends no chunks to a client that cannot read them.
        Version::Http10 => b" HTTP/1.0",
        Version::Http11 => b" HTTP/1.1",
    };
    let path = path(way.forward, way.rest);
    lines.line(&[request.method.as_bytes(), b" ", &path, request.query, version]);
    lines.field("Host", host(request, way.forward).as_bytes());
    let added = if way.forward.add_headers { &X_FORWARDED[..] } else { &[] };
    for (name, value) in request.fields.iter() {
        let ours = |own: &&str| name.eq_ignore_ascii_case(own);
        let again = ours(&"host") || added.iter().any(ours);
        if !again && passes(&request.fields, name) {
            lines.field(name, value);
        }
    }
    if way.forward.add_headers {
        x_forwarded(&mut lines, request, &way);
    }
    lines.framing(length_kept(request));
    lines.connection(way.offer.token().map(str::as_bytes));
    lines.line(&[]);
}

/// `Content-Length: 0` is kept, because some backends demand a length of a POST.
fn length_kept(request: &Request<'_, '_>) -> Framing {
    match request.framing {
        Framing::None if request.fields.has("content-length") => Framing::Length(0),
        framing => framing,
    }
}

/// The rule's own path with the rest behind it, always absolute.
fn path(forward: &Forward, rest: &[u8]) -> Vec<u8> {
    let mut path = forward.target.path.clone().into_bytes();
    encode(rest, &mut path);
    if path.first() != Some(&b'/') {
        path.insert(0, b'/');
    }
    path
}

fn host(request: &Request<'_, '_>, forward: &Forward) -> String {
    match request.authority {
        Some(authority) if forward.preserve_host => authority.to_owned(),
        _ => forward.target.authority(),
    }
}

const X_FORWARDED: [&str; 3] = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Server"];

/// What is known of the client, behind what proxies before us said.
fn x_forwarded(lines: &mut Lines<'_>, request: &Request<'_, '_>, way: &Way<'_>) {
    let client = way.client.to_canonical().to_string();
    let own = [&client, request.authority.unwrap_or(""), &way.rules.server_name];
    for (name, own) in X_FORWARDED.into_iter().zip(own) {
        let mut all: Vec<&[u8]> = request.fields.all(name).collect();
        if !own.is_empty() {
            all.push(own.as_bytes());
        }
        if !all.is_empty() {
            lines.field(name, &all.join(&b", "[..]));
        }
    }
}

/// Whether a field goes on: it is not hop-by-hop, and `Connection` does not name it, or must not (R35).
fn passes(fields: &Fields<'_, '_>, name: &str) -> bool {
    let any = |list: &[&str]| list.iter().any(|known| name.eq_ignore_ascii_case(known));
    let prefixed = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if any(&HOP_BY_HOP) {
        return false;
    }
    let protected = any(&PROTECTED) || PROTECTED_PREFIXES.iter().any(|prefix| prefixed(&prefix));
    protected || !fields.lists("connection", name)
}

/// Writes the head of a verified 101 to the client: made anew, with what is end-to-end (R16).
pub fn switch(response: &Response<'_, '_>, token: &str, out: &mut Buf, buffers: &mut Buffers) {
    let mut lines = Lines { out, buffers };
    lines.line(&[b"HTTP/1.1 101 Switching Protocols"]);
    for (name, value) in response.fields.iter() {
        let content = CONTENT.iter().any(|known| name.eq_ignore_ascii_case(known));
        if !content && passes(&response.fields, name) {
            lines.field(name, value);
        }
    }
    let spelled = response.fields.list("upgrade").next().unwrap_or(token.as_bytes());
    lines.connection(Some(spelled));
    lines.line(&[]);
}

/// Writes an interim response to the client (R37).
pub fn interim(response: &Response<'_, '_>, out: &mut Buf, buffers: &mut Buffers) {
    let mut lines = Lines { out, buffers };
    status_line(&mut lines, response);
    end_to_end(&mut lines, response);
    lines.line(&[]);
}

/// Writes a final response head to the client; its body follows as it comes, framed as `framing` says.
pub fn response(
    response: &Response<'_, '_>,
    framing: Framing,
    out: &mut Buf,
    buffers: &mut Buffers,
) {
    let mut lines = Lines { out, buffers };
    status_line(&mut lines, response);
    end_to_end(&mut lines, response);
    match framing {
        // A response without a body may still say how long it would be (HEAD, 304), or that it is empty.
        Framing::None => {
            for length in response.fields.all("content-length") {
                lines.field("Content-Length", length);
            }
        }
        framing => lines.framing(framing),
    }
    let protocols: Vec<&[u8]> =
        response.fields.list("upgrade").filter(|token| !is_http(token)).collect();
    if response.status == 426 && !protocols.is_empty() {
        lines.field("Connection", b"Upgrade, close");
        lines.field("Upgrade", &protocols.join(&b", "[..]));
    } else {
        lines.connection(None);
    }
    lines.line(&[]);
}

fn status_line(lines: &mut Lines<'_>, response: &Response<'_, '_>) {
    let status = response.status.to_string();
    lines.line(&[b"HTTP/1.1 ", status.as_bytes(), b" ", response.reason.as_bytes()]);
}

fn end_to_end(lines: &mut Lines<'_>, response: &Response<'_, '_>) {
    for (name, value) in response.fields.iter() {
        if passes(&response.fields, name) {
            lines.field(name, value);
        }
    }
}
