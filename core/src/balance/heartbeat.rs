//! Stage 4 of 6 · one heartbeat: what a server says that it can take, as httpd writes it down.

use std::fmt;
use std::net::IpAddr;

use crate::time::Wait;

/// What a server has said of itself (mod_heartbeat): a line of the file that mod_heartmonitor keeps,
/// `address &ready=number&busy=number&lastseen=seconds&port=number`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Heartbeat {
    /// Where it was heard from.
    pub address: IpAddr,
    /// Its port; [`UNSAID`] if it has said none.
    pub port: u16,
    /// How many more requests it can take.
    pub ready: u32,
    /// How many it has.
    pub busy: u32,
    /// How long it had not been heard when the line was written, in whole seconds.
    pub age: Wait,
}

/// What mod_heartmonitor writes for the port of a server that has said none, as mod_heartbeat never does.
pub const UNSAID: u16 = 80;

/// A server that has nothing to do has just started, perhaps: httpd gives it this part of what it can take.
const WARM_UP: u32 = 4;

/// Why a line is no heartbeat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadBeat {
    /// It does not begin with an address of IPv4 or IPv6.
    Address,
    /// That is not said.
    Missing(&'static str),
    /// That is no number that it can be.
    Number(&'static str),
}

impl Heartbeat {
    /// Reads a line without its end. Of what is said twice the last counts, as in httpd; what is not known is
    /// passed over.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn parse(line: &[u8]) -> Result<Self, BadBeat> {
        let text = str::from_utf8(line).map_err(|_| BadBeat::Address)?.trim_ascii();
        let (address, says) = text.split_once(' ').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| BadBeat::Address)?;
        let number = |name: &'static str| {
            let pairs = says.trim_ascii_start().split('&').filter_map(|pair| pair.split_once('='));
            let said = pairs.rev().find(|(key, _)| *key == name);
            said.map(|(_, value)| digits(value).ok_or(BadBeat::Number(name))).transpose()
        };
        let due = |name| number(name)?.ok_or(BadBeat::Missing(name));
        let port = number("port")?.map_or(Ok(UNSAID), u16::try_from);
        Ok(Self {
            address: address.to_canonical(),
            port: port.map_err(|_| BadBeat::Number("port"))?,
            ready: due("ready")?,
            busy: due("busy")?,
            age: Wait::from_secs(due("lastseen")?.into()),
        })
    }

    /// What it can take. Who has nothing to do is warmed up, and gets some of it at least: else it would
    /// have nothing to do for ever.
    pub fn capacity(&self) -> u32 {
        match (self.busy, self.ready) {
            (0, 1..) => (self.ready / WARM_UP).max(1),
            _ => self.ready,
        }
    }
}

/// A number without a sign.
fn digits(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

impl fmt::Display for BadBeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("it does not begin with an address"),
            Self::Missing(name) => write!(f, "it does not say `{name}=`"),
            Self::Number(name) => write!(f, "`{name}=` is no number that it can be"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(says: &str) -> Result<Heartbeat, BadBeat> {
        Heartbeat::parse(format!("192.0.2.1 {says}").as_bytes())
    }

    #[test]
    fn a_line_is_read_as_httpd_writes_it() {
        let expected = Heartbeat {
            address: [192, 0, 2, 1].into(),
            port: 8080,
            ready: 9,
            busy: 2,
            age: Wait::from_secs(3),
        };
        assert_eq!(beat("&ready=9&busy=2&lastseen=3&port=8080"), Ok(expected));
        assert_eq!(beat("busy=2&v=1&ready=7&ready=9&lastseen=3&port=8080\r"), Ok(expected));
        let unsaid = Heartbeat { port: UNSAID, ..expected };
        assert_eq!(beat(" ready=9&busy=2&lastseen=3"), Ok(unsaid));
        let mapped = Heartbeat::parse(b"::ffff:192.0.2.1 ready=9&busy=2&lastseen=3");
        assert_eq!(mapped, Ok(unsaid));
        let long = Heartbeat::parse(b"2001:db8::1 ready=0&busy=0&lastseen=4294967295");
        assert!(long.is_ok_and(|it| it.address.is_ipv6() && it.age > Wait::from_secs(1 << 31)));
    }

    #[test]
    fn a_line_that_is_none_says_why() {
        for line in ["", "back.example ready=1&busy=1&lastseen=0", "192.0.2 x", "\u{663} x"] {
            assert_eq!(Heartbeat::parse(line.as_bytes()), Err(BadBeat::Address), "{line}");
        }
        assert_eq!(Heartbeat::parse(b"\xff\xfe"), Err(BadBeat::Address));
        assert_eq!(Heartbeat::parse(b"192.0.2.1"), Err(BadBeat::Missing("ready")));
        assert_eq!(beat("ready=1&lastseen=0"), Err(BadBeat::Missing("busy")));
        assert_eq!(beat("Ready=1&ready=1&busy=0"), Err(BadBeat::Missing("lastseen")));
        for bad in ["", "-1", "+1", "1x", "4294967296", "1 "] {
            let said = beat(&format!("ready={bad}&busy=0&lastseen=0"));
            assert_eq!(said, Err(BadBeat::Number("ready")), "{bad}");
        }
        let said = beat("ready=1&busy=0&lastseen=0&port=65536");
        assert_eq!(said, Err(BadBeat::Number("port")));
    }

    #[test]
    fn who_has_nothing_to_do_is_warmed_up() {
        let capacity = |ready, busy| {
            beat(&format!("ready={ready}&busy={busy}&lastseen=0")).map(|beat| beat.capacity())
        };
        assert_eq!([capacity(9, 0), capacity(3, 0), capacity(0, 0)], [Ok(2), Ok(1), Ok(0)]);
        assert_eq!([capacity(9, 1), capacity(0, 5)], [Ok(9), Ok(0)]);
    }
}
