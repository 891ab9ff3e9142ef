//! A loop with a resolver whose every answer the test gives: so no test waits for a moment.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::SyncSender;
use std::thread;

use mio::{Poll, Token, Waker};
use underpass_core::config::SocketBuffers;
use underpass_core::config::{Input, Nowhere, load};
use underpass_core::route::{Rules, WorkerId};
use underpass_core::time::Wait;

use super::*;
use crate::accept;
use crate::epoch::Epoch;
use crate::event_loop::{Ears, EventLoop};
use crate::resolve::Ask;
use crate::shared::Mailbox;

const FIRST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

type Answer = io::Result<Vec<IpAddr>>;

/// A resolver that has been asked when `asked` says so, and then waits for an answer.
struct Oracle {
    asked: Receiver<()>,
    answers: SyncSender<Answer>,
}

/// What a resolver looks names up by, and who answers it.
fn oracle() -> (impl FnMut(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + 'static, Oracle) {
    let (asks, asked) = channel();
    let (answers, answered) = std::sync::mpsc::sync_channel::<Answer>(0);
    let lookup = move |_: &str, port: u16| {
        let ended = |_| io::Error::other("the test is over");
        asks.send(()).map_err(|_| io::Error::other("the test is over"))?;
        let addresses = answered.recv().map_err(ended)??;
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    };
    (lookup, Oracle { asked, answers })
}

impl Oracle {
    /// Answers the next question; when this returns, the pool knows.
    fn say(&self, addresses: Answer) {
        self.answers.send(addresses).expect("it waits for an answer");
        self.asked.recv().expect("it asks again");
    }
}

/// Two backends of one port: each serves connections until their end, and names itself.
fn backends() -> u16 {
    let both = || {
        let first = TcpListener::bind((FIRST, 0))?;
        let second = TcpListener::bind((SECOND, first.local_addr()?.port()))?;
        io::Result::Ok([first, second])
    };
    // The second one may find the port taken.
    let both = (0..64).find_map(|_| both().ok()).expect("a port that both have");
    let port = both[0].local_addr().expect("it is bound").port();
    for listener in both {
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || serve(stream));
            }
        });
    }
    port
}

/// Switches if it is asked to, and echoes from then on; answers otherwise.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    let name = stream.local_addr()?.ip();
    let mut head = BufReader::new(stream.try_clone()?);
    let (mut line, mut upgrades) = (String::new(), false);
    while head.read_line(&mut line)? > 2 {
        upgrades |= line.starts_with("Upgrade:");
        line.clear();
    }
    if !upgrades {
        let body = name.to_string();
        return write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    }
    write!(stream, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")?;
    writeln!(stream, "{name}")?;
    io::copy(&mut head, &mut stream).map(drop)
}

/// A daemon of one loop.
struct Daemon {
    at: SocketAddr,
    mailbox: Mailbox,
    thread: thread::JoinHandle<io::Result<()>>,
    oracle: Oracle,
}

fn rules(port: u16) -> Rules {
    let lines = [
        "Listen 0".to_owned(),
        format!("BalancerMember balancer://app http://app.test:{port} addresses=all upgrade=echo"),
        "ProxyPass / balancer://app stickysession=R".to_owned(),
        "Header set Route %{BALANCER_WORKER_ROUTE}e".to_owned(),
    ];
    let lines = lines.map(|text| Input::Line { name: "conf".into(), text });
    let mut rules = load(&mut Nowhere, &lines, &[]).expect("the lines are good").rules;
    // It asks again as soon as it has an answer: the oracle says when it has one.
    if let Peer::Tcp(tcp) = &mut rules.workers[0].peer {
        tcp.memory = Wait::ZERO;
    }
    rules
}

impl Daemon {
    fn start() -> Self {
        let (ears, mailbox) = Ears::new().expect("ears");
        let shared = Arc::new(Shared::new(Epoch::of(rules(backends())), vec![mailbox.clone()]));
        let (lookup, oracle) = oracle();
        let asks = start(&shared, lookup).expect("a thread");
        oracle.asked.recv().expect("it asks at once");
        let (at, sockets) =
            accept::bind((Ipv4Addr::LOCALHOST, 0).into(), 1, SocketBuffers::default())
                .expect("a listener");
        let event_loop = EventLoop::new(0, ears, shared, sockets, asks, None).expect("a loop");
        Self { at, mailbox, thread: thread::spawn(move || event_loop.run()), oracle }
    }

