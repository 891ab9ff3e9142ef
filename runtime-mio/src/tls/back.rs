//! What rustls needs to speak with a backend.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use underpass_core::route::Back;
use underpass_core::route::tls::Machine;

use super::files::{certificates, exposure, key};
use super::pairs::{age, certified, now};
use super::proof::Proof;
use super::visitors;
use super::{ALPN, Trouble, provider, versions};

/// How many names of one backend's have a session that is resumed.
const SESSIONS: usize = 32;

/// Makes it of the backend's files; what is to be warned of is added to `troubles`.
///
/// Each worker has sessions of its own: what one of them has proved is nothing to another.
pub(super) fn config(
    back: &Back,
    troubles: &mut Vec<Trouble>,
) -> Result<Arc<ClientConfig>, Trouble> {
    let provider = provider(&back.dialect);
    let proof = Arc::new(Proof::read(back, &provider)?);
    let failed = |error: rustls::Error| {
        let path = back.machine.as_ref().map(|machine| machine.file.clone());
        let severity = underpass_core::config::Severity::Error;
        Trouble { path, severity, what: error.to_string() }
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(&back.dialect))
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(proof);
    let mut config = match &back.machine {
        None => builder.with_no_client_auth(),
        Some(machine) => {
            let Machine { file, chain } = machine;
            let mut own = certificates(file)?;
            troubles.extend(age(file, &own[0], now()).into_iter().chain(exposure(file)));
            own.extend(chain.as_deref().map(certificates).transpose()?.into_iter().flatten());
            let key = key(file)?;
            certified(own.clone(), key.clone_key(), &provider)
                .map_err(|(_, what)| Trouble::error(file, what))?;
            builder.with_client_auth_cert(own, key).map_err(failed)?
        }
    };
    config.alpn_protocols = vec![ALPN.into()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
}

/// By which name a backend is asked of that host; nothing if it is none. An address is not said in the hello (RFC
/// 6066 §3), and the certificate must be for it all the same.
pub(crate) fn name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned()).ok()
}

/// Every file and folder that it is made of.
pub(super) fn paths(back: &Back) -> Vec<&str> {
    let machine = back.machine.iter();
    let own = machine.flat_map(|it| [Some(&it.file), it.chain.as_ref()]).flatten();
    let own = own.map(String::as_str);
    own.chain(back.trust.iter().flat_map(visitors::paths)).collect()
}
