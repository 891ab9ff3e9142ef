//! How many system calls a proxy makes, counted by `strace`, where there is one that may attach.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::crowd::Crowd;
use super::order::Order;
use super::results::{Front, Sample, Unit};
use super::site::Site;
use super::tasks::Scale;
use super::visit::upgrades;
use crate::daemon::failure;

/// Calls for a tunnel that is opened and ended, and for an echo of 64 bytes by one of 100.
///
/// # Errors
///
/// If `strace` is not there or may not attach, or a tunnel breaks.
pub fn count(site: &Site<'_>, front: Front, scale: Scale) -> io::Result<Vec<Sample>> {
    // One of few threads, because every thread is attached to.
    let site = &site.fresh(1, "")?;
    let door = site.door(front);
    let opened = scale.of([800, 160]);
    // Whoever serves tunnels has been started once one has been served.
    upgrades(&door, 1)?;
    let watch = Watch::begin(site)?;
    upgrades(&door, opened)?;
    site.backend.until_empty()?;
    let open = watch.end()? / opened as f64;
    let mut crowd = Crowd::open(&door, 1)?;
    let echoes = scale.of([2_000, 400]);
    let watch = Watch::begin(site)?;
    crowd.exchange(&Order::echo(64), echoes)?;
    let echo = watch.end()? / echoes as f64;
    drop(crowd);
    site.backend.until_empty()?;
    let sample =
        |(what, value): (&str, f64)| Sample { what: what.into(), unit: Unit::Calls, value };
    let named =
        [("system calls for a tunnel opened and ended", open), ("system calls for an echo", echo)];
    Ok(named.map(sample).into())
}

/// `strace` at work on a proxy, all of its processes and threads.
#[derive(Debug)]
struct Watch {
    strace: Child,
    says: BufReader<ChildStderr>,
    summary: PathBuf,
}

impl Watch {
    fn begin(site: &Site<'_>) -> io::Result<Self> {
        let summary = site.folder().join("strace");
        let processes = site.meter().processes();
        let mut command = Command::new("strace");
        command.args(["-c", "-f", "-o"]).arg(&summary);
        command.args(processes.iter().flat_map(|process| ["-p".to_owned(), process.to_string()]));
        let spawned = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let hint = |error| failure(format!("strace: {error}: `apt-get install strace`"));
        let mut strace = spawned.map_err(hint)?;
        let stderr = strace.stderr.take().ok_or_else(|| failure("strace has no pipe"))?;
        let mut watch = Self { strace, says: BufReader::new(stderr), summary };
        for _ in processes {
            let mut line = String::new();
            watch.says.read_line(&mut line)?;
            if !line.contains(" attached") {
                watch.strace.wait()?;
                return Err(failure(format!("strace may not attach: {line}")));
            }
        }
        Ok(watch)
    }

    /// Detaches; how many calls there were.
    fn end(mut self) -> io::Result<f64> {
        let pid = Pid::from_child(&self.strace);
        kill_process(pid, Signal::INT)?;
        io::copy(&mut self.says, &mut io::sink())?;
        self.strace.wait()?;
        let text = fs::read_to_string(&self.summary)?;
        let total = text.lines().find(|line| line.ends_with(" total"));
        let calls = total.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
        calls.ok_or_else(|| failure(format!("strace says no total: {text}")))
    }
}
