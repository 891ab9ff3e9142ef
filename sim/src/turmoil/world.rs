//! One run: a proxy, a backend, a backend that refuses, and clients, on turmoil's hosts.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::panic;
use std::rc::Rc;
use std::sync::Once;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};
use underpass_core::balance::Pool;
use underpass_core::config::{self, Input};
use underpass_core::head::Buffers;
use underpass_core::limits;
use underpass_core::route::{Caller, Peer, Rules, Worker};
use underpass_core::time::Time;
use underpass_core::trace::{Event as What, Move, Opening, Outcome, play};
use underpass_core::{Both, Dial};

use crate::rng::Rng;
use crate::trace::{Event, Trace};
use crate::turmoil::answering::{self, Load};
use crate::turmoil::asking::Client;
use crate::turmoil::driver::{Attempt, Legs, Loop, Workers, drive};
use crate::turmoil::errand::{Errand, Failure};
use crate::turmoil::idle::Idle;
use crate::turmoil::wire::Wire;

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// The number that stands for all events.
    pub hash: u64,
    /// Every event.
    pub events: Vec<Event>,
    /// What should not have happened.
    pub failures: Vec<Failure>,
    /// How many errands there were.
    pub errands: usize,
    /// What was met that does not happen in every run.
    pub marks: BTreeSet<Mark>,
}

/// Something that must happen in some runs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mark {
    /// An HTTP/1.0 client got what a backend sent in chunks.
    Decoded,
    /// A client was answered on the same connection after a backend had sent too much.
    Excess,
    /// An HTTP/1.0 client's connection was kept.
    OldKept,
    /// A client got an error of a backend's in the proxy's own words.
    Overridden,
    /// A pipelined request, not the first one, was answered.
    Pipelined,
    /// An idle connection served again.
    Reused,
    /// An idle connection was stale, and the request was sent once more.
    Retried,
    /// A connection that had carried exchanges became a tunnel.
    UpgradeOnKept,
    /// A request's body came in chunks.
    Uploaded,
    /// A request waited for its turn.
    Waited,
    /// A body waited until the proxy said that it might come.
    Welcomed,
}

impl Mark {
    /// Every mark there is.
    pub const ALL: [Self; 11] = [
        Self::Decoded,
        Self::Excess,
        Self::OldKept,
        Self::Overridden,
        Self::Pipelined,
        Self::Reused,
        Self::Retried,
        Self::UpgradeOnKept,
        Self::Uploaded,
        Self::Waited,
        Self::Welcomed,
    ];
}

/// Runs the world of a seed until every client has what it came for and every session is over.
pub fn run(seed: u64) -> Run {
    count_panics();
    PANICS.set(0);
    let world = Rc::new(World::draw(seed));
    let mut sim = world.network();
    world.populate(&mut sim);
    if let Err(error) = sim.run() {
        world.fail("the run", error.to_string());
    }
    drop(sim);
    world.judge();
    let trace = world.home.trace.borrow();
    Run {
        hash: trace.hash(),
        events: trace.events().to_vec(),
        failures: world.failures.take(),
        errands: world.errands.len(),
        marks: world.marks.take(),
    }
}

/// What the hosts share: they live on one thread.
struct World {
    seed: u64,
    errands: Vec<Errand>,
    home: Rc<Loop<TcpStream>>,
    load: Load,
    /// The clients' addresses, by the number of their sessions.
    accepted: RefCell<Vec<SocketAddr>>,
    closed: Cell<usize>,
    /// The statuses that the clients saw, by address.
    seen: RefCell<BTreeMap<SocketAddr, Vec<u16>>>,
    marks: RefCell<BTreeSet<Mark>>,
    failures: RefCell<Vec<Failure>>,
    /// Everybody has what he came for.
    over: Notify,
}

impl World {
    fn draw(seed: u64) -> Self {
        let count = 4 + Rng::of(seed, "errands", 0).below(9);
        let errand = |number| Errand::draw(&mut Rng::of(seed, "errand", number));
        let rules = rules(Rng::of(seed, "max", 0).below(5));
        let pool = Pool::new(&rules.workers, limits::PENDING);
        let home = Loop {
            workers: Rc::new(RefCell::new(Workers::new(pool))),
            idle: RefCell::new(Idle::new(&rules.workers)),
            rules,
            buffers: RefCell::new(Buffers::default()),
            trace: RefCell::new(Trace::default()),
            now,
            dial,
        };
        Self {
            seed,
            errands: (0..count as u64).map(errand).collect(),
            home: Rc::new(home),
            load: Load::default(),
            accepted: RefCell::default(),
            closed: Cell::new(0),
            seen: RefCell::default(),
            marks: RefCell::default(),
            failures: RefCell::default(),
            over: Notify::new(),
        }
    }

