//! Bytes as the file in which httpd keeps heartbeats.

use std::collections::BTreeSet;
use std::task::Poll;

use underpass_core::balance::heartbeat::Heartbeat;
use underpass_core::balance::heartbeats::Trouble;
use underpass_core::balance::{Ask, Heartbeats, Pool, Purpose};
use underpass_core::limits;
use underpass_core::route::{Balancer, BalancerId, Method, Rules, Worker, WorkerId};
use underpass_core::time::{Time, Wait};

/// Checks that each line means what it means when it is written anew, and that whoever is elected is one who
/// has said in it that it can take something.
pub fn check(data: &[u8]) {
    let beats = || data.split(|&byte| byte == b'\n').filter_map(read);
    beats().for_each(|beat| must_mean_the_same(&beat));
    // The first that are heard of have a balancer.
    let heard: BTreeSet<_> = beats().map(|beat| (beat.address, beat.port)).take(8).collect();
    let rules = rules(heard.iter().map(|(ip, port)| Worker::new(ip.to_string(), *port)).collect());
    let mut heartbeats = Heartbeats::new(&rules);
    let mut pool: Pool<()> = Pool::new(&rules, limits::PENDING);
    let trouble = heartbeats.read(Some((data, Wait::ZERO)), &mut pool, Time::ZERO);
    assert!(matches!(trouble, None | Some(Trouble::Line(..))), "{trouble:?}");
    let ask = Ask::new(BalancerId(0), [127, 0, 0, 1].into(), Purpose::Exchange);
    if let Poll::Ready(Ok(lease)) = pool.elect(&ask, None, (), Time::ZERO) {
        let WorkerId(number) = lease.worker();
        let elected = heard.iter().nth(number as usize);
        let said = |beat: Heartbeat| elected.is_some_and(|(address, _)| *address == beat.address);
        let is_able = |beat: &Heartbeat| beat.ready > 0 && beat.age < Wait::from_secs(10);
        assert!(beats().filter(is_able).any(said), "{elected:?} has said nothing");
    }
}

fn read(line: &[u8]) -> Option<Heartbeat> {
    Heartbeat::parse(line).ok()
}

fn must_mean_the_same(beat: &Heartbeat) {
    let Heartbeat { address, port, ready, busy, age } = beat;
    let age = age.as_secs_ceil();
    let line = format!("{address} &ready={ready}&busy={busy}&lastseen={age}&port={port}");
    assert_eq!(read(line.as_bytes()).as_ref(), Some(beat), "{line}");
    assert!(beat.capacity() <= *ready && (beat.capacity() > 0) == (*ready > 0), "{line}");
}

fn rules(workers: Vec<Worker>) -> Rules {
    let ids = (0..workers.len() as u32).map(WorkerId).collect();
    let alone = Balancer::alone(WorkerId(0));
    let balancer = Balancer { workers: ids, method: Method::Heartbeat, ..alone };
    Rules { workers, balancers: vec![balancer], ..Rules::default() }
}
