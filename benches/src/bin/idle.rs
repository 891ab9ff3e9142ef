//! What an idle tunnel costs in user space: the slope of the daemon's memory over thousands of them.
//!
//! `cargo build --release && cargo run --release -p underpass-benches --bin idle`

use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

/// How many tunnels stand at each reading. A process may open 20 000 descriptors here, and a tunnel
/// needs two of the daemon's and two of ours.
const STEPS: [usize; 4] = [1_000, 2_000, 4_000, 8_000];

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: idle\r\n\r\n";
const YES: &[u8] = b"HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: idle\r\n\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, most)?;
    let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let daemon = Daemon::start(backend.local_addr()?)?;
    thread::spawn(move || switch_all(&backend));
    measure(&daemon)
}

/// Opens tunnels step by step, each used once for a message each way, and prints the slope.
fn measure(daemon: &Daemon) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let (mut tunnels, mut before) = (Vec::new(), None);
    for step in STEPS {
        while tunnels.len() < step {
            tunnels.push(open(daemon.address)?);
        }
        let memory = daemon.memory()?;
        write!(out, "{step:6} tunnels  {memory:9} B resident")?;
        if let Some((fewer, less)) = before.replace((step, memory)) {
            let slope = (memory - less) as f64 / (step - fewer) as f64;
            write!(out, "  {slope:6.1} B for each further tunnel")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let mut tunnel = TcpStream::connect(address)?;
    tunnel.write_all(ASK)?;
    read_head(&mut tunnel)?;
    tunnel.write_all(&[b'x'; 512])?;
    let mut echo = [0; 512];
    tunnel.read_exact(&mut echo)?;
    Ok(tunnel)
}

/// The backend: switches whoever comes, answers 512 bytes, and keeps the connection.
fn switch_all(listener: &TcpListener) {
    let mut kept = Vec::new();
    for stream in listener.incoming() {
        match stream.and_then(switch) {
            Ok(stream) => kept.push(stream),
            Err(error) => eprintln!("the backend lost a tunnel: {error}"),
        }
    }
}

fn switch(mut stream: TcpStream) -> io::Result<TcpStream> {
    read_head(&mut stream)?;
    stream.write_all(YES)?;
    let mut message = [0; 512];
    stream.read_exact(&mut message)?;
    stream.write_all(&message)?;
    Ok(stream)
}

/// Reads byte by byte, so that nothing behind the head is taken.
fn read_head(stream: &mut TcpStream) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(())
}

/// The daemon, as it was built beside this program.
struct Daemon {
    child: Child,
    address: SocketAddr,
}

impl Daemon {
    fn start(backend: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let program = std::env::current_exe()?.with_file_name("underpass");
        let rule = format!("ProxyPass / http://{backend}/ upgrade=idle");
        let mut child = Command::new(&program)
            // An empty file: whatever configuration this machine has is not meant.
            .args(["run", "-f", "/dev/null"])
            .args(["-C", "Listen 127.0.0.1:0", "-C", "Threads 1", "-C", &rule])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}: build it first", program.display()))?;
        let mut line = String::new();
        let stderr = child.stderr.take().ok_or("the daemon has no standard error")?;
        BufReader::new(stderr).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default().parse();
        Ok(Self { child, address: address.map_err(|_| line)? })
    }

    fn memory(&self) -> Result<u64, Box<dyn Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.ok_or("no VmRSS")?.trim().trim_end_matches(" kB").parse::<u64>()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
