//! Requests to a balancer: each goes to the member that it belongs to, or else to one whose turn it is; to none of
//! them twice, and to none that is full. None waits for a member that has a place, and none is refused that
//! somebody certainly serves.

use std::collections::BTreeMap;

use underpass_core::report::{Close, Report};
use underpass_core::route::{Role, Rules, WorkerId};
use underpass_core::time::{Time, Wait};
use underpass_core::{Dial, Op};

use super::links::Links;
use super::requests::{is_calm, is_quick, says_too_much};
use super::team::{Owner, Team};
use super::vain::Vain;
use super::{Each, Found, Kind};
use crate::event::{Event, What, Who};
use crate::outcome::Outcome;
use crate::plan::{self, Ask, Fault, Plan};

/// The requests to the balancer of a plan.
#[derive(Debug)]
pub(super) struct Balancing {
    plan: Plan,
    team: Team,
    live: Each<Guest>,
    requests: BTreeMap<Name, Request>,
    /// The connections of backends: whose they are, and the request that each got last.
    behind: Each<(u32, Option<Name>)>,
    /// Somebody waits for a member although it has a place.
    vain: Vain,
    /// How late a session may be told.
    tick: Wait,
    /// What some backend says too much may be taken for the answer to the next request on its connection.
    says_too_much: bool,
}

/// A request, by its client and its place in the client's script.
type Name = (u32, usize);

/// A session that is not over.
#[derive(Debug, Default)]
struct Guest {
    client: u32,
    /// Its requests, by their places in the client's script, and how many of them are over.
    asked: Vec<usize>,
    over: usize,
    /// The worker that it has, and the member that has got its request.
    leased: Option<WorkerId>,
    at: Option<usize>,
    /// Its request is on a connection that has served.
    reuses: bool,
    /// It waits for a worker.
    waits: bool,
}

/// A request, as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// How many members were elected for it.
    pub(super) elected: u32,
    /// The members that got it, in their order.
    pub(super) came: Vec<Came>,
    /// A backend's answer to it was seen.
    is_answered: bool,
    /// It may have been lost where it must not be sent again.
    is_lost: bool,
}

/// A request at a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    pub(super) member: usize,
    since: Time,
    /// The connection had served before.
    used: bool,
    /// The connection was broken off before anything of an answer was said.
    is_broken: bool,
}

impl Balancing {
    /// Judges runs of that plan, if it has a balancer.
    pub(super) fn of(plan: &Plan, rules: &Rules, tick: Wait) -> Option<Self> {
        Some(Self {
            plan: plan.clone(),
            team: Team::of(plan, rules)?,
            live: Each::new(),
            requests: BTreeMap::new(),
            behind: Each::new(),
            vain: Vain::default(),
            tick,
            says_too_much: plan.asks().any(says_too_much),
        })
    }

    /// A fault begins: who has a body on its way may lose it for good.
    pub(super) fn suffers(&mut self, fault: &Fault, at: Time) {
        self.team.suffers(fault, &self.plan, at);
        if matches!(fault, Fault::Crash { .. }) {
            for name in self.live.values().filter_map(Guest::request) {
                let once = self.plan.ask(name.0, name.1).is_some_and(|ask| !can_fail_over(ask));
                self.requests.entry(name).or_default().is_lost |= once;
            }
        }
    }

    pub(super) fn see(&mut self, event: &Event, links: &Links, found: &mut Found) {
        match (event.who, &event.what) {
            (Who::Client(id), What::Asks(at)) => {
                let guest = links.session(id).and_then(|session| self.live.get_mut(&session));
                guest.into_iter().for_each(|guest| guest.asked.push(*at));
            }
            (Who::Client(_), What::Heads(status, Some(name))) => {
                let request = self.requests.entry(*name).or_default();
                request.is_answered = true;
                let second = *status == 101 && request.elected > 1;
                found.meet("a tunnel was granted by another than the first member", second);
            }
            (Who::Session(number), What::Accepts(client, _)) => {
                self.live.insert(number, Guest { client: *client, ..Guest::default() });
            }
            (Who::Session(number), What::Gone) => drop(self.live.remove(&number)),
            (Who::Session(number), What::Makes(Op::Elect, outcome)) => {
                self.elects(number, *outcome, event, found);
            }
            (Who::Session(number), What::Dials(dial, outcome)) => {
                let guest = self.live.entry(number).or_default();
                guest.reuses = (*dial, *outcome) == (Dial::Idle, Outcome::Done);
            }
            (Who::Session(number), What::Reports(told)) => {
                self.reports(number, &told.0, event, found);
            }
            (Who::Backend(number), What::Accepts(place, _)) => {
                self.behind.insert(number, (*place, None));
            }
            (Who::Backend(number), What::Aborts) => self.breaks_off(number, event.at),
            (Who::Backend(number), &What::Gets(client, at)) => {
                self.gets(number, (client, at), event, found);
            }
            (_, What::Counts(_)) => self.queue(event, found),
            _ => {}
        }
    }

