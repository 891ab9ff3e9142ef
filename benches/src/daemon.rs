//! The daemon as the measuring tools start it: a process of its own, built beside the tool.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;

/// A running daemon, killed when it is dropped. What it says goes on to our standard error.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: SocketAddr,
}

impl Daemon {
    /// Starts `target/release/underpass` with these directives on a free port of the loopback.
    ///
    /// # Errors
    ///
    /// If it was not built, or does not say where it listens.
    pub fn start(directives: &[&str]) -> io::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("underpass");
        let mut child = Command::new(&program)
            // An empty file: whatever configuration this machine has is not meant.
            .args(["run", "-f", "/dev/null", "-C", "Listen 127.0.0.1:0"])
            .args(directives.iter().flat_map(|directive| ["-C", directive]))
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failure(format!("{}: {error}: build it first", program.display())))?;
        let stderr = child.stderr.take().ok_or_else(|| failure("the daemon has no pipe"))?;
        let mut says = BufReader::new(stderr);
        let address = listens_on(&mut says)?;
        thread::spawn(move || io::copy(&mut says, &mut io::stderr()));
        Ok(Self { child, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    ///
    /// If it no longer runs.
    pub fn resident(&self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory that it has had since [`forget_peak`](Self::forget_peak), in bytes.
    ///
    /// # Errors
    ///
    /// If it no longer runs.
    pub fn peak(&self) -> io::Result<u64> {
        self.status("VmHWM:")
    }

    /// From now on its peak counts anew (`/proc/PID/clear_refs`, proc_pid_clear_refs(5)).
    ///
    /// # Errors
    ///
    /// If it no longer runs.
    pub fn forget_peak(&self) -> io::Result<()> {
        fs::write(self.proc("clear_refs"), "5")
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    ///
    /// If it no longer runs.
    pub fn descriptors(&self) -> io::Result<usize> {
        fs::read_dir(self.proc("fd")).map(Iterator::count)
    }

    fn status(&self, name: &str) -> io::Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let value = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        value.map(|kibibytes| kibibytes * 1024).ok_or_else(|| failure(format!("no {name}")))
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that a daemon names when it listens. One that does not has ended.
fn listens_on(says: &mut impl BufRead) -> io::Result<SocketAddr> {
    let mut said = String::new();
    while says.read_line(&mut said)? > 0 {
        let last = said.lines().next_back().and_then(|line| line.rsplit_once(" listening on "));
        if let Some(address) = last.and_then(|(_, address)| address.parse().ok()) {
            return Ok(address);
        }
    }
    Err(failure(format!("the daemon has not started:\n{said}")))
}

/// An error of the tool's own, in words.
pub fn failure(words: impl Into<String>) -> io::Error {
    io::Error::other(words.into())
}
