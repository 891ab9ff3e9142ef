//! Who is elected of several: what httpd was seen to do (httpd.md 5.4, P-22 to P-34), and where we do better.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Lease, NoWorker, Pool, Purpose};
use underpass_core::limits;
use underpass_core::negotiate::Refusal;
use underpass_core::report::{Close, Report};
use underpass_core::route::{
    Admission, Balancer, BalancerId, Ejection, Host, Member, Method, Owner, Recovery, Role,
    RouteId, Rules, Scheme, Target, Worker, WorkerId,
};
use underpass_core::time::{Time, Wait};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn at(millis: u64) -> Time {
    Time::ZERO.after(Wait::from_millis(millis))
}

/// A pool with one balancer, and what it is asked for.
struct Elections {
    pool: Pool<u32>,
    now: Time,
    sessions: u32,
}

/// Members `a`, `b`, `c` … with routes of their names.
fn members(count: u32) -> Vec<Worker> {
    (0..count)
        .map(|number| {
            let target = Target::new(Scheme::Ws, format!("b{number}"), 80);
            let member = Member { route: Some(RouteId(number.into())), ..Member::new(target) };
            let recovery = Recovery::After(Wait::from_secs(60));
            let worker = Worker::new(format!("b{number}"), 80);
            Worker { recovery, member: Some(Box::new(member)), ..worker }
        })
        .collect()
}

fn member(worker: &mut Worker) -> &mut Member {
    worker.member.as_mut().expect("it is a member")
}

impl Elections {
    fn of(workers: Vec<Worker>, change: impl FnOnce(&mut Balancer)) -> Self {
        let ids: Vec<_> = (0..workers.len() as u32).map(WorkerId).collect();
        let mut balancer = Balancer {
            name: Some("app".into()),
            retries: ids.len() as u32 - 1,
            forces_recovery: true,
            routes: ids.iter().map(|id| (RouteId(id.0.into()), id.0.to_string())).collect(),
            ..Balancer::alone(WorkerId(0))
        };
        balancer.workers = ids;
        change(&mut balancer);
        let rules = Rules { balancers: vec![balancer], ..Rules::of(Host::default(), workers) };
        Self { pool: Pool::new(&rules, limits::PENDING), now: at(0), sessions: 0 }
    }

    fn ask(route: Option<u64>) -> Ask {
        let purpose = Purpose::Tunnel { quota: None, handshakes: None };
        let owner = route.map(|number| Owner::Route(RouteId(number)));
        Ask { owner, ..Ask::new(BalancerId(0), CLIENT, purpose) }
    }

    /// A request of a new session: who serves it when those that are `dead` cannot be reached.
    fn serve(&mut self, route: Option<u64>, dead: &[u32]) -> Result<Lease, NoWorker> {
        self.sessions += 1;
        let (mut ask, mut failed) = (Self::ask(route), None);
        loop {
            match self.pool.elect(&ask, failed.take(), self.sessions, self.now) {
                Poll::Ready(Ok(lease)) if dead.contains(&lease.worker().0) => {
                    ask.tried.push(lease.seat());
                    failed = Some(lease);
                }
                Poll::Ready(Ok(mut lease)) => {
                    self.pool.confirm(&mut lease);
                    return Ok(lease);
                }
                Poll::Ready(Err(none)) => return Err(none),
                Poll::Pending => panic!("it waits"),
            }
        }
    }

    /// Who serves each of so many short requests.
    fn turns(&mut self, count: usize, route: Option<u64>, dead: &[u32]) -> Vec<u32> {
        let turn = |_| {
            let lease = self.serve(route, dead).expect("somebody serves");
            let worker = lease.worker().0;
            self.over(lease, Close::Answered, 200);
            worker
        };
        (0..count).map(turn).collect()
    }

    fn over(&mut self, lease: Lease, close: Close, status: u16) {
        let report =
            Report { worker: Some(lease.worker()), status, ..Report::new(close, self.now) };
        self.pool.release(Some(lease), self.sessions, &report);
    }
}

fn plain(count: u32) -> Elections {
    Elections::of(members(count), |_| ())
}

/// P-22, and D10: tunnels count, and so do their bytes.
#[test]
fn tunnels_go_to_who_has_fewest_and_bytes_to_who_has_carried_fewest() {
    let mut busy = Elections::of(members(2), |it| it.method = Method::ByBusyness);
    let leases: Vec<_> = (0..4).map(|_| busy.serve(None, &[]).expect("one")).collect();
    assert_eq!(leases.iter().map(|lease| lease.worker().0).collect::<Vec<_>>(), [0, 1, 0, 1]);
    let mut traffic = Elections::of(members(2), |it| it.method = Method::ByTraffic);
    assert_eq!(traffic.turns(1, None, &[]), [0]);
    traffic.pool.note(WorkerId(0), 800_000);
    assert_eq!(traffic.turns(3, None, &[]), [1, 1, 1]);
}

