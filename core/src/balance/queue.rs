//! Stage 4 of 6 · who waits for a balancer that is full: first come, first served, and nobody is woken twice.

use std::collections::VecDeque;

use super::crowd::Visit;
use super::lease::Ask;
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
    pub(super) ask: Ask,
    pub(super) wants: Wanted,
    pub(super) since: Time,
    /// The seat of which a place is kept for it until it asks.
    pub(super) kept: Option<usize>,
    /// It has been woken, and has not asked since.
    pub(super) woken: bool,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// A place of anybody's who may be tried.
    Any,
    /// A place of that seat: no other will do.
    Seat(usize),
    /// That somebody may be tried: nobody may now, whatever is free.
    Change,
}

impl<W: Copy + Eq> Queue<W> {
    /// A queue in which nobody stands.
    pub(super) const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// Puts somebody, who does not stand in it yet, behind all others.
    pub(super) fn join(&mut self, waiting: Waiting<W>) {
        debug_assert_eq!(self.place(waiting.who), None, "nobody stands in a queue twice");
        self.waiting.push_back(waiting);
    }

    /// Takes out whoever has so many before it.
    ///
    /// # Panics
    ///
    /// If nobody stands there.
    pub(super) fn remove(&mut self, place: usize) -> Waiting<W> {
        self.waiting.remove(place).expect("the place was found in this queue")
    }

    /// Whether nobody stands in it.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many stand before `who`; none if it does not stand in the queue.
    pub(super) fn place(&self, who: W) -> Option<usize> {
        self.waiting.iter().position(|waiting| waiting.who == who)
    }

    /// Whoever has so many before it.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Waiting<W>> {
        self.waiting.get_mut(place)
    }

    /// Gives up the places that are kept; gives their seats.
    pub(super) fn give_up(&mut self) -> impl Iterator<Item = usize> {
        self.waiting.iter_mut().filter_map(|waiting| waiting.kept.take())
    }

    /// Those for whom no place is kept, in their order.
    pub(super) fn in_want(&mut self) -> impl Iterator<Item = &mut Waiting<W>> {
        self.waiting.iter_mut().filter(|waiting| waiting.kept.is_none())
    }
}

impl<W: Copy> Waiting<W> {
    /// Wakes it, into `woken`, if that has not been done.
    pub(super) fn wake(&mut self, woken: &mut Vec<W>) {
        if !std::mem::replace(&mut self.woken, true) {
            woken.push(self.who);
        }
    }

    /// Whether a place of that seat may be for it.
    pub(super) fn may_want(&self, seat: usize) -> bool {
        match self.wants {
            Wanted::Any => true,
            Wanted::Seat(wanted) => wanted == seat,
            Wanted::Change => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lease::Purpose;
    use super::*;
    use crate::route::BalancerId;

    fn waiting(who: usize) -> Waiting<usize> {
        let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), Purpose::Exchange);
        let (visit, wants, since) = (Visit::of(&ask), Wanted::Any, Time::ZERO);
        Waiting { who, visit, ask, wants, since, kept: None, woken: false }
    }

    #[test]
    fn who_comes_stands_behind_the_others() {
        let mut queue = Queue::new();
        (0..3).for_each(|who| queue.join(waiting(who)));
        assert_eq!(queue.remove(1).who, 1);
        assert_eq!([0, 1, 2].map(|who| queue.place(who)), [Some(0), None, Some(1)]);
        queue.at(0).expect("it stands there").kept = Some(0);
        assert_eq!(queue.in_want().map(|it| it.who).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn who_is_woken_is_not_woken_again_before_it_asks() {
        let (mut one, mut woken) = (waiting(7), Vec::new());
        one.wake(&mut woken);
        one.wake(&mut woken);
        assert_eq!(woken, [7]);
    }
}
