//! Who stands behind a rule: one worker, or the members of a `balancer://`, and how one is chosen.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::check::Check;
use super::expansion::{AddressRoute, Expansion, digest};
use super::forward::Manner;
use super::target::{Target, WorkerId};
use crate::time::Wait;

/// A balancer's number, stable for the life of the process.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct BalancerId(pub u32);

/// The workers of which one serves a request. Whoever names a backend in a rule has a balancer of one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Balancer {
    /// The name behind `balancer://`; none for a worker that a rule names itself.
    pub name: Option<String>,
    /// The members, in the order of their lines. No worker is in two balancers. A balancer that has none is one of an
    /// earlier configuration: no rule leads to it.
    pub workers: Vec<WorkerId>,
    /// Members that it had in earlier configurations, some of whose sessions may be left.
    pub former: Vec<WorkerId>,
    /// How one is chosen (`lbmethod=`).
    pub method: Method,
    /// How a client says to whom it belongs (`stickysession=`), if it does.
    pub sticky: Option<Sticky>,
    /// Whether another member serves a client if the one that it belongs to cannot (`nofailover=Off`).
    pub fails_over: bool,
    /// How long a request waits for a member that may be tried (`timeout=`).
    pub patience: Wait,
    /// How many members a request tries behind the first (`maxattempts=`).
    pub retries: u32,
    /// Whether all members may be tried once all have failed (`forcerecovery=`).
    pub forces_recovery: bool,
    /// Statuses by which a member fails that answers with them (`failonstatus=`).
    pub fails_on: Vec<u16>,
    /// Whether a member fails that does not answer in time (`failontimeout=`).
    pub fails_late: bool,
    /// The routes of its members, each once.
    pub routes: BTreeMap<RouteId, String>,
}

impl Balancer {
    /// Its members, and those that it had before.
    pub fn everybody(&self) -> impl Iterator<Item = WorkerId> {
        self.workers.iter().chain(&self.former).copied()
    }

    /// A worker that a rule names itself.
    pub fn alone(worker: WorkerId) -> Self {
        Self {
            name: None,
            workers: vec![worker],
            former: Vec::new(),
            method: Method::ByRequests,
            sticky: None,
            fails_over: true,
            patience: Wait::ZERO,
            retries: 0,
            forces_recovery: false,
            fails_on: Vec::new(),
            fails_late: false,
            routes: BTreeMap::new(),
        }
    }

    /// Whether there may be somebody else to go to.
    pub fn is_group(&self) -> bool {
        self.name.is_some()
    }

    /// The number of that route, if a member has it. Its case matters.
    pub fn number(&self, route: &[u8]) -> Option<RouteId> {
        let id = RouteId::of(route);
        self.routes.get(&id).filter(|known| known.as_bytes() == route).map(|_| id)
    }

    /// To whom a client belongs that says that route: to a member that has it, or to the address that has it, if
    /// there is one.
    pub fn owner(&self, route: &[u8]) -> Option<Owner> {
        let member = self.number(route).map(Owner::Route);
        member.or_else(|| AddressRoute::parse(route).map(Owner::Address))
    }

    /// How a client says that it belongs there.
    pub fn route(&self, owner: Owner) -> Option<String> {
        match owner {
            Owner::Route(id) => self.routes.get(&id).cloned(),
            Owner::Address(route) => Some(route.to_string()),
        }
    }
}

/// How a member is chosen (`lbmethod=`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Method {
    /// In turn, by weight.
    ByRequests,
    /// Whoever has carried the fewest bytes by its weight, tunnels included.
    ByTraffic,
    /// Whoever has the fewest requests and tunnels; in turn where several have.
    ByBusyness,
    /// In turn, by what each member says that it can take (`HeartbeatStorage`).
    Heartbeat,
    /// Whoever has the fewest requests and tunnels by its weight. Of more than sixteen members, the better
    /// of two that are drawn.
    LeastTunnels,
    /// Always the same for the same key, as long as it is not much busier than the others.
    Hash(HashKey),
}

