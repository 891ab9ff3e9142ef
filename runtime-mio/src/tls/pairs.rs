//! Certificates and their keys: whether they belong together, and which of them a client gets.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, Error, InconsistentKeys, SignatureAlgorithm};
use underpass_core::route::tls::Pair;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::Trouble;
use super::files::{certificates, exposure, key, read};

/// How many days before its end a certificate is told.
const SOON: i64 = 14;
const DAY: i64 = 24 * 60 * 60;

/// The certificates of a host, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Pairs(Vec<Arc<CertifiedKey>>);

impl Pairs {
    /// Reads their files; what is to be warned of is added to `troubles`.
    pub(super) fn read(
        pairs: &[Pair],
        provider: &CryptoProvider,
        troubles: &mut Vec<Trouble>,
    ) -> Result<Self, Trouble> {
        let pairs = pairs.iter().map(|pair| self::pair(pair, provider, troubles).map(Arc::new));
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

impl ResolvesServerCert for Pairs {
    /// The first one whose signatures the client can check.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let suits = |pair: &&Arc<CertifiedKey>| {
            let is_known = pair.key.choose_scheme(hello.signature_schemes()).is_some();
            let mut suites = hello.cipher_suites().iter();
            is_known && suites.any(|suite| is_signed_by(*suite, pair.key.algorithm()))
        };
        self.0.iter().find(suits).cloned()
    }
}

/// Whether the handshake of a suite is signed by such a key. A suite of TLS 1.3 leaves that open, and so does
/// one of 1.2 that is none of ours: it is not chosen anyway.
fn is_signed_by(suite: CipherSuite, algorithm: SignatureAlgorithm) -> bool {
    let name = suite.as_str().unwrap_or_default();
    let is_rsa = algorithm == SignatureAlgorithm::RSA;
    name.starts_with("TLS13_")
        || name.starts_with(if is_rsa { "TLS_ECDHE_RSA" } else { "TLS_ECDHE_ECDSA" })
}

fn pair(
    pair: &Pair,
    provider: &CryptoProvider,
    troubles: &mut Vec<Trouble>,
) -> Result<CertifiedKey, Trouble> {
    let chain = certificates(&pair.certificate)?;
    troubles.extend(exposure(&pair.key));
    troubles.extend(age(&pair.certificate, &chain[0], now()));
    let mut certified = certified(chain, key(&pair.key)?, provider).map_err(|(is_key, what)| {
        Trouble::error(if is_key { &pair.key } else { &pair.certificate }, what)
    })?;
    certified.ocsp = pair.staple.as_deref().map(read).transpose()?;
    Ok(certified)
}

/// A certificate with its key; or what is wrong, and whether that is with the key.
pub(super) fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, (bool, String)> {
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        if error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            return (true, "this is not the key of the certificate".into());
        }
        if let Error::InvalidCertificate(error) = error {
            return (false, format!("it is no certificate: {error}"));
        }
        (true, error.to_string())
    })
}

/// What is to be warned of a certificate at that moment: that it is good no more, or not for long, or not yet.
pub(super) fn age(path: &str, certificate: &CertificateDer<'_>, now: i64) -> Option<Trouble> {
    let (begin, end) = validity(certificate)?;
    let days = (end - now) / DAY;
    let what = match () {
        () if now > end => "this certificate is good no more".into(),
        () if now < begin => "this certificate is not good yet".into(),
        () if days < SOON => format!("this certificate is good for {days} more days only"),
        () => return None,
    };
    Some(Trouble::warning(path, what))
}

