//! What must be true of a session that has ended.

use underpass_core::exchange::Body;
use underpass_core::head::{
    Buffers, Fields, Framing, Request, Response, Scan, Slots, Version, slots,
};
use underpass_core::limits::Limits;
use underpass_core::report::{Close, Report};

use crate::wires::{Peer, Told, Wires, head_of};

/// Judges wires whose session is closed.
pub fn judge(wires: &Wires<'_>, buffers: &Buffers) {
    assert_eq!(buffers.leased(), 0, "a buffer is lost");
    assert_eq!((wires.pool.busy(), wires.pool.pending()), (0, 0), "a lease is lost");
    let [earlier @ .., last] = &wires.told[..] else { panic!("there is no report") };
    assert!(earlier.len() < wires.limits.requests as usize, "too many requests on one connection");
    let mut got = &wires.client.got[..];
    for told in earlier {
        let ends = matches!(told.report.close, Close::Answered | Close::Refused(_));
        assert!(ends, "{}, and the connection was kept", told.report.close);
        request(told, &wires.limits);
        got = response(told, &wires.limits, got, false);
    }
    request(last, &wires.limits);
    assert_eq!(response(last, &wires.limits, got, true).len(), 0, "bytes behind the last answer");
    if let Close::Ended(_) = last.report.close {
        let backend = last.backend.as_ref().is_some_and(|(peer, _)| peer.shut);
        assert!(backend && wires.client.shut, "it ended well, and somebody was not told");
        let report = last.report;
        assert_eq!(report.pulled, report.pushed, "it ended well, and bytes are missing");
    }
}

/// What the backend got behind its head is what the client sent behind its own, up to some point.
fn request(told: &Told<'_>, limits: &Limits) {
    let report = &told.report;
    let empty = Vec::new();
    let got = told.backend.as_ref().map_or(&empty, |(peer, _)| &peer.got);
    let behind = &got[head_of(got).unwrap_or(got.len())..];
    assert_eq!(report.pushed.client, behind.len() as u64, "the backend got another count");
    let head = Scan::default().find(told.asked, limits);
    let sent = head.ok().flatten().map_or(&[][..], |head| &told.asked[head.end..]);
    assert!(sent.starts_with(behind), "the backend got other bytes");
    assert!(report.pulled.client >= report.pushed.client, "more went out than came in");
    assert!(report.pulled.client <= sent.len() as u64, "more came in than was sent");
    replays(told, got);
}

/// Only what may be sent twice goes out on an idle connection, and again as it was.
fn replays(told: &Told<'_>, got: &[u8]) {
    let idle = told.backend.as_ref().is_some_and(|(_, is_idle)| *is_idle);
    for stale in &told.stale {
        let alike = stale.starts_with(got) || got.starts_with(stale);
        assert!(alike, "it was sent again, and otherwise");
    }
    for sent in told.stale.iter().map(Vec::as_slice).chain(idle.then_some(got)) {
        let Some(head) = head_of(sent) else { continue };
        let mut slots = slots();
        let request = Request::parse(&sent[..head], &mut slots).expect("we forward good heads");
        assert_eq!(request.framing, Framing::None, "a body went out twice");
        assert!(!request.fields.has("upgrade"), "an upgrade on an idle connection");
        assert_ne!(request.method, "POST");
    }
}

/// What the client got behind the final head is what the backend sent behind its own, up to some
/// point; or it is all ours. Gives what stands behind that.
fn response<'g>(told: &Told<'_>, limits: &Limits, got: &'g [u8], is_last: bool) -> &'g [u8] {
    let report = &told.report;
    let mut fields = slots();
    let Some((response, head)) = final_head(got, &mut fields) else {
        assert!(is_last, "no answer, and the connection was kept");
        assert_eq!(report.pushed.backend, 0, "bytes went, and no head before them");
        assert!(!report.reusable, "no answer was told, and the backend's connection is kept");
        return &[];
    };
    assert_eq!(response.status, report.status, "the client got another status");
    if !is_last {
        must_say_kept(told, &response.fields);
    }
    let length = if let Close::Refused(_) = report.close {
        assert_eq!(report.pushed.backend, 0, "we refused, and bytes went");
        if let (true, Some((peer, _))) = (report.reusable, &told.backend) {
            nothing_is_left(peer);
        }
        let length = ours(told, limits, &response);
        if is_last { length.min(got.len() - head) } else { length }
    } else {
        let (peer, _) = told.backend.as_ref().expect("who answers is there");
        relayed(peer, report, &got[head..]);
        report.pushed.backend as usize
    };
    assert!(got.len() >= head + length, "the client got another count");
    &got[head + length..]
}

