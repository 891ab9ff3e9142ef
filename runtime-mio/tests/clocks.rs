//! Clocks: each of them runs out when nothing happens, and none when something does.
//!
//! No test says how long a clock takes: it waits for what the clock does.

mod house;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use house::{Daemon, Fate, House, Nobody, Wire, eventually, heads};

const FOO: &str = "ProxyPass / ws://BACKEND/ upgrade=foo";

#[test]
fn a_silent_tunnel_is_closed_at_both_ends() {
    let house = House::new(&format!("{FOO}\nProxyWebsocketIdleTimeout 200ms"));
    let (mut client, mut backend) = house.tunnel();
    client.ends();
    backend.ends();
}

/// A tunnel with traffic outlives two silent ones that were opened one after the other beside it.
#[test]
fn traffic_keeps_a_tunnel_open() {
    const IDLE: Duration = Duration::from_secs(1);
    let house = House::new(&format!("{FOO}\nProxyWebsocketIdleTimeout 1"));
    for _ in 0..5 {
        let mut busy = house.tunnel();
        let mut longest = Duration::ZERO;
        for silent in (0..2).map(|_| house.tunnel().0) {
            longest = longest.max(talk_until_closed(&mut busy, &silent));
        }
        if longest < IDLE / 2 {
            assert!(!busy.0.is_over() && !busy.1.is_over(), "closed in spite of its traffic");
            return;
        }
        eprintln!("again: this machine was itself silent for {longest:?}");
    }
    eprintln!("skipped: this machine is too busy to keep a tunnel so");
}

/// Sends again and again until the other tunnel is closed; the longest silence in between.
fn talk_until_closed((client, backend): &mut (Wire, Wire), silent: &Wire) -> Duration {
    let (mut longest, mut since) = (Duration::ZERO, Instant::now());
    let mut goes_on = true;
    while goes_on && !silent.is_over() {
        goes_on = client.write_all(b"ping").is_ok() && backend.read_exact(&mut [0; 4]).is_ok();
        longest = longest.max(since.elapsed());
        since = Instant::now();
    }
    longest
}

/// R51: with no rule of its own a tunnel is never closed for its silence, but half of one is.
#[test]
fn half_a_tunnel_is_closed_when_it_falls_silent() {
    let house = House::new(&format!("{FOO}\nTimeout 1"));
    let (mut client, mut backend) = house.tunnel();
    client.shut();
    backend.ends();
    client.ends();
}

/// R52: a tunnel whose reader has stopped is reset: what it got is not everything.
#[test]
fn a_reader_that_has_stopped_is_given_up() {
    let house = House::new(&format!("{FOO} timeout=1"));
    let (mut client, mut backend) = house.tunnel();
    let chunk = [b'x'; 65_536];
    eventually("the daemon gives up", || {
        while backend.offer(&chunk).is_ok() {}
        backend.is_over()
    });
    assert_eq!(client.fate(), Fate::Reset);
}

#[test]
fn a_backend_that_does_not_answer_is_given_up() {
    let house = House::new("ProxyPass / ws://BACKEND/ timeout=1");
    for request in [heads::ask(""), heads::get("/", "")] {
        let (mut client, mut backend, _) = house.asked(&request);
        assert_eq!(heads::status(&client.text()), "504");
        backend.ends();
    }
}

/// R50: a head that does not come to its end is answered, none at all is not.
#[test]
fn a_slow_head_is_refused() {
    let house = House::new("ProxyPass / ws://BACKEND/\nRequestReadTimeout header=1");
    let (mut slow, mut silent) = (house.client(), house.client());
    slow.send("GET / HTTP/1.1\r\nHost: app.exam");
    let response = slow.text();
    assert_eq!(heads::status(&response), "408");
    assert!(heads::has(&response, "Connection: close"), "{response}");
    silent.ends();
}

/// R50: the same for a body.
#[test]
fn a_slow_body_is_refused() {
    let house = House::new("ProxyPass / http://BACKEND/\nRequestReadTimeout body=300ms");
    let request = "POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: 10\r\n\r\nhalf";
    let (mut client, mut backend, _) = house.asked(request);
    backend.hear("half");
    assert_eq!(heads::status(&client.text()), "408");
    backend.fate();
}

/// A backend whose queue of connections is full: it neither refuses nor answers.
#[test]
fn a_backend_that_cannot_be_reached_is_given_up() {
    let backend = Nobody::new();
    let Some(_queued) = backend.fill_queue() else {
        eprintln!("skipped: this system accepts more than it is asked to");
        return;
    };
    let rule = format!("ProxyPass / ws://{}/ connectiontimeout=300ms", backend.address());
    let daemon = Daemon::run(&rule);
    let mut client = daemon.connect();
    client.send(heads::ask(""));
    let response = client.text();
    assert_eq!(heads::status(&response), "503");
    assert!(heads::has(&response, "Retry-After: 1"), "{response}");
}
