//! Response heads, and what was asked.

use super::Case;
use crate::world::heads::{PROOF, ask, get, switch, switched};

/// What the client asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    WebSocket,
    Get,
    Head,
    /// In HTTP/1.0.
    Old,
    /// With an `Expect: 100-continue`, and a body that waits for it.
    Waiting,
    /// To switch to another protocol behind a body that has not come yet.
    Foo,
}

impl Asked {
    /// The request.
    pub(crate) fn head(self) -> String {
        match self {
            Self::WebSocket => ask(""),
            Self::Get => get(""),
            Self::Head => get("").replace("GET", "HEAD"),
            Self::Old => get("").replace("HTTP/1.1", "HTTP/1.0"),
            Self::Waiting => get("Expect: 100-continue\r\nContent-Length: 5\r\n"),
            Self::Foo => get("Connection: upgrade\r\nUpgrade: foo\r\nContent-Length: 5\r\n")
                .replace("/page", "/any/x"),
        }
    }
}

/// Every response.
pub(crate) fn responses() -> Vec<(Asked, Case)> {
    let all = [
        (Asked::WebSocket, switches()),
        (Asked::WebSocket, no_switches()),
        (Asked::Get, relayed()),
        (Asked::Get, nonsense()),
        (Asked::Get, interim()),
    ];
    let mut cases: Vec<_> = all
        .into_iter()
        .flat_map(|(asked, cases)| cases.into_iter().map(move |c| (asked, c)))
        .collect();
    cases.extend(to_others());
    cases
}

/// R3, R16, R35: what a 101 must be, and what is left of it.
fn switches() -> Vec<Case> {
    let gone = "Content-Length: 5\r\nKeep-Alive: 5\r\nTrailer: X\r\nContent-Type: text/html\r\n";
    let kept = "Set-Cookie: a=b\r\nX-Other: c\r\n";
    let named = "Connection: X-Hop, Set-Cookie, Sec-WebSocket-Accept\r\nX-Hop: 1\r\n";
    let without = |part: &str| switch("").replace(part, "");
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    vec![
        Case::switched("R1 a verified 101", switch(""), switched("")),
        Case::switched("R16 it is made anew", switch(&[gone, kept].concat()), switched(kept)),
        Case::switched("R16 no body", switch("Transfer-Encoding: chunked\r\n"), switched("")),
        Case::switched(
            "R16 one reason",
            switch("").replace("Switching Protocols", "Go"),
            switched(""),
        ),
        Case::switched("R35 the proof survives", switch(&[named, kept].concat()), switched(kept)),
        Case::switched(
            "R37 behind interim heads",
            format!("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n{}", switch("")),
            format!("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n{}", switched("")),
        ),
        Case::refused("R3 no Connection", 502, without("Connection: Upgrade\r\n")),
        Case::refused(
            "R3 Connection: upgrades",
            502,
            switch("").replace(": Upgrade", ": upgrades"),
        ),
        Case::refused("R3 no Upgrade", 502, without("Upgrade: websocket\r\n")),
        Case::refused("R3 another protocol", 502, switch("").replace("websocket", "foo")),
        Case::refused("R9 two protocols", 502, switch("Upgrade: foo\r\n")),
        Case::refused("R3 no proof", 502, without(accept)),
        Case::refused("R3 a wrong proof", 502, switch("").replace("s3pP", "S3pP")),
        Case::refused("R3 two proofs", 502, switch(accept)),
        Case::refused("a subprotocol unasked", 502, switch("Sec-WebSocket-Protocol: chat\r\n")),
        Case::refused("R3 in HTTP/1.0", 502, switch("").replace("HTTP/1.1", "HTTP/1.0")),
    ]
}

/// R1, R4: nothing but a 101 switches.
fn no_switches() -> Vec<Case> {
    let full = |status: &str| format!("HTTP/1.1 {status}\r\n{PROOF}Content-Length: 2\r\n\r\nhi");
    let heard = |status: &str, connection: &str| {
        format!(
            "HTTP/1.1 {status}\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Content-Length: 2\r\n{connection}\r\nhi"
        )
    };
    let close = "Connection: close\r\n";
    let upgrade = "Connection: Upgrade, close\r\nUpgrade: websocket\r\n";
    vec![
        Case::passed("R4 a 200 is no switch", full("200 OK"), heard("200 OK", close)),
        Case::passed("R1 a 403 neither", full("403 No"), heard("403 No", close)),
        Case::passed("R1 a 426 says to what", full("426 Up"), heard("426 Up", upgrade)),
        Case::passed("R1 a 299 neither", full("299 Yes"), heard("299 Yes", close)),
    ]
}

/// How the end of a body is found, and what goes on of an ordinary response.
fn relayed() -> Vec<Case> {
    let heard = |line: &str, behind: &str| format!("HTTP/1.1 {line}\r\n{behind}");
    let close = "Connection: close\r\n\r\n";
    let hop =
        "Keep-Alive: 5\r\nProxy-Connection: x\r\nConnection: X-Hop\r\nX-Hop: 1\r\nUpgrade: x\r\n";
    let chunks = "2\r\nhi\r\n0\r\n\r\n";
    let kept = "Set-Cookie: a\r\nSet-Cookie: b\r\nX: y\r\n";
    vec![
        Case::passed("a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", {
            heard("200 OK", "Content-Length: 2\r\n\r\nhi")
        }),
        Case::passed(
            "R23 chunks",
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"),
            heard("200 OK", &format!("Transfer-Encoding: chunked\r\n\r\n{chunks}")),
        ),
        Case::passed("until the end", "HTTP/1.0 200 OK\r\n\r\nhi", {
            heard("200 OK", &format!("{close}hi"))
        }),
        Case::passed("204 has no body", "HTTP/1.1 204 No\r\n\r\n", heard("204 No", "\r\n")),
        Case::passed(
            "304 has none but says its length",
            "HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n",
            heard("304 No", "Content-Length: 2\r\n\r\n"),
        ),
        Case::passed(
            "fields of one hop end here",
            format!("HTTP/1.1 204 No\r\n{hop}{kept}\r\n"),
            heard("204 No", &format!("{kept}\r\n")),
        ),
        Case::passed(
            "R35 Set-Cookie survives",
            format!("HTTP/1.1 204 No\r\nConnection: Set-Cookie, X\r\n{kept}\r\n"),
            heard("204 No", "Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n"),
        ),
        Case::passed("no reason", "HTTP/1.1 204\r\n\r\n", heard("204 ", "\r\n")),
    ]
}

