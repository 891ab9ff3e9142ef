//! A member each of whose addresses serves for itself (`addresses=all`), and the routes that they have.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// What is said of a member that is as many backends as its name has addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expansion {
    /// What the routes of its addresses are made with beside the address: the name of its balancer, its own
    /// `route=`, if it has one, and its port.
    pub salt: String,
}

impl Expansion {
    /// The route of the clients that belong to that address: the same on every machine that has the same
    /// configuration, for it is made of nothing else.
    ///
    /// A client that knows the salt finds the address by trying all that there may be.
    pub fn route(&self, address: IpAddr) -> AddressRoute {
        let address = address.to_canonical().to_string();
        AddressRoute(digest(&[self.salt.as_bytes(), &[0], address.as_bytes()]))
    }
}

/// A number that stands for those bytes in every process.
pub(crate) fn digest(parts: &[&[u8]]) -> u64 {
    let hash = parts.iter().fold(Sha1::new(), |hash, part| hash.chain_update(part)).finalize();
    let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    hash.iter().take(size_of::<u64>()).fold(0, fold)
}

/// The route of one address; it reads as sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AddressRoute(pub u64);

impl AddressRoute {
    /// The route that is spelled so; nothing if none is.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = str::from_utf8(name).ok().filter(|_| name.len() == 16)?;
        name.iter().all(is_digit).then(|| u64::from_str_radix(digits, 16).ok().map(Self))?
    }
}

impl fmt::Display for AddressRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(salt: &str, address: &str) -> AddressRoute {
        let address = address.parse().expect("it is an address");
        Expansion { salt: salt.into() }.route(address)
    }

    /// Machines of several versions stand behind one address while they are updated.
    #[test]
    fn the_route_of_an_address_never_changes() {
        assert_eq!(route("app\nr\n80", "10.0.0.7").to_string(), "7f4181b842da0923");
        assert_eq!(route("s", "10.0.0.7"), route("s", "::ffff:10.0.0.7"));
    }

    #[test]
    fn each_address_and_each_salt_has_a_route_of_its_own() {
        let all = [route("s", "10.0.0.1"), route("s", "10.0.0.2"), route("t", "10.0.0.1")];
        assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?}");
    }

    #[test]
    fn a_route_is_read_as_it_is_written_and_not_otherwise() {
        for route in [AddressRoute(0), AddressRoute(0xABC), AddressRoute(u64::MAX)] {
            assert_eq!(AddressRoute::parse(route.to_string().as_bytes()), Some(route));
        }
        for bad in ["", "abc", "+00000000000abcd", "00000000000ABCDE", "00000000000000abc"] {
            assert_eq!(AddressRoute::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
