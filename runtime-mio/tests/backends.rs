//! Backends that are dialled otherwise than by a name and a port alone.

mod house;

use std::net::Ipv4Addr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{fs, io, process, thread};

use house::{Daemon, House, Wire, heads};

/// A backend at a Unix socket, in a folder of its own.
struct AtSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl AtSocket {
    fn new(name: &str) -> Self {
        let path = free_path(name);
        let listener = UnixListener::bind(&path).expect("a socket in the folder of tests");
        Self { listener, path }
    }

    fn accept(&self) -> Wire {
        Wire::unix(self.listener.accept().expect("the daemon connects").0)
    }
}

impl Drop for AtSocket {
    fn drop(&mut self) {
        // What is left of it hurts nobody: the next test of that name removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// A path at which nothing is. It is short, as the path of a socket must be.
fn free_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("underpass-{name}-{}.sock", process::id()));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
        _ => path,
    }
}

fn rule(path: &Path, rest: &str) -> String {
    format!("ProxyPass / unix:{}|{rest}", path.display())
}

#[test]
fn a_backend_at_a_unix_socket_answers_one_request_after_another() {
    let backend = AtSocket::new("get");
    // Each loop keeps connections of its own.
    let rule = rule(&backend.path, "http://app.example/base/");
    let daemon = Daemon::run(&format!("Threads 1\n{rule}"));
    let ask = |path: &str| {
        let mut client = daemon.connect();
        client.send(heads::get(path, ""));
        client
    };
    let mut client = ask("/x");
    let mut stream = backend.accept();
    let heard = stream.head();
    assert!(heard.starts_with("GET /base/x HTTP/1.1\r\nHost: app.example\r\n"), "{heard}");
    stream.send(heads::fine("one"));
    assert_eq!(heads::body(&client.text()), "one");
    // The connection is kept, and serves the next request.
    let mut client = ask("/y");
    assert!(stream.head().starts_with("GET /base/y "));
    stream.send(heads::fine("two"));
    assert_eq!(heads::body(&client.text()), "two");
}

#[test]
fn a_tunnel_to_a_unix_socket_carries_both_ways_and_closes_by_halves() {
    let backend = AtSocket::new("tunnel");
    let daemon = Daemon::run(&rule(&backend.path, "ws:///socket/ upgrade=foo"));
    let mut client = daemon.connect();
    client.send(heads::ask_foo("") + "early");
    let mut stream = backend.accept();
    let heard = stream.head();
    assert!(heard.starts_with("GET /socket/raw HTTP/1.1\r\nHost: localhost\r\n"), "{heard}");
    stream.send(heads::SWITCH_FOO);
    stream.hear("early");
    stream.send("welcome");
    assert_eq!(client.head(), heads::SWITCH_FOO);
    client.hear("welcome");
    stream.shut();
    client.ends();
    client.send("and yet");
    stream.hear("and yet");
    client.shut();
    stream.ends();
}

/// More than a splice needs to begin: a Unix socket is spliced like any other.
#[test]
fn a_stream_from_a_unix_socket_comes_whole() {
    const BYTES: usize = 8 << 20;
    let backend = AtSocket::new("bulk");
    let daemon = Daemon::run(&rule(&backend.path, "ws://h/ upgrade=foo"));
    let mut client = daemon.connect();
    client.send(heads::ask_foo(""));
    let mut stream = backend.accept();
    stream.head();
    stream.send(heads::SWITCH_FOO);
    client.head();
    let sent = thread::spawn(move || stream.send_pattern(BYTES));
    client.hear_pattern(BYTES);
    sent.join().expect("all of it was sent");
    client.ends();
}

#[test]
fn a_socket_that_is_missing_or_refuses_is_a_503() {
    let missing = free_path("missing");
    let refusing = free_path("refusing");
    // A socket whose listener is gone refuses.
    drop(UnixListener::bind(&refusing).expect("a socket in the folder of tests"));
    for path in [&missing, &refusing] {
        let daemon = Daemon::run(&rule(path, "http://h/"));
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        assert_eq!(heads::status(&client.text()), "503", "{}", path.display());
    }
    fs::remove_file(refusing).expect("it is still there");
}

#[test]
fn a_backend_sees_the_address_that_it_is_dialled_from() {
    let house = House::new("ProxySourceAddress 127.0.0.2\nProxyPass / http://BACKEND/");
    let mut client = house.client();
    client.send(heads::get("/", ""));
    assert_eq!(house.backend().peer().ip(), Ipv4Addr::new(127, 0, 0, 2));
}

/// 192.0.2.0/24 is nobody's (RFC 5737).
#[test]
fn an_address_that_is_not_ours_dials_nothing_and_is_told_of_once() {
    let house = House::new("ProxySourceAddress 192.0.2.9\nProxyPass / http://BACKEND/");
    for _ in 0..2 {
        let mut client = house.client();
        client.send(heads::get("/", ""));
        assert_eq!(heads::status(&client.text()), "503");
    }
    let told = house.daemon.said().matches("no backend can be dialled from it").count();
    assert_eq!(told, 1, "{}", house.daemon.said());
}
