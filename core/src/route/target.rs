//! Where requests can go: the URL of a rule, and the worker behind it.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::balancer::Member;
use super::expansion::digest;
use super::tls::Back;
use crate::limits::{IDLE_MOST, IDLE_TTL};
use crate::time::{Time, Wait};

/// How a backend is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// `balancer://`: as its members are.
    Balancer,
    /// `http://`: ordinary HTTP; upgrades only where the rule names them.
    Http,
    /// `https://`: the same through TLS.
    Https,
    /// `ws://`: the same bytes as `http://`; upgrades to WebSocket by default.
    Ws,
    /// `wss://`: the same through TLS.
    Wss,
}

impl Scheme {
    /// The port that the scheme stands for.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Balancer | Self::Http | Self::Ws => 80,
            Self::Https | Self::Wss => 443,
        }
    }

    /// The scheme as it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balancer => "balancer",
            Self::Http => "http",
            Self::Https => "https",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// What is spoken inside of TLS, or without it.
    pub const fn inner(self) -> Self {
        match self {
            Self::Https => Self::Http,
            Self::Wss => Self::Ws,
            plain @ (Self::Balancer | Self::Http | Self::Ws) => plain,
        }
    }

    /// Whether it is spoken through TLS.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Wss)
    }
}

/// The URL of a `ProxyPass` rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// A name, or an address without brackets.
    pub host: String,
    /// The port, the scheme's own where the URL names none.
    pub port: u16,
    /// The path that replaces the rule's prefix, as the URL spells it; may be empty.
    pub path: String,
    /// The Unix socket that is dialled (`unix:/path|ws://name/`): host and port are then only what
    /// `Host` says.
    pub socket: Option<String>,
}

impl Target {
    /// The root of a host, at that port.
    pub fn new(scheme: Scheme, host: impl Into<String>, port: u16) -> Self {
        Self { scheme, host: host.into(), port, path: String::new(), socket: None }
    }

    /// The authority as `Host` says it: the port only where it is not the default, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }

    /// The URL of what is asked for by that path: what `<Proxy>` sections are looked up by.
    pub fn url(&self, path: &[u8]) -> Vec<u8> {
        let mut url = Self { path: String::new(), ..self.clone() }.to_string().into_bytes();
        url.extend(path);
        url
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(socket) = &self.socket {
            write!(f, "unix:{socket}|")?;
        }
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

/// A worker: one backend, and how it is dialled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Worker {
    /// Where it is.
    pub peer: Peer,
    /// How TLS is spoken with it; nothing of it without TLS.
    pub tls: Option<Box<Back>>,
    /// What a failure to connect does to later requests.
    pub recovery: Recovery,
    /// How many requests and tunnels it serves at once, over all loops (`max=`); without a limit if
    /// none. Idle connections do not count.
    pub most: Option<NonZeroU32>,
    /// Which of its connections wait for a further request; none where each request has a connection
    /// of its own (`disablereuse=On`, `enablereuse=Off`).
    pub idle: Option<Idling>,
    /// What is said of it as one of several; nothing of a worker that a rule names itself.
    pub member: Option<Box<Member>>,
}

impl Worker {
    /// A number that stands for its URL, or, if it is no member, for the place where it is dialled: the same in every
    /// process.
    pub(crate) fn tag(&self) -> u64 {
        let place = |flag, name: String| digest(&[&[u8::from(flag)], name.as_bytes()]);
        match &self.member {
            Some(member) => place(member.expansion.is_some(), member.target.to_string()),
            None => place(self.tls.is_some(), self.peer.to_string()),
        }
    }

    /// A worker of which nothing is known but its host and port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self::at(Peer::Tcp(Tcp::new(host, port)))
    }

    /// A worker of which nothing is known but where it is.
    pub const fn at(peer: Peer) -> Self {
        Self {
            peer,
            tls: None,
            recovery: Recovery::AtOnce,
            most: None,
            idle: Some(Idling::DEFAULT),
            member: None,
        }
    }
}

