//! How many handshakes and tunnels there are at once: never more than the configuration says, and nobody is
//! turned away before there are so many.

use std::net::IpAddr;
use std::num::NonZeroU32;

use underpass_core::Op;
use underpass_core::balance::NoWorker;
use underpass_core::route::Rules;

use super::links::Links;
use super::{Each, Found, Kind};
use crate::event::{Event, Rest, What, Who};
use crate::outcome::Outcome;
use crate::plan::{self, Client, Plan};

/// Who is there.
#[derive(Debug)]
pub(super) struct Crowd {
    clients: Each<Client>,
    live: Each<Guest>,
    /// As many handshakes of one address as may be under way at once.
    handshakes: u32,
    /// As many tunnels as there may be at once.
    tunnels: u32,
}

/// A session that is not over.
#[derive(Debug, Default)]
struct Guest {
    client: u32,
    /// Its requests, by their places in the client's script, and how many of them are over.
    asked: Vec<usize>,
    over: usize,
    rest: Option<Rest>,
    /// It waits for a worker.
    waits: bool,
}

impl Crowd {
    pub(super) fn new(plan: &Plan, rules: &Rules) -> Self {
        let scope = &rules.main().scope;
        Self {
            clients: plan.clients.iter().map(|client| (client.id, client.clone())).collect(),
            live: Each::new(),
            handshakes: scope.handshakes.map_or(u32::MAX, NonZeroU32::get),
            tunnels: scope.tunnels.map_or(u32::MAX, |quota| quota.most.get()),
        }
    }

    pub(super) fn see(&mut self, event: &Event, links: &Links, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Client(id), What::Asks(at)) => {
                let guest = links.session(id).and_then(|session| self.live.get_mut(&session));
                guest.into_iter().for_each(|guest| guest.asked.push(*at));
            }
            (Who::Session(number), What::Accepts(client, _)) => {
                self.live.insert(number, Guest { client: *client, ..Guest::default() });
            }
            (Who::Session(number), What::Gone) => drop(self.live.remove(&number)),
            (Who::Session(number), What::Makes(Op::Elect, Outcome::None(none))) => {
                self.turns_away(number, *none, event, found);
            }
            (Who::Session(number), what) => {
                if let Some(guest) = self.live.get_mut(&number) {
                    guest.does(what);
                }
            }
            (_, What::Counts(_)) => self.count(event, found),
            _ => {}
        }
    }

    fn address(&self, guest: &Guest) -> Option<IpAddr> {
        self.clients.get(&guest.client).map(Client::address)
    }

    /// Nobody is turned away who is not one too many.
    fn turns_away(&self, number: u32, none: NoWorker, event: &Event, found: &mut Found) {
        let Some(guest) = self.live.get(&number) else { return };
        let others = || self.live.iter().filter(|(other, _)| **other != number);
        let own = self.address(guest);
        let (most, there) = match none {
            NoWorker::Client => {
                found.met.add("a handshake of a client's was one too many");
                let same = others().filter(|(_, other)| self.address(other) == own);
                (self.handshakes, same.filter(|(_, other)| other.may_shake_hands()).count())
            }
            NoWorker::Tunnels => {
                found.met.add("a tunnel was one too many");
                (self.tunnels, others().filter(|(_, other)| other.may_be_counted()).count())
            }
            _ => return,
        };
        if (there as u32) < most {
            let why = format!("turned away as one too many of {most}, behind {there}");
            found.violate(Kind::Count, event, why);
        }
    }

    /// There are no more than may be.
    fn count(&self, event: &Event, found: &mut Found) {
        let open = self.live.values().filter(|guest| guest.is_in(&["Tunnel"])).count() as u32;
        if open > self.tunnels {
            let why = format!("{open} tunnels are open, and {} may be", self.tunnels);
            found.violate(Kind::Count, event, why);
        }
        for guest in self.live.values() {
            let own = self.address(guest);
            let same = self.live.values().filter(|other| self.address(other) == own);
            let under_way = same.filter(|other| self.shakes_hands(other)).count() as u32;
            if under_way > self.handshakes {
                let why = format!("{under_way} handshakes, and {} may be", self.handshakes);
                return found.violate(Kind::Count, event, why);
            }
        }
    }

    /// Whether it certainly has a handshake under way.
    fn shakes_hands(&self, guest: &Guest) -> bool {
        let asked = guest.asked.get(guest.over).copied();
        let client = self.clients.get(&guest.client);
        let is_garbage = |op: &plan::Op| matches!(op, plan::Op::Garbage(_));
        // Garbage is answered too, and nobody says that it is asked.
        let script = client.map(|client| &client.script[..]).unwrap_or_default();
        let upgrade = asked.and_then(|at| script.get(at)).is_some_and(
            |op| matches!(op, plan::Op::Ask(ask) if matches!(ask.kind, plan::Kind::Upgrade(_))),
        );
        let leased = guest.is_in(&["Connect", "Secure", "Offer", "Answer"]);
        upgrade && !script.iter().any(is_garbage) && (leased || guest.waits)
    }
}

