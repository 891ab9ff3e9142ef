//! A proxy that runs: on two ports of the loopback, in a folder of its own, on a core of its own.

use std::fs;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::cores::Cores;
use super::peers::Peer;
use crate::daemon::failure;

/// How long we listen to a proxy that does not let us in yet before we try again.
const BREATH: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// How often we try: a minute in all.
const TRIES: usize = 6_000;

/// A running proxy, which ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    /// Where it speaks HTTP.
    pub plain: SocketAddr,
    /// Where it speaks HTTP by TLS.
    pub tls: SocketAddr,
    folder: PathBuf,
}

impl Proxy {
    /// Starts it by that configuration, into which its ports and its folder are put. The folder is made,
    /// and removed in the end.
    ///
    /// # Errors
    ///
    /// If it is not installed, or ends; the error has what it says.
    pub fn start(
        peer: &'static Peer,
        template: &str,
        folder: PathBuf,
        cores: &Cores,
    ) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let [plain, tls] = [free_address()?, free_address()?];
        let text = template
            .replace("@PLAIN@", &plain.port().to_string())
            .replace("@TLS@", &tls.port().to_string())
            .replace("@DIR@", &folder.display().to_string());
        let configuration = folder.join("conf");
        fs::write(&configuration, text)?;
        let mut command = peer.command(&folder, &configuration)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = cores.on_the_first(|| command.spawn())?;
        let stderr = child.stderr.take().ok_or_else(|| failure("the proxy has no pipe"))?;
        let proxy = Self { child, plain, tls, folder };
        proxy.until_it_listens(peer, stderr)?;
        Ok(proxy)
    }

    /// The process that was started; it may have others below it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tries to come in, and listens to what the proxy says in between. What it says later is read, so that
    /// it is not held up, and told of if it is an error.
    fn until_it_listens(&self, peer: &'static Peer, mut stderr: ChildStderr) -> io::Result<()> {
        let mut said = Vec::new();
        for _ in 0..TRIES {
            if [self.plain, self.tls].iter().all(|address| TcpStream::connect(address).is_ok()) {
                let all = io::Cursor::new(said).chain(stderr);
                thread::spawn(move || tell(peer, BufReader::new(all)));
                return Ok(());
            }
            if poll(&mut [PollFd::new(&stderr, PollFlags::IN)], Some(&BREATH))? == 0 {
                continue;
            }
            let mut room = [0; 4096];
            match stderr.read(&mut room)? {
                0 => break,
                count => said.extend_from_slice(&room[..count]),
            }
        }
        Err(failure(format!("{} did not start:\n{}", peer.name, String::from_utf8_lossy(&said))))
    }
}

impl Drop for Proxy {
    /// Asks it to end at once, its workers included: a kill would leave them behind.
    fn drop(&mut self) {
        // One that has ended by itself, or whose files are gone, is what is wanted.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Tells what a proxy says, but what it says of every start and end.
fn tell(peer: &Peer, says: impl BufRead) {
    const USUAL: [&str; 2] = ["listening on", ":notice]"];
    let lines = says.lines().map_while(Result::ok).filter(|line| !line.is_empty());
    for line in lines.filter(|line| !USUAL.iter().any(|usual| line.contains(usual))) {
        eprintln!("{}: {line}", peer.name);
    }
}

/// An address of the loopback that nobody listens at; the port is the kernel's choice.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
