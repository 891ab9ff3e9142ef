//! Request heads. The limits are those of `splits.rs`: lines of 64 bytes, 12 fields.

use super::Case;
use crate::world::heads::{HANDSHAKE, ask, asked, get, got};

/// Every request head.
pub(crate) fn requests() -> Vec<Case> {
    let kinds = [
        handshakes,
        protocols,
        bodies,
        expectations,
        lines,
        hosts_and_targets,
        fields,
        hops,
        paths,
    ];
    kinds.into_iter().flat_map(|kind| kind()).collect()
}

/// R2, R3, R10, R26: what a WebSocket handshake is.
fn handshakes() -> Vec<Case> {
    let without = |part: &str| {
        assert!(ask("").contains(part), "{part} is not there");
        ask("").replace(part, "")
    };
    let version = "Sec-WebSocket-Version: 13\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    vec![
        Case::passed("R3 a good handshake", ask(""), asked("")),
        Case::refused("R2 another version", 426, ask("").replace(": 13", ": 12")),
        Case::refused("R2 no version", 426, without(version)),
        Case::refused("R2 two versions", 426, ask(version)),
        Case::refused("R3 another method", 400, ask("").replace("GET", "POST")),
        Case::refused("R3 no key", 400, without(key)),
        Case::refused("R3 two keys", 400, ask(key)),
        Case::refused("R3 a key of 15 bytes", 400, ask("").replace("25jZQ==", "25jZQ=")),
        Case::refused("R3 a key with loose bits", 400, ask("").replace("ZQ==", "ZR==")),
        Case::passed(
            "R3 over HTTP/1.0 it is no handshake",
            ask("").replace("HTTP/1.1", "HTTP/1.0"),
            asked("").replace("Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
        ),
        Case::refused("R10 a body by length", 400, ask("Content-Length: 5\r\n")),
        Case::refused("R10 a body in chunks", 400, ask("Transfer-Encoding: chunked\r\n")),
        Case::passed("R10 no body at all", ask("Content-Length: 0\r\n"), {
            asked("").replace("Connection", "Content-Length: 0\r\nConnection")
        }),
        Case::refused("R26 an expectation", 417, ask("Expect: 100-continue\r\n")),
    ]
}

/// R8, R9, R26: which protocol is asked for.
fn protocols() -> Vec<Case> {
    let other = |upgrade: &str| {
        format!("GET /any/x HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n{upgrade}\r\n")
    };
    let offered = |connection: &str| got("", connection).replace("/page", "/x");
    let switch = "Connection: Upgrade\r\nUpgrade: foo\r\n";
    vec![
        Case::passed("R8 h2c is not asked for", other("Upgrade: h2c\r\n"), offered("")),
        Case::passed("R8 HTTP/2.0 neither", other("Upgrade: HTTP/2.0, TLS/1.2\r\n"), offered("")),
        Case::passed(
            "R8 nor are its settings sent",
            other("Connection: HTTP2-Settings\r\nHTTP2-Settings: AAM\r\nUpgrade: H2C\r\n"),
            offered(""),
        ),
        Case::passed("R8 wherever they stand", get("HTTP2-Settings: AAM\r\n"), got("", "")),
        Case::passed(
            "R8, R9 one token of the list is left",
            other("Upgrade: h2c, foo, bar\r\n"),
            offered(switch),
        ),
        Case::passed("R9 all Upgrade fields are one list", ask("Upgrade: foo\r\n"), asked("")),
        Case::passed(
            "R9 the first of them that the rule accepts",
            other("Upgrade: foo, websocket\r\n"),
            offered(switch),
        ),
        Case::refused("R9 a hidden websocket is one", 426, {
            other("Upgrade: foo\r\nUpgrade: WebSocket\r\n").replace("/any/", "/ws/")
        }),
        Case::refused("R26 of any protocol", 417, other("Upgrade: foo\r\nExpect: x\r\n")),
    ]
}

