//! What is listened on: sockets for every loop, opened and closed by what each configuration says.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::io::Errno;
use socket2::Socket;
use underpass_core::config::{Listen, SocketBuffers};

use crate::accept;
use crate::daemon::CannotRun;

/// The addresses that are listened on.
#[derive(Debug)]
pub(crate) struct Doors {
    loops: usize,
    buffers: SocketBuffers,
    /// Those that a configuration names, and which ones they are.
    open: Vec<(Listen, SocketAddr)>,
}

/// One that was opened, with a socket for each loop.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) listen: Listen,
    pub(crate) address: SocketAddr,
    pub(crate) sockets: Vec<Socket>,
}

impl Doors {
    /// None yet, for so many loops, and for connections with such buffers.
    pub(crate) const fn new(loops: usize, buffers: SocketBuffers) -> Self {
        Self { loops, buffers, open: Vec::new() }
    }

    /// Opens those that are not open. If one cannot be, all stays as it is.
    pub(crate) fn open(&self, listens: &[Listen]) -> Result<Vec<Opened>, CannotRun> {
        let mut open: Vec<_> = self.open.iter().map(|(listen, _)| *listen).collect();
        let mut opened = Vec::new();
        for listen in listens {
            if let Some(known) = open.iter().position(|it| it == listen) {
                open.swap_remove(known);
                continue;
            }
            let (address, sockets) = self
                .bind(listen.address)
                .map_err(|error| CannotRun::Listen(listen.address, error))?;
            opened.push(Opened { listen: *listen, address, sockets });
        }
        Ok(opened)
    }

    /// Those and no others are open from now on; gives those that are not any more.
    pub(crate) fn settle(&mut self, listens: &[Listen], opened: &[Opened]) -> Vec<SocketAddr> {
        let mut before = std::mem::take(&mut self.open);
        let mut opened = opened.iter();
        for listen in listens {
            let known = before.iter().position(|(it, _)| it == listen);
            let door = known.map(|place| before.remove(place));
            self.open.extend(door.or_else(|| opened.next().map(|it| (it.listen, it.address))));
        }
        before.into_iter().map(|(_, address)| address).collect()
    }

    /// Their addresses, in the order of the configuration.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(|(_, address)| *address).collect()
    }

    /// `Listen 8080` means every address: where there is no IPv6, every address of IPv4.
    fn bind(&self, address: SocketAddr) -> io::Result<(SocketAddr, Vec<Socket>)> {
        let bind = |address| accept::bind(address, self.loops, self.buffers);
        let has_no_family =
            |error: &io::Error| error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error());
        match bind(address) {
            Err(error) if has_no_family(&error) && address.ip().is_unspecified() => {
                bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
            }
            bound => bound,
        }
    }
}
