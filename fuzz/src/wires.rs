//! A driver whose peers are bytes, and whose luck is a script.

use std::num::NonZeroU32;
use std::ops::Range;
use std::slice;
use std::task::Poll::{self, Pending, Ready};

use arbitrary::Arbitrary;
use underpass_core::balance::{Ask, Lease, NoWorker, Pool};
use underpass_core::head::{BadHeader, Framing, Request, Scan, slots};
use underpass_core::limits::{self, Limits};
use underpass_core::report::Report;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};
use underpass_core::{Both, Call, Dial, Fault, Io, Read, Side};

use crate::chunks::Plain;

/// What comes of one call of the driver.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Step {
    /// It works, for so many bytes at the most (and one).
    Moves(u8),
    /// Not now; and so much time goes by, in powers of two milliseconds.
    Waits(u8),
    /// It breaks, by the fault of that number.
    Breaks(u8),
    /// The peer sends nothing more; any other call works.
    Ends,
}

/// Peers that send fixed bytes, and keep what they get: a client, and a backend with several connections.
///
/// When the script is over, everything works at once, and each peer ends when it has sent its bytes:
/// then the session must come to its end.
pub struct Wires<'a> {
    /// What is left of the script.
    pub script: slice::Iter<'a, Step>,
    /// The present moment.
    pub now: Time,
    /// The client.
    pub client: Peer<'a>,
    /// The workers.
    pub pool: Pool<()>,
    /// What was reported, with what had moved until then.
    pub told: Vec<Told<'a>>,
    /// What a client's head may be.
    pub limits: Limits,
    /// What becomes of a line in the backend's head that is no field.
    pub bad_header: BadHeader,
    /// The connection of the present request, and whether it had been idle.
    backend: Option<(Peer<'a>, bool)>,
    /// What the backend sends on its further connections.
    fresh: slice::Split<'a, u8, fn(&u8) -> bool>,
    idle: Vec<Peer<'a>>,
    /// What the backend got by connections that were given up for the present request.
    stale: Vec<Vec<u8>>,
    carriers: Both<Vec<u8>>,
}

/// One end of one connection; `read` and `got` count from where the present request began.
#[derive(Default)]
pub struct Peer<'a> {
    /// What it sends; an end that the script brings forward cuts it.
    pub sends: &'a [u8],
    /// How much of that has been read.
    pub read: usize,
    /// What it has got.
    pub got: Vec<u8>,
    /// Whether it was told that nothing more comes.
    pub shut: bool,
    /// Whether a write to it broke.
    gone: bool,
}

/// A report, and what had moved for it.
pub struct Told<'a> {
    /// The report.
    pub report: Report,
    /// What was read of the client from this request on.
    pub asked: &'a [u8],
    /// The connection to the backend, and whether it had been idle.
    pub backend: Option<(Peer<'a>, bool)>,
    /// What the backend got by connections that were given up.
    pub stale: Vec<Vec<u8>>,
}

impl<'a> Wires<'a> {
    /// Wires between a client that sends those bytes, and a backend.
    pub fn new(rules: &Rules, client: &'a [u8], backend: &'a [u8], script: &'a [Step]) -> Self {
        let is_end: fn(&u8) -> bool = |&byte| byte == 0xFE;
        Self {
            script: script.iter(),
            now: Time::ZERO,
            client: Peer { sends: client, ..Peer::default() },
            pool: Pool::new(rules, limits::PENDING),
            told: Vec::new(),
            limits: rules.main().limits,
            bad_header: rules.bad_header,
            backend: None,
            fresh: backend.split(is_end),
            idle: Vec::new(),
            stale: Vec::new(),
            carriers: Both::default(),
        }
    }

