//! The daemon: listeners, one loop a core, signals.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use socket2::Socket;
use underpass_core::config::Read;
use underpass_core::config::{Listen, LogLevel};

use crate::accept;
use crate::checks::Checks;
use crate::event_loop::{Ears, EventLoop};
use crate::record::Recorder;
use crate::resolver::{self, system};
use crate::shared::{Mailbox, Message, Shared};

/// Why the daemon cannot run.
#[derive(Debug)]
pub(crate) enum CannotRun {
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// Nothing can be recorded.
    Record(io::Error),
    /// The system refuses a poll, a thread or a signal.
    System(io::Error),
    /// A loop ended with an error; the others went on until the end.
    Loop,
}

impl From<io::Error> for CannotRun {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for CannotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Record(error) => write!(f, "cannot record: {error}"),
            Self::System(error) => write!(f, "cannot start: {error}"),
            Self::Loop => f.write_str("a loop has failed"),
        }
    }
}

/// Runs until SIGTERM or SIGINT; `ready` is told the addresses that are listened on.
pub(crate) fn run(loaded: Read, ready: impl FnOnce(&[SocketAddr])) -> Result<(), CannotRun> {
    let Read { config, directives, .. } = loaded;
    log_to_stderr(config.log_level);
    // Before anybody can know that we run: the first signal must find its listener.
    let signals = Signals::new([SIGTERM, SIGINT])?;
    raise_descriptor_limit();
    let loops = config.threads.map_or_else(cores, |threads| usize::from(threads.get()));
    let (addresses, mut sockets) = listen(&config.listens, loops)?;
    let (recorder, writer) =
        Recorder::start(&config, directives).map_err(CannotRun::Record)?.unzip();
    let ears: io::Result<Vec<_>> = (0..loops).map(|_| Ears::new()).collect();
    let (ears, mut mailboxes): (Vec<_>, Vec<_>) = ears?.into_iter().unzip();
    let shared = Arc::new(Shared::new(config.rules, mailboxes.clone()));
    let asks = resolver::start(&shared, system)?;
    let mut threads = Vec::new();
    for (number, ears) in ears.into_iter().enumerate() {
        let own = sockets.iter_mut().filter_map(Vec::pop).collect();
        let shared = Arc::clone(&shared);
        let tapes = recorder.as_ref().map(|recorder| recorder.tapes(number));
        let event_loop = EventLoop::new(number, ears, shared, own, asks.clone(), tapes)?;
        let name = format!("loop {number}");
        threads.push(thread::Builder::new().name(name).spawn(move || event_loop.run())?);
    }
    let checks = Checks::new(&shared, &asks, config.checks, config.heartbeats)?;
    if let Some((checks, mailbox)) = checks {
        mailboxes.push(mailbox);
        threads.push(thread::Builder::new().name("checks".into()).spawn(move || checks.run())?);
    }
    drop((asks, recorder));
    ready(&addresses);
    stop_on(signals, mailboxes)?;
    let ended = join(threads);
    // The loops have said all; it is written when the writer ends.
    let written = writer.map_or(Ok(()), |writer| writer.join().map_err(|_| CannotRun::Loop));
    ended.and(written)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

fn log_to_stderr(level: LogLevel) {
    let most = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_max_level(most)
        .with_ansi(colours)
        .with_writer(io::stderr)
        .init();
}

/// Every tunnel needs two descriptors: as many as the system lets us have.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, ?current, "the limit of open descriptors stays as it is");
    }
}

/// Binds every address for every loop.
fn listen(
    listens: &[Listen],
    loops: usize,
) -> Result<(Vec<SocketAddr>, Vec<Vec<Socket>>), CannotRun> {
    let bound = listens.iter().map(|listen| {
        bind(listen.address, loops).map_err(|error| CannotRun::Listen(listen.address, error))
    });
    bound.collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().unzip())
}

/// Says which addresses are listened on: who asked for port 0 learns the port from it.
pub(crate) fn announce(addresses: &[SocketAddr]) {
    for address in addresses {
        // Nobody is hurt if it is lost.
        let _ = writeln!(io::stderr(), "underpass: listening on {address}");
    }
}

/// `Listen 8080` means every address: where there is no IPv6, every address of IPv4.
fn bind(address: SocketAddr, loops: usize) -> io::Result<(SocketAddr, Vec<Socket>)> {
    match accept::bind(address, loops) {
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
                && address.ip().is_unspecified() =>
        {
            accept::bind((Ipv4Addr::UNSPECIFIED, address.port()).into(), loops)
        }
        bound => bound,
    }
}

/// Tells every loop to stop when the first signal comes.
fn stop_on(mut signals: Signals, mailboxes: Vec<Mailbox>) -> io::Result<()> {
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            tracing::info!(signal, "stopping");
        }
        for mailbox in mailboxes {
            mailbox.post(Message::Stop);
        }
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

/// Waits for every loop: one that fails leaves its tunnels, the others keep theirs.
fn join(threads: Vec<thread::JoinHandle<io::Result<()>>>) -> Result<(), CannotRun> {
    let mut all = Ok(());
    for thread in threads {
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "a loop has failed");
                all = Err(CannotRun::Loop);
            }
            Err(_) => all = Err(CannotRun::Loop),
        }
    }
    all
}
