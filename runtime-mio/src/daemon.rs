//! The daemon: listeners, one loop a core, signals.

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use underpass_core::config::Read;

use crate::checks::Checks;
use crate::doors::Doors;
use crate::epoch::Epoch;
use crate::event_loop::{Ears, EventLoop};
use crate::log::Log;
use crate::record::Recorder;
use crate::reload::{Fixed, Load, Reloader};
use crate::resolver::{self, system};
use crate::shared::{Mailbox, Message, Shared};
use crate::tls::Keeper;

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

/// Runs until SIGTERM or SIGINT, and reads the configuration again by `load` at each SIGHUP and SIGUSR1; `ready` is told the addresses that are listened on.
pub(crate) fn run(
    loaded: Read,
    keeper: Keeper,
    load: Box<Load>,
    ready: impl FnOnce(&[SocketAddr]),
) -> Result<(), CannotRun> {
    let Read { config, directives, .. } = loaded;
    let log = Log::to_stderr(config.log_level);
    // Before anybody can know that we run: the first signal must find its listener.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
    raise_descriptor_limit();
    let loops = config.threads.map_or_else(cores, |threads| usize::from(threads.get()));
    let mut doors = Doors::new(loops, config.socket_buffers);
    let opened = doors.open(&config.listens)?;
    doors.settle(&config.listens, &opened);
    let (addresses, fixed) = (doors.addresses(), Fixed::of(&config));
    let mut sockets: Vec<_> = opened.into_iter().map(|opened| opened.sockets).collect();
    let (recorder, writer) =
        Recorder::start(&config, directives).map_err(CannotRun::Record)?.unzip();
    let ears: io::Result<Vec<_>> = (0..loops).map(|_| Ears::new()).collect();
    let (ears, mut mailboxes): (Vec<_>, Vec<_>) = ears?.into_iter().unzip();
    let epoch = Epoch::new(config.rules, config.checks, config.heartbeats, keeper.keys());
    let shared = Arc::new(Shared::new(Arc::new(epoch), mailboxes.clone()));
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
    let checks = Checks::start(&shared, &asks)?.map(|(mailbox, thread)| {
        threads.push(thread);
        mailbox
    });
    let reloader = Reloader {
        load,
        shared,
        keeper,
        log,
        doors,
        fixed,
        loops: mailboxes.clone(),
        checks: checks.clone(),
        asks,
    };
    mailboxes.extend(checks);
    drop(recorder);
    let (calls, called) = mpsc::channel();
    thread::Builder::new().name("reload".into()).spawn(move || reloader.run(&called))?;
    ready(&addresses);
    stop_on(signals, calls, mailboxes)?;
    let ended = join(threads);
    // The loops have said all; it is written when the writer ends.
    let written = writer.map_or(Ok(()), |writer| writer.join().map_err(|_| CannotRun::Loop));
    ended.and(written)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
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

/// Says which addresses are listened on: who asked for port 0 learns the port from it.
pub(crate) fn announce(addresses: &[SocketAddr]) {
    for address in addresses {
        // Nobody is hurt if it is lost.
        let _ = writeln!(io::stderr(), "underpass: listening on {address}");
    }
}

/// Tells every loop to stop when the first signal comes that says so, and calls for a reload at each other one.
fn stop_on(mut signals: Signals, calls: Sender<()>, mailboxes: Vec<Mailbox>) -> io::Result<()> {
    let is_reload = |signal: &i32| [SIGHUP, SIGUSR1].contains(signal);
    let wait = move || {
        let mut signals = signals.forever();
        while signals.next().as_ref().is_some_and(is_reload) {
            if calls.send(()).is_err() {
                tracing::error!("nobody is left who could reload the configuration");
            }
        }
        tracing::info!("stopping");
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