/// R3b, R20, R21, R22, R28, R29, R30, R34, R36: what is 400 from a client is 502 from a backend.
fn nonsense() -> Vec<Case> {
    let ok = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n";
    vec![
        Case::refused("R3b a 101 that nobody asked for", 502, switch("")),
        Case::refused(
            "R20 a length and chunks",
            502,
            ok(&format!("Content-Length: 5\r\n{chunked}")),
        ),
        Case::refused("R20 chunks in 1.0", 502, ok(chunked).replace("P/1.1", "P/1.0")),
        Case::refused("R21 two lengths", 502, ok("Content-Length: 5\r\nContent-Length: 6\r\n")),
        Case::refused("R21 a list", 502, ok("Content-Length: 5, 5\r\n")),
        Case::refused("R21 a sign", 502, ok("Content-Length: -5\r\n")),
        Case::refused("R22 gzip", 502, ok("Transfer-Encoding: gzip\r\n")),
        Case::refused("R22 twice", 502, ok(&chunked.repeat(2))),
        Case::refused("R28 a folded field", 502, ok("A: b\r\n c\r\n")),
        Case::refused("R28 two empty lines before", 502, format!("\r\n\r\n{}", ok(""))),
        Case::refused("R29 a bare LF", 502, ok("A: b\nC: d\r\n")),
        Case::refused("R29 NUL", 502, ok("A: b\0\r\n")),
        Case::refused("R30 a blank before the colon", 502, ok("A : b\r\n")),
        Case::refused("R30 no name", 502, ok(": b\r\n")),
        Case::refused("R34 HTTP/2.0", 502, ok("").replace("HTTP/1.1", "HTTP/2.0")),
        Case::refused("R34 no HTTP", 502, "SSH-2.0-OpenSSH\r\n\r\n"),
        Case::refused("R35 a list that is none", 502, ok("Connection: a b\r\n")),
        Case::refused("R36 a split line", 502, ok("Location: /\rSet-Cookie: x\r\n")),
        Case::refused("R36 a status of 99", 502, ok("").replace("200", "099")),
        Case::refused("R36 a status of two digits", 502, ok("").replace("200", "20")),
        Case::refused("R36 half a head", 502, "HTTP/1.1 200 OK\r\nA: b\r\n"),
        Case::refused("R36 nothing", 502, ""),
    ]
}

/// R37.
fn interim() -> Vec<Case> {
    let hints = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n";
    let last = "HTTP/1.1 204 No\r\n\r\n";
    let heard = "HTTP/1.1 204 No\r\n\r\n";
    let before = |head: &str| format!("{head}{last}");
    let hop = "HTTP/1.1 102 Wait\r\nConnection: close\r\nContent-Length: 3\r\nA: b\r\n\r\n";
    vec![
        Case::passed("R37 an interim head goes on", before(hints), format!("{hints}{heard}")),
        Case::passed("R37 without its hop", before(hop), {
            format!("HTTP/1.1 102 Wait\r\nA: b\r\n\r\n{heard}")
        }),
        Case::passed("R37 ten of them", before(&hints.repeat(10)), {
            format!("{}{heard}", hints.repeat(10))
        }),
        Case::refused("R37 eleven of them", 502, before(&hints.repeat(11))),
        Case::passed("R37 nobody waits for a 100", before("HTTP/1.1 100 Go\r\n\r\n"), heard),
    ]
}

/// R10, R37, and bodies that are not there, for clients of other kinds.
fn to_others() -> Vec<(Asked, Case)> {
    let last = "HTTP/1.1 204 No\r\n\r\n";
    let heard = |connection: &str| format!("HTTP/1.1 204 No\r\n{connection}\r\n");
    let close = "Connection: close\r\n";
    let before = |head: &str| format!("{head}{last}");
    let go = "HTTP/1.1 100 Go\r\n\r\n";
    let early = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\nhi\r\n5;a=b\r\n, you\r\n0\r\nT: v\r\n\r\n";
    vec![
        (
            Asked::Waiting,
            Case::passed("R37 who waits gets 100", before(go), format!("{go}{}", heard(close))),
        ),
        (Asked::Waiting, Case::passed("R26 or the answer alone", last, heard(close))),
        (
            Asked::Old,
            Case::passed(
                "R37 HTTP/1.0 gets no 1xx",
                before("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"),
                heard(close),
            ),
        ),
        (
            Asked::Old,
            Case::passed(
                "HTTP/1.0 gets no chunks, but what is in them",
                chunks,
                "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi, you",
            ),
        ),
        (
            Asked::Head,
            Case::passed(
                "an answer to HEAD has no body",
                format!("{length}\r\n"),
                format!("{length}\r\n"),
            ),
        ),
        (Asked::Foo, Case::refused("R10 a 101 before the body", 502, early)),
    ]
}
