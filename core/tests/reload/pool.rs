//! What the pool knows outlives the configuration.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker, Pool, Purpose};
use underpass_core::limits::PENDING;
use underpass_core::report::{Close, Report};
use underpass_core::route::{BalancerId, Quota, Rules};
use underpass_core::time::{Time, Wait};

use super::rules;

/// A pool, and the rules that it is asked for.
pub(crate) struct Reloaded {
    pub(crate) rules: Rules,
    pub(crate) pool: Pool<u32>,
    pub(crate) now: Time,
}

impl Reloaded {
    pub(crate) fn new(text: &str) -> Self {
        let rules = rules(text);
        Self { pool: Pool::new(&rules, PENDING), rules, now: Time::ZERO }
    }

    /// Other rules come, and no session has anything to do with the old ones but by its lease.
    pub(crate) fn reload(&mut self, text: &str) {
        self.rules = rules(text).after(&[&self.rules], &self.pool.in_use()).expect("few lines");
        self.pool.renew(&self.rules);
    }

    /// What is asked for by a request for that path.
    pub(crate) fn ask(&self, path: &str) -> Ask {
        let mut all = self.rules.main().rules.iter();
        let rule = all.find(|rule| rule.paths.has(path.as_bytes())).expect("a rule for it");
        let balancer = rule.action.forward().expect("it forwards").balancer;
        let quota = self.rules.main().scope.tunnels;
        let purpose = Purpose::Tunnel { quota, handshakes: None };
        Ask::new(balancer, IpAddr::V4(Ipv4Addr::LOCALHOST), purpose)
    }

    fn elect(&mut self, path: &str, who: u32) -> Poll<Result<Lease, NoWorker>> {
        self.pool.elect(&self.ask(path), None, who, self.now)
    }

    fn lease(&mut self, path: &str, who: u32) -> Lease {
        let Poll::Ready(Ok(lease)) = self.elect(path, who) else { panic!("nobody for {path}") };
        lease
    }

    /// Where a lease leads.
    fn place(&self, lease: &Lease) -> String {
        self.rules.worker(lease.worker()).expect("it is there").peer.to_string()
    }

    fn over(&mut self, lease: Lease) {
        let report = Report::new(Close::Answered, self.now);
        self.pool.release(Some(lease), 0, &report);
    }

    fn busy(&self, place: &str) -> u32 {
        let is_there = |worker: &underpass_core::route::Worker| worker.peer.to_string() == place;
        let all = (0..).map(underpass_core::route::WorkerId).zip(&self.rules.workers);
        let own = self.rules.balancers.iter().flat_map(|balancer| balancer.everybody());
        let own: Vec<_> = own.collect();
        let found = all.filter(|(id, worker)| own.contains(id) && is_there(worker));
        found.map(|(id, _)| self.pool.health(id).busy()).sum()
    }
}

fn app(members: &[&str]) -> String {
    let members: String =
        members.iter().map(|it| format!("BalancerMember http://{it}\n")).collect();
    format!(
        "<Proxy balancer://app>\nProxySet lbmethod=leasttunnels\n{members}</Proxy>\nProxyPass / balancer://app\n"
    )
}

#[test]
fn open_tunnels_are_counted_on() {
    let mut all = Reloaded::new(&app(&["a", "b"]));
    let mut leases: Vec<_> = (0..4).map(|who| all.lease("/", who)).collect();
    leases.iter_mut().for_each(|lease| all.pool.confirm(lease));
    all.reload(&app(&["c loadfactor=2", "b"]));
    assert_eq!((all.busy("a:80"), all.busy("b:80"), all.busy("c:80")), (2, 2, 0));
    let next: Vec<_> = (9..13).map(|who| all.lease("/", who)).collect();
    let places: Vec<_> = next.iter().map(|lease| all.place(lease)).collect();
    assert!(places.iter().all(|place| place == "c:80"), "{places:?}");
    leases.into_iter().chain(next).for_each(|lease| all.over(lease));
    assert_eq!(
        (all.pool.busy(), all.pool.pending(), all.pool.in_use()),
        (0, 0, Default::default())
    );
}

