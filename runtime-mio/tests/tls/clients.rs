//! Clients who speak TLS with the daemon.

use std::io::{Read as _, Write as _};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustls::HandshakeKind;
use tungstenite::Message;

use crate::house::eventually;
use crate::house::secret::{asker, certificates, hear, say};
use crate::keys::Authority;
use crate::{Court, FOO};

#[test]
fn a_websocket_goes_by_tls() {
    for version in ["1.2", "1.3"] {
        let court = Court::new("ProxyPass / ws://BACKEND/");
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut backend = tungstenite::accept(court.house.backend()).expect("accepted");
                let message = backend.read().expect("a message");
                backend.send(message).expect("it goes back");
            });
            let stream = court.ask(&court.client(version));
            let (mut client, _) = tungstenite::client("wss://a/chat", stream).expect("a WebSocket");
            client.send(Message::text("who is there?")).expect("it goes out");
            assert_eq!(client.read().expect("it comes back"), Message::text("who is there?"));
        });
    }
}

#[test]
fn a_session_is_resumed() {
    for version in ["1.2", "1.3"] {
        let court = Court::new(FOO);
        let config = court.client(version);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (mut client, mut backend) = court.tunnel(&config);
            backend.send("x");
            hear(&mut client, "x");
            kinds.push(client.conn.handshake_kind());
        }
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)], "{version}");
    }
}

#[test]
fn clients_are_let_in_by_their_certificates() {
    let court =
        Court::new(&format!("SSLVerifyClient require\nSSLCACertificateFile %/ca.pem\n{FOO}"));
    let known = court.issuer.issue("client").both();
    let (mut client, mut backend) =
        court.tunnel(&asker(&court.issuer.pem(), "1.3", Some(known.as_str())));
    client.write_all(b"hello").expect("it is taken");
    backend.hear("hello");
    for own in [None, Some(Authority::new("ca").issue("client").both())] {
        let mut client = court.ask(&asker(&court.issuer.pem(), "1.2", own.as_deref()));
        assert!(client.write_all(b"x").and_then(|()| client.flush()).is_err(), "it is let in");
    }
}

/// Both directions at once, more than any buffer holds.
#[test]
fn large_transfers_arrive_whole() {
    const MUCH: usize = 24 << 20;
    let court = Court::new(FOO);
    for version in ["1.2", "1.3"] {
        let (mut client, mut backend) = court.tunnel(&court.client(version));
        let pattern: Vec<u8> = (0..MUCH).map(|at| (at % 251) as u8).collect();
        thread::scope(|scope| {
            let (mut twin, down) = (backend.twin(), &pattern);
            scope.spawn(move || down.chunks(100_000).for_each(|piece| twin.send(piece)));
            hear(&mut client, down);
        });
        thread::scope(|scope| {
            let up = &pattern;
            scope.spawn(move || backend.hear(up));
            say(&mut client, up);
        });
    }
}

#[test]
fn each_direction_of_a_tunnel_ends_for_itself() {
    let court = Court::new(FOO);
    for version in ["1.2", "1.3"] {
        let (mut client, mut backend) = court.tunnel(&court.client(version));
        say(&mut client, "bye");
        client.conn.send_close_notify();
        client.flush().expect("it goes out");
        backend.hear("bye");
        assert_eq!(backend.rest(), b"", "its end is forwarded");
        let (mut other, mut theirs) = court.tunnel(&court.client(version));
        theirs.send("the last words");
        theirs.shut();
        let mut heard = Vec::new();
        other.read_to_end(&mut heard).expect("with a close_notify");
        assert_eq!(heard, b"the last words");
        say(&mut other, "an answer");
        theirs.hear("an answer");
    }
}

/// What the other end does not take for TLS is told to it, or ended.
#[test]
fn who_speaks_no_tls_is_told_so_or_left() {
    let court = Court::new(FOO);
    let mut plain = court.house.client();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let told = plain.text();
    assert!(told.starts_with("HTTP/1.1 400 ") && told.contains("https://"), "{told}");
    let mut nonsense = court.house.client();
    nonsense.send([0x80, 0x2e, 1, 0, 2]);
    assert_eq!(nonsense.rest(), b"");
    let mut hello = court.house.client();
    hello.send([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]);
    assert_eq!(hello.rest()[0], 21, "an alert");
}

/// Their sockets wait for the rest of a hello, and nobody waits for them.
#[test]
fn handshakes_that_do_not_go_on_stop_nobody() {
    const MANY: usize = 1_000;
    let court = Court::new(&format!("Threads 1\n{FOO}"));
    let (mut client, mut backend) = court.tunnel(&court.client("1.3"));
    let stuck: Vec<_> = (0..MANY)
        .map(|number| {
            let mut wire = court.house.client();
            wire.send(&[22, 3, 1, 2, 0, 1, 0, 1, 252][..=number % 8]);
            wire
        })
        .collect();
    for round in 0..100 {
        say(&mut client, format!("round {round:02}"));
        backend.hear(format!("round {round:02}"));
        backend.send("back");
        hear(&mut client, "back");
    }
    assert_eq!(stuck.len(), MANY);
}

/// New handshakes get the new certificate, and whoever is there keeps what it has.
#[test]
fn a_certificate_changes_under_live_tunnels() {
    const MANY: usize = 500;
    let mut court = Court::new(FOO);
    let config = court.client("1.3");
    let mut tunnels: Vec<_> = (0..MANY).map(|_| court.tunnel(&config)).collect();
    let mut echo = |words: &str| {
        for (client, backend) in &mut tunnels {
            say(client, words);
            backend.hear(words);
            backend.send(words);
            hear(client, words);
        }
    };
    echo("before");
    let renewed = court.issuer.issue("a");
    court.folder.write("a.pem", &renewed.both());
    let process = Pid::from_raw(court.house.daemon.pid() as i32).expect("its number");
    kill_process(process, Signal::HUP).expect("it is our child");
    let fresh = asker(&court.issuer.pem(), "1.3", None);
    let mut shown = Vec::new();
    eventually("the new certificate is shown", || {
        let (client, _backend) = court.tunnel(&fresh);
        shown = client.conn.peer_certificates().expect("it shows one")[0].to_vec();
        shown == certificates(&renewed.certificate)[0].as_ref()
    });
    echo("behind");
    court.folder.write("a.pem", "nonsense");
    kill_process(process, Signal::HUP).expect("it is our child");
    eventually("what is bad is told", || {
        court.house.daemon.said().contains("the one from before stays")
    });
    let (client, _backend) = court.tunnel(&fresh);
    assert_eq!(client.conn.peer_certificates().expect("it shows one")[0].to_vec(), shown);
    echo("at last");
    assert!(court.house.daemon.is_alive());
}
