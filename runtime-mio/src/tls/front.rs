//! What rustls needs to speak with the clients of a host.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoServerSessionStorage;
use underpass_core::route::Front;

use super::pairs::Pairs;
use super::{ALPN, Trouble, provider, versions, visitors};

/// Makes it of the host's files; what is to be warned of is added to `troubles`.
///
/// Each host has ticket keys of its own, which change every six hours: no client comes by a session with one
/// host into another one that demands more of it (R13).
pub(super) fn config(
    front: &Front,
    troubles: &mut Vec<Trouble>,
) -> Result<Arc<ServerConfig>, Trouble> {
    let provider = provider(&front.dialect);
    let pairs = Pairs::read(&front.pairs, &provider, troubles)?;
    let visitors = visitors::verifier(&front.visitors, &provider)?;
    let first = front.pairs.first().map_or("", |pair| &pair.certificate);
    let failed = |error: rustls::Error| Trouble::error(first, error.to_string());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(&front.dialect))
        .map_err(failed)?
        .with_client_cert_verifier(visitors)
        .with_cert_resolver(Arc::new(pairs));
    config.ignore_client_order = front.ours_first;
    config.alpn_protocols = vec![ALPN.into()];
    // A session costs no memory here: the client keeps all of it in its ticket.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if front.tickets {
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(failed)?;
    }
    Ok(Arc::new(config))
}

/// Every file and folder that it is made of.
pub(super) fn paths(front: &Front) -> Vec<&str> {
    let mut paths: Vec<&str> = Vec::new();
    for pair in &front.pairs {
        paths.extend([&*pair.certificate, &*pair.key].into_iter().chain(pair.staple.as_deref()));
    }
    paths.extend(front.visitors.trust().into_iter().flat_map(visitors::paths));
    paths
}
