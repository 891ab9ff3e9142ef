//! What the kernel is asked for: counted by `strace`, where there is one that may attach.

mod house;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use house::{House, Wire, heads};
use rustix::process::{Pid, Signal, kill_process};

/// One loop, so that there is one order of events.
const RULES: &str = "Threads 1\nProxyPass / ws://BACKEND/ upgrade=foo";
const POLLS: [&str; 3] = ["epoll_wait", "epoll_pwait", "epoll_pwait2"];
/// Calls at the edges of a watch: the poll that was under way, and the one that is.
const EDGES: usize = 8;

/// A 64-byte echo costs two reads, two writes, and at most two polls; nothing else.
#[test]
fn a_round_trip_costs_two_reads_and_two_writes() {
    const ROUNDS: usize = 200;
    let house = House::new(RULES);
    let (mut client, mut backend) = house.tunnel();
    round_trip(&mut client, &mut backend);
    let Some(watch) = Watch::begin(&house, "round-trips") else { return };
    for _ in 0..ROUNDS {
        round_trip(&mut client, &mut backend);
    }
    let calls = of_the_loop(watch.end());
    let counted = |names: &[&str]| calls.iter().filter(|call| names.contains(&call.name())).count();
    let reads = counted(&["read", "recvfrom", "readv", "recvmsg"]);
    let writes = counted(&["write", "sendto", "writev", "sendmsg"]);
    let polls = counted(&POLLS);
    eprintln!("{ROUNDS} round trips: {reads} reads, {writes} writes, {polls} polls");
    assert_eq!((reads, writes), (2 * ROUNDS, 2 * ROUNDS));
    assert!(polls <= 2 * ROUNDS + EDGES, "{polls} polls");
    let others = calls.len() - reads - writes - polls;
    assert!(others <= EDGES, "{others} other calls: {:?}", names(&calls));
}

/// Calls of each kind that are not polls, nor accepts, of which the last of a batch finds nobody; nor what the standard
/// library asks before it closes a descriptor, if it was built for that.
fn beside_polls(calls: &[Call]) -> BTreeMap<&str, usize> {
    let mut names = names(calls);
    names.retain(|name, _| !POLLS.contains(name) && !["accept4", "fcntl"].contains(name));
    names
}

/// Opening and ending a tunnel costs what it must: both heads, both ends, and what is set on the backend's socket.
#[test]
fn a_tunnel_that_opens_and_ends_costs_18_calls_beside_polls() {
    const ROUNDS: usize = 50;
    let house = House::new(RULES);
    let open_and_end = || {
        let (mut client, mut backend) = house.tunnel();
        client.shut();
        backend.ends();
        backend.shut();
        client.ends();
    };
    open_and_end();
    let Some(watch) = Watch::begin(&house, "tunnels") else { return };
    (0..ROUNDS).for_each(|_| open_and_end());
    // What a tunnel leaves to be closed is closed before the next one is accepted.
    let _last = house.tunnel();
    let calls = of_the_loop(watch.end());
    let last = [("recvfrom", 2), ("sendto", 2), ("epoll_ctl", 2), ("setsockopt", 4)];
    let mut expected = BTreeMap::from([
        ("recvfrom", 4),
        ("sendto", 2),
        ("epoll_ctl", 2),
        ("socket", 1),
        ("setsockopt", 4),
        ("connect", 1),
        ("shutdown", 2),
        ("close", 2),
    ]);
    expected.values_mut().for_each(|count| *count *= ROUNDS);
    for (name, more) in last.into_iter().chain([("socket", 1), ("connect", 1)]) {
        expected.entry(name).and_modify(|count| *count += more);
    }
    assert_eq!(beside_polls(&calls), expected);
}

/// A request on kept connections costs two reads and two writes: who has a connection next need not watch it anew.
#[test]
fn a_request_on_kept_connections_costs_two_reads_and_two_writes() {
    const ROUNDS: usize = 50;
    let house = House::new("KeepAlive On\nThreads 1\nProxyPass / http://BACKEND/");
    let (mut client, mut backend) = (house.client(), None);
    let mut ask = || {
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        let backend = backend.get_or_insert_with(|| house.backend());
        backend.head();
        backend.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        client.head();
        client.hear("ok");
    };
    (0..2).for_each(|_| ask());
    let Some(watch) = Watch::begin(&house, "requests") else { return };
    (0..ROUNDS).for_each(|_| ask());
    let calls = of_the_loop(watch.end());
    let expected = BTreeMap::from([("recvfrom", 2 * ROUNDS), ("sendto", 2 * ROUNDS)]);
    assert_eq!(beside_polls(&calls), expected);
}

