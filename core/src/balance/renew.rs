//! Stage 4 of 6 · a balancer of which other things are said: who comes, who stays, and who leaves.

use super::house::House;
use super::seat::Seat;
use crate::route::{Balancer, Rules};

impl<W: Copy + Eq> House<W> {
    /// Other things are said of the balancer, or of its members; or it is gone, or another one has its number. What is
    /// known of a member that stays, or comes again, stays; who has left has its seat for as long as it has its number.
    /// No place is kept for anybody any more.
    pub(super) fn renew(&mut self, balancer: &Balancer, rules: &Rules) {
        self.queue.give_up().for_each(|seat| self.seats[seat].kept -= 1);
        self.seats.retain(|seat| has(balancer, rules, seat));
        if balancer.workers.is_empty() {
            // Sessions of earlier configurations may still ask for it, and have all that there was.
            return self.blanks.retain(|blank| balancer.former.contains(&blank.worker()));
        }
        let mut new = Self::new(balancer, rules);
        for seat in &mut self.seats {
            match rules.worker(seat.id.worker) {
                Some(worker) if balancer.workers.contains(&seat.id.worker) => seat.renew(worker),
                _ => seat.leave(),
            }
        }
        let blanks = std::mem::take(&mut self.blanks);
        let comers = std::mem::take(&mut new.seats);
        let old = std::mem::replace(self, new);
        self.blanks.iter_mut().for_each(|blank| blank.learn(&blanks));
        (self.seats, self.queue, self.pending) = (old.seats, old.queue, old.pending);
        (self.drawn, self.now) = (old.drawn, old.now);
        comers.into_iter().for_each(|seat| self.join_late(seat));
    }

    /// A member that has come, unless it has been here.
    fn join_late(&mut self, mut seat: Seat) {
        if self.seats.iter().all(|known| known.id.worker != seat.id.worker) {
            seat.carried = self.least_carried(&seat);
            self.seats.push(seat);
        }
    }
}

/// Whether that seat is one of a member, or of one that it had before: its number may be another one's.
fn has(balancer: &Balancer, rules: &Rules, seat: &Seat) -> bool {
    let id = seat.id.worker;
    let is_same = |tag: u64| tag == seat.tag;
    balancer.everybody().any(|it| it == id) && rules.worker(id).is_some_and(|it| is_same(it.tag()))
}
