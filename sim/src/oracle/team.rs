//! What is known from outside of the members of a balancer: who would certainly serve, and whose a client is.

use underpass_core::balance::NoWorker;
use underpass_core::route::{
    Admission, Balancer, Ejection, Role, RouteId, Rules, Sticky, Worker, WorkerId,
};
use underpass_core::time::{Time, Wait};

use super::Found;
use super::balancing::Request;
use crate::outcome::Outcome;
use crate::plan::{Answer, Ask, Fault, Plan};

/// The members of the balancer of a plan.
#[derive(Debug)]
pub(super) struct Team {
    /// The first segment of the path that leads to it.
    pub(super) to: String,
    pub(super) balancer: Balancer,
    pub(super) members: Vec<Member>,
}

/// A member, as the configuration has it, and whether anything has happened to it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) worker: WorkerId,
    /// The place of its backend in the plan, if it is there.
    pub(super) place: Option<u32>,
    /// How many leases may be out.
    pub(super) most: u32,
    pub(super) role: Role,
    pub(super) set: u8,
    pub(super) admission: Admission,
    pub(super) slow_start: Wait,
    pub(super) ejection: Option<Ejection>,
    pub(super) route: Option<RouteId>,
    redirect: Option<RouteId>,
    /// Nothing has happened that may have put it out: it takes connections, and answers all that it is asked.
    pub(super) is_sound: bool,
    /// When it was last there for nobody, or answered badly.
    fell: Option<(Time, Fall)>,
}

/// What happened to a member.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fall {
    /// It answered badly.
    Broke,
    /// It took no connections.
    Gone,
}

/// Whose a request is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owner {
    /// Nobody's: no member has the route that it names, if it names one.
    Nobody,
    /// That member's, which serves it.
    Member(usize),
    /// Those of that route, or of those who stand in for them; they may be out.
    Unsure(RouteId),
}

impl Team {
    /// The first balancer that a rule of the plan leads to, if one does.
    pub(super) fn of(plan: &Plan, rules: &Rules) -> Option<Self> {
        let balancer = rules.balancers.iter().find(|balancer| balancer.is_group())?;
        let target = format!("balancer://{}/", balancer.name.as_deref()?);
        let to = plan.config.iter().find_map(|line| {
            let (to, rest) = line.strip_prefix("ProxyPass /")?.split_once("/ ")?;
            (rest == target).then(|| to.to_owned())
        });
        let member = |id: &WorkerId| Some(Member::of(*id, rules.workers.get(id.0 as usize)?, plan));
        let members = balancer.workers.iter().filter_map(member).collect();
        Some(Self { to: to?, balancer: balancer.clone(), members })
    }

    /// A fault begins: what it may hit is not known to serve from now on.
    pub(super) fn suffers(&mut self, fault: &Fault, plan: &Plan, at: Time) {
        let hit = match fault {
            Fault::Crash { backend, .. }
            | Fault::Hang { backend, .. }
            | Fault::Refuse { backend, .. } => {
                plan.backends.iter().position(|it| it.name == *backend).map(|place| place as u32)
            }
            _ => None,
        };
        let is_hit = |member: &&mut Member| hit.is_none() || member.place == hit;
        for member in self.members.iter_mut().filter(is_hit) {
            member.is_sound = false;
            member.fell = hit.map(|_| (at, Fall::Gone)).or(member.fell);
        }
    }

    /// The member whose backend is at that place.
    pub(super) fn at(&self, place: u32) -> Option<usize> {
        self.members.iter().position(|member| member.place == Some(place))
    }

    /// The member that is that worker.
    pub(super) fn of_worker(&self, worker: WorkerId) -> Option<usize> {
        self.members.iter().position(|member| member.worker == worker)
    }

    /// Whose that request is.
    pub(super) fn owner(&self, ask: &Ask) -> Owner {
        let steps = self.members.len();
        self.named(ask).map_or(Owner::Nobody, |route| self.owner_of(route, steps))
    }

    /// The route that a request names, if a member has it.
    fn named(&self, ask: &Ask) -> Option<RouteId> {
        let name = self.balancer.sticky.as_ref().and_then(|sticky| route(ask, sticky));
        name.and_then(|name| self.balancer.number(name.as_bytes()))
    }

