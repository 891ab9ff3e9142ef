//! Keys: what rustls needs to speak TLS with clients (`front.rs`) and with backends (`back.rs`), made of the files
//! that the configuration names, and made anew when they change (`watch.rs`,
//! `keeper.rs`).
//!
//! Connections are the business of `leg`; here no byte of theirs is seen.

mod back;
mod files;
mod front;
mod keeper;
mod pairs;
mod proof;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod visitors;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
use underpass_core::config::Severity;
use underpass_core::route::tls::Dialect;
use underpass_core::route::{Hello, Host, Rules, Worker, WorkerId};

use back::name;
pub(crate) use keeper::Keeper;

/// What is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Trouble {
    /// The path as the configuration has it; none if it is about the system's own files.
    pub(crate) path: Option<String>,
    /// Whether it can be used nevertheless.
    pub(crate) severity: Severity,
    /// One clause.
    pub(crate) what: String,
}

impl Trouble {
    fn error(path: &str, what: impl Into<String>) -> Self {
        Self { path: Some(path.into()), severity: Severity::Error, what: what.into() }
    }

    fn warning(path: &str, what: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, what) }
    }
}

/// The keys of a configuration: all loops share them, and whoever has begun a handshake keeps what it began with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    /// By the number of the host.
    fronts: Vec<Option<Arc<ServerConfig>>>,
    /// By the number of the worker.
    backs: Vec<Option<Arc<ClientConfig>>>,
}

impl Keys {
    /// Reads all files. What cannot be made of them is not there, and in trouble.
    pub(crate) fn load(rules: &Rules) -> (Self, Vec<Trouble>) {
        let none =
            Self { fronts: vec![None; rules.hosts.len()], backs: vec![None; rules.workers.len()] };
        none.renewed(rules, |_| false)
    }

    /// The keys of other rules, those of unchanged files among them: with these a session that began before is resumed.
    pub(crate) fn after(
        &self,
        before: &Rules,
        rules: &Rules,
        is_changed: impl Fn(&str) -> bool,
    ) -> (Self, Vec<Trouble>) {
        let is_kept = |paths: Vec<&str>| !paths.into_iter().any(&is_changed);
        let front = |host: &Host| {
            let tls = host.tls.as_deref().filter(|tls| is_kept(front::paths(tls)))?;
            let is_same = |old: &Host| old.name == host.name && old.tls.as_deref() == Some(tls);
            self.fronts[before.hosts.iter().position(is_same)?].clone()
        };
        let back = |(worker, old): (&Worker, &Worker)| {
            let tls = worker.tls.as_deref().filter(|tls| is_kept(back::paths(tls)))?;
            (worker.peer == old.peer && old.tls.as_deref() == Some(tls)).then_some(())
        };
        let fronts = rules.hosts.iter().map(front).collect();
        let workers = rules.workers.iter().zip(&before.workers);
        let kept = workers.zip(&self.backs).map(|(both, slot)| back(both).and(slot.clone()));
        let mut backs: Vec<_> = kept.collect();
        backs.resize(rules.workers.len(), None);
        Self { fronts, backs }.renewed(rules, |_| false)
    }

    /// These keys, but for those of changed files: they are read anew, and where something is wrong with
    /// that, the old ones stay. Sessions that began with what has changed are not resumed.
    pub(crate) fn renewed(
        &self,
        rules: &Rules,
        is_changed: impl Fn(&str) -> bool,
    ) -> (Self, Vec<Trouble>) {
        let mut troubles = Vec::new();
        let changes = |paths: Vec<&str>| paths.into_iter().any(&is_changed);
        let mut keys = self.clone();
        for (host, slot) in rules.hosts.iter().zip(&mut keys.fronts) {
            let tls = host.tls.as_deref();
            if let Some(tls) = tls.filter(|tls| slot.is_none() || changes(front::paths(tls))) {
                let made = front::config(tls, &mut troubles);
                *slot = noted(made, &mut troubles).or(slot.take());
            }
        }
        for (WorkerId(number), worker) in rules.serving() {
            let (tls, slot) = (worker.tls.as_deref(), &mut keys.backs[number as usize]);
            // The system's own issuers are read with all else, and have no name.
            if let Some(tls) = tls.filter(|tls| slot.is_none() || changes(back::paths(tls))) {
                let made = back::config(tls, &mut troubles);
                *slot = noted(made, &mut troubles).or(slot.take());
            }
        }
        let mut seen = Vec::new();
        troubles.retain(|trouble| {
            !seen.contains(trouble) && {
                seen.push(trouble.clone());
                true
            }
        });
        (keys, troubles)
    }

    /// By what a client is spoken to that said that hello.
    pub(crate) fn front(&self, hello: Hello) -> Option<Arc<ServerConfig>> {
        self.fronts.get(usize::from(hello.host))?.clone()
    }

    /// By what that worker is spoken to, and by which name it is asked: that one, or its own.
    pub(crate) fn back(
        &self,
        rules: &Rules,
        worker: WorkerId,
        asked: Option<&str>,
    ) -> Option<(Arc<ClientConfig>, ServerName<'static>)> {
        let config = self.backs.get(worker.0 as usize)?.clone()?;
        let tls = rules.worker(worker)?.tls.as_deref()?;
        Some((config, name(asked.unwrap_or(&tls.name))?))
    }
}

/// Every file and folder that those rules name.
pub(crate) fn paths(rules: &Rules) -> BTreeSet<String> {
    let fronts = rules.hosts.iter().filter_map(|host| host.tls.as_deref()).flat_map(front::paths);
    let backs = rules.serving().filter_map(|(_, worker)| worker.tls.as_deref());
    fronts.chain(backs.flat_map(back::paths)).map(str::to_owned).collect()
}

fn noted<T>(made: Result<T, Trouble>, troubles: &mut Vec<Trouble>) -> Option<T> {
    made.map_err(|trouble| troubles.push(trouble)).ok()
}

/// The arithmetic of that dialect.
fn provider(dialect: &Dialect) -> Arc<CryptoProvider> {
    let all = aws_lc_rs::default_provider();
    let suite = |code: u16| {
        all.cipher_suites.iter().find(|suite| u16::from(suite.suite()) == code).copied()
    };
    let cipher_suites = dialect.suites.iter().filter_map(|chosen| suite(chosen.code)).collect();
    Arc::new(CryptoProvider { cipher_suites, ..all })
}

/// The versions of that dialect.
fn versions(dialect: &Dialect) -> Vec<&'static SupportedProtocolVersion> {
    let of_13 = dialect.versions.has_13().then_some(&TLS13);
    of_13.into_iter().chain(dialect.versions.has_12().then_some(&TLS12)).collect()
}

/// What is spoken inside, as ALPN has it (RFC 7301).
const ALPN: &[u8] = b"http/1.1";
