//! One turn of one session: the [`Io`] of this engine, over turmoil's streams.

use std::fmt;
use std::io::{self, ErrorKind};
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use turmoil::net::TcpStream;
use underpass_core::balance::{Ask, Lease, NoWorker};
use underpass_core::report::Report;
use underpass_core::time::Time;
use underpass_core::{Both, Call, Dial, Fault, Io, Read, Side, limits};

use super::hosts::{DEAD, PORT, PROXY, backend};
use super::proxy::{Descriptor, Home};
use super::world::World;
use crate::party::moved;
use crate::plan::Network;
use crate::rng::Rng;

/// The streams of a session, and what waits between them.
#[derive(Debug)]
pub(super) struct Legs {
    client: Leg,
    backend: Backend,
    /// Bytes under way, by the side that they come from.
    carriers: Both<Vec<u8>>,
    /// The place of the client.
    place: u32,
    /// What the chance of the next leg begins with.
    name: u64,
}

/// The backend's leg, as far as it has come.
#[derive(Debug, Default)]
enum Backend {
    #[default]
    None,
    Dialling(u8, Attempt, Descriptor),
    Up(Leg),
}

impl Legs {
    /// Those of a client whose connection was just accepted.
    pub(super) fn new(stream: TcpStream, held: Descriptor, place: u32, name: u64) -> Self {
        let client = Leg::new(stream, held, Rng::of(name, "leg", 0));
        Self { client, backend: Backend::None, carriers: Both::default(), place, name }
    }
}

/// The legs during one turn.
pub(super) struct Turn<'a, 't> {
    pub(super) world: &'a World,
    pub(super) home: &'a Home,
    /// The session's name in the pool.
    pub(super) number: u32,
    /// What the proxy's clock says.
    pub(super) now: Time,
    pub(super) legs: &'a mut Legs,
    pub(super) task: &'a mut Context<'t>,
}

impl<'t> Turn<'_, 't> {
    /// The leg of that side, the bytes under way, the task to wake, and how the network is.
    fn leg(&mut self, side: Side) -> (&mut Leg, &mut Both<Vec<u8>>, &mut Context<'t>, &Network) {
        let leg = match (side, &mut self.legs.backend) {
            (Side::Client, _) => &mut self.legs.client,
            (Side::Backend, Backend::Up(leg)) => leg,
            (Side::Backend, Backend::None | Backend::Dialling(..)) => {
                unreachable!("core uses the backend only once it is up")
            }
        };
        (leg, &mut self.legs.carriers, self.task, &self.world.plan.network)
    }

    fn dial(&mut self, lease: &Lease, address: u8) -> Poll<Result<Leg, Fault>> {
        if !matches!(self.legs.backend, Backend::Dialling(dialled, ..) if dialled == address) {
            self.legs.backend = Backend::None;
            self.begin(lease, address)?;
        }
        let Backend::Dialling(_, attempt, _) = &mut self.legs.backend else {
            unreachable!("it has just begun")
        };
        let made = ready!(attempt.poll(self.task));
        let Backend::Dialling(.., held) = std::mem::take(&mut self.legs.backend) else {
            unreachable!("it was looked at just now")
        };
        self.legs.name += 1;
        Poll::Ready(made.map(|stream| Leg::new(stream, held, Rng::of(self.legs.name, "leg", 1))))
    }

    /// Begins to connect to that address of the worker's.
    fn begin(&mut self, lease: &Lease, address: u8) -> Result<(), Fault> {
        let worker = &self.world.proxy.rules.workers[lease.worker().0 as usize];
        let mut backends = self.world.plan.backends.iter();
        let place = backends.position(|backend| backend.name == worker.peer.name());
        let place = place.ok_or(Fault::Unresolved)?;
        let dead = self.world.plan.backends[place].dead;
        if address > dead {
            return Err(Fault::Exhausted);
        }
        let held = self.world.proxy.take(self.world.now.get()).ok_or(Fault::Resources)?;
        self.world.dials(PROXY.to_owned(), self.legs.place);
        let host = if address < dead { DEAD.to_owned() } else { backend(place) };
        self.legs.backend = Backend::Dialling(address, dial(&host, self.task), held);
        Ok(())
    }
}

