//! What very large bodies cost the daemon while their reader is slow: its peak memory, and that every
//! byte arrives.
//!
//! `cargo build --release && cargo run --release -p underpass-benches --bin bulk -- [GIBIBYTES [CHUNKED]]`
//!
//! GIBIBYTES (10) go up in a POST and down in an answer, framed by `Content-Length`; then CHUNKED (2, or
//! fewer) both ways once more. It fails if a byte is wrong, if a reader that pauses does not hold the
//! sender up, or if the daemon grows by more than [`GROWTH_MOST`].

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use underpass_benches::arguments::numbers;
use underpass_benches::daemon::{Daemon, failure};
use underpass_benches::pattern::{PIECE, Pattern};
use underpass_benches::wire::{Framing, Wire, put_chunk};

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// By how much the daemon may grow over what it had before a body.
const GROWTH_MOST: u64 = 8 * MIB;

/// A sender that has sent nothing for so long is held up.
const STILL: Duration = Duration::from_millis(500);

/// What a slow reader reads at a time, and what it waits in between.
const SIP: usize = 4 * 1024;
/// See [`SIP`].
const PAUSE: Duration = Duration::from_millis(1);

/// Bytes of a chunk: they divide no buffer.
const CHUNK: usize = 10_007;

fn main() -> Result<(), Box<dyn Error>> {
    let [whole, chunked] = numbers(["GIBIBYTES", "CHUNKED"])?;
    let whole = whole.unwrap_or(10);
    let chunked = chunked.unwrap_or(whole.min(2));
    let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let rule = format!("ProxyPass / http://{}/", backend.local_addr()?);
    let daemon = Daemon::start(&[&rule])?;
    let (whole, chunked) = (whole as u64 * GIB, chunked as u64 * GIB);
    for load in [
        Load { framing: Framing::Length(whole), total: whole },
        Load { framing: Framing::Chunked, total: chunked },
    ] {
        measure(&daemon, &backend, Way::Up, load)?;
        measure(&daemon, &backend, Way::Down, load)?;
    }
    Ok(())
}

/// Whether the request has the body, or the answer.
#[derive(Clone, Copy, Debug)]
enum Way {
    Up,
    Down,
}

/// A body: its framing, and how many bytes are in it.
#[derive(Clone, Copy, Debug)]
struct Load {
    framing: Framing,
    total: u64,
}

/// Sends one body, and prints what became of it.
fn measure(
    daemon: &Daemon,
    backend: &TcpListener,
    way: Way,
    load: Load,
) -> Result<(), Box<dyn Error>> {
    let idle = daemon.resident()?;
    daemon.forget_peak()?;
    let course = exchange(daemon, backend, way, load)?;
    let (peak, gib) = (daemon.peak()?, load.total as f64 / GIB as f64);
    let framing = if load.framing == Framing::Chunked { "chunked" } else { "by length" };
    let way = format!("{way:?}").to_lowercase();
    let growth = peak.saturating_sub(idle);
    writeln!(
        io::stdout(),
        "{gib:4} GiB {way:4} {framing:9}  {:6.1} s, {:.2} GiB/s once the reader is fast  \
         held up with {:.1} MiB under way  peak {:.2} MiB, {:.2} over idle",
        course.all.as_secs_f64(),
        (load.total - course.slow_bytes) as f64 / GIB as f64 / course.fast.as_secs_f64(),
        mib(course.under_way),
        mib(peak),
        mib(growth),
    )?;
    if growth > GROWTH_MOST { Err(format!("the daemon grew by {growth} bytes"))? } else { Ok(()) }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// One request and its answer, one of which has the body.
fn exchange(daemon: &Daemon, backend: &TcpListener, way: Way, load: Load) -> io::Result<Course> {
    let framing = match load.framing {
        Framing::Length(length) => format!("Content-Length: {length}"),
        Framing::Chunked => "Transfer-Encoding: chunked".to_owned(),
    };
    let mut client = Wire::connect(daemon.address())?;
    match way {
        Way::Up => write!(client, "POST /up HTTP/1.1\r\nHost: h\r\n{framing}\r\n\r\n")?,
        Way::Down => write!(client, "GET /down HTTP/1.1\r\nHost: h\r\n\r\n")?,
    }
    let mut backend = Wire::new(backend.accept()?.0)?;
    let request = backend.due_head()?;
    match way {
        Way::Up => {
            let course = carry(&mut client, &mut backend, request.framing(), load)?;
            write!(backend, "HTTP/1.1 204 No Content\r\n\r\n")?;
            expect_status(&mut client, "204")?;
            Ok(course)
        }
        Way::Down => {
            write!(backend, "HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")?;
            let framing = expect_status(&mut client, "200")?;
            carry(&mut backend, &mut client, framing, load)
        }
    }
}

/// The framing of the answer, which must have that status.
fn expect_status(client: &mut Wire, status: &str) -> io::Result<Framing> {
    let answer = client.due_head()?;
    let good = answer.words().nth(1) == Some(status);
    if good { Ok(answer.framing()) } else { Err(failure(format!("not {status}: {answer:?}"))) }
}

/// How a body was carried.
#[derive(Debug)]
struct Course {
    all: Duration,
    /// What it took from when the reader became fast.
    fast: Duration,
    /// Bytes that had been read by then.
    slow_bytes: u64,
    /// Bytes that had been sent but not read when the sender was held up.
    under_way: u64,
}

/// Sends the body at one end, and hears it at the other, where it arrives with that framing.
fn carry(from: &mut Wire, to: &mut Wire, framing: Framing, load: Load) -> io::Result<Course> {
    let (sent, source) = (AtomicU64::new(0), from.stream().try_clone()?);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(from, load, &sent));
        let heard = hear(&mut to.body(framing), load.total, &sent);
        if heard.is_err() {
            // Nobody reads on, so the sender would wait; one that has ended already cannot be shut.
            let _ = source.shutdown(Shutdown::Both);
        }
        let sender = sender.join().map_err(|_| failure("the sender panicked"))?;
        heard.and_then(|course| sender.map(|()| course))
    })
}

