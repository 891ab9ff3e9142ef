//! Stage 4 of 6 · to whom a client belongs, and who serves it: its own member, or who stands in for that one.

use super::house::{House, may_serve};
use super::lease::Ask;
use crate::route::{Owner, Role};
use crate::time::Time;

impl<W: Copy + Eq> House<W> {
    /// Whether it may turn out where the client belongs.
    pub(super) fn awaits_owner(&self, ask: &Ask) -> bool {
        self.awaits() && ask.owner.is_some_and(|owner| !self.knows(owner))
    }

    /// Whether there is such an owner: an address may be gone, or none at all.
    pub(super) fn knows(&self, owner: Owner) -> bool {
        match owner {
            Owner::Route(_) => true,
            Owner::Address(_) => self.here().any(|(_, seat)| seat.owner == Some(owner)),
        }
    }

    /// Who serves the clients of that owner, if anybody does: regular ones first, and who stands in for one
    /// that cannot.
    pub(super) fn owner(&self, mut owner: Owner, ask: &Ask, now: Time) -> Option<usize> {
        for _ in 0..=self.seats.len() {
            let of_route = |role: fn(Role) -> bool| {
                self.here().filter(move |(_, it)| it.owner == Some(owner) && role(it.role))
            };
            let all = || {
                of_route(|role| role != Role::Standby).chain(of_route(|role| role == Role::Standby))
            };
            if let Some((seat, _)) = all().find(|(_, seat)| may_serve(seat, ask, now)) {
                return Some(seat);
            }
            owner = all().find_map(|(_, seat)| seat.redirect).map(Owner::Route)?;
        }
        None
    }

    /// Who belongs to a member counts as its turn.
    pub(super) fn owes(&mut self, chosen: usize, now: Time) {
        let mut total = 0;
        for seat in self.seats.iter_mut().filter(|seat| seat.is_usable(now)) {
            seat.score = seat.score.saturating_add(i64::from(seat.weight));
            total += i64::from(seat.weight);
        }
        let seat = &mut self.seats[chosen];
        seat.score = seat.score.saturating_sub(total);
    }
}
