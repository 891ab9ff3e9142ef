//! The daemon under test: the real binary, in a process of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, Wire, eventually};

/// The binary.
pub(crate) const UNDERPASS: &str = env!("CARGO_BIN_EXE_underpass");

/// A running daemon. At its end it must stop in order, unless the test has failed anyway.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    address: SocketAddr,
    said: Arc<Mutex<String>>,
    listens_to_it: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Runs these directives, one a line, on a free port unless they say where.
    pub(crate) fn run(directives: &str) -> Self {
        Self::start(Command::new(UNDERPASS).args(arguments(directives)))
    }

    /// Runs these directives with no more than so many descriptors.
    pub(crate) fn run_with_descriptors(most: usize, directives: &str) -> Self {
        let script = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        Self::start(command.arg("-c").arg(script).arg(UNDERPASS).args(arguments(directives)))
    }

    /// Starts a command that becomes a daemon, and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.current_dir(empty_folder()).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("its stderr is piped");
        let said = Arc::new(Mutex::new(String::new()));
        let (addresses, address) = channel();
        let notes = Arc::clone(&said);
        let listens_to_it = thread::spawn(move || note(stderr, &notes, &addresses));
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            // The test fails here and now: whether there is still something to kill changes nothing.
            let _ = child.kill();
            panic!("the daemon does not listen; it said:\n{}", text(&said));
        };
        Self { child, address, said, listens_to_it: Some(listens_to_it) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection of a client's.
    pub(crate) fn connect(&self) -> Wire {
        Wire::new(TcpStream::connect(self.address).expect("the daemon listens"))
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Stops it by SIGTERM; its status.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        if self.is_alive() {
            kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it is our child");
        }
        let mut status = None;
        eventually("the daemon ends", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// What it has said on its standard error.
    pub(crate) fn said(&self) -> String {
        text(&self.said)
    }

    /// Its descriptors, and what each of them is: `socket:[123]`, say.
    pub(crate) fn descriptors(&self) -> BTreeMap<u32, String> {
        let folder = format!("/proc/{}/fd", self.pid());
        let entries = fs::read_dir(folder).expect("the daemon runs").flatten();
        let described = entries.filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let number = entry.file_name().to_str()?.parse().ok()?;
            Some((number, target.to_string_lossy().into_owned()))
        });
        described.collect()
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the daemon runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The time of a processor that it has used, in ticks of 10 ms.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("the daemon runs");
        // The name may hold blanks; behind it `utime` and `stime` are the 12th and 13th word.
        let (_, words) = stat.rsplit_once(") ").expect("a name in brackets");
        let words = words.split(' ').skip(11).take(2);
        words.map(|word| word.parse::<u64>().expect("a number")).sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            // The test has failed already: whether the daemon can be killed changes nothing.
            let _ = self.child.kill();
            let _ = self.child.wait();
            eprintln!("the daemon said:\n{}", self.said());
            return;
        }
        let status = self.stop();
        let notes = self.listens_to_it.take().map(JoinHandle::join);
        assert!(matches!(notes, None | Some(Ok(()))), "its words were lost");
        assert!(status.success(), "it ended with {status}, and said:\n{}", self.said());
    }
}

fn arguments(directives: &str) -> impl Iterator<Item = &str> {
    let lines = || directives.lines().map(str::trim).filter(|line| !line.is_empty());
    let listens = lines().any(|line| line.starts_with("Listen "));
    let listen = (!listens).then_some("Listen 127.0.0.1:0");
    let directives = listen.into_iter().chain(lines());
    // What is about keep-alive says so: everything else is easier to follow one request at a time.
    let run = ["run", "-C", "KeepAlive Off"].into_iter();
    run.chain(directives.flat_map(|directive| ["-C", directive]))
}

/// A folder without an `underpass.conf`.
pub(crate) fn empty_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("empty");
    fs::create_dir_all(&folder).expect("a folder in the target folder");
    folder
}

/// Notes what the daemon says, and tells where it listens.
fn note(stderr: ChildStderr, said: &Mutex<String>, addresses: &Sender<SocketAddr>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let address = line.strip_prefix("underpass: listening on ");
        if let Some(address) = address.and_then(|address| address.parse().ok()) {
            // Nobody waits for a second one.
            let _ = addresses.send(address);
        }
        said.lock().unwrap_or_else(PoisonError::into_inner).extend([line.as_str(), "\n"]);
    }
}

fn text(said: &Mutex<String>) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
