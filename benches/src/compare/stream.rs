//! A client's end of a connection, plain or by TLS 1.3; it may block or not.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::wire::PATIENCE;

/// Writes a certificate for `localhost` and its key to that file; what a client believes who trusts it.
///
/// Every client demands the same of every proxy: one suite, one group, and no session resumed.
///
/// # Errors
///
/// If the file cannot be written.
pub fn certify(path: &Path) -> io::Result<Arc<ClientConfig>> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".into()]).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all((cert.pem() + &signing_key.serialize_pem()).as_bytes())?;
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).map_err(io::Error::other)?;
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// A connection to a proxy.
#[derive(Debug)]
pub enum Stream {
    /// Its bytes are the client's.
    Plain(TcpStream),
    /// Its bytes are records.
    Tls(Box<Tls>),
}

/// A connection by TLS.
#[derive(Debug)]
pub struct Tls {
    socket: TcpStream,
    connection: ClientConnection,
}

impl Stream {
    /// A connection to that address, which blocks, by TLS if a configuration for it is given; its handshake
    /// is done.
    ///
    /// # Errors
    ///
    /// If nobody listens there, or the handshake fails.
    pub fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let Some(config) = tls else { return Ok(Self::Plain(socket)) };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(config), name);
        let mut tls = Tls { socket, connection: connection.map_err(io::Error::other)? };
        while tls.connection.is_handshaking() {
            tls.connection.complete_io(&mut tls.socket)?;
        }
        Ok(Self::Tls(Box::new(tls)))
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.socket,
        }
    }

    /// Says that nothing more comes from here.
    ///
    /// # Errors
    ///
    /// If the connection is broken.
    pub fn end(&mut self) -> io::Result<()> {
        if let Self::Tls(tls) = self {
            tls.connection.send_close_notify();
            tls.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(room),
            Self::Tls(tls) => tls.read(room),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl Read for Tls {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // An end without a `close_notify` is an end here: nothing more is expected.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.connection.read_tls(&mut self.socket)?;
            self.connection.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Write for Tls {
    /// What is taken but not sent yet goes out with the next write or [`flush`](Self::flush).
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let count = self.connection.writer().write(bytes)?;
        match self.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(count),
            flushed => flushed.map(|()| count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}