    /// A network that loses nothing: turmoil's TCP does not retransmit.
    fn network(&self) -> Sim<'static> {
        let mut chance = Rng::of(self.seed, "network", 0);
        let slowest = Duration::from_millis(1 + chance.piece(100) as u64);
        let mut builder = Builder::new();
        builder
            .rng_seed(self.seed)
            .epoch(UNIX_EPOCH)
            .tick_duration(Duration::from_millis(1))
            .simulation_duration(PATIENCE * 3)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(slowest)
            // Segments, not bytes: with fewer, turmoil loses ends and forgets wakes.
            .tcp_capacity(65_536);
        if self.seed % 2 == 1 {
            builder.enable_random_order();
        }
        builder.build()
    }

    fn populate(self: &Rc<Self>, sim: &mut Sim<'static>) {
        let world = Rc::clone(self);
        sim.host("proxy", move || proxy(Rc::clone(&world)));
        let world = Rc::clone(self);
        sim.host("alive", move || backend(Rc::clone(&world)));
        sim.host("dead", pending);
        sim.client("clients", clients(Rc::clone(self)));
    }

    fn fail(&self, whose: &str, failure: Failure) {
        self.failures.borrow_mut().push(format!("{whose}: {failure}"));
    }

    /// Whatever was lent must be back, and each session must have said once how each request ended.
    fn judge(&self) {
        let home = &self.home;
        let (workers, accepted) = (home.workers.borrow(), self.accepted.borrow());
        let max = home.rules.workers[0].most.map_or(u32::MAX, NonZeroU32::get);
        let counts = [
            ("sessions not closed", (accepted.len() - self.closed.get()) as u64),
            ("leases out", workers.pool.busy().into()),
            ("handshakes under way", workers.pool.pending().into()),
            ("too many requests at once", self.load.most().saturating_sub(max).into()),
            ("buffers leased", home.buffers.borrow().leased() as u64),
            ("connections idle", (!home.idle.borrow().is_empty()).into()),
            ("panics", PANICS.get()),
        ];
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.fail("at the end", format!("{count} {what}"));
        }
        let trace = home.trace.borrow();
        for (session, client) in accepted.iter().enumerate() {
            let events: Vec<_> = trace.of(session as u64).collect();
            self.judge_session(session, *client, &events);
            self.judge_trace(session as u64, *client, &events);
        }
    }

    /// What was recorded of a session replays.
    fn judge_trace(&self, session: u64, client: SocketAddr, events: &[&What]) {
        let Some(What::Turn { at, .. }) = events.first() else { return };
        let opening = Opening::new(session, Caller::at_main(client.ip()), *at, Vec::new());
        if let Err(none) = play(&opening, &self.home.rules, events.iter().copied().cloned()) {
            self.fail(&format!("session {session}"), none.to_string());
        }
    }

    /// One report for each answer that the client saw, in their order; no byte is lost.
    fn judge_session(&self, session: usize, client: SocketAddr, events: &[&What]) {
        let reports: Vec<_> = events.iter().filter_map(|what| what.report()).collect();
        let statuses: Vec<_> = reports.iter().map(|report| report.status).collect();
        let seen = self.seen.borrow().get(&client).cloned().unwrap_or_default();
        if statuses != seen || reports.iter().any(|report| report.pulled != report.pushed) {
            let why = format!("{seen:?} were seen; reported: {reports:?}");
            self.fail(&format!("session {session}"), why);
        }
        let dialled = events.iter().filter_map(|what| match what {
            What::Made(Move::Connect(dial), Outcome::Done) => Some(Some(*dial)),
            What::Made(Move::Release { .. }, _) => Some(None),
            What::Turn { .. } | What::Made(..) | What::Rests(..) => None,
        });
        let dialled: Vec<_> = dialled.collect();
        let idle = dialled.contains(&Some(Dial::Idle));
        let again = [Some(Dial::Idle), Some(Dial::Address(0))];
        let retried = dialled.windows(2).any(|two| two == again);
        let waits = |what: &What| matches!(what, What::Made(Move::Elect { .. }, Outcome::Pending));
        let waited = events.iter().any(|what| waits(what));
        let marks = [(idle, Mark::Reused), (retried, Mark::Retried), (waited, Mark::Waited)];
        let met = marks.into_iter().filter_map(|(met, mark)| met.then_some(mark));
        self.marks.borrow_mut().extend(met);
    }
}

