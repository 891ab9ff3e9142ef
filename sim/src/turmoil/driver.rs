//! The driver: a task for each session on tokio, whose streams cut and hesitate as chance has it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use underpass_core::balance::{Ask, Lease, NoWorker, Pool};
use underpass_core::head::Buffers;
use underpass_core::limits::BUDGET;
use underpass_core::report::Report;
use underpass_core::route::{Caller, Rules, Worker, WorkerId};
use underpass_core::time::Time;
use underpass_core::trace::{self, Tape};
use underpass_core::{Both, Cx, Dial, Fault, Io, Pumped, Read, Session, Side};

use crate::rng::Rng;
use crate::trace::{Event, Trace};
use crate::turmoil::idle::Idle;

/// What the sessions of one loop share.
pub struct Loop<S> {
    /// The configuration.
    pub rules: Rules,
    /// The workers, perhaps shared with other loops.
    pub workers: Rc<RefCell<Workers>>,
    /// The connections that wait for a further exchange.
    pub idle: RefCell<Idle<S>>,
    /// The free buffers.
    pub buffers: RefCell<Buffers>,
    /// What happens.
    pub trace: RefCell<Trace>,
    /// The clock.
    pub now: fn() -> Time,
    /// Dials the worker's address of that number; none if it has no such address.
    pub dial: fn(&Worker, u8) -> Option<Attempt<S>>,
}

/// The workers, and the tasks of the sessions that wait for their turn, by the names of the sessions.
#[derive(Debug)]
pub struct Workers {
    /// The workers.
    pub pool: Pool<u64>,
    waiting: BTreeMap<u64, Waker>,
}

impl Workers {
    /// Workers that nobody waits for.
    pub fn new(pool: Pool<u64>) -> Self {
        Self { pool, waiting: BTreeMap::new() }
    }

    /// Lets a session use the pool, and wakes those whose turn has come by it.
    fn with<T>(&mut self, act: impl FnOnce(&mut Pool<u64>) -> T) -> T {
        let done = act(&mut self.pool);
        for session in self.pool.take_woken() {
            self.waiting.remove(&session).expect("who is woken waits").wake();
        }
        done
    }
}

/// A connection that is being made.
pub type Attempt<S> = Pin<Box<dyn Future<Output = io::Result<S>>>>;

