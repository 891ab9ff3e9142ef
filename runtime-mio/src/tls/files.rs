//! Files in PEM (RFC 7468).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use underpass_core::route::tls::{Paths, Revoked};

use super::Trouble;

/// What a file holds.
pub(super) fn read(path: &str) -> Result<Vec<u8>, Trouble> {
    fs::read(path).map_err(|error| Trouble::error(path, format!("it cannot be read: {error}")))
}

/// The certificates of a file: at least one.
pub(super) fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    some(path, "certificate")
}

/// The first key of a file.
pub(super) fn key(path: &str) -> Result<PrivateKeyDer<'static>, Trouble> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let is_locked = bytes.windows(9).any(|part| part == b"ENCRYPTED");
        let is_missing = matches!(error, Error::NoItemsFound);
        let what = match (is_missing, is_locked) {
            (true, true) => "its key is behind a passphrase, for which nobody can be asked".into(),
            (true, false) => "there is no key in it".into(),
            (false, _) => format!("it is no PEM: {error}"),
        };
        Trouble::error(path, what)
    })
}

/// What is to be warned of a key's file: that anybody may read it.
pub(super) fn exposure(path: &str) -> Option<Trouble> {
    let mode = fs::metadata(path).ok()?.mode();
    let warning = || Trouble::warning(path, "every user of this machine may read this key");
    (mode & 0o004 != 0).then(warning)
}

/// All issuers of those files and folders.
pub(super) fn roots(paths: &Paths) -> Result<RootCertStore, Trouble> {
    let mut roots = RootCertStore::empty();
    for certificate in all::<CertificateDer<'static>>(paths, "certificate")? {
        let (path, der) = certificate;
        roots.add(der).map_err(|error| Trouble::error(&path, format!("{error}")))?;
    }
    Ok(roots)
}

/// All certificates of those files and folders.
pub(super) fn issuers(paths: &Paths) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    Ok(all(paths, "certificate")?.into_iter().map(|(_, der)| der).collect())
}

/// The system's own issuers.
pub(super) fn system_roots() -> Result<Arc<RootCertStore>, Trouble> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let what = format!(
            "the system has no certificates of issuers ({}): write SSLProxyCACertificateFile",
            errors.join(", ")
        );
        let severity = underpass_core::config::Severity::Error;
        return Err(Trouble { path: None, severity, what });
    }
    Ok(Arc::new(roots))
}

/// All lists of what has been taken back.
pub(super) fn lists(
    revoked: Option<&Revoked>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, Trouble> {
    let Some(revoked) = revoked else { return Ok(Vec::new()) };
    let lists = all(&revoked.lists, "list of certificates that have been taken back")?;
    Ok(lists.into_iter().map(|(_, der)| der).collect())
}

/// Everything of that kind, and where it was: in every file, and in at least one of each folder.
fn all<T: PemObject>(paths: &Paths, what: &str) -> Result<Vec<(String, T)>, Trouble> {
    let mut found = Vec::new();
    for path in &paths.files {
        found.extend(some(path, what)?.into_iter().map(|it| (path.clone(), it)));
    }
    for folder in &paths.folders {
        let before = found.len();
        for path in in_folder(folder)? {
            let items = items(&path)?;
            found.extend(items.into_iter().map(|it| (folder.clone(), it)));
        }
        if found.len() == before {
            return Err(Trouble::error(folder, format!("there is no {what} in it")));
        }
    }
    Ok(found)
}

/// The files of a folder, in the order of their names.
pub(super) fn in_folder(folder: &str) -> Result<Vec<String>, Trouble> {
    let failed = |error| Trouble::error(folder, format!("it cannot be read: {error}"));
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

fn some<T: PemObject>(path: &str, what: &str) -> Result<Vec<T>, Trouble> {
    let items = items(path)?;
    let none = || Trouble::error(path, format!("there is no {what} in it"));
    if items.is_empty() { Err(none()) } else { Ok(items) }
}

fn items<T: PemObject>(path: &str) -> Result<Vec<T>, Trouble> {
    let bytes = read(path)?;
    let items: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    items.map_err(|error| Trouble::error(path, format!("it is no PEM: {error}")))
}
