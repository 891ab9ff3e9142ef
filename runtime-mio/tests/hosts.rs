//! Virtual hosts, sections and included files, seen from both ends.

mod house;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};

use house::daemon::empty_folder;
use house::{House, Wire, heads};

/// What the backend hears of a request for that host and path, on a connection to that address.
fn heard(house: &House, to: SocketAddr, host: &str, path: &str) -> String {
    let mut client = Wire::new(TcpStream::connect(to).expect("the daemon listens"));
    client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    let mut backend = house.backend();
    let head = backend.head();
    backend.send(heads::fine("well"));
    drop(backend);
    assert_eq!(heads::body(&client.text()), "well");
    head
}

fn asked_for(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn hosts_of_one_address_are_told_apart_by_the_name_that_is_asked_for() {
    let house = House::new(
        "ProxyPass /main http://BACKEND/main
         <VirtualHost *>
         ServerName a.example
         ProxyPass / http://BACKEND/a/
         </VirtualHost>
         <VirtualHost *>
         ServerName b.example
         ServerAlias *.b.example
         ProxyPassInherit Off
         ProxyPass / http://BACKEND/b/
         </VirtualHost>",
    );
    let to = house.daemon.address();
    let path = |host, path| asked_for(&heard(&house, to, host, path)).to_owned();
    assert_eq!(path("a.example", "/x"), "/a/x");
    assert_eq!(path("WWW.b.example:8080", "/x"), "/b/x");
    assert_eq!(path("elsewhere.example", "/x"), "/a/x");
    assert_eq!(
        (path("a.example", "/main"), path("b.example", "/main")),
        ("/main".into(), "/b/main".into())
    );
}

/// Two connections to one listener, for which two hosts are responsible.
#[test]
fn a_host_may_be_for_one_address_of_a_listener_of_all() {
    let house = House::new(
        "Listen 0.0.0.0:0
         <VirtualHost 127.0.0.1>
         ProxyPass / http://BACKEND/one/
         </VirtualHost>
         <VirtualHost *>
         ProxyPass / http://BACKEND/any/
         </VirtualHost>",
    );
    let port = house.daemon.address().port();
    let path = |last| {
        let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), port);
        asked_for(&heard(&house, to, "h", "/x")).to_owned()
    };
    assert_eq!((path(1), path(2)), ("/one/x".into(), "/any/x".into()));
}

#[test]
fn a_section_says_something_else_of_its_paths() {
    let house = House::new(
        "ProxyPass / http://BACKEND/
         <Location /ws>
         ProxyPass http://BACKEND/socket
         ProxyAddHeaders Off
         </Location>
         <LocationMatch \"\\.json$\">
         ProxyPreserveHost On
         </LocationMatch>",
    );
    let to = house.daemon.address();
    let plain = heard(&house, to, "app.example", "/x");
    assert!(plain.starts_with("GET /x ") && plain.contains("X-Forwarded-For"), "{plain}");
    let inner = heard(&house, to, "app.example", "/ws/x.json");
    assert!(inner.starts_with("GET /socket/x.json ") && !inner.contains("X-Forwarded"), "{inner}");
    assert!(heads::has(&inner, "Host: app.example") && !heads::has(&plain, "Host: app.example"));
}

/// A folder is read in the order of its names, and what is missing may be.
#[test]
fn files_of_a_folder_are_included() {
    let folder = empty_folder().join("included");
    fs::create_dir_all(&folder).expect("a folder");
    for (name, path) in [("2.conf", "/late/"), ("1.conf", "/early/")] {
        let text = format!("ProxyPass {path} http://127.0.0.1:9/\n");
        fs::write(folder.join(name), text).expect("the folder can be written to");
    }
    let folder = folder.display();
    let house = House::new(&format!(
        "Include {folder}/*.conf\nIncludeOptional {folder}/*.none\nProxyPass / http://BACKEND/"
    ));
    assert_eq!(asked_for(&heard(&house, house.daemon.address(), "h", "/x")), "/x");
    let mut client = house.client();
    client.send("GET /late/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(heads::status(&client.text()), "503");
}