/// Drives the session of one accepted connection to its end; `number` is its name in the trace.
pub async fn drive<S: AsyncRead + AsyncWrite + Unpin>(
    home: Rc<Loop<S>>,
    number: u64,
    client: IpAddr,
    mut legs: Legs<S>,
) {
    let mut session = Session::new(Caller::at_main(client), &home.rules, (home.now)());
    let mut tape = Tape::new(&home.rules);
    let mut alarm = Box::pin(sleep_until(Instant::now()));
    poll_fn(|task| {
        let now = (home.now)();
        let mut io = Turn { home: &home, number, now, legs: &mut legs, task };
        let pumped = turn(&home, now, &mut session, &mut io, &mut tape);
        home.note(number, now, &mut tape);
        match pumped {
            Pumped::Closed => return Poll::Ready(()),
            Pumped::Again => task.waker().wake_by_ref(),
            Pumped::Waiting(None) => {}
            Pumped::Waiting(Some(at)) => {
                let wait = Duration::from_micros(at.since(now).as_micros()).min(LONGEST);
                alarm.as_mut().reset(Instant::now() + wait);
                // It only wakes: what is due is found by comparing the clock with the deadline.
                if alarm.as_mut().poll(task).is_ready() {
                    task.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    })
    .await;
}

fn turn<S: AsyncRead + AsyncWrite + Unpin>(
    home: &Loop<S>,
    now: Time,
    session: &mut Session,
    io: &mut Turn<'_, '_, S>,
    tape: &mut Tape,
) -> Pumped {
    let buffers = &mut home.buffers.borrow_mut();
    trace::pump(session, io, &mut Cx { now, rules: &home.rules, buffers }, BUDGET, tape)
}

impl<S> Loop<S> {
    /// Notes what has happened to that session.
    fn note(&self, session: u64, at: Time, tape: &mut Tape) {
        let mut trace = self.trace.borrow_mut();
        let events = tape.take().into_iter();
        events.for_each(|what| trace.add(Event { at, session, what }));
    }
}

/// How long an alarm sleeps at the most: it may wake for nothing.
const LONGEST: Duration = Duration::from_secs(3600);

/// Bytes that one carrier holds at the most.
const CARRIER: usize = 4096;

/// The two streams of a session, and what waits between them.
pub struct Legs<S> {
    client: Leg<S>,
    backend: Option<Leg<S>>,
    attempt: Option<(WorkerId, u8, Attempt<S>)>,
    /// Bytes under way, by the side that they come from.
    carriers: Both<Vec<u8>>,
    /// What the backend's leg will be cut by.
    chance: Rng,
}

impl<S> Legs<S> {
    /// The legs of a connection that was just accepted.
    pub fn new(client: S, chance: Both<Rng>) -> Self {
        let client = Leg { stream: client, chance: chance.client };
        let (backend, attempt) = (None, None);
        Self { client, backend, attempt, carriers: Both::default(), chance: chance.backend }
    }
}

impl<S> fmt::Debug for Legs<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let under_way = (self.carriers.client.len(), self.carriers.backend.len());
        f.debug_struct("Legs").field("under_way", &under_way).finish_non_exhaustive()
    }
}

/// The legs during one turn.
struct Turn<'a, 't, S> {
    home: &'a Loop<S>,
    /// The session's name in the pool.
    number: u64,
    now: Time,
    legs: &'a mut Legs<S>,
    task: &'a mut Context<'t>,
}

impl<'t, S> Turn<'_, 't, S> {
    /// The leg of that side, the bytes under way, and the task to wake.
    fn leg(&mut self, side: Side) -> (&mut Leg<S>, &mut Both<Vec<u8>>, &mut Context<'t>) {
        let leg = match side {
            Side::Client => &mut self.legs.client,
            Side::Backend => self.legs.backend.as_mut().expect("only a connected leg is used"),
        };
        (leg, &mut self.legs.carriers, self.task)
    }

    fn dial(&mut self, worker: WorkerId, address: u8) -> Poll<Result<S, Fault>> {
        let legs = &mut *self.legs;
        legs.backend = None;
        if !matches!(legs.attempt, Some((whom, which, _)) if (whom, which) == (worker, address)) {
            let begun = (self.home.dial)(&self.home.rules.workers[worker.0 as usize], address);
            legs.attempt = begun.map(|attempt| (worker, address, attempt));
        }
        let Some((_, _, attempt)) = &mut legs.attempt else {
            return Poll::Ready(Err(Fault::Exhausted));
        };
        let made = ready!(attempt.as_mut().poll(self.task));
        legs.attempt = None;
        Poll::Ready(made.map_err(fault))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Io for Turn<'_, '_, S> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let (leg, _, task) = self.leg(side);
        leg.hesitate(task).map(Ok)
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let (leg, _, task) = self.leg(side);
        leg.read(task, room)
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        let (leg, _, task) = self.leg(to);
        leg.write(task, bytes)
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        let workers = &mut self.home.workers.borrow_mut();
        let elected = workers.with(|pool| pool.elect(ask, failed, self.number, self.now));
        if elected.is_pending() {
            workers.waiting.insert(self.number, self.task.waker().clone());
        }
        elected
    }

    fn connect(&mut self, lease: &Lease, dial: Dial) -> Poll<Result<(), Fault>> {
        let stream = match dial {
            Dial::Idle => {
                let mut idle = self.home.idle.borrow_mut();
                idle.take(lease.worker(), self.now, self.task).ok_or(Fault::Exhausted)
            }
            Dial::Address(address) => ready!(self.dial(lease.worker(), address)),
        };
        self.legs.chance.draw();
        let chance = self.legs.chance.clone();
        self.legs.backend = stream.map(|stream| Some(Leg { stream, chance }))?;
        Poll::Ready(Ok(()))
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.home.workers.borrow_mut().with(|pool| pool.confirm(lease));
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        let leg = self.legs.backend.take();
        if let (Some(lease), Some(leg), true) = (&lease, leg, report.reusable) {
            self.home.idle.borrow_mut().keep(lease.worker(), leg.stream, self.now);
        }
        self.home.workers.borrow_mut().with(|pool| pool.release(lease, self.number));
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        let (leg, carriers, task) = self.leg(from);
        assert!(carriers[from].is_empty(), "pulled into a carrier that is not empty");
        let mut room = [0; CARRIER];
        let most = usize::try_from(most).map_or(CARRIER, |most| most.min(CARRIER));
        let got = ready!(leg.read(task, &mut room[..most]));
        if let Ok(Read::Moved(count)) = got {
            carriers[from].extend(&room[..count.get() as usize]);
        }
        Poll::Ready(got)
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let (leg, carriers, task) = self.leg(to);
        let carrier = &mut carriers[!to];
        assert!(!carrier.is_empty(), "pushed out of an empty carrier");
        let put = ready!(leg.write(task, carrier))?;
        carrier.drain(..put.get() as usize);
        Poll::Ready(Ok(put))
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let (leg, _, task) = self.leg(side);
        leg.shut(task)
    }

    /// A stream tells only who reads it that it broke.
    fn watch(&mut self, _: Side) -> Poll<Fault> {
        Poll::Pending
    }

    fn park(&mut self) {
        let idle = self.legs.carriers.iter().all(Vec::is_empty);
        assert!(idle, "parked with bytes under way");
        self.legs.carriers = Both::default();
    }
}

/// A stream that reads and writes pieces, and sometimes says "not now" when it could.
struct Leg<S> {
    stream: S,
    chance: Rng,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Leg<S> {
    fn read(&mut self, task: &mut Context<'_>, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        ready!(self.hesitate(task));
        let most = self.chance.piece(room.len());
        let mut into = ReadBuf::new(&mut room[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(task, &mut into)).map_err(fault)?;
        let count = NonZeroU32::new(into.filled().len() as u32);
        Poll::Ready(Ok(count.map_or(Read::Eof, Read::Moved)))
    }

    fn write(&mut self, task: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        ready!(self.hesitate(task));
        let piece = &bytes[..self.chance.piece(bytes.len())];
        let put = ready!(Pin::new(&mut self.stream).poll_write(task, piece)).map_err(fault)?;
        Poll::Ready(NonZeroU32::new(put as u32).ok_or(Fault::Closed))
    }

    fn shut(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        ready!(self.hesitate(task));
        Pin::new(&mut self.stream).poll_shutdown(task).map_err(fault)
    }

    fn hesitate(&mut self, task: &Context<'_>) -> Poll<()> {
        if !self.chance.one_in(HESITATES) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How often a leg hesitates: once in so many times.
const HESITATES: usize = 8;

/// What broke, in the words that core decides by.
fn fault(error: io::Error) -> Fault {
    #[expect(clippy::wildcard_enum_match_arm, reason = "std has dozens, and may have more")]
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::NotConnected => Fault::Closed,
        ErrorKind::ConnectionRefused => Fault::Refused,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Fault::Reset,
        ErrorKind::NotFound => Fault::Unresolved,
        ErrorKind::TimedOut => Fault::TimedOut,
        _ => Fault::Other,
    }
}
