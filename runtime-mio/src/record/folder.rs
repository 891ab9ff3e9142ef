//! The folder of the traces: a file for each session, and no more bytes than it may take.
//!
//! A file a session: what is old goes as a whole, what is there replays, and a crash hurts no other trace.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the names of traces end with.
const SUFFIX: &str = ".trace";

/// A folder of traces, those of earlier daemons included.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Bytes that all files may have together.
    most: u64,
    /// Bytes that they have.
    total: u64,
    /// The files by their age, the oldest first.
    files: BTreeMap<u64, (PathBuf, u64)>,
    next: u64,
    /// Where the sessions that go on are written, by the number of their loop and their own.
    open: BTreeMap<(usize, u64), u64>,
    /// What the names of this daemon's files begin with: they sort by age.
    prefix: String,
}

impl Folder {
    /// Opens that folder, and makes it if it is missing: for nobody else, as the traces say who asked for
    /// what.
    pub(super) fn open(path: &Path, most: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut folder = Self {
            path: path.to_owned(),
            most,
            total: 0,
            files: BTreeMap::new(),
            next: 0,
            open: BTreeMap::new(),
            prefix: format!("{began:010}-{}", process::id()),
        };
        folder.take_stock()?;
        folder.make_room(0)?;
        Ok(folder)
    }

    fn take_stock(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().ends_with(SUFFIX) && entry.file_type()?.is_file() {
                found.push((entry.path(), entry.metadata()?.len()));
            }
        }
        found.sort();
        for (path, size) in found {
            self.total += size;
            self.add(path, size);
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf, size: u64) -> u64 {
        let number = self.next;
        self.next += 1;
        self.files.insert(number, (path, size));
        number
    }

    /// Writes lines of that session behind those that are there; the first ones make its file.
    ///
    /// # Errors
    ///
    /// If they cannot be written: the trace is then given up, once.
    pub(super) fn write(
        &mut self,
        whose: (usize, u64),
        is_first: bool,
        lines: &[u8],
    ) -> io::Result<()> {
        if is_first {
            let (home, session) = whose;
            let name = format!("{}-{home}-{session:06}{SUFFIX}", self.prefix);
            let number = self.add(self.path.join(name), 0);
            self.open.insert(whose, number);
        }
        let Some(&number) = self.open.get(&whose).filter(|_| !lines.is_empty()) else {
            return Ok(());
        };
        let written = self.append(number, is_first, lines);
        if written.is_err() {
            self.open.remove(&whose);
        }
        written
    }

    /// Nothing more comes of that session.
    pub(super) fn close(&mut self, whose: (usize, u64)) {
        self.open.remove(&whose);
    }

    fn append(&mut self, number: u64, is_first: bool, lines: &[u8]) -> io::Result<()> {
        self.make_room(lines.len() as u64)?;
        let Some((path, size)) = self.files.get_mut(&number) else {
            return Err(io::Error::other("it was the oldest one in a full folder"));
        };
        let mut file = file(path, is_first)?;
        let written = file.write_all(lines);
        let now = file.metadata()?.len();
        self.total = self.total - *size + now;
        *size = now;
        written
    }

    /// Removes the oldest files until there is room for so many bytes more.
    fn make_room(&mut self, wanted: u64) -> io::Result<()> {
        while self.total + wanted > self.most {
            let Some((_, (path, size))) = self.files.first_key_value() else {
                return Err(ErrorKind::FileTooLarge.into());
            };
            match fs::remove_file(path) {
                // Somebody has tidied up, or it was never written.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
            self.total -= size;
            self.files.pop_first();
        }
        Ok(())
    }
}

fn file(path: &Path, is_first: bool) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(is_first).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for that test, and empty.
    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("underpass-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&place);
        place
    }

    /// The sizes of the files, the oldest first.
    fn sizes(place: &Path) -> Vec<u64> {
        let entries = fs::read_dir(place).expect("a folder").flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.sort();
        files.iter().map(|file| fs::metadata(file).expect("a file").len()).collect()
    }

    #[test]
    fn what_is_old_goes_when_there_is_no_room() {
        let place = place("old");
        let mut folder = Folder::open(&place, 100).expect("it is made");
        for session in 0..4 {
            folder.write((0, session), true, &[b'x'; 20]).expect("there is room");
        }
        folder.write((0, 2), false, &[b'x'; 20]).expect("just enough");
        assert_eq!(sizes(&place), [20, 20, 40, 20]);
        folder.write((0, 3), false, &[b'x'; 30]).expect("room is made");
        assert_eq!(sizes(&place), [40, 50]);
        folder.write((0, 1), false, b"x").expect_err("it has gone");
        folder.write((0, 1), false, b"x").expect("nobody is told twice");
        folder.close((0, 2));
        folder.write((0, 2), false, b"x").expect("its end was told");
        assert_eq!((sizes(&place), folder.total), (vec![40, 50], 90));
        folder.write((0, 4), true, &[b'x'; 101]).expect_err("that is too much for any folder");
        assert_eq!((sizes(&place), folder.total), (vec![], 0));
        fs::remove_dir_all(&place).expect("it is ours");
    }

    #[test]
    fn what_earlier_daemons_left_counts() {
        let place = place("earlier");
        let mut earlier = Folder::open(&place, 100).expect("it is made");
        earlier.write((0, 0), true, &[b'x'; 60]).expect("there is room");
        earlier.write((0, 1), true, &[b'x'; 30]).expect("there is room");
        fs::write(place.join("notes.txt"), "somebody else's").expect("it is written");
        let mut later = Folder::open(&place, 80).expect("it is there");
        assert_eq!(later.total, 30);
        later.prefix = "9".into();
        later.write((0, 0), true, &[b'x'; 51]).expect("room is made");
        assert_eq!(sizes(&place), [51, 15]);
        fs::remove_dir_all(&place).expect("it is ours");
    }

    #[test]
    fn nobody_else_reads_a_trace() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = place("mode");
        let mut folder = Folder::open(&place.join("in"), 100).expect("both are made");
        folder.write((1, 2), true, b"x").expect("there is room");
        let (file, _) = &folder.files[&0];
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!((mode(file) & 0o777, mode(&place.join("in")) & 0o777), (0o600, 0o700));
        fs::remove_dir_all(&place).expect("it is ours");
    }
}
