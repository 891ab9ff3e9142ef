//! Backends that are spoken to by TLS.

use std::io::{ErrorKind, Read as _, Write as _};
use std::thread;

use crate::ANY;
use crate::house::secret::{Answerer, answer, answerer, head, say};
use crate::house::{Backend, Daemon, Fate, Nobody, Wire, eventually, heads};
use crate::keys::{Authority, Folder, Issued};

/// A request that a backend by TLS with those keys is asked; what the client gets, and the daemon.
fn asked_of(
    backend: &Issued,
    issuer: &Authority,
    more: &str,
    files: &[(&str, &str)],
) -> (String, Daemon) {
    let folder = Folder::new();
    folder.write("ca.pem", &issuer.pem());
    files.iter().for_each(|(name, text)| drop(folder.write(name, text)));
    let listener = Backend::listen(ANY);
    let port = listener.address().port();
    let lines = format!(
        "SSLProxyEngine on\nSSLProxyCACertificateFile %/ca.pem\n{more}\nProxyPass / https://localhost:{port}/"
    );
    let daemon = Daemon::run(&lines.replace('%', folder.path("").trim_end_matches('/')));
    let keys = answerer(&backend.both());
    let got = thread::scope(|scope| {
        scope.spawn(|| {
            let mut backend = answer(&keys, listener.accept());
            let mut room = [0; 4_096];
            // Who is refused hears nothing but an alert.
            if backend.read(&mut room).is_ok_and(|count| count > 0) {
                say(&mut backend, "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
            }
        });
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        client.text()
    });
    (got.lines().next().unwrap_or_default().to_owned(), daemon)
}

#[test]
fn a_backend_that_is_who_it_should_be_is_asked() {
    let issuer = Authority::new("ca");
    let (got, _) = asked_of(&issuer.issue("localhost"), &issuer, "", &[]);
    assert_eq!(got, "HTTP/1.1 204 No");
}

#[test]
fn a_backend_that_is_not_who_it_should_be_is_not_asked() {
    let issuer = Authority::new("ca");
    let stolen = issuer.issue("localhost");
    let list = issuer.takes_back(&[&stolen]);
    let crl = "SSLProxyCARevocationFile %/list.pem\nSSLProxyCARevocationCheck leaf";
    for (backend, more, files) in [
        (issuer.issue("other"), "", &[][..]),
        (issuer.issue_expired("localhost"), "", &[]),
        (Issued::by_itself("localhost"), "", &[]),
        (Authority::new("ca").issue("localhost"), "", &[]),
        (stolen, crl, &[("list.pem", list.as_str())]),
    ] {
        let (got, daemon) = asked_of(&backend, &issuer, more, files);
        assert_eq!(got, "HTTP/1.1 502 Bad Gateway");
        eventually("the reason is told", || {
            daemon.said().contains("a backend's TLS handshake has failed")
        });
    }
}

/// `ProxyPreserveHost`: it must prove to be the host that is asked for, and who has proved to be one serves no other.
#[test]
fn a_backend_is_asked_by_the_host_that_is_preserved() {
    let (folder, issuer, listener) = (Folder::new(), Authority::new("ca"), Backend::listen(ANY));
    let daemon = Daemon::run(&format!(
        "Threads 1\nSSLProxyEngine on\nSSLProxyCACertificateFile {}\nProxyPreserveHost On\n\
         ProxyPass / https://localhost:{}/",
        folder.write("ca.pem", &issuer.pem()),
        listener.address().port()
    ));
    let keys = answerer(&issuer.issue("*.host.example").both());
    let ask = |host: &str| {
        let mut client = daemon.connect();
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client
    };
    let serve = |client: &mut Wire, backend: &mut Answerer, host: &str| {
        assert!(head(backend).contains(&format!("\r\nHost: {host}\r\n")));
        assert_eq!(backend.conn.server_name(), Some(host));
        say(backend, "HTTP/1.1 204 No\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 204 "));
    };
    let hosts = ["a.host.example", "b.host.example"];
    let mut backends = hosts.map(|host| {
        let mut client = ask(host);
        let mut backend = answer(&keys, listener.accept());
        serve(&mut client, &mut backend, host);
        backend
    });
    let mut client = ask("stranger");
    let heard = answer(&keys, listener.accept()).read(&mut [0; 9]);
    assert!(heard.is_err(), "it is told that it is nobody's: {heard:?}");
    assert!(client.head().starts_with("HTTP/1.1 502 "));
    for (host, backend) in hosts.into_iter().zip(&mut backends) {
        serve(&mut ask(host), backend, host);
    }
}

