//! Stage 5 of 6 · one direction: how much came in, how much went out, how it ends.

use crate::time::Time;
use crate::{Op, Side};

/// One direction of a session, named by the side that it comes from.
///
/// ```text
/// source ── pulled ──▶ [ in flight ] ── pushed ──▶ sink
/// ```
///
/// In flight is what core holds for the sink (a head's residue, chunks) or what the carrier holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flow {
    pulled: u64,
    moved: Time,
    in_flight: u32,
    end: End,
}

/// How far the closing of one direction has come.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum End {
    /// The source may send more.
    #[default]
    Open,
    /// The source has ended; what is in flight must still go out.
    Drain,
    /// The sink has been told, or is gone.
    Shut,
}

impl Flow {
    /// Bytes that have come from the source.
    pub const fn pulled(&self) -> u64 {
        self.pulled
    }

    /// Bytes that have gone to the sink.
    pub const fn pushed(&self) -> u64 {
        self.pulled - self.in_flight as u64
    }

    /// Bytes on the way; those that were when the sink went away stay here.
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// When a byte last moved, or the direction's end did.
    pub const fn moved(&self) -> Time {
        self.moved
    }

    /// How far the closing has come.
    pub const fn end(&self) -> End {
        self.end
    }

    /// The next move towards the sink; `holds` says that core holds bytes for it.
    pub fn outward(&self, to: Side, holds: bool) -> Option<Op> {
        match self.end {
            End::Shut => None,
            _ if holds => Some(Op::Flush(to)),
            _ if self.in_flight > 0 => Some(Op::Push(to)),
            End::Drain => Some(Op::Shut(to)),
            End::Open => None,
        }
    }

    /// The next move towards the source; `holds` says that core holds bytes for the sink. Nothing is
    /// pulled before what is in flight has gone, so a direction holds no more than one pull, what core
    /// holds and what the carrier holds are never counted for each other, and back-pressure is the kernel's.
    pub fn inward(&self, from: Side, holds: bool) -> Option<Op> {
        (self.end == End::Open && self.in_flight == 0 && !holds).then_some(Op::Pull(from))
    }

    /// The clock starts: the direction was opened at `now`.
    pub fn touch(&mut self, now: Time) {
        self.moved = self.moved.max(now);
    }

    /// So many bytes came from the source.
    pub fn add_pulled(&mut self, count: u32, now: Time) {
        debug_assert!(self.end == End::Open, "bytes after the end");
        self.pulled += u64::from(count);
        self.in_flight += count;
        self.touch(now);
    }

    /// So many bytes went to the sink.
    pub fn add_pushed(&mut self, count: u32, now: Time) {
        debug_assert!(count <= self.in_flight, "more went out than came in");
        self.in_flight = self.in_flight.saturating_sub(count);
        self.touch(now);
    }

    /// The source has ended.
    pub fn drain(&mut self, now: Time) {
        if self.end == End::Open {
            self.end = End::Drain;
            self.touch(now);
        }
    }

    /// The sink has been told that the source has ended.
    pub fn shut(&mut self, now: Time) {
        debug_assert!(self.in_flight == 0, "shut before it was drained");
        self.cut(now);
    }

    /// The sink is gone: what is in flight can go nowhere, and is counted as pulled only.
    pub fn cut(&mut self, now: Time) {
        self.end = End::Shut;
        self.touch(now);
    }

    /// Whether nothing more will happen in this direction.
    pub fn is_over(&self) -> bool {
        self.end == End::Shut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Side::{Backend, Client};

    const NOW: Time = Time::from_micros(5);

    #[test]
    fn drains_before_it_shuts() {
        let mut flow = Flow::default();
        flow.add_pulled(10, NOW);
        flow.drain(NOW);
        assert_eq!(
            (flow.outward(Backend, false), flow.inward(Client, false)),
            (Some(Op::Push(Backend)), None)
        );
        flow.add_pushed(10, NOW);
        assert_eq!(flow.outward(Backend, false), Some(Op::Shut(Backend)));
        flow.shut(NOW);
        assert_eq!((flow.outward(Backend, false), flow.inward(Client, false)), (None, None));
        assert!(flow.is_over());
    }

    #[test]
    fn a_cut_direction_moves_no_more_and_keeps_its_counts() {
        let mut flow = Flow::default();
        flow.add_pulled(10, NOW);
        flow.add_pushed(4, NOW);
        flow.cut(NOW);
        assert_eq!((flow.outward(Backend, true), flow.inward(Client, false)), (None, None));
        assert_eq!((flow.pulled(), flow.pushed(), flow.in_flight()), (10, 4, 6));
    }

    #[test]
    fn what_core_holds_goes_first() {
        let mut flow = Flow::default();
        flow.add_pulled(10, NOW);
        assert_eq!(flow.outward(Backend, true), Some(Op::Flush(Backend)));
        assert_eq!(flow.outward(Backend, false), Some(Op::Push(Backend)));
        // A head without a residue counts in no flow, and still stands before all that is pulled.
        assert_eq!(Flow::default().inward(Client, true), None);
    }

    #[test]
    fn pulls_only_into_an_empty_carrier() {
        let mut flow = Flow::default();
        assert_eq!(flow.inward(Client, false), Some(Op::Pull(Client)));
        flow.add_pulled(10, NOW);
        assert_eq!(flow.inward(Client, false), None);
        flow.add_pushed(9, NOW);
        assert_eq!((flow.inward(Client, false), flow.in_flight()), (None, 1));
        flow.add_pushed(1, NOW);
        assert_eq!(flow.inward(Client, false), Some(Op::Pull(Client)));
    }

    #[test]
    fn the_clock_follows_every_move_and_never_goes_back() {
        let mut flow = Flow::default();
        flow.touch(NOW);
        flow.add_pulled(1, Time::from_micros(9));
        flow.touch(NOW);
        assert_eq!(flow.moved(), Time::from_micros(9));
        flow.add_pushed(1, Time::from_micros(12));
        assert_eq!(flow.moved(), Time::from_micros(12));
    }
}
