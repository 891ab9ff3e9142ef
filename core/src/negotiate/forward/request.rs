//! Stage 3 of 6 · the request head that goes to the backend.

use std::net::IpAddr;

use super::{After, Lines, passes};
use crate::head::{Buf, Buffers, Framing, Request};
use crate::negotiate::{Consent, Offer};
use crate::route::path::encode;
use crate::route::{Forward, Rules};

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
    /// Whether its connection may serve a further request (`disablereuse=`).
    pub reuses: bool,
}

/// Writes the request head that goes to the backend.
pub fn request(request: &Request<'_, '_>, way: Way<'_>, out: &mut Buf, buffers: &mut Buffers) {
    let mut lines = Lines { out, buffers };
    let path = path(way.forward, way.rest);
    // Ours, whatever the client speaks (RFC 9112 §2.3).
    lines.line(&[request.method.as_bytes(), b" ", &path, request.query, b" HTTP/1.1"]);
    lines.field("Host", host(request, way.forward).as_bytes());
    // R26: who does not wait for a 100 does not ask the backend for one.
    let waits = Consent::of(request, way.forward) == Ok(Consent::Backend);
    let added = if way.forward.add_headers { &X_FORWARDED[..] } else { &[] };
    for (name, value) in request.fields.iter() {
        let ours = |own: &&str| name.eq_ignore_ascii_case(own);
        let again = ours(&"host") || added.iter().any(ours);
        let silent = ours(&"expect") && !waits;
        if !again && !silent && passes(&request.fields, name) {
            lines.field(name, value);
        }
    }
    if way.forward.add_headers {
        x_forwarded(&mut lines, request, &way);
    }
    lines.framing(length_kept(request));
    match way.offer.token() {
        Some(token) => lines.upgrade(token.as_bytes()),
        None if way.reuses => {}
        None => lines.connection(After::Close),
    }
    lines.line(&[]);
}

/// `Content-Length: 0` is kept, because some backends demand a length of a POST.
fn length_kept(request: &Request<'_, '_>) -> Framing {
    let says_zero = request.framing == Framing::None && request.fields.has("content-length");
    if says_zero { Framing::Length(0) } else { request.framing }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;
    use crate::route::{Scheme, Target, Upgrade, WorkerId};

    fn rule() -> Forward {
        let (scheme, host, port) = (Scheme::Ws, "back.example".into(), 9000);
        let target = Target { scheme, host, port, path: "/base/".into() };
        Forward { upgrade: Upgrade::Any, ..Forward::new(target, WorkerId(0)) }
    }

    fn forwarded(head: &str, forward: &Forward, offer: &Offer) -> String {
        forwarded_on(true, head, forward, offer)
    }

    fn forwarded_on(reuses: bool, head: &str, forward: &Forward, offer: &Offer) -> String {
        let rules = Rules { server_name: "front.example".into(), ..Rules::default() };
        let client = IpAddr::from([192, 0, 2, 7]);
        let (mut out, mut buffers, mut slots) = (Buf::default(), Buffers::default(), slots());
        let parsed = Request::parse(head.as_bytes(), &mut slots).unwrap();
        let way = Way { rules: &rules, forward, rest: b"a b\r\n", client, offer, reuses };
        request(&parsed, way, &mut out, &mut buffers);
        String::from_utf8(out.bytes().to_vec()).unwrap()
    }

    const HEAD: &str = "GET /ws/x?q=1 HTTP/1.1\r\nHost: Front:81\r\nA: 1\r\nX-Forwarded-For: 10.0.0.1\r\n\
                        Connection: upgrade, X-Forwarded-For\r\nUpgrade: foo\r\nB: 2\r\n\r\n";

    #[test]
    fn an_offer_goes_out_with_what_is_known_of_the_client() {
        let text = forwarded(HEAD, &rule(), &Offer::Other("foo".into()));
        let expected = "GET /base/a%20b%0D%0A?q=1 HTTP/1.1\r\nHost: back.example:9000\r\nA: 1\r\nB: 2\r\n\
                        X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\nX-Forwarded-Host: Front:81\r\n\
                        X-Forwarded-Server: front.example\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_ordinary_request_keeps_its_framing_and_the_connection() {
        let head =
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        let forward = Forward { add_headers: false, preserve_host: true, ..rule() };
        let text = forwarded(head, &forward, &Offer::None);
        let expected = "POST /base/a%20b%0D%0A HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\
                        Content-Length: 3\r\n\r\n";
        assert_eq!(text, expected);
        let old = "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
        let text = forwarded(old, &forward, &Offer::None);
        assert_eq!(text, "GET /base/a%20b%0D%0A HTTP/1.1\r\nHost: h\r\n\r\n");
        let empty = forwarded(&head.replace("h: 3", "h: 0"), &forward, &Offer::None);
        assert!(empty.contains("\r\nContent-Length: 0\r\n"), "{empty}");
    }

    /// `disablereuse=On`: the backend is told to close, except where the connection becomes a tunnel.
    #[test]
    fn a_connection_that_serves_once_says_so() {
        let text = forwarded_on(false, HEAD, &rule(), &Offer::None);
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n"), "{text}");
        let text = forwarded_on(false, HEAD, &rule(), &Offer::Other("foo".into()));
        assert!(text.ends_with("\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"), "{text}");
    }

    /// A client's own X-Forwarded fields stay as they are where none are added.
    #[test]
    fn nothing_is_added_where_nothing_is_wanted() {
        let forward = Forward { add_headers: false, ..rule() };
        let text = forwarded(HEAD, &forward, &Offer::None);
        assert!(text.contains("\r\nX-Forwarded-For: 10.0.0.1\r\n"), "{text}");
        assert!(!text.contains("X-Forwarded-Host"), "{text}");
    }

    /// R33: the authority of an absolute target is the host that is preserved.
    #[test]
    fn an_absolute_target_wins_over_host() {
        let head = "GET http://real.example/ws/x HTTP/1.1\r\nHost: fake.example\r\n\r\n";
        let forward = Forward { preserve_host: true, ..rule() };
        let text = forwarded(head, &forward, &Offer::None);
        assert!(text.contains("\r\nHost: real.example\r\n"), "{text}");
        assert!(!text.contains("fake.example"), "{text}");
    }

    /// The target is the rule's: no path of a client's can reach into the authority (CVE-2021-40438).
    #[test]
    fn the_path_is_always_absolute() {
        let mut forward = rule();
        forward.target.path = String::new();
        let text = forwarded(HEAD, &forward, &Offer::None);
        assert!(text.starts_with("GET /a%20b%0D%0A?q=1 HTTP/1.1\r\n"), "{text}");
    }
}
