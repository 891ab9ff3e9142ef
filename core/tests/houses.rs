//! Balancers of all kinds under whatever happens: what holds of every election, and of the counts behind them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::task::Poll;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use underpass_core::balance::{Ask, Lease, NoWorker, Pool, Purpose};
use underpass_core::negotiate::Refusal;
use underpass_core::report::{Close, Report};
use underpass_core::route::{
    Admission, Balancer, BalancerId, Ejection, HashKey, Host, Member, Method, Owner, Recovery,
    Role, RouteId, Rules, Scheme, Target, Worker, WorkerId,
};
use underpass_core::time::{Time, Wait};
use underpass_core::{Side, limits};

/// As many sessions there are.
const SESSIONS: u32 = 8;
/// Routes of members; the last one is nobody's.
const ROUTES: u64 = 3;

fn role() -> impl Strategy<Value = Role> {
    use Role::{Regular, Spare, Standby};
    select(vec![Regular, Regular, Regular, Spare, Standby])
}

fn admission() -> impl Strategy<Value = Admission> {
    use Admission::{Closed, Draining, Open};
    select(vec![Open, Open, Open, Open, Draining, Closed])
}

fn method() -> impl Strategy<Value = Method> {
    select(vec![
        Method::ByRequests,
        Method::ByTraffic,
        Method::ByBusyness,
        Method::Heartbeat,
        Method::LeastTunnels,
        Method::Hash(HashKey::Client),
    ])
}

fn ejection() -> impl Strategy<Value = Option<Ejection>> {
    let (window, time) = (Wait::from_secs(5), Wait::from_secs(2));
    option::of((1..3_u32, any::<bool>()).prop_map(move |(fails, even_last)| Ejection {
        fails,
        window,
        time,
        even_last,
    }))
}

fn member() -> impl Strategy<Value = Worker> {
    let route = || option::of((0..ROUTES - 1).prop_map(RouteId));
    let says = (role(), admission(), 0..2_u8, 1..300_u32, route(), route(), ejection());
    let times = (option::of(1..3_u32), 0..4_u64, 0..4_u64);
    (says, times).prop_map(|(says, (most, retry, slow))| {
        let (role, admission, set, weight, route, redirect, ejection) = says;
        let target = Target::new(Scheme::Ws, "b", 80);
        let member = Member {
            role,
            admission,
            set,
            weight,
            route,
            redirect,
            ejection,
            slow_start: Wait::from_secs(slow),
            ..Member::new(target)
        };
        let recovery =
            if retry == 0 { Recovery::AtOnce } else { Recovery::After(Wait::from_secs(retry)) };
        let most = most.and_then(NonZeroU32::new);
        Worker { recovery, most, member: Some(Box::new(member)), ..Worker::new("b", 80) }
    })
}

fn balancer() -> impl Strategy<Value = Rules> {
    let says = (method(), any::<[bool; 3]>(), 0..6_u32, select(vec![0, 5_u64]), any::<bool>());
    // Some are so many that the best is not looked for.
    let count = select(vec![1..6, 1..6, 1..6, 1..6, 17..20_usize]);
    let members = count.prop_flat_map(|count| vec(member(), count));
    (says, members).prop_map(|(says, workers)| {
        let (method, [fails_over, forces_recovery, fails_late], retries, patience, fails) = says;
        let ids = (0..workers.len() as u32).map(WorkerId).collect();
        let balancer = Balancer {
            name: Some("app".into()),
            workers: ids,
            method,
            fails_over,
            forces_recovery,
            fails_late,
            retries,
            patience: Wait::from_secs(patience),
            fails_on: if fails { vec![503] } else { vec![] },
            ..Balancer::alone(WorkerId(0))
        };
        Rules { balancers: vec![balancer], ..Rules::of(Host::default(), workers) }
    })
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A session asks for a member, by that route and key.
    Ask(u32, Option<u64>, u64),
    /// The member of a session could not be reached.
    Fail(u32),
    Confirm(u32),
    /// A session ends, in that way, and with that status.
    End(u32, Close, u16),
    Checked(u32, bool),
    Heard(u32, u32),
    Note(u32, u64),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let ways = vec![
        Close::Answered,
        Close::Idle,
        Close::Refused(Refusal::LateAnswer),
        Close::Refused(Refusal::NoAnswer),
        Close::Cut(Side::Client),
    ];
    let route = option::of(0..ROUTES);
    let says = (0..20_u32, 0..SESSIONS, route, 0..9_u64, select(ways), select(vec![200, 503]));
    let worker = (0..20_u32, any::<bool>(), 0..3_u32, 0..6_000_u64);
    (says, worker).prop_map(|(says, (worker, serves, ready, number))| {
        let (kind, who, route, key, close, status) = says;
        match kind {
            0..6 => Act::Ask(who, route, key),
            6..9 => Act::Fail(who),
            9..11 => Act::Confirm(who),
            11..15 => Act::End(who, close, status),
            15 => Act::Checked(worker, serves),
            16 => Act::Heard(worker, ready),
            17 => Act::Note(worker, number),
            _ => Act::Pass(number),
        }
    })
}

