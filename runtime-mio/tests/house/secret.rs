//! TLS, as the test speaks it at both ends of the daemon.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, ServerConfig, ServerConnection,
    StreamOwned, WantsVerifier,
};

use super::Wire;

/// A client's end of a connection.
pub(crate) type Asker = StreamOwned<ClientConnection, Wire>;
/// A backend's.
pub(crate) type Answerer = StreamOwned<ServerConnection, Wire>;

/// A client who trusts the issuer of that certificate, speaks versions up to that one, and has those keys to show.
pub(crate) fn asker(issuer: &str, version: &str, own: Option<&str>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificates(issuer).remove(0)).expect("an issuer");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let versions = if version == "1.2" { [&TLS12][..].to_vec() } else { vec![&TLS13] };
    let builder = builder.with_protocol_versions(&versions).expect("versions");
    Arc::new(shows(builder.with_root_certificates(roots), own))
}

fn shows(
    builder: ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    own: Option<&str>,
) -> ClientConfig {
    match own {
        None => builder.with_no_client_auth(),
        Some(both) => builder.with_client_auth_cert(certificates(both), key(both)).expect("keys"),
    }
}

/// A client's connection to that host by that wire.
pub(crate) fn ask(config: &Arc<ClientConfig>, host: &str, wire: Wire) -> Asker {
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("good keys"), wire)
}

/// A backend with those keys.
pub(crate) fn answerer(both: &str) -> Arc<ServerConfig> {
    let builder: ConfigBuilder<ServerConfig, WantsVerifier> =
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions");
    let config = builder.with_no_client_auth().with_single_cert(certificates(both), key(both));
    Arc::new(config.expect("keys"))
}

/// A backend's connection by that wire.
pub(crate) fn answer(config: &Arc<ServerConfig>, wire: Wire) -> Answerer {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).expect("good keys"), wire)
}

/// Hears a head.
pub(crate) fn head(from: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte).expect("a head, and not the end");
        head.extend(byte);
    }
    String::from_utf8(head).expect("a head in ASCII")
}

/// Says something, all of it.
pub(crate) fn say(to: &mut impl Write, words: impl AsRef<[u8]>) {
    to.write_all(words.as_ref()).expect("it is taken");
    to.flush().expect("it goes out");
}

/// Hears exactly that.
pub(crate) fn hear(from: &mut impl Read, expected: impl AsRef<[u8]>) {
    let mut heard = vec![0; expected.as_ref().len()];
    from.read_exact(&mut heard).expect("so many bytes come");
    assert!(heard == expected.as_ref(), "heard {:?}", String::from_utf8_lossy(&heard));
}

/// The certificates in a text.
pub(crate) fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().expect("certificates")
}

fn key(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key")
}
