//! Which clients are let in by their certificates.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use underpass_core::route::tls::{Trust, Visitors};

use super::Trouble;
use super::files::{lists, roots};

/// Whoever judges clients' certificates.
pub(super) fn verifier(
    visitors: &Visitors,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Trouble> {
    match visitors {
        Visitors::Any => Ok(WebPkiClientVerifier::no_client_auth()),
        Visitors::Unchecked => Ok(Arc::new(Unchecked(provider.signature_verification_algorithms))),
        Visitors::Optional(trust) => by_trust(trust, false, provider),
        Visitors::Known(trust) => by_trust(trust, true, provider),
    }
}

fn by_trust(
    trust: &Trust,
    is_required: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Trouble> {
    let roots = Arc::new(roots(&trust.issuers)?);
    let provider = Arc::clone(provider);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider)
        .with_crls(lists(trust.revoked.as_ref())?)
        .enforce_revocation_expiration();
    if trust.revoked.as_ref().is_some_and(|revoked| !revoked.whole_chain) {
        builder = builder.only_check_end_entity_revocation();
    }
    if !is_required {
        builder = builder.allow_unauthenticated();
    }
    let named = paths(trust).first().copied().unwrap_or_default().to_owned();
    let inner = builder.build().map_err(|error| Trouble::error(&named, error.to_string()))?;
    Ok(Arc::new(Shallow { inner, most: between(trust) }))
}

/// How many certificates may stand between the last one and its issuer.
pub(super) fn between(trust: &Trust) -> usize {
    usize::from(trust.depth).saturating_sub(1)
}

/// Every file and folder of issuers and of lists.
pub(super) fn paths(trust: &Trust) -> Vec<&str> {
    let lists = trust.revoked.as_ref().map(|revoked| &revoked.lists);
    let all = [&trust.issuers].into_iter().chain(lists);
    all.flat_map(|paths| paths.files.iter().chain(&paths.folders)).map(String::as_str).collect()
}

/// Looks at so many certificates of a chain only, which comes in its order (RFC 5246 §7.4.2).
#[derive(Debug)]
struct Shallow {
    inner: Arc<dyn ClientCertVerifier>,
    most: usize,
}

impl ClientCertVerifier for Shallow {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        last: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.inner.verify_client_cert(last, &chain[..chain.len().min(self.most)], now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Takes any certificate of whoever has its key, or none (`SSLVerifyClient optional_no_ca`): whoever is behind
/// us must judge it.
#[derive(Debug)]
struct Unchecked(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for Unchecked {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
