//! What goes wrong: one fault at a time, of the kinds that the seed allows.

use super::draw::Draw;
use crate::plan::{Client, End, Fault, Leg, Link, Timed, Way};

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrong {
    Crash,
    Cut,
    Descriptors,
    Hang,
    Hole,
    Jump,
    Refuse,
    Reload,
    Reset,
    Slow,
}

impl Wrong {
    pub(super) const ALL: [Self; 10] = [
        Self::Crash,
        Self::Cut,
        Self::Descriptors,
        Self::Hang,
        Self::Hole,
        Self::Jump,
        Self::Refuse,
        Self::Reload,
        Self::Reset,
        Self::Slow,
    ];
}

impl Draw {
    /// A fault of one of those kinds, of one of those backends or clients, when something is likely to be
    /// going on.
    pub(super) fn fault(
        &mut self,
        kinds: &[Wrong],
        clients: &[Client],
        backends: &[&str],
    ) -> Timed {
        let rng = &mut self.0;
        let client = &clients[rng.below(clients.len())];
        let soon = rng.pick(&[60, 300, 3_000, 60_000]);
        let at = client.start + u64::from(rng.within(0, soon));
        let leg = if rng.one_in(2) { Leg::Client(client.id) } else { Leg::Behind(client.id) };
        let backend = rng.pick(backends).to_owned();
        let long = rng.pick(&[100, 2_000, 30_000]);
        let lasts = rng.within(1, long);
        let fault = match rng.pick(kinds) {
            Wrong::Crash => Fault::Crash { backend, lasts },
            Wrong::Cut => {
                let way = rng.pick(&[Way::Both, Way::FromProxy, Way::ToProxy]);
                Fault::Cut { link: self.link(client.id, backend), way, lasts }
            }
            Wrong::Descriptors => Fault::Descriptors { most: rng.within(1, 9), lasts },
            Wrong::Hang => Fault::Hang { backend, lasts },
            Wrong::Hole => Fault::BlackHole(leg),
            Wrong::Jump => Fault::ClockJump(rng.pick(&[1, 1_000, 50_000, 3_600_000])),
            Wrong::Refuse => Fault::Refuse { backend, lasts },
            Wrong::Reload => Fault::Reload,
            Wrong::Reset => {
                Fault::Reset { leg, end: rng.pick(&[End::Both, End::Peer, End::Proxy]) }
            }
            Wrong::Slow => {
                let (latency, bandwidth) =
                    (rng.pick(&[0, 50, 4_000]), rng.pick(&[0, 1_000, 50_000]));
                Fault::Slow { link: self.link(client.id, backend), latency, bandwidth, lasts }
            }
        };
        Timed { at, fault }
    }

    fn link(&mut self, client: u32, backend: String) -> Link {
        if self.0.one_in(2) { Link::Client(client) } else { Link::Backend(backend) }
    }
}
