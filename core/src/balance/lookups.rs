//! Stage 4 of 6 · when the names of members are resolved anew whose addresses serve each for itself
//! (`addresses=all`). Who resolves them, and what is found, is the driver's business.

use crate::route::{Peer, Rules, Worker, WorkerId};
use crate::time::{Time, Wait};

/// How long after its first failure a name is asked for again,
const PAUSE: Wait = Wait::from_secs(1);
/// and how often that is doubled at the most.
const DOUBLINGS_MOST: u32 = 6;

/// The names that are to be resolved, for all loops together.
#[derive(Clone, Debug)]
pub struct Lookups {
    names: Vec<Lookup>,
}

#[derive(Clone, Debug)]
struct Lookup {
    worker: WorkerId,
    /// What stands for its name.
    tag: u64,
    /// How long an answer is good for (`addressttl=`).
    every: Wait,
    at: Time,
    /// Failures since the last answer.
    failures: u32,
}

impl Lookups {
    /// Those of all members of those rules that have a seat for each address: they are due at once.
    pub fn new(rules: &Rules) -> Self {
        Self { names: rules.serving().filter_map(|(id, worker)| Lookup::of(id, worker)).collect() }
    }

    /// The members are other ones: who is still there is resolved when it would have been.
    pub fn renew(&mut self, rules: &Rules) {
        let old = std::mem::replace(self, Self::new(rules));
        for name in &mut self.names {
            let is_same = |it: &&Lookup| (it.worker, it.tag) == (name.worker, name.tag);
            if let Some(known) = old.names.iter().find(is_same) {
                *name = Lookup { every: name.every, ..known.clone() };
            }
        }
    }

    /// When the next one is due, if any ever is.
    pub fn next(&self) -> Option<Time> {
        self.names.iter().map(|name| name.at).min()?.deadline()
    }

    /// Whose name is due, the longest due first.
    pub fn due(&self, now: Time) -> Option<WorkerId> {
        let next = self.names.iter().min_by_key(|name| name.at)?;
        (next.at <= now).then_some(next.worker)
    }

    /// A name was resolved, or has `failed`: then it is tried again soon, and later each time.
    pub fn ended(&mut self, worker: WorkerId, failed: bool, now: Time) {
        let Some(name) = self.names.iter_mut().find(|name| name.worker == worker) else { return };
        let doubled = PAUSE.as_micros() << name.failures.min(DOUBLINGS_MOST);
        let pause = if failed { name.every.min(Wait::from_micros(doubled)) } else { name.every };
        name.failures = if failed { name.failures + 1 } else { 0 };
        name.at = now.after(pause);
    }
}

impl Lookup {
    fn of(id: WorkerId, worker: &Worker) -> Option<Self> {
        worker.member.as_ref()?.expansion.as_ref()?;
        let Peer::Tcp(tcp) = &worker.peer else { return None };
        Some(Self { worker: id, tag: worker.tag(), every: tcp.memory, at: Time::ZERO, failures: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{Expansion, Host, Member, Scheme, Target, Tcp};

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    /// A worker of which nothing is due, and members whose addresses are good for so many seconds each.
    fn lookups(every: &[Wait]) -> Lookups {
        let member = |&memory: &Wait| {
            let target = Target::new(Scheme::Ws, "b", 80);
            let expansion = Some(Expansion { salt: String::new() });
            let member = Member { expansion, ..Member::new(target) };
            let peer = Peer::Tcp(Tcp { memory, ..Tcp::new("b", 80) });
            Worker { member: Some(Box::new(member)), ..Worker::at(peer) }
        };
        let plain = std::iter::once(Worker::new("a", 80));
        Lookups::new(&Rules::of(Host::default(), plain.chain(every.iter().map(member)).collect()))
    }

    #[test]
    fn names_are_due_at_once_and_then_as_often_as_is_said() {
        let mut lookups = lookups(&[Wait::from_secs(30), Wait::FOREVER]);
        assert_eq!((lookups.next(), lookups.due(at(0))), (Some(at(0)), Some(WorkerId(1))));
        lookups.ended(WorkerId(1), false, at(2));
        assert_eq!(lookups.due(at(2)), Some(WorkerId(2)));
        lookups.ended(WorkerId(2), false, at(2));
        assert_eq!((lookups.next(), lookups.due(at(31))), (Some(at(32)), None));
        assert_eq!(lookups.due(at(32)), Some(WorkerId(1)));
    }

    #[test]
    fn a_name_that_is_not_answered_is_tried_again_soon_and_later_each_time() {
        let mut lookups = lookups(&[Wait::from_secs(30)]);
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            lookups.ended(WorkerId(1), true, at(now));
            assert_eq!(lookups.next(), Some(at(now + pause)));
            now += pause;
        }
        lookups.ended(WorkerId(1), false, at(now));
        lookups.ended(WorkerId(1), true, at(now + 30));
        assert_eq!(lookups.next(), Some(at(now + 31)), "it begins anew behind an answer");
    }

    #[test]
    fn a_name_that_is_resolved_once_is_tried_until_it_is_and_never_again() {
        let mut lookups = lookups(&[Wait::FOREVER]);
        (0..40).for_each(|_| lookups.ended(WorkerId(1), true, at(0)));
        assert_eq!(lookups.next(), Some(at(64)));
        lookups.ended(WorkerId(1), false, at(64));
        assert_eq!(lookups.next(), None);
    }

    #[test]
    fn nothing_is_due_where_nobody_expands() {
        let lookups = lookups(&[]);
        assert_eq!((lookups.next(), lookups.due(at(9))), (None, None));
    }
}
