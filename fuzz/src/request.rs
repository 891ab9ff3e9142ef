//! Bytes as a request head: found, parsed, and forwarded.
//!
//! ```text
//! [ configuration | limits | first cut | further cuts | the head … ]
//! ```

use std::net::{IpAddr, Ipv4Addr};

use underpass_core::edit::{Changes, Editor, Vars};
use underpass_core::head::{Buf, Buffers, Fields, Framing, Request, Version, slots};
use underpass_core::limits::Limits;
use underpass_core::negotiate::forward::{Way, request as write};
use underpass_core::negotiate::offer::{accepts, offers};
use underpass_core::negotiate::{Offer, Refusal, hops};
use underpass_core::route::{Asked, CleanPath, Door, Forward, Rules, Scope, Upgrade, Via};
use underpass_core::time::Wait;

use crate::heads;
use crate::rules::rules;

/// Checks that the head comes out the same however it is cut, and that what we make of it is as
/// strict as what we take.
pub fn check(data: &[u8]) {
    let [configuration, limits, first, further, bytes @ ..] = data else { return };
    let limits = heads::limits(*limits, &Limits::DEFAULT);
    let Ok(Some(range)) = heads::find(bytes, [*first, *further], &limits) else { return };
    let mut slots = slots();
    if let Ok(request) = Request::parse(&bytes[range], &mut slots) {
        assert_ne!(request.framing, Framing::Close, "a request that ends with its connection");
        let _ = forward(&request, rules(*configuration));
    }
}

fn forward(request: &Request<'_, '_>, rules: &Rules) -> Result<(), Refusal> {
    if !request.path.starts_with(b"/") {
        return Err(Refusal::NoRule);
    }
    let path = CleanPath::parse(request.path).map_err(Refusal::Path)?;
    let accepts = |upgrade: &Upgrade| accepts(request, upgrade);
    let has_upgrade = request.fields.has("upgrade");
    let offers = |protocol: &str| offers(request, protocol);
    let asked =
        Asked { path: &path, has_upgrade, accepts: &accepts, offers: &offers, vars: Vars::NONE };
    let place = rules.place(rules.host(Door::default(), request.host()), &asked);
    let place = place.ok_or(Refusal::NoRule)?;
    let said = rules.at(&place).expect("it has just been placed there");
    let offer = Offer::of(request, said.forward, said.scope)?;
    let hops = hops::onward(request, said.host.max_forwards).map_err(Refusal::Hops)?;
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (scheme, offer, reuses) = ("http", &offer, true);
    let changes = Changes::none(0);
    let editor = Editor::new(rules, &changes, Wait::ZERO);
    let target = &said.forward.target;
    let way = Way { said, target, editor, client, scheme, hops, offer, reuses };
    let (mut out, mut buffers) = (Buf::default(), Buffers::default());
    write(request, way, &mut out, &mut buffers);
    accept(out.bytes(), request, way);
    out.clear(&mut buffers);
    assert_eq!(buffers.leased(), 0, "a buffer is lost");
    Ok(())
}

/// Our own head must pass our own parser, and mean what the client's did.
fn accept(bytes: &[u8], request: &Request<'_, '_>, way: Way<'_>) {
    heads::must_be_strict(bytes);
    let mut slots = slots();
    let again = Request::parse(bytes, &mut slots)
        .unwrap_or_else(|bad| panic!("{bad}: {}", bytes.escape_ascii()));
    assert_eq!((again.method, again.version), (request.method, Version::Http11));
    let query = if way.said.forward.passes_query { request.query } else { b"" };
    assert_eq!((again.framing, again.query), (request.framing, query));
    fields(&again, way);
    ours(&again, request, way);
    let any = Forward { upgrade: Upgrade::Any, ..way.said.forward.clone() };
    let scope = Scope { falls_back: true, ..way.said.scope.clone() };
    assert_eq!(Offer::of(&again, &any, &scope).as_ref(), Ok(way.offer), "{}", bytes.escape_ascii());
}

/// One host, one framing, nothing hop-by-hop but ours (R35).
fn fields(request: &Request<'_, '_>, way: Way<'_>) {
    let fields: &Fields<'_, '_> = &request.fields;
    let count = |name: &str| fields.all(name).count();
    assert_eq!(count("host"), 1);
    assert!(count("content-length") + count("transfer-encoding") <= 1, "two framings");
    let hops = ["keep-alive", "proxy-connection", "te", "trailer", "http2-settings"];
    assert!(!hops.iter().any(|hop| fields.has(hop)), "a hop-by-hop field went on");
    let token = way.offer.token().map(str::as_bytes);
    assert_eq!(fields.one("upgrade"), Ok(token));
    assert_eq!(fields.one("connection"), Ok(token.map(|_| &b"Upgrade"[..])));
}

/// What we say ourselves stands there once, behind what others said; where we say nothing, what
/// others said stands there as it came (R35).
fn ours(again: &Request<'_, '_>, request: &Request<'_, '_>, way: Way<'_>) {
    let all = |name: &str| again.fields.all(name).collect::<Vec<_>>();
    let came = |name: &str| request.fields.all(name).collect::<Vec<_>>();
    let is_last = |name: &str, own: &str| heads::must_end(&again.fields, name, own);
    if way.said.scope.add_headers {
        is_last("x-forwarded-for", "127.0.0.1");
        is_last("x-forwarded-server", &way.said.host.name);
        assert!(again.fields.has("x-forwarded-proto"), "no scheme");
    }
    if way.said.scope.add_forwarded {
        is_last("forwarded", &element(request));
    } else {
        assert_eq!(all("forwarded"), came("forwarded"));
    }
    if way.said.host.via == Via::Block {
        assert_eq!(all("via").len(), 0);
    } else {
        heads::must_name_our_hop(&again.fields, &request.fields, request.version, way.said.host);
    }
    let hops = way.hops.map(|hops| hops.to_string());
    let hops: Vec<_> = hops.iter().map(String::as_bytes).collect();
    assert_eq!(all("max-forwards"), hops);
    assert!(way.hops.is_none() || way.hops < Some(u32::MAX), "a hop took nothing");
}

/// How `Forwarded` names our client.
fn element(request: &Request<'_, '_>) -> String {
    let odd = |host: &str| host.contains(|char| ":[](),;=".contains(char));
    let quoted = |host: &str| if odd(host) { format!("\"{host}\"") } else { host.to_owned() };
    let host = request.authority.map(|host| format!(";host={}", quoted(host)));
    format!("for=127.0.0.1{};proto=http", host.unwrap_or_default())
}
