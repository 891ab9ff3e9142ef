//! What came of each request, whatever engine ran the plan: no times, no pieces.

#![expect(clippy::wildcard_enum_match_arm, reason = "it looks at what concerns it")]

use std::collections::BTreeMap;

use underpass_sim::event::{Event, What, Who};

/// What came of one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Gist {
    /// The status that the client saw.
    pub(crate) status: Option<u16>,
    /// Whether the answer was whole.
    pub(crate) whole: bool,
    /// What the client, and the backend, heard in the tunnel, and how it ended for them.
    pub(crate) client: Heard,
    pub(crate) backend: Heard,
}

/// What one end of a tunnel heard.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Heard {
    pub(crate) bytes: u64,
    pub(crate) end: Option<End>,
}

/// How a tunnel ended for one end of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Broke,
    Well,
}

/// What came of each request: of which client, at which place of its script.
pub(crate) fn gist(events: &[Event]) -> BTreeMap<(u32, usize), Gist> {
    let mut all: BTreeMap<_, Gist> = BTreeMap::new();
    let (mut clients, mut backends) = (BTreeMap::new(), BTreeMap::new());
    for Event { who, what, .. } in events {
        match (who, what) {
            (Who::Client(id), What::Heads(status, whose)) => {
                let at =
                    whose.map_or_else(|| clients.get(id).copied().unwrap_or((*id, 0)), |it| it);
                clients.insert(*id, at);
                all.entry(at).or_default().status = Some(*status);
            }
            (Who::Client(id), What::Asks(ask)) => {
                clients.insert(*id, (*id, *ask));
            }
            (Who::Client(id), What::Whole(ask)) => all.entry((*id, *ask)).or_default().whole = true,
            (Who::Backend(number), What::Switches(client, ask)) => {
                backends.insert(*number, (*client, *ask));
            }
            (Who::Client(id), what) => {
                if let Some(gist) = clients.get(id).and_then(|at| all.get_mut(at))
                    && gist.status == Some(101)
                {
                    gist.client.hears(what);
                }
            }
            (Who::Backend(number), what) => {
                if let Some(at) = backends.get(number) {
                    all.entry(*at).or_default().backend.hears(what);
                }
            }
            _ => {}
        }
    }
    // Who was not granted a tunnel hears of its end as it comes.
    all.values_mut().filter(|gist| gist.status != Some(101)).for_each(|gist| {
        gist.backend = Heard::default();
    });
    all
}

impl Heard {
    fn hears(&mut self, what: &What) {
        match what {
            What::Hears(count) => self.bytes += u64::from(*count),
            What::Ends => {
                self.end.get_or_insert(End::Well);
            }
            What::Breaks(_) => {
                self.end.get_or_insert(End::Broke);
            }
            _ => {}
        }
    }
}
