//! What an idle tunnel costs in user space: the slope of the daemon's memory over thousands of them.
//!
//! `cargo build --release && cargo run --release -p underpass-benches --bin idle`

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use underpass_benches::daemon::Daemon;
use underpass_benches::wire::Wire;

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
    let rule = format!("ProxyPass / http://{}/ upgrade=idle", backend.local_addr()?);
    let daemon = Daemon::start(&["Threads 1", &rule])?;
    thread::spawn(move || switch_all(&backend));
    measure(&daemon)
}

/// Opens tunnels step by step, each used once for a message each way, and prints the slope.
fn measure(daemon: &Daemon) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let (mut tunnels, mut before) = (Vec::new(), None);
    for step in STEPS {
        while tunnels.len() < step {
            tunnels.push(open(daemon.address())?);
        }
        let memory = daemon.resident()?;
        write!(out, "{step:6} tunnels  {memory:9} B resident")?;
        if let Some((fewer, less)) = before.replace((step, memory)) {
            let slope = (memory - less) as f64 / (step - fewer) as f64;
            write!(out, "  {slope:6.1} B for each further tunnel")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn open(address: SocketAddr) -> io::Result<Wire> {
    let mut tunnel = Wire::connect(address)?;
    tunnel.write_all(ASK)?;
    tunnel.due_head()?;
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
            Ok(tunnel) => kept.push(tunnel),
            Err(error) => eprintln!("the backend lost a tunnel: {error}"),
        }
    }
}

fn switch(stream: TcpStream) -> io::Result<Wire> {
    let mut tunnel = Wire::new(stream)?;
    tunnel.due_head()?;
    tunnel.write_all(YES)?;
    let mut message = [0; 512];
    tunnel.read_exact(&mut message)?;
    tunnel.write_all(&message)?;
    Ok(tunnel)
}
