//! Handshakes by the keys of whole configurations.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use rcgen::{KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::ServerName;
use rustls::{
    CertificateError, ClientConfig, Error, HandshakeKind, ProtocolVersion, ServerConfig,
    ServerConnection,
};
use underpass_core::config::Severity;
use underpass_core::route::{Hello, WorkerId};

use super::testing::{Authority, Folder, Issued, shake};
use super::{Keys, name};

/// Keys of which nothing is wrong.
fn keys(folder: &Folder, lines: &str) -> Keys {
    let (keys, troubles) = Keys::load(&folder.rules(lines));
    assert_eq!(troubles, [], "{lines}");
    keys
}

/// What the first host has, with those lines, as `b` of that authority.
fn front(folder: &Folder, issued: &Issued, lines: &str) -> Arc<ServerConfig> {
    folder.write("b.pem", &issued.both());
    let lines = format!("SSLEngine on\nSSLCertificateFile %/b.pem\n{lines}");
    keys(folder, &lines).front(Hello { host: 0, is_named: false }).expect("it speaks TLS")
}

type Client = (Arc<ClientConfig>, ServerName<'static>);

/// What the first worker has, which is `b`, with those lines.
fn back(folder: &Folder, lines: &str) -> Client {
    let rules = folder.rules(&format!("ProxyPass / wss://b\nSSLProxyEngine on\n{lines}"));
    let (keys, troubles) = Keys::load(&rules);
    assert!(troubles.iter().all(|it| it.severity == Severity::Warning), "{troubles:?}");
    keys.back(&rules, WorkerId(0), None).expect("it speaks TLS")
}

const CA: &str = "SSLProxyCACertificateFile %/ca.pem\n";

/// How a backend with that certificate fares under those lines.
fn judged(folder: &Folder, issued: &Issued, lines: &str) -> Result<(), Error> {
    shake(back(folder, lines), front(folder, issued, "")).map(|_| ())
}

fn with_ca() -> (Folder, Authority) {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    folder.write("ca.pem", &ca.pem());
    (folder, ca)
}

fn refused(error: CertificateError) -> Result<(), Error> {
    Err(Error::InvalidCertificate(error))
}

#[test]
fn a_backend_proves_its_name() {
    let (folder, ca) = with_ca();
    assert_eq!(judged(&folder, &ca.issue("b"), CA), Ok(()));
    let other = ca.issue("c");
    let wrong = judged(&folder, &other, CA).unwrap_err();
    assert!(wrong.to_string().contains("not valid for name \"b\""), "{wrong}");
    let off = "SSLProxyCheckPeerName off\nSSLProxyCheckPeerCN off\n";
    assert_eq!(judged(&folder, &other, &format!("{CA}{off}")), Ok(()));
    let only_name = judged(&folder, &other, "SSLProxyVerify none").unwrap_err();
    assert!(only_name.to_string().contains("not valid for name"), "{only_name}");
    assert_eq!(judged(&folder, &other, &format!("SSLProxyVerify none\n{off}")), Ok(()));
}

#[test]
fn a_backend_is_vouched_for() {
    let (folder, ca) = with_ca();
    let itself = Issued::by_itself("b");
    let told = judged(&folder, &itself, CA).unwrap_err();
    assert!(told.to_string().contains("CaUsedAsEndEntity"), "{told}");
    assert_eq!(judged(&folder, &itself, "SSLProxyVerify none"), Ok(()));
    folder.write("b-alone.pem", &itself.certificate);
    let named = "SSLProxyCACertificateFile %/b-alone.pem";
    assert_eq!(judged(&folder, &itself, named), Ok(()), "it is named itself");
    assert_eq!(judged(&folder, &ca.issue("b"), named), refused(CertificateError::UnknownIssuer));
}

#[test]
fn a_backend_whose_day_has_passed_is_refused_unless_days_do_not_count() {
    let (folder, ca) = with_ca();
    let expired = ca.issue_expired("b");
    folder.write("b.pem", &expired.both());
    let rules = folder.rules("SSLEngine on\nSSLCertificateFile %/b.pem");
    let (keys, troubles) = Keys::load(&rules);
    assert_eq!(troubles[0].what, "this certificate is good no more");
    let server = keys.front(Hello { host: 0, is_named: false }).expect("it is used all the same");
    let judged = |lines: &str| shake(back(&folder, lines), Arc::clone(&server)).map(|_| ());
    let told = judged(CA).unwrap_err();
    assert!(matches!(told, Error::InvalidCertificate(CertificateError::ExpiredContext { .. })));
    assert_eq!(judged("SSLProxyVerify none"), refused(CertificateError::Expired));
    let never = "SSLProxyCheckPeerExpire off\n";
    assert_eq!(judged(&format!("{CA}{never}")), Ok(()));
    assert_eq!(judged(&format!("SSLProxyVerify none\n{never}")), Ok(()));
    let other = Authority::new("other");
    folder.write("other.pem", &other.pem());
    let unknown = judged(&format!("{never}SSLProxyCACertificateFile %/other.pem"));
    assert_eq!(unknown, refused(CertificateError::UnknownIssuer), "all else counts");
}

#[test]
fn what_its_issuer_has_taken_back_is_refused_where_the_list_is_asked() {
    let (folder, ca) = with_ca();
    let (good, bad) = (ca.issue("b"), ca.issue("b"));
    folder.write("crl.pem", &ca.takes_back(&[&bad]));
    for check in ["leaf", "chain"] {
        let lines =
            format!("{CA}SSLProxyCARevocationFile %/crl.pem\nSSLProxyCARevocationCheck {check}");
        assert_eq!(judged(&folder, &bad, &lines), refused(CertificateError::Revoked), "{check}");
        assert_eq!(judged(&folder, &good, &lines), Ok(()));
    }
    assert_eq!(judged(&folder, &bad, CA), Ok(()));
}

#[test]
fn a_chain_is_as_long_as_it_may_be() {
    let (folder, root) = with_ca();
    let middle = Authority::under("middle", &root);
    let mut last = middle.issue("b");
    last.certificate.push_str(&middle.pem());
    assert_eq!(judged(&folder, &last, CA), Ok(()));
    assert_eq!(judged(&folder, &last, &format!("{CA}SSLProxyVerifyDepth 2")), Ok(()));
    let short = judged(&folder, &last, &format!("{CA}SSLProxyVerifyDepth 1"));
    assert_eq!(short, refused(CertificateError::UnknownIssuer));
}

#[test]
fn the_chain_of_a_client_is_as_long_as_it_may_be() {
    let (folder, root) = with_ca();
    let middle = Authority::under("middle", &root);
    folder.write("machine.pem", &middle.issue("x").both());
    folder.write("chain.pem", &middle.pem());
    let machine = "SSLProxyMachineCertificateFile %/machine.pem\n";
    let chain = format!("{machine}SSLProxyMachineCertificateChainFile %/chain.pem");
    let visits = |depth: u8, machine: &str| {
        let asks = "SSLVerifyClient require\nSSLCACertificateFile %/ca.pem\nSSLVerifyDepth";
        let server = front(&folder, &root.issue("b"), &format!("{asks} {depth}"));
        shake(back(&folder, &format!("{CA}{machine}")), server).map(|_| ())
    };
    assert_eq!(visits(2, &chain), Ok(()));
    assert_eq!(visits(1, &chain), refused(CertificateError::UnknownIssuer));
    assert_eq!(visits(2, machine), refused(CertificateError::UnknownIssuer));
}

#[test]
fn a_folder_of_issuers_is_all_of_them() {
    let (folder, ca) = with_ca();
    let inner = Folder::new();
    inner.write("1.pem", &Authority::new("other").pem());
    inner.write("2.0", &ca.pem());
    inner.write("readme", "none here");
    let lines = format!("SSLProxyCACertificatePath {}", inner.path(""));
    assert_eq!(judged(&folder, &ca.issue("b"), &lines), Ok(()));
}

/// How a client fares that shows that, where those lines ask for something.
fn visits(folder: &Folder, shown: Option<&Issued>, lines: &str) -> Result<(), Error> {
    let ca = Authority::new("servers");
    folder.write("servers.pem", &ca.pem());
    let machine = shown.map_or("", |shown| {
        folder.write("machine.pem", &shown.both());
        "SSLProxyMachineCertificateFile %/machine.pem"
    });
    let lines = format!("SSLCACertificateFile %/ca.pem\nSSLVerifyClient {lines}");
    let server = front(folder, &ca.issue("b"), &lines);
    let client = back(folder, &format!("SSLProxyCACertificateFile %/servers.pem\n{machine}"));
    let (_, server) = shake(client, server)?;
    let seen = server.peer_certificates().is_some();
    assert_eq!(seen, shown.is_some() && !lines.ends_with("none"), "it is known what was shown");
    Ok(())
}

#[test]
fn clients_are_let_in_by_their_certificates() {
    let (folder, ca) = with_ca();
    let (good, bad, foreign) = (ca.issue("x"), ca.issue("x"), Authority::new("no").issue("x"));
    let unknown = || refused(CertificateError::UnknownIssuer);
    let visits = |shown, lines: &str| visits(&folder, shown, lines);
    assert_eq!(visits(Some(&good), "require"), Ok(()));
    assert_eq!(visits(None, "require"), Err(Error::NoCertificatesPresented));
    assert_eq!(visits(Some(&foreign), "require"), unknown());
    assert_eq!((visits(Some(&good), "optional"), visits(None, "optional")), (Ok(()), Ok(())));
    assert_eq!(visits(Some(&foreign), "optional"), unknown());
    for shown in [None, Some(&good), Some(&foreign)] {
        assert_eq!(visits(shown, "optional_no_ca"), Ok(()));
        assert_eq!(visits(shown, "none"), Ok(()));
    }
    folder.write("crl.pem", &ca.takes_back(&[&bad]));
    let lists = "require\nSSLCARevocationFile %/crl.pem\nSSLCARevocationCheck leaf";
    assert_eq!(visits(Some(&bad), lists), refused(CertificateError::Revoked));
    assert_eq!(visits(Some(&good), lists), Ok(()));
}

#[test]
fn both_sides_speak_what_they_may() {
    let (folder, ca) = with_ca();
    let issued = ca.issue("b");
    let spoken = |ours: &str, theirs: &str| {
        let server = front(&folder, &issued, ours);
        shake(back(&folder, &format!("{CA}{theirs}")), server).map(|(client, _)| {
            let suite = client.negotiated_cipher_suite().expect("there is one").suite();
            assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
            (client.protocol_version().expect("there is one"), u16::from(suite))
        })
    };
    assert_eq!(spoken("", ""), Ok((ProtocolVersion::TLSv1_3, 0x1302)));
    let only = spoken("SSLProtocol TLSv1.2", "SSLProxyCipherSuite CHACHA20");
    assert_eq!(only, Ok((ProtocolVersion::TLSv1_2, 0xcca9)));
    let small = "SSLProxyProtocol TLSv1.3\nSSLProxyCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256";
    assert_eq!(spoken("", small), Ok((ProtocolVersion::TLSv1_3, 0x1301)));
    assert!(spoken("SSLProtocol TLSv1.3", "SSLProxyProtocol TLSv1.2").is_err());
    let ours = "SSLCipherSuite AES128:AES256\nSSLProtocol TLSv1.2\nSSLHonorCipherOrder";
    let theirs = "SSLProxyCipherSuite AES256:AES128";
    let order = |says: &str| spoken(&format!("{ours} {says}"), theirs).map(|(_, suite)| suite);
    assert_eq!((order("on"), order("off")), (Ok(0xc02b), Ok(0xc02c)));
}

#[test]
fn a_client_gets_the_certificate_that_it_can_check() {
    let (folder, ca) = with_ca();
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key of RSA");
    folder.write("rsa.pem", &ca.issue_with("b", rsa, |_| ()).both());
    let server = front(&folder, &ca.issue("b"), "SSLCertificateFile %/rsa.pem");
    let suite = |lines: &str| {
        let client = back(&folder, &format!("{CA}SSLProxyProtocol TLSv1.2\n{lines}"));
        let (client, _) = shake(client, Arc::clone(&server)).expect("they agree");
        u16::from(client.negotiated_cipher_suite().expect("there is one").suite())
    };
    assert_eq!(suite(""), 0xc02c, "the first of both");
    assert_eq!(suite("SSLProxyCipherSuite aRSA"), 0xc030);
}

#[test]
fn sessions_are_resumed_with_the_host_that_they_were_begun_with() {
    let (folder, ca) = with_ca();
    folder.write("b.pem", &ca.issue("b").both());
    let host = |lines: &str| {
        format!(
            "<VirtualHost *:1234>\nSSLEngine on\nSSLCertificateFile %/b.pem\n{lines}\n</VirtualHost>\n"
        )
    };
    let keys = keys(&folder, &(host("") + &host("") + &host("SSLSessionTickets off")));
    let server = |host| keys.front(Hello { host, is_named: true }).expect("it speaks TLS");
    for version in ["TLSv1.2", "TLSv1.3"] {
        let client = back(&folder, &format!("{CA}SSLProxyProtocol {version}"));
        let kind = |host| {
            let (client, _) = shake(client.clone(), server(host)).expect("they agree");
            client.handshake_kind().expect("it is over")
        };
        assert_eq!((kind(1), kind(1)), (HandshakeKind::Full, HandshakeKind::Resumed), "{version}");
        assert_eq!(kind(2), HandshakeKind::Full, "R13: another host's");
        assert_eq!((kind(3), kind(3)), (HandshakeKind::Full, HandshakeKind::Full));
    }
}

#[test]
fn new_files_are_for_new_handshakes_and_bad_ones_for_none() {
    let (folder, ca) = with_ca();
    folder.write("b.pem", &ca.issue("b").both());
    folder.write("c.pem", &ca.issue("c").both());
    let host = |name: &str, port: u16| {
        format!(
            "<VirtualHost *:{port}>\nSSLEngine on\nSSLCertificateFile %/{name}.pem\n</VirtualHost>\n"
        )
    };
    let rules = folder.rules(&(host("b", 1) + &host("c", 2)));
    let (old, _) = Keys::load(&rules);
    let of = |keys: &Keys, host| keys.front(Hello { host, is_named: true }).expect("it is there");
    let renewed = |old: &Keys| old.renewed(&rules, |path| path.ends_with("b.pem"));
    folder.write("b.pem", &ca.issue("b").certificate);
    let (kept, troubles) = renewed(&old);
    assert_eq!(troubles[0].what, "there is no key in it");
    assert_eq!(
        (troubles[0].path.clone(), troubles[0].severity),
        (Some(folder.path("b.pem")), Severity::Error)
    );
    assert!(Arc::ptr_eq(&of(&old, 1), &of(&kept, 1)), "the old one stays");
    let issued = ca.issue("b");
    folder.write("b.pem", &issued.both());
    let (new, troubles) = renewed(&kept);
    assert_eq!(troubles, []);
    assert!(Arc::ptr_eq(&of(&old, 2), &of(&new, 2)) && !Arc::ptr_eq(&of(&old, 1), &of(&new, 1)));
    let (client, _) = shake(back(&folder, CA), of(&new, 1)).expect("they agree");
    let shown = client.peer_certificates().expect("it is shown")[0].clone();
    folder.write("new.pem", &issued.certificate);
    assert_eq!(shown, super::files::certificates(&folder.path("new.pem")).unwrap()[0]);
}

/// What OpenSSL, which shares no code with us, says of a handshake with those arguments.
fn asked_by_openssl(folder: &Folder, server: Arc<ServerConfig>, arguments: &[&str]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(server).unwrap();
        // A client that is refused, or refuses, ends it with an error.
        let _ = connection.complete_io(&mut stream);
        connection.send_close_notify();
        let _ = connection.complete_io(&mut stream);
    });
    let (ca, empty) = (folder.path("ca.pem"), Stdio::null());
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &address, "-CAfile", &ca, "-verify_return_error"]);
    let said = openssl.args(arguments).stdin(empty).output().expect("openssl is installed");
    serving.join().unwrap();
    [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

#[test]
fn openssl_agrees() {
    let (folder, ca) = with_ca();
    let lines = "SSLVerifyClient optional\nSSLCACertificateFile %/ca.pem";
    let server = front(&folder, &ca.issue("b"), lines);
    let said = |arguments: &[&str]| asked_by_openssl(&folder, Arc::clone(&server), arguments);
    let named = ["-servername", "b", "-verify_hostname", "b", "-alpn", "http/1.1"];
    for (version, suite) in
        [("-tls1_3", "TLS_AES_256_GCM_SHA384"), ("-tls1_2", "ECDHE-ECDSA-AES256-GCM-SHA384")]
    {
        let told = said(&[&named[..], &[version]].concat());
        assert!(told.contains(&format!("Cipher is {suite}")), "{told}");
        assert!(told.contains("Verification: OK") || told.contains("return code: 0"), "{told}");
        assert!(told.contains("ALPN protocol: http/1.1"), "{told}");
    }
    let own = folder.write("own.pem", &ca.issue("x").both());
    let shown = said(&["-cert", &own, "-key", &own, "-tls1_2"]);
    assert!(shown.contains("Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"), "{shown}");
    let foreign = folder.write("foreign.pem", &Authority::new("no").issue("x").both());
    let refused = said(&["-cert", &foreign, "-key", &foreign, "-tls1_2"]);
    assert!(refused.contains("alert unknown ca"), "{refused}");
    let elsewhere = said(&["-verify_hostname", "c"]);
    assert!(elsewhere.to_lowercase().contains("hostname mismatch"), "{elsewhere}");
}

#[test]
fn every_file_is_watched() {
    let folder = Folder::new();
    let front = "SSLEngine on\nSSLCertificateFile 1\nSSLCertificateKeyFile 2\nSSLStapleFile 3\n\
                 SSLVerifyClient require\nSSLCACertificateFile 4\nSSLCACertificatePath 5\n\
                 SSLCARevocationFile 6\nSSLCARevocationPath 7\nSSLCARevocationCheck leaf\n";
    let back = "ProxyPass / wss://b\nSSLProxyEngine on\nSSLProxyMachineCertificateFile 8\n\
                SSLProxyMachineCertificateChainFile 9\nSSLProxyCACertificateFile a\n\
                SSLProxyCACertificatePath b\nSSLProxyCARevocationFile c\n\
                SSLProxyCARevocationPath d\nSSLProxyCARevocationCheck chain";
    let paths = super::paths(&folder.rules(&format!("{front}{back}")));
    assert_eq!(paths.into_iter().collect::<String>(), "123456789abcd");
}

#[test]
fn names_are_as_they_stand_in_urls() {
    assert_eq!(name("b.example."), name("b.example"));
    assert!(matches!(name("::1"), Some(ServerName::IpAddress(_))));
    assert!(name("a b").is_none());
}
