//! What becomes of the seats of addresses that stay, leave, come and come back.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::task::Poll;

use underpass_core::balance::{Ask, Resolved};
use underpass_core::limits::SEATS_MOST;
use underpass_core::report::Close;
use underpass_core::route::{Balancer, Method, Recovery, Worker};
use underpass_core::time::Wait;

use super::crowd::{Crowd, MANY, at, both, last, lasts, many, member, owner, plain};

#[test]
fn who_stays_keeps_what_is_known_of_it_and_equal_answers_change_nothing() {
    let mut crowd = many(|worker, _| worker.most = NonZeroU32::new(1));
    crowd.resolve(&[1, 2]);
    let served = crowd.serve(2);
    assert_eq!(crowd.elect(&Crowd::ask(None), 9), Poll::Pending, "all are full");
    assert_eq!(crowd.resolve(&[2, 1, 2]), Resolved::default());
    assert_eq!(crowd.pool.take_woken(), [0_u32; 0], "and so they stay");
    assert_eq!(crowd.resolve(&[2, 1, 3]), Resolved { joined: 1, ..Resolved::default() });
    assert_eq!(crowd.pool.take_woken(), [9]);
    let Poll::Ready(Ok(lease)) = crowd.elect(&Crowd::ask(None), 9) else { panic!("3 is free") };
    assert_eq!((last(&lease), lasts(&served)), (3, vec![1, 2]));
}

#[test]
fn a_seat_is_given_to_somebody_else_once_it_is_empty_and_by_another_name() {
    let mut crowd = plain(&[1]);
    let (_, old) = crowd.serve(1).remove(0);
    crowd.resolve(&[2]);
    let (_, other) = crowd.serve(1).remove(0);
    assert!(old.seat() != other.seat(), "somebody is still there");
    let name = old.seat();
    crowd.close(old, Close::Answered);
    crowd.resolve(&[2, 3]);
    let (last, new) = crowd.serve(1).remove(0);
    assert_eq!(
        (last, format!("{:?}", name).replace("generation: 0", "generation: 1")),
        (3, format!("{:?}", new.seat()))
    );
    crowd.pool.note(name, 70);
    crowd.pool.note(new.seat(), 5);
    assert_eq!((crowd.pool.carried(name), crowd.pool.carried(new.seat())), (0, 5), "whose bytes?");
    assert_eq!((crowd.pool.health(other.seat()).busy(), crowd.pool.busy()), (1, 2));
}

#[test]
fn who_comes_back_while_it_drains_has_never_been_away() {
    let mut crowd = many(|worker, _| worker.most = NonZeroU32::new(1));
    crowd.resolve(&[1, 2]);
    let served = crowd.serve(2);
    crowd.resolve(&[2]);
    assert_eq!(crowd.resolve(&[1, 2]), Resolved { joined: 1, ..Resolved::default() });
    assert_eq!(crowd.elect(&Crowd::ask(None), 9), Poll::Pending, "it is as full as it was");
    for (_, lease) in served {
        crowd.close(lease, Close::Answered);
    }
    assert_eq!((crowd.pool.take_woken(), crowd.pool.busy()), (vec![9], 0));
}

#[test]
fn who_is_new_begins_slowly_but_not_when_all_are_new() {
    let slowly = |worker: &mut Worker, _: &mut Balancer| {
        member(worker).slow_start = Wait::from_secs(100);
    };
    let mut crowd = many(slowly);
    crowd.resolve(&[1]);
    crowd.resolve(&[1, 2]);
    let turns = crowd.turns(11);
    assert_eq!(turns.iter().filter(|last| **last == 2).count(), 1, "{turns:?}");
    crowd.now = at(100);
    let turns = crowd.turns(10);
    assert_eq!(turns.iter().filter(|last| **last == 2).count(), 5, "{turns:?}");
    let mut workers = both(|workers, _| slowly(&mut workers[0], &mut Balancer::alone(MANY)));
    workers.resolve(&[1]);
    assert_eq!(workers.turns(4), [0, 1, 0, 1]);
}