impl Guest {
    fn does(&mut self, what: &What) {
        match what {
            What::Makes(Op::Elect, outcome) => self.waits = *outcome == Outcome::Pending,
            What::Reports(_) => (self.waits, self.over) = (false, self.over + 1),
            What::Rests(rest) => self.rest = Some(*rest),
            _ => {}
        }
    }

    fn is_in(&self, states: &[&str]) -> bool {
        self.rest.is_some_and(|rest| states.contains(&rest.state))
    }

    /// Whether it may have a handshake under way, for all that is known.
    fn may_shake_hands(&self) -> bool {
        let may = ["Elect", "Connect", "Secure", "Offer", "Answer"];
        self.is_in(&may) || self.may_be_counted() && self.rest.is_some_and(|rest| rest.again)
    }

    /// Whether it may be a tunnel, or become one, for all that is known.
    fn may_be_counted(&self) -> bool {
        !self.is_in(&["Hello", "Request", "Linger", "Closed"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use underpass_core::time::Time;

    /// What is found when so many clients of one address wait for a worker, and the last is turned away, where
    /// one handshake may be under way.
    fn found(waiting: u32, turned_away: bool) -> Vec<Kind> {
        let mut plan = Scenario::Storm.draw(1);
        plan.config.push("ProxyWebsocketMaxHandshakes 1".to_owned());
        let mut client = plan.clients[0].clone();
        client.script.retain(|op| matches!(op, plan::Op::Ask(_)));
        if let Some(plan::Op::Ask(ask)) = client.script.first_mut() {
            ask.kind = plan::Kind::Upgrade(0);
        }
        plan.clients =
            (0..waiting).map(|id| Client { id, behind: Some(9), ..client.clone() }).collect();
        let rules = plan.rules().expect("it can be run");
        let (mut links, mut crowd, mut found) =
            (Links::default(), Crowd::new(&plan, &rules), Found::default());
        let mut see = |who, what| {
            let event = Event { at: Time::ZERO, who, what };
            links.see(&event);
            crowd.see(&event, &links, &mut found);
        };
        for id in 0..waiting {
            see(Who::Session(id), What::Accepts(id, id));
            see(Who::Client(id), What::Connects(id));
            see(Who::Client(id), What::Asks(0));
            let none = turned_away && id + 1 == waiting;
            let outcome = if none { Outcome::None(NoWorker::Client) } else { Outcome::Pending };
            see(Who::Session(id), What::Makes(Op::Elect, outcome));
            let (state, held, deadline) = (if none { "Linger" } else { "Elect" }, 0, None);
            let rest = Rest { state, held, deadline, again: false, clock: Time::ZERO };
            see(Who::Session(id), What::Rests(rest));
        }
        let (sessions, busy, pending, buffers, idle) = (waiting, 0, waiting, 0, 0);
        let counts = crate::event::Counts { sessions, busy, pending, buffers, idle };
        see(Who::Network, What::Counts(counts));
        found.violations.into_iter().map(|violation| violation.kind).collect()
    }

    #[test]
    fn handshakes_of_one_address_are_as_many_as_may_be() {
        assert_eq!(found(1, false), []);
        assert_eq!(found(2, true), []);
        assert_eq!(found(2, false), [Kind::Count]);
        assert_eq!(found(1, true), [Kind::Count]);
    }
}