fn send(to: &mut Wire, load: Load, sent: &AtomicU64) -> io::Result<()> {
    let (mut pattern, mut chunks) = (Pattern::default(), Vec::new());
    for _ in 0..load.total / PIECE as u64 {
        let piece = pattern.piece();
        if load.framing == Framing::Chunked {
            chunks.clear();
            piece.chunks(CHUNK).for_each(|chunk| put_chunk(chunk, &mut chunks));
            to.write_all(&chunks)?;
        } else {
            to.write_all(piece)?;
        }
        sent.fetch_add(PIECE as u64, Ordering::Relaxed);
    }
    if load.framing == Framing::Chunked { to.write_all(b"0\r\n\r\n") } else { Ok(()) }
}

/// Hears a body: nothing until its sender is held up, a little by little, nothing once more, and the
/// rest as fast as it comes.
fn hear(body: &mut impl Read, total: u64, sent: &AtomicU64) -> io::Result<Course> {
    let began = Instant::now();
    let mut ear = Ear { pattern: Pattern::default(), room: vec![0; PIECE], heard: 0 };
    let under_way = until_held_up(sent, total)?;
    for _ in 0..4 {
        ear.hear(body, SIP)?;
    }
    until_held_up(sent, total)?;
    let (slow_bytes, fast_since) = (ear.heard, Instant::now());
    while ear.heard < total {
        ear.hear(body, PIECE)?;
    }
    if body.read(&mut [0])? > 0 {
        return Err(failure("the body is too long"));
    }
    Ok(Course { all: began.elapsed(), fast: fast_since.elapsed(), slow_bytes, under_way })
}

/// One who compares what is heard with what was to be sent.
#[derive(Debug)]
struct Ear {
    pattern: Pattern,
    room: Vec<u8>,
    heard: u64,
}

impl Ear {
    /// Hears one piece, in sips of so many bytes.
    fn hear(&mut self, body: &mut impl Read, sip: usize) -> io::Result<()> {
        for room in self.room.chunks_mut(sip) {
            body.read_exact(room)?;
            if sip < PIECE {
                thread::sleep(PAUSE);
            }
        }
        if self.room != self.pattern.piece() {
            return Err(failure(format!("a wrong byte behind the first {}", self.heard)));
        }
        self.heard += PIECE as u64;
        Ok(())
    }
}

/// Waits until the sender sends no more; how much it has sent.
fn until_held_up(sent: &AtomicU64, total: u64) -> io::Result<u64> {
    let (mut seen, mut since) = (0, Instant::now());
    while since.elapsed() < STILL {
        let now = sent.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        thread::sleep(PAUSE);
    }
    if seen < total { Ok(seen) } else { Err(failure("nothing held the sender up")) }
}
