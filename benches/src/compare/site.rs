//! What is measured at a time: a proxy, the backend behind it, and the way in.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;

use super::backend::Backend;
use super::cores::Cores;
use super::meter::Meter;
use super::peers::Peer;
use super::proxy::Proxy;
use super::results::Front;
use super::stream::certify;
use super::visit::Door;

/// Where everything is measured: a folder, a certificate, and cores.
#[derive(Debug)]
pub struct Lab {
    cores: Cores,
    folder: PathBuf,
    tls: Arc<ClientConfig>,
    /// How many proxies there have been.
    started: Cell<u32>,
}

impl Lab {
    /// One in the folder for temporary files; this thread is given its core.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made.
    pub fn open() -> io::Result<Self> {
        let name = format!("underpass-compare-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder)?;
        let tls = certify(&pem(&folder))?;
        let cores = Cores::allowed()?;
        cores.keep_to_the_last()?;
        Ok(Self { cores, folder, tls, started: Cell::new(0) })
    }

    /// On how many cores we are, two of which are used.
    pub fn cores(&self) -> u32 {
        self.cores.count()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What is left in the folder for temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn pem(folder: &Path) -> PathBuf {
    folder.join("pem")
}

/// A proxy with its backend.
#[derive(Debug)]
pub struct Site<'l> {
    lab: &'l Lab,
    peer: &'static Peer,
    /// What is behind it.
    pub backend: Backend,
    proxy: Proxy,
}

impl<'l> Site<'l> {
    /// Starts that proxy for at most so many tunnels, with `more` in its configuration.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn start(lab: &'l Lab, peer: &'static Peer, most: usize, more: &str) -> io::Result<Self> {
        let backend = Backend::start()?;
        let number = lab.started.replace(lab.started.get() + 1);
        let folder = lab.folder.join(format!("{}-{number}", peer.name));
        let pem = pem(&lab.folder);
        let put = [
            ("@BACKEND@", backend.address().port().to_string()),
            ("@PEM@", pem.display().to_string()),
            // Clients that make no tunnels need some, too.
            ("@THREADS@", (most + 64).to_string()),
        ];
        let template =
            put.iter().fold(format!("{}{more}", peer.template), |text, (name, value)| {
                text.replace(name, value)
            });
        let proxy = Proxy::start(peer, &template, folder, &lab.cores)?;
        Ok(Self { lab, peer, backend, proxy })
    }

    /// Another one like this, which has done nothing yet, for at most so many tunnels.
    ///
    /// # Errors
    ///
    /// If it does not start.
    pub fn fresh(&self, most: usize, more: &str) -> io::Result<Self> {
        Self::start(self.lab, self.peer, most, more)
    }

    /// Which proxy it is.
    pub fn peer(&self) -> &'static Peer {
        self.peer
    }

    /// The proxy's folder, which goes with it.
    pub fn folder(&self) -> &Path {
        self.proxy.folder()
    }

    /// The way in by the proxy.
    pub fn door(&self, front: Front) -> Door {
        match front {
            Front::Plain => Door { address: self.proxy.plain, tls: None },
            Front::Tls => Door { address: self.proxy.tls, tls: Some(Arc::clone(&self.lab.tls)) },
        }
    }

    /// The way to the backend without a proxy.
    pub fn back_door(&self) -> Door {
        Door { address: self.backend.address(), tls: None }
    }

    /// Where the proxy is let in without TLS.
    pub fn plain(&self) -> SocketAddr {
        self.proxy.plain
    }

    /// What it uses.
    pub fn meter(&self) -> Meter {
        Meter(self.proxy.pid())
    }

    /// What that work costs the proxy, in seconds of CPU.
    ///
    /// # Errors
    ///
    /// Those of the work, or if the proxy has ended.
    pub fn cost(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
        let before = self.meter().cpu()?;
        work()?;
        Ok(self.meter().cpu()? - before)
    }
}
