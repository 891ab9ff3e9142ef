//! TLS on both sides of the daemon, by real sockets.

mod house;
#[path = "../src/tls/testing.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "it is for other tests as well, where it may unwrap"
)]
mod keys;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use house::secret::{Asker, answer, answerer, ask, asker, certificates, head, hear, say};
use house::{Backend, Daemon, Fate, House, Nobody, Wire, eventually, heads};
use keys::{Authority, Folder, Issued};
use rustix::process::{Pid, Signal, kill_process};
use rustls::{ClientConfig, HandshakeKind};
use tungstenite::Message;

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const FOO: &str = "ProxyPass / ws://BACKEND/ upgrade=foo";

/// Keys that an issuer has made, and a daemon that has some of them.
struct Court {
    folder: Folder,
    issuer: Authority,
    house: House,
}

impl Court {
    /// A daemon that speaks TLS with clients who ask for `a`, and does what else these lines say, in which `%` stands
    /// for the folder; there `a.pem` are its keys, and `ca.pem` is the issuer.
    fn new(lines: &str) -> Self {
        Self::with(|_, _| (), lines)
    }

    /// The same with more files.
    fn with(files: impl FnOnce(&Folder, &Authority), lines: &str) -> Self {
        let (folder, issuer) = (Folder::new(), Authority::new("ca"));
        folder.write("ca.pem", &issuer.pem());
        folder.write("a.pem", &issuer.issue("a").both());
        files(&folder, &issuer);
        let lines = format!("SSLEngine on\nSSLCertificateFile %/a.pem\n{lines}");
        let house = House::new(&lines.replace('%', folder.path("").trim_end_matches('/')));
        Self { folder, issuer, house }
    }

    fn client(&self, version: &str) -> Arc<ClientConfig> {
        asker(&self.issuer.pem(), version, None)
    }

    fn ask(&self, config: &Arc<ClientConfig>) -> Asker {
        ask(config, "a", self.house.client())
    }

    /// An open tunnel of a client's by TLS to a plain backend.
    fn tunnel(&self, config: &Arc<ClientConfig>) -> (Asker, Wire) {
        let mut client = self.ask(config);
        say(&mut client, heads::ask_foo(""));
        let mut backend = self.house.backend();
        backend.head();
        backend.send(heads::SWITCH_FOO);
        assert_eq!(head(&mut client), heads::SWITCH_FOO);
        (client, backend)
    }
}

