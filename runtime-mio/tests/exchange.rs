//! Ordinary HTTP on the same rules: bodies of every framing, both ways.

mod house;

use std::thread;

use house::{House, heads, pattern};

const MIB: usize = 1024 * 1024;
const HTTP: &str = "ProxyPass / http://BACKEND/";

#[test]
fn a_response_with_a_length_is_passed_on() {
    let house = House::new(HTTP);
    let (heard, response) =
        house.exchange(&heads::get("/a?b=c", "X: y\r\n"), &heads::fine("hello"));
    assert!(heard.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{heard}");
    assert!(heads::has(&heard, "X: y"), "{heard}");
    assert_eq!(response, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
}

/// The rule is for WebSockets, the request is not: by default it is served all the same.
#[test]
fn an_ordinary_request_goes_through_a_rule_for_websockets() {
    let house = House::new("ProxyPass / ws://BACKEND/");
    let (heard, response) = house.exchange(&heads::get("/", ""), &heads::fine("hello"));
    assert!(!heard.contains("Upgrade"), "{heard}");
    assert_eq!(heads::body(&response), "hello");
}

#[test]
fn a_chunked_response_is_passed_on() {
    let house = House::new(HTTP);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    thread::scope(|scope| {
        scope.spawn(|| {
            backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            backend.send(chunked(2 * MIB));
        });
        assert!(heads::has(&client.head(), "Transfer-Encoding: chunked"));
        assert!(unchunked(&client.rest()) == pieces(2 * MIB), "the chunks have changed");
    });
}

#[test]
fn a_response_that_ends_with_its_connection_is_passed_on() {
    let house = House::new(HTTP);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    thread::scope(|scope| {
        scope.spawn(move || {
            backend.send("HTTP/1.1 200 OK\r\n\r\n");
            backend.send_pattern(8 * MIB);
        });
        client.head();
        client.hear_pattern(8 * MIB);
        client.ends();
    });
}

#[test]
fn a_request_with_a_length_is_passed_on() {
    let house = House::new(HTTP);
    let length = 5 * MIB;
    let mut client = house.client();
    client.send(format!("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n"));
    thread::scope(|scope| {
        let mut sender = client.twin();
        scope.spawn(move || sender.send_pattern(length));
        let mut backend = house.backend();
        assert!(heads::has(&backend.head(), &format!("Content-Length: {length}")));
        backend.hear_pattern(length);
        backend.send(heads::fine("stored"));
        assert_eq!(heads::body(&client.text()), "stored");
    });
}

#[test]
fn a_chunked_request_is_passed_on() {
    let house = House::new(HTTP);
    let body = chunked(5 * MIB);
    let mut client = house.client();
    client.send("POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    thread::scope(|scope| {
        let (mut sender, body) = (client.twin(), &body);
        scope.spawn(move || sender.send(body));
        let mut backend = house.backend();
        assert!(heads::has(&backend.head(), "Transfer-Encoding: chunked"));
        assert!(backend.hear_any(body.len()) == *body, "the chunks have changed");
        backend.send(heads::fine("stored"));
        assert_eq!(heads::body(&client.text()), "stored");
    });
}

/// R23: a chunk that is none ends the request before its answer.
#[test]
fn a_malformed_chunk_is_refused() {
    let house = House::new(HTTP);
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    let (mut client, mut backend, _) = house.asked(head);
    backend.hear("5\r\nhello\r\n");
    client.send("0x5\r\nhello\r\n");
    assert_eq!(heads::status(&client.text()), "400");
    backend.fate();
}

/// A backend may answer before it has heard everything, and hear no more.
#[test]
fn an_answer_before_the_end_of_the_request_is_passed_on() {
    let house = House::new(HTTP);
    let mut client = house.client();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\nthe first bytes");
    let mut backend = house.backend();
    backend.head();
    backend.hear("the first bytes");
    backend.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch");
    let response = client.text();
    assert_eq!((heads::status(&response), heads::body(&response)), ("413", "much"));
}

#[test]
fn the_answer_to_a_head_has_no_body() {
    let house = House::new(HTTP);
    let request = heads::get("/", "").replace("GET", "HEAD");
    let (heard, response) =
        house.exchange(&request, "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
    assert!(heard.starts_with("HEAD / HTTP/1.1\r\n"), "{heard}");
    assert!(heads::has(&response, "Content-Length: 12345"), "{response}");
    assert_eq!(heads::body(&response), "");
}

/// R37: the body comes only when the backend has said that it may.
#[test]
fn a_client_that_waits_for_100_is_told_to_go_on() {
    let house = House::new(HTTP);
    let request = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let (mut client, mut backend, heard) = house.asked(request);
    assert!(heads::has(&heard, "Expect: 100-continue"), "{heard}");
    backend.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    backend.hear("hello");
    backend.send(heads::fine("stored"));
    assert_eq!(heads::body(&client.text()), "stored");
}

/// `Proxy100Continue Off`: the client is told by us, and the backend hears nothing of it.
#[test]
fn a_client_that_waits_is_told_without_its_backend() {
    let house = House::new(&format!("{HTTP}\nProxy100Continue Off"));
    let request = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let (mut client, mut backend, heard) = house.asked(request);
    assert!(!heard.contains("Expect"), "{heard}");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    backend.hear("hello");
    backend.send(heads::fine("stored"));
    assert_eq!(heads::body(&client.text()), "stored");
}

/// R37: hints go through, and the answer still comes behind them.
#[test]
fn interim_responses_are_passed_on() {
    let house = House::new(HTTP);
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let (_, response) =
        house.exchange(&heads::get("/", ""), &(hints.to_owned() + &heads::fine("a")));
    let behind = response.strip_prefix(hints).expect("the hints come first");
    assert_eq!((heads::status(behind), heads::body(behind)), ("200", "a"));
}

/// Scripts shut their side when they have asked; they are answered all the same.
#[test]
fn a_client_that_has_ended_its_side_is_answered() {
    let house = House::new(HTTP);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    client.shut();
    backend.send(heads::fine("here it is"));
    assert_eq!(heads::body(&client.text()), "here it is");
}

/// Whoever is gone for certain is not worked for: the backend learns it while it still thinks, and in the
/// middle of its answer.
#[test]
fn a_client_that_resets_while_it_waits_is_missed() {
    let house = House::new(HTTP);
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhalf"] {
        let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
        backend.send(begun);
        if !begun.is_empty() {
            client.hear_any(begun.len());
        }
        client.reset();
        assert!(backend.rest().is_empty());
    }
}

/// A client of HTTP/1.0 names no host, hears no hints, and gets what is in the chunks that it cannot read;
/// the backend is spoken to as ever (RFC 9112 §2.3).
#[test]
fn a_client_of_http_1_0_is_served() {
    let house = House::new(HTTP);
    let chunked = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3;a=b\r\nold\r\n0\r\nT: v\r\n\r\n";
    let (heard, response) = house.exchange("GET / HTTP/1.0\r\n\r\n", chunked);
    assert!(heard.starts_with("GET / HTTP/1.1\r\n"), "{heard}");
    assert_eq!((heads::status(&response), heads::body(&response)), ("200", "old"));
}

/// R7: the connection ends with its first answer, and what stands behind the request is not another.
#[test]
fn a_pipelined_request_is_not_served() {
    let house = House::new(HTTP);
    let two = heads::get("/one", "") + &heads::get("/two", "");
    let (_, response) = house.exchange(&two, &heads::fine("one"));
    assert_eq!(heads::body(&response), "one");
}

/// Those first bytes of the pattern.
fn pieces(count: usize) -> Vec<u8> {
    pattern::pieces(0, count).collect::<Vec<_>>().concat()
}

/// The same in chunks of many sizes.
fn chunked(count: usize) -> Vec<u8> {
    let (mut body, mut left) = (Vec::new(), &pieces(count)[..]);
    for size in (1..).map(|number| number * 37) {
        let (chunk, rest) = left.split_at(size.min(left.len()));
        body.extend(format!("{:x}\r\n", chunk.len()).bytes());
        body.extend(chunk);
        body.extend(b"\r\n");
        left = rest;
        if chunk.is_empty() {
            break;
        }
    }
    body
}

/// What is in the chunks of a body; nothing may stand behind the last one.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").expect("a size line");
        let digits = std::str::from_utf8(&body[..end]).expect("digits");
        let size = usize::from_str_radix(digits, 16).expect("digits");
        let (chunk, rest) = body[end + 2..].split_at(size);
        whole.extend(chunk);
        body = rest.strip_prefix(b"\r\n").expect("the end of a chunk");
        if size == 0 {
            assert!(body.is_empty(), "bytes behind the last chunk");
            return whole;
        }
    }
}
