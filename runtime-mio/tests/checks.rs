//! Checks of members: who passes and who fails serves or does not, as the daemon's answers show.

mod house;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use house::{Backend, Daemon, PATIENCE, Wire, eventually, heads};
use socket2::{Domain, SockAddr, Socket, Type};
use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

/// A backend that answers requests by its name, and upgrades and checks as it is told to.
struct Member {
    name: &'static str,
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
}

/// How a member answers, and what it was asked by checks.
#[derive(Default)]
struct Mood {
    switches: bool,
    heard: Vec<String>,
    /// How many of its WebSockets were closed in order.
    closed: usize,
}

impl Member {
    fn new(name: &'static str, switches: bool) -> Self {
        let backend = Backend::listen((Ipv4Addr::LOCALHOST, 0).into());
        let address = backend.address();
        let mood = Arc::new(Mutex::new(Mood { switches, ..Mood::default() }));
        let shared = Arc::clone(&mood);
        backend.serve(move |stream| answer(Wire::new(stream), name, &shared));
        Self { name, address, mood }
    }

    fn mood(&self) -> MutexGuard<'_, Mood> {
        self.mood.lock().expect("nobody panics with it")
    }

    /// Waits until it has been checked so often: all of those checks but the last have ended.
    fn is_checked(&self, times: usize) {
        let before = self.mood().heard.len();
        eventually("it is checked", || self.mood().heard.len() >= before + times);
    }
}

