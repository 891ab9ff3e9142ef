//! What a check sends, and what it makes of what comes.

use super::*;
use crate::limits::HEAD_MOST;
use crate::negotiate::offer::Accept;
use crate::route::check::{Expectation, Test};
use crate::route::{Manner, Scheme, Target};

const GET: CheckMethod = CheckMethod::Http { verb: Verb::Get, is_11: false };
const CHANCE: [u8; 20] = *b"0123456789abcdefMASK";
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";

fn at(secs: u64) -> Time {
    Time::ZERO.after(Wait::from_secs(secs))
}

fn check(method: CheckMethod) -> Check {
    let uri = if let CheckMethod::Http { verb: Verb::Options, .. } = method { "*" } else { "/x" };
    Check {
        method,
        interval: Wait::from_secs(1),
        passes: 1,
        fails: 1,
        uri: uri.into(),
        expects: None,
    }
}

fn probe(check: &Check) -> Probe<'_> {
    probe_with(check, BadHeader::IsError)
}

fn probe_with(check: &Check, bad_header: BadHeader) -> Probe<'_> {
    let target = Target::new(Scheme::Ws, "b", 81);
    let manner =
        Manner { connect: Wait::from_secs(2), answer: Wait::from_secs(5), ..Manner::DEFAULT };
    Probe::new(&Member { manner, ..Member::new(target) }, check, bad_header, CHANCE, at(0))
}

/// It is connected, and has sent all that it wanted to.
fn asking(check: &Check) -> Probe<'_> {
    let mut probe = probe(check);
    assert_eq!(probe.connected(at(1)), None);
    probe.sent(probe.to_send().len());
    probe
}

fn answered(method: CheckMethod, answer: impl AsRef<[u8]>) -> Option<Outcome> {
    asking(&check(method)).heard(answer.as_ref(), at(2))
}

