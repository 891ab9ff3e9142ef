//! Bytes as a response head: found, mended, parsed, judged, and forwarded.
//!
//! ```text
//! [ bad lines and Via | the request and its end | first cut | further cuts | the head … ]
//! ```

use std::borrow::Cow;

use underpass_core::edit::{Changes, Editor};
use underpass_core::head::{
    BadHeader, Buf, Buffers, Fields, Framing, Request, Response, Scan, Version, slots,
};
use underpass_core::limits::{FIELDS_MOST, Limits};
use underpass_core::negotiate::forward::{After, interim, response as last, switch};
use underpass_core::negotiate::{Answer, Offer, judge};
use underpass_core::route::{
    BalancerId, Forward, Host, Rules, Scheme, Scope, Target, Upgrade, Via,
};
use underpass_core::time::Wait;

use crate::heads;

/// Checks that the head comes out the same however it is cut and whatever is mended, and that what we
/// make of it is as strict as what we take, and means the same.
pub fn check(data: &[u8]) {
    let [words, asked, first, further, bytes @ ..] = data else { return };
    let (bad_header, host) = (bad_header(*words), &host(*words));
    let limits = Limits { bad_header, ..limits(*words) };
    let Ok(found) = heads::find(bytes, [*first, *further], &limits) else { return };
    must_begin_the_body(bad_header, &bytes[..found.as_ref().map_or(bytes.len(), |it| it.end)]);
    let Some(range) = found else { return };
    let head = &bytes[..range.end];
    let mended = bad_header.mend(head);
    match &mended {
        Cow::Borrowed(same) => assert_eq!(*same, head, "it is not what came"),
        Cow::Owned(mended) => must_be_mended(bad_header, head, mended),
    }
    let mut slots = slots();
    let Ok(response) = Response::parse(&mended, &mut slots) else { return };
    must_have_every_field(&response, &mended);
    if matches!(mended, Cow::Borrowed(_)) || response.status >= 200 {
        forward(&response, *asked, host);
    }
}

fn bad_header(number: u8) -> BadHeader {
    [BadHeader::IsError, BadHeader::Ignore, BadHeader::StartBody][usize::from(number % 4) % 3]
}

fn host(number: u8) -> Host {
    let via = [Via::Off, Via::On, Via::Full, Via::Block][usize::from(number >> 2) % 4];
    Host { via, ..Host::default() }
}

fn limits(number: u8) -> Limits {
    // What we read again of our own has fields of ours besides.
    let usual = Limits { fields: FIELDS_MOST as u32 - 10, ..Limits::RESPONSE };
    heads::limits(number >> 4, &usual)
}

/// What is no field, finished or not, stands in no head behind which a body may begin so.
fn must_begin_the_body(policy: BadHeader, head: &[u8]) {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let is_field =
        |line: &[u8]| line.contains(&b':') || line.starts_with(b" ") || line.starts_with(b"\t");
    let good = |line: &[u8]| is_field(line) || line.trim_ascii_end().is_empty();
    let all = lines(head).skip(1).all(good);
    assert!(policy != BadHeader::StartBody || all, "{} goes on", head.escape_ascii());
}

/// What is mended is whole, needs no more mending, and has every field of the head and no other.
fn must_be_mended(policy: BadHeader, head: &[u8], mended: &[u8]) {
    let strict = Scan::default().find(mended, &heads::WIDE);
    // A response behind an empty line is refused, mended or not.
    let whole = head.starts_with(b"\r\n") || strict == Ok(Some(0..mended.len()));
    assert!(whole, "it is mended, and not whole: {}", mended.escape_ascii());
    assert!(matches!(policy.mend(mended), Cow::Borrowed(_)), "it is mended twice");
    let fields = |head| lines(head).skip(1).filter(|line| line.contains(&b':'));
    assert!(fields(head).eq(fields(mended)), "a field is lost, or is new");
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|&byte| byte == b'\n')
}

/// Each line of the head is a field, and no field is more than a line (R28).
fn must_have_every_field(response: &Response<'_, '_>, head: &[u8]) {
    let lines = head.windows(2).filter(|two| two == b"\r\n").count();
    assert_eq!(response.fields.iter().count() + 2, lines, "{}", head.escape_ascii());
}

/// Whoever asked, and what becomes of the connection.
struct Asked<'a> {
    offer: &'a Offer,
    to_head: bool,
    after: After,
}

const REQUESTS: [&str; 4] = [
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     Sec-WebSocket-Protocol: chat, v2.chat\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
];

