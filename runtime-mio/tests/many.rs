//! Many at once, many one after the other, and more than there is room for.

mod house;

use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use std::{iter, thread};

use house::{Backend, Daemon, House, Wire, eventually, heads};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const FOO: &str = "ProxyPass / ws://BACKEND/ upgrade=foo";

#[test]
fn a_thousand_tunnels_are_open_at_once() {
    const MANY: usize = 1_000;
    if descriptors_left() < 2 * MANY as u64 + 200 {
        eprintln!("skipped: this machine grants too few descriptors");
        return;
    }
    let house = House::new(FOO);
    let mut tunnels: Vec<_> = (0..MANY).map(|_| house.tunnel()).collect();
    for round in 0..3 {
        let words = |number: usize| format!("tunnel {number:04}, round {round}");
        for (number, (client, _)) in tunnels.iter_mut().enumerate() {
            client.send(words(number));
        }
        for (number, (_, backend)) in tunnels.iter_mut().enumerate() {
            backend.hear(words(number));
            backend.send(words(number));
        }
        for (number, (client, _)) in tunnels.iter_mut().enumerate().rev() {
            client.hear(words(number));
        }
    }
}

/// As many descriptors as the system lets this process have.
fn descriptors_left() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum");
    maximum.unwrap_or(u64::MAX)
}

/// Every way in which a session ends gives its descriptors back. A pipe that a bulk transfer has
/// needed waits for the next one: how many there are depends on who met whom, but forty rounds of
/// one transfer after the other need no more than the transfers of one round.
#[test]
fn no_descriptor_is_left_behind() {
    const PIPES: usize = 4;
    let house = House::new(&format!("Threads 1\nProxyPass /no !\n{FOO}"));
    one_of_each(&house);
    let before = others(&house).len();
    for _ in 0..40 {
        one_of_each(&house);
    }
    eventually("all descriptors are given back", || others(&house).len() <= before);
    assert!(house.daemon.descriptors().len() <= before + 2 * PIPES, "pipes are left behind");
}

/// The daemon's descriptors that are no pipes.
fn others(house: &House) -> Vec<String> {
    let all = house.daemon.descriptors().into_values();
    all.filter(|target| !target.starts_with("pipe:")).collect()
}

/// Five tunnels and five exchanges, each with another end.
fn one_of_each(house: &House) {
    let _both_close = house.tunnel();
    let (client, mut backend) = house.tunnel();
    client.reset();
    backend.fate();
    let (mut client, backend) = house.tunnel();
    backend.reset();
    client.fate();
    let (mut client, mut backend) = house.tunnel();
    client.shut();
    backend.ends();
    backend.shut();
    client.ends();
    let (mut client, mut backend) = house.tunnel();
    backend.send([b'x'; 300_000]);
    client.hear_any(300_000);
    drop(client);
    backend.fate();
    let (_, response) = house.exchange(&heads::get("/", ""), &heads::fine("hello"));
    assert_eq!(heads::body(&response), "hello");
    let (mut client, backend, _) = house.asked(&heads::get("/", ""));
    drop(backend);
    assert_eq!(heads::status(&client.text()), "502");
    let (client, mut backend, _) = house.asked(&heads::get("/", ""));
    drop(client);
    backend.send(heads::fine("nobody hears that"));
    for request in ["nonsense\r\n\r\n", "GET /no HTTP/1.1\r\nHost: h\r\n\r\n"] {
        let mut client = house.client();
        client.send(request);
        assert!(client.text().starts_with("HTTP/1.1 40"));
    }
}

/// R56: out of descriptors the daemon turns connections away; it neither dies nor spins, and
/// serves again as soon as it can.
#[test]
fn a_flood_of_connections_is_survived() {
    const FLOOD: usize = 200;
    const DESCRIPTORS: usize = 64;
    let backend = Backend::listen((Ipv4Addr::LOCALHOST, 0).into());
    let rules = format!("Threads 1\nProxyPass / http://{}/", backend.address());
    let mut daemon = Daemon::run_with_descriptors(DESCRIPTORS, &rules);
    let flood: Vec<Wire> = iter::repeat_with(|| daemon.connect()).take(FLOOD).collect();
    eventually("what there is no room for is turned away", || {
        flood.iter().filter(|client| client.is_over()).count() >= FLOOD - DESCRIPTORS
    });
    let busy = busy_for(&daemon, Duration::from_secs(1));
    assert!(busy < Duration::from_millis(250), "it was busy for {busy:?} of a silent second");
    assert!(daemon.descriptors().len() >= DESCRIPTORS - 1, "the flood did not fill it");
    daemon.connect().fate();
    drop(flood);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut backend = backend.accept();
            backend.head();
            backend.send(heads::fine("served"));
        });
        eventually("a client is served again", || is_served(&daemon));
    });
    assert!(daemon.is_alive());
}

/// How long the daemon computes while so much time goes by.
fn busy_for(daemon: &Daemon, span: Duration) -> Duration {
    let (began, before) = (Instant::now(), daemon.ticks());
    while began.elapsed() < span {
        thread::sleep(span / 20);
    }
    Duration::from_millis((daemon.ticks() - before) * 10)
}

/// Whether a request gets its answer; while the flood runs off it may still be turned away.
fn is_served(daemon: &Daemon) -> bool {
    let mut client = daemon.connect();
    let mut response = String::new();
    client.write_all(heads::get("/", "").as_bytes()).is_ok()
        && client.read_to_string(&mut response).is_ok()
        && heads::body(&response) == "served"
}
