//! Two connections that speak with each other in memory, however what goes between them is cut.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use underpass_core::route::Hello;

use super::*;
use crate::tls::Keys;
use crate::tls::testing::{Authority, Folder};

/// One end, and its ciphertext.
struct End {
    records: Records,
    wire: Wire,
}

/// Both ends; what goes from one to the other arrives in such pieces, over and over.
struct Pair {
    client: End,
    server: End,
    cuts: Vec<usize>,
}

impl End {
    /// Takes so much of what has come by the other's wire, and all plaintext of it.
    fn hear(&mut self, from: &mut Wire, most: usize, heard: &mut Vec<u8>) -> Result<Stage, Error> {
        let count = most.min(from.to_go.len());
        self.wire.came.append(&from.to_go.as_slice()[..count]);
        from.to_go.consume(count);
        let mut room = [0; 1_000];
        loop {
            match self.records.read(&mut self.wire, &mut room)? {
                0 => return Ok(self.records.stage()),
                count => heard.extend(&room[..count]),
            }
        }
    }

    fn say(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.records.encrypt(bytes, &mut self.wire).expect("it is good");
            bytes = &bytes[taken.expect("the handshake is over")..];
        }
    }

    fn holds_nothing(&self) -> bool {
        let Wire { came, to_go } = &self.wire;
        [came, to_go, &self.records.plain].iter().all(|bytes| bytes.holds() == 0)
    }
}

impl Pair {
    fn new((client, server): &(Arc<ClientConfig>, Arc<ServerConfig>), cuts: &[usize]) -> Self {
        let name = ServerName::try_from("a").expect("a name");
        let client = UnbufferedClientConnection::new(Arc::clone(client), name).expect("good keys");
        let server = UnbufferedServerConnection::new(Arc::clone(server)).expect("good keys");
        let end = |records| End { records, wire: Wire::default() };
        let (client, server) = (end(Records::client(client)), end(Records::server(server)));
        Self { client, server, cuts: cuts.to_vec() }
    }

    /// Lets both hear each other until nothing is under way; what the client heard, and the server.
    fn settle(&mut self) -> Result<[Vec<u8>; 2], Error> {
        let mut heard = [Vec::new(), Vec::new()];
        let Self { client, server, cuts } = self;
        for turn in 0.. {
            let cut = cuts[turn % cuts.len()];
            client.hear(&mut server.wire, cut, &mut heard[0])?;
            server.hear(&mut client.wire, cut, &mut heard[1])?;
            if client.wire.to_go.is_empty() && server.wire.to_go.is_empty() {
                break;
            }
        }
        Ok(heard)
    }

    fn stages(&mut self) -> [Stage; 2] {
        [&mut self.client, &mut self.server].map(|it| it.records.advance(&mut it.wire).unwrap())
    }
}

/// Keys of a host, and of a client who trusts them, for that version.
fn keys(version: &str) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    folder.write("a.pem", &authority.issue("a").both());
    let lines = format!("SSLEngine on\nSSLCertificateFile %/a.pem\nSSLProtocol {version}");
    let (keys, troubles) = Keys::load(&folder.rules(&lines));
    assert_eq!(troubles, []);
    let server = keys.front(Hello { host: 0, is_named: false }).expect("there are keys");
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.pem().as_bytes());
    roots.add(certificate.expect("a certificate")).expect("a root");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(client), server)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Ways in which a network cuts what it carries.
const CUTS: [&[usize]; 5] = [&[1], &[usize::MAX], &[5, 1], &[16_389, 3], &[1, 4_000, 17, 20_000]];

#[test]
fn what_is_said_is_heard_however_it_is_cut() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let keys = keys(version);
        for cuts in CUTS {
            let mut pair = Pair::new(&keys, cuts);
            assert_eq!(pair.settle(), Ok([vec![], vec![]]));
            assert_eq!(pair.stages(), [Stage::Open; 2], "{version} {cuts:?}");
            assert!(pair.client.holds_nothing() && pair.server.holds_nothing(), "{version}");
            let (up, down) = (pattern(50_000), pattern(20_001));
            pair.client.say(&up);
            pair.server.say(&down);
            assert!(pair.settle() == Ok([down, up]), "{version} {cuts:?}");
            assert!(pair.client.holds_nothing() && pair.server.holds_nothing(), "{version}");
        }
    }
}