/// Answers requests on one connection until it ends.
fn answer(mut wire: Wire, name: &str, mood: &Mutex<Mood>) {
    let Some(head) = wire.head_or_end() else { return };
    if head.starts_with("GET /who ") {
        return wire.send(heads::fine(name));
    }
    let key = head.split("\r\n").find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let switches = {
        let mut mood = mood.lock().expect("nobody panics with it");
        mood.heard.push(head.clone());
        mood.switches
    };
    let Some(key) = key else { return wire.send(heads::fine("well")) };
    if !switches {
        return wire.send("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    }
    let accept = derive_accept_key(key.as_bytes());
    wire.send(format!(
        "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ));
    let mut socket = WebSocket::from_raw_socket(wire, Role::Server, None);
    let is_closed = socket.read().is_ok_and(|message| message.is_close());
    mood.lock().expect("nobody panics with it").closed += usize::from(is_closed);
    // The answer to a Close is written with the next read.
    let _ = socket.read();
}

/// A daemon before a balancer of those members, with further directives, and `says` behind the first member.
fn balance(members: [SocketAddr; 2], says: &str, directives: &str) -> Daemon {
    let [first, second] = members;
    Daemon::run(&format!(
        "ProxyPass / balancer://app/\nBalancerMember balancer://app http://{first} {says}\n\
         BalancerMember balancer://app http://{second}\n{directives}"
    ))
}

/// Who answers the next request.
fn who(daemon: &Daemon) -> String {
    let mut client = daemon.connect();
    client.send(heads::get("/who", ""));
    heads::body(&client.text()).to_owned()
}

/// Whether both members serve, or else the second one only: they take turns.
fn both_serve(daemon: &Daemon, first: &str) -> bool {
    [who(daemon), who(daemon)].iter().any(|name| name == first)
}

/// How often the daemon has said that.
fn told(daemon: &Daemon, words: &str) -> usize {
    daemon.said().matches(words).count()
}

const OUT: &str = "a member fails its checks: it serves no more";
const BACK: &str = "a member passes its checks: it serves again";

#[test]
fn who_refuses_upgrades_passes_a_get_and_fails_a_handshake() {
    let (first, second) = (Member::new("first", false), Member::new("second", true));
    let members = [first.address, second.address];
    let by_get = balance(members, "hcmethod=GET hcinterval=100ms", "");
    first.is_checked(3);
    assert!(both_serve(&by_get, first.name));
    drop(by_get);
    let by_handshake = balance(members, "hcmethod=WS hcinterval=100ms", "");
    eventually("it is out", || !both_serve(&by_handshake, first.name));
    first.is_checked(3);
    assert!(!both_serve(&by_handshake, first.name));
    assert_eq!(told(&by_handshake, OUT), 1, "once: {}", by_handshake.said());
    assert_eq!(told(&by_handshake, &format!("{OUT} worker={}", first.address)), 1);
    assert_eq!(told(&by_handshake, "trouble=it answered 403"), 1);
    first.mood().switches = true;
    eventually("it is back", || both_serve(&by_handshake, first.name));
    first.is_checked(3);
    assert!(both_serve(&by_handshake, first.name) && first.mood().closed >= 2);
    assert_eq!((told(&by_handshake, OUT), told(&by_handshake, BACK)), (1, 1));
}

/// `localhost` may be an address of IPv6 first, where nobody listens.
#[test]
fn a_member_is_checked_by_its_name_at_the_address_that_answers() {
    let (first, second) = (Member::new("first", true), Member::new("second", true));
    let daemon = Daemon::run(&format!(
        "ProxyPass / balancer://app/\n\
         BalancerMember balancer://app http://localhost:{} hcmethod=GET hcinterval=100ms\n\
         BalancerMember balancer://app http://{}",
        first.address.port(),
        second.address
    ));
    first.is_checked(3);
    assert!(both_serve(&daemon, first.name) && told(&daemon, OUT) == 0);
}

/// The `retry=` of a member that could not be reached is ten minutes: it is back by its checks alone.
#[test]
fn who_listens_again_is_back_by_a_check_of_tcp() {
    let (port, second) = (Port::new(), Member::new("second", true));
    let members = [port.address(), second.address];
    let daemon = balance(members, "hcmethod=TCP hcinterval=100ms retry=600", "");
    assert!(!both_serve(&daemon, "first"), "a request finds out before a check");
    eventually("it is out", || told(&daemon, OUT) == 1);
    let listener = port.listen();
    thread::spawn(move || {
        // What only connects is a check.
        while let Ok((stream, _)) = listener.accept() {
            let mut wire = Wire::new(stream);
            if wire.head_or_end().is_some() {
                wire.send(heads::fine("first"));
            }
        }
    });
    eventually("it is back", || both_serve(&daemon, "first"));
    assert_eq!((told(&daemon, "connection refused"), told(&daemon, BACK)), (1, 1));
}

/// An address of this machine that nobody else gets, whether somebody listens on it or not.
struct Port(Socket);

impl Port {
    fn new() -> Self {
        let socket = Self::socket();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&SockAddr::from(any)).expect("a free port");
        Self(socket)
    }

    fn socket() -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("it can be shared");
        socket
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound")
    }

    fn listen(&self) -> TcpListener {
        let socket = Self::socket();
        socket.bind(&self.address().into()).expect("the port is shared");
        socket.listen(128).expect("it listens");
        socket.into()
    }
}

/// A backend each of whose checks waits for the test to say the status.
struct Patient {
    address: SocketAddr,
    heads: Receiver<String>,
    statuses: Sender<u16>,
}

impl Patient {
    fn new() -> Self {
        let backend = Backend::listen((Ipv4Addr::LOCALHOST, 0).into());
        let address = backend.address();
        let ((heard, heads), (statuses, says)) = (channel(), channel());
        let says = Arc::new(Mutex::new(says));
        backend.serve(move |stream| wait_for_status(Wire::new(stream), &heard, &says));
        Self { address, heads, statuses }
    }

    /// The next check has come.
    fn check(&self) -> String {
        self.heads.recv_timeout(PATIENCE).expect("it is checked")
    }

    fn say(&self, status: u16) {
        self.statuses.send(status).expect("a check waits for it");
    }
}

fn wait_for_status(mut wire: Wire, heard: &Sender<String>, says: &Mutex<Receiver<u16>>) {
    let Some(head) = wire.head_or_end() else { return };
    if head.starts_with("GET /who ") {
        return wire.send(heads::fine("first"));
    }
    // At its end the test hears no more, and says nothing.
    if heard.send(head).is_ok()
        && let Ok(status) = says.lock().expect("nobody panics with it").recv()
    {
        wire.send(format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n"));
    }
}

#[test]
fn what_the_configuration_says_of_checks_is_done() {
    let (patient, second) = (Patient::new(), Member::new("second", true));
    let template = "ProxyHCExpr up {%{REQUEST_STATUS} -in {'204', '426'}}\n\
        ProxyHCTemplate often hcmethod=GET11 hcinterval=100ms hcfails=3 hcexpr=up hcuri=/health?a";
    let members = [patient.address, second.address];
    let daemon = balance(members, "hctemplate=often hcpasses=2", template);
    let head = format!("GET /health?a HTTP/1.1\r\nHost: {}\r\n\r\n", patient.address);
    assert_eq!(patient.check(), head);
    // A check that has begun tells that all before it have been judged.
    for status in [200, 500, 426, 500, 204, 500, 200] {
        assert!(both_serve(&daemon, "first"), "never three in a row, before {status}");
        patient.say(status);
        patient.check();
    }
    assert!(both_serve(&daemon, "first"), "two are not three");
    patient.say(404);
    eventually("three are", || !both_serve(&daemon, "first"));
    patient.check();
    for status in [426, 500, 204] {
        patient.say(status);
        patient.check();
        assert!(!both_serve(&daemon, "first"), "never two in a row, behind {status}");
    }
    patient.say(204);
    eventually("two are", || both_serve(&daemon, "first"));
    assert_eq!(told(&daemon, "trouble=it answered 404"), 1);
    // One is under way while the daemon ends.
    patient.check();
}

/// Nobody answers: each check is under way for a second, and the next one begins when it is over.
#[test]
fn no_more_checks_are_under_way_than_may_be() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let hold = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move |stream| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            Wire::new(stream).rest();
            now.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let backends = [(); 4].map(|()| Backend::listen((Ipv4Addr::LOCALHOST, 0).into()));
    let begun = backends.each_ref().map(|backend| backend.serve(hold.clone()));
    let member = |backend: &Backend| {
        format!(
            "BalancerMember balancer://app http://{} hcmethod=GET hcinterval=100ms timeout=1\n",
            backend.address()
        )
    };
    let members: String = backends.iter().map(member).collect();
    let daemon = Daemon::run(&format!("ProxyHCTPsize 1\nProxyPass / balancer://app/\n{members}"));
    eventually("each has been checked", || {
        begun.iter().all(|count| count.load(Ordering::SeqCst) > 0)
    });
    // Who has lost one may learn so behind who has got the next one.
    assert!(most.load(Ordering::SeqCst) < 4, "{most:?} at once");
    assert!(told(&daemon, "trouble=it did not answer in time") >= 3);
}

#[test]
fn where_nobody_is_checked_nothing_is_started() {
    let members = [Member::new("first", true), Member::new("second", true)];
    let members = members.map(|member| member.address);
    let checks = |daemon: &Daemon| {
        let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("it runs");
        let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
        tasks.flatten().filter_map(name).any(|name| name == "checks\n")
    };
    let daemon = balance(members, "hcmethod=GET", "");
    eventually("a thread has its name", || checks(&daemon));
    let daemon = balance(members, "hcmethod=None", "");
    assert!(both_serve(&daemon, "first") && !checks(&daemon));
}