    /// The request of that name, if it is one to the balancer.
    fn ask(&self, name: Option<Name>) -> Option<&Ask> {
        let (client, at) = name?;
        self.plan.ask(client, at).filter(|ask| ask.to == self.team.to)
    }

    fn elects(&mut self, number: u32, outcome: Outcome, event: &Event, found: &mut Found) {
        let Some(guest) = self.live.get_mut(&number) else { return };
        (guest.leased, guest.at, guest.waits) = (None, None, outcome == Outcome::Pending);
        let name = guest.request();
        if self.ask(name).is_some() {
            self.team.remember_election(outcome, found);
        }
        let Outcome::Elected(worker) = outcome else { return };
        self.vain.ends();
        name.into_iter().for_each(|it| self.requests.entry(it).or_default().elected += 1);
        self.live.entry(number).or_default().leased = Some(worker);
        let most = self.team.of_worker(worker).map(|it| self.team.members[it].most);
        let leases = self.leases(worker);
        if most.is_some_and(|most| leases > most) {
            let why = format!("{leases} leases of worker {} are out", worker.0);
            found.violate(Kind::Count, event, why);
        }
    }

    fn leases(&self, worker: WorkerId) -> u32 {
        self.live.values().filter(|guest| guest.leased == Some(worker)).count() as u32
    }

    /// A backend got a request.
    fn gets(&mut self, number: u32, name: Name, event: &Event, found: &mut Found) {
        let Some((place, has)) = self.behind.get_mut(&number) else { return };
        let (place, used) = (*place, has.replace(name).is_some());
        let (Some(ask), Some(chosen)) = (self.plan.ask(name.0, name.1), self.team.at(place)) else {
            return;
        };
        if ask.to != self.team.to {
            return;
        }
        let owner = self.team.owner(ask);
        if !self.team.may_go_to(chosen, owner) {
            let why = format!("request {} of c{} came to b{place}: {owner:?}", name.1, name.0);
            found.violate(Kind::Astray, event, why);
        }
        let request = self.requests.entry(name).or_default();
        if !request.may_come_to(chosen, ask) {
            let why = format!("request {} of c{} came to b{place} once more", name.1, name.0);
            found.violate(Kind::Repeated, event, why);
        }
        self.team.remember(ask, chosen, request, event.at, found);
        request.came.push(Came { member: chosen, since: event.at, used, is_broken: false });
        let is_good = is_quick(ask) && !self.team.fails(ask);
        self.team.answers(chosen, is_good, event.at);
        self.is_at(name, chosen, event, found);
    }

    /// No member has more requests at once than it may have, as its backend sees it.
    fn is_at(&mut self, name: Name, chosen: usize, event: &Event, found: &mut Found) {
        let mut guests = self.live.values_mut();
        if let Some(guest) = guests.find(|guest| guest.request() == Some(name)) {
            guest.at = Some(chosen);
        }
        let count = self.live.values().filter(|guest| guest.at == Some(chosen)).count() as u32;
        let most = self.team.members[chosen].most;
        if count > most {
            let why = format!("{count} requests are at a member that may have {most}");
            found.violate(Kind::Count, event, why);
        }
    }

    /// A backend breaks a connection off.
    fn breaks_off(&mut self, number: u32, now: Time) {
        let Some((_, Some(name))) = self.behind.get(&number) else { return };
        let delay = self.plan.ask(name.0, name.1).map_or(0, |ask| ask.reply.delay);
        let came = self.requests.get_mut(name).and_then(|request| request.came.last_mut());
        if let Some(came) = came {
            came.is_broken |= now < came.since.after(Wait::from_millis(delay.into()));
        }
    }

