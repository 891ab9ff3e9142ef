//! The driver of the tests: two peers and two carriers in memory, and the luck that each call has.

use std::collections::VecDeque;
use std::io::Read as _;
use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker, Pool, SeatId};
use underpass_core::report::{Close, Report};
use underpass_core::route::{Hello, Rules, WorkerId};
use underpass_core::time::Time;
use underpass_core::{Both, Call, Dial, Fault, Io, Op, Read, Side, limits};

/// What happens to one call of the driver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Luck {
    /// Not now.
    Block,
    /// It moves at most so many bytes; a call that moves none succeeds.
    Move(usize),
    /// It moves all but so many bytes, and one at the least.
    Leave(usize),
    /// The peer ends its direction here, whatever it still had to say.
    End,
    /// It breaks. A broken leg stays broken.
    Break(Fault),
}

/// Everything at once.
pub(crate) const CALM: Luck = Luck::Move(usize::MAX);

/// What is at the far end of one leg.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// What it has said and we have not read.
    pub(crate) to_come: VecDeque<u8>,
    /// It says no more than that.
    pub(crate) ended: bool,
    /// We have read its end.
    pub(crate) seen_end: bool,
    /// How many bytes we have read.
    pub(crate) taken: usize,
    /// How much of what it heard it has answered; for tests in which it answers by itself.
    pub(crate) served: usize,
    /// It has said that it closes, or something odd: it must not be kept.
    pub(crate) last: bool,
    /// The most of them that one read gave.
    pub(crate) largest: usize,
    /// How many of them core has seen.
    pub(crate) filled: usize,
    /// What it was told.
    pub(crate) heard: Vec<u8>,
    /// It was told that nothing more will come.
    pub(crate) told: bool,
    /// How much more it takes; no end of it if none.
    pub(crate) window: Option<usize>,
    /// It ends without saying so.
    pub(crate) is_cut: bool,
    /// It can no longer be written to.
    pub(crate) deaf: Option<Fault>,
    /// It can no longer be read from, nor written to.
    pub(crate) lost: Option<Fault>,
}

/// An [`Io`] over two peers. It checks what a driver can see: nothing is written behind a FIN,
/// nothing read behind an end, carriers are empty when they must be.
pub(crate) struct Wires {
    pub(crate) now: Time,
    /// Shared by several sessions by being lent to one after the other.
    pub(crate) pool: Pool<usize>,
    /// The session's name in the pool.
    pub(crate) who: usize,
    pub(crate) peers: Both<Peer>,
    /// What waits between the legs, by the side that it came from.
    pub(crate) carriers: Both<VecDeque<u8>>,
    pub(crate) reports: Vec<Report>,
    /// What dialling each address gives; behind the last is `Exhausted`.
    pub(crate) addresses: Vec<Result<(), Fault>>,
    pub(crate) dialled: Vec<Dial>,
    /// By which names workers were asked, of those connections.
    pub(crate) asked: Vec<Option<String>>,
    /// Workers that cannot be dialled at all.
    pub(crate) dead: Vec<WorkerId>,
    /// Connections that earlier exchanges have left, the one used last at the end; one that has
    /// ended or broken without our knowing is stale.
    pub(crate) idle: Vec<Peer>,
    /// Connections that are done with.
    pub(crate) past: Vec<Peer>,
    /// What the client has said in its hello.
    pub(crate) hello: Option<Hello>,
    pub(crate) luck: Box<dyn FnMut(Op) -> Luck>,
    /// Calls that were not `Pending`.
    pub(crate) done: usize,
    /// What the pump has told of bytes, and of whom, where a test wants to know.
    pub(crate) told: Option<Vec<(WorkerId, u64)>>,
    pub(crate) parks: usize,
    /// Something broke while bytes were under way.
    pub(crate) broke_in_flight: bool,
    failed: Option<Lease>,
    leg: Leg,
}

/// What the backend's peer is to the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Leg {
    /// Nothing yet.
    New,
    /// Its connection.
    Used,
    /// A connection that it has given back, and that may serve others.
    Kept,
}