/// While others are served, a silent tunnel is not touched: no call names one of its sockets.
#[test]
fn a_silent_tunnel_costs_nothing() {
    let house = House::new(RULES);
    let _other = house.tunnel();
    let before = sockets(&house);
    let (mut client, mut backend) = house.tunnel();
    round_trip(&mut client, &mut backend);
    let own: BTreeSet<u32> = sockets(&house).difference(&before).copied().collect();
    assert_eq!(own.len(), 2, "a tunnel has two sockets");
    let Some(watch) = Watch::begin(&house, "silence") else { return };
    for _ in 0..20 {
        let (_, response) = house.exchange(&heads::get("/", ""), &heads::fine("others"));
        assert_eq!(heads::body(&response), "others");
    }
    let calls = watch.end();
    assert!(calls.len() > 20, "the others were not seen");
    let touches = |call: &&Call| call.first().is_some_and(|number| own.contains(&number));
    let touched: Vec<_> = calls.iter().filter(touches).collect();
    assert!(touched.is_empty(), "{touched:?}");
    round_trip(&mut client, &mut backend);
}

fn round_trip(client: &mut Wire, backend: &mut Wire) {
    const MESSAGE: [u8; 64] = [b'm'; 64];
    client.send(MESSAGE);
    backend.hear(MESSAGE);
    backend.send(MESSAGE);
    client.hear(MESSAGE);
}

fn sockets(house: &House) -> BTreeSet<u32> {
    let all = house.daemon.descriptors().into_iter();
    all.filter(|(_, what)| what.starts_with("socket:")).map(|(number, _)| number).collect()
}

/// The calls of the thread that polls: the others wait for signals, names and the end.
fn of_the_loop(mut calls: Vec<Call>) -> Vec<Call> {
    let polls = calls.iter().find(|call| POLLS.contains(&call.name())).expect("it has polled");
    let thread = polls.thread.clone();
    calls.retain(|call| call.thread == thread);
    calls
}

/// How often each call was made.
fn names(calls: &[Call]) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    for call in calls {
        *names.entry(call.name()).or_default() += 1;
    }
    names
}

/// A call as `strace` writes it: `THREAD name(first, …) = result`.
#[derive(Debug)]
struct Call {
    thread: String,
    text: String,
}

impl Call {
    /// The call of a line; none if it only tells how another one ended.
    fn of(line: &str) -> Option<Self> {
        let (thread, text) = line.split_once(' ')?;
        let text = text.trim_start();
        let begins = text.starts_with(|char: char| char.is_ascii_lowercase());
        begins.then(|| Self { thread: thread.to_owned(), text: text.to_owned() })
    }

    fn name(&self) -> &str {
        self.text.split('(').next().unwrap_or("")
    }

    /// The first argument, if it is a number: a descriptor, mostly.
    fn first(&self) -> Option<u32> {
        let (_, arguments) = self.text.split_once('(')?;
        arguments.split([',', ')']).next()?.trim().parse().ok()
    }
}

/// `strace` at work on a daemon, all of its threads.
struct Watch {
    strace: Child,
    says: Lines<BufReader<ChildStderr>>,
    notes: PathBuf,
}

impl Watch {
    /// Attaches; none, with a word about it, where there is no `strace` or it may not.
    fn begin(house: &House, name: &str) -> Option<Self> {
        let notes = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.strace"));
        let mut command = Command::new("strace");
        command.arg("-f").arg("-p").arg(house.daemon.pid().to_string()).arg("-o").arg(&notes);
        let spawned = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut strace) = spawned else {
            eprintln!("skipped: there is no strace");
            return None;
        };
        let stderr = strace.stderr.take().expect("its stderr is piped");
        let mut says = BufReader::new(stderr).lines();
        let first = says.next().and_then(Result::ok).unwrap_or_default();
        if first.contains(" attached") {
            return Some(Self { strace, says, notes });
        }
        strace.wait().expect("it is our child");
        eprintln!("skipped: strace may not attach: {first}");
        None
    }

    /// Detaches; the calls that were begun meanwhile.
    fn end(mut self) -> Vec<Call> {
        kill_process(Pid::from_child(&self.strace), Signal::INT).expect("it is our child");
        self.says.by_ref().for_each(drop);
        self.strace.wait().expect("it is our child");
        let notes = fs::read_to_string(&self.notes).expect("strace has written");
        notes.lines().filter_map(Call::of).collect()
    }
}
