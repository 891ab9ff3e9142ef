//! What `SSL…` says of the clients' side of one server.

use super::super::problem::Flaw;
use super::super::words::Word;
use super::{TrustSaid, dialect, nearest};
use crate::route::tls::{Front, Pair, Visitors};

/// How many certificates may lead from a client's to its issuer if it is not said, itself included: as httpd
/// has it.
const DEPTH: u8 = 1;

/// What is said of the clients' side.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Said {
    /// `SSLEngine`, and where it is written.
    pub(in crate::config) engine: Option<(bool, Word)>,
    /// `SSLCertificateFile`.
    pub(in crate::config) certificates: Vec<Word>,
    /// `SSLCertificateKeyFile`, in the order of the certificates.
    pub(in crate::config) keys: Vec<Word>,
    /// `SSLStapleFile`, in the order of the certificates.
    pub(in crate::config) staples: Vec<Word>,
    /// `SSLProtocol` and `SSLCipherSuite`.
    pub(in crate::config) dialect: dialect::Said,
    /// `SSLHonorCipherOrder`.
    pub(in crate::config) ours_first: Option<bool>,
    /// `SSLSessionTickets`.
    pub(in crate::config) tickets: Option<bool>,
    /// `SSLStrictSNIVHostCheck`.
    pub(in crate::config) names_only: Option<bool>,
    /// `SSLVerifyClient`, and where it is written.
    pub(in crate::config) shown: Option<(Shown, Word)>,
    /// `SSLCA…` and `SSLVerifyDepth`.
    pub(in crate::config) trust: TrustSaid,
}

/// What clients are to show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Shown {
    Nothing,
    Anything,
    GoodOrNothing,
    Good,
}

impl Said {
    /// What it says, and what `far` says where it says nothing. Whoever has a certificate of its own has
    /// nothing of the others'.
    pub(in crate::config) fn over(&self, far: &Self) -> Self {
        let own = if self.certificates.is_empty() { far } else { self };
        let keys = if self.certificates.is_empty() {
            nearest(&self.keys, &far.keys)
        } else {
            self.keys.clone()
        };
        Self {
            engine: self.engine.clone().or_else(|| far.engine.clone()),
            certificates: own.certificates.clone(),
            keys,
            staples: own.staples.clone(),
            dialect: self.dialect.over(&far.dialect),
            ours_first: self.ours_first.or(far.ours_first),
            tickets: self.tickets.or(far.tickets),
            names_only: self.names_only.or(far.names_only),
            shown: self.shown.clone().or_else(|| far.shown.clone()),
            trust: self.trust.over(&far.trust),
        }
    }

    /// Whether TLS is spoken.
    pub(in crate::config) fn is_on(&self) -> bool {
        self.engine.as_ref().is_some_and(|(is_on, _)| *is_on)
    }

    /// Every path.
    pub(in crate::config) fn paths(&self) -> impl Iterator<Item = &Word> {
        let own = self.certificates.iter().chain(&self.keys).chain(&self.staples);
        own.chain(self.trust.paths())
    }

    /// How clients are spoken to, if that is by TLS.
    pub(in crate::config) fn front(&self) -> Result<Option<Front>, Flaw> {
        let pairs = self.pairs()?;
        let Some((_, engine)) = self.engine.as_ref().filter(|(is_on, _)| *is_on) else {
            return Ok(None);
        };
        if pairs.is_empty() {
            let flaw = engine.flaw("there is no certificate to show");
            return Err(flaw.help("write `SSLCertificateFile path`"));
        }
        Ok(Some(Front {
            pairs,
            dialect: self.dialect.dialect(),
            ours_first: self.ours_first.unwrap_or(false),
            tickets: self.tickets.unwrap_or(true),
            visitors: self.visitors()?,
            names_only: self.names_only.unwrap_or(false),
        }))
    }

    /// The n-th key is that of the n-th certificate, in whose file it is where none is named.
    fn pairs(&self) -> Result<Vec<Pair>, Flaw> {
        let surplus = |words: &[Word]| words.get(self.certificates.len()).cloned();
        if let Some(word) = surplus(&self.keys).or(surplus(&self.staples)) {
            let flaw = word.flaw("there is no certificate that this belongs to");
            return Err(flaw.help("write a `SSLCertificateFile` for each"));
        }
        let pair = |(number, certificate): (usize, &Word)| Pair {
            certificate: certificate.to_string(),
            key: self.keys.get(number).unwrap_or(certificate).to_string(),
            staple: self.staples.get(number).map(Word::to_string),
        };
        Ok(self.certificates.iter().enumerate().map(pair).collect())
    }

    fn visitors(&self) -> Result<Visitors, Flaw> {
        let trust = |word: &Word| {
            if self.trust.is_empty() {
                let flaw = word.flaw("nobody's certificates are good");
                return Err(flaw.help("write `SSLCACertificateFile path`"));
            }
            self.trust.trust(DEPTH)
        };
        match &self.shown {
            None | Some((Shown::Nothing, _)) => Ok(Visitors::Any),
            Some((Shown::Anything, _)) => Ok(Visitors::Unchecked),
            Some((Shown::GoodOrNothing, word)) => trust(word).map(Visitors::Optional),
            Some((Shown::Good, word)) => trust(word).map(Visitors::Known),
        }
    }

    /// What can be used of it, but is hardly what was meant.
    pub(in crate::config) fn warnings(&self) -> Option<Flaw> {
        self.trust.unasked("SSLCARevocationCheck")
    }
}
