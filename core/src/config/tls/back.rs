//! What `SSLProxy…` says of the backends' side of one server, or of some of its backends.

use super::super::problem::Flaw;
use super::super::words::Word;
use super::{TrustSaid, dialect};
use crate::route::tls::{Back, Machine};

/// How many certificates may lead from a backend's to its issuer if it is not said, itself included: a
/// public one has two or three, of which httpd (1) knows only when it is told.
const DEPTH: u8 = 6;

/// What is said of the backends' side.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Said {
    /// `SSLProxyEngine`.
    pub(in crate::config) engine: Option<bool>,
    /// `SSLProxyVerify`, and where it is written.
    pub(in crate::config) proof: Option<(Proof, Word)>,
    /// `SSLProxyCA…` and `SSLProxyVerifyDepth`.
    pub(in crate::config) trust: TrustSaid,
    /// `SSLProxyCheckPeerName`, and where it is written.
    pub(in crate::config) name: Option<(bool, Word)>,
    /// `SSLProxyCheckPeerCN`.
    pub(in crate::config) common_name: Option<bool>,
    /// `SSLProxyCheckPeerExpire`.
    pub(in crate::config) date: Option<bool>,
    /// `SSLProxyMachineCertificateFile`.
    pub(in crate::config) machine: Option<Word>,
    /// `SSLProxyMachineCertificateChainFile`.
    pub(in crate::config) chain: Option<Word>,
    /// `SSLProxyProtocol` and `SSLProxyCipherSuite`.
    pub(in crate::config) dialect: dialect::Said,
}

/// Whether a backend is to prove who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Proof {
    Nothing,
    Certificate,
}

impl Said {
    /// What it says, and what `far` says where it says nothing.
    pub(in crate::config) fn over(&self, far: &Self) -> Self {
        Self {
            engine: self.engine.or(far.engine),
            proof: self.proof.clone().or_else(|| far.proof.clone()),
            trust: self.trust.over(&far.trust),
            name: self.name.clone().or_else(|| far.name.clone()),
            common_name: self.common_name.or(far.common_name),
            date: self.date.or(far.date),
            machine: self.machine.clone().or_else(|| far.machine.clone()),
            chain: self.chain.clone().or_else(|| far.chain.clone()),
            dialect: self.dialect.over(&far.dialect),
        }
    }

    /// Every path.
    pub(in crate::config) fn paths(&self) -> impl Iterator<Item = &Word> {
        self.machine.iter().chain(&self.chain).chain(self.trust.paths())
    }

    /// How the backend of that URL, which is one of TLS, is spoken to; `name` is its host.
    pub(in crate::config) fn back(&self, url: &Word, name: &str) -> Result<Back, Flaw> {
        if self.engine != Some(true) {
            let flaw = url.flaw("TLS to backends is off here");
            return Err(flaw.help("write `SSLProxyEngine on`"));
        }
        let is_checked = !matches!(self.proof, Some((Proof::Nothing, _)));
        let machine = match (&self.machine, &self.chain) {
            (None, Some(chain)) => {
                let flaw = chain.flaw("there is no certificate that this leads from");
                return Err(flaw.help("write `SSLProxyMachineCertificateFile path`"));
            }
            (file, chain) => file.as_ref().map(|file| Machine {
                file: file.to_string(),
                chain: chain.as_ref().map(Word::to_string),
            }),
        };
        Ok(Back {
            name: name.into(),
            trust: is_checked.then(|| self.trust.trust(DEPTH)).transpose()?,
            checks_name: self.checks_name()?,
            checks_date: self.date.unwrap_or(true),
            machine,
            dialect: self.dialect.dialect(),
        })
    }

    /// A name that is not checked in full would be compared with the CN by httpd, which nobody else does
    /// any more (RFC 6125 §6.4.4).
    fn checks_name(&self) -> Result<bool, Flaw> {
        match &self.name {
            Some((false, word)) if self.common_name != Some(false) => {
                let flaw = word.flaw("the CN alone is not checked, which httpd would do here");
                Err(flaw.help("write `SSLProxyCheckPeerCN off` too, or leave both on"))
            }
            name => Ok(name.as_ref().is_none_or(|(checks, _)| *checks)),
        }
    }

    /// Whether nothing is said at all.
    pub(in crate::config) fn is_empty(&self) -> bool {
        let switches = [self.engine, self.common_name, self.date];
        let is_unproved = self.proof.is_none() && self.name.is_none();
        let is_plain = self.dialect.is_empty() && self.trust.depth.is_none();
        switches == [None; 3]
            && is_unproved
            && is_plain
            && self.trust.asking.is_none()
            && self.paths().next().is_none()
    }

    /// What can be used of it, but is hardly what was meant.
    pub(in crate::config) fn warnings(&self) -> impl Iterator<Item = Flaw> {
        let unproved = self.proof.as_ref().filter(|(proof, _)| *proof == Proof::Nothing);
        let unproved = unproved.map(|(_, word)| {
            let flaw = word.flaw("whoever stands on the way may pass for the backend");
            flaw.help(
                "write `SSLProxyCACertificateFile path` instead, and `SSLProxyVerify require`",
            )
        });
        unproved.into_iter().chain(self.trust.unasked("SSLProxyCARevocationCheck"))
    }
}