#[test]
fn who_is_new_has_carried_no_less_than_the_others() {
    let mut crowd = many(|_, balancer| balancer.method = Method::ByTraffic);
    crowd.resolve(&[1, 2]);
    for (last, lease) in crowd.serve(1) {
        crowd.pool.note(lease.seat(), 900 * u64::from(last));
        crowd.close(lease, Close::Answered);
    }
    let (last, lease) = crowd.open(&Crowd::ask(None));
    assert_eq!(last, 2);
    crowd.pool.note(lease.seat(), 700);
    crowd.resolve(&[1, 2, 3]);
    let (last, lease) = crowd.open(&Crowd::ask(None));
    crowd.pool.note(lease.seat(), 100);
    assert_eq!((last, crowd.turns(1)), (2, vec![3]), "800 is more than 700, and less than 900");
}

#[test]
fn each_address_has_its_own_bound_and_who_waits_for_one_that_goes_may_have_another() {
    let mut crowd = many(|worker, _| worker.most = NonZeroU32::new(1));
    crowd.resolve(&[1, 2]);
    let served = crowd.serve(2);
    assert_eq!(crowd.elect(&Crowd::ask(owner(1)), 8), Poll::Pending);
    assert_eq!(crowd.elect(&Crowd::ask(None), 9), Poll::Pending);
    crowd.resolve(&[2]);
    assert_eq!(crowd.pool.take_woken(), [0; 0], "there is no place for either");
    for (last, lease) in served {
        crowd.close(lease, Close::Answered);
        let woken = if last == 1 { vec![] } else { vec![8] };
        assert_eq!(crowd.pool.take_woken(), woken, "{last}");
    }
}

/// A seat that has failed whoever waits is no longer that one's when it is another address's.
#[test]
fn who_waits_may_have_a_seat_that_was_another_ones() {
    let mut crowd = many(|worker, _| {
        (worker.most, worker.recovery) = (NonZeroU32::new(1), Recovery::AtOnce);
    });
    crowd.resolve(&[1, 2]);
    let (first, serving) = (crowd.lease(&Crowd::ask(None)), crowd.serve(1));
    let tried = Ask { tried: vec![first.seat()], ..Crowd::ask(None) };
    assert_eq!(crowd.pool.elect(&tried, Some(first), 9, at(0)), Poll::Pending, "2 is full");
    crowd.resolve(&[2]);
    crowd.resolve(&[2, 3]);
    assert_eq!(crowd.pool.take_woken(), [9], "3 has not failed it");
    let Poll::Ready(Ok(lease)) = crowd.elect(&tried, 9) else { panic!("its place is kept") };
    assert_eq!((last(&lease), lasts(&serving)), (3, vec![2]));
}

#[test]
fn there_are_not_more_seats_than_there_may_be() {
    let mut crowd = many(|_, _| ());
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0A00_0000 + number));
    let all: Vec<_> = (0..SEATS_MOST as u32 + 3).rev().map(address).collect();
    let resolved = crowd.pool.resolved(MANY, &all, at(0));
    assert_eq!(resolved, Resolved { joined: SEATS_MOST, left: 0, surplus: 3 });
    let served = crowd.serve(SEATS_MOST);
    let last = address(SEATS_MOST as u32 - 1);
    assert_eq!(lasts(&served).len(), SEATS_MOST, "each has one");
    assert_eq!(crowd.pool.resolved(MANY, &[last], at(0)).left, SEATS_MOST - 1);
}

/// A place that is kept for whoever waits is its own one's, if that comes, or another's, if its address goes.
#[test]
fn whose_place_is_kept_has_the_best_that_there_is_when_it_asks() {
    for (found, gets) in [(&[2][..], 2), (&[1, 3], 3)] {
        let mut crowd = many(|worker, _| worker.most = NonZeroU32::new(1));
        crowd.resolve(&[1]);
        let (_, lease) = crowd.serve(1).remove(0);
        assert_eq!(crowd.elect(&Crowd::ask(owner(3)), 9), Poll::Pending);
        crowd.close(lease, Close::Answered);
        assert_eq!(crowd.pool.take_woken(), [9]);
        crowd.resolve(found);
        if found == [2] {
            assert_eq!(crowd.elect(&Crowd::ask(None), 8), Poll::Pending, "2 is kept for 9");
        }
        let Poll::Ready(Ok(lease)) = crowd.elect(&Crowd::ask(owner(3)), 9) else { panic!("kept") };
        assert_eq!(last(&lease), gets);
    }
}