/// Where only its end says that a response is whole, a backend must say that it ends (RFC 9112 §9.8).
#[test]
fn a_response_that_is_cut_does_not_look_whole() {
    let issuer = Authority::new("ca");
    for (says_so, fate) in [(true, Fate::Ended), (false, Fate::Reset)] {
        let (folder, backend) = (Folder::new(), Backend::listen(ANY));
        folder.write("ca.pem", &issuer.pem());
        let lines = format!(
            "SSLProxyEngine on\nSSLProxyCACertificateFile {}\nProxyPass / https://localhost:{}/",
            folder.path("ca.pem"),
            backend.address().port()
        );
        let daemon = Daemon::run(&lines);
        let keys = answerer(&issuer.issue("localhost").both());
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        let mut backend = answer(&keys, backend.accept());
        head(&mut backend);
        say(&mut backend, "HTTP/1.1 200 OK\r\n\r\na page");
        if says_so {
            backend.conn.send_close_notify();
            backend.flush().expect("it goes out");
        }
        drop(backend);
        assert_eq!(client.fate(), fate);
    }
}

/// D11: whatever keeps a member from being spoken with, another one serves.
#[test]
fn who_fails_its_handshake_is_failed_over() {
    let (folder, issuer, nobody) = (Folder::new(), Authority::new("ca"), Nobody::new());
    folder.write("ca.pem", &issuer.pem());
    let [bad, good] = [(); 2].map(|()| Backend::listen(ANY));
    let members = [nobody.address().port(), bad.address().port(), good.address().port()]
        .map(|port| format!("BalancerMember https://localhost:{port}"))
        .join("\n");
    let lines = format!(
        "SSLProxyEngine on\nSSLProxyCACertificateFile %/ca.pem\n<Proxy balancer://app>\n{members}\n</Proxy>\n\
         ProxyPass / balancer://app/"
    );
    let daemon = Daemon::run(&lines.replace('%', folder.path("").trim_end_matches('/')));
    thread::scope(|scope| {
        scope.spawn(|| {
            let keys = answerer(&Authority::new("ca").issue("localhost").both());
            let heard = answer(&keys, bad.accept()).read(&mut [0; 9]);
            assert_ne!(heard.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        });
        scope.spawn(|| {
            let keys = answerer(&issuer.issue("localhost").both());
            let mut backend = answer(&keys, good.accept());
            assert!(head(&mut backend).starts_with("GET "));
            say(&mut backend, "HTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
        });
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        assert!(client.text().starts_with("HTTP/1.1 204 "));
    });
}

/// A member that speaks TLS is checked by TLS.
#[test]
fn members_are_checked_by_tls() {
    let (folder, issuer, backend) = (Folder::new(), Authority::new("ca"), Backend::listen(ANY));
    folder.write("ca.pem", &issuer.pem());
    let daemon = Daemon::run(&format!(
        "SSLProxyEngine on\nSSLProxyCACertificateFile {}\n<Proxy balancer://app>\n\
         BalancerMember https://localhost:{} hcmethod=GET hcinterval=100ms\n</Proxy>\nProxyPass / balancer://app/",
        folder.path("ca.pem"),
        backend.address().port()
    ));
    let keys = answerer(&issuer.issue("localhost").both());
    let mut checked = answer(&keys, backend.accept());
    assert!(head(&mut checked).starts_with("GET / HTTP/1.0\r\n"));
    say(&mut checked, "HTTP/1.1 503 Not now\r\n\r\n");
    drop(checked);
    eventually("it is out", || daemon.said().contains("a member fails its checks"));
    // The checks that come behind it hear nothing, and are over with their backend.
}
