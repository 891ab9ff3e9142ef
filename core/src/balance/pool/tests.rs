//! The pool's verbs, one at a time.

use std::net::IpAddr;

use super::*;
use crate::balance::Purpose;
use crate::limits;
use crate::report::Close;
use crate::route::{BalancerId, Host, Recovery, Worker};
use crate::time::Wait;
use Poll::{Pending as Waits, Ready};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const ROOM: Pending = Pending { total: 3, worker: 2, client: 1 };
const A: u32 = 0;
const B: u32 = 1;

fn pool(recovery: Recovery, max: u32, most: Pending) -> Pool<char> {
    let max = std::num::NonZeroU32::new(max);
    let worker = Worker { recovery, most: max, ..Worker::new("b", 80) };
    Pool::new(&Rules::of(Host::default(), vec![worker.clone(), worker]), most)
}

fn ask(worker: u32, client: IpAddr) -> Ask {
    Ask::new(BalancerId(worker), client, Purpose::Exchange)
}

fn at(secs: u64) -> Time {
    Time::ZERO.after(Wait::from_secs(secs))
}

impl Pool<char> {
    /// At second 0, without a lease that failed.
    fn ask(&mut self, who: char, worker: u32, client: IpAddr) -> Poll<Result<Lease, NoWorker>> {
        self.elect(&ask(worker, client), None, who, at(0))
    }

    fn lease_for(&mut self, who: char, worker: u32, client: IpAddr) -> Lease {
        let Ready(Ok(lease)) = self.ask(who, worker, client) else { panic!("{who} has none") };
        lease
    }

    fn fail(&mut self, lease: Lease, who: char, secs: u64) -> Poll<Result<Lease, NoWorker>> {
        let tried = vec![lease.seat()];
        let ask = Ask { tried, ..ask(lease.worker().0, HOME) };
        self.elect(&ask, Some(lease), who, at(secs))
    }

    fn over(&mut self, lease: Option<Lease>, who: char) {
        self.release(lease, who, &Report::new(Close::Idle, Time::ZERO));
    }
}

#[test]
fn what_goes_out_comes_back() {
    let mut pool = pool(Recovery::AtOnce, 0, limits::PENDING);
    let mut first = pool.lease_for('a', A, HOME);
    let second = pool.lease_for('b', A, HOME);
    assert_eq!((pool.busy(), pool.pending()), (2, 2));
    pool.confirm(&mut first);
    pool.confirm(&mut first);
    assert_eq!((pool.busy(), pool.pending(), first.is_pending()), (2, 1, false));
    pool.over(Some(first), 'a');
    pool.over(Some(second), 'b');
    pool.over(None, 'c');
    assert_eq!((pool.busy(), pool.crowd.is_empty()), (0, true));
}

/// R53: each of the three caps, and the way back below it.
#[test]
fn handshakes_under_way_are_capped() {
    let mut pool = pool(Recovery::AtOnce, 0, Pending { client: 2, ..ROOM });
    let mut leases: Vec<_> = [HOME, AWAY].map(|ip| pool.lease_for('a', A, ip)).into();
    assert_eq!(pool.ask('b', A, HOME), Ready(Err(NoWorker::Busy)), "per worker");
    leases.push(pool.lease_for('b', B, HOME));
    assert_eq!(pool.ask('c', B, AWAY), Ready(Err(NoWorker::Busy)), "in all");
    pool.confirm(&mut leases[1]);
    assert_eq!(pool.ask('c', B, HOME), Ready(Err(NoWorker::Client)), "per client");
    leases.push(pool.lease_for('c', B, AWAY));
    leases.into_iter().for_each(|lease| pool.over(Some(lease), 'x'));
    assert_eq!((pool.busy(), pool.pending()), (0, 0));
}

/// R53: who waits has a handshake under way, and makes room when it no longer waits.
#[test]
fn a_queue_is_no_longer_than_the_caps_allow() {
    let mut pool = pool(Recovery::AtOnce, 1, Pending { client: 2, worker: 3, total: 4 });
    let _lease = pool.lease_for('a', A, HOME);
    assert_eq!(pool.ask('b', A, HOME), Waits);
    assert_eq!(pool.ask('c', A, HOME), Ready(Err(NoWorker::Client)), "per client");
    assert_eq!(pool.ask('c', A, AWAY), Waits);
    assert_eq!(pool.ask('d', A, AWAY), Ready(Err(NoWorker::Busy)), "per worker");
    assert_eq!(pool.ask('b', A, HOME), Waits, "who waits already may ask again");
    pool.over(None, 'b');
    assert_eq!((pool.ask('d', A, HOME), pool.pending()), (Waits, 3));
    let _other = pool.lease_for('e', B, AWAY);
    assert_eq!(pool.ask('f', B, AWAY), Ready(Err(NoWorker::Busy)), "in all");
}

