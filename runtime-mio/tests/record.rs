//! A daemon that records: every trace replays through the core of today, and none says what it must not.

mod house;

use std::fs;
use std::io::BufReader;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use house::daemon::UNDERPASS;
use house::{Backend, Daemon, Wire, heads};
use underpass_core::trace::{End, Replayed, replay};

/// Payload and secrets of every session: in no trace.
const SECRET: &str = "c2VjcmV0OnBhc3M";

/// A folder of that name, and empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("record").join(name);
    let _ = fs::remove_dir_all(&folder);
    folder
}

/// The traces in a folder: their texts, by their names.
fn traces(folder: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a text");
        (path.file_name().expect("a name").to_string_lossy().into_owned(), text)
    };
    let mut traces: Vec<_> = entries.map(|entry| named(entry.path())).collect();
    traces.sort();
    traces
}

fn replayed(name: &str, text: &str) -> Replayed {
    replay(BufReader::new(text.as_bytes())).unwrap_or_else(|none| panic!("{name}: {none}\n{text}"))
}

/// A backend that switches when it is asked to, and echoes; or answers, with a cookie and chunks.
fn backend() -> Backend {
    let backend = Backend::listen((Ipv4Addr::LOCALHOST, 0).into());
    backend.serve(
        |stream| while serve(&mut Wire::new(stream.try_clone().expect("a twin")), &stream) {},
    );
    backend
}

/// Serves one request, if there is one more.
fn serve(wire: &mut Wire, stream: &TcpStream) -> bool {
    if !matches!(stream.peek(&mut [0]), Ok(1..)) {
        return false;
    }
    let head = wire.head();
    if head.contains("/chat") || head.contains("/raw") {
        let answer = if head.contains("/raw") { heads::SWITCH_FOO } else { heads::SWITCH };
        wire.send(format!("{answer}{SECRET}"));
        let (mut from, mut to) = (stream, stream);
        // The client may reset it.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = stream.shutdown(Shutdown::Write);
        return false;
    }
    if head.contains("Content-Length: 15") {
        wire.hear(SECRET);
    }
    if head.contains("/lost") {
        return false;
    }
    let chunks = format!("f\r\n{SECRET}\r\n0\r\n\r\n");
    wire.send(format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: {SECRET}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    ));
    true
}

/// What one client does, one thing after the other.
fn load(daemon: &Daemon) {
    let cookie = format!("Cookie: {SECRET}\r\nAuthorization: Basic {SECRET}\r\n");
    let answer = format!("f\r\n{SECRET}\r\n0\r\n\r\n");
    let mut kept = daemon.connect();
    for _ in 0..3 {
        kept.send(heads::get(&format!("/page?token={SECRET}"), &cookie));
        assert!(kept.head().starts_with("HTTP/1.1 200 "));
        kept.hear(&answer);
    }
    let post = heads::get("/post", "Content-Length: 15\r\n").replace("GET", "POST");
    kept.send(format!("{post}{SECRET}"));
    kept.head();
    kept.hear(&answer);
    kept.send(heads::ask(&cookie));
    kept.head();
    kept.hear(SECRET);
    kept.send(SECRET);
    kept.hear(SECRET);
    kept.shut();
    kept.ends();
    for end in [Wire::reset, drop] {
        let mut client = daemon.connect();
        client.send(heads::ask_foo(""));
        client.head();
        client.hear(SECRET);
        client.send(SECRET.repeat(10_000));
        client.hear(SECRET);
        end(client);
    }
    for request in ["nonsense\r\n\r\n", &heads::get("/no", ""), &heads::get("/lost", "")] {
        let mut client = daemon.connect();
        client.send(request);
        client.shut();
        client.fate();
    }
    drop(daemon.connect());
}

fn directives(backend: &Backend) -> String {
    let to = backend.address();
    format!(
        "LogLevel error\nKeepAlive On\nProxyPass /no !\nProxyPass / ws://{to}/ upgrade=websocket,foo"
    )
}

/// A daemon that runs those directives, with what else stands on its command line.
fn start(directives: &str, more: &[&str]) -> Daemon {
    let mut command = Command::new(UNDERPASS);
    command.arg("run").args(more).args(["-C", "Listen 127.0.0.1:0"]);
    for directive in directives.lines() {
        command.args(["-C", directive]);
    }
    Daemon::start(&mut command)
}