/// Where a worker is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Peer {
    /// At the addresses of a host.
    Tcp(Tcp),
    /// At a Unix stream socket of this machine: that absolute path.
    Unix(String),
}

impl Peer {
    /// What tells it from other machines: its host, or the path of its socket.
    pub fn name(&self) -> &str {
        match self {
            Self::Tcp(tcp) => &tcp.host,
            Self::Unix(path) => path,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => write!(f, "{}:{}", tcp.host, tcp.port),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A host, and how it is dialled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tcp {
    /// A name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether TCP keepalive watches the connection (`keepalive=`; on by default, unlike httpd's,
    /// because a tunnel may be silent for days).
    pub keepalive: bool,
    /// The address of ours that it is dialled from (`ProxySourceAddress`); any of them if none.
    pub source: Option<IpAddr>,
    /// Bytes that the system may hold of what it sends (`receivebuffersize=`,
    /// `ProxyReceiveBufferSize`); the system decides if none.
    pub receive_buffer: Option<NonZeroU32>,
    /// How long its addresses are good for once they have been resolved (`addressttl=`), if they do
    /// not all fail.
    pub memory: Wait,
}

impl Tcp {
    /// A host of which nothing is known but its name and port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            keepalive: true,
            source: None,
            receive_buffer: None,
            memory: Wait::FOREVER,
        }
    }

    /// Whether addresses that were resolved then must be asked for anew before a connection is begun.
    ///
    /// Whoever waited for them may use them at that very moment, even if they are good for nothing
    /// longer.
    pub fn is_outdated(&self, resolved: Time, now: Time) -> bool {
        now > resolved.after(self.memory)
    }
}

/// Which connections of a worker wait idle for a further request: in each loop of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Idling {
    /// How many (`smax=`).
    pub most: usize,
    /// For how long (`ttl=`).
    pub ttl: Wait,
    /// For how many of them room is reserved from the beginning (`min=`).
    pub room: usize,
}

impl Idling {
    /// What a rule says that says nothing.
    pub const DEFAULT: Self = Self { most: IDLE_MOST, ttl: IDLE_TTL, room: 0 };
}

/// What a failed attempt does to the worker (`retry=`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recovery {
    /// Nothing: it is tried again at once. So does httpd with the worker of a plain `ProxyPass`,
    /// where there is no other worker to go to.
    AtOnce,
    /// It is left alone for so long.
    After(Wait),
}

/// A worker's number, stable for the life of the process.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct WorkerId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target { path: "/x".into(), ..Target::new(Scheme::Ws, host, port) }
    }

    #[test]
    fn the_authority_names_the_port_only_where_it_is_not_the_default() {
        assert_eq!(target("app.example", 80).authority(), "app.example");
        assert_eq!(target("app.example", 8080).authority(), "app.example:8080");
        assert_eq!(target("::1", 9000).authority(), "[::1]:9000");
        assert_eq!(target("::1", 9000).to_string(), "ws://[::1]:9000/x");
    }

    #[test]
    fn a_url_names_the_socket_that_is_dialled() {
        let target = Target { socket: Some("/run/a.sock".into()), ..target("a", 80) };
        assert_eq!(target.to_string(), "unix:/run/a.sock|ws://a/x");
        assert_eq!(target.url(b"/y?"), b"unix:/run/a.sock|ws://a/y?");
    }

    #[test]
    fn addresses_are_good_for_as_long_as_is_said() {
        let at = |secs| Time::ZERO.after(Wait::from_secs(secs));
        let outdated =
            |memory, now| Tcp { memory, ..Tcp::new("b", 80) }.is_outdated(at(5), at(now));
        assert!(!outdated(Wait::FOREVER, 1_000_000));
        assert!(!outdated(Wait::from_secs(2), 7) && outdated(Wait::from_secs(2), 8));
        assert!(!outdated(Wait::ZERO, 5) && outdated(Wait::ZERO, 6));
    }
}
