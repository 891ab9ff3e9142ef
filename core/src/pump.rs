//! The one loop that every driver runs.

use std::num::NonZeroU32;
use std::task::Poll;

use serde::{Deserialize, Serialize};

use crate::balance::SeatId;
use crate::io::Io;
use crate::op::Read;
use crate::session::{Cx, Session};
use crate::time::Time;
use crate::{Op, OpSet, Side};

/// How a turn ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[must_use = "a session that is not pumped again stands still"]
pub enum Pumped {
    /// Every move is blocked: pump again on a wake of the driver's, or at that moment.
    Waiting(Option<Time>),
    /// The budget is spent: pump again soon. No further wake will come for what is ready now.
    Again,
    /// It is over: drop both legs.
    Closed,
}

/// Asks the session for its next move, makes it, and tells the session, until every move is blocked,
/// the session is closed, or the budget is spent.
///
/// It terminates by construction: every turn moves bytes, changes the state, or blocks an op.
pub fn pump(session: &mut Session, io: &mut impl Io, cx: &mut Cx<'_>, budget: u32) -> Pumped {
    session.handle_timeout(cx);
    let mut blocked = OpSet::NONE;
    let mut pumped = Pumped::Again;
    let mut carried = Carried::default();
    for _ in 0..budget {
        let Some(op) = session.next_op(blocked) else {
            pumped = Pumped::Waiting(session.poll_timeout());
            break;
        };
        let (seat, mut bytes) = (session.leased(), 0);
        if make(op, session, io, cx, &mut bytes).is_pending() {
            blocked.add(op);
        }
        carried.add(seat, bytes, io);
        session.check();
    }
    carried.tell(io);
    session.tidy(cx.buffers);
    if session.is_closed() { Pumped::Closed } else { pumped }
}

/// What moved to and from one worker in a turn, and was not told yet.
#[derive(Default)]
struct Carried {
    seat: Option<SeatId>,
    bytes: u64,
}

impl Carried {
    fn add(&mut self, seat: Option<SeatId>, bytes: u32, io: &mut impl Io) {
        if bytes > 0 && seat != self.seat {
            self.tell(io);
            self.seat = seat;
        }
        self.bytes += u64::from(bytes);
    }

    fn tell(&mut self, io: &mut impl Io) {
        let bytes = std::mem::take(&mut self.bytes);
        if let Some(seat) = self.seat {
            io.carried(seat, bytes);
        }
    }
}

/// Makes one move; `bytes` becomes how many went through by it: a tunnel's and a long body's as they come in,
/// all others as they go out.
fn make(
    op: Op,
    session: &mut Session,
    io: &mut impl Io,
    cx: &mut Cx<'_>,
    bytes: &mut u32,
) -> Poll<()> {
    match op {
        Op::Secure(side) => io.secure(side).map(|got| {
            if side == Side::Client {
                session.greeted(io.hello());
            }
            session.secured(side, got, cx);
        }),
        Op::Fill(side) => {
            let got = io.fill(side, session.room(side, cx.buffers));
            got.map(|got| session.filled(side, got, cx))
        }
        Op::Flush(to) => io.flush(to, session.holding(to)).map(|put| {
            *bytes = put.map_or(0, NonZeroU32::get);
            session.flushed(to, put, cx);
        }),
        Op::Elect => {
            let (ask, failed) = session.ask().expect("Elect is asked for in Elect only");
            io.elect(ask, failed).map(|got| session.elected(got, cx))
        }
        Op::Connect => {
            let call = session.call().expect("Connect is asked for in Connect only");
            io.connect(call).map(|got| session.connected(got, cx))
        }
        Op::Confirm => {
            let lease = session.lease_mut().expect("Confirm is asked for with a lease only");
            io.confirm(lease);
            debug_assert!(!lease.is_pending(), "confirmed, but the lease does not say so");
            Poll::Ready(())
        }
        Op::Release => {
            let (lease, report) =
                session.released(cx).expect("Release is asked for at an end only");
            io.release(lease, &report);
            Poll::Ready(())
        }
        Op::Pull(from) => io.pull(from, session.most(from)).map(|got| {
            *bytes = if let Ok(Read::Moved(count)) = got { count.get() } else { 0 };
            session.pulled(from, got, cx);
        }),
        Op::Push(to) => io.push(to).map(|put| session.pushed(to, put, cx)),
        Op::Shut(side) => io.shut(side).map(|got| session.shut(side, got, cx)),
        Op::Watch(side) => io.watch(side).map(|fault| session.broke(side, fault, cx)),
        Op::Park => {
            io.park();
            session.parked();
            Poll::Ready(())
        }
    }
}