fn forward(response: &Response<'_, '_>, asked: u8, host: &Host) {
    let mut slots = slots();
    let request = REQUESTS[usize::from(asked % 4)].as_bytes();
    let request = Request::parse(request, &mut slots).expect("it is good");
    let target = Target::new(Scheme::Http, "b", 80);
    let rule = Forward { upgrade: Upgrade::Any, ..Forward::new(target, BalancerId(0)) };
    let offer = &Offer::of(&request, &rule, &Scope::DEFAULT).expect("it is good");
    let after = match asked >> 2 & 3 {
        0 => After::KeepAlive(Version::Http10),
        1 => After::KeepAlive(Version::Http11),
        _ => After::Close,
    };
    let to_head = request.method == "HEAD";
    let Ok(answer) = judge(offer, true, response) else { return };
    let (mut out, mut buffers) = (Buf::default(), Buffers::default());
    let (rules, changes) = (Rules::of(host.clone(), Vec::new()), Changes::none(0));
    let editor = Editor::new(&rules, &changes, Wait::ZERO);
    match (answer, offer.token()) {
        (Answer::Interim, _) => interim(response, &mut out, &mut buffers),
        (Answer::Final, _) => {
            last(response, response.framing(to_head), after, editor, &mut out, &mut buffers);
        }
        (Answer::Switch, token) => {
            switch(response, token.expect("it was asked for"), editor, &mut out, &mut buffers);
        }
    }
    accept(out.bytes(), response, answer, host, &Asked { offer, to_head, after });
    out.clear(&mut buffers);
    assert_eq!(buffers.leased(), 0, "a buffer is lost");
}

/// Our own head must pass our own parser, and mean what the backend's did (R36).
fn accept(
    bytes: &[u8],
    response: &Response<'_, '_>,
    answer: Answer,
    host: &Host,
    asked: &Asked<'_>,
) {
    heads::must_be_strict(bytes);
    let mut slots = slots();
    let again = Response::parse(bytes, &mut slots)
        .unwrap_or_else(|bad| panic!("{bad}: {}", bytes.escape_ascii()));
    assert_eq!((again.status, again.version), (response.status, Version::Http11));
    assert_eq!(judge(asked.offer, true, &again), Ok(answer), "{}", bytes.escape_ascii());
    must_go_on(&again.fields, &response.fields, answer);
    if answer == Answer::Interim {
        assert!(!again.fields.has("connection"), "an interim response ends nothing");
        assert!(again.fields.all("via").eq(response.fields.all("via")));
    } else {
        heads::must_name_our_hop(&again.fields, &response.fields, response.version, host);
    }
    if answer == Answer::Switch {
        let chosen = again.fields.one("sec-websocket-protocol");
        let is_offered = matches!(chosen, Ok(None | Some(b"chat" | b"v2.chat")));
        assert!(is_offered || !matches!(asked.offer, Offer::WebSocket(_)), "{chosen:?}");
        assert_eq!(again.fields.one("connection"), Ok(Some(&b"Upgrade"[..])));
    } else {
        assert_eq!(again.reason, response.reason);
    }
    if answer == Answer::Final {
        must_end_as_it_did(&again, response, asked);
    }
}

/// One framing, which is the backend's, and an end that the client understands.
fn must_end_as_it_did(again: &Response<'_, '_>, came: &Response<'_, '_>, asked: &Asked<'_>) {
    let framing = came.framing(asked.to_head);
    assert_eq!(again.framing(asked.to_head), framing);
    assert_eq!(again.fields.has("transfer-encoding"), framing == Framing::Chunked);
    let lengths = came.fields.all("content-length").filter(|_| came.status != 204);
    if framing == Framing::None {
        assert!(again.fields.all("content-length").eq(lengths), "another length is told");
    }
    let (version, keeps) = match asked.after {
        After::Close => (Version::Http11, false),
        After::KeepAlive(version) => (version, true),
    };
    assert_eq!(again.fields.persists(version), keeps);
    let wants = again.fields.lists("connection", "upgrade");
    assert_eq!(again.fields.has("upgrade"), wants, "only both ask for an upgrade");
    assert!(!wants || came.status == 426, "nobody asked for an upgrade");
}

/// What is between two ends goes on as it came and in its order, and nothing else does (R35).
fn must_go_on(again: &Fields<'_, '_>, came: &Fields<'_, '_>, answer: Answer) {
    let any = |list: &[&str], name: &str| list.iter().any(|one| name.eq_ignore_ascii_case(one));
    let is_hop = |name: &str| any(&HOPS, name) || answer == Answer::Switch && any(&CONTENT, name);
    let is_ours = |name: &str| any(&OURS, name);
    for (name, value) in again.iter() {
        assert!(!is_hop(name), "{name} went on");
        let known = came.iter().any(|field| field == (name, value));
        assert!(known || is_ours(name), "{name} is new");
    }
    // R30, R35: what is named by `Connection`, or has an underscore, may be left out.
    let must = |name: &str| {
        let may_end = came.lists("connection", name) || name.contains('_');
        !may_end && !is_hop(name) && !is_ours(name)
    };
    let plain = came.iter().filter(|field| must(field.0));
    assert!(plain.eq(again.iter().filter(|field| must(field.0))), "a field is lost, or moved");
    let kept = |fields: &Fields<'_, '_>| fields.all("set-cookie").count();
    assert_eq!(kept(again), kept(came), "no Connection removes a cookie");
}

const HOPS: [&str; 6] =
    ["proxy-connection", "keep-alive", "te", "trailer", "http2-settings", "proxy-authenticate"];
const OURS: [&str; 5] = ["connection", "upgrade", "via", "content-length", "transfer-encoding"];
/// R16: a 101 has no body to describe.
const CONTENT: [&str; 4] =
    ["content-type", "content-encoding", "content-range", "content-location"];
