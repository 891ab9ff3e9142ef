//! Which of the files have changed: they are looked at about once a minute, and at every reload.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use underpass_core::time::{Time, Wait};

use super::files::in_folder;

/// How often the files are looked at.
const PERIOD: Wait = Wait::from_secs(60);

/// What a file was when it was last looked at.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    seen: BTreeMap<String, Stamp>,
    due: Time,
}

impl Watch {
    /// Watches those files and folders from now on, at which `look` looks.
    pub(crate) fn new(paths: BTreeSet<String>, now: Time, look: impl Fn(&str) -> Stamp) -> Self {
        let seen = paths.into_iter().map(|path| {
            let stamp = look(&path);
            (path, stamp)
        });
        Self { seen: seen.collect(), due: now.after(PERIOD) }
    }

    /// When they are to be looked at next.
    pub(crate) const fn due(&self) -> Time {
        self.due
    }

    /// The paths of which something has changed since they were last looked at.
    pub(crate) fn changed(&mut self, now: Time, look: impl Fn(&str) -> Stamp) -> BTreeSet<String> {
        self.due = now.after(PERIOD);
        let mut changed = BTreeSet::new();
        for (path, seen) in &mut self.seen {
            let found = look(path);
            if *seen != found {
                *seen = found;
                changed.insert(path.clone());
            }
        }
        changed
    }
}

/// What tells two contents of a path apart without reading them: of a folder, of all files in it; nothing if
/// it is not there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Stamp(Vec<(String, i64, i64, u64, u64)>);

impl Stamp {
    /// That of a path, through symbolic links.
    pub(crate) fn of(path: &str) -> Self {
        let files = match fs::metadata(path).is_ok_and(|found| found.is_dir()) {
            true => in_folder(path).unwrap_or_default(),
            false => vec![path.to_owned()],
        };
        let stamped = files.into_iter().filter_map(|file| {
            let found = fs::metadata(&file).ok()?;
            Some((file, found.mtime(), found.mtime_nsec(), found.ino(), found.len()))
        });
        Self(stamped.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn what_changes_is_told_once() {
        let folder = Folder::new();
        let (one, other) = (folder.write("a", "x"), folder.write("b", "x"));
        let paths = [one.clone(), other, folder.path("none")].into();
        let mut watch = Watch::new(paths, Time::ZERO, Stamp::of);
        assert_eq!(watch.changed(Time::ZERO, Stamp::of), BTreeSet::new());
        folder.write("a", "xy");
        assert_eq!(watch.changed(Time::ZERO, Stamp::of), [one].into());
        assert_eq!(watch.changed(Time::ZERO, Stamp::of), BTreeSet::new());
        folder.write("none", "");
        assert_eq!(watch.changed(Time::ZERO, Stamp::of), [folder.path("none")].into());
    }

    /// As those who renew certificates have it: a link is moved to another file, and a folder has one more.
    #[test]
    fn links_and_folders_are_seen_through() {
        let (folder, inner) = (Folder::new(), Folder::new());
        let (old, new) = (folder.write("1", "x"), folder.write("2", "x"));
        let link = folder.path("live");
        std::os::unix::fs::symlink(&old, &link).unwrap();
        let files = inner.path("");
        let mut watch = Watch::new([link.clone(), files.clone()].into(), Time::ZERO, Stamp::of);
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&new, &link).unwrap();
        assert_eq!(watch.changed(Time::ZERO, Stamp::of), [link].into());
        inner.write("a", "x");
        assert_eq!(watch.changed(Time::ZERO, Stamp::of), [files].into());
    }

    #[test]
    fn files_are_looked_at_once_a_minute() {
        let mut watch = Watch::new(BTreeSet::new(), Time::ZERO, Stamp::of);
        assert_eq!(watch.due(), Time::ZERO.after(PERIOD));
        watch.changed(watch.due(), Stamp::of);
        assert_eq!(watch.due(), Time::ZERO.after(PERIOD).after(PERIOD));
    }
}
