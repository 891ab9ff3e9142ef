//! Stage 2 of 6 · what a rule is found by.

use super::forward::{Forward, Upgrade};
use super::path::CleanPath;
use crate::edit::Vars;

/// What a rule is found by.
pub struct Asked<'a> {
    /// The path.
    pub path: &'a CleanPath<'a>,
    /// Whether there is an `Upgrade` field.
    pub has_upgrade: bool,
    /// Whether the request asks for a protocol that may be switched to.
    pub accepts: &'a dyn Fn(&Upgrade) -> bool,
    /// Whether the request offers that subprotocol of WebSocket.
    pub offers: &'a dyn Fn(&str) -> bool,
    /// The variables that are set for it.
    pub vars: &'a Vars,
}

impl Asked<'_> {
    /// Whether it is for a rule like that: one for subprotocols is for handshakes that offer one of them.
    pub(super) fn suits(&self, forward: &Forward) -> bool {
        let is_offered = |protocol: &String| (self.offers)(protocol);
        forward.protocols.is_empty()
            || (self.accepts)(&forward.upgrade) && forward.protocols.iter().any(is_offered)
    }
}