/// P-23, and P-24 (D11): whatever keeps a member from being reached, the next one serves.
#[test]
fn who_cannot_be_reached_is_left_alone_and_the_others_serve() {
    let mut elections = plain(2);
    assert_eq!(elections.turns(3, None, &[0]), [1, 1, 1]);
    assert_eq!(elections.pool.busy(), 0, "D12: a failed attempt counts no longer than it lasts");
    assert_eq!(elections.turns(2, None, &[]), [1, 1], "it is left alone");
    elections.now = at(60_000);
    assert!(elections.turns(2, None, &[]).contains(&0));
}

/// P-25: [dead, live, spare, standby].
#[test]
fn a_spare_takes_the_place_of_who_is_missing_and_who_stands_by_does_not() {
    let mut workers = members(4);
    member(&mut workers[2]).role = Role::Spare;
    member(&mut workers[3]).role = Role::Standby;
    let mut elections = Elections::of(workers, |_| ());
    assert_eq!(elections.turns(3, None, &[]), [0, 1, 0], "nobody is missing");
    elections.turns(1, None, &[0]);
    let mut served = elections.turns(4, None, &[0]);
    served.sort_unstable();
    assert_eq!(served, [1, 1, 2, 2]);
}

/// P-26: [dead, dead, standby].
#[test]
fn who_stands_by_serves_from_the_first_request_that_nobody_else_can() {
    let mut workers = members(3);
    member(&mut workers[2]).role = Role::Standby;
    assert_eq!(Elections::of(workers, |_| ()).turns(2, None, &[0, 1]), [2, 2]);
}

/// P-27.
#[test]
fn a_higher_set_serves_only_when_no_lower_one_can() {
    let mut workers = members(3);
    for (set, worker) in (0..).zip(&mut workers) {
        member(worker).set = set;
    }
    member(&mut workers[0]).admission = Admission::Closed;
    let mut elections = Elections::of(workers, |_| ());
    assert_eq!(elections.turns(3, None, &[]), [1, 1, 1]);
    assert_eq!(elections.turns(2, None, &[1]), [2, 2]);
}

/// P-28.
#[test]
fn who_drains_serves_those_who_belong_to_it() {
    let mut workers = members(2);
    member(&mut workers[0]).admission = Admission::Draining;
    let mut elections = Elections::of(workers, |_| ());
    assert_eq!(elections.turns(2, None, &[]), [1, 1]);
    assert_eq!(elections.turns(2, Some(0), &[]), [0, 0]);
}

/// P-29.
#[test]
fn a_member_names_who_stands_in_for_it() {
    let mut workers = members(3);
    member(&mut workers[0]).admission = Admission::Closed;
    member(&mut workers[0]).redirect = Some(RouteId(2));
    assert_eq!(Elections::of(workers.clone(), |_| ()).turns(3, Some(0), &[]), [2, 2, 2]);
    member(&mut workers[2]).admission = Admission::Closed;
    member(&mut workers[2]).redirect = Some(RouteId(0));
    assert_eq!(Elections::of(workers, |_| ()).turns(1, Some(0), &[]), [1], "round and round");
}

/// P-30.
#[test]
fn without_failover_nobody_serves_who_belongs_to_another() {
    let mut workers = members(2);
    member(&mut workers[1]).admission = Admission::Closed;
    let mut elections = Elections::of(workers, |it| it.fails_over = false);
    assert_eq!(elections.serve(Some(1), &[]), Err(NoWorker::Route));
    assert_eq!(elections.turns(2, None, &[]), [0, 0]);
    assert_eq!(elections.serve(Some(0), &[0]), Err(NoWorker::Route));
}

/// P-31, the second half: who says no route that anybody has chooses freely.
#[test]
fn who_belongs_to_a_member_is_served_by_it_and_counts_as_its_turn() {
    let mut elections = plain(3);
    assert_eq!(elections.turns(2, Some(1), &[]), [1, 1]);
    assert_eq!(elections.turns(4, None, &[]), [0, 2, 0, 2]);
}

