//! The thread that writes traces: events become lines, and lines go into files.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use underpass_core::trace::{Event, Opening};

use super::folder::Folder;
use super::queue::{Batch, Batches};

/// How often it is told at the most that traces are lost.
const TELL: Duration = Duration::from_secs(60);

/// Writes what comes out of the queue, until every loop has ended.
#[derive(Debug)]
pub(super) struct Writer {
    folder: Folder,
    batches: Batches,
    directives: Vec<String>,
    /// What is written next.
    lines: Vec<u8>,
    /// When it was told that traces are lost.
    told: Option<Instant>,
}

impl Writer {
    /// A writer into that folder; the directives are what every trace begins with.
    pub(super) fn new(folder: Folder, batches: Batches, directives: Vec<String>) -> Self {
        Self { folder, batches, directives, lines: Vec::new(), told: None }
    }

    pub(super) fn run(mut self) {
        loop {
            let patience = self.batches.has_lost().then(|| self.rests());
            match self.batches.next(patience) {
                Ok(batch) => self.write(&batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.rests().is_zero() {
                self.tell();
            }
        }
        self.tell();
    }

    /// How long nothing more is told.
    fn rests(&self) -> Duration {
        self.told.map_or(Duration::ZERO, |told| TELL.saturating_sub(told.elapsed()))
    }

    fn tell(&mut self) {
        let lost = self.batches.take_lost();
        if lost > 0 {
            tracing::warn!(lost, "traces of sessions are cut short: the disk is too slow, or full");
            self.told = Some(Instant::now());
        }
    }

    fn write(&mut self, batch: &Batch) {
        self.lines.clear();
        if let Some(begin) = batch.begin {
            let directives = self.directives.clone();
            Opening::new(batch.whose.1, begin.caller, begin.at, directives).write(&mut self.lines);
        }
        batch.events.iter().for_each(|event| Event::write(event, &mut self.lines));
        let written = self.folder.write(batch.whose, batch.begin.is_some(), &self.lines);
        if let Err(error) = written {
            tracing::debug!(%error, "a trace cannot be written");
            self.batches.lose();
        }
        if batch.is_last {
            self.folder.close(batch.whose);
        }
    }
}