impl Wires {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            now: Time::ZERO,
            pool: Pool::new(rules, limits::PENDING),
            who: 0,
            peers: Both::default(),
            carriers: Both::default(),
            reports: Vec::new(),
            addresses: vec![Ok(())],
            dialled: Vec::new(),
            asked: Vec::new(),
            dead: Vec::new(),
            idle: Vec::new(),
            past: Vec::new(),
            hello: None,
            luck: Box::new(|_| CALM),
            done: 0,
            told: None,
            parks: 0,
            broke_in_flight: false,
            failed: None,
            leg: Leg::New,
        }
    }

    /// How many bytes a read of that side gives; 0 is its end.
    fn readable(&mut self, op: Op, from: Side, room: usize) -> Poll<Result<usize, Fault>> {
        let luck = (self.luck)(op);
        let peer = &mut self.peers[from];
        let again = peer.seen_end && matches!(op, Op::Pull(_));
        assert!(!again, "{op} behind the end of the {from}");
        assert!(room > 0, "{op} without room");
        let most = match luck {
            Luck::Block => return Poll::Pending,
            Luck::Move(most) => most.min(room),
            Luck::Leave(rest) => peer.to_come.len().saturating_sub(rest).clamp(1, room),
            Luck::End => {
                peer.to_come.clear();
                peer.ended = true;
                room
            }
            Luck::Break(fault) => {
                peer.lost = Some(fault);
                room
            }
        };
        if let Some(fault) = peer.lost {
            self.done += 1;
            self.broke_in_flight |= self.carriers.iter().any(|carrier| !carrier.is_empty());
            return Poll::Ready(Err(fault));
        }
        let count = most.min(peer.to_come.len());
        peer.seen_end = count == 0 && peer.ended;
        if count == 0 && !peer.ended {
            return Poll::Pending;
        }
        peer.taken += count;
        peer.largest = peer.largest.max(count);
        self.done += 1;
        Poll::Ready(Ok(count))
    }

    /// How many of `offered` bytes a write to that side takes.
    fn writable(&mut self, op: Op, to: Side, offered: usize) -> Poll<Result<NonZeroU32, Fault>> {
        let luck = (self.luck)(op);
        let peer = &mut self.peers[to];
        assert!(!peer.told, "{op} behind the FIN");
        assert!(offered > 0, "{op} without bytes");
        let most = match luck {
            Luck::Block => return Poll::Pending,
            Luck::Move(most) => most,
            Luck::Leave(rest) => offered.saturating_sub(rest).max(1),
            Luck::End => usize::MAX,
            Luck::Break(fault) => {
                peer.deaf = Some(fault);
                0
            }
        };
        if let Some(fault) = peer.lost.or(peer.deaf) {
            self.done += 1;
            self.broke_in_flight |= self.carriers.iter().any(|carrier| !carrier.is_empty());
            return Poll::Ready(Err(fault));
        }
        let count = most.min(offered).min(peer.window.unwrap_or(usize::MAX));
        let Some(moved) = NonZeroU32::new(count as u32) else { return Poll::Pending };
        peer.window = peer.window.map(|window| window - count);
        self.done += 1;
        Poll::Ready(Ok(moved))
    }

    /// Makes place for another connection: the present one is kept if it may be.
    pub(crate) fn put_away(&mut self) {
        match std::mem::replace(&mut self.leg, Leg::New) {
            Leg::New => {}
            Leg::Used => self.past.push(std::mem::take(&mut self.peers.backend)),
            Leg::Kept => {
                assert!(!self.peers.backend.last, "a connection is kept that must not be");
                self.idle.push(std::mem::take(&mut self.peers.backend));
            }
        }
    }

    /// The idle connection used last, of those that have not spoken unasked (R26).
    fn wake(&mut self) -> Option<Peer> {
        while let Some(peer) = self.idle.pop() {
            if peer.to_come.is_empty() {
                return Some(peer);
            }
            self.past.push(peer);
        }
        None
    }

    /// What a move that moves no bytes gives.
    fn plain(&mut self, op: Op) -> Poll<Result<(), Fault>> {
        let luck = (self.luck)(op);
        self.done += usize::from(luck != Luck::Block);
        match luck {
            Luck::Block => Poll::Pending,
            Luck::Move(_) | Luck::Leave(_) | Luck::End => Poll::Ready(Ok(())),
            Luck::Break(fault) => Poll::Ready(Err(fault)),
        }
    }
}

impl Peer {
    fn read(&self, count: usize) -> Read {
        let end = if self.is_cut { Read::Cut } else { Read::Eof };
        NonZeroU32::new(count as u32).map_or(end, Read::Moved)
    }
}

impl Io for Wires {
    fn secure(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        self.plain(Op::Secure(side)).map(|got| {
            // A backend that fails here is dialled anew; a client cannot be.
            self.peers.client.lost = got.err().filter(|_| side == Side::Client);
            got
        })
    }

    fn hello(&self) -> Option<Hello> {
        self.hello
    }

    fn fill(&mut self, side: Side, room: &mut [u8]) -> Poll<Result<Read, Fault>> {
        self.readable(Op::Fill(side), side, room.len()).map_ok(|count| {
            let taken = self.peers[side].to_come.read_exact(&mut room[..count]);
            taken.expect("so many are there");
            self.peers[side].filled += count;
            self.peers[side].read(count)
        })
    }