/// Who has ended still hears the other one.
#[test]
fn each_direction_ends_for_itself() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let mut pair = Pair::new(&keys(version), &[3]);
        pair.settle().expect("good keys");
        pair.client.say(b"bye");
        pair.client.records.end(&mut pair.client.wire).expect("it may end");
        assert_eq!(pair.settle(), Ok([vec![], b"bye".to_vec()]));
        assert_eq!(pair.stages(), [Stage::Open, Stage::Ended], "{version}");
        pair.server.say(b"and more");
        assert_eq!(pair.settle(), Ok([b"and more".to_vec(), vec![]]));
        pair.server.records.end(&mut pair.server.wire).expect("it may end");
        pair.settle().expect("nothing is wrong");
        assert_eq!(pair.stages(), [Stage::Ended; 2]);
        let late = pair.client.records.encrypt(b"x", &mut pair.client.wire);
        assert_eq!(late, Ok(None), "it has said that nothing more comes");
    }
}

#[test]
fn nothing_is_said_before_the_handshake_is_over() {
    let mut pair = Pair::new(&keys("TLSv1.3"), &[usize::MAX]);
    for end in [&mut pair.client, &mut pair.server] {
        assert_eq!(end.records.encrypt(b"x", &mut end.wire), Ok(None));
        assert_eq!(end.records.stage, Stage::Shaking);
    }
}

/// Who hears nonsense says why it gives up, by an alert, and the other one hears that.
#[test]
fn who_gives_up_says_why() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let mut pair = Pair::new(&keys(version), &[usize::MAX]);
        pair.settle().expect("good keys");
        pair.server.wire.came.append(&[23, 3, 3, 0, 40]);
        pair.server.wire.came.append(&[7; 40]);
        let heard = pair.server.records.advance(&mut pair.server.wire);
        assert_eq!(heard, Err(Error::DecryptError), "{version}");
        let told = pair.client.hear(&mut pair.server.wire, usize::MAX, &mut Vec::new());
        assert!(matches!(told, Err(Error::AlertReceived(_))), "{version}: {told:?}");
    }
}

/// A large room takes as many records as have come; and what came before nonsense is heard before that is told.
#[test]
fn all_that_has_come_is_read_at_once() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let mut pair = Pair::new(&keys(version), &[usize::MAX]);
        pair.settle().expect("good keys");
        let (said, mut room) = (pattern(50_000), vec![0; 60_000]);
        pair.client.say(&said);
        let End { records, wire } = &mut pair.server;
        wire.came.append(pair.client.wire.to_go.as_slice());
        wire.came.append(&[23, 3, 3, 0, 40]);
        wire.came.append(&[7; 40]);
        assert_eq!(records.read(wire, &mut room[..20_000]), Ok(20_000), "{version}");
        assert_eq!(records.read(wire, &mut room[20_000..]), Ok(30_000), "{version}");
        assert!(room[..50_000] == said);
        assert_eq!(records.read(wire, &mut room), Err(Error::DecryptError), "{version}");
    }
}

#[test]
fn a_backend_that_nobody_vouches_for_is_told_so() {
    let (mine, _) = keys("TLSv1.3");
    let (_, theirs) = keys("TLSv1.3");
    let mut pair = Pair::new(&(mine, theirs), &[usize::MAX]);
    let failed = pair.settle();
    assert!(matches!(failed, Err(Error::InvalidCertificate(_))), "{failed:?}");
    let told = pair.server.hear(&mut pair.client.wire, usize::MAX, &mut Vec::new());
    assert!(matches!(told, Err(Error::AlertReceived(_))), "{told:?}");
}
