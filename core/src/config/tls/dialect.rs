//! `SSLProtocol` and `SSLCipherSuite` together: in which words TLS is spoken.

use super::super::problem::Flaw;
use super::super::words::Word;
use super::suites::Chosen;
use crate::route::Suite;
use crate::route::tls::{Dialect, Versions};

/// What is said of versions and suites.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Said {
    /// `SSLProtocol`.
    pub(in crate::config) versions: Option<Versions>,
    /// `SSLCipherSuite` of TLS 1.2.
    suites_12: Option<Vec<&'static Suite>>,
    /// `SSLCipherSuite` of TLS 1.3.
    suites_13: Option<Vec<&'static Suite>>,
}

impl Said {
    /// What it says, and what `far` says where it says nothing.
    pub(super) fn over(&self, far: &Self) -> Self {
        Self {
            versions: self.versions.or(far.versions),
            suites_12: self.suites_12.clone().or_else(|| far.suites_12.clone()),
            suites_13: self.suites_13.clone().or_else(|| far.suites_13.clone()),
        }
    }

    /// These suites are to be spoken.
    pub(in crate::config) fn choose(&mut self, chosen: Chosen) {
        match chosen {
            Chosen::Of12(suites) => self.suites_12 = Some(suites),
            Chosen::Of13(suites) => self.suites_13 = Some(suites),
        }
    }

    /// Whether nothing is said at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.versions.is_none() && self.suites_12.is_none() && self.suites_13.is_none()
    }

    /// What is spoken.
    pub(super) fn dialect(&self) -> Dialect {
        let versions = self.versions.unwrap_or_default();
        let all = |of_13: bool| Suite::ALL.iter().filter(move |it| it.is_of_13() == of_13);
        let chosen = |said: &Option<Vec<_>>, of_13| said.clone().unwrap_or(all(of_13).collect());
        let of_13 = chosen(&self.suites_13, true).into_iter().filter(|_| versions.has_13());
        let of_12 = chosen(&self.suites_12, false).into_iter().filter(|_| versions.has_12());
        Dialect { versions, suites: of_13.chain(of_12).collect() }
    }
}

/// `[+|-]version...`: a word without a sign takes back all that stands before it.
pub(in crate::config) fn versions(args: &[Word]) -> Result<Versions, Flaw> {
    let (mut has_12, mut has_13) = (false, false);
    for (number, word) in args.iter().enumerate() {
        let (sign, name) = match word.text().as_bytes() {
            [b'+', ..] | [b'-', ..] => word.split_at(1),
            _ => word.split_at(0),
        };
        if sign.text().is_empty() && number > 0 {
            let flaw = word.flaw(format!("`{word}` would take back what stands before it"));
            return Err(flaw.help(format!("write `+{word}` or `-{word}`")));
        }
        let adds = sign.text() != "-";
        let (of_12, of_13) = version(&name, adds)?;
        has_12 = if of_12 { adds } else { has_12 };
        has_13 = if of_13 { adds } else { has_13 };
    }
    match (has_12, has_13) {
        (true, true) => Ok(Versions::Both),
        (true, false) => Ok(Versions::Only12),
        (false, true) => Ok(Versions::Only13),
        (false, false) => Err(args[0].flaw("no version of TLS is left").help(SPOKEN)),
    }
}

const SPOKEN: &str = "spoken are TLSv1.2 and TLSv1.3";

/// Whether 1.2 and 1.3 are meant.
fn version(name: &Word, adds: bool) -> Result<(bool, bool), Flaw> {
    let old = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.1"];
    match name.text().to_ascii_lowercase().as_str() {
        "all" => Ok((true, true)),
        "tlsv1.2" => Ok((true, false)),
        "tlsv1.3" => Ok((false, true)),
        _ if old.iter().any(|it| name.is(it)) && !adds => Ok((false, false)),
        _ if old.iter().any(|it| name.is(it)) => {
            Err(name.flaw(format!("`{name}` has been given up (RFC 8996)")).help(SPOKEN))
        }
        _ => Err(name.flaw(format!("there is no version `{name}`")).help(SPOKEN)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{failure, word};
    use super::*;

    fn said(text: &str) -> Result<Versions, Flaw> {
        versions(&text.split(' ').map(word).collect::<Vec<_>>())
    }

    #[test]
    fn versions_are_added_and_taken_away_in_their_order() {
        for text in ["all", "ALL -SSLv3", "all -TLSv1 -TLSv1.1", "+TLSv1.2 +tlsv1.3"] {
            assert_eq!(said(text), Ok(Versions::Both), "{text}");
        }
        for text in ["TLSv1.3", "all -TLSv1.2", "-all +TLSv1.3", "TLSv1.2 -TLSv1.2 +TLSv1.3"] {
            assert_eq!(said(text), Ok(Versions::Only13), "{text}");
        }
        assert_eq!(said("all -TLSv1.3"), Ok(Versions::Only12));
    }

    #[test]
    fn what_is_not_spoken_is_a_problem() {
        for (text, message) in [
            ("TLSv1.1", "1:1: `TLSv1.1` has been given up (RFC 8996)"),
            ("+SSLv3", "1:2: `SSLv3` has been given up (RFC 8996)"),
            ("-SSLv3", "1:1: no version of TLS is left"),
            ("TLS1.2", "1:1: there is no version `TLS1.2`"),
        ] {
            assert_eq!(failure(said(text)), format!("{message} ({SPOKEN})"), "{text}");
        }
        let takes_back = "1:1: `TLSv1.3` would take back what stands before it \
                          (write `+TLSv1.3` or `-TLSv1.3`)";
        assert_eq!(failure(said("TLSv1.2 TLSv1.3")), takes_back);
    }

    #[test]
    fn the_suites_are_those_of_the_versions() {
        let dialect = |versions| Said { versions: Some(versions), ..Said::default() }.dialect();
        assert_eq!(dialect(Versions::Both), Dialect::all());
        assert!(dialect(Versions::Only12).suites.iter().all(|suite| !suite.is_of_13()));
        assert!(dialect(Versions::Only13).suites.iter().all(|suite| suite.is_of_13()));
    }
}
