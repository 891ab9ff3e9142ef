//! A configuration that comes after another one: who is in both keeps its number, by which counts and health are
//! known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::balancer::Balancer;
use super::numbers::Numbers;
use super::quota::{Quota, QuotaId};
use super::rules::{Action, Rules};
use super::scope::Setting;
use super::target::{Worker, WorkerId};

/// Numbers that sessions hold, whatever configuration they began with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InUse {
    /// Workers that have leases out.
    pub workers: BTreeSet<WorkerId>,
    /// Lines by which tunnels are counted.
    pub lines: BTreeSet<QuotaId>,
}

/// There are more lines that bound tunnels, in this configuration and in those that sessions still have, than there
/// are numbers for them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooManyLines;

impl fmt::Display for TooManyLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are too many lines with `ProxyWebsocketMaxTunnels`, old and new")
    }
}

impl Rules {
    /// These rules with the numbers that they have after those that sessions `live` by, the newest first: a balancer,
    /// a worker and a line that bounds tunnels keep the number that they have there. Numbers that a session may still
    /// name are given to nobody else: the balancers of those that are gone, which no rule leads to, are there
    /// without [workers](Balancer::workers), as are [former](Balancer::former) members.
    ///
    /// A worker is the same if it is dialled at the same place in the same way and has the same URL in the balancer of
    /// the same name; all else that is said of it may change.
    ///
    /// # Errors
    ///
    /// [`TooManyLines`], after which everything is as it was.
    pub fn after(mut self, live: &[&Self], in_use: &InUse) -> Result<Self, TooManyLines> {
        let Some(last) = live.first() else { return Ok(self) };
        let lines = self.renumbered_lines(live, in_use)?;
        let numbers = Numbers::of(&self, live, in_use);
        self.rename(&numbers, &lines);
        self.settle(last, &numbers);
        Ok(self)
    }

    /// The workers that a rule may lead to; the others are there for sessions of earlier configurations.
    pub fn serving(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        let members = self.balancers.iter().flat_map(|balancer| &balancer.workers);
        members.filter_map(|id| Some((*id, self.worker(*id)?)))
    }

    /// New numbers of lines, by their old ones.
    fn renumbered_lines(
        &self,
        live: &[&Self],
        in_use: &InUse,
    ) -> Result<BTreeMap<QuotaId, QuotaId>, TooManyLines> {
        let mut known: BTreeMap<_, _> =
            live[0].lines().into_iter().map(|(id, key)| (key, id)).collect();
        let mut taken = in_use.lines.clone();
        taken.extend(live.iter().flat_map(|rules| rules.lines().into_keys()));
        let mut free = (0..=u16::MAX).map(QuotaId).filter(|id| !taken.contains(id));
        let mut number = |key| known.remove(&key).or_else(|| free.next()).ok_or(TooManyLines);
        self.lines().into_iter().map(|(id, key)| Ok((id, number(key)?))).collect()
    }

    /// The lines that bound tunnels, by what tells them apart: where they stand.
    fn lines(&self) -> BTreeMap<QuotaId, (String, u32)> {
        let (mut lines, mut count) = (BTreeMap::new(), BTreeMap::new());
        for host in &self.hosts {
            let sections = host.sections.iter().chain(&host.backends);
            let said =
                sections.flat_map(|it| it.says.iter().map(move |says| (Some(&it.paths), says)));
            let said = said.filter_map(|(paths, says)| {
                if let Setting::Tunnels(quota) = says { quota.map(|it| (paths, it)) } else { None }
            });
            for (paths, quota) in
                host.scope.tunnels.map(|quota| (None, quota)).into_iter().chain(said)
            {
                // A virtual host has the line of the main server, if it has none of its own.
                lines.entry(quota.line).or_insert_with(|| {
                    let place = format!("{} {paths:?}", host.name);
                    let count: &mut u32 = count.entry(place.clone()).or_default();
                    *count += 1;
                    (place, *count)
                });
            }
        }
        lines
    }

    /// Gives everything its new number wherever it is named; what has the numbers is where it was.
    fn rename(&mut self, numbers: &Numbers, lines: &BTreeMap<QuotaId, QuotaId>) {
        let line = |quota: &mut Quota| quota.line = lines[&quota.line];
        for host in &mut self.hosts {
            for rule in &mut host.rules {
                if let Action::Forward(forward) = &mut rule.action {
                    forward.balancer = numbers.balancers[forward.balancer.0 as usize];
                }
            }
            host.scope.tunnels.iter_mut().for_each(line);
            let sections = host.sections.iter_mut().chain(&mut host.backends);
            for setting in sections.flat_map(|section| &mut section.says) {
                if let Setting::Tunnels(Some(quota)) = setting {
                    line(quota);
                }
            }
        }
        for member in self.balancers.iter_mut().flat_map(|balancer| &mut balancer.workers) {
            *member = numbers.workers[member.0 as usize];
        }
    }

    /// Puts everything where its number says, among what is left of the `last` rules.
    fn settle(&mut self, last: &Self, numbers: &Numbers) {
        let given: BTreeSet<_> = numbers.workers.iter().copied().collect();
        let retired = |balancer: &Balancer| {
            let former = balancer.everybody().filter(|id| !given.contains(id)).collect();
            Balancer { workers: Vec::new(), former, ..balancer.clone() }
        };
        let mut balancers: Vec<_> = last.balancers.iter().map(retired).collect();
        for (id, balancer) in numbers.balancers.iter().zip(std::mem::take(&mut self.balancers)) {
            let old = balancers.get(id.0 as usize).filter(|_| numbers.kept.contains(id));
            let former = old.map_or(Vec::new(), |old| old.former.clone());
            put(&mut balancers, id.0, Balancer { former, ..balancer });
        }
        let mut workers = last.workers.clone();
        for (id, worker) in numbers.workers.iter().zip(std::mem::take(&mut self.workers)) {
            put(&mut workers, id.0, worker);
        }
        (self.balancers, self.workers) = (balancers, workers);
    }
}

/// Puts something at its number, of which the next one is the first that nothing is at.
fn put<T>(all: &mut Vec<T>, number: u32, thing: T) {
    match all.get_mut(number as usize) {
        Some(place) => *place = thing,
        None => all.push(thing),
    }
}