    fn owner_of(&self, route: RouteId, steps: usize) -> Owner {
        let of_route = || (0..).zip(&self.members).filter(|(_, it)| it.route == Some(route));
        let mut serving = of_route().filter(|(_, it)| it.admission != Admission::Closed);
        match (serving.next(), serving.next()) {
            (Some((one, member)), None) if member.is_sound => Owner::Member(one),
            (Some(_), _) => Owner::Unsure(route),
            (None, _) => match of_route().find_map(|(_, it)| it.redirect) {
                Some(next) if steps > 0 => self.owner_of(next, steps - 1),
                _ => Owner::Unsure(route),
            },
        }
    }

    /// Whether somebody certainly serves a request of that owner's, who can have any number of them.
    pub(super) fn serves(&self, owner: Owner) -> bool {
        // A spare, or one that stands by, serves if others are missed that were there; who is not, is none.
        let sure = |it: &Member| it.is_sure() && it.role == Role::Regular;
        let any = self.members.iter().any(sure) && self.tries_all();
        match owner {
            _ if self.is_bounded() => false,
            Owner::Member(_) => true,
            Owner::Unsure(_) => any && self.balancer.fails_over,
            Owner::Nobody => any,
        }
    }

    /// Whether a member has failed that gives that answer.
    pub(super) fn fails(&self, ask: &Ask) -> bool {
        let fails = |status: &u16| self.balancer.fails_on.contains(status);
        matches!(&ask.reply.answer, Answer::Body { status, .. } if fails(status))
    }

    /// A member got a request, which it will answer well, or not.
    pub(super) fn answers(&mut self, member: usize, is_good: bool, at: Time) {
        let member = &mut self.members[member];
        if !is_good {
            (member.is_sound, member.fell) = (false, Some((at, Fall::Broke)));
        }
    }

    /// Whether a request may try every member.
    fn tries_all(&self) -> bool {
        self.balancer.retries as usize + 1 >= self.members.len()
    }

    /// Whether a member may be full.
    pub(super) fn is_bounded(&self) -> bool {
        self.members.iter().any(|member| member.most < u32::MAX)
    }

    /// Whether it is the turn of that member, for a request of that owner's.
    pub(super) fn may_go_to(&self, chosen: usize, owner: Owner) -> bool {
        let member = &self.members[chosen];
        let redirects = self.members.iter().any(|member| member.redirect.is_some());
        let is_next = || member.admission == Admission::Open && self.is_next(member);
        match owner {
            _ if member.admission == Admission::Closed => false,
            Owner::Member(own) => own == chosen,
            Owner::Nobody => is_next(),
            Owner::Unsure(route) => redirects || member.route == Some(route) || is_next(),
        }
    }

    /// Whether nobody certainly serves in the place of that member, who comes before it.
    fn is_next(&self, member: &Member) -> bool {
        let sure = |it: &&Member| it.role == Role::Regular && it.is_sure() && !self.is_bounded();
        let before = |it: &Member| {
            it.set < member.set || it.set == member.set && member.role == Role::Standby
        };
        let mut regular =
            self.members.iter().filter(|it| it.role == Role::Regular && it.set == member.set);
        let is_spared = member.role == Role::Spare && regular.all(|it| sure(&it));
        !is_spared && !self.members.iter().filter(sure).any(before)
    }
}

/// What is remarkable.
impl Team {
    /// In an election.
    pub(super) fn remember_election(&self, outcome: Outcome, found: &mut Found) {
        let none = |none: fn(&NoWorker) -> bool| matches!(outcome, Outcome::None(it) if none(&it));
        let waits = outcome == Outcome::Pending;
        let stays = none(|none| *none == NoWorker::Route);
        let all = [
            ("a client's own member was gone, and no other might serve", stays),
            ("a request waited for its turn at a balancer", waits && self.is_bounded()),
            ("a request waited until a member might be tried", waits && !self.is_bounded()),
            ("every member rested", none(|none| matches!(none, NoWorker::Resting(_)))),
        ];
        all.into_iter().for_each(|(what, is)| found.meet(what, is));
    }