#[test]
fn a_failed_lease_comes_back_in_the_next_election() {
    let mut pool = pool(Recovery::AtOnce, 0, limits::PENDING);
    let lease = pool.lease_for('a', A, HOME);
    assert_eq!(pool.fail(lease, 'a', 1), Ready(Err(NoWorker::Tried)));
    assert_eq!((pool.busy(), pool.pending()), (0, 0));
    let lease = pool.lease_for('a', A, HOME);
    pool.over(Some(lease), 'a');
}

/// `retry=`: a failure puts the worker to rest, an answer wakes it.
#[test]
fn a_worker_that_failed_rests() {
    let mut pool = pool(Recovery::After(Wait::from_secs(5)), 0, limits::PENDING);
    let lease = pool.lease_for('a', A, HOME);
    let resting = |secs| Ready(Err(NoWorker::Resting(Wait::from_secs(secs))));
    let ask = ask(A, HOME);
    assert_eq!(pool.fail(lease, 'a', 1), resting(5));
    assert_eq!(pool.elect(&ask, None, 'a', at(4)), resting(2));
    let Ready(Ok(mut lease)) = pool.elect(&ask, None, 'a', at(6)) else { panic!("it rests") };
    pool.confirm(&mut lease);
    pool.over(Some(lease), 'a');
    assert_eq!(pool.health(WorkerId(0)).rests(at(7)), None);
}

/// `max=`: one comes when one goes, in the order in which they came.
#[test]
fn a_full_worker_serves_in_turn() {
    let mut pool = pool(Recovery::AtOnce, 2, limits::PENDING);
    let [a, b] = ['a', 'b'].map(|who| pool.lease_for(who, A, HOME));
    assert_eq!(['c', 'd', 'c'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits, Waits]);
    assert_eq!(pool.take_woken(), []);
    let _of_another_worker = pool.lease_for('e', B, HOME);
    pool.over(Some(b), 'b');
    assert_eq!(pool.take_woken(), ['c']);
    assert_eq!(['d', 'f'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits], "it is c's turn");
    pool.over(Some(a), 'a');
    assert_eq!(pool.take_woken(), ['d']);
    let leases = ['d', 'c'].map(|who| pool.lease_for(who, A, AWAY));
    assert_eq!((pool.ask('f', A, AWAY), pool.health(WorkerId(A)).busy()), (Waits, 2));
    leases.into_iter().for_each(|lease| pool.over(Some(lease), 'x'));
    assert_eq!(pool.take_woken(), ['f']);
}

#[test]
fn who_leaves_passes_its_turn_on() {
    let mut pool = pool(Recovery::AtOnce, 1, limits::PENDING);
    let lease = pool.lease_for('a', A, HOME);
    assert_eq!(['b', 'c', 'd'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits, Waits]);
    pool.over(None, 'c');
    assert_eq!(pool.take_woken(), [], "it was nobody's turn");
    pool.over(Some(lease), 'a');
    assert_eq!(pool.take_woken(), ['b']);
    pool.over(None, 'b');
    assert_eq!(pool.take_woken(), ['d']);
}

/// Nobody sleeps through the rest of a worker.
#[test]
fn those_who_wait_learn_that_the_worker_rests() {
    let mut pool = pool(Recovery::After(Wait::from_secs(5)), 1, limits::PENDING);
    let lease = pool.lease_for('a', A, HOME);
    assert_eq!(['b', 'c'].map(|who| pool.ask(who, A, AWAY)), [Waits, Waits]);
    let resting = Ready(Err(NoWorker::Resting(Wait::from_secs(5))));
    assert_eq!(pool.fail(lease, 'a', 0), resting);
    assert_eq!(pool.take_woken(), ['b', 'c']);
    ['b', 'c'].into_iter().for_each(|who| assert_eq!(pool.ask(who, A, AWAY), resting));
    assert_eq!((pool.take_woken(), pool.pending()), (vec![], 0));
}
