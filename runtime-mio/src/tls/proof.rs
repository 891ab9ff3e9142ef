//! Whether a backend proves who it is: what of that is asked of it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use underpass_core::route::Back;
use underpass_core::route::tls::Trust;

use super::Trouble;
use super::files::{issuers, lists, roots, system_roots};
use super::pairs::validity;
use super::visitors::{between, paths};

/// Judges a backend's certificate as the configuration says. Whatever it says, the backend must have the key.
#[derive(Debug)]
pub(super) struct Proof {
    /// Who judges of issuers; nobody with `SSLProxyVerify none`.
    judge: Option<Judge>,
    checks_name: bool,
    checks_date: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Judge {
    inner: Arc<WebPkiServerVerifier>,
    /// How many certificates may stand between the last one and its issuer.
    most: usize,
    /// The certificates that the configuration names: each of them is good itself, whoever has issued it.
    named: Vec<CertificateDer<'static>>,
}

impl Proof {
    /// Reads the files of issuers and lists.
    pub(super) fn read(back: &Back, provider: &Arc<CryptoProvider>) -> Result<Self, Trouble> {
        let judge = back.trust.as_ref().map(|trust| Judge::read(trust, provider)).transpose()?;
        Ok(Self {
            judge,
            checks_name: back.checks_name,
            checks_date: back.checks_date,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    /// What is asked of a certificate on its own.
    fn check_alone(
        &self,
        last: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.checks_date {
            let (begin, end) = validity(last).ok_or(CertificateError::BadEncoding)?;
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            if now < begin {
                return Err(CertificateError::NotValidYet.into());
            }
            if now > end {
                return Err(CertificateError::Expired.into());
            }
        }
        if self.checks_name {
            verify_server_name(&ParsedCertificate::try_from(last)?, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }
}

impl Judge {
    fn read(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, Trouble> {
        let (roots, named) = match trust.issuers.is_empty() {
            true => (system_roots()?, Vec::new()),
            false => (Arc::new(roots(&trust.issuers)?), issuers(&trust.issuers)?),
        };
        let provider = Arc::clone(provider);
        let mut builder = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .with_crls(lists(trust.revoked.as_ref())?)
            .enforce_revocation_expiration();
        if trust.revoked.as_ref().is_some_and(|revoked| !revoked.whole_chain) {
            builder = builder.only_check_end_entity_revocation();
        }
        let path = paths(trust).first().copied().unwrap_or_default().to_owned();
        let inner = builder.build().map_err(|error| Trouble::error(&path, error.to_string()))?;
        Ok(Self { inner, most: between(trust), named })
    }
}

/// The moment at which a certificate is good that is nearest to now.
fn within(certificate: &CertificateDer<'_>, now: UnixTime) -> UnixTime {
    let Some((begin, end)) = validity(certificate) else { return now };
    let [begin, end] = [begin, end].map(|at| u64::try_from(at).unwrap_or(0));
    let nearest = now.as_secs().min(end).max(begin);
    UnixTime::since_unix_epoch(Duration::from_secs(nearest))
}

impl ServerCertVerifier for Proof {
    fn verify_server_cert(
        &self,
        last: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(judge) = &self.judge else { return self.check_alone(last, name, now) };
        // One that vouches for itself is hardly ever fit to be an issuer's, and need not be.
        if judge.named.contains(last) {
            return self.check_alone(last, name, now);
        }
        let now = if self.checks_date { now } else { within(last, now) };
        let chain = &chain[..chain.len().min(judge.most)];
        match judge.inner.verify_server_cert(last, chain, name, ocsp, now) {
            // The name is the last thing that is looked at: all else is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
