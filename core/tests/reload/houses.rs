//! Any order of reloads, elections and ends: what comes of it is what the leases say.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Poll;

use proptest::collection::vec;
use proptest::prelude::*;
use underpass_core::balance::{Lease, Pool};
use underpass_core::report::{Close, Report};

use super::pool::Reloaded;

/// Members by their letters, with how many sessions each may have.
type Members = BTreeMap<u8, u8>;

#[derive(Clone, Debug)]
enum Act {
    /// A session comes, or asks again.
    Ask(u32),
    /// It has been answered.
    Confirm(u32),
    /// It is over, or waits no longer.
    End(u32),
    Reload(Members),
}

fn members() -> impl Strategy<Value = Members> {
    proptest::collection::btree_map(0..4_u8, 1..3_u8, 1..4)
}

fn act() -> impl Strategy<Value = Act> {
    (0..10_u8, 0..8_u32, members()).prop_map(|(kind, who, members)| match kind {
        0..4 => Act::Ask(who),
        4 => Act::Confirm(who),
        5..8 => Act::End(who),
        _ => Act::Reload(members),
    })
}

fn text(members: &Members) -> String {
    let line = |(name, most): (&u8, &u8)| format!("BalancerMember http://m{name} max={most}\n");
    let members: String = members.iter().map(line).collect();
    format!("<Proxy balancer://app>\n{members}</Proxy>\nProxyPass / balancer://app\n")
}

/// What must be true whatever has happened.
struct Model {
    all: Reloaded,
    members: Members,
    leases: BTreeMap<u32, Lease>,
    waiting: BTreeSet<u32>,
    woken: BTreeSet<u32>,
}

impl Model {
    fn new(members: Members) -> Self {
        let all = Reloaded::new(&text(&members));
        Self {
            all,
            members,
            leases: BTreeMap::new(),
            waiting: BTreeSet::new(),
            woken: BTreeSet::new(),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Ask(who) if !self.leases.contains_key(&who) => self.ask(who),
            Act::Confirm(who) => {
                let pool = &mut self.all.pool;
                self.leases.get_mut(&who).into_iter().for_each(|lease| pool.confirm(lease));
            }
            Act::End(who) => self.end(who),
            Act::Reload(members) => {
                self.all.reload(&text(&members));
                self.members = members;
            }
            Act::Ask(_) => {}
        }
        self.woken.extend(self.all.pool.take_woken());
        self.judge();
    }

    fn ask(&mut self, who: u32) {
        let ask = self.all.ask("/");
        match self.all.pool.elect(&ask, None, who, self.all.now) {
            Poll::Pending => {
                self.waiting.insert(who);
            }
            Poll::Ready(Ok(lease)) => {
                self.waiting.remove(&who);
                let name = self.name(&lease);
                let most = self.members.get(&name).copied();
                let busy = self.busy(&lease) + 1;
                assert!(
                    most.is_some_and(|most| busy <= u32::from(most)),
                    "m{name} of {:?}",
                    self.members
                );
                self.leases.insert(who, lease);
            }
            Poll::Ready(Err(none)) => panic!("nobody rests and nobody is closed: {none}"),
        }
        self.woken.remove(&who);
    }

    fn end(&mut self, who: u32) {
        let lease = self.leases.remove(&who);
        if lease.is_some() || self.waiting.remove(&who) {
            let now = self.all.now;
            let report = Report::new(Close::Answered, now);
            self.all.pool.release(lease, who, &report);
        }
        self.woken.remove(&who);
    }

    /// Leases that lead where that one does.
    fn busy(&self, lease: &Lease) -> u32 {
        self.leases.values().filter(|it| it.worker() == lease.worker()).count() as u32
    }

    fn name(&self, lease: &Lease) -> u8 {
        let peer = self.all.rules.worker(lease.worker()).expect("it is there").peer.to_string();
        peer.as_bytes()[1] - b'0'
    }

    fn judge(&self) {
        let pool: &Pool<u32> = &self.all.pool;
        assert_eq!(pool.busy() as usize, self.leases.len());
        for lease in self.leases.values() {
            assert_eq!(
                pool.health(lease.worker()).busy(),
                self.busy(lease),
                "m{}",
                self.name(lease)
            );
        }
        let pending = self.leases.values().filter(|lease| lease.is_pending()).count();
        assert_eq!(pool.pending() as usize, pending + self.waiting.len());
        // Whoever could be served has been told.
        let of = |name: u8| self.leases.values().filter(|it| self.name(it) == name).count();
        let free = |(name, most): (&u8, &u8)| usize::from(*most).saturating_sub(of(*name));
        let free: usize = self.members.iter().map(free).sum();
        let told = self.waiting.intersection(&self.woken).count();
        assert!(told >= free.min(self.waiting.len()), "{free} free places, {told} told");
        assert!(self.all.rules.workers.len() <= 8 && self.all.rules.balancers.len() <= 2);
    }
}

proptest! {
    #[test]
    fn counts_and_turns_outlive_any_reload(first in members(), acts in vec(act(), 1..60)) {
        let mut model = Model::new(first);
        acts.into_iter().for_each(|act| model.act(act));
        for who in 0..8 {
            model.end(who);
        }
        prop_assert_eq!((model.all.pool.busy(), model.all.pool.pending()), (0, 0));
    }
}
