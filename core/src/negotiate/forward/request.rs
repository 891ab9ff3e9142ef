//! Stage 3 of 6 · the request head that goes to the backend.

use std::net::IpAddr;

use super::{After, Lines, forwarded, passes, via};
use crate::edit::{Editor, Field};
use crate::head::{Buf, Buffers, Framing, Request};
use crate::negotiate::{Consent, Offer};
use crate::route::{Said, Target, Via};

/// What a request is forwarded by.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// What is said where it stands.
    pub said: Said<'a>,
    /// The URL of who was elected to serve it.
    pub target: &'a Target,
    /// What the configuration makes of its fields.
    pub editor: Editor<'a>,
    /// The client's address.
    pub client: IpAddr,
    /// The scheme by which the client asks, of us or of a device in front of us: `http` or `https`.
    pub scheme: &'static str,
    /// What `Max-Forwards` says, if anything: see [`hops::onward`](crate::negotiate::hops::onward).
    pub hops: Option<u32>,
    /// What we ask the backend to switch to.
    pub offer: &'a Offer,
    /// Whether its connection may serve a further request (`disablereuse=`).
    pub reuses: bool,
}

/// Writes the request head that goes to the backend.
pub fn request(request: &Request<'_, '_>, way: Way<'_>, out: &mut Buf, buffers: &mut Buffers) {
    let length = length_kept(request);
    // No `Connection` can remove what the operator says either: it is said after the strip (R35).
    let end_to_end = request.fields.iter().filter(|field| passes(&request.fields, field.0));
    match way.editor.request(end_to_end) {
        Some(edited) => {
            let fields: Vec<_> = edited.iter().map(Field::parsed).collect();
            let request = request.with_fields(&fields);
            let authority = way.editor.host_of(&request);
            write(&Request { authority, ..request }, way, length, out, buffers);
        }
        None => write(request, way, length, out, buffers),
    }
}

/// Writes a head with those fields, and a body of that length.
fn write(
    request: &Request<'_, '_>,
    way: Way<'_>,
    length: Framing,
    out: &mut Buf,
    buffers: &mut Buffers,
) {
    let mut lines = Lines { out, buffers };
    // Ours, whatever the client speaks (RFC 9112 §2.3).
    let query = if way.said.forward.passes_query { request.query } else { b"" };
    let path = way.said.path_at(way.target);
    lines.line(&[request.method.as_bytes(), b" ", &path, query, b" HTTP/1.1"]);
    lines.field("Host", host(request, &way).as_bytes());
    for (name, value) in request.fields.iter() {
        if !ends_here(name, request, &way) && passes(&request.fields, name) {
            lines.field(name, value);
        }
    }
    ours(&mut lines, request, &way);
    lines.framing(length);
    match way.offer.token() {
        Some(token) => lines.upgrade(token.as_bytes()),
        None if way.reuses => {}
        None => lines.connection(After::Close),
    }
    lines.line(&[]);
}

/// Whether a field goes on only as a part of what we write ourselves, or not at all.
fn ends_here(name: &str, request: &Request<'_, '_>, way: &Way<'_>) -> bool {
    let any = |own: &[&str]| own.iter().any(|own| name.eq_ignore_ascii_case(own));
    any(&["host", "max-forwards"])
        // R26: who does not wait for a 100 does not ask the backend for one.
        || (any(&["expect"]) && Consent::of(request, way.said.scope) != Ok(Consent::Backend))
        || (way.said.host.via != Via::Off && any(&["via"]))
        || (way.said.scope.add_headers && any(&X_FORWARDED))
        || (way.said.scope.add_forwarded && any(&["forwarded"]))
}

/// What we say besides: of the hops that it took and may take, and of the client.
fn ours(lines: &mut Lines<'_>, request: &Request<'_, '_>, way: &Way<'_>) {
    via::via(lines, &request.fields, request.version, way.said.host);
    if let Some(hops) = way.hops {
        lines.field("Max-Forwards", hops.to_string().as_bytes());
    }
    if way.said.scope.add_headers {
        x_forwarded(lines, request, way);
    }
    if way.said.scope.add_forwarded {
        forwarded::forwarded(lines, request, way);
    }
}

/// `Content-Length: 0` is kept, because some backends demand a length of a POST.
fn length_kept(request: &Request<'_, '_>) -> Framing {
    let says_zero = request.framing == Framing::None && request.fields.has("content-length");
    if says_zero { Framing::Length(0) } else { request.framing }
}

fn host(request: &Request<'_, '_>, way: &Way<'_>) -> String {
    match request.authority {
        Some(authority) if way.said.scope.preserve_host => authority.to_owned(),
        _ => way.target.authority(),
    }
}

/// The lists that we append to; `X-Forwarded-Proto` is none.
const X_FORWARDED: [&str; 3] = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Server"];

