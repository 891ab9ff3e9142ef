//! To whom clients belong while addresses come and go.

use std::task::Poll;

use underpass_core::balance::{Ask, NoWorker};
use underpass_core::report::Close;
use underpass_core::route::{HashKey, Method, Owner, RouteId};

use super::crowd::{Crowd, ONE, at, both, last, many, member, owner, plain};

#[test]
fn whose_address_is_gone_goes_elsewhere_even_if_nobody_fails_over() {
    let mut crowd = many(|_, balancer| balancer.fails_over = false);
    crowd.resolve(&[1, 2]);
    assert_eq!(crowd.open(&Crowd::ask(owner(7))).0, 1);
    let failed = crowd.lease(&Crowd::ask(owner(1)));
    let ask = Ask { tried: vec![failed.seat()], ..Crowd::ask(owner(1)) };
    let none = Poll::Ready(Err(NoWorker::Route));
    assert_eq!(crowd.pool.elect(&ask, Some(failed), 50, crowd.now), none, "it rests");
    crowd.resolve(&[2]);
    assert_eq!(crowd.open(&Crowd::ask(owner(1))).0, 2);
}

#[test]
fn a_client_belongs_to_the_same_address_on_every_machine() {
    let [mut first, mut second] = [[1, 2, 3], [3, 9, 2]].map(|addresses| plain(&addresses));
    for crowd in [&mut first, &mut second] {
        assert_eq!([2, 3, 2].map(|last| crowd.open(&Crowd::ask(owner(last))).0), [2, 3, 2]);
    }
    let mut redirecting = both(|workers, _| member(&mut workers[0]).redirect = Some(RouteId(0)));
    redirecting.resolve(&[1, 2]);
    let lease = redirecting.lease(&Crowd::ask(owner(2)));
    let ask = Ask { tried: vec![lease.seat()], ..Crowd::ask(owner(2)) };
    let got = redirecting.pool.elect(&ask, Some(lease), 50, at(0));
    assert!(matches!(got, Poll::Ready(Ok(lease)) if lease.worker() == ONE), "its stand-in");
}

#[test]
fn who_belongs_to_an_address_waits_until_it_is_known_whether_there_is_one() {
    let mut crowd = both(|_, _| ());
    assert_eq!(crowd.elect(&Crowd::ask(owner(2)), 90), Poll::Pending);
    let one = Some(Owner::Route(RouteId(0)));
    assert_eq!(crowd.open(&Crowd::ask(one)).0, 0, "nobody else does");
    assert_eq!(crowd.pool.take_woken(), [0; 0], "and its place is not for who waits");
    crowd.resolve(&[1, 2]);
    assert_eq!(crowd.pool.take_woken(), [90]);
    let Poll::Ready(Ok(lease)) = crowd.elect(&Crowd::ask(owner(2)), 90) else { panic!("it is") };
    assert_eq!(last(&lease), 2);
}

#[test]
fn a_hash_moves_only_the_keys_of_the_address_that_is_gone() {
    let mut crowd = many(|_, balancer| balancer.method = Method::Hash(HashKey::Client));
    crowd.resolve(&[1, 2, 3]);
    let mut where_to = |addresses: &[u8]| -> Vec<u8> {
        crowd.resolve(addresses);
        let to = |key: u64| {
            let (last, lease) = crowd.open(&Ask { key: key << 40, ..Crowd::ask(None) });
            crowd.close(lease, Close::Answered);
            last
        };
        (0..60).map(to).collect()
    };
    let [before, after, again] = [&[1, 2, 3][..], &[1, 3, 4], &[3, 2, 1]].map(&mut where_to);
    assert_eq!(before, again);
    for (before, after) in before.iter().zip(&after) {
        assert!(before == after || *before == 2 || *after == 4, "{before} to {after}");
    }
    assert!((1..=4).all(|last| before.iter().chain(&after).any(|it| *it == last)));
}
