//! Many requests over connections that are kept: how many a second, over how few connections to the
//! backend, and whether every descriptor is given back.
//!
//! `cargo build --release && cargo run --release -p underpass-benches --bin requests -- [REQUESTS [CLIENTS]]`
//!
//! CLIENTS (100) connections ask REQUESTS (100 000) times in all, each for the next of its
//! [`MIX`](underpass_benches::mix::MIX) as soon as it is answered. It fails if an answer is wrong, if a
//! client's connection is not kept, if the backend sees more connections than [`Bound`] says, or if the
//! daemon keeps a descriptor.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use underpass_benches::arguments::numbers;
use underpass_benches::daemon::{Daemon, failure};
use underpass_benches::mix::Kind;
use underpass_benches::wire::{PATIENCE, Wire};

/// How often we look whether something has come true, and how many descriptors there are.
const TICK: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let [requests, clients] = numbers(["REQUESTS", "CLIENTS"])?;
    let (requests, clients) = (requests.unwrap_or(100_000), clients.unwrap_or(100));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let rule = format!("ProxyPass / http://{}/", listener.local_addr()?);
    let daemon = Daemon::start(&["Threads 2", "MaxKeepAliveRequests 0", &rule])?;
    let backend = Backend::default();
    thread::scope(|scope| {
        scope.spawn(|| backend.serve(&listener));
        let measured = measure(&daemon, &backend, requests, clients);
        backend.stop(listener.local_addr()?)?;
        measured
    })
}

/// Asks, prints what came of it, and judges.
fn measure(
    daemon: &Daemon,
    backend: &Backend,
    requests: usize,
    clients: usize,
) -> Result<(), Box<dyn Error>> {
    let before = daemon.descriptors()?;
    let (span, peak) = ask_all(daemon, requests, clients)?;
    eventually("the clients' descriptors are given back", || {
        Ok(daemon.descriptors()? <= before + backend.book().open.len())
    })?;
    let idle = backend.end_all();
    eventually("all descriptors are given back", || Ok(daemon.descriptors()? <= before))?;
    let (Book { opened, most, .. }, bound) = (&*backend.book(), Bound::of(requests, clients));
    writeln!(
        io::stdout(),
        "{requests} requests over {clients} connections in {:.1} s: {:.0} a second\n\
         connections to the backend: {opened} opened (at most {}), {most} at once (at most {}), \
         {idle} kept idle at the end\n\
         the daemon's descriptors: {before} before, {peak} at the peak, {} after",
        span.as_secs_f64(),
        requests as f64 / span.as_secs_f64(),
        bound.opened,
        bound.most,
        daemon.descriptors()?,
    )?;
    let within = *opened <= bound.opened && *most <= bound.most;
    if within { Ok(()) } else { Err("too many connections to the backend".into()) }
}

/// How many connections the backend may see.
#[derive(Debug)]
struct Bound {
    /// In all: a fresh one for what must not be sent twice, for each client, and for every tenth of the
    /// others, since the daemon keeps only so many idle ones.
    opened: usize,
    /// At once: one for each client, and as many that are idle or of whose end the backend has not
    /// heard yet; 64 at least, which two loops may keep idle.
    most: usize,
}

impl Bound {
    fn of(requests: usize, clients: usize) -> Self {
        let repeating = (0..requests).filter(|&number| Kind::of(number).repeats()).count();
        let opened = requests - repeating + repeating / 10 + clients;
        Self { opened, most: clients + clients.max(64) }
    }
}

