//! A reload under live connections: nothing that lives notices it.

mod house;
#[path = "../src/tls/testing.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "it is for other tests as well, where it may unwrap"
)]
mod keys;

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use house::daemon::UNDERPASS;
use house::secret::{ask, asker, certificates, hear, say};
use house::{Backend, Daemon, Wire, eventually, heads};
use keys::{Authority, Folder};
use rustix::process::{Pid, Signal, kill_process};

/// A daemon with a configuration that changes, and backends for it.
struct Changing {
    folder: Folder,
    daemon: Daemon,
    backends: [Backend; 2],
    /// How many reloads have been told of so far, good and bad ones.
    told: usize,
}

const GOOD: &str = "the configuration is reloaded";
const BAD: &str = "the configuration cannot be used";
const FOO: &str = "ProxyPass / ws://ONE/ upgrade=foo";

impl Changing {
    /// A daemon that runs these directives, in which `ONE` and `TWO` stand for its backends, and `%` for a folder.
    fn new(directives: &str) -> Self {
        Self::with(&[], directives)
    }

    /// The same, with files in the folder.
    fn with(files: &[(&str, &str)], directives: &str) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let backends = [Backend::listen(any), Backend::listen(any)];
        let folder = Folder::new();
        files.iter().for_each(|(name, text)| drop(folder.write(name, text)));
        let file = folder.write("conf", &meant(&folder, &backends, directives));
        let daemon = Daemon::start(Command::new(UNDERPASS).args(["run", "-f", &file]));
        Self { folder, daemon, backends, told: 0 }
    }

    /// Writes other directives, and tells the daemon; waits until it says that.
    fn reload(&mut self, directives: &str, says: &str) {
        self.folder.write("conf", &meant(&self.folder, &self.backends, directives));
        let pid = Pid::from_raw(self.daemon.pid().cast_signed()).expect("a process");
        kill_process(pid, Signal::HUP).expect("it is our child");
        self.told += 1;
        let told = || {
            let said = self.daemon.said();
            said.matches(GOOD).count() + said.matches(BAD).count()
        };
        eventually("a reload is told of", || told() >= self.told);
        let said = self.daemon.said();
        let last = said.lines().rev().find(|line| line.contains(GOOD) || line.contains(BAD));
        assert!(last.is_some_and(|line| line.contains(says)), "it said:\n{said}");
    }

    /// An open tunnel, which leads to that backend.
    fn tunnel(&self, backend: usize) -> (Wire, Wire) {
        let mut client = self.daemon.connect();
        client.send(heads::ask_foo(""));
        let mut backend = self.backends[backend].accept();
        backend.head();
        backend.send(heads::SWITCH_FOO);
        assert_eq!(client.head(), heads::SWITCH_FOO);
        (client, backend)
    }
}

fn meant(folder: &Folder, [one, two]: &[Backend; 2], directives: &str) -> String {
    let text = directives.replace("ONE", &one.address().to_string());
    let text = text.replace("TWO", &two.address().to_string());
    let text = text.replace('%', folder.path("").trim_end_matches('/'));
    let listen = if text.contains("Listen ") { "" } else { "Listen 127.0.0.1:0\n" };
    let level = if text.contains("LogLevel ") { "" } else { "LogLevel info\n" };
    format!("{level}{listen}{text}\n")
}

/// Both ends hear what the other one says.
fn echo((client, backend): &mut (Wire, Wire), words: &str) {
    client.send(words);
    backend.hear(words);
    backend.send(words);
    client.hear(words);
}

/// Whole configurations in turn, of which hardly anything is the same.
const TWO_OF_THEM: [&str; 2] = [
    "<Proxy balancer://app>\nBalancerMember ws://ONE upgrade=foo\n</Proxy>\nProxyPass / balancer://app\nProxyTimeout 30\n",
    "ProxyPass /x http://TWO\nProxyPass /y http://TWO/z\nListen 127.0.0.1:0\nListen 127.0.0.1:0\nServerName other\n\
     <Proxy balancer://other>\nBalancerMember http://TWO loadfactor=2\nBalancerMember http://ONE\n</Proxy>",
];

