//! The house of the real-socket tests: the daemon is a process of its own, and a test plays both ends.
//!
//! ```text
//!            test                     process                     test
//! House::client() ─ Wire ─▶ Daemon (the real binary) ─ Wire ─▶ House::backend()
//! ```
//!
//! Most tests are one thread that speaks for the client and for the backend in turn, so that they
//! read like a trace of packets. Nothing is awaited by sleeping: a read waits for what must come,
//! and [`PATIENCE`] only keeps a broken daemon from hanging the tests.
#![allow(dead_code, reason = "no test uses all of it")]
#![allow(unused_imports, reason = "no test uses all of it")]

pub(crate) mod backend;
pub(crate) mod daemon;
pub(crate) mod heads;
pub(crate) mod pattern;
pub(crate) mod secret;
pub(crate) mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::WebSocket;
use tungstenite::protocol::WebSocketConfig;

pub(crate) use backend::Backend;
pub(crate) use daemon::Daemon;
pub(crate) use wire::{Fate, Wire};

/// How long something may take that a working daemon does at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon with one backend behind it.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) daemon: Daemon,
    pub(crate) backend: Backend,
}

impl House {
    /// A daemon that runs these directives, one a line, in which `BACKEND` stands for the backend's address.
    pub(crate) fn new(directives: &str) -> Self {
        Self::before(Backend::listen((Ipv4Addr::LOCALHOST, 0).into()), directives)
    }

    /// A daemon with such directives before that backend.
    pub(crate) fn before(backend: Backend, directives: &str) -> Self {
        let directives = directives.replace("BACKEND", &backend.address().to_string());
        Self { daemon: Daemon::run(&directives), backend }
    }

    /// A connection of a client's to the daemon.
    pub(crate) fn client(&self) -> Wire {
        self.daemon.connect()
    }

    /// The next connection of the daemon's to the backend.
    pub(crate) fn backend(&self) -> Wire {
        self.backend.accept()
    }

    /// A client that has sent a request, the backend's connection for it, and the head that it heard.
    pub(crate) fn asked(&self, request: &str) -> (Wire, Wire, String) {
        let mut client = self.client();
        client.send(request);
        let mut backend = self.backend();
        let heard = backend.head();
        (client, backend, heard)
    }

    /// An open tunnel of the protocol `foo`, which has no bytes of its own: its client, and its backend.
    pub(crate) fn tunnel(&self) -> (Wire, Wire) {
        let (mut client, mut backend, _) = self.asked(&heads::ask_foo(""));
        backend.send(heads::SWITCH_FOO);
        assert_eq!(client.head(), heads::SWITCH_FOO);
        (client, backend)
    }

    /// An open WebSocket, each end spoken by tungstenite: the client's, and the backend's.
    pub(crate) fn websocket(&self) -> (WebSocket<Wire>, WebSocket<Wire>) {
        let mut config = WebSocketConfig::default();
        config.max_frame_size = None;
        thread::scope(|scope| {
            let backend = scope.spawn(move || {
                tungstenite::accept_with_config(self.backend(), Some(config)).expect("accepted")
            });
            let url = "ws://app.example/chat";
            let client = tungstenite::client::client_with_config(url, self.client(), Some(config));
            let (client, _) = client.expect("a WebSocket through the daemon");
            (client, backend.join().expect("the backend has accepted"))
        })
    }

    /// One ordinary exchange: what the backend heard, and all that the client got.
    pub(crate) fn exchange(&self, request: &str, response: &str) -> (String, String) {
        let (mut client, mut backend, heard) = self.asked(request);
        backend.send(response);
        drop(backend);
        (heard, client.text())
    }
}

/// Asks again and again until the answer is yes.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never came true: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// An address of this machine on which nobody listens, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Nobody(socket2::Socket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("a socket");
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any_port.into()).expect("a free port");
        Self(socket)
    }

    /// Listens after all, but accepts nothing, and fills the queue of those that wait to be accepted:
    /// from then on a connection is neither accepted nor refused. None if the queue has no end.
    pub(crate) fn fill_queue(&self) -> Option<Vec<TcpStream>> {
        self.0.listen(0).expect("it listens");
        let mut queued = Vec::new();
        for _ in 0..16 {
            match TcpStream::connect_timeout(&self.address(), Duration::from_millis(200)) {
                Ok(stream) => queued.push(stream),
                Err(_) => return Some(queued),
            }
        }
        None
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound")
    }
}