#[test]
fn who_failed_rests_on_and_who_is_not_to_rest_any_more_comes_back() {
    for (retry, rests) in [("retry=60", true), ("retry=90", true), ("retry=0", false)] {
        let mut all = Reloaded::new(&app(&["a retry=60", "b"]));
        let failed = all.lease("/", 1);
        assert_eq!(all.place(&failed), "a:80");
        let ask = Ask { tried: vec![failed.seat()], ..all.ask("/") };
        let lease = all.pool.elect(&ask, Some(failed), 1, all.now);
        all.reload(&app(&[&format!("a {retry}"), "b"]));
        let next = all.lease("/", 2);
        assert_eq!(all.place(&next) == "b:80", rests, "{retry}");
        let Poll::Ready(Ok(lease)) = lease else { panic!("nobody stands in") };
        [lease, next].into_iter().for_each(|lease| all.over(lease));
    }
}

/// The last session that a member has had may end days after the reload.
#[test]
fn a_member_that_is_gone_serves_nobody_and_comes_back_as_it_was() {
    let mut all = Reloaded::new(&app(&["a max=2", "b"]));
    let held = all.lease("/", 1);
    for _ in 0..3 {
        all.reload(&app(&["b"]));
        let other = all.lease("/", 2);
        assert_eq!(all.place(&other), "b:80");
        all.over(other);
    }
    all.reload(&app(&["a max=2 loadfactor=100", "b"]));
    let next = all.lease("/", 3);
    assert_eq!((all.place(&next).as_str(), all.busy("a:80")), ("a:80", 2));
    let third = all.lease("/", 4);
    assert_eq!(all.place(&third), "b:80", "`a` is full: the one of before counts");
    [held, next, third].into_iter().for_each(|lease| all.over(lease));
}

/// A session that stands in an exchange by the old rules may still ask.
#[test]
fn a_balancer_that_is_gone_serves_those_who_know_no_other() {
    let mut all = Reloaded::new(&app(&["a", "b"]));
    let old = all.ask("/");
    all.reload("ProxyPass / http://x");
    let leases: Vec<_> = (1..3)
        .map(|who| match all.pool.elect(&old, None, who, all.now) {
            Poll::Ready(Ok(lease)) => lease,
            Poll::Ready(Err(none)) => panic!("{none}"),
            Poll::Pending => panic!("it has to wait"),
        })
        .collect();
    let places: Vec<_> = leases.iter().map(|lease| all.place(lease)).collect();
    assert_eq!(places, ["a:80", "b:80"]);
    leases.into_iter().for_each(|lease| all.over(lease));
}

#[test]
fn who_waits_for_a_member_that_is_full_may_have_another_one() {
    let mut all = Reloaded::new(&app(&["a max=1"]));
    let held = all.lease("/", 1);
    assert!(all.elect("/", 2).is_pending() && all.elect("/", 3).is_pending());
    all.reload(&app(&["a max=1"]));
    assert_eq!(all.pool.take_woken(), [0; 0], "nothing has changed");
    all.reload(&app(&["a max=1", "b"]));
    assert_eq!(all.pool.take_woken(), [2, 3]);
    let two: Vec<_> = [2, 3].map(|who| all.lease("/", who)).into();
    assert!(two.iter().all(|lease| all.place(lease) == "b:80"));
    two.into_iter().chain([held]).for_each(|lease| all.over(lease));
}

/// A place that was kept for somebody is asked for again, where it is by then.
#[test]
fn who_was_woken_before_the_reload_is_served_after_it() {
    let mut all = Reloaded::new(&app(&["a max=1"]));
    let held = all.lease("/", 1);
    assert!(all.elect("/", 2).is_pending());
    all.over(held);
    assert_eq!(all.pool.take_woken(), [2]);
    all.reload(&app(&["b", "a max=1"]));
    let lease = all.lease("/", 2);
    all.over(lease);
    all.reload(&app(&["b"]));
    assert_eq!((all.pool.pending(), all.busy("a:80")), (0, 0));
}