#[test]
fn what_is_recorded_under_load_replays() {
    let (folder, backend) = (folder("load"), backend());
    let path = folder.to_str().expect("a path in ASCII");
    let mut daemon = start(&format!("Threads 2\n{}", directives(&backend)), &["--record", path]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| load(&daemon)));
        }
    });
    assert!(daemon.stop().success());
    let traces = traces(&folder);
    // The connections that say nothing need not have been accepted when it stops.
    assert!((8 * 5 * 6..=8 * 5 * 7).contains(&traces.len()), "{} traces", traces.len());
    let (mut statuses, mut moves) = ([0; 600], 0);
    for (name, text) in &traces {
        assert!(!text.contains(SECRET), "{name}: {text}");
        let replayed = replayed(name, text);
        moves += replayed.moves;
        // The last ones may still have been saying goodbye.
        assert_ne!(replayed.end, End::Cut, "{name}");
        replayed.reports.iter().for_each(|report| statuses[usize::from(report.status)] += 1);
    }
    let loads = 8 * 5;
    let seen = [200, 400, 404, 502].map(|status| statuses[status]);
    assert_eq!(seen, [4 * loads, loads, loads, loads]);
    assert!(statuses[101] > loads && moves > 5_000, "{} tunnels, {moves} moves", statuses[101]);
}

/// One of so many, in each loop.
#[test]
fn a_sample_is_recorded() {
    let (folder, backend) = (folder("sample"), backend());
    let path = folder.to_str().expect("a path in ASCII");
    let more =
        format!("Threads 1\nRecordTunnels 1/5\nRecordFolder {path}\n{}", directives(&backend));
    let mut daemon = start(&more, &[]);
    for _ in 0..13 {
        let mut client = daemon.connect();
        client.send(heads::get("/page", "Connection: close\r\n"));
        client.text();
    }
    assert!(daemon.stop().success());
    let traces = traces(&folder);
    let sessions = traces.iter().map(|(name, _)| name.rsplit('-').next().unwrap_or_default());
    let sessions: Vec<_> = sessions.collect();
    assert_eq!(sessions, ["000000.trace", "000005.trace", "000010.trace"]);
    traces
        .iter()
        .for_each(|(name, text)| assert_eq!(replayed(name, text).end, End::Closed, "{name}"));
}

#[test]
fn nothing_is_recorded_unless_it_is_asked_for() {
    let (folder, backend) = (folder("off"), backend());
    let path = folder.to_str().expect("a path in ASCII");
    let daemon = start(&format!("RecordFolder {path}\n{}", directives(&backend)), &[]);
    load(&daemon);
    assert!(!folder.exists());
}

/// However much is recorded, the folder has no more in it than it may; what is new stays.
#[test]
fn the_folder_has_a_limit() {
    const LIMIT: u64 = 1 << 20;
    let (folder, backend) = (folder("limit"), backend());
    let path = folder.to_str().expect("a path in ASCII");
    let all = format!("Threads 2\nRecordLimit 1\n{}", directives(&backend));
    let mut daemon = start(&all, &["--record", path]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..40).for_each(|_| load(&daemon)));
        }
    });
    assert!(daemon.stop().success());
    let traces = traces(&folder);
    let size: usize = traces.iter().map(|(_, text)| text.len()).sum();
    assert!(size as u64 <= LIMIT && size as u64 > LIMIT / 2, "{size} bytes");
    assert!(traces.len() < 4 * 40 * 7, "{} traces", traces.len());
    traces.iter().for_each(|(name, text)| drop(replayed(name, text)));
    assert!(!daemon.said().contains("cut short"), "{}", daemon.said());
}

/// What a session did is on the disk when its turn is over, and replays: here it waits for an answer.
#[test]
fn the_trace_of_a_session_that_hangs_is_there() {
    let folder = folder("hangs");
    let backend = Backend::listen((Ipv4Addr::LOCALHOST, 0).into());
    let path = folder.to_str().expect("a path in ASCII");
    let daemon = start(&directives(&backend), &["--record", path]);
    let mut client = daemon.connect();
    client.send(heads::get("/slow", ""));
    let mut asked = backend.accept();
    asked.head();
    house::eventually("it is on the disk", || {
        traces(&folder).iter().any(|(_, text)| text.contains(r#"{"Rests":["Answer","#))
    });
    let (name, text) = &traces(&folder)[0];
    assert_eq!(replayed(name, text).end, End::Open);
    drop(asked);
    assert!(client.head().starts_with("HTTP/1.1 502 "));
}

/// A disk that takes nothing harms no session, and is told of once.
#[test]
fn traces_that_cannot_be_written_are_counted() {
    let (folder, backend) = (folder("gone"), backend());
    let path = folder.to_str().expect("a path in ASCII");
    let recorded = directives(&backend).replace("LogLevel error\n", "");
    let mut daemon = start(&recorded, &["--record", path]);
    fs::remove_dir_all(&folder).expect("it is there");
    (0..3).for_each(|_| load(&daemon));
    assert!(daemon.stop().success());
    let said = daemon.said();
    let told: Vec<_> = said.lines().filter(|line| line.contains("cut short")).collect();
    // At once, and then the rest at the end.
    assert!(told.len() == 2 && told[0].contains("lost=1"), "{told:#?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let output = Command::new(UNDERPASS)
        .args(["run", "--record", "/dev/null/traces", "-C", "Listen 127.0.0.1:0"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("cannot record: "), "{said}");
}
