//! The keys that are in use, and when they are made anew.

use std::collections::BTreeSet;
use std::sync::Arc;

use underpass_core::config::Severity;
use underpass_core::route::Rules;
use underpass_core::time::Time;

use super::watch::{Stamp, Watch};
use super::{Keys, Trouble, paths};

/// Keeps the keys of a configuration like their files.
#[derive(Debug)]
pub(crate) struct Keeper {
    keys: Arc<Keys>,
    watch: Watch,
    /// Files of which the keys from before are in use, because something is wrong with them.
    bad: BTreeSet<String>,
}

impl Keeper {
    /// Reads all files for the first time.
    pub(crate) fn new(rules: &Rules, now: Time) -> (Self, Vec<Trouble>) {
        // A file that changes while it is read is seen to have changed.
        let watch = Watch::new(paths(rules), now, Stamp::of);
        let (keys, troubles) = Keys::load(rules);
        (Self { keys: Arc::new(keys), watch, bad: BTreeSet::new() }, troubles)
    }

    /// The keeper of the keys of other rules that come after those. What is wrong with their files is said, and what
    /// has changed meanwhile is read anew; this one stays as it is.
    pub(crate) fn after(&self, before: &Rules, rules: &Rules, now: Time) -> (Self, Vec<Trouble>) {
        let watch = Watch::new(paths(rules), now, Stamp::of);
        let mut changed = self.watch.clone().changed(now, Stamp::of);
        changed.extend(self.bad.iter().cloned());
        let (keys, troubles) = self.keys.after(before, rules, |path| changed.contains(path));
        (Self { keys: Arc::new(keys), watch, bad: BTreeSet::new() }, troubles)
    }

    /// The keys for whoever begins a handshake now: who has begun one keeps what it began with.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// When the files are to be looked at next.
    pub(crate) const fn due(&self) -> Time {
        self.watch.due()
    }

    /// Looks at the files, and says what is wrong with those that have changed: there the old keys stay.
    pub(crate) fn look(&mut self, rules: &Rules, now: Time) -> Vec<Trouble> {
        let changed = self.watch.changed(now, Stamp::of);
        if changed.is_empty() {
            return Vec::new();
        }
        let (keys, troubles) = self.keys.renewed(rules, |path| changed.contains(path));
        self.keys = Arc::new(keys);
        self.bad.retain(|path| !changed.contains(path));
        let errors = troubles.iter().filter(|trouble| trouble.severity == Severity::Error);
        self.bad.extend(errors.filter_map(|trouble| trouble.path.clone()));
        troubles
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Folder, Issued};
    use super::*;

    #[test]
    fn keys_change_when_their_files_do() {
        let folder = Folder::new();
        folder.write("a.pem", &Issued::by_itself("a").both());
        let rules = folder.rules("SSLEngine on\nSSLCertificateFile %/a.pem");
        let (mut keeper, troubles) = Keeper::new(&rules, Time::ZERO);
        assert_eq!(troubles, []);
        let first = keeper.keys();
        assert_eq!(keeper.look(&rules, keeper.due()), []);
        assert!(Arc::ptr_eq(&first, &keeper.keys()), "nothing has changed");
        folder.write("a.pem", "nonsense");
        assert_eq!(keeper.look(&rules, keeper.due())[0].what, "there is no certificate in it");
        folder.write("a.pem", &Issued::by_itself("a").both());
        assert_eq!(keeper.look(&rules, keeper.due()), []);
        assert!(!Arc::ptr_eq(&first, &keeper.keys()));
    }
}
