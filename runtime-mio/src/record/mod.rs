//! Recording: which sessions have a tape, and how what is on it comes to the disk.
//!
//! ```text
//! loop: Tapes ─ a batch a turn ─▶ queue, bounded ─▶ thread: writer ─▶ folder, bounded
//! ```
//!
//! A loop never waits: where the queue is full, the trace ends there, and that is counted. What a session
//! has done is on its way to the disk when its turn ends, so the trace of one that hangs, or that has made
//! its loop panic, is there to be looked at.

mod folder;
mod queue;
mod tapes;
mod writer;

use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::thread::{self, JoinHandle};

use underpass_core::config::{self, Config, Input, Nowhere};

use folder::Folder;
use queue::{Queue, queue};
pub(crate) use tapes::Tapes;
use writer::Writer;

/// What every loop records by.
#[derive(Debug)]
pub(crate) struct Recorder {
    every: NonZeroU32,
    queue: Queue,
}

impl Recorder {
    /// Makes the folder ready and starts the writer, if anything is to be recorded.
    pub(crate) fn start(
        config: &Config,
        directives: Vec<String>,
    ) -> io::Result<Option<(Self, JoinHandle<()>)>> {
        let Some(every) = config.recording.every else { return Ok(None) };
        if !is_same(config, &directives) {
            let why = "a variable of the configuration has a line's end or a `${` in its value";
            return Err(io::Error::other(why));
        }
        let most = u64::from(config.recording.mebibytes) << 20;
        let folder = Folder::open(Path::new(&config.recording.folder), most)?;
        let (queue, batches) = queue();
        let writer = Writer::new(folder, batches, directives);
        let thread = thread::Builder::new().name("recorder".into()).spawn(move || writer.run())?;
        Ok(Some((Self { every, queue }, thread)))
    }

    /// The tapes of the loop of that number.
    pub(crate) fn tapes(&self, home: usize) -> Tapes {
        Tapes::new(home, self.every, self.queue.clone())
    }
}

/// Whether whoever replays a trace has the rules that we have.
fn is_same(config: &Config, directives: &[String]) -> bool {
    let line = |text: &String| Input::Line { name: String::new(), text: text.clone() };
    let lines: Vec<_> = directives.iter().map(line).collect();
    config::load(&mut Nowhere, &lines, &[]).is_ok_and(|again| again.rules == config.rules)
}