    fn flush(&mut self, to: Side, bytes: &[u8]) -> Poll<Result<NonZeroU32, Fault>> {
        self.writable(Op::Flush(to), to, bytes.len()).map_ok(|count| {
            self.peers[to].heard.extend(&bytes[..count.get() as usize]);
            count
        })
    }

    fn elect(&mut self, ask: &Ask, failed: Option<Lease>) -> Poll<Result<Lease, NoWorker>> {
        assert!(failed.is_none() || self.failed.is_none(), "a failed lease comes once");
        self.failed = self.failed.take().or(failed);
        match self.plain(Op::Elect) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => self.pool.elect(ask, self.failed.take(), self.who, self.now),
            Poll::Ready(Err(_)) => {
                self.pool.release(self.failed.take(), self.who, &unasked(self.now));
                Poll::Ready(Err(NoWorker::Busy))
            }
        }
    }

    fn connect(&mut self, call: Call<'_>) -> Poll<Result<(), Fault>> {
        let Call { lease, dial, name } = call;
        self.plain(Op::Connect).map(|got| {
            self.dialled.push(dial);
            self.asked.push(name.map(|name| name.to_string()));
            self.put_away();
            got?;
            if self.dead.contains(&lease.worker()) {
                return Err(Fault::Exhausted);
            }
            match dial {
                Dial::Idle => self.peers.backend = self.wake().ok_or(Fault::Exhausted)?,
                Dial::Address(address) => {
                    let dialled = self.addresses.get(usize::from(address)).copied();
                    dialled.unwrap_or(Err(Fault::Exhausted))?;
                }
            }
            self.leg = Leg::Used;
            Ok(())
        })
    }

    fn confirm(&mut self, lease: &mut Lease) {
        self.done += 1;
        self.pool.confirm(lease);
    }

    fn release(&mut self, lease: Option<Lease>, report: &Report) {
        self.done += 1;
        self.pool.release(lease.or(self.failed.take()), self.who, report);
        self.reports.push(*report);
        assert!(!report.reusable || self.leg == Leg::Used, "a connection is kept that is none");
        if report.reusable {
            let lost = self.peers.backend.lost.or(self.peers.backend.deaf);
            assert_eq!(lost, None, "a connection is kept that broke");
            assert!(self.carriers.iter().all(VecDeque::is_empty), "kept with bytes in flight");
            self.leg = Leg::Kept;
        }
    }

    fn pull(&mut self, from: Side, most: u64) -> Poll<Result<Read, Fault>> {
        assert!(self.carriers[from].is_empty(), "pulled into a carrier that holds bytes");
        let room = usize::try_from(most).unwrap_or(usize::MAX).min(limits::PULL_MOST as usize);
        self.readable(Op::Pull(from), from, room).map_ok(|count| {
            self.carriers[from].extend(self.peers[from].to_come.drain(..count));
            self.peers[from].read(count)
        })
    }

    fn push(&mut self, to: Side) -> Poll<Result<NonZeroU32, Fault>> {
        self.writable(Op::Push(to), to, self.carriers[!to].len()).map_ok(|count| {
            self.peers[to].heard.extend(self.carriers[!to].drain(..count.get() as usize));
            count
        })
    }

    fn shut(&mut self, side: Side) -> Poll<Result<(), Fault>> {
        assert!(!self.peers[side].told, "shut twice");
        assert!(self.carriers[!side].is_empty(), "shut before what was in flight had gone");
        self.plain(Op::Shut(side)).map(|got| {
            let peer = &mut self.peers[side];
            let got = peer.lost.or(peer.deaf).map_or(got, Err);
            (peer.told, peer.deaf) = (got.is_ok(), got.err());
            got
        })
    }

    fn carried(&mut self, seat: SeatId, bytes: u64) {
        if let Some(told) = &mut self.told {
            told.push((seat.worker, bytes));
        }
    }

    /// What is lost is missed, whenever it was lost.
    fn watch(&mut self, side: Side) -> Poll<Fault> {
        if let Luck::Break(fault) = (self.luck)(Op::Watch(side)) {
            self.peers[side].lost = Some(fault);
        }
        let lost = self.peers[side].lost;
        self.done += usize::from(lost.is_some());
        lost.map_or(Poll::Pending, Poll::Ready)
    }

    fn park(&mut self) {
        for from in Side::BOTH {
            // What was for a sink that is gone can go nowhere: it is thrown away with its carrier.
            let gone = self.peers[!from].lost.or(self.peers[!from].deaf).is_some();
            assert!(gone || self.carriers[from].is_empty(), "parked with bytes in flight");
            self.carriers[from].clear();
        }
        self.done += 1;
        self.parks += 1;
    }
}

/// What is told of a session that never was.
pub(crate) fn unasked(now: Time) -> Report {
    Report::new(Close::Unasked, now)
}