    /// When that member gets a request, which has come as far as that.
    pub(super) fn remember(
        &self,
        ask: &Ask,
        chosen: usize,
        request: &Request,
        at: Time,
        found: &mut Found,
    ) {
        let (member, named) = (&self.members[chosen], self.named(ask));
        let own = named.is_some() && member.route == named;
        let stands_in = !own && self.owner(ask) == Owner::Member(chosen);
        let role = |role: Role| !own && member.role == role;
        let last = request.came.last().map(|came| came.member);
        let fell = member.fell.map(|fell| fell.1);
        let ejected = |terms: Ejection| {
            member.fell.is_some_and(|(since, _)| since.after(terms.time) <= at && terms.fails == 1)
        };
        let out = fell == Some(Fall::Broke) && member.ejection.is_some_and(ejected);
        let slowly = fell.is_some() && member.slow_start > Wait::ZERO;
        let drains = member.admission == Admission::Draining;
        let (gone, first) = (named.is_some() && !own && !stands_in, request.elected == 1);
        let all = [
            ("a client came to its own member by a cookie", own && ask.tail.is_empty()),
            ("a client came to its own member by its path", own && !ask.tail.is_empty()),
            ("a client came to who stands in for its member", stands_in),
            ("a client's own member was gone, and another one served", gone),
            ("a member came back", fell == Some(Fall::Gone)),
            ("a member of a higher set served", !own && member.set > 0),
            ("a member that comes back slowly served", slowly),
            ("a member that stands by served", role(Role::Standby)),
            ("a member that takes nobody new served its own", drains),
            ("a member that was put out served again", out),
            ("a request went on when a member broke off", last.is_some_and(|last| last != chosen)),
            ("a request went on when a member could not be reached", last.is_none() && !first),
            ("a spare served", role(Role::Spare)),
            ("a status spoke against a member", self.fails(ask)),
        ];
        all.into_iter().for_each(|(what, is)| found.meet(what, is));
    }
}

impl Member {
    fn of(id: WorkerId, worker: &Worker, plan: &Plan) -> Self {
        let place = plan.backends.iter().position(|backend| backend.name == worker.peer.name());
        let said = worker.member.as_deref();
        Self {
            worker: id,
            place: place.map(|place| place as u32),
            most: worker.most.map_or(u32::MAX, std::num::NonZeroU32::get),
            role: said.map_or(Role::Regular, |member| member.role),
            set: said.map_or(0, |member| member.set),
            admission: said.map_or(Admission::Open, |member| member.admission),
            slow_start: said.map_or(Wait::ZERO, |member| member.slow_start),
            ejection: said.and_then(|member| member.ejection),
            route: said.and_then(|member| member.route),
            redirect: said.and_then(|member| member.redirect),
            is_sound: place.is_some(),
            fell: None,
        }
    }

    /// Whether it certainly serves whoever comes.
    pub(super) fn is_sure(&self) -> bool {
        self.is_sound && self.admission == Admission::Open
    }
}

/// The route that a request names, by a simple reading of what stands behind its path, and of its cookies.
fn route<'a>(ask: &'a Ask, sticky: &Sticky) -> Option<&'a str> {
    let parameters = ask.tail.char_indices().filter(|(_, begin)| ";?&".contains(*begin));
    let mut values = parameters.filter_map(|(at, _)| {
        ask.tail[at + 1..].strip_prefix(&sticky.parameter)?.strip_prefix('=')
    });
    let ends = if sticky.semicolon_ends { "?&;" } else { "?&" };
    let value = values.next().and_then(|value| value.split(|end| ends.contains(end)).next());
    let cookies = || ask.says("Cookie").flat_map(|line| line.split("; "));
    let cookie =
        || cookies().find_map(|cookie| cookie.strip_prefix(&sticky.cookie)?.strip_prefix('='));
    let value = value.or_else(cookie)?;
    match sticky.separator {
        Some(separator) => value.split_once(char::from(separator)).map(|(_, route)| route),
        None => Some(value),
    }
}
