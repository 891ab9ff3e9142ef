//! `keepalive addressttl receivebuffersize`: how the addresses of a worker are dialled.

use core::num::NonZeroU32;

use super::problem::Flaw;
use super::proxy_pass::name_and_value;
use super::values::{number, socket_buffer, switch};
use super::words::Word;
use crate::route::{Peer, Target, Tcp};
use crate::time::Wait;

/// The parameters that say nothing of a Unix socket.
const OF_ADDRESSES: [&str; 3] = ["keepalive", "addressttl", "receivebuffersize"];

/// How long the addresses of a member are good for that serve each for itself, if it is not said.
const ADDRESSES_TTL: Wait = Wait::from_secs(30);

/// What a rule says of the dialling of its worker's addresses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Dialling {
    keepalive: Option<bool>,
    memory: Option<Wait>,
    receive_buffer: Option<NonZeroU32>,
}

impl Dialling {
    /// `keepalive=On|Off`
    pub(super) fn set_keepalive(&mut self, value: &Word) -> Result<(), Flaw> {
        self.keepalive = Some(switch(value)?);
        Ok(())
    }

    /// `addressttl=-1|seconds`
    pub(super) fn set_memory(&mut self, value: &Word) -> Result<(), Flaw> {
        self.memory = Some(match value.text() {
            "-1" => Wait::FOREVER,
            _ => Wait::from_secs(number(value, 0..=i32::MAX as u64)?),
        });
        Ok(())
    }

    /// `receivebuffersize=bytes`
    pub(super) fn set_receive_buffer(&mut self, value: &Word) -> Result<(), Flaw> {
        self.receive_buffer = socket_buffer(value)?;
        Ok(())
    }

    /// What it says of a member each of whose addresses serves for itself: who they are must be learnt anew.
    pub(super) fn of_each(self) -> Self {
        Self { memory: Some(self.memory.unwrap_or(ADDRESSES_TTL)), ..self }
    }

    /// Whether addresses are not remembered at all.
    pub(super) fn forgets(&self) -> bool {
        self.memory == Some(Wait::ZERO)
    }

    /// Where `target` is, on a host that says `inherited` of all that it dials.
    pub(super) fn peer(&self, target: &Target, inherited: &Tcp) -> Peer {
        if let Some(path) = &target.socket {
            return Peer::Unix(path.clone());
        }
        Peer::Tcp(Tcp {
            host: target.host.clone(),
            port: target.port,
            keepalive: self.keepalive.unwrap_or(inherited.keepalive),
            source: inherited.source,
            receive_buffer: self.receive_buffer.or(inherited.receive_buffer),
            memory: self.memory.unwrap_or(inherited.memory),
        })
    }
}

/// What is wrong with such parameters for that target: a Unix socket has no address.
pub(super) fn misplaced(target: &Target, parameters: &[Word]) -> Vec<Flaw> {
    let is_of_addresses =
        |word: &&Word| OF_ADDRESSES.iter().any(|name| name_and_value(word).0.is(name));
    let on_a_socket = parameters.iter().filter(|_| target.socket.is_some());
    let flaw = |word: &Word| {
        let name = name_and_value(word).0;
        word.flaw(format!("`{name}=` is for TCP, and not for a Unix socket"))
    };
    on_a_socket.filter(is_of_addresses).map(flaw).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem};
    use super::*;

    fn tcp(text: &str) -> Tcp {
        match &good(text).rules.workers[0].peer {
            Peer::Tcp(tcp) => tcp.clone(),
            Peer::Unix(path) => panic!("a socket: {path}"),
        }
    }

    #[test]
    fn addresses_are_good_for_ever_or_for_so_many_seconds() {
        let memory = |value: &str| tcp(&format!("ProxyPass / ws://b addressttl={value}")).memory;
        let waits = [Wait::FOREVER, Wait::ZERO, Wait::from_secs(60)];
        assert_eq!(["-1", "0", "60"].map(memory), waits);
        for (bad, why) in [
            ("-2", "`-2` is not a whole number"),
            ("1h", "`1h` is not a whole number"),
            ("2147483648", "2147483648 is not in the range 0 to 2147483647"),
        ] {
            let message = format!("conf:1:31: {why}");
            assert_eq!(problem(&format!("ProxyPass / ws://b addressttl={bad}")), message);
        }
    }

    #[test]
    fn a_receive_buffer_is_what_the_rule_says_or_else_its_host() {
        let bytes = |parameter: &str| {
            let text = format!("ProxyReceiveBufferSize 4096\nProxyPass / ws://b {parameter}");
            tcp(&text).receive_buffer.map(NonZeroU32::get)
        };
        assert_eq!(bytes(""), Some(4096));
        assert_eq!(bytes("receivebuffersize=512"), Some(512));
        assert_eq!(bytes("receivebuffersize=0"), Some(4096));
        let least = "conf:1:38: 511 is less than 512, and not 0";
        assert_eq!(problem("ProxyPass / ws://b receivebuffersize=511"), least);
    }

    #[test]
    fn each_host_dials_from_its_own_address() {
        let rules = good(
            "ProxySourceAddress 127.0.0.2\nProxyPass / ws://b\n\
             <VirtualHost *:1>\nProxySourceAddress ::1\n</VirtualHost>",
        )
        .rules;
        let sources = rules.workers.iter().map(|worker| match &worker.peer {
            Peer::Tcp(tcp) => tcp.source.map(|source| source.to_string()),
            Peer::Unix(_) => None,
        });
        let expected = ["127.0.0.2", "::1"].map(|source| Some(source.to_owned()));
        assert_eq!(sources.collect::<Vec<_>>(), expected);
        let name = "conf:1:20: `me.example` is not an address (no DNS is asked for it)";
        assert_eq!(problem("ProxySourceAddress me.example"), name);
    }
}