    fn peer(&mut self, side: Side) -> &mut Peer<'a> {
        match side {
            Side::Client => &mut self.client,
            Side::Backend => &mut self.backend.as_mut().expect("there is no backend yet").0,
        }
    }

    /// The script's next word: how many bytes may go.
    fn step(&mut self, side: Side) -> Poll<Result<usize, Fault>> {
        match self.script.next() {
            None => Ready(Ok(usize::MAX)),
            Some(Step::Moves(most)) => Ready(Ok(usize::from(*most) + 1)),
            Some(Step::Waits(log)) => {
                self.now = self.now.after(Wait::from_millis(1 << (log % 18)));
                Pending
            }
            Some(Step::Breaks(number)) => {
                Ready(Err(Fault::ALL[usize::from(*number) % Fault::ALL.len()]))
            }
            Some(Step::Ends) => {
                if side == Side::Client || self.backend.is_some() {
                    let peer = self.peer(side);
                    peer.sends = &peer.sends[..peer.read];
                }
                Ready(Ok(usize::MAX))
            }
        }
    }

    fn take(&mut self, side: Side, most: usize) -> Poll<Result<&'a [u8], Fault>> {
        assert!(most > 0, "a read of nothing");
        self.peer(side);
        self.step(side).map_ok(|count| {
            let peer = self.peer(side);
            let left = &peer.sends[peer.read..];
            let taken = &left[..left.len().min(count).min(most)];
            peer.read += taken.len();
            taken
        })
    }

    fn put(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        assert!(!bytes.is_empty(), "a write of nothing");
        self.must_be_writable(to);
        let step = self.step(to);
        self.peer(to).gone = matches!(step, Ready(Err(_)));
        step.map_ok(|count| {
            let count = count.min(bytes.len());
            self.peer(to).got.extend(&bytes[..count]);
            if to == Side::Backend {
                self.must_not_be_early();
            }
            moved(count).expect("it moves one byte at least")
        })
    }

    fn must_be_writable(&mut self, to: Side) {
        let peer = self.peer(to);
        assert!(!peer.shut, "the {to} was told that nothing more comes");
        assert!(!peer.gone, "the {to} takes no more");
    }

    /// R5, R7: the backend gets nothing before the client's head is whole, and nothing behind a head
    /// that has no body before it has switched.
    fn must_not_be_early(&mut self) {
        let asked = Scan::default().find(&self.client.sends[..self.client.read], &self.limits);
        assert!(matches!(asked, Ok(Some(_))), "a byte before the request was whole");
        let peer = self.peer(Side::Backend);
        let Some(head) = head_of(&peer.got) else { return };
        let mut slots = slots();
        let request = Request::parse(&peer.got[..head], &mut slots).expect("we forward good heads");
        if request.framing == Framing::None && peer.got.len() > head {
            let answer = peer.sends[..peer.read].windows(4);
            assert!(request.fields.has("upgrade"), "bytes behind a request without a body");
            assert!(answer.clone().any(|four| four == b" 101"), "bytes before the switch");
            assert!(answer.clone().any(|four| four == b"\r\n\r\n"), "bytes before the switch");
        }
    }

    /// Gets another connection for the present request: the one that it had is given up.
    fn change(&mut self, peer: Option<Peer<'a>>, is_idle: bool) -> Result<(), Fault> {
        let earlier = self.backend.take().map(|(peer, _)| peer.got);
        self.stale.extend(earlier);
        self.backend = Some((peer.ok_or(Fault::Exhausted)?, is_idle));
        Ok(())
    }

    /// The present request is over: what the client sends behind it is the next one.
    fn tell(&mut self, report: &Report) {
        let asked = &self.client.sends[..self.client.read];
        if let Ok(Some(head)) = Scan::default().find(asked, &self.limits) {
            let end = end_of_request(asked, head, report);
            self.client.sends = &self.client.sends[end..];
            self.client.read -= end;
        }
        let mut backend = self.backend.take();
        if report.reusable {
            let (peer, _) = backend.as_mut().expect("what is kept was there");
            assert!(!peer.shut && !peer.gone, "a broken connection is kept");
            let sends = &peer.sends[peer.read..];
            self.idle.push(Peer { sends, ..Peer::default() });
        }
        let stale = std::mem::take(&mut self.stale);
        self.told.push(Told { report: *report, asked, backend, stale });
    }
}

/// Where the request with that head ends; extensions and trailers of its chunks count in no report.
fn end_of_request(asked: &[u8], head: Range<usize>, report: &Report) -> usize {
    let (behind, mut slots) = (&asked[head.end..], slots());
    let request = Request::parse(&asked[head.clone()], &mut slots);
    let chunked = request.is_ok_and(|request| request.framing == Framing::Chunked);
    let end = Plain::read(behind).end.filter(|_| chunked);
    head.end + end.unwrap_or(report.pulled.client as usize)
}

/// Where the first head of `bytes` ends.
pub fn head_of(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn moved(count: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(count).expect("inputs are small"))
}

fn read(bytes: &[u8]) -> Read {
    moved(bytes.len()).map_or(Read::Eof, Read::Moved)
}

impl Io for Wires<'_> {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        self.peer(side);
        self.step(side).map_ok(drop)
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        self.take(side, room.len()).map_ok(|taken| {
            room[..taken.len()].copy_from_slice(taken);
            read(taken)
        })
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        self.put(to, bytes)
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        if failed.is_some() {
            return self.pool.elect(ask, failed, (), self.now);
        }
        match self.step(Side::Backend) {
            Pending => Pending,
            Ready(Ok(_)) => self.pool.elect(ask, None, (), self.now),
            Ready(Err(_)) => Ready(Err(NoWorker::Busy)),
        }
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        if call.dial == Dial::Idle {
            let idle = self.idle.pop();
            return Ready(self.change(idle, true));
        }
        self.step(Side::Backend).map(|step| {
            step?;
            let sends = self.fresh.next().unwrap_or_default();
            self.change(Some(Peer { sends, ..Peer::default() }), false)
        })
    }

    fn confirm(&mut self, lease: &mut Lease) {
        assert!(lease.is_pending(), "confirmed twice");
        self.pool.confirm(lease);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        self.pool.release(lease, (), report);
        self.tell(report);
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        assert!(self.carriers[from].is_empty(), "pulled into a carrier that is not empty");
        let most = most.min(limits::PULL_MOST.into()) as usize;
        self.take(from, most).map_ok(|taken| {
            self.carriers[from].extend(taken);
            read(taken)
        })
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        let carrier = std::mem::take(&mut self.carriers[!to]);
        let put = self.put(to, &carrier);
        let gone = if let Ready(Ok(count)) = put { count.get() as usize } else { 0 };
        self.carriers[!to] = carrier[gone..].to_vec();
        put
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        self.must_be_writable(side);
        let step = self.step(side).map_ok(drop);
        let peer = self.peer(side);
        peer.shut = step == Ready(Ok(()));
        peer.gone = matches!(step, Ready(Err(_)));
        step
    }

    /// It breaks if that is the next thing in the script.
    fn watch(&mut self, side: Side) -> Poll<Fault> {
        let Some(Step::Breaks(_)) = self.script.as_slice().first() else { return Pending };
        match self.step(side) {
            Ready(Err(fault)) => {
                self.peer(side).gone = true;
                Ready(fault)
            }
            Ready(Ok(_)) | Pending => Pending,
        }
    }

    fn park(&mut self) {
        assert!(self.carriers.iter().all(Vec::is_empty), "parked with bytes under way");
    }
}
