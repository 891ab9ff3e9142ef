//! The file of httpd's heartbeats, as the thread of checks reads it.

use std::fs::{self, File};
use std::io::{self, Read as _};

use underpass_core::balance::Heartbeats;
use underpass_core::balance::heartbeats::Trouble;
use underpass_core::limits::HEARTBEATS_MOST;
use underpass_core::route::Rules;
use underpass_core::time::{Time, Wait};

use crate::shared::Shared;

/// The file, and who is heard of by it.
#[derive(Debug)]
pub(crate) struct Storage {
    path: String,
    heartbeats: Heartbeats,
}

impl Storage {
    /// The file at that path (`HeartbeatStorage`).
    pub(crate) fn new(path: String, rules: &Rules) -> Self {
        Self { path, heartbeats: Heartbeats::new(rules) }
    }

    /// When it is to be read; never if nobody is heard of by it.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heartbeats.next()
    }

    /// Reads it if it is due.
    pub(crate) fn read(&mut self, shared: &Shared, now: Time) {
        if self.next().is_none_or(|at| now < at) {
            return;
        }
        let file = contents(&self.path);
        let heard = file.as_ref().ok().map(|(text, written)| (&text[..], *written));
        let heartbeats = &mut self.heartbeats;
        let trouble = shared.tell_pool(|pool| heartbeats.read(heard, pool, now));
        self.tell(trouble, file.err());
    }

    /// Tells the operator what is wrong.
    fn tell(&self, trouble: Option<Trouble>, error: Option<io::Error>) {
        let path = &self.path;
        match (trouble, error) {
            (Some(trouble), Some(error)) => {
                tracing::warn!(path, %trouble, %error, "HeartbeatStorage");
            }
            (Some(trouble), None) => tracing::warn!(path, %trouble, "HeartbeatStorage"),
            (None, _) => {}
        }
    }
}

/// What a file says, or a byte more than it may, and how long ago it was written.
fn contents(path: &str) -> io::Result<(Vec<u8>, Wait)> {
    // Whoever opens a pipe waits for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let (mut text, file) = (Vec::new(), File::open(path)?);
    // What will have been written in the future is new.
    let written = file.metadata()?.modified()?.elapsed().unwrap_or_default();
    file.take(HEARTBEATS_MOST as u64 + 1).read_to_end(&mut text)?;
    let micros = u64::try_from(written.as_micros()).unwrap_or(u64::MAX);
    Ok((text, Wait::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device may be endless, and a pipe may wait for ever.
    #[test]
    fn what_is_no_file_is_not_read() {
        for path in ["/dev/zero", "/", "/nowhere"] {
            assert!(contents(path).is_err(), "{path}");
        }
    }
}
