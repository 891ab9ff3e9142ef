//! Virtual hosts: which one a request is for, by the address that it came to and the name that it asks for.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::hello::Hello;
use super::rules::Rule;
use super::scope::{Scope, Section};
use super::tls::Front;
use crate::edit::Heads;
use crate::limits::Limits;
use crate::time::Wait;

/// A server: the one that the configuration describes outside of any section, or a `<VirtualHost>`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    /// By what scheme clients ask for it, if that is not the one of their connections to us (`ServerName
    /// https://…`): a device in front of us speaks TLS for it.
    pub scheme: Option<&'static str>,
    /// Its name (`ServerName`): what `X-Forwarded-Server` and `Via` say.
    pub name: String,
    /// At which port clients ask for it, where they do not say (`ServerName name:port`).
    pub port: Option<u16>,
    /// Its further names (`ServerAlias`), in lower case; `*` stands for any letters, `?` for one.
    pub aliases: Vec<String>,
    /// How TLS is spoken with its clients; nothing if they speak without it.
    pub tls: Option<Box<Front>>,
    /// What becomes of `Via` (`ProxyVia`).
    pub via: Via,
    /// What `Max-Forwards` says where a request has none (`ProxyMaxForwards`); `None` adds nothing.
    pub max_forwards: Option<u32>,
    /// What a client's head and body may be.
    pub limits: Limits,
    /// How long a client may take to send or to take something (`Timeout`).
    pub timeout: Wait,
    /// What is said outside of its sections.
    pub scope: Scope,
    /// Its sections of paths, in the order of the configuration: a later one says its things over those
    /// of an earlier one.
    pub sections: Vec<Section>,
    /// Its sections of backends, by their URLs: what they say comes before what sections of paths say.
    pub backends: Vec<Section>,
    /// Its rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
    /// What it makes of the heads that pass.
    pub heads: Heads,
}

impl Default for Host {
    /// That of a configuration that says nothing.
    fn default() -> Self {
        Self {
            scheme: None,
            name: "underpass".into(),
            port: None,
            aliases: Vec::new(),
            tls: None,
            via: Via::Off,
            max_forwards: None,
            limits: Limits::DEFAULT,
            timeout: Wait::from_secs(60),
            scope: Scope::DEFAULT,
            sections: Vec::new(),
            backends: Vec::new(),
            rules: Vec::new(),
            heads: Heads::default(),
        }
    }
}

impl Host {
    /// What sections say of that path, over what the host says; nothing if it falls under none.
    pub fn inner_scope(&self, path: &[u8]) -> Option<Box<Scope>> {
        self.merged(self.sections.iter().filter(|section| section.paths.has(path)))
    }

    /// The same, where that path is asked for at that URL of a backend.
    pub fn scope_at(&self, path: &[u8], url: &[u8]) -> Option<Box<Scope>> {
        let backends = self.backends.iter().filter(|section| section.paths.has(url));
        self.merged(backends.chain(self.sections.iter().filter(|section| section.paths.has(path))))
    }

    /// What those sections say, over what the host says; nothing if there are none.
    fn merged<'a>(&self, sections: impl Iterator<Item = &'a Section>) -> Option<Box<Scope>> {
        let mut inner: Option<Box<Scope>> = None;
        for section in sections {
            let scope = inner.get_or_insert_with(|| Box::new(self.scope.clone()));
            section.says.iter().for_each(|setting| scope.set(setting));
        }
        inner
    }

    /// The scheme by which clients ask for it.
    pub fn scheme(&self) -> &'static str {
        self.scheme.unwrap_or(if self.tls.is_some() { "https" } else { "http" })
    }

    /// Whether it goes by that name, in whatever case.
    pub fn goes_by(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.name.eq_ignore_ascii_case(name)
            || self.aliases.iter().any(|alias| is_like(alias.as_bytes(), name.as_bytes()))
    }
}

/// Whether `name` is what `pattern` says, in whatever case.
///
/// Linear in both: behind a `*` nothing earlier need ever be tried again.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == b'?' || letter.eq_ignore_ascii_case(&name[seen]) => {
                (at, seen) = (at + 1, seen + 1);
            }
            _ => {
                let Some((from, taken)) = &mut star else { return false };
                *taken += 1;
                (at, seen) = (*from + 1, *taken);
            }
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// What becomes of `Via` in the heads that go on (RFC 9110 §7.6.3, httpd's `ProxyVia`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Via {
    /// It goes on as it came, without us.
    Off,
    /// Our hop is appended to it, in requests and in responses.
    On,
    /// So it is, with our product and its version in a comment.
    Full,
    /// It is removed from requests, and goes on in responses as it came.
    Block,
}

/// Where a connection came in: the number of the hosts that share its address; see
/// [`Rules::door`](super::Rules::door).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Door(pub u16);