/// What is known of the client, behind what proxies before us said.
///
/// An `X-Forwarded-Proto` that is there already goes on as it came: it is said by who speaks TLS in
/// front of us, and we know no better. Where there is none, `ServerName` may say it.
fn x_forwarded(lines: &mut Lines<'_>, request: &Request<'_, '_>, way: &Way<'_>) {
    let client = way.client.to_canonical().to_string();
    let own = [&client, request.authority.unwrap_or(""), &way.said.host.name];
    for (name, own) in X_FORWARDED.into_iter().zip(own) {
        lines.appended(name, request.fields.all(name), own.as_bytes());
    }
    if !request.fields.has("x-forwarded-proto") {
        lines.field("X-Forwarded-Proto", way.scheme.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Told, rule};
    use super::*;
    use crate::route::Scope;

    fn forwarded(head: &str, scope: &Scope, offer: &Offer) -> String {
        Told { head, scope: scope.clone(), offer: offer.clone(), ..Told::default() }.text()
    }

    const HEAD: &str = "GET /ws/x?q=1 HTTP/1.1\r\nHost: Front:81\r\nA: 1\r\nX-Forwarded-For: 10.0.0.1\r\n\
                        Connection: upgrade, X-Forwarded-For\r\nUpgrade: foo\r\nB: 2\r\n\r\n";

    #[test]
    fn an_offer_goes_out_with_what_is_known_of_the_client() {
        let text = forwarded(HEAD, &Scope::DEFAULT, &Offer::Other("foo".into()));
        let expected = "GET /base/a%20b%0D%0A?q=1 HTTP/1.1\r\nHost: back.example:9000\r\nA: 1\r\nB: 2\r\n\
                        X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\nX-Forwarded-Host: Front:81\r\n\
                        X-Forwarded-Server: front.example\r\nX-Forwarded-Proto: http\r\n\
                        Connection: Upgrade\r\nUpgrade: foo\r\n\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_ordinary_request_keeps_its_framing_and_the_connection() {
        let head =
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        let scope = Scope { add_headers: false, preserve_host: true, ..Scope::DEFAULT };
        let text = forwarded(head, &scope, &Offer::None);
        let expected = "POST /base/a%20b%0D%0A HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\
                        Content-Length: 3\r\n\r\n";
        assert_eq!(text, expected);
        let old = "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n";
        let text = forwarded(old, &scope, &Offer::None);
        assert_eq!(text, "GET /base/a%20b%0D%0A HTTP/1.1\r\nHost: h\r\n\r\n");
        let empty = forwarded(&head.replace("h: 3", "h: 0"), &scope, &Offer::None);
        assert!(empty.contains("\r\nContent-Length: 0\r\n"), "{empty}");
    }

    /// `disablereuse=On`: the backend is told to close, except where the connection becomes a tunnel.
    #[test]
    fn a_connection_that_serves_once_says_so() {
        let once = |offer| Told { head: HEAD, reuses: false, offer, ..Told::default() }.text();
        let text = once(Offer::None);
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n"), "{text}");
        let text = once(Offer::Other("foo".into()));
        assert!(text.ends_with("\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"), "{text}");
    }

    /// A client's own X-Forwarded fields stay as they are where none are added.
    #[test]
    fn nothing_is_added_where_nothing_is_wanted() {
        let scope = Scope { add_headers: false, ..Scope::DEFAULT };
        let text = forwarded(HEAD, &scope, &Offer::None);
        assert!(text.contains("\r\nX-Forwarded-For: 10.0.0.1\r\n"), "{text}");
        assert!(!text.contains("X-Forwarded-Host"), "{text}");
    }

    /// R35: even where `Connection` names it.
    #[test]
    fn a_scheme_that_a_proxy_before_us_said_goes_on_alone() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nx-forwarded-proto: https\r\n\
                    Connection: X-Forwarded-Proto\r\n\r\n";
        let proto = |told: Told<'_>| told.field("X-Forwarded-Proto");
        assert_eq!(proto(Told { head, ..Told::default() }), ["https"]);
        assert_eq!(proto(Told { scheme: "https", ..Told::default() }), ["https"]);
        let scope = Scope { add_headers: false, ..Scope::DEFAULT };
        assert_eq!(proto(Told { scope, ..Told::default() }), [""; 0]);
    }

    /// Naming it in `Connection` makes no loop endless.
    #[test]
    fn the_hops_that_are_left_are_written_anew() {
        let head =
            "GET / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 5\r\nConnection: max-forwards\r\n\r\n";
        let heard = |hops| Told { head, hops, ..Told::default() }.field("Max-Forwards");
        assert_eq!((heard(Some(4)), heard(None)), (vec!["4".to_owned()], vec![]));
    }

    #[test]
    fn an_empty_list_of_proxies_is_none() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For:\r\n\r\n";
        assert_eq!(Told { head, ..Told::default() }.field("X-Forwarded-For"), ["192.0.2.7"]);
    }

    /// R33: the authority of an absolute target is the host that is preserved.
    #[test]
    fn an_absolute_target_wins_over_host() {
        let head = "GET http://real.example/ws/x HTTP/1.1\r\nHost: fake.example\r\n\r\n";
        let scope = Scope { preserve_host: true, ..Scope::DEFAULT };
        let text = forwarded(head, &scope, &Offer::None);
        assert!(text.contains("\r\nHost: real.example\r\n"), "{text}");
        assert!(!text.contains("fake.example"), "{text}");
    }

    #[test]
    fn a_rule_may_keep_the_query() {
        let forward = crate::route::Forward { passes_query: false, ..rule() };
        let text = Told { head: HEAD, forward, ..Told::default() }.text();
        assert!(text.starts_with("GET /base/a%20b%0D%0A HTTP/1.1\r\n"), "{text}");
    }
}
