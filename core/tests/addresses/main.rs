//! Members whose addresses serve each for itself (`addresses=all`): who is elected while addresses come and go.

mod churn;
mod crowd;
mod owners;
mod seats;

use std::task::Poll;

use underpass_core::balance::{Ask, NoWorker, Resolved};
use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::{Admission, Ejection, Method, Role};
use underpass_core::time::Wait;

use crowd::{Crowd, MANY, ONE, at, both, ip, last, lasts, many, member, owner, plain};

#[test]
fn each_address_serves_for_itself_and_beside_other_members() {
    assert_eq!(plain(&[3, 1, 2]).turns(6), [1, 2, 3, 1, 2, 3]);
    let mut both = both(|_, _| ());
    both.resolve(&[1, 2]);
    assert_eq!(both.turns(6), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn who_comes_before_the_name_is_resolved_waits_until_it_is() {
    let mut crowd = many(|_, _| ());
    assert_eq!(crowd.elect(&Crowd::ask(None), 1), Poll::Pending);
    assert_eq!(crowd.resolve(&[7]), Resolved { joined: 1, ..Resolved::default() });
    assert_eq!(crowd.pool.take_woken(), [1]);
    let Poll::Ready(Ok(lease)) = crowd.elect(&Crowd::ask(None), 1) else { panic!("it is there") };
    assert_eq!((last(&lease), crowd.pool.pending()), (7, 1));
    crowd.close(lease, Close::Answered);
    assert_eq!((crowd.pool.busy(), crowd.pool.pending()), (0, 0));
    let mut crowd = both(|_, _| ());
    assert_eq!(crowd.turns(2), [0, 0], "nobody waits who can be served");
    assert_eq!(crowd.pool.resolved(ONE, &[ip(1)], at(0)), Resolved::default());
}

#[test]
fn nobody_waits_for_a_member_that_serves_nobody() {
    let mut crowd = many(|worker, _| member(worker).admission = Admission::Closed);
    assert_eq!(crowd.elect(&Crowd::ask(None), 1), Poll::Ready(Err(NoWorker::Down)));
    crowd.resolve(&[1]);
    assert_eq!(crowd.elect(&Crowd::ask(None), 1), Poll::Ready(Err(NoWorker::Down)));
}

#[test]
fn who_waits_learns_that_the_name_cannot_be_resolved() {
    let mut crowd = many(|_, _| ());
    assert_eq!(crowd.elect(&Crowd::ask(None), 1), Poll::Pending);
    assert_eq!(crowd.resolve(&[]), Resolved::default());
    assert_eq!(crowd.pool.take_woken(), [1]);
    assert_eq!(crowd.elect(&Crowd::ask(None), 1), Poll::Ready(Err(NoWorker::Down)));
    crowd.resolve(&[1]);
    assert_eq!(crowd.turns(1), [1]);
}

#[test]
fn what_is_known_stays_when_the_name_cannot_be_resolved_any_more() {
    let mut crowd = plain(&[1, 2]);
    assert_eq!(crowd.resolve(&[]), Resolved::default());
    assert_eq!(crowd.turns(2), [1, 2]);
}

#[test]
fn who_is_gone_gets_nothing_more_and_keeps_what_it_has() {
    let mut crowd = many(|_, balancer| balancer.method = Method::LeastTunnels);
    crowd.resolve(&[1, 2]);
    let served = crowd.serve(2);
    assert_eq!(crowd.resolve(&[2]), Resolved { left: 1, ..Resolved::default() });
    assert_eq!(crowd.turns(3), [2, 2, 2]);
    assert_eq!(crowd.open(&Crowd::ask(owner(1))).0, 2, "not even who belongs to it");
    assert_eq!(crowd.pool.busy(), 3);
    for (_, lease) in served {
        crowd.close(
            lease,
            Close::Faulted(underpass_core::Side::Backend, underpass_core::Fault::Reset),
        );
    }
    assert_eq!(crowd.pool.busy(), 1);
}

#[test]
fn an_address_that_fails_leaves_the_others_to_the_request() {
    let mut crowd = plain(&[1, 2, 3]);
    let (mut ask, mut failed, mut tried) = (Crowd::ask(None), None, Vec::new());
    while let Poll::Ready(Ok(lease)) = crowd.pool.elect(&ask, failed.take(), 1, at(0)) {
        tried.push(last(&lease));
        ask.tried.push(lease.seat());
        failed = Some(lease);
    }
    assert_eq!((tried, crowd.pool.busy()), (vec![1, 2, 3], 0));
    let resting = NoWorker::Resting(Wait::from_secs(60));
    assert_eq!(crowd.elect(&Crowd::ask(None), 2), Poll::Ready(Err(resting)));
    crowd.resolve(&[1, 2, 3, 4]);
    assert_eq!(crowd.turns(2), [4, 4]);
}

#[test]
fn an_address_is_put_out_by_its_own_failures() {
    let mut crowd = many(|worker, _| {
        let secs = Wait::from_secs;
        let ejection = Ejection { fails: 1, window: secs(9), time: secs(30), even_last: false };
        member(worker).ejection = Some(ejection);
    });
    crowd.resolve(&[1, 2]);
    for gone in [false, true] {
        let (last, lease) = crowd.open(&Crowd::ask(None));
        if gone {
            crowd.resolve(&[last]);
        }
        crowd.close(lease, Close::Refused(Refusal::NoAnswer));
        assert_eq!(crowd.turns(2), [2, 2], "{last}: who is gone does not count as another");
    }
}

/// `forcerecovery=On`: all that there are have failed.
#[test]
fn who_is_gone_does_not_keep_the_others_from_being_tried_again() {
    let mut crowd = many(|_, balancer| balancer.forces_recovery = true);
    crowd.resolve(&[1, 2]);
    let gone = crowd.serve(1);
    let failed = crowd.lease(&Crowd::ask(None));
    let ask = Ask { tried: vec![failed.seat()], ..Crowd::ask(None) };
    crowd.resolve(&[2]);
    let tried = Poll::Ready(Err(NoWorker::Tried));
    assert_eq!(crowd.pool.elect(&ask, Some(failed), 90, at(0)), tried, "it has tried all");
    assert_eq!((lasts(&gone), crowd.turns(2)), (vec![1], vec![2, 2]));
}

/// `status=+R`: a spare serves in the place of one that fails, and not of one that there is no longer.
#[test]
fn who_is_gone_is_not_missed() {
    let mut crowd = both(|workers, _| member(&mut workers[1]).role = Role::Spare);
    crowd.resolve(&[1, 2]);
    let gone = crowd.serve(1);
    crowd.resolve(&[2]);
    assert_eq!((lasts(&gone), crowd.turns(3)), (vec![1], vec![2, 2, 2]));
    let failed = crowd.lease(&Crowd::ask(None));
    let ask = Ask { tried: vec![failed.seat()], ..Crowd::ask(None) };
    let got = crowd.pool.elect(&ask, Some(failed), 90, at(0));
    assert!(matches!(got, Poll::Ready(Ok(lease)) if last(&lease) == 0), "now it is");
}

/// `timeout=` of a balancer, and `Retry-After`.
#[test]
fn who_is_gone_is_not_waited_for() {
    let mut crowd = many(|_, balancer| balancer.patience = Wait::from_secs(9));
    crowd.resolve(&[1, 2]);
    let gone = crowd.serve(1);
    let failed = crowd.lease(&Crowd::ask(None));
    let ask = Ask { tried: vec![failed.seat()], ..Crowd::ask(None) };
    crowd.resolve(&[2]);
    let resting = NoWorker::Resting(Wait::from_secs(60));
    let got = crowd.pool.elect(&ask, Some(failed), 90, at(0));
    assert_eq!((lasts(&gone), got), (vec![1], Poll::Ready(Err(resting))));
}

#[test]
fn an_address_is_one_however_it_is_written() {
    let mut crowd = many(|_, _| ());
    let written = ["10.0.0.1", "::ffff:10.0.0.1"].map(|address| address.parse().expect("one"));
    assert_eq!(crowd.pool.resolved(MANY, &written, at(0)).joined, 1);
    assert_eq!(crowd.turns(2), [1, 1]);
}
