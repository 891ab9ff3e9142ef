//! By which hello a request comes (R13): whoever was let in by one host is not let in by another one that demands
//! other things of clients.

mod world;

use underpass_core::negotiate::Refusal;
use underpass_core::report::Close;
use underpass_core::route::{Caller, Rules};
use underpass_core::{Session, Side};
use world::{World, heads, rules};

use Side::{Backend, Client};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// Two hosts for anybody, and one for those with a certificate.
const CONF: &str = "Listen 443\nSSLCertificateFile /a\nSSLCACertificateFile /ca\nProxyPass / http://back/\n\
    <VirtualHost *>\nServerName a\nSSLEngine on\n</VirtualHost>\n\
    <VirtualHost *>\nServerName b\nSSLEngine on\n</VirtualHost>\n\
    <VirtualHost *>\nServerName c\nSSLEngine on\nSSLVerifyClient require\n</VirtualHost>";

fn asking(host: &str) -> String {
    heads::get("").replace("Host: h", &format!("Host: {host}"))
}

/// A client that has named that host in its hello.
fn greeted<'r>(rules: &'r Rules, name: Option<&str>) -> World<'r> {
    let mut world = World::new(rules);
    let local: std::net::SocketAddr = "127.0.0.1:443".parse().expect("an address");
    let caller = Caller::new(local.ip(), rules.door(local));
    world.session = Session::new(caller, rules, world.wires.now);
    world.wires.hello = rules.hello(caller.door, name);
    assert!(world.wires.hello.is_some(), "there is TLS");
    world
}

#[test]
fn a_request_for_a_host_that_demands_other_things_is_misdirected() {
    let rules = rules(CONF);
    for (name, host, may) in [
        (Some("a"), "a", true),
        (Some("a"), "b", true),
        (None, "a", true),
        (Some("c"), "c", true),
        (Some("a"), "c", false),
        (None, "c", false),
        (Some("c"), "a", false),
    ] {
        let mut world = greeted(&rules, name);
        world.hear(Client, &asking(host));
        assert_eq!(world.heard(Backend).is_empty(), !may, "{name:?} {host}");
        if !may {
            assert_eq!(world.close(), Some(Close::Refused(Refusal::Misdirected)));
            assert!(world.heard(Client).starts_with("HTTP/1.1 421 Misdirected Request\r\n"));
        }
    }
}

/// The hello is the connection's: it counts for each of its requests.
#[test]
fn a_kept_connection_is_still_the_one_that_it_was() {
    let rules = rules(CONF);
    let mut world = greeted(&rules, Some("a"));
    world.hear(Client, &asking("a"));
    world.hear(Backend, OK);
    assert!(world.heard(Client).ends_with("hi"));
    world.hear(Client, &asking("c"));
    assert!(world.heard(Client).contains("HTTP/1.1 421 "), "{}", world.heard(Client));
}

/// Without it a host that speaks TLS would believe whom it never greeted.
#[test]
fn the_hello_is_recorded_and_replayed() {
    let rules = rules("Listen 443\nSSLEngine on\nSSLCertificateFile /a\nProxyPass / http://back/");
    let mut world = World::recorded(&rules);
    world.wires.hello = rules.hello(Caller::at_main([127, 0, 0, 1]).door, Some("a"));
    world.hear(Client, &asking("a"));
    assert!(!world.heard(Backend).is_empty());
    drop(world);
    let mut silent = World::recorded(&rules);
    silent.hear(Client, &asking("a"));
    assert_eq!(silent.close(), Some(Close::Refused(Refusal::Misdirected)));
}