    fn ask(&self, fields: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.at).expect("it listens");
        write!(stream, "GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n").expect("it reads");
        stream
    }

    /// Who answers a request; its route is told too.
    fn answer(&self, fields: &str) -> (IpAddr, String) {
        read(self.ask(&format!("Connection: close\r\n{fields}")))
    }

    fn stop(self) {
        self.mailbox.post(Message::Stop);
        drop(self.oracle);
        self.thread.join().expect("it does not panic").expect("it ends well");
    }
}

fn read(mut stream: TcpStream) -> (IpAddr, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it is answered");
    let name = text.rsplit("\r\n").next().and_then(|name| name.parse().ok());
    let route = text.lines().find_map(|line| line.strip_prefix("Route: ")).unwrap_or_default();
    (name.unwrap_or_else(|| panic!("{text}")), route.to_owned())
}

#[test]
fn each_address_serves_as_long_as_the_name_has_it() {
    let daemon = Daemon::start();
    let early = daemon.ask("Connection: close\r\n");
    daemon.oracle.say(Ok(vec![SECOND, FIRST]));
    let (early, _) = read(early);
    let others = [daemon.answer("").0, daemon.answer("").0];
    assert!([[FIRST, SECOND], [SECOND, FIRST]].contains(&others), "{early}, {others:?}");
    let mut tunnel = BufReader::new(daemon.ask("Connection: upgrade\r\nUpgrade: echo\r\n"));
    let (mut line, mut last) = (String::new(), String::new());
    while line != "\r\n" {
        line.clear();
        tunnel.read_line(&mut line).expect("it switches");
    }
    tunnel.read_line(&mut last).expect("the backend names itself");
    let there: IpAddr = last.trim().parse().expect("its address");
    let other = if there == FIRST { SECOND } else { FIRST };
    daemon.oracle.say(Ok(vec![other]));
    daemon.oracle.say(Err(io::Error::other("the servers of names are away")));
    assert_eq!([(); 4].map(|()| daemon.answer("").0), [other; 4]);
    tunnel.get_mut().write_all(b"still here\n").expect("it is open");
    line.clear();
    tunnel.read_line(&mut line).expect("it is open");
    assert_eq!(line, "still here\n", "who is gone keeps its tunnels");
    daemon.stop();
}

#[test]
fn a_cookie_leads_to_its_address_and_does_not_name_it() {
    let daemon = Daemon::start();
    daemon.oracle.say(Ok(vec![FIRST, SECOND]));
    let (first, route) = daemon.answer("");
    assert!(route.len() == 16 && !route.contains("127"), "{route}");
    let cookie = format!("Cookie: R=x.{route}\r\n");
    for _ in 0..3 {
        assert_eq!(daemon.answer(&cookie), (first, route.clone()));
    }
    daemon.stop();
}

#[test]
fn the_thread_resolves_what_it_is_asked_for_and_posts() {
    let shared = Arc::new(Shared::new(Epoch::of(Rules::default()), Vec::new()));
    let asks = start(&shared, system).expect("a thread");
    let mut poll = Poll::new().expect("a poll");
    let waker = Waker::new(poll.registry(), Token(0)).expect("a waker");
    let (mailbox, inbox) = Mailbox::new(waker);
    // The mailbox outlives the question, as a loop's does: with its waker the wake would go.
    let (answer_to, worker) = (mailbox.clone(), WorkerId(0));
    asks.send(Question::Name(Ask {
        worker,
        number: 0,
        host: "localhost".into(),
        port: 80,
        answer_to,
    }))
    .expect("the thread listens");
    let mut events = mio::Events::with_capacity(1);
    poll.poll(&mut events, None).expect("it wakes us");
    let Ok(Message::Resolved { addresses, .. }) = inbox.recv() else { panic!("no answer") };
    assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
    assert!(!addresses.is_empty());
    drop(mailbox);
}
