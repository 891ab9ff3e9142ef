//! Many tunnels of one client's, driven by one thread: each sends its message as soon as it has the answer
//! to the last one.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use super::order::{ORDER, Order, PAGE};
use super::poller::Poller;
use super::stream::Stream;
use super::visit::{Door, open};
use crate::daemon::failure;

/// Tunnels that stand.
#[derive(Debug)]
pub struct Crowd {
    poller: Poller,
    tunnels: Vec<Tunnel>,
    room: Vec<u8>,
}

impl Crowd {
    /// So many tunnels.
    ///
    /// # Errors
    ///
    /// If one cannot be opened.
    pub fn open(door: &Door, count: usize) -> io::Result<Self> {
        let mut crowd = Self { poller: Poller::new()?, tunnels: Vec::new(), room: vec![0; PAGE] };
        crowd.grow(door, count)?;
        Ok(crowd)
    }

    /// Opens more, until there are so many.
    ///
    /// # Errors
    ///
    /// If one cannot be opened.
    pub fn grow(&mut self, door: &Door, count: usize) -> io::Result<()> {
        while self.tunnels.len() < count {
            let stream = open(door)?.into_stream()?;
            stream.socket().set_nonblocking(true)?;
            self.poller.add(stream.socket(), self.tunnels.len() as u64)?;
            self.tunnels.push(Tunnel { stream, said: 0, heard: 0, left: 0, began: Instant::now() });
        }
        Ok(())
    }

    /// Every tunnel does that order so many times, one after the other; how long each took.
    ///
    /// # Errors
    ///
    /// If a tunnel ends, or none moves any more.
    pub fn exchange(&mut self, order: &Order, times: usize) -> io::Result<Vec<Duration>> {
        let mut page = vec![0; PAGE];
        page[..ORDER].copy_from_slice(&order.encode());
        let mut spans = Vec::with_capacity(self.tunnels.len() * times);
        let mut busy = self.tunnels.len();
        for tunnel in &mut self.tunnels {
            (tunnel.left, tunnel.began) = (times, Instant::now());
            tunnel.advance(order, &page, &mut self.room, &mut spans)?;
            busy -= usize::from(tunnel.left == 0);
        }
        while busy > 0 {
            for &(number, ended) in self.poller.wait()? {
                let tunnel = &mut self.tunnels[number as usize];
                if ended {
                    return Err(failure("the proxy has ended a tunnel"));
                }
                if tunnel.left > 0 {
                    tunnel.advance(order, &page, &mut self.room, &mut spans)?;
                    busy -= usize::from(tunnel.left == 0);
                }
            }
        }
        Ok(spans)
    }

    /// Sends that order in each tunnel, and reads nothing.
    ///
    /// # Errors
    ///
    /// If the tunnel is broken.
    pub fn only_ask(&mut self, order: &Order) -> io::Result<()> {
        self.tunnels.iter_mut().try_for_each(|tunnel| tunnel.stream.write_all(&order.encode()))
    }

    /// The streams of the tunnels.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.tunnels.iter().map(|tunnel| &tunnel.stream)
    }
}

impl Drop for Crowd {
    /// Breaks all tunnels: an orderly end would leave thousands of ports in TIME-WAIT.
    fn drop(&mut self) {
        for stream in self.streams() {
            // Then it ends in the ordinary way, which is as good.
            let _ = rustix::net::sockopt::set_socket_linger(stream.socket(), Some(Duration::ZERO));
        }
    }
}

/// A tunnel, and how far it has come with its order.
#[derive(Debug)]
struct Tunnel {
    stream: Stream,
    said: u64,
    heard: u64,
    /// How many more times it does its order.
    left: usize,
    began: Instant,
}

impl Tunnel {
    /// Writes and reads as far as it goes.
    fn advance(
        &mut self,
        order: &Order,
        page: &[u8],
        room: &mut [u8],
        spans: &mut Vec<Duration>,
    ) -> io::Result<()> {
        while self.left > 0 {
            self.say(order, page)?;
            self.hear(order, room)?;
            if (self.said, self.heard) != (order.up, order.down) {
                break;
            }
            let now = Instant::now();
            spans.push(now - self.began);
            (self.said, self.heard, self.left, self.began) = (0, 0, self.left - 1, now);
        }
        Ok(())
    }

    fn say(&mut self, order: &Order, page: &[u8]) -> io::Result<()> {
        while self.said < order.up {
            // The page begins with the order, which comes only once.
            let page =
                if self.said < PAGE as u64 { &page[self.said as usize..] } else { &page[ORDER..] };
            let most = (order.up - self.said).min(page.len() as u64) as usize;
            match self.stream.write(&page[..most]) {
                Ok(count) => self.said += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            flushed => flushed,
        }
    }

    fn hear(&mut self, order: &Order, room: &mut [u8]) -> io::Result<()> {
        while self.heard < order.down {
            match self.stream.read(room) {
                Ok(0) => return Err(failure("the proxy has ended a tunnel")),
                Ok(count) => self.heard += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::backend::Backend;

    /// Without a proxy in between. Sizes are around that of a page, from which messages are sent.
    #[test]
    fn every_tunnel_gets_what_it_has_ordered() -> io::Result<()> {
        let backend = Backend::start()?;
        let door = Door { address: backend.address(), tls: None };
        let mut crowd = Crowd::open(&door, 3)?;
        let page = PAGE as u64;
        for size in [ORDER as u64, page - 1, page, page + 1, 40 * page] {
            for order in [Order::echo(size), Order::down(size), Order::both(size)] {
                assert_eq!(crowd.exchange(&order, 2)?.len(), 6, "{order:?}");
            }
        }
        drop(crowd);
        backend.until_empty()
    }

    #[test]
    fn a_backend_tells_when_its_tunnels_take_no_more() -> io::Result<()> {
        let backend = Backend::start()?;
        let door = Door { address: backend.address(), tls: None };
        let mut crowd = Crowd::open(&door, 1)?;
        crowd.only_ask(&Order::down(1 << 40))?;
        let said = backend.until_still(Duration::from_millis(200));
        assert!((1..1 << 30).contains(&said), "{said}");
        Ok(())
    }
}
