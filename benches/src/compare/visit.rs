//! Clients that come and go: each blocks on a thread of its own.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use rustls::ClientConfig;

use super::stream::Stream;
use crate::daemon::failure;
use crate::wire::Wire;
use crate::{BROWSER, GET};

/// How many clients there are at once.
pub const VISITORS: usize = 16;

/// Where clients come in.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where the proxy listens.
    pub address: SocketAddr,
    /// How clients speak TLS, if they do.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Door {
    fn connect(&self) -> io::Result<Wire<Stream>> {
        Stream::connect(self.address, self.tls.as_ref()).map(Wire::over)
    }
}

/// Opens a tunnel.
///
/// # Errors
///
/// If the answer is not 101.
pub fn open(door: &Door) -> io::Result<Wire<Stream>> {
    let mut wire = door.connect()?;
    ask(&mut wire, BROWSER, "101")?;
    Ok(wire)
}

/// Opens and ends so many tunnels, through which nothing goes.
///
/// # Errors
///
/// If one cannot be opened, or does not end.
pub fn upgrades(door: &Door, count: usize) -> io::Result<()> {
    share(count, |count| {
        for _ in 0..count {
            let mut stream = open(door)?.into_stream()?;
            stream.end()?;
            stream.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    })
}

/// Asks so many times, on connections that are kept.
///
/// # Errors
///
/// If an answer is not 200.
pub fn gets(door: &Door, count: usize) -> io::Result<()> {
    share(count, |count| {
        let mut wire = door.connect()?;
        (0..count).try_for_each(|_| ask(&mut wire, GET, "200"))
    })
}

/// Sends a head, and hears an answer of that status whole.
fn ask(wire: &mut Wire<Stream>, head: &[u8], status: &str) -> io::Result<()> {
    wire.write_all(head)?;
    wire.flush()?;
    let (answer, mut body) = (wire.due_head()?, Vec::new());
    wire.body(answer.framing()).read_to_end(&mut body)?;
    let good = answer.words().nth(1) == Some(status);
    if good { Ok(()) } else { Err(failure(format!("not {status}: {answer:?}"))) }
}

/// Shares work out among [`VISITORS`] threads, each of which does so much of it.
fn share(count: usize, work: impl Fn(usize) -> io::Result<()> + Sync) -> io::Result<()> {
    let each = count.div_ceil(VISITORS);
    thread::scope(|scope| {
        let visitors: Vec<_> = (0..VISITORS).map(|_| scope.spawn(|| work(each))).collect();
        for visitor in visitors {
            visitor.join().map_err(|_| failure("a client panicked"))??;
        }
        Ok(())
    })
}
