//! Which session is whose.

use super::Each;
use crate::event::{Event, What, Who};

/// The sessions of the clients.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// By the connections of the clients.
    connections: Each<u32>,
    /// The present one of each client.
    clients: Each<u32>,
}

impl Links {
    pub(super) fn see(&mut self, event: &Event) {
        match (event.who, &event.what) {
            (Who::Session(number), What::Accepts(_, connection)) => {
                self.connections.insert(*connection, number);
            }
            (Who::Client(id), What::Connects(connection)) => {
                // One that was turned away has none.
                self.clients.remove(&id);
                let session = self.connections.get(connection);
                session.map(|session| self.clients.insert(id, *session));
            }
            _ => {}
        }
    }

    /// The present session of that client.
    pub(super) fn session(&self, client: u32) -> Option<u32> {
        self.clients.get(&client).copied()
    }
}
