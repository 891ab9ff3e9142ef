//! What the backend is spared: `max=` and its queue over all threads, and what becomes of idle connections.

mod house;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use house::{House, heads};

const CLIENTS: usize = 16;
const REQUESTS: usize = 20;

/// Clients that have asked for the first time.
static ASKED: AtomicUsize = AtomicUsize::new(0);
/// Requests that the backend has and has not answered, and the most that there ever were.
static OPEN: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Whatever thread a client has come to: the backend has one request at a time, and everybody gets
/// an answer to each of his own.
#[test]
fn a_backend_that_takes_one_at_a_time_serves_all() {
    let house = House::new("Threads 2\nKeepAlive On\nProxyPass / http://BACKEND/ max=1 acquire=1h");
    house.backend.serve(answer_one_at_a_time);
    thread::scope(|scope| {
        let ask = || {
            let mut client = house.client();
            for number in 0..REQUESTS {
                client.send(heads::get("/", ""));
                ASKED.fetch_add(usize::from(number == 0), Ordering::SeqCst);
                client.hear("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
            }
        };
        (0..CLIENTS).for_each(|_| drop(scope.spawn(ask)));
    });
    assert_eq!((OPEN.load(Ordering::SeqCst), MOST.load(Ordering::SeqCst)), (0, 1));
}

/// Answers every request on a connection, and none before every client has asked.
fn answer_one_at_a_time(mut stream: TcpStream) {
    let (mut head, mut room) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut room) {
        head.extend(&room[..count]);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            MOST.fetch_max(OPEN.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while ASKED.load(Ordering::SeqCst) < CLIENTS {
                thread::yield_now();
            }
            OPEN.fetch_sub(1, Ordering::SeqCst);
            stream.write_all(heads::fine("hello").as_bytes()).expect("the daemon reads");
        }
    }
}

/// `acquire=`
#[test]
fn who_waits_for_too_long_is_told_to_come_again() {
    let house = House::new("ProxyPass / http://BACKEND/ max=1 acquire=50 upgrade=foo");
    let (mut served, mut tunnel) = house.tunnel();
    let mut late = house.client();
    late.send(heads::get("/", "Connection: close\r\n"));
    let said = late.text();
    assert_eq!(heads::status(&said), "503");
    assert!(heads::has(&said, "Retry-After: 1"), "{said}");
    served.send("still");
    tunnel.hear("still");
}

/// A client that left while it waited costs the others nothing but its turn.
#[test]
fn a_client_that_has_gone_keeps_nobody_waiting() {
    let house =
        House::new("Threads 1\nProxyPass / http://BACKEND/ max=1 disablereuse=On upgrade=foo");
    let (first, tunnel) = house.tunnel();
    let mut gone = house.client();
    gone.send(heads::get("/gone", ""));
    gone.reset();
    let mut last = house.client();
    last.send(heads::get("/last", "Connection: close\r\n"));
    drop((first, tunnel));
    // The turn of the one that has gone may come before it is missed, even before its request is out.
    loop {
        let mut backend = house.backend();
        let Some(asked) = backend.head_or_end() else { continue };
        if asked.starts_with("GET /last ") {
            backend.send(heads::fine("hello"));
            break;
        }
    }
    assert_eq!(heads::body(&last.text()), "hello");
}

/// `ttl=`, `smax=`, `disablereuse=`: a connection that serves no more is closed.
#[test]
fn a_connection_is_kept_no_longer_than_it_may() {
    for parameter in ["ttl=10ms", "smax=0", "disablereuse=On", "enablereuse=Off"] {
        let house = House::new(&format!("KeepAlive On\nProxyPass / http://BACKEND/ {parameter}"));
        let (mut client, mut backend, heard) = house.asked(&heads::get("/", ""));
        assert_eq!(heads::has(&heard, "Connection: close"), parameter.contains("reuse"), "{heard}");
        backend.send(heads::fine("hello"));
        client.head();
        client.hear("hello");
        backend.ends();
        client.send(heads::get("/again", ""));
        assert!(house.backend().head().starts_with("GET /again "));
    }
}