#[test]
fn a_thousand_tunnels_outlive_two_hundred_reloads() {
    const TUNNELS: usize = 1_000;
    const RELOADS: usize = 200;
    let mut house = Changing::new(TWO_OF_THEM[0]);
    let mut tunnels: Vec<_> = (0..TUNNELS).map(|_| house.tunnel(0)).collect();
    let mut settled = 0;
    for number in 1..=RELOADS {
        house.reload(TWO_OF_THEM[number % 2], GOOD);
        let tenth = tunnels.iter_mut().skip(number % 10).step_by(10);
        tenth.for_each(|tunnel| echo(tunnel, &format!("after reload {number}")));
        if number == RELOADS / 10 {
            settled = house.daemon.resident();
        }
    }
    let grown = house.daemon.resident().saturating_sub(settled);
    assert!(grown < 2_048, "{grown} KiB more after {RELOADS} reloads than after a tenth of them");
    tunnels.iter_mut().for_each(|tunnel| echo(tunnel, "the last word"));
    let (client, mut backend) = house.tunnel(0);
    client.shut();
    backend.ends();
}

#[test]
fn a_configuration_that_cannot_be_used_changes_nothing_and_says_why() {
    let mut house = Changing::new(FOO);
    let mut tunnel = house.tunnel(0);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    for (bad, why) in [
        ("ProxyPas / ws://TWO/", "did you mean `ProxyPass`?"),
        (&*format!("ProxyPass / ws://TWO/\nListen 127.0.0.1:{port}"), "cannot listen on"),
        ("ProxyPass / ws://TWO/\nSSLEngine on\nSSLCertificateFile %/none.pem", "none.pem"),
    ] {
        house.reload(bad, BAD);
        assert!(house.daemon.said().contains(why), "{why}");
        echo(&mut tunnel, "nobody noticed");
        echo(&mut house.tunnel(0), "the old rules stand");
    }
    house.reload(&FOO.replace("ONE", "TWO"), GOOD);
    echo(&mut house.tunnel(1), "the new ones");
    echo(&mut tunnel, "still here");
}

/// Requests that follow each other over one connection: each goes by the rules that stand when it comes.
#[test]
fn a_kept_connection_asks_by_the_new_rules_and_an_exchange_ends_by_the_old_ones() {
    const HTTP: &str = "ProxyPass / http://ONE/";
    let mut house = Changing::new(HTTP);
    let mut client = house.daemon.connect();
    for (number, backend) in [(0, 0), (1, 1), (2, 0)] {
        client.send(heads::get("/", "").replace("Connection: close\r\n", ""));
        let mut wire = house.backends[backend].accept();
        wire.head();
        let next = if backend == 0 { HTTP.replace("ONE", "TWO") } else { HTTP.to_owned() };
        house.reload(&next, GOOD);
        let body = format!("answer {number}");
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        assert!(client.head().starts_with("HTTP/1.1 200 "));
        client.hear(&body);
    }
}

#[test]
fn listeners_come_and_go_and_what_came_in_by_them_stays() {
    let listen = |port: u16| format!("Listen 127.0.0.1:{port}\n{FOO}");
    let free = || {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        taken.local_addr().expect("an address")
    };
    let (first, second) = (free(), free());
    let mut house = Changing::new(&listen(first.port()));
    let mut tunnel = house.tunnel(0);
    house.reload(&listen(second.port()), GOOD);
    eventually("the old door is shut", || TcpStream::connect(first).is_err());
    let mut client = Wire::new(TcpStream::connect(second).expect("the new door is open"));
    client.send(heads::ask_foo(""));
    let mut backend = house.backends[0].accept();
    backend.head();
    backend.send(heads::SWITCH_FOO);
    assert_eq!(client.head(), heads::SWITCH_FOO);
    echo(&mut tunnel, "it came in by a door that is gone");
}