/// A request that a backend by TLS with those keys is asked; what the client gets, and the daemon.
fn asked_of(
    backend: &Issued,
    issuer: &Authority,
    more: &str,
    files: &[(&str, &str)],
) -> (String, Daemon) {
    let folder = Folder::new();
    folder.write("ca.pem", &issuer.pem());
    files.iter().for_each(|(name, text)| drop(folder.write(name, text)));
    let listener = Backend::listen(ANY);
    let port = listener.address().port();
    let lines = format!(
        "SSLProxyEngine on\nSSLProxyCACertificateFile %/ca.pem\n{more}\nProxyPass / https://localhost:{port}/"
    );
    let daemon = Daemon::run(&lines.replace('%', folder.path("").trim_end_matches('/')));
    let keys = answerer(&backend.both());
    let got = thread::scope(|scope| {
        scope.spawn(|| {
            let mut backend = answer(&keys, listener.accept());
            let mut room = [0; 4_096];
            // Who is refused hears nothing but an alert.
            if backend.read(&mut room).is_ok_and(|count| count > 0) {
                say(&mut backend, "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
            }
        });
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        client.text()
    });
    (got.lines().next().unwrap_or_default().to_owned(), daemon)
}

#[test]
fn a_websocket_goes_by_tls_to_plain_and_to_secret_backends() {
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
    let issuer = Authority::new("ca");
    let (got, _) = asked_of(&issuer.issue("localhost"), &issuer, "", &[]);
    assert_eq!(got, "HTTP/1.1 204 No");
}

#[test]
fn a_backend_that_is_not_who_it_should_be_is_not_asked() {
    let issuer = Authority::new("ca");
    let stolen = issuer.issue("localhost");
    let list = issuer.takes_back(&[&stolen]);
    let crl = "SSLProxyCARevocationFile %/list.pem\nSSLProxyCARevocationCheck leaf";
    for (backend, more, files) in [
        (issuer.issue("other"), "", &[][..]),
        (issuer.issue_expired("localhost"), "", &[]),
        (Issued::by_itself("localhost"), "", &[]),
        (Authority::new("ca").issue("localhost"), "", &[]),
        (stolen, crl, &[("list.pem", list.as_str())]),
    ] {
        let (got, daemon) = asked_of(&backend, &issuer, more, files);
        assert_eq!(got, "HTTP/1.1 502 Bad Gateway");
        eventually("the reason is told", || {
            daemon.said().contains("a backend's TLS handshake has failed")
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

/// Where only its end says that a response is whole, a backend must say that it ends (RFC 9112 §9.8).
#[test]
fn a_response_that_is_cut_does_not_look_whole() {
    let issuer = Authority::new("ca");
    for (says_so, fate) in [(true, Fate::Ended), (false, Fate::Reset)] {
        let (folder, backend) = (Folder::new(), Backend::listen(ANY));
        folder.write("ca.pem", &issuer.pem());
        let lines = format!(
            "SSLProxyEngine on\nSSLProxyCACertificateFile {}\nProxyPass / https://localhost:{}/",
            folder.path("ca.pem"),
            backend.address().port()
        );
        let daemon = Daemon::run(&lines);
        let keys = answerer(&issuer.issue("localhost").both());
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        let mut backend = answer(&keys, backend.accept());
        head(&mut backend);
        say(&mut backend, "HTTP/1.1 200 OK\r\n\r\na page");
        if says_so {
            backend.conn.send_close_notify();
            backend.flush().expect("it goes out");
        }
        drop(backend);
        assert_eq!(client.fate(), fate);
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

/// D11: whatever keeps a member from being spoken with, another one serves.
#[test]
fn who_fails_its_handshake_is_failed_over() {
    let (folder, issuer, nobody) = (Folder::new(), Authority::new("ca"), Nobody::new());
    folder.write("ca.pem", &issuer.pem());
    let [bad, good] = [(); 2].map(|()| Backend::listen(ANY));
    let members = [nobody.address().port(), bad.address().port(), good.address().port()]
        .map(|port| format!("BalancerMember https://localhost:{port}"))
        .join("\n");
    let lines = format!(
        "SSLProxyEngine on\nSSLProxyCACertificateFile %/ca.pem\n<Proxy balancer://app>\n{members}\n</Proxy>\n\
         ProxyPass / balancer://app/"
    );
    let daemon = Daemon::run(&lines.replace('%', folder.path("").trim_end_matches('/')));
    thread::scope(|scope| {
        scope.spawn(|| {
            let keys = answerer(&Authority::new("ca").issue("localhost").both());
            let heard = answer(&keys, bad.accept()).read(&mut [0; 9]);
            assert_ne!(heard.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        });
        scope.spawn(|| {
            let keys = answerer(&issuer.issue("localhost").both());
            let mut backend = answer(&keys, good.accept());
            assert!(head(&mut backend).starts_with("GET "));
            say(&mut backend, "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
        });
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        assert!(client.text().starts_with("HTTP/1.1 204 "));
    });
}

/// A member that speaks TLS is checked by TLS.
#[test]
fn members_are_checked_by_tls() {
    let (folder, issuer, backend) = (Folder::new(), Authority::new("ca"), Backend::listen(ANY));
    folder.write("ca.pem", &issuer.pem());
    let daemon = Daemon::run(&format!(
        "SSLProxyEngine on\nSSLProxyCACertificateFile {}\n<Proxy balancer://app>\n\
         BalancerMember https://localhost:{} hcmethod=GET hcinterval=100ms\n</Proxy>\nProxyPass / balancer://app/",
        folder.path("ca.pem"),
        backend.address().port()
    ));
    let keys = answerer(&issuer.issue("localhost").both());
    let mut checked = answer(&keys, backend.accept());
    assert!(head(&mut checked).starts_with("GET / HTTP/1.0\r\n"));
    say(&mut checked, "HTTP/1.1 503 Not now\r\n\r\n");
    drop(checked);
    eventually("it is out", || daemon.said().contains("a member fails its checks"));
    // The checks that come behind it hear nothing, and are over with their backend.
}