/// P-32: `timeout=2`, all closed.
#[test]
fn a_request_waits_for_a_member_for_as_long_as_is_said() {
    let mut workers = members(2);
    workers.iter_mut().for_each(|worker| member(worker).admission = Admission::Closed);
    let patience = Wait::from_secs(2);
    let mut elections = Elections::of(workers, |it| it.patience = patience);
    let mut ask =
        |now| elections.pool.elect(&Elections::ask(None), None, 1, at(now)).map(|got| got.is_ok());
    assert_eq!([0, 1_000, 1_999].map(&mut ask), [Poll::Pending; 3]);
    assert_eq!(ask(2_000), Poll::Ready(false));
    assert_eq!(elections.pool.pending(), 0);
}

/// P-33.
#[test]
fn a_status_puts_a_member_out_behind_its_answer() {
    let mut elections = Elections::of(members(2), |it| it.fails_on = vec![503]);
    let lease = elections.serve(None, &[]).expect("the first");
    elections.over(lease, Close::Answered, 503);
    assert_eq!(elections.turns(3, None, &[]), [1, 1, 1]);
    let mut late = Elections::of(members(2), |it| it.fails_late = true);
    let lease = late.serve(None, &[]).expect("the first");
    late.over(lease, Close::Refused(Refusal::LateAnswer), 504);
    assert_eq!(late.turns(2, None, &[]), [1, 1]);
}

/// P-34, and what its checks say when it is well again.
#[test]
fn who_fails_its_checks_is_out_until_it_passes_them() {
    let mut elections = plain(2);
    elections.pool.checked(WorkerId(0), false, at(0));
    elections.now = at(600_000);
    assert_eq!(elections.turns(2, Some(0), &[]), [1, 1], "whoever belongs to it");
    elections.pool.checked(WorkerId(1), false, at(0));
    assert_eq!(elections.serve(None, &[]), Err(NoWorker::Down));
    elections.pool.checked(WorkerId(0), true, elections.now);
    assert_eq!(elections.turns(1, None, &[]), [0]);
}

#[test]
fn when_all_have_failed_all_may_be_tried_unless_it_is_said_otherwise() {
    let mut forced = plain(2);
    assert_eq!(forced.serve(None, &[0, 1]), Err(NoWorker::Tried));
    assert_eq!(forced.turns(2, None, &[]).len(), 2);
    let mut not = Elections::of(members(2), |it| it.forces_recovery = false);
    let resting = Err(NoWorker::Resting(Wait::from_secs(60)));
    assert_eq!(not.serve(None, &[0, 1]), resting);
    assert_eq!(not.serve(None, &[]), resting);
}

#[test]
fn rests_go_on_for_as_long_as_nobody_asks() {
    let mut elections = Elections::of(members(2), |it| it.fails_on = vec![503]);
    let leases = [0, 1].map(|_| elections.serve(None, &[]).expect("there is room"));
    leases.into_iter().for_each(|lease| elections.over(lease, Close::Answered, 503));
    let rests = |it: &Elections| [0, 1].map(|id| it.pool.health(WorkerId(id)).rests(it.now));
    assert_eq!(rests(&elections), [Some(Wait::from_secs(60)); 2]);
    assert!(elections.serve(None, &[]).is_ok());
    assert_eq!(rests(&elections), [None; 2], "somebody has asked");
}

#[test]
fn a_request_tries_no_more_members_than_it_may_and_none_twice() {
    let mut elections = Elections::of(members(4), |it| it.retries = 1);
    assert_eq!(elections.serve(None, &[0, 1]).map(|_| ()), Err(NoWorker::Tried));
    assert_eq!(elections.turns(1, None, &[]), [2]);
    let mut always = members(3);
    always.iter_mut().for_each(|worker| worker.recovery = Recovery::AtOnce);
    let mut always = Elections::of(always, |it| it.retries = 9);
    assert_eq!(always.turns(2, None, &[0, 1]), [2, 2]);
    assert_eq!(always.serve(None, &[0, 1, 2]).map(|_| ()), Err(NoWorker::Tried));
}

/// `max=`: a member that is full is passed over; when all are, who comes first is served first.
#[test]
fn full_members_are_passed_over_and_waited_for() {
    let mut workers = members(2);
    workers.iter_mut().for_each(|worker| worker.most = NonZeroU32::new(1));
    let mut elections = Elections::of(workers, |_| ());
    let [first, second] = [(); 2].map(|()| elections.serve(None, &[]).expect("one is free"));
    assert_eq!([first.worker().0, second.worker().0], [0, 1]);
    let ask = Elections::ask;
    let elect = |it: &mut Elections, who, route| {
        it.pool.elect(&ask(route), None, who, it.now).map(|got| got.map(|lease| lease.worker().0))
    };
    assert_eq!(elect(&mut elections, 10, Some(0)), Poll::Pending, "it belongs to the first");
    assert_eq!(elect(&mut elections, 11, None), Poll::Pending);
    elections.over(second, Close::Answered, 200);
    assert_eq!(elections.pool.take_woken(), [11], "who wants the other one waits on");
    assert_eq!(elect(&mut elections, 12, None), Poll::Pending, "it is not its turn");
    assert_eq!(elect(&mut elections, 11, None), Poll::Ready(Ok(1)));
    elections.over(first, Close::Answered, 200);
    assert_eq!(elections.pool.take_woken(), [10]);
    assert_eq!(elect(&mut elections, 10, Some(0)), Poll::Ready(Ok(0)));
}