/// Who has come before the reload counts.
#[test]
fn tunnels_are_spread_by_what_stood_before_the_reload() {
    let app = |members: &str| {
        format!(
            "<Proxy balancer://app>\n{members}\nProxySet lbmethod=leasttunnels\n</Proxy>\nProxyPass / balancer://app"
        )
    };
    let mut house = Changing::new(&app("BalancerMember ws://ONE upgrade=foo"));
    let mut before: Vec<_> = (0..3).map(|_| house.tunnel(0)).collect();
    house.reload(
        &app("BalancerMember ws://ONE upgrade=foo\nBalancerMember ws://TWO upgrade=foo"),
        GOOD,
    );
    let mut after: Vec<_> = (0..3).map(|_| house.tunnel(1)).collect();
    house.reload(&app("BalancerMember ws://TWO upgrade=foo"), GOOD);
    before.iter_mut().chain(&mut after).for_each(|tunnel| echo(tunnel, "hello"));
}

#[test]
fn a_reload_says_how_much_is_told_and_what_it_does_not_change() {
    let mut house = Changing::new(FOO);
    const DEBUG: &str = "DEBUG";
    echo(&mut house.tunnel(0), "nobody is told");
    assert!(!house.daemon.said().contains(DEBUG));
    house.reload(&format!("LogLevel debug\nThreads 7\nRecordTunnels 1/9\n{FOO}"), GOOD);
    let said = house.daemon.said();
    for name in ["Threads", "Record"] {
        let warning = |line: &str| line.contains(name) && line.contains("from the next start on");
        assert!(said.lines().any(warning), "{name}: {said}");
    }
    echo(&mut house.tunnel(0), "the operator is told");
    eventually("it is told", || house.daemon.said().contains(DEBUG));
}

/// A member that nobody has checked so far: the thread that does so is there as soon as it is needed.
#[test]
fn a_member_is_checked_as_soon_as_a_reload_says_so() {
    let app = |says: &str| {
        format!(
            "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1 {says}\nBalancerMember http://ONE\n</Proxy>\n\
             ProxyPass / balancer://app"
        )
    };
    let mut house = Changing::new(&app(""));
    house.reload(&app("hcmethod=TCP hcinterval=100ms hcfails=1"), GOOD);
    eventually("it fails", || house.daemon.said().contains("it serves no more"));
    house.reload(&app("hcmethod=TCP hcinterval=200ms hcfails=1"), GOOD);
    house.reload(&app(""), GOOD);
    let (mut client, mut backend) = (house.daemon.connect(), None);
    client.send(heads::get("/", ""));
    std::thread::scope(|scope| {
        scope.spawn(|| backend = Some(house.backends[0].accept()));
    });
    let mut backend = backend.expect("it came to the other one, at last");
    backend.head();
    backend.send(heads::fine("hello"));
    assert_eq!(heads::body(&client.text()), "hello");
}

/// Whose client was asked for less than is asked for now may not go on to ask.
#[test]
fn a_kept_connection_by_tls_goes_on_unless_more_is_demanded_now() {
    let issuer = Authority::new("ca");
    let files = [
        ("ca.pem", issuer.pem()),
        ("a.pem", issuer.issue("a").both()),
        ("b.pem", issuer.issue("a").both()),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let by = |more: &str| {
        format!("SSLEngine on\nSSLCertificateFile %/a.pem\n{more}\nProxyPass / http://ONE/")
    };
    let mut house = Changing::with(&files, &by(""));
    let config = asker(&issuer.pem(), "1.3", None);
    let mut client = ask(&config, "a", house.daemon.connect());
    let exchange = |client: &mut house::secret::Asker, house: &Changing| {
        say(client, heads::get("/", "").replace("Connection: close\r\n", ""));
        let mut backend = house.backends[0].accept();
        backend.head();
        backend.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
        assert!(house::secret::head(client).starts_with("HTTP/1.1 200 "));
        hear(client, "hi");
    };
    exchange(&mut client, &house);
    house.reload(&by("").replace("a.pem", "b.pem"), GOOD);
    exchange(&mut client, &house);
    let mut other = ask(&config, "a", house.daemon.connect());
    exchange(&mut other, &house);
    let shown = other.conn.peer_certificates().map(|shown| shown[0].clone());
    assert_eq!(shown, Some(certificates(files[2].1).remove(0)), "the new one");
    house.reload(&by("SSLVerifyClient require\nSSLCACertificateFile %/ca.pem"), GOOD);
    for mut asker in [client, other] {
        let mut rest = Vec::new();
        asker.read_to_end(&mut rest).expect("it ends in order");
        assert_eq!(rest, b"");
    }
}