fn switch() -> String {
    let accept = Accept::of(KEY.as_bytes());
    let accept = std::str::from_utf8(accept.as_bytes()).expect("digits");
    format!(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[test]
fn by_tcp_it_only_connects() {
    let check = check(CheckMethod::Tcp);
    let mut probe = probe(&check);
    assert_eq!((probe.address(), probe.to_send()), (Some(0), b"".as_slice()));
    assert_eq!(probe.connected(at(1)), Some(Ok(())));
    assert_eq!(probe.to_send(), b"");
}

/// As a session does: it dials one address after the other, unless no other could help.
#[test]
fn whoever_cannot_be_reached_by_one_address_is_dialled_at_the_next() {
    let check = check(CheckMethod::Tcp);
    let mut reached = probe(&check);
    assert_eq!((reached.broke(Fault::Refused, at(1)), reached.address()), (None, Some(1)));
    assert_eq!((reached.late(at(3)), reached.address()), (None, Some(2)));
    assert_eq!(reached.deadline(), at(5), "each address has its time");
    let mut none = probe(&check);
    assert_eq!(none.broke(Fault::Refused, at(1)), None);
    let told = none.broke(Fault::Exhausted, at(1));
    assert_eq!(told, Some(Err(Trouble::Broke(Fault::Refused))), "not that there is no other");
    for fault in [Fault::Exhausted, Fault::Unresolved, Fault::Resources] {
        assert_eq!(probe(&check).broke(fault, at(1)), Some(Err(Trouble::Broke(fault))));
    }
    let mut endless = probe(&check);
    let dialled = std::iter::from_fn(|| endless.late(at(1)).xor(Some(Ok(())))).count();
    assert_eq!(dialled, usize::from(ADDRESSES_MOST) - 1);
}

#[test]
fn a_request_has_a_host_and_nothing_else() {
    for (verb, is_11, head) in [
        (Verb::Get, false, "GET /x HTTP/1.0\r\nHost: b:81\r\n\r\n"),
        (Verb::Head, true, "HEAD /x HTTP/1.1\r\nHost: b:81\r\n\r\n"),
        (Verb::Options, true, "OPTIONS * HTTP/1.1\r\nHost: b:81\r\n\r\n"),
    ] {
        let check = check(CheckMethod::Http { verb, is_11 });
        let mut probe = probe(&check);
        assert_eq!(probe.to_send(), b"", "it is not connected");
        assert_eq!(probe.connected(at(1)), None);
        assert_eq!(probe.to_send(), head.as_bytes());
        probe.sent(4);
        assert_eq!(probe.to_send(), &head.as_bytes()[4..]);
    }
}

#[test]
fn a_status_is_good_or_bad() {
    for status in [200, 204, 399] {
        assert_eq!(answered(GET, format!("HTTP/1.1 {status} x\r\n\r\n")), Some(Ok(())));
    }
    for status in [400, 426, 503] {
        let bad = Some(Err(Trouble::Status(status)));
        assert_eq!(answered(GET, format!("HTTP/1.1 {status} x\r\n\r\n")), bad);
    }
    let expects = Expectation { name: "up".into(), test: Test::OneOf(vec![426]) };
    let check = Check { expects: Some(expects), ..check(GET) };
    let heard = |head: &[u8]| asking(&check).heard(head, at(2));
    assert_eq!(heard(b"HTTP/1.1 426 x\r\n\r\n"), Some(Ok(())));
    assert_eq!(heard(b"HTTP/1.1 200 x\r\n\r\n"), Some(Err(Trouble::Status(200))));
}

#[test]
fn interim_answers_are_passed_over_but_not_for_ever() {
    let interim = "HTTP/1.1 103 x\r\n\r\n";
    let some = interim.repeat(INTERIM_MOST.into());
    assert_eq!(answered(GET, format!("{some}HTTP/1.1 200 x\r\n\r\n")), Some(Ok(())));
    assert_eq!(answered(GET, format!("{some}{interim}")), Some(Err(Trouble::Interims)));
}

#[test]
fn what_is_no_http_is_bad() {
    assert_eq!(answered(GET, "SSH-2.0-x\r\n\r\n"), Some(Err(Trouble::Head(BadHead::Syntax))));
    assert!(matches!(answered(GET, vec![b'x'; HEAD_MOST]), Some(Err(Trouble::Head(_)))));
    let unasked = Some(Err(Trouble::Nonsense(Nonsense::Unasked)));
    assert_eq!(answered(GET, switch()), unasked);
}

/// `ProxyBadHeader`: whose answers to requests are taken passes its checks.
#[test]
fn a_line_that_is_no_field_is_what_it_is_for_requests() {
    let heard = |bad_header, check: &Check, answer: &[u8]| {
        let mut probe = probe_with(check, bad_header);
        assert_eq!(probe.connected(at(1)), None);
        probe.sent(probe.to_send().len());
        probe.heard(answer, at(2)).or_else(|| probe.ended(at(2)))
    };
    let check = check(GET);
    let bad = b"HTTP/1.1 200 x\r\nno field\r\n\r\n";
    let syntax = Some(Err(Trouble::Head(BadHead::Syntax)));
    assert_eq!(heard(BadHeader::IsError, &check, bad), syntax);
    assert_eq!(heard(BadHeader::Ignore, &check, bad), Some(Ok(())));
    assert_eq!(heard(BadHeader::StartBody, &check, bad), Some(Ok(())));
    let last = b"HTTP/1.1 200 x\r\nno line";
    assert_eq!(heard(BadHeader::StartBody, &check, last), Some(Ok(())));
    let ended = Some(Err(Trouble::Ended));
    assert_eq!(heard(BadHeader::Ignore, &check, last), ended);
    let cut = b"HTTP/1.1 200 x\r\nContent-Length: 99\r\nno line";
    assert_eq!(heard(BadHeader::StartBody, &check, cut), ended);
    let interim = b"HTTP/1.1 103 x\r\nno field\r\n\r\nHTTP/1.1 200 x\r\n\r\n";
    assert_eq!(heard(BadHeader::Ignore, &check, interim), syntax);
}

#[test]
fn a_small_body_is_waited_for_and_a_big_one_is_not() {
    let check = check(GET);
    let mut probe = asking(&check);
    assert_eq!(probe.heard(b"HTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\na", at(2)), None);
    assert_eq!(probe.ended(at(2)), Some(Err(Trouble::Ended)));
    assert_eq!(probe.heard(b"bc", at(2)), Some(Ok(())));
    let more = CHECK_BODY_MOST + 1;
    let big = format!("HTTP/1.1 200 x\r\nContent-Length: {more}\r\n\r\na");
    assert_eq!(answered(GET, big), Some(Ok(())));
    let head = CheckMethod::Http { verb: Verb::Head, is_11: true };
    let small = "HTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(answered(head, small), Some(Ok(())));
}

#[test]
fn each_step_has_its_time() {
    let check = check(CheckMethod::WebSocket);
    let mut probe = probe(&check);
    assert_eq!(probe.deadline(), at(2));
    assert_eq!(probe.connected(at(3)), None);
    assert_eq!(probe.deadline(), at(8));
    assert_eq!(probe.late(at(8)), Some(Err(Trouble::Late)));
    probe.sent(probe.to_send().len());
    assert_eq!(probe.heard(switch().as_bytes(), at(6)), None);
    assert_eq!(probe.deadline(), at(11));
    assert_eq!(probe.late(at(11)), Some(Ok(())), "it has proved that it switches");
}

#[test]
fn a_handshake_is_verified_and_closed() {
    let check = check(CheckMethod::WebSocket);
    let mut probe = probe(&check);
    assert_eq!(probe.connected(at(1)), None);
    let asked = format!(
        "GET /x HTTP/1.1\r\nHost: b:81\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    assert_eq!(probe.to_send(), asked.as_bytes());
    probe.sent(asked.len());
    // A greeting comes before the Close, whose beginning comes alone.
    let greeted = [switch().as_bytes(), b"\x81\x02hi\x88"].concat();
    assert_eq!(probe.heard(&greeted, at(2)), None);
    let masked = [b'M' ^ 0x03, b'A' ^ 0xE8];
    assert_eq!(probe.to_send(), [b"\x88\x82MASK".as_slice(), &masked].concat());
    let passed = Some(Ok(()));
    assert_eq!((probe.ended(at(2)), probe.broke(Fault::Reset, at(2))), (passed, passed));
    assert_eq!(probe.heard(b"\x02\x03\xE8", at(2)), Some(Ok(())));
}

#[test]
fn whoever_does_not_switch_or_does_it_badly_fails_a_handshake() {
    for status in [200, 400, 426] {
        let bad = Some(Err(Trouble::Status(status)));
        let answer = format!("HTTP/1.1 {status} x\r\n\r\n");
        assert_eq!(answered(CheckMethod::WebSocket, answer), bad);
    }
    let forged = switch().replace("Accept: ", "Accept: x");
    let wrong = Some(Err(Trouble::Nonsense(Nonsense::Accept)));
    assert_eq!(answered(CheckMethod::WebSocket, forged), wrong);
}

#[test]
fn who_sends_without_end_instead_of_a_close_is_left() {
    let long = [b"\x82\x7f\0\0\0\0\xff\0\0\0".as_slice(), &[0; CHECK_BODY_MOST as usize]].concat();
    let sent = [switch().as_bytes(), &long].concat();
    assert_eq!(answered(CheckMethod::WebSocket, sent), Some(Ok(())));
    let check = check(CheckMethod::WebSocket);
    let mut probe = asking(&check);
    assert_eq!(probe.heard(switch().as_bytes(), at(2)), None);
    let some = b"\x81\x02hi".repeat(64);
    let most = CHECK_BODY_MOST as usize / some.len();
    assert!((0..most).all(|_| probe.heard(&some, at(2)).is_none()));
    assert_eq!(probe.heard(&some, at(2)), Some(Ok(())), "frame after frame");
}
