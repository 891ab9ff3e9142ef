//! Several real backends behind one balancer.

mod house;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use house::{Daemon, Wire, eventually, heads};

/// A backend that switches whenever it is asked, and holds its tunnels until it is killed.
struct Mortal {
    address: SocketAddr,
    is_dead: Arc<AtomicBool>,
    tunnels: Arc<Mutex<Vec<TcpStream>>>,
    life: Option<thread::JoinHandle<()>>,
}

impl Mortal {
    fn born() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has one");
        let (is_dead, tunnels) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (dead, held) = (Arc::clone(&is_dead), Arc::clone(&tunnels));
        let life = thread::spawn(move || {
            for stream in listener.incoming() {
                if dead.load(Ordering::SeqCst) {
                    return;
                }
                switch(stream.expect("somebody connects"), &held);
            }
        });
        Self { address, is_dead, tunnels, life: Some(life) }
    }

    fn tunnels(&self) -> usize {
        self.tunnels.lock().expect("nobody panics with it").len()
    }

    /// Its listener and all its tunnels are gone when this returns.
    fn dies(&mut self) {
        self.is_dead.store(true, Ordering::SeqCst);
        // Whoever connects wakes it up to die.
        drop(TcpStream::connect(self.address));
        self.life.take().map(thread::JoinHandle::join).transpose().expect("it dies in peace");
        for tunnel in self.tunnels.lock().expect("nobody panics with it").drain(..) {
            // It may be over already.
            let _ = tunnel.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        if self.life.is_some() {
            self.dies();
        }
    }
}

/// Answers with 101, if the other side is still there.
fn switch(mut stream: TcpStream, tunnels: &Mutex<Vec<TcpStream>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            Ok(_) | Err(_) => return,
        }
    }
    if stream.write_all(heads::SWITCH_FOO.as_bytes()).is_ok() {
        tunnels.lock().expect("nobody panics with it").push(stream);
    }
}

/// Asks for an upgrade; gives the tunnel.
fn tunnel(daemon: &Daemon) -> Wire {
    let mut client = daemon.connect();
    client.send(heads::ask_foo(""));
    let said = client.head();
    assert!(said.starts_with("HTTP/1.1 101 "), "{said}");
    client
}

/// D11, D12: nobody is refused who can be served, whatever the moment in which one backend dies.
#[test]
fn when_one_of_three_dies_the_others_serve_whoever_comes() {
    let mut mortals = [(); 3].map(|()| Mortal::born());
    let members: String = mortals
        .iter()
        .map(|it| format!("BalancerMember ws://{} upgrade=foo\n", it.address))
        .collect();
    let daemon = Daemon::run(&format!(
        "Threads 2\n<Proxy balancer://app>\n{members}ProxySet lbmethod=leasttunnels\n</Proxy>\n\
         ProxyPass / balancer://app/"
    ));
    let open: Vec<_> = (0..300).map(|_| tunnel(&daemon)).collect();
    // A client may have its answer before its backend has counted it.
    eventually("they are shared evenly", || mortals.each_ref().map(Mortal::tunnels) == [100; 3]);
    let (came, served) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while came.fetch_add(1, Ordering::SeqCst) < 1_000 {
                    drop(tunnel(&daemon));
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        eventually("some have been served", || served.load(Ordering::SeqCst) > 200);
        mortals[0].dies();
    });
    assert_eq!(served.load(Ordering::SeqCst), 1_000);
    eventually("the tunnels of the dead are over, and no others", || {
        open.iter().filter(|wire| wire.is_over()).count() == 100
    });
}