/// From when to when a certificate is good, in seconds of Unix.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let validity = parsed.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// This moment, in seconds of Unix.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use underpass_core::config::Severity;
    use underpass_core::route::tls::Dialect;

    use super::super::provider;
    use super::super::testing::{Authority, Folder, Issued};
    use super::*;

    /// What becomes of a pair of those files, and what is told of it.
    fn made(certificate: &str, key: &str, staple: Option<&str>) -> (Option<Vec<u8>>, Vec<Trouble>) {
        let staple = staple.map(str::to_owned);
        let said = Pair { certificate: certificate.into(), key: key.into(), staple };
        let mut troubles = Vec::new();
        match pair(&said, &provider(&Dialect::all()), &mut troubles) {
            Ok(made) => (Some(made.ocsp.unwrap_or_default()), troubles),
            Err(trouble) => (None, vec![trouble]),
        }
    }

    #[test]
    fn a_pair_is_a_certificate_its_key_and_what_the_issuer_says() {
        let (folder, issued) = (Folder::new(), Issued::by_itself("a"));
        let certificate = folder.write("a.pem", &issued.certificate);
        let key = folder.write("a.key", &issued.key);
        let staple = folder.write("a.ocsp", "good");
        assert_eq!(made(&certificate, &key, None), (Some(Vec::new()), Vec::new()));
        assert_eq!(made(&certificate, &key, Some(&staple)).0.as_deref(), Some(&b"good"[..]));
    }

    #[test]
    fn what_is_no_pair_is_told_of_the_file_that_is_wrong() {
        let (folder, issued) = (Folder::new(), Issued::by_itself("a"));
        let certificate = folder.write("a.pem", &issued.certificate);
        let key = folder.write("a.key", &issued.key);
        let other = folder.write("b.key", &Issued::by_itself("b").key);
        let locked =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let locked = folder.write("locked.key", locked);
        let broken = folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n");
        let hollow = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let hollow = folder.write("hollow.pem", hollow);
        let none = folder.path("none");
        for (with, keyed, staple, at, what) in [
            (&certificate, &other, None, &other, "this is not the key of the certificate"),
            (&certificate, &certificate, None, &certificate, "there is no key in it"),
            (&key, &key, None, &key, "there is no certificate in it"),
            (&certificate, &locked, None, &locked, "its key is behind a passphrase"),
            (&broken, &key, None, &broken, "it is no PEM: "),
            (&hollow, &key, None, &hollow, "it is no certificate: "),
            (&none, &key, None, &none, "it cannot be read: No such file"),
            (&certificate, &key, Some(&*none), &none, "it cannot be read: No such file"),
        ] {
            let (made, troubles) = made(with, keyed, staple);
            assert_eq!((made, troubles[0].path.as_ref()), (None, Some(at)), "{what}");
            assert!(troubles[0].what.starts_with(what), "{}", troubles[0].what);
            assert_eq!(troubles[0].severity, Severity::Error);
        }
    }

    #[test]
    fn a_key_that_anybody_may_read_is_told() {
        let (folder, issued) = (Folder::new(), Issued::by_itself("a"));
        let path = folder.write("a.pem", &issued.both());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let (made, troubles) = made(&path, &path, None);
        let warning = Trouble::warning(&path, "every user of this machine may read this key");
        assert_eq!((made.is_some(), troubles), (true, vec![warning]));
    }

    #[test]
    fn a_certificate_is_told_when_its_time_is_over_or_nearly_or_to_come() {
        let (folder, ca) = (Folder::new(), Authority::new("ca"));
        let path = folder.write("a.pem", &ca.issue_expired("a").certificate);
        let certificate = &certificates(&path).unwrap()[0];
        let (begin, end) = validity(certificate).expect("it has one");
        let told = |now| age(&path, certificate, now).map(|trouble| trouble.what);
        assert_eq!(told(end + 1).as_deref(), Some("this certificate is good no more"));
        assert_eq!(told(begin - 1).as_deref(), Some("this certificate is not good yet"));
        let soon = "this certificate is good for 13 more days only";
        assert_eq!(told(end - 14 * DAY + 1).as_deref(), Some(soon));
        assert_eq!(told(end - 14 * DAY), None);
    }
}