/// A session: what it asks, and what it has got.
#[derive(Debug)]
struct Session {
    ask: Ask,
    lease: Option<Lease>,
}

struct Street<'r> {
    rules: &'r Rules,
    pool: Pool<u32>,
    now: Time,
    sessions: BTreeMap<u32, Session>,
}

impl<'r> Street<'r> {
    fn new(rules: &'r Rules) -> Self {
        let pool = Pool::new(rules, limits::PENDING);
        Self { rules, pool, now: Time::ZERO, sessions: BTreeMap::new() }
    }

    fn members(&self) -> impl Iterator<Item = (WorkerId, &'r Member)> {
        let workers = self.rules.workers.iter().enumerate();
        workers.map(|(id, it)| (WorkerId(id as u32), it.member.as_deref().expect("a member")))
    }

    fn worker(&self, number: u32) -> WorkerId {
        WorkerId(number % self.rules.workers.len() as u32)
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Ask(who, route, key) if !self.sessions.contains_key(&who) => {
                let purpose = Purpose::Tunnel { quota: None, handshakes: None };
                let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let plain = Ask::new(BalancerId(0), client, purpose);
                let owner = route.map(|number| Owner::Route(RouteId(number)));
                let ask = Ask { owner, key, ..plain };
                self.sessions.insert(who, Session { ask, lease: None });
                self.elect(who, None);
            }
            Act::Fail(who) => self.fail(who),
            Act::Confirm(who) => {
                let lease = self.sessions.get_mut(&who).and_then(|it| it.lease.as_mut());
                if let Some(lease) = lease {
                    self.pool.confirm(lease);
                }
            }
            Act::End(who, close, status) => self.end(who, close, status),
            Act::Checked(worker, serves) => {
                self.pool.checked(self.worker(worker), serves, self.now);
            }
            Act::Heard(worker, ready) => self.pool.heard(self.worker(worker), ready),
            Act::Note(worker, bytes) => self.pool.note(self.worker(worker), bytes),
            Act::Pass(millis) => self.now = self.now.after(Wait::from_millis(millis)),
            Act::Ask(..) => {}
        }
    }

    /// A member that has not answered yet cannot be reached.
    fn fail(&mut self, who: u32) {
        let Some(session) = self.sessions.get_mut(&who) else { return };
        if let Some(lease) = session.lease.take_if(|lease| lease.is_pending()) {
            session.ask.tried.push(lease.seat());
            assert!(session.ask.tried.len() <= self.rules.workers.len(), "it goes on for ever");
            self.elect(who, Some(lease));
        }
    }

    fn end(&mut self, who: u32, close: Close, status: u16) {
        let Some(Session { lease, .. }) = self.sessions.remove(&who) else { return };
        let report = Report {
            worker: lease.as_ref().map(Lease::worker),
            status,
            ..Report::new(close, self.now)
        };
        self.pool.release(lease, who, &report);
    }

    /// Asks for a member, and looks whether it is one that may serve.
    fn elect(&mut self, who: u32, failed: Option<Lease>) -> bool {
        let ask = self.sessions[&who].ask.clone();
        match self.pool.elect(&ask, failed, who, self.now) {
            Poll::Pending => return false,
            Poll::Ready(Err(none)) => {
                assert!(none != NoWorker::Busy, "so many there are not");
                self.sessions.remove(&who);
            }
            Poll::Ready(Ok(lease)) => {
                self.judge(who, &ask, lease.worker());
                self.sessions.get_mut(&who).expect("it asks").lease = Some(lease);
            }
        }
        true
    }

    /// Whoever is elected may serve that request, and nobody comes before it.
    fn judge(&self, who: u32, ask: &Ask, elected: WorkerId) {
        let member =
            |id: WorkerId| self.rules.workers[id.0 as usize].member.as_deref().expect("one");
        let chosen = member(elected);
        assert!(chosen.admission != Admission::Closed, "it is closed");
        assert!(!ask.tried.contains(&elected.into()), "it has failed this request");
        assert!(self.pool.health(elected).is_usable(self.now), "it is left alone");
        let owns = |owner| matches!(owner, Owner::Route(route) if self.is_owner(route, chosen));
        if ask.owner.is_some_and(owns) {
            return;
        }
        assert_eq!(chosen.admission, Admission::Open, "it drains");
        assert!(ask.owner.is_none() || self.rules.balancers[0].fails_over, "it is a stranger");
        let may = |(id, it): &(WorkerId, &Member)| {
            let serves =
                it.admission == Admission::Open && self.pool.health(*id).is_usable(self.now);
            serves && !ask.tried.contains(&(*id).into())
        };
        let of =
            |role| self.members().filter(move |(_, it)| it.set == chosen.set && it.role == role);
        let missing = of(Role::Regular).filter(|it| !may(it)).count();
        let waits = self.sessions.iter().any(|(other, it)| it.lease.is_none() && *other != who);
        let is_free =
            |(id, it): &(WorkerId, &Member)| may(&(*id, it)) && self.pool.health(*id).free() > 0;
        // Heartbeat passes over members of which nothing is heard.
        let by_heart = self.rules.balancers[0].method == Method::Heartbeat;
        match chosen.role {
            Role::Regular => {}
            Role::Spare => assert!(missing > 0, "nobody is missing"),
            Role::Standby if waits || by_heart => {}
            Role::Standby => {
                assert!(!of(Role::Regular).any(|it| is_free(&it)), "another could serve")
            }
        }
        let mut before =
            self.members().filter(|(_, it)| it.set < chosen.set && it.role == Role::Regular);
        assert!(waits || by_heart || !before.any(|it| is_free(&it)), "a lower set could serve");
    }

    /// Whether clients of that route may belong to it: by its own route, or by a redirect that leads there.
    fn is_owner(&self, route: RouteId, member: &Member) -> bool {
        let mut routes = vec![route];
        for _ in 0..self.rules.workers.len() {
            let led =
                self.members().filter(|(_, it)| it.route.is_some_and(|it| routes.contains(&it)));
            let led: Vec<_> = led.filter_map(|(_, it)| it.redirect).collect();
            routes.extend(led);
        }
        member.route.is_some_and(|it| routes.contains(&it))
    }

    /// Whoever was woken asks again, until nobody is.
    fn wake(&mut self) {
        for _ in 0..1_000 {
            let woken = self.pool.take_woken();
            if woken.is_empty() {
                return;
            }
            for who in woken {
                assert!(
                    self.sessions.get(&who).is_some_and(|it| it.lease.is_none()),
                    "it has what it wants"
                );
                self.elect(who, None);
            }
        }
        panic!("it goes on for ever");
    }

    fn look(&mut self, act: Act) {
        // Time wakes nobody: who waits asks now and then.
        let waits: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, it)| it.lease.is_none())
            .map(|(who, _)| *who)
            .collect();
        for who in waits {
            let waits = self.sessions.get(&who).is_some_and(|it| it.lease.is_none());
            let served = waits && self.elect(who, None) && self.sessions.contains_key(&who);
            assert!(!served || matches!(act, Act::Pass(_)), "nobody has told it");
            self.wake();
        }
        let mut leases = BTreeMap::new();
        for lease in self.sessions.values().filter_map(|it| it.lease.as_ref()) {
            *leases.entry(lease.worker()).or_insert(0) += 1;
        }
        for (number, worker) in self.rules.workers.iter().enumerate() {
            let id = WorkerId(number as u32);
            let busy = self.pool.health(id).busy();
            assert_eq!(busy, leases.get(&id).copied().unwrap_or(0), "leases out are sessions");
            assert!(worker.most.is_none_or(|most| busy <= most.get()), "max=");
        }
        let under_way = |it: &&Session| it.lease.as_ref().is_none_or(Lease::is_pending);
        assert_eq!(self.pool.pending() as usize, self.sessions.values().filter(under_way).count());
    }
}

proptest! {
    #[test]
    fn every_election_is_right_and_every_lease_comes_back(
        rules in balancer(), acts in vec(act(), 1..80),
    ) {
        let mut street = Street::new(&rules);
        for act in acts {
            street.act(act);
            street.wake();
            street.look(act);
        }
        for who in 0..SESSIONS {
            street.end(who, Close::Answered, 200);
            street.wake();
        }
        prop_assert_eq!((street.pool.busy(), street.pool.pending()), (0, 0));
        prop_assert!(street.pool.take_woken().is_empty());
    }
}