/// Lets all clients ask; how long it took, and the most descriptors that the daemon had meanwhile.
fn ask_all(daemon: &Daemon, requests: usize, clients: usize) -> io::Result<(Duration, usize)> {
    let address = daemon.address();
    thread::scope(|scope| {
        let began = Instant::now();
        let ask = |client| move || ask(address, (client..requests).step_by(clients));
        let asking: Vec<_> = (0..clients).map(|client| scope.spawn(ask(client))).collect();
        let mut peak = 0;
        while !asking.iter().all(|client| client.is_finished()) {
            peak = peak.max(daemon.descriptors()?);
            thread::sleep(TICK);
        }
        let span = began.elapsed();
        for client in asking {
            client.join().map_err(|_| failure("a client panicked"))??;
        }
        Ok((span, peak))
    })
}

/// One client: asks for those numbers, one after the other, on one connection.
fn ask(address: SocketAddr, numbers: impl Iterator<Item = usize>) -> io::Result<()> {
    let mut wire = Wire::connect(address)?;
    for number in numbers {
        let (kind, path) = (Kind::of(number), format!("/{number}"));
        wire.write_all(&kind.request(&path))?;
        let (head, mut body) = (wire.due_head()?, String::new());
        let expected = kind.answers.body(&path);
        if !expected.is_empty() {
            wire.body(head.framing()).read_to_string(&mut body)?;
        }
        if head.words().nth(1) != Some(kind.status) || body != expected {
            return Err(failure(format!("{path}: a wrong answer: {head:?} and {body:?}")));
        }
    }
    Ok(())
}

/// The backend, which answers every number as its [`Kind`] says.
#[derive(Debug, Default)]
struct Backend(Mutex<Book>);

/// Its connections.
#[derive(Debug, Default)]
struct Book {
    /// How many there were.
    opened: usize,
    /// How many there were at once.
    most: usize,
    /// Those that are open, by their number.
    open: HashMap<usize, TcpStream>,
    /// No more are served.
    stopped: bool,
}

impl Backend {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves every connection on a thread of its own, until it is stopped.
    fn serve(&self, listener: &TcpListener) {
        thread::scope(|scope| {
            while let Ok((stream, _)) = listener.accept()
                && !self.book().stopped
            {
                scope.spawn(|| {
                    // The client is told by a 502; this is the cause.
                    let _ = self.attend(stream).inspect_err(|error| eprintln!("backend: {error}"));
                });
            }
        });
    }

    fn attend(&self, stream: TcpStream) -> io::Result<()> {
        let number = self.book().note(stream.try_clone()?);
        let answered = answer_all(stream);
        self.book().open.remove(&number);
        answered
    }

    /// Ends all connections; how many there were.
    fn end_all(&self) -> usize {
        let book = self.book();
        for stream in book.open.values() {
            // One that the daemon has broken meanwhile has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        book.open.len()
    }

    /// Serves nobody any more; a last connection wakes it.
    fn stop(&self, address: SocketAddr) -> io::Result<()> {
        self.book().stopped = true;
        self.end_all();
        TcpStream::connect(address).map(drop)
    }
}

impl Book {
    /// Notes a connection; its number.
    fn note(&mut self, stream: TcpStream) -> usize {
        self.opened += 1;
        self.open.insert(self.opened, stream);
        self.most = self.most.max(self.open.len());
        self.opened
    }
}

fn answer_all(stream: TcpStream) -> io::Result<()> {
    let mut wire = Wire::new(stream)?;
    while let Some(head) = wire.head()? {
        let path = head.words().nth(1).unwrap_or_default();
        let number = path.trim_start_matches('/').parse();
        let kind = Kind::of(number.map_err(|_| failure(format!("asked for {path}")))?);
        let mut body = String::new();
        wire.body(head.framing()).read_to_string(&mut body)?;
        if body != kind.sends.body(path) {
            return Err(failure(format!("{path}: a wrong body: {head:?} and {body:?}")));
        }
        wire.write_all(&kind.answer(path))?;
    }
    Ok(())
}

/// Waits for what must come true.
fn eventually(what: &str, mut is_so: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > PATIENCE {
            return Err(failure(format!("never came true: {what}")));
        }
        thread::sleep(TICK);
    }
    Ok(())
}
