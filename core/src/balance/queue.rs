//! Stage 4 of 6 · who waits for a balancer that is full: first come, first served, and nobody is woken twice.

use std::collections::VecDeque;

use super::crowd::Visit;
use crate::time::Time;

/// The sessions that wait for one balancer, the longest waiting first.
#[derive(Clone, Debug)]
pub(super) struct Queue<W> {
    waiting: VecDeque<Waiting<W>>,
}

/// One that waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting<W> {
    pub(super) who: W,
    pub(super) visit: Visit,
    /// The only seat that will do, if only one will.
    pub(super) seat: Option<usize>,
    /// The seats that will not do: they have failed it.
    pub(super) tried: Vec<usize>,
    pub(super) since: Time,
    /// It has been woken, and has not asked since.
    pub(super) woken: bool,
}

/// Free places, and how many of them are not for somebody who came earlier.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// By seat, less those that are for who wants that one only.
    free: Vec<u32>,
    /// By seat: whether it is for anybody, and not only for those who want that one.
    shared: Vec<bool>,
    /// Those of seats that are for anybody, and of the others.
    left: u64,
    kept: u64,
}

impl Places {
    /// So many free places by seat, and whether those of that seat are for anybody.
    pub(super) fn new(seats: impl Iterator<Item = (u32, bool)>) -> Self {
        let (free, shared): (Vec<u32>, Vec<bool>) = seats.unzip();
        let sum = |of: bool| {
            let seats = free.iter().zip(&shared).filter(|(_, shared)| **shared == of);
            seats.map(|(free, _)| u64::from(*free)).sum()
        };
        Self { left: sum(true), kept: sum(false), free, shared }
    }

    /// Whether there is none at all.
    fn is_empty(&self) -> bool {
        self.left + self.kept == 0
    }

    /// Whether there is one of that seat, or for anybody if none is named.
    pub(super) fn has(&self, seat: Option<usize>) -> bool {
        match seat {
            Some(seat) => self.free[seat] > 0 && (self.left > 0 || !self.shared[seat]),
            None => self.left > 0,
        }
    }

    /// Takes what that one waits for, if it is there. Who can have none of those that are free keeps them from
    /// nobody.
    fn take<W>(&mut self, waiting: &Waiting<W>) -> bool {
        let will_do = |seat: usize| self.free[seat] > 0 && !waiting.tried.contains(&seat);
        let has = match waiting.seat {
            Some(seat) => self.has(Some(seat)),
            None => self.left > 0 && (0..self.free.len()).any(|it| self.shared[it] && will_do(it)),
        };
        if has {
            let shared = waiting.seat.is_none_or(|seat| self.shared[seat]);
            *(if shared { &mut self.left } else { &mut self.kept }) -= 1;
            waiting.seat.into_iter().for_each(|seat| self.free[seat] -= 1);
        }
        has
    }
}

impl<W: Copy + Eq> Queue<W> {
    /// A queue in which nobody stands.
    pub(super) const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Puts somebody, who does not stand in it yet, behind all others.
    pub(super) fn join(&mut self, waiting: Waiting<W>) {
        debug_assert_eq!(self.place(waiting.who), None, "nobody stands in a queue twice");
        self.waiting.push_back(waiting);
    }

    /// Takes out whoever has so many before it; gives what it was counted as.
    ///
    /// # Panics
    ///
    /// If nobody stands there.
    pub(super) fn remove(&mut self, place: usize) -> Visit {
        self.waiting.remove(place).expect("the place was found in this queue").visit
    }

    /// How many stand before `who`; none if it does not stand in the queue.
    pub(super) fn place(&self, who: W) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.who == who)
    }

    /// Whoever has so many before it.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Waiting<W>> {
        self.waiting.get_mut(place)
    }

    /// What is left of `places` by those that stand before that place.
    pub(super) fn leave_behind(&self, place: usize, mut places: Places) -> Places {
        for waiting in self.waiting.iter().take(place) {
            if places.is_empty() {
                break;
            }
            places.take(waiting);
        }
        places
    }

    /// Wakes all who have not been woken, into `woken`.
    pub(super) fn wake_all(&mut self, woken: &mut Vec<W>) {
        for waiting in self.waiting.iter_mut().filter(|waiting| !waiting.woken) {
            waiting.woken = true;
            woken.push(waiting.who);
        }
    }

    /// Wakes those whose turn it is by those places, and who have not been woken, into `woken`.
    pub(super) fn wake(&mut self, mut places: Places, woken: &mut Vec<W>) {
        for waiting in &mut self.waiting {
            if places.is_empty() {
                break;
            }
            if places.take(waiting) && !waiting.woken {
                waiting.woken = true;
                woken.push(waiting.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lease::{Ask, Purpose};
    use super::*;
    use crate::route::BalancerId;

    fn queue(wants: &[Option<usize>]) -> Queue<usize> {
        let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), Purpose::Exchange);
        let mut queue = Queue::new();
        for (who, &seat) in wants.iter().enumerate() {
            let (visit, since) = (Visit::of(&ask), Time::ZERO);
            queue.join(Waiting { who, visit, seat, tried: Vec::new(), since, woken: false });
        }
        queue
    }

    /// So many places by seat, for anybody.
    fn places(free: &[u32]) -> Places {
        Places::new(free.iter().map(|free| (*free, true)))
    }

    fn woken(queue: &mut Queue<usize>, free: &[u32]) -> Vec<usize> {
        let mut woken = Vec::new();
        queue.wake(places(free), &mut woken);
        woken
    }

    #[test]
    fn who_comes_stands_behind_the_others() {
        let mut queue = queue(&[None; 3]);
        queue.remove(1);
        assert_eq!([0, 1, 2].map(|who| queue.place(who)), [Some(0), None, Some(1)]);
    }

    #[test]
    fn as_many_are_woken_as_there_are_places_and_each_once() {
        let mut queue = queue(&[None; 3]);
        assert_eq!(woken(&mut queue, &[0, 1]), [0]);
        assert_eq!(woken(&mut queue, &[1, 1]), [1]);
        queue.at(0).expect("it stands there").woken = false;
        assert_eq!(woken(&mut queue, &[1, 0]), [0], "it has asked in vain");
    }

    #[test]
    fn who_wants_one_seat_lets_others_pass_to_the_rest() {
        let wants = [Some(0), None, Some(0), Some(1), None];
        assert_eq!(woken(&mut queue(&wants), &[0, 2]), [1, 3]);
        assert_eq!(woken(&mut queue(&wants), &[1, 1]), [0, 1]);
        let left = queue(&wants).leave_behind(2, places(&[1, 2]));
        assert!(!left.has(Some(0)) && left.has(Some(1)) && left.has(None));
    }

    #[test]
    fn who_cannot_have_a_place_keeps_it_from_nobody() {
        let mut queue = queue(&[None, None]);
        let drains = || Places::new([(0, true), (1, false)].into_iter());
        let left = queue.leave_behind(2, drains());
        assert!(left.has(Some(1)) && !left.has(None), "it is for those only who want it");
        queue.at(0).expect("it stands there").tried = vec![1];
        let left = queue.leave_behind(1, places(&[0, 1]));
        assert!(left.has(Some(1)), "it has failed who stands before");
        assert_eq!(woken(&mut queue, &[0, 1]), [1]);
        assert_eq!(woken(&mut queue, &[1, 1]), [0]);
    }
}
