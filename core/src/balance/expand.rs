//! Stage 4 of 6 · members that have a seat for each of their addresses (`addresses=all`): who comes, who stays, and
//! who leaves.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::house::House;
use super::seat::{Seat, SeatId, Spot};
use crate::limits::SEATS_MOST;
use crate::route::{Admission, Expansion, Owner, WorkerId};
use crate::time::Time;

/// What the seats of such a member are made from.
#[derive(Clone, Debug)]
pub(super) struct Blank {
    seat: Seat,
    expansion: Expansion,
    /// Its name was resolved, or could not be: nobody need wait to learn who there is.
    is_known: bool,
}

/// What has changed when a name was resolved.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Resolved {
    /// Addresses that have a seat from now on.
    pub joined: usize,
    /// Addresses that have none any more: nobody is elected there, and who is there stays.
    pub left: usize,
    /// Addresses that get none, because they are more than [`SEATS_MOST`]: the last in their order.
    pub surplus: usize,
}

impl Blank {
    /// The seats of a member that is not resolved yet will be as that one.
    pub(super) const fn new(seat: Seat, expansion: Expansion) -> Self {
        Self { seat, expansion, is_known: false }
    }

    /// Its name was resolved before, if it is the same member.
    pub(super) fn learn(&mut self, before: &[Self]) {
        let is_same = |it: &&Self| it.seat.id == self.seat.id && it.seat.tag == self.seat.tag;
        self.is_known = before.iter().find(is_same).is_some_and(|it| it.is_known);
    }

    /// Whose seats they are.
    pub(super) const fn worker(&self) -> WorkerId {
        self.seat.id.worker
    }

    /// Whether it may serve somebody once it is resolved.
    pub(super) fn is_awaited(&self) -> bool {
        !self.is_known && self.seat.admission != Admission::Closed
    }

    fn seat(&self, id: SeatId, address: IpAddr) -> Seat {
        let owner = Some(Owner::Address(self.expansion.route(address)));
        Seat { id, spot: Spot::At(address), owner, ..self.seat.clone() }
    }
}

impl<W: Copy + Eq> House<W> {
    /// The name of a member was resolved to those addresses; its seats are at `places`. If it could not be, those
    /// that are known serve on.
    pub(super) fn resolved(
        &mut self,
        worker: WorkerId,
        addresses: &[IpAddr],
        places: &mut Vec<usize>,
        now: Time,
        woken: &mut Vec<W>,
    ) -> Resolved {
        let mut blanks = self.blanks.iter_mut();
        let Some(blank) = blanks.find(|it| it.seat.id.worker == worker) else {
            return Resolved::default();
        };
        let was_known = std::mem::replace(&mut blank.is_known, true);
        let blank = blank.clone();
        let all: BTreeSet<_> = addresses.iter().map(IpAddr::to_canonical).collect();
        let found: BTreeSet<_> = all.iter().copied().take(SEATS_MOST).collect();
        let mut resolved = Resolved { surplus: all.len() - found.len(), ..Resolved::default() };
        if !found.is_empty() {
            resolved.left = self.dismiss(places, &found);
            for address in found {
                resolved.joined += usize::from(self.seat(&blank, address, places, |seat| {
                    if was_known {
                        seat.health.comes_back(now);
                    }
                }));
            }
        }
        if !was_known || resolved.left + resolved.joined > 0 {
            // Whom each may have, and by which number, is another question now, also for whom a place is kept.
            self.queue.give_up().for_each(|seat| self.seats[seat].kept -= 1);
            self.now = now;
            self.wake_all(woken);
        }
        resolved
    }

    /// Nobody is elected any more for what is not `found`; gives how many that are.
    fn dismiss(&mut self, places: &[usize], found: &BTreeSet<IpAddr>) -> usize {
        let mut left = 0;
        for &place in places {
            let spot = &mut self.seats[place].spot;
            if let Spot::At(address) = *spot
                && !found.contains(&address)
            {
                *spot = Spot::Left(address);
                left += 1;
            }
        }
        left
    }

    /// Gives an address a seat, if it has none: its own one that is not empty yet, or else one that somebody
    /// has left, or a new one. A new one is `begun` by the caller. `false` if it has one.
    fn seat(
        &mut self,
        blank: &Blank,
        address: IpAddr,
        places: &mut Vec<usize>,
        begun: impl FnOnce(&mut Seat),
    ) -> bool {
        let known = places.iter().copied().find(|&it| self.seats[it].address() == Some(address));
        if let Some(known) = known {
            let was_here = self.seats[known].is_here();
            self.seats[known].spot = Spot::At(address);
            return !was_here;
        }
        let is_empty = |seat: &Seat| !seat.is_here() && seat.health.busy() == 0 && seat.kept == 0;
        let free = places.iter().position(|&it| is_empty(&self.seats[it]));
        let id = match free {
            Some(place) => self.seats[places[place]].id.next(),
            None => SeatId::new(blank.seat.id.worker, places.len()),
        };
        let mut seat = blank.seat(id, address);
        seat.carried = self.least_carried(&seat);
        begun(&mut seat);
        match free {
            Some(place) => self.seats[places[place]] = seat,
            None => {
                places.push(self.seats.len());
                self.seats.push(seat);
            }
        }
        true
    }

    /// What a seat would have carried that is level with who has carried least: one that has just come is not
    /// behind all others (`lbmethod=bytraffic`).
    pub(super) fn least_carried(&self, seat: &Seat) -> u64 {
        let load = |(_, it): (usize, &Seat)| it.carried / u64::from(it.weight);
        self.here().map(load).min().unwrap_or(0).saturating_mul(u64::from(seat.weight))
    }
}
