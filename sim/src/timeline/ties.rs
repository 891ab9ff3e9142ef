//! Who talks to whom: found from the events of a run, in which nobody says it of every byte.

use std::collections::BTreeMap;

use underpass_core::{Dial, Side};

use crate::event::{Event, What, Who};
use crate::outcome::Outcome;

/// Who is connected with whom, and from which event on.
#[derive(Debug, Default)]
pub(super) struct Ties {
    /// The sessions of the clients, one after the other.
    sessions: BTreeMap<u32, Vec<(usize, u32)>>,
    /// The client of each session.
    clients: BTreeMap<u32, u32>,
    /// The backends' connections of each session; none if nothing came of one.
    behind: BTreeMap<u32, Vec<(usize, Option<u32>)>>,
    /// The sessions that each connection of a backend's has served.
    served: BTreeMap<u32, Vec<(usize, u32)>>,
}

impl Ties {
    /// What the events show.
    pub(super) fn of(events: &[Event]) -> Self {
        let (mut ties, mut connections) = (Self::default(), BTreeMap::new());
        for (at, event) in events.iter().enumerate() {
            match (event.who, &event.what) {
                (Who::Session(session), What::Accepts(client, connection)) => {
                    connections.insert(*connection, session);
                    ties.clients.insert(session, *client);
                }
                (Who::Client(id), What::Connects(connection)) => {
                    let session = connections.get(connection).map(|session| (at, *session));
                    ties.sessions.entry(id).or_default().extend(session);
                }
                (Who::Session(session), What::Dials(Dial::Idle | Dial::Address(_), outcome)) => {
                    let up = (*outcome == Outcome::Done).then_some((at, None));
                    ties.behind.entry(session).or_default().extend(up);
                }
                (Who::Backend(number), What::Gets(client, _)) => ties.gets(at, number, *client),
                _ => {}
            }
        }
        ties
    }

    fn gets(&mut self, at: usize, number: u32, client: u32) {
        let Some(&session) = self.sessions.get(&client).and_then(|all| upto(all, at)) else {
            return;
        };
        self.served.entry(number).or_default().push((at, session));
        let last = self.behind.get_mut(&session).and_then(|all| all.last_mut());
        if let Some((_, behind @ None)) = last {
            *behind = Some(number);
        }
    }

    /// Who is on that side of a session, when the event of that number happens.
    pub(super) fn beside(&self, session: u32, side: Side, at: usize) -> Option<Who> {
        match side {
            Side::Client => self.clients.get(&session).map(|client| Who::Client(*client)),
            Side::Backend => upto(self.behind.get(&session)?, at)?.map(Who::Backend),
        }
    }

    /// The session that a client, or a connection of a backend's, talks to then.
    pub(super) fn session(&self, who: Who, at: usize) -> Option<Who> {
        let all = match who {
            Who::Client(id) => self.sessions.get(&id)?,
            Who::Backend(number) => self.served.get(&number)?,
            Who::Network | Who::Session(_) => return None,
        };
        upto(all, at).map(|session| Who::Session(*session))
    }
}

/// What holds at that event: the last that began at it, or before.
fn upto<T>(all: &[(usize, T)], at: usize) -> Option<&T> {
    all.iter().rfind(|(from, _)| *from <= at).map(|(_, what)| what)
}
