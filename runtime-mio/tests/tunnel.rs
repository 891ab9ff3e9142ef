//! Tunnels byte by byte: their beginning, their two ends, and how each of them passes through.

mod house;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;

use house::{Backend, House, Wire, heads};

const MIB: usize = 1024 * 1024;
const FOO: &str = "ProxyPass / ws://BACKEND/ upgrade=foo";

/// R5: what comes behind the client's head waits for the switch, and then goes first.
#[test]
fn a_client_may_speak_at_once() {
    let house = House::new(FOO);
    let mut client = house.client();
    client.send(heads::ask_foo("") + "early");
    let mut backend = house.backend();
    backend.head();
    backend.send(heads::SWITCH_FOO);
    backend.hear("early");
    client.send(" and late");
    backend.hear(" and late");
}

/// R5: early bytes never reach a backend that does not switch.
#[test]
fn what_a_client_said_too_early_is_lost_without_a_switch() {
    let house = House::new(FOO);
    let mut client = house.client();
    client.send(heads::ask_foo("") + "GET /smuggled HTTP/1.1\r\n\r\n");
    let mut backend = house.backend();
    backend.head();
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(heads::body(&client.text()), "no");
    backend.ends();
}

#[test]
fn a_backend_may_speak_with_its_101() {
    let house = House::new(FOO);
    let (mut client, mut backend, _) = house.asked(&heads::ask_foo(""));
    backend.send(heads::SWITCH_FOO.to_owned() + "welcome");
    assert_eq!(client.head(), heads::SWITCH_FOO);
    client.hear("welcome");
    backend.send(", friend");
    client.hear(", friend");
}

/// Both peers at once, the backend without waiting for anything but the head.
#[test]
fn both_may_speak_at_once() {
    let house = House::new(FOO);
    let mut client = house.client();
    client.send(heads::ask_foo("") + "one");
    let mut backend = house.backend();
    backend.head();
    backend.send(heads::SWITCH_FOO.to_owned() + "two");
    backend.hear("one");
    client.head();
    client.hear("two");
}

/// R10: the body of the request goes first, and only then may the backend switch.
#[test]
fn a_body_comes_before_the_switch() {
    let house = House::new(FOO);
    let request = heads::ask_foo("Content-Length: 5\r\n");
    let (mut client, mut backend, _) = house.asked(&(request.clone() + "hello" + "early"));
    backend.hear("hello");
    backend.send(heads::SWITCH_FOO);
    backend.hear("early");
    assert_eq!(client.head(), heads::SWITCH_FOO);
    let (mut client, mut backend, _) = house.asked(&(request + "hel"));
    backend.hear("hel");
    backend.send(heads::SWITCH_FOO);
    assert_eq!(heads::status(&client.text()), "502");
    backend.ends();
}

#[test]
fn a_client_that_has_ended_still_hears() {
    let house = House::new(FOO);
    let (client, backend) = house.tunnel();
    ends_and_still_hears(client, backend);
}

#[test]
fn a_backend_that_has_ended_still_hears() {
    let house = House::new(FOO);
    let (client, backend) = house.tunnel();
    ends_and_still_hears(backend, client);
}

/// One end sends its last and FIN; the other hears that, still sends megabytes, and ends as well.
fn ends_and_still_hears(mut first: Wire, mut second: Wire) {
    first.send("last words");
    first.shut();
    second.hear("last words");
    second.ends();
    thread::scope(|scope| {
        scope.spawn(|| {
            second.send_pattern(8 * MIB);
            second.shut();
        });
        first.hear_pattern(8 * MIB);
        first.ends();
    });
}

#[test]
fn the_end_behind_early_bytes_arrives_behind_them() {
    let house = House::new(FOO);
    let mut client = house.client();
    client.send(heads::ask_foo("") + "all that I have to say");
    client.shut();
    let mut backend = house.backend();
    backend.head();
    backend.send(heads::SWITCH_FOO.to_owned() + "an answer");
    assert_eq!(backend.text(), "all that I have to say");
    drop(backend);
    client.head();
    assert_eq!(client.text(), "an answer");
}

#[test]
fn a_reset_of_the_client_ends_the_backend() {
    let house = House::new(FOO);
    let (client, mut backend) = house.tunnel();
    client.reset();
    backend.fate();
}

#[test]
fn a_reset_of_the_backend_ends_the_client() {
    let house = House::new(FOO);
    let (mut client, backend) = house.tunnel();
    backend.reset();
    client.fate();
}

/// What was sent before a reset is delivered before the end.
#[test]
fn last_words_outlive_a_reset() {
    let house = House::new(FOO);
    for _ in 0..50 {
        let (mut client, mut backend) = house.tunnel();
        client.send("last words");
        client.reset();
        backend.hear("last words");
        backend.fate();
    }
}

/// A reset while both directions are full: nobody is left behind.
#[test]
fn a_reset_in_the_middle_of_streams_ends_both() {
    let house = House::new(FOO);
    let (mut client, mut backend) = house.tunnel();
    while client.offer(&[b'c'; 65_536]).is_ok() {}
    while backend.offer(&[b'b'; 65_536]).is_ok() {}
    client.hear_any(MIB);
    client.reset();
    backend.fate();
}

#[test]
fn a_backend_may_have_an_ipv6_address() {
    let Ok(backend) = Backend::try_listen((Ipv6Addr::LOCALHOST, 0).into()) else {
        eprintln!("skipped: this machine has no ::1");
        return;
    };
    let house = House::before(backend, FOO);
    let (mut client, mut backend) = house.tunnel();
    client.send("ping");
    backend.hear("ping");
}

/// The name is resolved on a thread of its own; whichever of its addresses comes first, one answers.
#[test]
fn a_backend_may_have_a_name() {
    let backend = Backend::listen((Ipv4Addr::LOCALHOST, 0).into());
    let rule = format!("ProxyPass / ws://localhost:{}/ upgrade=foo", backend.address().port());
    let house = House::before(backend, &rule);
    for _ in 0..3 {
        let (mut client, mut backend) = house.tunnel();
        backend.send("ping");
        client.hear("ping");
    }
}

/// Both ends hear the end of a daemon that is stopped, which ends in order itself.
#[test]
fn sigterm_ends_the_daemon_and_its_tunnels() {
    let mut house = House::new(FOO);
    let tunnels: Vec<_> = (0..4).map(|_| house.tunnel()).collect();
    assert!(house.daemon.stop().success());
    for (mut client, mut backend) in tunnels {
        client.fate();
        backend.fate();
    }
}