/// Who calls, at which door, and with which first words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The client's address.
    pub client: IpAddr,
    /// Where the connection came in.
    pub door: Door,
    /// What the client said in its hello, once its handshake is over; nothing without TLS.
    pub hello: Option<Hello>,
}

impl Caller {
    /// A client that has not said anything yet.
    pub const fn new(client: IpAddr, door: Door) -> Self {
        Self { client, door, hello: None }
    }

    /// A client that calls at the main server's door.
    pub fn at_main(client: impl Into<IpAddr>) -> Self {
        Self::new(client.into(), Door::default())
    }
}

/// An address that virtual hosts are for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address {
    /// The one that a connection came to; any of them if none.
    pub ip: Option<IpAddr>,
    /// The port that a connection came to; any of them if none.
    pub port: Option<u16>,
}

impl Address {
    /// Whether a connection to that address is one to this.
    pub fn has(&self, local: SocketAddr) -> bool {
        self.ip.is_none_or(|ip| ip == local.ip().to_canonical())
            && self.port.is_none_or(|port| port == local.port())
    }
}

/// The hosts that share an address: they are told apart by their names, and who asks for none of them gets
/// the first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entrance {
    /// The address; that of nobody for the main server.
    pub address: Address,
    /// Their numbers, in the order of the configuration: at least one.
    pub hosts: Vec<usize>,
}

impl Entrance {
    /// The main server's: for who came to no address of a virtual host.
    pub fn main() -> Self {
        Self { address: Address { ip: None, port: None }, hosts: vec![0] }
    }

    /// The number of the host that goes by that name among `hosts`; the first one, if none does or none is
    /// asked for.
    pub(super) fn named(&self, name: Option<&str>, hosts: &[Host]) -> usize {
        let goes_by = |host: &&usize| name.is_some_and(|name| hosts[**host].goes_by(name));
        let named = self.hosts.iter().find(goes_by);
        named.or(self.hosts.first()).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Rules;
    use super::*;

    fn named(name: &str, aliases: &[&str]) -> Host {
        let aliases = aliases.iter().map(|alias| (*alias).into()).collect();
        Host { name: name.into(), aliases, ..Host::default() }
    }

    fn entrance(ip: Option<[u8; 4]>, port: Option<u16>, hosts: &[usize]) -> Entrance {
        Entrance { address: Address { ip: ip.map(Into::into), port }, hosts: hosts.into() }
    }

    fn several() -> Rules {
        let hosts = ["main", "a", "b", "c"].map(|name| named(name, &[])).into();
        let own = Some([10, 0, 0, 1]);
        let entrances = vec![
            entrance(None, None, &[0]),
            entrance(None, Some(80), &[1, 2]),
            entrance(own, Some(80), &[3]),
            entrance(own, None, &[2]),
        ];
        Rules { hosts, entrances, ..Rules::default() }
    }

    #[test]
    fn the_address_that_says_most_is_the_door() {
        let rules = several();
        let front = |local: &str| rules.front(rules.door(local.parse().unwrap())).name.as_str();
        let locals = ["10.0.0.2:80", "10.0.0.1:80", "10.0.0.1:81", "[::1]:81"];
        assert_eq!(locals.map(front), ["a", "c", "b", "main"]);
        // What came by a socket of IPv6 came to the same address.
        assert_eq!(front("[::ffff:10.0.0.1]:80"), "c");
    }

    #[test]
    fn a_listener_of_all_addresses_may_have_several_doors() {
        let rules = several();
        let door = |listener: &str| rules.door_of_all(listener.parse().unwrap());
        assert_eq!((door("[::]:80"), door("[::]:81")), (None, None));
        assert_eq!((door("10.0.0.1:80"), door("127.0.0.1:80")), (Some(Door(2)), Some(Door(1))));
        assert_eq!(Rules::default().door_of_all("[::]:80".parse().unwrap()), Some(Door(0)));
    }

    #[test]
    fn hosts_of_one_address_are_told_apart_by_their_names() {
        let hosts = vec![
            named("main", &[]),
            named("a.example", &["*.a.example", "x?.example"]),
            named("b.example", &["*"]),
        ];
        let entrances = vec![entrance(None, None, &[0]), entrance(None, Some(80), &[1, 2])];
        let rules = Rules { hosts, entrances, ..Rules::default() };
        let name = |host: usize| rules.hosts[host].name.as_str();
        let asked = |asked| name(rules.host(Door(1), Some(asked)));
        for name in ["a.example", "A.Example", "a.example.", "x.y.A.example", "X1.example"] {
            assert_eq!(asked(name), "a.example", "{name}");
        }
        for name in ["b.example", "a.example.org", "x12.example", "main"] {
            assert_eq!(asked(name), "b.example", "{name}");
        }
        assert_eq!(name(rules.host(Door(1), None)), "a.example");
        assert_eq!(name(rules.host(Door(0), Some("b.example"))), "main");
    }
}
