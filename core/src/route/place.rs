//! Where a request stands in the configuration, and what is said there.

use super::forward::{Forward, Terms};
use super::host::Host;
use super::scope::Scope;

/// Where a request stands in the configuration.
#[derive(Clone, Debug)]
pub struct Place {
    /// The number of the host.
    pub(super) host: usize,
    /// The number of its rule.
    pub(super) rule: usize,
    /// What is said of its path, if sections say anything.
    pub(super) scope: Option<Box<Scope>>,
    /// The path that the backend sees.
    pub(super) path: Vec<u8>,
}

impl Place {
    /// The number of the rule among those of its host.
    pub fn rule(&self) -> usize {
        self.rule
    }
}

/// All that is said where a request stands.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// By the host that it is for.
    pub host: &'a Host,
    /// Of its path.
    pub scope: &'a Scope,
    /// By the rule that it falls under.
    pub forward: &'a Forward,
    /// The path that the backend sees.
    pub path: &'a [u8],
}

impl Said<'_> {
    /// The clocks of the session.
    pub fn terms(&self) -> Terms {
        Terms::of(self.forward, self.scope, self.host.timeout)
    }
}
