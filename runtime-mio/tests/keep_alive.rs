//! Connections that are kept: a client's between its requests, and the daemon's to a backend.

mod house;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread;

use house::{House, Wire, eventually, heads};

const KEPT: &str = "KeepAlive On\nThreads 1\nProxyPass / http://BACKEND/ upgrade=foo";

#[test]
fn requests_follow_each_other_over_one_connection_on_either_side() {
    let house = House::new(KEPT);
    let (mut client, mut backend, _) = house.asked(&heads::get("/1", ""));
    for number in 1..5 {
        backend.send(heads::fine("hello"));
        client.hear("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        client.send(heads::get(&format!("/{}", number + 1), ""));
        let heard = backend.head();
        assert!(heard.starts_with(&format!("GET /{} ", number + 1)), "{heard}");
    }
}

/// RFC 9112 §9.3.2: what is sent at once is answered in order, one after the other.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let house = House::new(KEPT);
    let three = ["/a", "/b", "/c"].map(|path| heads::get(path, ""));
    let (mut client, mut backend, heard) = house.asked(&three.concat());
    assert!(heard.starts_with("GET /a "), "{heard}");
    for (answer, next) in [("first", "/b"), ("second", "/c")] {
        backend.send(heads::fine(answer));
        assert!(backend.head().starts_with(&format!("GET {next} ")));
        client.head();
        client.hear(answer);
    }
    backend.send(heads::fine("third"));
    client.head();
    client.hear("third");
}

#[test]
fn a_tunnel_opens_on_a_connection_that_carried_requests() {
    let house = House::new(KEPT);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    backend.send(heads::fine("page"));
    client.head();
    client.hear("page");
    client.send(heads::ask_foo("") + "early");
    // R14: a tunnel's connection is its own, never one that was kept.
    let mut tunnel = house.backend();
    tunnel.head();
    tunnel.send(heads::SWITCH_FOO);
    assert_eq!(client.head(), heads::SWITCH_FOO);
    tunnel.hear("early");
}

/// A connection that the backend has closed meanwhile costs nobody an answer.
#[test]
fn a_stale_connection_is_replaced() {
    let house = House::new(KEPT);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    for round in 0..20 {
        backend.send(heads::fine("hello"));
        client.head();
        client.hear("hello");
        drop(backend);
        client.send(heads::get(&format!("/{round}"), ""));
        backend = house.backend();
        backend.head();
    }
}

/// R26, R27: a backend that says more than it was asked for is not asked again on that connection.
#[test]
fn a_connection_with_an_excess_byte_is_not_used_again() {
    let house = House::new(KEPT);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    backend.send(heads::fine("hello") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    let head = client.head();
    client.hear("hello");
    let mut next = if heads::has(&head, "Connection: close") { house.client() } else { client };
    next.send(heads::get("/next", ""));
    let mut fresh = house.backend();
    assert!(fresh.head().starts_with("GET /next "));
    fresh.send(heads::fine("good"));
    next.head();
    next.hear("good");
    backend.ends();
}

/// What may have been done must not be done twice: a POST goes out on a fresh connection.
#[test]
fn a_request_that_must_not_be_repeated_has_a_connection_of_its_own() {
    let house = House::new(KEPT);
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    backend.send(heads::fine("hello"));
    client.head();
    client.hear("hello");
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    let mut fresh = house.backend();
    assert!(fresh.head().starts_with("POST / "));
    fresh.hear("hi");
    fresh.send(heads::fine("done"));
    client.head();
    client.hear("done");
}

#[test]
fn a_silent_client_is_let_go_without_a_word() {
    let house = House::new(&format!("KeepAliveTimeout 50ms\n{KEPT}"));
    let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
    backend.send(heads::fine("hello"));
    client.head();
    client.hear("hello");
    client.ends();
}

#[test]
fn a_connection_carries_so_many_requests_and_no_more() {
    let house = House::new(&format!("MaxKeepAliveRequests 2\n{KEPT}"));
    let (mut client, mut backend, _) = house.asked(&heads::get("/1", ""));
    backend.send(heads::fine("one"));
    assert!(!heads::has(&client.head(), "Connection: close"));
    client.hear("one");
    client.send(heads::get("/2", "") + &heads::get("/3", ""));
    backend.head();
    backend.send(heads::fine("two"));
    assert!(heads::has(&client.head(), "Connection: close"));
    client.hear("two");
    client.ends();
}

/// A connection is opened only while all others are in use; and when all have gone no descriptor is left.
#[test]
fn many_requests_share_few_connections() {
    const CLIENTS: usize = 40;
    const REQUESTS: usize = 250;
    // As many may wait as there are clients: else some are closed, and how many that are is chance.
    let house = House::new(&format!("MaxKeepAliveRequests 0\n{KEPT} smax={CLIENTS}"));
    let accepted = house.backend.serve(answer_all);
    let before = house.daemon.descriptors().len();
    let ask = &|first| {
        let mut client = house.client();
        for (line, answer) in ANSWERS.iter().cycle().skip(first).take(REQUESTS) {
            client.send(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n"));
            client.hear(answer);
        }
    };
    thread::scope(|scope| {
        (0..CLIENTS).for_each(|number| drop(scope.spawn(move || ask(number))));
    });
    let accepted = accepted.load(Ordering::SeqCst);
    assert!(accepted <= CLIENTS, "{accepted} connections for {CLIENTS} clients");
    for connection in ANSWERED.lock().expect("nobody panicked").drain(..) {
        connection.shut();
    }
    eventually("all descriptors are given back", || house.daemon.descriptors().len() <= before);
}

/// What is asked for, and what the backend answers: all that leaves a connection open.
const ANSWERS: [(&str, &str); 5] = [
    ("GET /length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    ("GET /chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    ("HEAD /length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    ("GET /nothing", "HTTP/1.1 204 No Content\r\n\r\n"),
    ("GET /known", "HTTP/1.1 304 Not Modified\r\n\r\n"),
];

/// The connections of [`answer_all`].
static ANSWERED: Mutex<Vec<Wire>> = Mutex::new(Vec::new());

/// Answers every request on a connection.
fn answer_all(mut stream: TcpStream) {
    let connection = Wire::new(stream.try_clone().expect("another descriptor"));
    ANSWERED.lock().expect("nobody panicked").push(connection);
    let (mut head, mut room) = (String::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut room) {
        head += str::from_utf8(&room[..count]).expect("a head in ASCII");
        if head.ends_with("\r\n\r\n") {
            let line = |(line, _): &&(&str, &str)| head.starts_with(&format!("{line} "));
            let (_, answer) = ANSWERS.iter().find(line).expect("it is asked for what there is");
            stream.write_all(answer.as_bytes()).expect("the daemon reads");
            head.clear();
        }
    }
}