async fn proxy(world: Rc<World>) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let keeper = Rc::clone(&world);
    spawn_local(async move {
        keeper.over.notified().await;
        keeper.home.idle.borrow_mut().clear();
    });
    loop {
        let (stream, peer) = listener.accept().await?;
        let number = world.accepted.borrow().len() as u64;
        world.accepted.borrow_mut().push(peer);
        let world = Rc::clone(&world);
        spawn_local(async move {
            let chance = Both::from_fn(|side| Rng::of(world.seed, &side.to_string(), number));
            drive(Rc::clone(&world.home), number, peer.ip(), Legs::new(stream, chance)).await;
            world.closed.set(world.closed.get() + 1);
        });
    }
}

async fn backend(world: Rc<World>) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    for number in 0.. {
        let (stream, _) = listener.accept().await?;
        let world = Rc::clone(&world);
        spawn_local(async move {
            let mut chance = Rng::of(world.seed, "answer", number);
            let served =
                answering::serve(&world.errands, &world.load, Wire::new(stream), &mut chance);
            if let Err(failure) = served.await {
                world.fail("the backend", failure);
            }
        });
    }
    Ok(())
}

async fn clients(world: Rc<World>) -> turmoil::Result {
    let ask = |number| spawn_local(client(Rc::clone(&world), number));
    let asking: Vec<_> = (0..world.errands.len()).map(ask).collect();
    for (number, asking) in asking.into_iter().enumerate() {
        let asked = timeout(PATIENCE, asking).await;
        let asked = asked.map_err(|_| "it takes too long".to_owned());
        let asked = asked.and_then(|joined| joined.unwrap_or_else(|error| Err(error.to_string())));
        if let Err(failure) = asked {
            world.fail(&format!("client {number}, {:?}", world.errands[number]), failure);
        }
    }
    // Everybody has what he came for; the last sessions are still saying goodbye.
    let quiet = async {
        while world.closed.get() < world.accepted.borrow().len() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, quiet).await.unwrap_or_default();
    world.over.notify_one();
    // The backends learn that what was idle has ended.
    sleep(GOODBYE).await;
    Ok(())
}

async fn client(world: Rc<World>, number: usize) -> Result<(), Failure> {
    let mut chance = Rng::of(world.seed, "ask", number as u64);
    sleep(Duration::from_millis(chance.below(300) as u64)).await;
    let mut client = Client::new(world.errands[number], number, chance);
    let mut asked = Ok(());
    while asked.is_ok() && !client.is_done() {
        let connected = TcpStream::connect(("proxy", PORT)).await;
        let stream = connected.map_err(|error| format!("connecting: {error}"))?;
        asked = client.ask(Wire::new(stream)).await;
    }
    world.seen.borrow_mut().extend(client.seen);
    world.marks.borrow_mut().extend(client.marks);
    asked
}

const PORT: u16 = 80;
/// How long, in virtual time, anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an end takes to arrive, at the most.
const GOODBYE: Duration = Duration::from_millis(250);

fn now() -> Time {
    let elapsed = turmoil::sim_elapsed().expect("sessions live in the simulation only");
    Time::from_micros(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

fn dial(worker: &Worker, address: u8) -> Option<Attempt<TcpStream>> {
    // No backend of the simulation is at a Unix socket.
    let Peer::Tcp(tcp) = &worker.peer else { return None };
    let place = (tcp.host.clone(), tcp.port);
    (address == 0).then(|| -> Attempt<TcpStream> { Box::pin(TcpStream::connect(place)) })
}

/// The rules of the proxy, as an operator writes them: each backend serves so many at once, or any
/// number if that is 0.
fn rules(max: usize) -> Rules {
    let pass = |what: &str| format!("ProxyPass {what} max={max} smax=3");
    let lines = [
        "Listen 80".to_owned(),
        "Proxy100Continue Off".to_owned(),
        "ProxyErrorOverride On 500".to_owned(),
        pass("/ws/ ws://alive/"),
        pass("/dead/ ws://dead/"),
        pass("/http/ http://alive/"),
    ];
    let inputs = lines.map(|text| Input::Line { name: "the simulation".into(), text });
    config::load(&mut config::Nowhere, &inputs, &[]).expect("the lines are good").rules
}

thread_local! {
    /// Panics of the run on this thread: tokio swallows those of spawned tasks.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            print(info);
        }));
    });
}
