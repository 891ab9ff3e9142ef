//! What must be true of a session that has ended.

use underpass_core::exchange::Body;
use underpass_core::head::{
    BadHeader, Buffers, Fields, Framing, Request, Response, Scan, Version, slots,
};
use underpass_core::limits::Limits;
use underpass_core::report::{Close, Report};

use crate::answer::Answer;
use crate::chunks::Plain;
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
        got = response(told, wires, got, false);
    }
    request(last, &wires.limits);
    assert_eq!(response(last, wires, got, true).len(), 0, "bytes behind the last answer");
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
    let head = Scan::default().find(told.asked, limits).ok().flatten();
    let sent = head.as_ref().map_or(&[][..], |head| &told.asked[head.end..]);
    let mut fields = slots();
    let request = head.and_then(|head| Request::parse(&told.asked[head], &mut fields).ok());
    let chunked = request.is_some_and(|request| request.framing == Framing::Chunked);
    let passed = if chunked { unchunked(sent, report.status == 101) } else { sent.to_vec() };
    assert!(passed.starts_with(behind), "the backend got other bytes");
    assert!(report.pulled.client >= report.pushed.client, "more went out than came in");
    assert!(report.pulled.client <= sent.len() as u64, "more came in than was sent");
    replays(told, got);
}

/// What of a chunked body goes on, with what a tunnel that has opened behind it carries.
fn unchunked(sent: &[u8], is_tunnel: bool) -> Vec<u8> {
    let Plain { mut passed, end, .. } = Plain::read(sent);
    passed.extend(end.filter(|_| is_tunnel).map_or(&[][..], |end| &sent[end..]));
    passed
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
fn response<'g>(told: &Told<'_>, wires: &Wires<'_>, got: &'g [u8], is_last: bool) -> &'g [u8] {
    let report = &told.report;
    let mut fields = slots();
    let Some(answer) = Answer::first(got, BadHeader::IsError) else {
        assert!(is_last, "no answer, and the connection was kept");
        assert_eq!(report.pushed.backend, 0, "bytes went, and no head before them");
        assert!(!report.reusable, "no answer was told, and the backend's connection is kept");
        return &[];
    };
    let (response, head) = (answer.parse(&mut fields), answer.end);
    assert_eq!(response.status, report.status, "the client got another status");
    if !is_last {
        must_say_kept(told, &response.fields);
    }
    let length = if let Close::Refused(_) = report.close {
        assert_eq!(report.pushed.backend, 0, "we refused, and bytes went");
        if let (true, Some((peer, _))) = (report.reusable, &told.backend) {
            nothing_is_left(peer, wires.bad_header);
        }
        let length = ours(told, &wires.limits, &response);
        if is_last { length.min(got.len() - head) } else { length }
    } else {
        let (peer, _) = told.backend.as_ref().expect("who answers is there");
        let chunked = response.fields.has("transfer-encoding");
        relayed(peer, wires.bad_header, report, &got[head..], chunked);
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
fn nothing_is_left(peer: &Peer<'_>, bad_header: BadHeader) {
    let (mut asked, mut fields) = (slots(), slots());
    let head = head_of(&peer.got).expect("an answer follows a request");
    let request = Request::parse(&peer.got[..head], &mut asked).expect("we forward good heads");
    let answer = Answer::first(peer.sends, bad_header).expect("it has answered");
    let body = Body::from(answer.parse(&mut fields).framing(request.method == "HEAD"));
    assert!(
        body.is_all(&peer.sends[answer.end..peer.read]),
        "something is left, or was read behind it"
    );
}

/// What went on of a response, which the client got in chunks or not, is what the backend sent.
fn relayed(peer: &Peer<'_>, bad_header: BadHeader, report: &Report, got: &[u8], chunked: bool) {
    let mut fields = slots();
    let answer = Answer::first(peer.sends, bad_header).expect("who answers sends a head");
    let (response, start) = (answer.parse(&mut fields), answer.end);
    let (sent, behind) = (&peer.sends[start..], &got[..report.pushed.backend as usize]);
    let plain = Plain::read(sent);
    let (passed, length) = match (response.fields.has("transfer-encoding"), chunked) {
        (false, _) => (sent, report.pulled.backend as usize),
        (true, true) => (&plain.passed[..], plain.end.unwrap_or(sent.len())),
        (true, false) => (&plain.data[..], plain.end.unwrap_or(sent.len())),
    };
    assert!(passed.starts_with(behind), "the client got other bytes");
    assert!(report.pulled.backend >= report.pushed.backend, "more went out than came in");
    if report.reusable {
        assert_eq!(peer.read, start + length, "something is left on a connection that is kept");
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
