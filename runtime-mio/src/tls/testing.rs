//! Issuers, certificates and handshakes for the tests of keys.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};
use underpass_core::config::{Input, Nowhere, load};
use underpass_core::route::Rules;

/// A folder of its own, which goes with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("underpass-tls-{}-{number}", process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// Writes a file that nobody else may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }

    /// The rules of those lines, in which `%` stands for the folder.
    pub(crate) fn rules(&self, lines: &str) -> Rules {
        let text = format!("Listen 1234\n{lines}").replace('%', &self.0.to_string_lossy());
        let input = |line: &str| Input::Line { name: "conf".into(), text: line.into() };
        let inputs: Vec<_> = text.lines().map(input).collect();
        load(&mut Nowhere, &inputs, &[]).unwrap_or_else(|told| panic!("{told:?}")).rules
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whoever issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self(
            CertifiedIssuer::self_signed(params_of_ca(name), KeyPair::generate().unwrap()).unwrap(),
        )
    }

    /// One that another one vouches for.
    pub(crate) fn under(name: &str, other: &Self) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(params_of_ca(name), key, &other.0).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for that name and its key.
    pub(crate) fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, KeyPair::generate().unwrap(), |_| ())
    }

    /// One that was good until 2020.
    pub(crate) fn issue_expired(&self, name: &str) -> Issued {
        self.issue_with(name, KeyPair::generate().unwrap(), |params| {
            params.not_after = date_time_ymd(2020, 1, 1);
        })
    }

    pub(crate) fn issue_with(
        &self,
        name: &str,
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let (mut params, serial) = params(name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Issued { certificate, key: key.serialize_pem(), serial }
    }

    /// A list of what it has taken back.
    pub(crate) fn takes_back(&self, issued: &[&Issued]) -> String {
        let revoked = |it: &&Issued| RevokedCertParams {
            serial_number: SerialNumber::from(it.serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2999, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: issued.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }
}

fn params_of_ca(name: &str) -> CertificateParams {
    let (mut params, _) = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A certificate and its key, in PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    serial: u64,
}

impl Issued {
    /// One that nobody vouches for but itself, which is why `openssl req -x509` makes it an issuer's.
    pub(crate) fn by_itself(name: &str) -> Self {
        let (mut params, serial) = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { certificate, key: key.serialize_pem(), serial }
    }

    /// Both in one text.
    pub(crate) fn both(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

fn params(name: &str) -> (CertificateParams, u64) {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial));
    params.use_authority_key_identifier_extension = true;
    (params, serial)
}

/// A handshake in memory, with all that comes behind it at once; or what either side has against the other.
pub(crate) fn shake(
    client: (Arc<ClientConfig>, ServerName<'static>),
    server: Arc<ServerConfig>,
) -> Result<(ClientConnection, ServerConnection), Error> {
    let mut ends = [
        Connection::from(ClientConnection::new(client.0, client.1)?),
        Connection::from(ServerConnection::new(server)?),
    ];
    while ends.iter().any(|end| end.wants_write()) {
        for from in 0..2 {
            let mut bytes = Vec::new();
            while ends[from].wants_write() {
                ends[from].write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                ends[1 - from].read_tls(&mut rest).unwrap();
                ends[1 - from].process_new_packets()?;
            }
        }
    }
    let [Connection::Client(client), Connection::Server(server)] = ends else {
        panic!("they are what they were")
    };
    assert!(!client.is_handshaking() && !server.is_handshaking(), "it has come to an end");
    Ok((client, server))
}
