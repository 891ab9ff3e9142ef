//! Streams: every byte arrives, and none of them waits in our memory.

mod house;

use std::thread;
use std::time::{Duration, Instant};

use house::{House, Wire, heads, pattern};

const MIB: usize = 1024 * 1024;
const FOO: &str = "Threads 1\nProxyPass / ws://BACKEND/ upgrade=foo";

#[test]
fn streams_cross_each_other_in_one_tunnel() {
    const EACH: usize = 64 * MIB;
    let house = House::new(FOO);
    let (mut client, mut backend) = house.tunnel();
    let mut senders = [client.twin(), backend.twin()];
    thread::scope(|scope| {
        for sender in &mut senders {
            scope.spawn(|| {
                sender.send_pattern(EACH);
                sender.shut();
            });
        }
        for end in [&mut client, &mut backend] {
            scope.spawn(|| {
                end.hear_pattern(EACH);
                end.ends();
            });
        }
    });
}

/// A client stops reading while its backend streams: what it does not take waits with the backend,
/// not in the daemon; and when it reads on, nothing is missing.
#[test]
fn a_reader_that_stops_costs_no_memory() {
    const ALL: usize = 64 * MIB;
    let house = House::new(FOO);
    let (mut client, mut backend) = house.tunnel();
    let (before, pipes) = (house.daemon.resident(), pipes(&house));
    let sent = send_until_stuck(&mut backend, ALL);
    assert!(sent < ALL, "{sent} bytes went to a client that reads none");
    let grown = house.daemon.resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "the daemon has grown by {grown} KiB");
    thread::scope(|scope| {
        scope.spawn(move || {
            pattern::pieces(sent, ALL).for_each(|piece| backend.send(piece));
            backend.shut();
        });
        client.hear_pattern(ALL);
        client.ends();
    });
    assert!(self::pipes(&house) > pipes, "such a stream is to be spliced");
    let grown = house.daemon.resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "the daemon has grown by {grown} KiB");
}

/// The same for bodies, either way: those that core lets go by, and those whose chunks it must see.
#[test]
fn a_body_whose_reader_stops_costs_no_memory() {
    for (framing, start, end) in [
        ("Content-Length: 67108864", "", ""),
        ("Transfer-Encoding: chunked", "4000000\r\n", "\r\n0\r\n\r\n"),
    ] {
        let house = House::new("Threads 1\nProxyPass / http://BACKEND/");
        let (mut client, mut backend, _) = house.asked(&heads::get("/", ""));
        backend.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{start}"));
        client.head();
        client.hear(start);
        stop_and_go(&house, &mut backend, &mut client, end);
        client.ends();
        let post = format!("POST / HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n{start}");
        let (mut client, mut backend, _) = house.asked(&post);
        backend.hear(start);
        stop_and_go(&house, &mut client, &mut backend, end);
        backend.send(heads::fine("stored"));
        assert_eq!(heads::body(&client.text()), "stored");
    }
}

/// Sends 64 MiB of the pattern to one who reads only when no more goes, and then that end.
fn stop_and_go(house: &House, from: &mut Wire, to: &mut Wire, end: &str) {
    const ALL: usize = 64 * MIB;
    let before = house.daemon.resident();
    let sent = send_until_stuck(from, ALL);
    assert!(sent < ALL, "{sent} bytes went to one who reads none");
    let grown = house.daemon.resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "the daemon has grown by {grown} KiB");
    thread::scope(|scope| {
        scope.spawn(move || {
            pattern::pieces(sent, ALL).for_each(|piece| from.send(piece));
            from.send(end);
        });
        to.hear_pattern(ALL);
        to.hear(end);
    });
}

/// A tunnel that streams, falls silent and streams again leases, parks and leases again: whenever it
/// gives back what it has leased, nothing is lost with it.
#[test]
fn parking_loses_nothing() {
    for parking in ["On", "Off", "On\nProxyWebsocketAsyncDelay 5ms"] {
        let house = House::new(&format!("{FOO}\nProxyWebsocketAsync {parking}"));
        let (mut client, mut backend) = house.tunnel();
        for burst in 1..40 {
            let length = burst * 50_000;
            thread::scope(|scope| {
                scope.spawn(|| backend.send_pattern(length));
                client.hear_pattern(length);
            });
            client.send("more");
            backend.hear("more");
        }
    }
}

/// Sends the pattern until nothing has gone for a while, or all has; how much went. A while that is
/// too short only makes a test easier.
fn send_until_stuck(wire: &mut Wire, most: usize) -> usize {
    let (mut sent, mut since) = (0, Instant::now());
    while sent < most && since.elapsed() < Duration::from_millis(500) {
        let piece = pattern::pieces(sent, most).next().expect("there is more to send");
        match wire.offer(piece) {
            Ok(count) => (sent, since) = (sent + count, Instant::now()),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
    sent
}

/// The daemon's pipes, those that are kept for the next stream included.
fn pipes(house: &House) -> usize {
    house.daemon.descriptors().values().filter(|what| what.starts_with("pipe:")).count()
}
