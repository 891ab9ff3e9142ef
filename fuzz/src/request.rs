//! Bytes as a request head: found, parsed, and forwarded.
//!
//! ```text
//! [ configuration | limits | first cut | further cuts | the head … ]
//! ```

use std::net::{IpAddr, Ipv4Addr};

use underpass_core::head::{Buf, Buffers, Fields, Framing, Request, Version, slots};
use underpass_core::limits::Limits;
use underpass_core::negotiate::forward::{Way, request as write};
use underpass_core::negotiate::{Offer, Refusal, hops};
use underpass_core::route::{CleanPath, Fallback, Forward, Rules, Upgrade, Via};

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
    let found = rules.find(path.as_bytes(), request.fields.has("upgrade"));
    let (rule, rest) = found.ok_or(Refusal::NoRule)?;
    let forward = rules.forward(rule).ok_or(Refusal::NoRule)?;
    let offer = Offer::of(request, forward)?;
    let hops = hops::onward(request, rules.max_forwards).map_err(Refusal::Hops)?;
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (scheme, offer, reuses) = ("http", &offer, true);
    let way = Way { rules, forward, rest, client, scheme, hops, offer, reuses };
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
    assert_eq!((again.framing, again.query), (request.framing, request.query));
    fields(&again, way);
    ours(&again, request, way);
    let any = Forward { upgrade: Upgrade::Any, fallback: Fallback::Http, ..way.forward.clone() };
    assert_eq!(Offer::of(&again, &any).as_ref(), Ok(way.offer), "{}", bytes.escape_ascii());
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
    if way.forward.add_headers {
        is_last("x-forwarded-for", "127.0.0.1");
        is_last("x-forwarded-server", &way.rules.server_name);
        assert!(again.fields.has("x-forwarded-proto"), "no scheme");
    }
    if way.forward.add_forwarded {
        is_last("forwarded", &element(request));
    } else {
        assert_eq!(all("forwarded"), came("forwarded"));
    }
    if way.rules.via == Via::Block {
        assert_eq!(all("via").len(), 0);
    } else {
        heads::must_name_our_hop(&again.fields, &request.fields, request.version, way.rules);
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