impl Io for Turn<'_, '_> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let (leg, _, task, network) = self.leg(side);
        leg.hesitate(task, network).map(Ok)
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        let (leg, _, task, network) = self.leg(side);
        leg.read(task, network, room)
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        let (leg, _, task, network) = self.leg(to);
        leg.write(task, network, bytes)
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        if failed.is_some() {
            self.legs.backend = Backend::None;
        }
        self.world.proxy.pool.borrow_mut().elect(ask, failed, self.number, self.now)
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        let leg = match call.dial {
            Dial::Idle => {
                self.legs.backend = Backend::None;
                let mut idle = self.home.idle.borrow_mut();
                idle.take(call.lease.seat(), self.now, self.task).ok_or(Fault::Exhausted)?
            }
            Dial::Address(address) => ready!(self.dial(call.lease, address))?,
        };
        self.legs.backend = Backend::Up(leg);
        Poll::Ready(Ok(()))
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.world.proxy.pool.borrow_mut().confirm(lease);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        let backend = std::mem::take(&mut self.legs.backend);
        if let (Some(lease), Backend::Up(leg), true) = (&lease, backend, report.reusable) {
            self.home.idle.borrow_mut().keep(lease.seat(), leg, self.now);
        }
        self.world.proxy.pool.borrow_mut().release(lease, self.number, report);
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        let (leg, carriers, task, network) = self.leg(from);
        assert!(carriers[from].is_empty(), "pulled into a carrier that is not empty");
        let mut room = [0; CARRIER];
        let most = usize::try_from(most).map_or(CARRIER, |most| most.min(CARRIER));
        let got = ready!(leg.read(task, network, &mut room[..most]));
        if let Ok(Read::Moved(count)) = got {
            carriers[from].extend(&room[..count.get() as usize]);
        }
        Poll::Ready(got)
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let (leg, carriers, task, network) = self.leg(to);
        let carrier = &mut carriers[!to];
        assert!(!carrier.is_empty(), "pushed out of an empty carrier");
        let put = ready!(leg.write(task, network, carrier))?;
        carrier.drain(..put.get() as usize);
        Poll::Ready(Ok(put))
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        let (leg, _, task, network) = self.leg(side);
        leg.shut(task, network)
    }

    /// A stream tells only who reads it that it broke, or looks at what is there to be read.
    fn watch(&mut self, side: Side) -> Poll<Fault> {
        let (leg, _, task, _) = self.leg(side);
        leg.watch(task)
    }

    fn park(&mut self) {
        // What was for a side that is gone is dropped.
        self.legs.carriers = Both::default();
    }
}

/// A stream that reads and writes pieces, and sometimes says "not now" when it could.
#[derive(Debug)]
pub(super) struct Leg {
    stream: TcpStream,
    /// Our FIN is out.
    shut: bool,
    chance: Rng,
    /// It counts as a connection of the proxy's for as long as it is there.
    _held: Descriptor,
}

impl Leg {
    fn new(stream: TcpStream, held: Descriptor, chance: Rng) -> Self {
        Self { stream, shut: false, chance, _held: held }
    }

    /// Whether nothing is there to be read, neither bytes nor an end.
    pub(super) fn is_silent(&mut self, task: &mut Context<'_>) -> bool {
        self.peek(task).is_pending()
    }

    fn peek(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut byte = [0];
        self.stream.poll_peek(task, &mut ReadBuf::new(&mut byte))
    }

    fn watch(&mut self, task: &mut Context<'_>) -> Poll<Fault> {
        match self.peek(task) {
            Poll::Ready(Err(error)) => Poll::Ready(fault(error)),
            Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
        }
    }

    fn read(
        &mut self,
        task: &mut Context<'_>,
        network: &Network,
        room: &mut [u8],
    ) -> Poll<Result<Read, Fault>> {
        ready!(self.hesitate(task, network));
        let most = room.len().min(network.call as usize);
        let mut into = ReadBuf::new(&mut room[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(task, &mut into)).map_err(fault)?;
        Poll::Ready(Ok(moved(into.filled().len()).map_or(Read::Eof, Read::Moved)))
    }

    fn write(
        &mut self,
        task: &mut Context<'_>,
        network: &Network,
        bytes: &[u8],
    ) -> Poll<Result<NonZeroU32, Fault>> {
        ready!(self.hesitate(task, network));
        let most = bytes.len().min(network.call.min(network.segment) as usize);
        let put = ready!(Pin::new(&mut self.stream).poll_write(task, &bytes[..most]));
        Poll::Ready(moved(put.map_err(fault)?).ok_or(Fault::Closed))
    }

    fn shut(&mut self, task: &mut Context<'_>, network: &Network) -> Poll<Result<(), Fault>> {
        ready!(self.hesitate(task, network));
        if std::mem::replace(&mut self.shut, true) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(task).map_err(fault)
    }

    fn hesitate(&mut self, task: &Context<'_>, network: &Network) -> Poll<()> {
        if network.hesitates == 0 || !self.chance.one_in(network.hesitates as usize) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A connection that is being made.
pub(super) struct Attempt {
    making: Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>,
    made: Option<io::Result<TcpStream>>,
}

/// Begins to connect to that host. The port is taken at once, so that ports are known by their order.
pub(super) fn dial(host: &str, task: &mut Context<'_>) -> Attempt {
    let mut making: Pin<Box<dyn Future<Output = _>>> =
        Box::pin(TcpStream::connect((host.to_owned(), PORT)));
    let made = match making.as_mut().poll(task) {
        Poll::Ready(made) => Some(made),
        Poll::Pending => None,
    };
    Attempt { making, made }
}

impl Attempt {
    /// How it went, once it is known.
    pub(super) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<TcpStream, Fault>> {
        match self.made.take() {
            Some(made) => Poll::Ready(made.map_err(fault)),
            None => self.making.as_mut().poll(task).map_err(fault),
        }
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("made", &self.made).finish_non_exhaustive()
    }
}

/// Bytes that one carrier holds at the most.
const CARRIER: usize = limits::PULL_MOST as usize;

/// What broke, in the words that core decides by.
pub(super) fn fault(error: io::Error) -> Fault {
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
