//! TLS as the configuration describes it, on both sides: plain data, of which a driver makes its keys and
//! certificates. Core itself opens none of the files.

use std::net::IpAddr;

use super::suite::Suite;

/// How a host speaks TLS with its clients (`SSLEngine on`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Front {
    /// By what it proves to be who it is, at least one: a client gets the first that it can check.
    pub pairs: Vec<Pair>,
    /// In which words it speaks.
    pub dialect: Dialect,
    /// Whether our order of suites counts, and not the client's (`SSLHonorCipherOrder`).
    pub ours_first: bool,
    /// Whether sessions are resumed (`SSLSessionTickets`).
    pub tickets: bool,
    /// Which clients are let in by their certificates.
    pub visitors: Visitors,
    /// Whether clients that do not name the host in their hello are kept out (`SSLStrictSNIVHostCheck`).
    pub names_only: bool,
}

impl Front {
    /// Whether what was demanded of a client by this host is what the other one demands of it (R13):
    /// then its requests are for either, whatever certificate it was shown.
    pub fn demands_as(&self, other: &Self) -> bool {
        self.visitors == other.visitors && self.dialect == other.dialect
    }
}

/// A certificate and its key (`SSLCertificateFile`, `SSLCertificateKeyFile`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pair {
    /// The file of the certificate, and of those that lead from it to a root, in that order.
    pub certificate: String,
    /// The file of the key: perhaps the same one.
    pub key: String,
    /// The file of the response of its issuer (OCSP, RFC 6960) that is shown with it (`SSLStapleFile`).
    pub staple: Option<String>,
}

/// Versions and suites (`SSLProtocol`, `SSLCipherSuite`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dialect {
    /// The versions that are spoken.
    pub versions: Versions,
    /// The suites of these versions, at least one for each, those that are preferred first.
    pub suites: Vec<&'static Suite>,
}

impl Dialect {
    /// Everything that we speak.
    pub fn all() -> Self {
        Self { versions: Versions::Both, suites: Suite::ALL.iter().collect() }
    }
}

/// Versions of TLS: all that are older than these have been given up (RFC 8996).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone (RFC 5246).
    Only12,
    /// 1.3 alone (RFC 8446).
    Only13,
}

impl Versions {
    /// Whether 1.2 is spoken.
    pub const fn has_12(self) -> bool {
        matches!(self, Self::Both | Self::Only12)
    }

    /// Whether 1.3 is spoken.
    pub const fn has_13(self) -> bool {
        matches!(self, Self::Both | Self::Only13)
    }
}

/// Which clients are let in by their certificates (`SSLVerifyClient`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Visitors {
    /// All: none is asked for a certificate (`none`).
    Any,
    /// All: who shows a certificate need only have its key (`optional_no_ca`).
    Unchecked,
    /// Who shows a good certificate or none (`optional`).
    Optional(Trust),
    /// Who shows a good certificate (`require`).
    Known(Trust),
}

impl Visitors {
    /// By what their certificates are checked, if they are.
    pub const fn trust(&self) -> Option<&Trust> {
        match self {
            Self::Any | Self::Unchecked => None,
            Self::Optional(trust) | Self::Known(trust) => Some(trust),
        }
    }
}

/// Whose certificates are good (`SSLCACertificateFile`, `SSLCARevocationFile` and their like).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust {
    /// The files and folders of the issuers; of a backend's certificate the system's own, if there are none.
    pub issuers: Paths,
    /// How many certificates may stand between one and the issuer, itself included, from 1
    /// (`SSLVerifyDepth`).
    pub depth: u8,
    /// What has been taken back, if that is asked.
    pub revoked: Option<Revoked>,
}

/// Lists of certificates that have been taken back (`SSLCARevocationCheck`, RFC 5280 §5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revoked {
    /// The files and folders of the lists.
    pub lists: Paths,
    /// Whether the issuers' certificates are asked about too (`chain`), and not only the last one (`leaf`).
    pub whole_chain: bool,
}

/// Files, and folders all files of which are meant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Paths {
    /// The files.
    pub files: Vec<String>,
    /// The folders.
    pub folders: Vec<String>,
}

impl Paths {
    /// Whether there are none at all.
    pub const fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }
}

/// How a backend is spoken to by TLS (`wss://`, `https://`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Back {
    /// By which name it is asked, where a request does not say (`ProxyPreserveHost`): the host of its URL.
    pub name: String,
    /// By what its certificate is checked; nothing if that is not (`SSLProxyVerify none`).
    pub trust: Option<Trust>,
    /// Whether the certificate must be for the name that it is asked by (`SSLProxyCheckPeerName`).
    pub checks_name: bool,
    /// Whether the certificate must be good today (`SSLProxyCheckPeerExpire`).
    pub checks_date: bool,
    /// What we show of ourselves, if the backend asks (`SSLProxyMachineCertificateFile`).
    pub machine: Option<Machine>,
    /// In which words it is spoken to.
    pub dialect: Dialect,
}

impl Back {
    /// Whether a backend can be asked by that name: an address, or a name of DNS without the dot at its end (RFC 1123
    /// §2.1; underscores stand in many, and are let be).
    pub fn is_name(host: &str) -> bool {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(is_good)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
        let is_dns = || {
            host.len() <= 253
                && host.split('.').all(is_label)
                && !host.split('.').next_back().is_some_and(is_number)
        };
        host.parse::<IpAddr>().is_ok() || is_dns()
    }
}

/// Our own certificate for backends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Machine {
    /// The file of the certificate and its key.
    pub file: String,
    /// The file of those that lead from it to a root (`SSLProxyMachineCertificateChainFile`).
    pub chain: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dns_and_addresses_can_be_asked_by() {
        let long = "a".repeat(63);
        let good = ["a", "a.example", "_x.a-b.1.example", "192.0.2.7", "2001:db8::7", &long];
        assert!(good.iter().all(|name| Back::is_name(name)));
        let (longer, deep) = ("a".repeat(64), format!("{}a", "a.".repeat(126)));
        assert!(Back::is_name(&deep));
        let bad = ["", ".", "a.", "a..b", "-a", "a-", "a b", "a:80", "a.1", "1", "ä", &longer];
        assert!(bad.iter().all(|name| !Back::is_name(name)));
        assert!(!Back::is_name(&format!("b{deep}a")) && !Back::is_name("1.2.3.256"));
    }
}
