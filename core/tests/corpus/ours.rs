//! Heads in which we say something of ourselves, under the configuration that makes us.

use super::{Asked, Case};
use crate::world::heads::{FORWARDED, ask, asked, get, got, switch, switched};

/// What makes us say all that we can.
pub(crate) const OURS: &str = "ProxyVia On\nProxyMaxForwards 9\nProxyAddForwarded On\n";

const VIA: &str = "Via: 1.1 proxy.example\r\n";
const MAX: &str = "Max-Forwards: 9\r\n";
const ELEMENT: &str = "for=192.0.2.7;host=h;proto=http\r\n";

/// R35 and the fields that we write into requests.
pub(crate) fn requests() -> Vec<Case> {
    let forwarded = format!("Forwarded: {ELEMENT}");
    let all = |heard: String| heard.replace(FORWARDED, &[VIA, MAX, FORWARDED, &forwarded].concat());
    let named = "Connection: Via, Forwarded, Max-Forwards, X-Forwarded-Proto\r\n";
    let before = "Via: 1.0 a\r\nvia: 1.1 b (c)\r\nForwarded: for=\"[::1]\"\r\nMax-Forwards: 3\r\n";
    let behind = |heard: String| {
        all(heard)
            .replace("Via: ", "Via: 1.0 a, 1.1 b (c), ")
            .replace(MAX, "Max-Forwards: 2\r\n")
            .replace("Forwarded: for", "Forwarded: for=\"[::1]\", for")
    };
    let https = "X-Forwarded-Proto: https\r\n";
    let alone = all(got(https, "")).replace("X-Forwarded-Proto: http\r\n", "");
    vec![
        Case::passed("all that is ours", get(""), all(got("", ""))),
        Case::passed("of an upgrade too", ask(""), all(asked(""))),
        Case::passed("R35 ours is written after the strip", get(named), all(got("", ""))),
        Case::passed("ours is behind theirs", get(before), behind(got("", ""))),
        Case::passed("R35 and theirs survives", get(&[named, before].concat()), {
            behind(got("", ""))
        }),
        Case::passed("R35 one scheme goes on", get(&[named, https].concat()), alone),
        Case::passed("no quote hides ours", get("Forwarded: for=\"\r\n"), all(got("", ""))),
    ]
}

/// The hop that we write into responses.
pub(crate) fn responses() -> Vec<(Asked, Case)> {
    let ended = |fields: &str| format!("HTTP/1.1 204 No\r\n{fields}\r\n");
    let before = "Via: 1.0 a\r\nConnection: Via\r\nvia: 1.1 b\r\n";
    let behind = "Via: 1.0 a, 1.1 b, 1.1 proxy.example\r\n";
    let old = "HTTP/1.0 204 No\r\nConnection: close\r\n\r\n";
    let early = "HTTP/1.1 103 Early\r\nVia: 1.1 a\r\n\r\n";
    let with = |early: &str, last: &str| [early, last].concat();
    vec![
        (Asked::Get, Case::passed("our hop", ended(""), ended(VIA))),
        (Asked::Get, Case::passed("R35 behind theirs", ended(before), ended(behind))),
        (Asked::Get, Case::passed("what came in 1.0", old, ended(&VIA.replace("1.1", "1.0")))),
        (
            Asked::Get,
            Case::passed("not in an interim head", with(early, &ended("")), {
                with(early, &ended(VIA))
            }),
        ),
        (Asked::WebSocket, Case::switched("in a 101", switch(""), switched(VIA))),
        (Asked::WebSocket, Case::switched("R35 behind theirs", switch(before), switched(behind))),
    ]
}