/// R20, R21, R22.
fn bodies() -> Vec<Case> {
    let length = |value: &str| get(&format!("Content-Length: {value}\r\n"));
    let coding = |value: &str| get(&format!("Transfer-Encoding: {value}\r\n"));
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    let most = "Content-Length: 9223372036854775807\r\n";
    vec![
        Case::refused("R20 a length and chunks", 400, get(both)),
        Case::refused("R20 chunks in 1.0", 400, coding("chunked").replace("P/1.1", "P/1.0")),
        Case::refused("R21 two lengths", 400, get("Content-Length: 5\r\nContent-Length: 5\r\n")),
        Case::refused("R21 a list", 400, length("5, 5")),
        Case::refused("R21 a sign", 400, length("+5")),
        Case::refused("R21 empty", 400, length("")),
        Case::refused("R21 an underscore", 400, length("5_0")),
        Case::refused("R21 hexadecimal", 400, length("0x5")),
        Case::refused("R21 2^63", 400, length("9223372036854775808")),
        Case::refused("R21 2^64 + 5", 400, length("18446744073709551621")),
        Case::passed("R21 2^63 - 1", get(most), got("", most)),
        Case::refused("R22 xchunked", 501, coding("xchunked")),
        Case::refused("R22 identity", 501, coding("identity")),
        Case::refused("R22 a list", 400, coding("gzip, chunked")),
        Case::refused("R22 a trailing comma", 400, coding("chunked,")),
        Case::refused("R22 a vertical tab", 400, coding("\u{b}chunked")),
        Case::refused("R22 twice", 400, coding("chunked\r\nTransfer-Encoding: chunked")),
        Case::passed("R22 in any case", coding(" CHUNKED "), {
            got("", "Transfer-Encoding: chunked\r\n")
        }),
    ]
}

/// R26, and bodies of HTTP/1.0 (RFC 9110 §15.5.12).
fn expectations() -> Vec<Case> {
    let old = |head: String| head.replace("HTTP/1.1", "HTTP/1.0");
    let (expect, length) = ("Expect: 100-continue\r\n", "Content-Length: 5\r\n");
    let both = &[expect, length].concat();
    let post = |fields: &str| get(fields).replace("GET", "POST");
    vec![
        Case::passed("R26 an expectation goes on", get(both), got(expect, length)),
        Case::passed("R26 not without a body", get(expect), got("", "")),
        Case::passed("R26 not from HTTP/1.0", old(get(both)), got("", length)),
        Case::refused("R26 another one", 417, get("Expect: x\r\n")),
        Case::refused("R26 none at all", 417, get("Expect:\r\n")),
        Case::refused("R26 two of them", 417, get(&expect.repeat(2))),
        Case::refused("R26 a list", 417, get("Expect: 100-continue, x\r\n")),
        Case::refused("a body of HTTP/1.0 without a length", 411, old(post(""))),
        Case::passed("with one", old(post("Content-Length: 0\r\n")), {
            got("", "Content-Length: 0\r\n").replace("GET", "POST")
        }),
        Case::passed("HTTP/1.1 has no body then", post(""), got("", "").replace("GET", "POST")),
    ]
}