/// Who waits for what it cannot have now keeps nobody waiting who can: behind a member that drains, a spare, or
/// one that has failed the first.
#[test]
fn who_waits_keeps_from_nobody_what_it_cannot_have() {
    let elect = |it: &mut Elections, who, ask: &Ask| {
        it.pool.elect(ask, None, who, at(0)).map(|got| got.map(|lease| lease.worker().0))
    };
    let tried = Ask { tried: vec![WorkerId(1).into()], ..Elections::ask(None) };
    let waits = |role, admission, first: &Ask| {
        let mut workers = members(2);
        workers.iter_mut().for_each(|worker| worker.most = NonZeroU32::new(1));
        (member(&mut workers[1]).role, member(&mut workers[1]).admission) = (role, admission);
        let mut elections = Elections::of(workers, |_| ());
        assert_eq!(elect(&mut elections, 1, &Elections::ask(Some(0))), Poll::Ready(Ok(0)));
        assert_eq!(elect(&mut elections, 2, first), Poll::Pending);
        elect(&mut elections, 3, &Elections::ask(Some(1)))
    };
    let any = Elections::ask(None);
    assert_eq!(waits(Role::Regular, Admission::Draining, &any), Poll::Ready(Ok(1)));
    assert_eq!(waits(Role::Spare, Admission::Open, &any), Poll::Ready(Ok(1)));
    assert_eq!(waits(Role::Regular, Admission::Open, &tried), Poll::Ready(Ok(1)));
}

/// Whose own member serves nobody may wait for another day, and keeps nobody waiting meanwhile.
#[test]
fn who_may_have_nobody_keeps_no_place() {
    let mut workers = members(2);
    workers.iter_mut().for_each(|worker| worker.most = NonZeroU32::new(1));
    member(&mut workers[1]).admission = Admission::Closed;
    let mut elections = Elections::of(workers, |it| {
        (it.fails_over, it.patience) = (false, Wait::from_secs(2));
    });
    let mut elect = |who, route| {
        let elected = elections.pool.elect(&Elections::ask(route), None, who, at(0));
        elected.map(|got| got.map(|lease| lease.worker().0))
    };
    assert_eq!(elect(1, Some(1)), Poll::Pending);
    assert_eq!(elect(2, None), Poll::Ready(Ok(0)));
}

/// Passive health: failures behind connections that stand.
#[test]
fn failures_put_a_member_out_but_not_the_last_one() {
    let secs = Wait::from_secs;
    let terms = Ejection { fails: 2, window: secs(10), time: secs(30), even_last: false };
    let mut workers = members(2);
    workers.iter_mut().for_each(|worker| member(worker).ejection = Some(terms));
    let mut elections = Elections::of(workers, |_| ());
    let fail = |elections: &mut Elections, route| {
        let lease = elections.serve(Some(route), &[]).expect("it may be tried");
        elections.over(lease, Close::Refused(Refusal::NoAnswer), 502);
    };
    (0..2).for_each(|_| fail(&mut elections, 0));
    assert_eq!(elections.turns(2, Some(0), &[]), [1, 1]);
    (0..4).for_each(|_| fail(&mut elections, 1));
    assert_eq!(elections.turns(1, None, &[]), [1], "it is the last one");
    elections.now = at(30_000);
    assert_eq!(elections.turns(1, Some(0), &[]), [0]);
}

#[test]
fn of_a_thousand_members_none_has_much_more_than_its_share() {
    let mut elections = Elections::of(members(1_000), |it| it.method = Method::LeastTunnels);
    let mut counts = vec![0_u32; 1_000];
    let leases: Vec<_> = (0..10_000).map(|_| elections.serve(None, &[]).expect("one")).collect();
    leases.iter().for_each(|lease| counts[lease.worker().0 as usize] += 1);
    assert!(counts.iter().max() <= Some(&13), "{:?}", counts.iter().max());
    assert_eq!(elections.pool.busy(), 10_000);
    leases.into_iter().for_each(|lease| elections.over(lease, Close::Idle, 101));
    assert_eq!(elections.pool.busy(), 0);
}
