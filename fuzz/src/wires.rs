//! A driver whose peers are bytes, and whose luck is a script.

use std::num::NonZeroU32;
use std::slice;
use std::task::Poll::{self, Pending, Ready};

use arbitrary::Arbitrary;
use underpass_core::balance::{Ask, Lease, NoWorker, Pool, Verdict};
use underpass_core::head::{Framing, Request, Scan, slots};
use underpass_core::limits::{self, Limits};
use underpass_core::report::Report;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};
use underpass_core::{Both, Fault, Io, Read, Side};

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

/// Two peers that send fixed bytes, and keep what they get.
///
/// When the script is over, everything works at once, and each peer ends when it has sent its bytes:
/// then the session must come to its end.
pub struct Wires<'a> {
    /// What is left of the script.
    pub script: slice::Iter<'a, Step>,
    /// The present moment.
    pub now: Time,
    /// What each peer sends; an end that the script brings forward cuts it.
    pub sends: Both<&'a [u8]>,
    /// How much of that has been read.
    pub read: Both<usize>,
    /// What each peer has got.
    pub got: Both<Vec<u8>>,
    /// Whether each peer was told that nothing more comes.
    pub shut: Both<bool>,
    /// The workers.
    pub pool: Pool,
    /// What was reported.
    pub reports: Vec<Report>,
    limits: Limits,
    carriers: Both<Vec<u8>>,
    /// Whether a write to that side broke.
    gone: Both<bool>,
    connected: bool,
}

impl<'a> Wires<'a> {
    /// Wires between peers that send those bytes.
    pub fn new(rules: &Rules, sends: Both<&'a [u8]>, script: &'a [Step]) -> Self {
        Self {
            script: script.iter(),
            now: Time::ZERO,
            sends,
            read: Both::default(),
            got: Both::default(),
            shut: Both::default(),
            pool: Pool::new(&rules.workers, limits::PENDING),
            reports: Vec::new(),
            limits: rules.limits,
            carriers: Both::default(),
            gone: Both::default(),
            connected: false,
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
                self.sends[side] = &self.sends[side][..self.read[side]];
                Ready(Ok(usize::MAX))
            }
        }
    }

    fn take(&mut self, side: Side, most: usize) -> Poll<Result<&'a [u8], Fault>> {
        assert!(most > 0, "a read of nothing");
        self.must_be_connected(side);
        self.step(side).map_ok(|count| {
            let left = &self.sends[side][self.read[side]..];
            let taken = &left[..left.len().min(count).min(most)];
            self.read[side] += taken.len();
            taken
        })
    }

    fn put(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        assert!(!bytes.is_empty(), "a write of nothing");
        self.must_be_writable(to);
        let step = self.step(to);
        self.gone[to] = matches!(step, Ready(Err(_)));
        step.map_ok(|count| {
            let count = count.min(bytes.len());
            self.got[to].extend(&bytes[..count]);
            self.must_not_be_early(to);
            moved(count).expect("it moves one byte at least")
        })
    }

    fn must_be_connected(&self, side: Side) {
        assert!(side == Side::Client || self.connected, "there is no backend yet");
    }

    fn must_be_writable(&self, to: Side) {
        self.must_be_connected(to);
        assert!(!self.shut[to], "the {to} was told that nothing more comes");
        assert!(!self.gone[to], "the {to} takes no more");
    }

    /// R5, R7: the backend gets nothing before the client's head is whole, and nothing behind a head
    /// that has no body before it has switched.
    fn must_not_be_early(&self, to: Side) {
        if to == Side::Client {
            return;
        }
        let asked = Scan::default().find(&self.sends.client[..self.read.client], &self.limits);
        assert!(matches!(asked, Ok(Some(_))), "a byte before the request was whole");
        let got = &self.got.backend;
        let Some(head) = head_of(got) else { return };
        let mut slots = slots();
        let request = Request::parse(&got[..head], &mut slots).expect("we forward good heads");
        if request.framing == Framing::None && got.len() > head {
            let answer = self.sends.backend[..self.read.backend].windows(4);
            assert!(request.fields.has("upgrade"), "bytes behind a request without a body");
            assert!(answer.clone().any(|four| four == b" 101"), "bytes before the switch");
            assert!(answer.clone().any(|four| four == b"\r\n\r\n"), "bytes before the switch");
        }
    }
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
        self.must_be_connected(side);
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
        if let Some(lease) = failed {
            self.pool.settle(lease, Verdict::Failed, self.now);
        }
        match self.step(Side::Backend) {
            Pending => Pending,
            Ready(Ok(_)) => Ready(self.pool.elect(ask, None, self.now)),
            Ready(Err(_)) => Ready(Err(NoWorker::Busy)),
        }
    }

    fn connect(&mut self, _: &Lease, _: u8) -> Poll<Result<(), Fault>> {
        let step = self.step(Side::Backend).map_ok(drop);
        self.connected = step == Ready(Ok(()));
        step
    }

    fn confirm(&mut self, lease: &mut Lease) {
        assert!(lease.is_pending(), "confirmed twice");
        self.pool.confirm(lease);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        if let Some(lease) = lease {
            self.pool.settle(lease, Verdict::Fine, self.now);
        }
        self.reports.push(*report);
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
        self.shut[side] = step == Ready(Ok(()));
        self.gone[side] = matches!(step, Ready(Err(_)));
        step
    }

    fn park(&mut self) {
        assert!(self.carriers.iter().all(Vec::is_empty), "parked with bytes under way");
    }
}
