//! Addresses come and go while clients do: whatever happens, every election is right, and nobody is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::task::Poll;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use underpass_core::balance::{Ask, Lease, NoWorker};
use underpass_core::report::Close;
use underpass_core::route::{Method, Recovery};

use super::crowd::{Crowd, last, many, owner};

/// As many sessions and addresses there are, and as many sessions each address serves.
const SESSIONS: u32 = 8;
const ADDRESSES: u8 = 5;
const MOST: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Act {
    /// The name is resolved to those addresses, by their bits.
    Resolve(u8),
    /// A session asks, whose client belongs to that address.
    Ask(u32, Option<u8>),
    /// What it has cannot be reached.
    Fail(u32),
    End(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let says = (0..6_u8, 0..SESSIONS, 0..1_u8 << ADDRESSES, option::of(0..ADDRESSES));
    says.prop_map(|(kind, who, bits, of)| match kind {
        0 => Act::Resolve(bits),
        1 => Act::Fail(who),
        2 => Act::End(who),
        _ => Act::Ask(who, of),
    })
}

struct Session {
    ask: Ask,
    owner: Option<u8>,
    /// The addresses that have failed it.
    tried: BTreeSet<u8>,
    lease: Option<Lease>,
}

/// Whoever comes and goes, and what the name was resolved to, if it was.
struct Street {
    crowd: Crowd,
    known: Option<BTreeSet<u8>>,
    sessions: BTreeMap<u32, Session>,
}

impl Street {
    fn new(method: Method) -> Self {
        let crowd = many(|worker, balancer| {
            (worker.most, worker.recovery) = (NonZeroU32::new(MOST as u32), Recovery::AtOnce);
            balancer.method = method;
        });
        Self { crowd, known: None, sessions: BTreeMap::new() }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Resolve(bits) => {
                let found: Vec<_> = (0..ADDRESSES).filter(|bit| bits >> bit & 1 == 1).collect();
                self.crowd.resolve(&found);
                if !found.is_empty() || self.known.is_none() {
                    self.known = Some(found.into_iter().collect());
                }
            }
            Act::Ask(who, of) if !self.sessions.contains_key(&who) => {
                let ask = Crowd::ask(of.and_then(owner));
                let (tried, lease) = (BTreeSet::new(), None);
                self.sessions.insert(who, Session { ask, owner: of, tried, lease });
                self.elect(who, None);
            }
            Act::Ask(..) => {}
            Act::Fail(who) => {
                let Some(session) = self.sessions.get_mut(&who) else { return };
                let Some(lease) = session.lease.take() else { return };
                session.tried.insert(last(&lease));
                session.ask.tried.push(lease.seat());
                self.elect(who, Some(lease));
            }
            Act::End(who) => self.end(who),
        }
    }

    fn end(&mut self, who: u32) {
        if let Some(session) = self.sessions.remove(&who) {
            self.crowd.give_back(session.lease, who, Close::Answered);
        }
    }

    fn elect(&mut self, who: u32, failed: Option<Lease>) {
        let session = &self.sessions[&who];
        match self.crowd.pool.elect(&session.ask, failed, who, self.crowd.now) {
            Poll::Pending => {}
            Poll::Ready(Ok(lease)) => {
                self.judge(session, &lease);
                self.sessions.get_mut(&who).expect("it asked").lease = Some(lease);
            }
            Poll::Ready(Err(none)) => {
                let known = self.known.as_ref().expect("who waits learns who there is");
                assert!(known.is_subset(&session.tried), "{none} of {known:?}");
                assert!(matches!(none, NoWorker::Down | NoWorker::Tried), "{none}");
                self.sessions.remove(&who);
            }
        }
    }

    /// Whoever is elected is there, has not failed the request, and is its own if that is there.
    fn judge(&self, session: &Session, lease: &Lease) {
        let known = self.known.as_ref().expect("nobody is elected before");
        assert!(known.contains(&last(lease)), "{} of {known:?}", last(lease));
        assert!(!session.ask.tried.contains(&lease.seat()), "it has failed it");
        let own = session.owner.filter(|own| known.contains(own) && !session.tried.contains(own));
        assert!(own.is_none_or(|own| own == last(lease)), "{own:?} is there");
    }

    /// Who is woken asks again.
    fn wake(&mut self) {
        for who in self.crowd.pool.take_woken() {
            if self.waits(who) {
                self.elect(who, None);
            }
        }
    }

    fn waits(&self, who: u32) -> bool {
        self.sessions.get(&who).is_some_and(|session| session.lease.is_none())
    }

    fn look(&mut self) {
        let waiting: Vec<_> =
            self.sessions.keys().copied().filter(|who| self.waits(*who)).collect();
        for who in waiting {
            self.elect(who, None);
            assert!(self.waits(who), "nobody has told it");
        }
        assert_eq!(self.crowd.pool.take_woken(), [0; 0], "asking changes nothing");
        let mut counts = BTreeMap::new();
        for lease in self.sessions.values().filter_map(|session| session.lease.as_ref()) {
            *counts.entry(last(lease)).or_insert(0) += 1;
        }
        assert!(counts.values().all(|count| *count <= MOST), "max=: {counts:?}");
        let (busy, pending) = (self.crowd.pool.busy(), self.crowd.pool.pending());
        assert_eq!(busy as usize, counts.values().sum::<usize>(), "leases out are sessions");
        assert_eq!(pending as usize, self.sessions.len(), "none is confirmed");
    }
}

proptest! {
    #[test]
    fn every_election_is_right_while_addresses_come_and_go(
        method in select(vec![Method::ByRequests, Method::LeastTunnels]),
        acts in vec((act(), any::<bool>()), 1..60),
    ) {
        let mut street = Street::new(method);
        for (act, is_quiet) in acts {
            street.act(act);
            // Who is woken may be slow to ask.
            if is_quiet {
                street.wake();
                street.look();
            }
        }
        for who in 0..SESSIONS {
            street.end(who);
            street.wake();
        }
        let pool = &mut street.crowd.pool;
        prop_assert_eq!((pool.busy(), pool.pending(), pool.take_woken()), (0, 0, vec![]));
    }
}
