//! TLS on both sides of the daemon, by real sockets.

mod backends;
mod clients;
#[path = "../house/mod.rs"]
mod house;
#[path = "../../src/tls/testing.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "it is for other tests as well, where it may unwrap"
)]
mod keys;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use house::secret::{Asker, ask, asker, head, say};
use house::{House, Wire, heads};
use keys::{Authority, Folder};
use rustls::ClientConfig;

/// Where a backend of a test listens: on a free port.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// A rule for tunnels that are no WebSockets.
const FOO: &str = "ProxyPass / ws://BACKEND/ upgrade=foo";

/// Keys that an issuer has made, and a daemon that has some of them.
struct Court {
    folder: Folder,
    issuer: Authority,
    house: House,
}

impl Court {
    /// A daemon that speaks TLS with clients who ask for `a`, and does what else these lines say, in which `%` stands
    /// for the folder; there `a.pem` are its keys, and `ca.pem` is the issuer.
    fn new(lines: &str) -> Self {
        Self::with(|_, _| (), lines)
    }

    /// The same with more files.
    fn with(files: impl FnOnce(&Folder, &Authority), lines: &str) -> Self {
        let (folder, issuer) = (Folder::new(), Authority::new("ca"));
        folder.write("ca.pem", &issuer.pem());
        folder.write("a.pem", &issuer.issue("a").both());
        files(&folder, &issuer);
        let lines = format!("SSLEngine on\nSSLCertificateFile %/a.pem\n{lines}");
        let house = House::new(&lines.replace('%', folder.path("").trim_end_matches('/')));
        Self { folder, issuer, house }
    }

    fn client(&self, version: &str) -> Arc<ClientConfig> {
        asker(&self.issuer.pem(), version, None)
    }

    fn ask(&self, config: &Arc<ClientConfig>) -> Asker {
        ask(config, "a", self.house.client())
    }

    /// An open tunnel of a client's by TLS to a plain backend.
    fn tunnel(&self, config: &Arc<ClientConfig>) -> (Asker, Wire) {
        let mut client = self.ask(config);
        say(&mut client, heads::ask_foo(""));
        let mut backend = self.house.backend();
        backend.head();
        backend.send(heads::SWITCH_FOO);
        assert_eq!(head(&mut client), heads::SWITCH_FOO);
        (client, backend)
    }
}