impl Method {
    /// What requests are told apart by, if they are.
    pub fn hash_key(&self) -> Option<&HashKey> {
        if let Self::Hash(key) = self { Some(key) } else { None }
    }
}

/// What requests are told apart by that always go to the same member (`hashkey=`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HashKey {
    /// The client's address.
    Client,
    /// The cookie of that name.
    Cookie(String),
    /// The field of that name.
    Field(String),
    /// The parameter of that name in the query.
    Query(String),
}

/// How a client says to which member it belongs (`stickysession=`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sticky {
    /// The cookie that says it.
    pub cookie: String,
    /// The parameter of the path or the query that says it before the cookie does.
    pub parameter: String,
    /// What stands before the route in their values (`stickysessionsep=`); the whole value is the route if none.
    pub separator: Option<u8>,
    /// Whether `;` ends the value of a parameter too (`scolonpathdelim=`).
    pub semicolon_ends: bool,
}

/// What stands for the name of a route: the same in every configuration that has such a one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RouteId(pub u64);

impl RouteId {
    /// That of the route of that name.
    pub fn of(name: &[u8]) -> Self {
        Self(digest(&[name]))
    }
}

/// To whom a client belongs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Owner {
    /// To the member of that route.
    Route(RouteId),
    /// To the address of that route.
    Address(AddressRoute),
}

/// What is said of a worker as one of several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its URL, whose path comes before that of the request.
    pub target: Target,
    /// How it is spoken to.
    pub manner: Manner,
    /// Its share, in hundredths: 1 to 10 000 (`loadfactor=`).
    pub weight: u32,
    /// Members of a higher set serve only when none of a lower one can (`lbset=`).
    pub set: u8,
    /// The route of the clients that belong to it (`route=`).
    pub route: Option<RouteId>,
    /// The route of who serves them if it cannot (`redirect=`).
    pub redirect: Option<RouteId>,
    /// When it serves.
    pub role: Role,
    /// Whom it serves.
    pub admission: Admission,
    /// How long its share grows when it comes back (`slowstart=`).
    pub slow_start: Wait,
    /// How many failures of its own put it out, if they do.
    pub ejection: Option<Ejection>,
    /// How it is checked, if it is.
    pub check: Option<Check>,
    /// What is said of its addresses if each of them serves for itself (`addresses=all`): its share, its
    /// bounds and all else is then that of each. It is then not checked, and has no route but theirs.
    pub expansion: Option<Expansion>,
}

impl Member {
    /// A member of which nothing is known but its URL.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            manner: Manner::DEFAULT,
            weight: 100,
            set: 0,
            route: None,
            redirect: None,
            role: Role::Regular,
            admission: Admission::Open,
            slow_start: Wait::ZERO,
            ejection: None,
            check: None,
            expansion: None,
        }
    }

    /// The clients that belong to it, or to that address of it if each serves for itself.
    pub fn owner(&self, address: Option<IpAddr>) -> Option<Owner> {
        let of_address = |it: &Expansion| Some(Owner::Address(it.route(address?)));
        match &self.expansion {
            Some(expansion) => of_address(expansion),
            None => self.route.map(Owner::Route),
        }
    }
}

/// When a member serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Always.
    Regular,
    /// In the place of a regular one of its set that cannot (`status=+R`).
    Spare,
    /// When no other one of its set can (`status=+H`).
    Standby,
}

/// Whom a member serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admission {
    /// Everybody.
    Open,
    /// Only who belongs to it (`status=+N`).
    Draining,
    /// Nobody (`status=+D`, `status=+S`).
    Closed,
}

/// When failures behind a connection that stands put a member out: answers that do not come, or are none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ejection {
    /// So many of them (`ejectfails=`),
    pub fails: u32,
    /// within so long (`ejectwindow=`).
    pub window: Wait,
    /// It is out for so long at the first time, and for twice as long each time that follows soon
    /// (`ejecttime=`).
    pub time: Wait,
    /// Whether even the last one that is left may be put out (`ejectlast=`).
    pub even_last: bool,
}