/// How long our own body is.
fn ours(told: &Told<'_>, limits: &Limits, response: &Response<'_, '_>) -> usize {
    let mut fields = slots();
    let head = Scan::default().find(told.asked, limits).ok().flatten();
    let request = head.and_then(|head| Request::parse(&told.asked[head], &mut fields).ok());
    // Of a bad head nobody knows its method.
    if request.is_some_and(|request| request.method == "HEAD") {
        return 0;
    }
    let length = response.fields.one("content-length").ok().flatten().expect("we say how long");
    let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
    length.expect("we write numbers")
}

/// An error that was said in our own words: all of it was read, and nothing behind it.
fn nothing_is_left(peer: &Peer<'_>) {
    let (mut asked, mut fields) = (slots(), slots());
    let head = head_of(&peer.got).expect("an answer follows a request");
    let request = Request::parse(&peer.got[..head], &mut asked).expect("we forward good heads");
    let (response, start) = final_head(peer.sends, &mut fields).expect("it has answered");
    let mut body = Body::from(response.framing(request.method == "HEAD"));
    let taken = body.take(&peer.sends[start..peer.read]);
    assert_eq!(taken, Ok(peer.read - start), "something else was read");
    assert!(body.is_done(), "something is left on a connection that is kept");
}

fn relayed(peer: &Peer<'_>, report: &Report, got: &[u8]) {
    let mut fields = slots();
    let answer = final_head(peer.sends, &mut fields);
    let (response, start) = answer.expect("who answers sends a head");
    let behind = &got[..report.pushed.backend as usize];
    assert!(peer.sends[start..].starts_with(behind), "the client got other bytes");
    assert!(report.pulled.backend >= report.pushed.backend, "more went out than came in");
    if report.reusable {
        let end = start as u64 + report.pulled.backend;
        assert_eq!(peer.read as u64, end, "something is left on a connection that is kept");
        assert!(response.fields.persists(response.version), "the backend will close it");
        let head = head_of(&peer.got).expect("an answer follows a request");
        let mut slots = slots();
        let request = Request::parse(&peer.got[..head], &mut slots).expect("we forward good heads");
        assert!(!request.fields.lists("connection", "close"), "we told the backend to close it");
        assert!(!request.fields.has("upgrade"), "a connection is kept after an upgrade");
    }
}

/// A client whose connection is kept must know.
fn must_say_kept(told: &Told<'_>, fields: &Fields<'_, '_>) {
    assert!(!fields.lists("connection", "close"), "it said that it would close");
    let line = told.asked.trim_ascii_start().split(|&byte| byte == b'\n').next();
    let old = line.is_some_and(|line| line.trim_ascii_end().ends_with(b" HTTP/1.0"));
    let version = if old { Version::Http10 } else { Version::Http11 };
    assert!(fields.persists(version), "it did not say that it would not close");
}

/// The final response of `bytes`, and where its head ends.
fn final_head<'h, 'b>(
    bytes: &'b [u8],
    fields: &'h mut Slots<'b>,
) -> Option<(Response<'h, 'b>, usize)> {
    let mut start = 0;
    loop {
        let limits = Limits { fields: 256, field: u32::MAX, line: u32::MAX, ..Limits::RESPONSE };
        let head = Scan::default().find(&bytes[start..], &limits).ok()??;
        let (from, end) = (start + head.start, start + head.end);
        let mut again = slots();
        let is_interim = Response::parse(&bytes[from..end], &mut again).ok()?.is_interim();
        if !is_interim {
            return Some((Response::parse(&bytes[from..end], fields).ok()?, end));
        }
        start = end;
    }
}
