//! Bytes as two peers and a script, as for [`session`]: what each peer got is read by hyper as exactly
//! the messages that we counted, and nothing went on that hyper refuses.

use underpass_core::head::{Request, Scan, slots};
use underpass_core::report::{Close, Report};

use crate::answer::Answer;
use crate::by_hyper::{self, End};
use crate::message::{self, Message};
use crate::session;
use crate::wires::{Peer, Told, Wires};

/// Checks what the backend heard, and what the client heard, by the bytes that the other one sent.
pub fn check(data: &[u8]) {
    session::play(data, |wires, _| {
        for told in &wires.told {
            let present = told.backend.as_ref().map(|(peer, _)| &peer.got);
            for got in told.stale.iter().chain(present) {
                requests(got, told);
            }
        }
        responses(wires);
    });
}

/// The backend heard one request at the most, which is the client's, and nothing behind it but what
/// goes through a tunnel.
fn requests(got: &[u8], told: &Told<'_>) {
    let message = Message::first(got);
    let length = message.as_ref().map_or(got.len(), |message| message.length);
    assert!(length == got.len() || told.report.status == 101, "something stands behind a request");
    let read = by_hyper::requests(&got[..length]);
    let Some(Message { request, is_bare, .. }) = message else {
        return assert_eq!(read.requests, [], "half a request is read as a whole one");
    };
    assert!(is_bare, "an extension or a trailer went on");
    assert_eq!((&read.requests[..], read.refused), (&[request][..], None));
    let said = by_hyper::requests(told.asked);
    let Some(said) = said.requests.first() else {
        panic!("it refuses what went on: {:?}", said.refused)
    };
    let went_on = &read.requests[0];
    assert_eq!((&said.method, &said.body), (&went_on.method, &went_on.body));
    assert_eq!(query(said), query(went_on), "it asks for something else");
}

fn query(request: &message::Request) -> Option<&str> {
    request.target.split_once('?').map(|(_, query)| query)
}

/// The client heard one final response to each request, in their order.
fn responses(wires: &Wires<'_>) {
    let mut got = &wires.client.got[..];
    for (number, told) in wires.told.iter().enumerate() {
        let report = &told.report;
        let method = method(told, wires);
        let end = if report.close.is_abrupt() { End::Reset } else { End::Fin };
        let is_last = number + 1 == wires.told.len();
        let heard = by_hyper::response(&method, got, end);
        if is_last && (!wires.client.shut || report.status == 0) {
            return unfinished(report, got, heard.ok());
        }
        let heard = heard.unwrap_or_else(|error| panic!("{}: {error:?}", report.close));
        assert_eq!(heard.status, report.status);
        if let (Close::Answered, Some((peer, _))) = (report.close, &told.backend) {
            let sent = by_hyper::response(&method, &mended(peer, wires), End::Fin);
            let sent = sent.unwrap_or_else(|error| panic!("it refuses what went on: {error:?}"));
            assert_eq!((heard.status, &heard.body), (sent.status, &sent.body));
        }
        got = &got[got.len() - heard.behind.len()..];
        if heard.status == 101 {
            return assert!(is_last, "a request behind a tunnel");
        }
    }
    assert_eq!(got, b"", "something stands behind the last response");
}

/// The last response did not reach its end in an orderly way: then it must not look as if it had.
fn unfinished(report: &Report, got: &[u8], heard: Option<by_hyper::Answer>) {
    let Some(heard) = heard else { return };
    assert_eq!(heard.status, report.status, "another response, of {} bytes", got.len());
    assert!(!report.close.is_abrupt(), "{}, and it looks whole", report.close);
}

/// The method of what the client asked; what it asks by a bad head is answered as if it were a GET.
fn method(told: &Told<'_>, wires: &Wires<'_>) -> String {
    let mut slots = slots();
    let head = Scan::default().find(told.asked, &wires.limits).ok().flatten();
    let request = head.and_then(|head| Request::parse(&told.asked[head], &mut slots).ok());
    request.map_or("GET", |request| request.method).to_owned()
}

/// What was read of the backend from its final response on, with the head that it should have sent.
fn mended(peer: &Peer<'_>, wires: &Wires<'_>) -> Vec<u8> {
    let answer = Answer::first(peer.sends, wires.bad_header).expect("who answers sends a head");
    [answer.head(), &peer.sends[answer.end..peer.read]].concat()
}
