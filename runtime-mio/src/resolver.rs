//! The thread that resolves names: those that sessions and checks ask for, and in time those of members that
//! have a seat for each of their addresses (`addresses=all`).

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use underpass_core::balance::{Lookups, Resolved};
use underpass_core::route::Peer;
use underpass_core::time::Time;

use crate::epoch::Epoch;
use crate::resolve::{Ask, Question};
use crate::shared::{Message, Shared};

/// The resolver, and what it knows of when its time has come.
struct Resolver<L> {
    asked: Receiver<Question>,
    shared: Arc<Shared>,
    epoch: Arc<Epoch>,
    lookups: Lookups,
    lookup: L,
    began: Instant,
}

/// Starts the thread, which looks a host and a port up by `lookup`, and gives the way to ask it. It ends with its
/// last asker.
pub(crate) fn start<L>(shared: &Arc<Shared>, lookup: L) -> io::Result<Sender<Question>>
where
    L: FnMut(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + 'static,
{
    let (asks, asked) = channel();
    let (epoch, shared) = (shared.epoch(), Arc::clone(shared));
    let lookups = Lookups::new(&epoch.rules);
    let resolver = Resolver { asked, shared, epoch, lookups, lookup, began: Instant::now() };
    std::thread::Builder::new().name("resolve".into()).spawn(move || resolver.run())?;
    Ok(asks)
}

/// Looks up as the system does.
pub(crate) fn system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    (host, port).to_socket_addrs().map(Iterator::collect)
}

impl<L: FnMut(&str, u16) -> io::Result<Vec<SocketAddr>>> Resolver<L> {
    fn run(mut self) {
        loop {
            match self.asked.recv_timeout(self.pause()) {
                Ok(Question::Renewed) => {
                    self.epoch = self.shared.epoch();
                    self.lookups.renew(&self.epoch.rules);
                }
                Ok(Question::Name(ask)) => {
                    let addresses = self.resolve(&ask.host, ask.port);
                    let Ask { worker, number, answer_to, .. } = ask;
                    answer_to.post(Message::Resolved { worker, number, addresses });
                }
                Err(RecvTimeoutError::Timeout) => self.look_up(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// How long nothing is due that was not asked for.
    fn pause(&self) -> Duration {
        let until = |at: Time| Duration::from_micros(at.since(self.now()).as_micros());
        self.lookups.next().map_or(Duration::MAX, until)
    }

    fn now(&self) -> Time {
        let micros = self.began.elapsed().as_micros();
        Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The addresses of a host; none if it cannot be resolved, which the operator is told.
    fn resolve(&mut self, host: &str, port: u16) -> Vec<SocketAddr> {
        (self.lookup)(host, port).unwrap_or_else(|error| {
            tracing::warn!(host, %error, "name not resolved");
            Vec::new()
        })
    }

    /// Resolves the name that is due, and tells the pool.
    fn look_up(&mut self) {
        let Some(worker) = self.lookups.due(self.now()) else { return };
        let epoch = Arc::clone(&self.epoch);
        let Peer::Tcp(tcp) = &epoch.rules.workers[worker.0 as usize].peer else { return };
        let found = self.resolve(&tcp.host, tcp.port);
        let found: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
        let now = self.now();
        self.lookups.ended(worker, found.is_empty(), now);
        tell(
            &tcp.host,
            found.len(),
            self.shared.tell_pool(|pool| pool.resolved(worker, &found, now)),
        );
    }
}

/// Tells the operator of a change.
fn tell(host: &str, found: usize, Resolved { joined, left, surplus }: Resolved) {
    if joined + left > 0 {
        tracing::info!(host, found, joined, left, "the addresses of a member have changed");
    }
    if joined + left > 0 && surplus > 0 {
        tracing::error!(
            host,
            found,
            surplus,
            "a member has too many addresses: the last are not used"
        );
    }
}

#[cfg(test)]
mod tests;