    /// A request is over: nobody is turned away whom somebody certainly serves.
    fn reports(&mut self, number: u32, report: &Report, event: &Event, found: &mut Found) {
        let Some(guest) = self.live.get_mut(&number) else { return };
        let (name, leased) = (guest.request(), guest.leased.take());
        let fooled = guest.reuses && self.says_too_much;
        (guest.at, guest.waits, guest.over) = (None, false, guest.over + 1);
        let refused = matches!(report.close, Close::Refused(_)) && report.status >= 502;
        let (true, Some(name), Some(ask)) = (refused, name, self.ask(name)) else { return };
        let lost = self.requests.get(&name).is_some_and(|it| self.may_lose(it, leased));
        let comes = is_quick(ask) && self.sends_all(name.0, ask);
        if comes && !lost && !fooled && self.team.serves(self.team.owner(ask)) {
            let why = format!("request {} of c{}: {}", name.1, name.0, report.close);
            found.violate(Kind::Refused, event, why);
        }
    }

    /// Whether a client surely sends the body of a request, if it has one.
    fn sends_all(&self, client: u32, ask: &Ask) -> bool {
        let has_body = matches!(ask.kind, plan::Kind::Post(_) | plan::Kind::Put(_));
        let mut calm = self.plan.clients.iter().filter(|it| it.id == client).map(is_calm);
        !has_body || calm.any(|calm| calm)
    }

    /// Whether nobody may serve a request any more that has come so far, and has that worker: it is with a member
    /// to which something has happened.
    fn may_lose(&self, request: &Request, leased: Option<WorkerId>) -> bool {
        let last = request.came.last();
        let broken = last.is_some_and(|came| came.is_broken);
        let with = last.map(|came| came.member).or(leased.and_then(|it| self.team.of_worker(it)));
        request.is_lost || !broken && with.is_some_and(|it| !self.team.members[it].is_sound)
    }

    /// Nobody waits for a member that has a place, but for as long as it takes to be told.
    fn queue(&mut self, event: &Event, found: &mut Found) {
        let in_vain = self.live.values().any(|guest| guest.waits && self.is_in_vain(guest));
        if let Some(since) = self.vain.look(in_vain, event.at, self.tick) {
            let why = format!("somebody waits since {since} for a member that has a place");
            found.violate(Kind::Late, event, why);
        }
    }

    fn is_in_vain(&self, guest: &Guest) -> bool {
        let Some(ask) = self.ask(guest.request()) else { return false };
        let members = &self.team.members;
        let has_room = |member: usize| self.leases(members[member].worker) < members[member].most;
        match self.team.owner(ask) {
            Owner::Member(own) => has_room(own),
            Owner::Nobody => (0..members.len()).any(|it| {
                members[it].is_sure() && members[it].role == Role::Regular && has_room(it)
            }),
            Owner::Unsure(_) => false,
        }
    }
}

impl Guest {
    /// The request that it is about.
    fn request(&self) -> Option<Name> {
        Some((self.client, *self.asked.get(self.over)?))
    }
}

impl Request {
    /// Whether it may come to that member, for all that was seen of it.
    fn may_come_to(&self, member: usize, ask: &Ask) -> bool {
        let before: Vec<_> = self.came.iter().filter(|came| came.member == member).collect();
        let fits = match before[..] {
            [] => self.came.is_empty() || may_fail_over(ask),
            // What was sent on a used connection may have met nobody there.
            [once] => once.used && ask.may_be_sent_twice(),
            _ => false,
        };
        fits && !self.is_answered
    }
}

/// Whether a request may go to another member when the first one breaks off: of an upgrade, nothing but its head has
/// been sent.
fn may_fail_over(ask: &Ask) -> bool {
    ask.may_be_sent_twice() || matches!(ask.kind, plan::Kind::Upgrade(_))
}

/// Whether it does.
fn can_fail_over(ask: &Ask) -> bool {
    ask.can_be_sent_twice() || matches!(ask.kind, plan::Kind::Upgrade(_))
}