#[test]
fn tunnels_are_counted_by_the_line_that_bounds_them() {
    let text = |most: u32| format!("ProxyWebsocketMaxTunnels {most}\nProxyPass / http://x\n");
    let mut all = Reloaded::new(&text(3));
    let leases: Vec<_> = (0..3).map(|who| all.lease("/", who)).collect();
    all.reload(&text(4));
    let fourth = all.lease("/", 4);
    assert!(matches!(all.elect("/", 5), Poll::Ready(Err(NoWorker::Tunnels))));
    let line = all.rules.main().scope.tunnels.map(|Quota { line, .. }| line);
    assert_eq!(line.map(|line| all.pool.tunnels(line)), Some(4));
    leases.into_iter().chain([fourth]).for_each(|lease| all.over(lease));
    assert_eq!(NonZeroU32::new(4), all.rules.main().scope.tunnels.map(|quota| quota.most));
}

/// What a check has said holds for as long as there is one.
#[test]
fn a_member_that_fails_its_checks_fails_them_on() {
    let checked = "a hcmethod=TCP";
    let mut all = Reloaded::new(&app(&[checked, "b"]));
    let ailing = all.ask("/").balancer;
    let a = all.rules.balancer(ailing).expect("it is there").workers[0];
    all.pool.checked(a, false, all.now);
    all.reload(&app(&[checked, "b", "c"]));
    assert!(all.pool.health(a).is_ailing());
    all.reload(&app(&["a", "b"]));
    assert!(!all.pool.health(a).is_ailing(), "nobody asks any more");
}

/// The next one is not sent there for all that the others have carried before it came.
#[test]
fn who_joins_begins_level_with_who_has_carried_least() {
    let traffic = |members: &[&str]| app(members).replace("leasttunnels", "bytraffic");
    let mut all = Reloaded::new(&traffic(&["a"]));
    let lease = all.lease("/", 1);
    all.pool.note(lease.seat(), 1_000_000);
    all.reload(&traffic(&["a", "b"]));
    let places: Vec<_> = (2..6)
        .map(|who| {
            let lease = all.lease("/", who);
            all.pool.note(lease.seat(), 100);
            let place = all.place(&lease);
            all.over(lease);
            place
        })
        .collect();
    assert!(places.contains(&"a:80".into()) && places.contains(&"b:80".into()), "{places:?}");
    all.over(lease);
}

/// The seats of addresses stay, and who is gone needs no resolving to come back.
#[test]
fn addresses_keep_their_seats() {
    let many = |says: &str| app(&[&format!("many addresses=all {says}")]);
    let addresses: Vec<IpAddr> = (1..4).map(|last| Ipv4Addr::new(10, 0, 0, last).into()).collect();
    let mut all = Reloaded::new(&many(""));
    let worker = all.rules.balancers[0].workers[0];
    all.pool.resolved(worker, &addresses, all.now);
    let leases: Vec<_> = (0..3).map(|who| all.lease("/", who)).collect();
    all.reload(&many("loadfactor=3"));
    let next = all.lease("/", 5);
    assert!(next.address().is_some_and(|it| addresses.contains(&it)), "it is known");
    all.reload(&app(&["b"]));
    all.reload(&many(""));
    assert!(all.elect("/", 6).is_pending(), "it may have moved meanwhile");
    all.pool.resolved(worker, &addresses[..1], all.now);
    assert_eq!(all.pool.take_woken(), [6]);
    let last = all.lease("/", 6);
    assert_eq!(last.address(), Some(addresses[0]));
    leases.into_iter().chain([next, last]).for_each(|lease| all.over(lease));
    assert_eq!((all.pool.busy(), all.pool.pending()), (0, 0));
}

#[test]
fn a_slow_start_goes_on() {
    let mut all = Reloaded::new(&app(&["a slowstart=100 retry=1"]));
    let failed = all.lease("/", 1);
    let ask = Ask { tried: vec![failed.seat()], ..all.ask("/") };
    assert!(all.pool.elect(&ask, Some(failed), 1, all.now).is_ready());
    all.now = all.now.after(Wait::from_secs(2));
    let lease = all.lease("/", 2);
    let a = lease.worker();
    let at = |all: &Reloaded| all.pool.health(a).weight(100, all.now.after(Wait::from_secs(48)));
    let before = at(&all);
    all.reload(&app(&["a slowstart=100 retry=1", "b"]));
    assert_eq!((at(&all), before), (50, 50));
    all.over(lease);
    assert_eq!(BalancerId(0), all.ask("/").balancer);
}