/// R28, R29, R30, R32.
fn lines() -> Vec<Case> {
    let long = |count: usize| "x".repeat(count);
    vec![
        Case::refused("R28 a folded field", 400, get("A: b\r\n c\r\n")),
        Case::refused(
            "R28 a blank before the first field",
            400,
            "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        ),
        Case::refused("R28 two empty lines before", 400, format!("\r\n\r\n{}", get(""))),
        Case::passed("R28 one empty line before", format!("\r\n{}", get("")), got("", "")),
        Case::refused("R29 a bare LF", 400, "GET /page HTTP/1.1\nHost: h\r\n\r\n"),
        Case::refused("R29 a bare LF at the end", 400, "GET /page HTTP/1.1\r\nHost: h\r\n\n"),
        Case::refused("R29 a bare CR", 400, get("A: b\rX: c\r\n")),
        Case::refused("R29 NUL", 400, get("A: b\0c\r\n")),
        Case::refused("R29 an escape in a name", 400, get("A\u{1b}: b\r\n")),
        Case::refused("R30 a blank before the colon", 400, get("A : b\r\n")),
        Case::refused("R30 no name", 400, get(": b\r\n")),
        Case::refused("R30 no token", 400, get("A(b): c\r\n")),
        Case::refused("R30 no colon", 400, get("Abc\r\n")),
        Case::refused("R32 a long line", 414, get("").replace("page", &long(64 - 13))),
        Case::refused("R32 long before it is bad", 414, format!("GET /{}\n", long(64))),
        Case::refused("R32 a long field before it is bad", 431, get(&format!("A: {}\n", long(64)))),
        Case::passed("R32 the longest line", get("").replace("page", &long(64 - 14)), {
            got("", "").replace("page", &long(64 - 14))
        }),
        Case::refused("R32 a long field", 431, get(&format!("A: {}\r\n", long(62)))),
        Case::passed("R32 the longest field", get(&format!("A: {}\r\n", long(61))), {
            got(&format!("A: {}\r\n", long(61)), "")
        }),
        Case::refused("R32 13 fields", 431, get(&"A: b\r\n".repeat(12))),
        Case::passed("R32 12 fields", get(&"A: b\r\n".repeat(11)), {
            got(&"A: b\r\n".repeat(11), "")
        }),
    ]
}

/// R33, R34.
fn hosts_and_targets() -> Vec<Case> {
    let to = |line: &str| get("").replace("GET /page HTTP/1.1", line);
    let host = |value: &str| get("").replace("Host: h", &format!("Host: {value}"));
    vec![
        Case::refused("R33 no host", 400, get("").replace("Host: h\r\n", "")),
        Case::refused("R33 two hosts", 400, get("Host: h\r\n")),
        Case::refused("R33 userinfo", 400, host("u@h")),
        Case::refused("R33 port 0", 400, host("h:0")),
        Case::refused("R33 port 65536", 400, host("h:65536")),
        Case::refused("R33 an odd number", 400, host("0x7f.1")),
        Case::passed("R33 an absolute target's host wins", to("GET http://o:81/page HTTP/1.1"), {
            got("", "").replace("Forwarded-Host: h", "Forwarded-Host: o:81")
        }),
        Case::refused("R34 an asterisk with GET", 400, to("GET * HTTP/1.1")),
        Case::refused("R34 an asterisk has no rule", 404, to("OPTIONS * HTTP/1.1")),
        Case::refused("R34 CONNECT", 400, to("CONNECT h:80 HTTP/1.1")),
        Case::refused("R34 CONNECT of any form", 400, to("CONNECT /page HTTP/1.1")),
        Case::refused("R34 a fragment", 400, to("GET /page#x HTTP/1.1")),
        Case::refused("R34 another scheme", 400, to("GET ftp://h/page HTTP/1.1")),
        Case::refused("R34 two blanks", 400, to("GET  /page HTTP/1.1")),
        Case::refused("R34 HTTP/1.2", 505, to("GET /page HTTP/1.2")),
        Case::refused("R34 HTTP/2.0", 505, to("GET /page HTTP/2.0")),
        Case::refused("R34 HTTP/0.9", 400, to("GET /page")),
        Case::refused("R34 no HTTP", 400, "\u{16}\u{3}\u{1}\r\n\r\n"),
    ]
}

/// R35, and the fields of one hop.
fn fields() -> Vec<Case> {
    let hop = "Keep-Alive: 5\r\nTE: trailers\r\nTrailer: X\r\nProxy-Connection: x\r\n";
    let named = "Connection: X-Hop, Cookie, Authorization\r\n\
                 Connection: Host, X-Forwarded-For, Via\r\n";
    let kept = "Cookie: a=b\r\nAuthorization: c\r\nVia: d\r\n";
    let before = "X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Host: before\r\n";
    let chained = |heard: String| {
        heard.replace(": 192", ": 10.1.1.1, 192").replace("ed-Host: h", "ed-Host: before, h")
    };
    vec![
        Case::passed("R35 what is protected survives", get(&[named, kept].concat()), got(kept, "")),
        Case::passed("R35 what is not does not", get(&format!("{named}X-Hop: 1\r\n")), got("", "")),
        Case::passed(
            "R35 the handshake's own fields are protected",
            ask("Connection: Sec-WebSocket-Key, Sec-WebSocket-Version\r\n"),
            asked(""),
        ),
        Case::refused("R35 a list that is none", 400, get("Connection: a b\r\n")),
        Case::passed("fields of one hop end here", get(hop), got("", "")),
        Case::passed(
            "R30 nothing that matters goes on in disguise",
            get("X_Forwarded_For: 1\r\nContent_Length: 5\r\nA_B: c\r\nUpgrade_: d\r\n"),
            got("A_B: c\r\nUpgrade_: d\r\n", ""),
        ),
        Case::passed("X-Forwarded-* are appended", get(before), chained(got("", ""))),
        Case::passed(
            "R35 X-Forwarded-For cannot be dropped by naming it",
            get(&format!("{named}{before}")),
            chained(got("", "")),
        ),
    ]
}

/// `Max-Forwards`, and R35 for it.
fn hops() -> Vec<Case> {
    let max = |value: &str| format!("Max-Forwards: {value}\r\n");
    let (one, five, named) = (max("1"), max("5"), "Connection: Max-Forwards\r\n");
    let by = |method: &str, value: &str| get(&max(value)).replace("GET", method);
    vec![
        Case::passed("Max-Forwards loses one", get(&five), got(&max("4"), "")),
        Case::passed("Max-Forwards of an upgrade too", ask(&five), asked(&max("4"))),
        Case::passed("Max-Forwards ends at the next hop", get(&one), got(&max("0"), "")),
        Case::passed("R35 naming it ends no loop later", get(&[named, &five].concat()), {
            got(&max("4"), "")
        }),
        Case::refused("Max-Forwards is spent", 400, by("GET", "0")),
        Case::refused("Max-Forwards of an upgrade is spent", 400, ask(&max("0"))),
        Case::refused("Max-Forwards ends an OPTIONS here", 200, by("OPTIONS", "0")),
        Case::refused("Max-Forwards ends a TRACE here", 501, by("TRACE", "0")),
        Case::refused("Max-Forwards is no number", 400, get(&max("abc"))),
        Case::refused("Max-Forwards is below zero", 400, get(&max("-1"))),
        Case::refused("Max-Forwards is empty", 400, get(&max(""))),
        Case::refused("Max-Forwards is a list", 400, get(&max("5, 5"))),
        Case::refused("Max-Forwards is doubled", 400, get(&five.repeat(2))),
    ]
}

/// R36 for targets, and which rule a path falls under.
fn paths() -> Vec<Case> {
    let at = |path: &str| get("").replace("/page", path);
    let heard = |path: &str| got("", "").replace("/page", path);
    vec![
        Case::passed("R36 no byte of a path ends a line", at("/a%0d%0aX:y"), heard("/a%0D%0AX:y")),
        Case::passed("a query is not touched", at("/a?b=%0d/../c"), heard("/a?b=%0d/../c")),
        Case::passed("a path has one spelling", at("//a/./%62/../c"), heard("/a/c")),
        Case::refused("an excluded path", 404, at("/no/x")),
        Case::refused("however it is spelled", 404, at("/a/../%6eo//x")),
        Case::refused("a hidden separator", 404, at("/a%2Fb")),
        Case::refused("a bad path", 400, at("/a%zz")),
        Case::refused("a bad path", 400, at("/../a")),
        Case::passed("R3 a path for upgrades, without one", at("/ws/page"), heard("/page")),
        Case::passed(
            "R3 a path without upgrades, with one",
            get(HANDSHAKE),
            got(
                "Sec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                "",
            ),
        ),
    ]
}
