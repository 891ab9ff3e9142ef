//! Clients whose handshakes do not get on: each sends its hello by a byte a second.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::visit::Door;
use crate::daemon::failure;

/// How often each sends a byte.
const BEAT: Duration = Duration::from_secs(1);

/// Connections with handshakes that have begun.
#[derive(Debug)]
pub struct Stuck {
    hello: Vec<u8>,
    sockets: Vec<TcpStream>,
}

impl Stuck {
    /// So many at that door, each of which has sent its first byte.
    ///
    /// # Errors
    ///
    /// If nobody listens there, or no TLS is spoken.
    pub fn enter(door: &Door, count: usize) -> io::Result<Self> {
        let config = door.tls.clone().ok_or_else(|| failure("no TLS is spoken there"))?;
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut hello = Vec::new();
        let connection = ClientConnection::new(config, name);
        connection.map_err(io::Error::other)?.write_tls(&mut hello)?;
        let enter = |_| {
            let mut socket = TcpStream::connect(door.address)?;
            socket.set_nodelay(true)?;
            socket.write_all(&hello[..1])?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let sockets = (0..count).map(enter).collect::<io::Result<_>>()?;
        Ok(Self { hello, sockets })
    }

    /// Does that work while they go on.
    ///
    /// # Errors
    ///
    /// Those of the work, and if one of them has been given up when it is done.
    pub fn during<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let done = AtomicBool::new(false);
        let worked = thread::scope(|scope| {
            let dripping = scope.spawn(|| self.drip(&done));
            let worked = work();
            done.store(true, Ordering::Relaxed);
            dripping.join().map_err(|_| failure("the stuck clients panicked"))??;
            worked
        })?;
        self.all_are_waited_for()?;
        Ok(worked)
    }

    /// One after the other sends its next byte, evenly over each second, until all is done.
    fn drip(&self, done: &AtomicBool) -> io::Result<()> {
        let pause = BEAT / self.sockets.len() as u32;
        for byte in self.hello[1..].chunks(1) {
            for mut socket in &self.sockets {
                if done.load(Ordering::Relaxed) {
                    return Ok(());
                }
                thread::sleep(pause);
                socket.write_all(byte)?;
            }
        }
        Err(failure("the work took longer than the hellos"))
    }

    /// Nobody has been answered or sent away.
    fn all_are_waited_for(&self) -> io::Result<()> {
        for mut socket in &self.sockets {
            match socket.read(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return Err(failure(format!("a stuck handshake was given up: {other:?}"))),
            }
        }
        Ok(())
    }
}
