//! Where a request stands in the configuration, and what is said there.

use std::borrow::Cow;

use super::forward::{Forward, Manner, Terms};
use super::host::Host;
use super::scope::Scope;
use super::target::{Scheme, Target, Worker};

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

impl<'a> Said<'a> {
    /// The clocks of the session, as long as nobody is elected.
    pub fn terms(&self) -> Terms {
        Terms::of(self.forward, self.scope, self.host.timeout)
    }

    /// How that worker is spoken to: as is said of it as a member, or else by the rule.
    pub fn manner(&self, worker: &Worker) -> Manner {
        worker.member.as_ref().map_or(self.forward.manner, |member| member.manner)
    }

    /// The URL of that worker: its own as a member, or else the rule's.
    pub fn target<'b>(&self, worker: &'b Worker) -> &'b Target
    where
        'a: 'b,
    {
        worker.member.as_ref().map_or(&self.forward.target, |member| &member.target)
    }

    /// The path that a backend of that URL sees.
    pub fn path_at(&self, target: &Target) -> Cow<'a, [u8]> {
        let prefix = target.path.strip_suffix('/').unwrap_or(&target.path);
        if self.forward.target.scheme != Scheme::Balancer || prefix.is_empty() {
            return self.path.into();
        }
        [prefix.as_bytes(), self.path].concat().into()
    }
}
