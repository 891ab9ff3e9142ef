//! Which numbers balancers and workers have in a configuration that comes after another one.

use std::collections::BTreeSet;

use super::balancer::{Balancer, BalancerId};
use super::rules::Rules;
use super::succession::InUse;
use super::target::{Worker, WorkerId};

/// The numbers that balancers and workers are given, by those that they have.
#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) balancers: Vec<BalancerId>,
    pub(super) workers: Vec<WorkerId>,
    /// Those of balancers that are the same ones as before.
    pub(super) kept: BTreeSet<BalancerId>,
}

impl Numbers {
    /// Those of the `new` rules, after those that sessions `live` by, the newest first: who is the same keeps its
    /// number, and nobody is given one that a session may name.
    pub(super) fn of(new: &Rules, live: &[&Rules], in_use: &InUse) -> Self {
        let last = live[0];
        let same = pairs(&new.balancers, &last.balancers, |one, other, is_exact| {
            let (one, other) = (Named::of(one, new), Named::of(other, last));
            one.is(&other, is_exact)
        });
        let mut taken = Taken::by(last, live, in_use);
        let mut workers = vec![None; new.workers.len()];
        for (balancer, same) in new.balancers.iter().zip(&same) {
            let Some(same) = same else { continue };
            let before: Vec<_> = last.balancers[*same].everybody().collect();
            let kept = pairs(&balancer.workers, &before, |one, other, is_exact| {
                is_same(&new.workers[one.0 as usize], &last.workers[other.0 as usize], is_exact)
            });
            for (id, kept) in balancer.workers.iter().zip(kept) {
                workers[id.0 as usize] = kept.map(|place| before[place]);
            }
        }
        let same: Vec<_> = same.into_iter().map(|it| it.map(|it| BalancerId(it as u32))).collect();
        let kept: BTreeSet<_> = same.iter().flatten().copied().collect();
        taken.balancers.extend(&kept);
        taken.workers.extend(workers.iter().flatten());
        let mut balancer = (0..).map(BalancerId).filter(|id| !taken.balancers.contains(id));
        let mut worker = (0..).map(WorkerId).filter(|id| !taken.workers.contains(id));
        Self {
            balancers: same.into_iter().filter_map(|id| id.or_else(|| balancer.next())).collect(),
            workers: workers.into_iter().filter_map(|id| id.or_else(|| worker.next())).collect(),
            kept,
        }
    }
}

/// Numbers that sessions may name.
#[derive(Debug)]
struct Taken {
    balancers: BTreeSet<BalancerId>,
    workers: BTreeSet<WorkerId>,
}

impl Taken {
    fn by(last: &Rules, live: &[&Rules], in_use: &InUse) -> Self {
        let mut taken = Self { balancers: BTreeSet::new(), workers: in_use.workers.clone() };
        for rules in live {
            for (id, balancer) in (0..).map(BalancerId).zip(&rules.balancers) {
                if !balancer.workers.is_empty() {
                    taken.balancers.insert(id);
                    taken.workers.extend(&balancer.workers);
                }
            }
        }
        // A lease comes back to the balancer that gave it.
        for (id, balancer) in (0..).map(BalancerId).zip(&last.balancers) {
            if balancer.everybody().any(|worker| in_use.workers.contains(&worker)) {
                taken.balancers.insert(id);
            }
        }
        taken
    }
}

/// By what a balancer is known.
#[derive(Clone, Copy, Debug)]
enum Named<'r> {
    /// By its name.
    Group(&'r str),
    /// By the one worker that it is.
    Alone(&'r Worker),
    /// By nothing: its number is free.
    Nobody,
}

impl<'r> Named<'r> {
    fn of(balancer: &'r Balancer, rules: &'r Rules) -> Self {
        let first = balancer.everybody().next();
        match (&balancer.name, first.and_then(|id| rules.worker(id))) {
            (Some(name), Some(_)) => Self::Group(name),
            (None, Some(worker)) => Self::Alone(worker),
            (_, None) => Self::Nobody,
        }
    }

    fn is(&self, other: &Self, is_exact: bool) -> bool {
        match (self, other) {
            (Self::Group(name), Self::Group(other)) => name == other,
            (Self::Alone(worker), Self::Alone(other)) => is_same(worker, other, is_exact),
            _ => false,
        }
    }
}

/// Whether one worker is the other, of which perhaps other things are said: if not `is_exact`, it is enough that they
/// are dialled at the same place in the same way, and have the same URL.
fn is_same(one: &Worker, other: &Worker, is_exact: bool) -> bool {
    if is_exact {
        return one == other;
    }
    let member = |worker: &Worker| {
        let member = worker.member.as_deref();
        member.map(|member| (member.target.to_string(), member.expansion.is_some()))
    };
    let peer = |worker: &Worker| (worker.peer.to_string(), worker.tls.is_some());
    (peer(one), member(one)) == (peer(other), member(other))
}

/// The place of the one that is the same, for each of `all`: nobody is the same as two. Who is exactly the same comes
/// before who is another by what is said of it.
fn pairs<T>(all: &[T], others: &[T], is_same: impl Fn(&T, &T, bool) -> bool) -> Vec<Option<usize>> {
    let mut found = vec![None; all.len()];
    let mut free: BTreeSet<_> = (0..others.len()).collect();
    for is_exact in [true, false] {
        for (one, found) in all.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            *found = free.iter().copied().find(|&it| is_same(one, &others[it], is_exact));
            found.iter().for_each(|place| {
                free.remove(place);
            });
        }
    }
    found
}
