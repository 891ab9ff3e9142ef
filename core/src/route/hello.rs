//! The hello of a client that speaks TLS: which host answers it, and for which hosts its requests may be.

use serde::{Deserialize, Serialize};

use super::host::{Door, Host};
use super::rules::Rules;

/// A client's hello: which host spoke TLS with it, and why that one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Hello {
    /// The number of the host.
    pub host: u16,
    /// Whether the client named a host (RFC 6066 §3).
    pub is_named: bool,
}

impl Rules {
    /// Which host speaks TLS with a client at that door that names that host in its hello, or none; nothing
    /// if there is no TLS, or only for clients that name a host (`SSLStrictSNIVHostCheck`).
    pub fn hello(&self, door: Door, name: Option<&str>) -> Option<Hello> {
        let is_named = name.is_some();
        let first = self.front(door).tls.as_ref()?;
        let host = u16::try_from(self.host(door, name)).ok()?;
        (is_named || !first.names_only).then_some(Hello { host, is_named })
    }

    /// What a hello of these rules' predecessors' says now: a host that demands the same of clients, by preference the
    /// one of the same name; nothing if there is none any more.
    pub fn hello_again(&self, hello: Hello, before: &Self) -> Option<Hello> {
        let old = before.hosts.get(usize::from(hello.host))?;
        let first = old.tls.as_deref()?;
        let demands = |host: &Host| host.tls.as_deref().is_some_and(|own| first.demands_as(own));
        let mut all = (0..).zip(&self.hosts).filter(|(_, host)| demands(host));
        let named = all.clone().find(|(_, host)| host.name == old.name);
        let (host, _) = named.or_else(|| all.next())?;
        Some(Hello { host, ..hello })
    }

    /// Whether a request for the host of that number may come by a connection with that hello, or is answered
    /// with 421 (R13; RFC 9110 §15.5.20): both hosts must demand the same of clients, for a certificate was
    /// asked for by the one that the hello names, before any request could say whom it is for. Who said none speaks
    /// without TLS, and so must the host.
    pub fn may_come(&self, hello: Option<Hello>, host: usize) -> bool {
        let tls = |host: usize| self.hosts.get(host).and_then(|host| host.tls.as_deref());
        let Some(hello) = hello else { return tls(host).is_none() };
        match (tls(usize::from(hello.host)), tls(host)) {
            (Some(_), Some(_)) if usize::from(hello.host) == host => true,
            (Some(first), Some(own)) => {
                (hello.is_named || !own.names_only) && first.demands_as(own)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::good;

    /// Hosts of those names at one address, which say that of TLS.
    fn hosts(says: [(&str, &str); 3]) -> Rules {
        let host = |(name, lines): (&str, &str)| {
            format!(
                "<VirtualHost *:1234>\nServerName {name}\nSSLEngine on\nSSLCertificateFile /{name}\n\
                 {lines}\n</VirtualHost>\n"
            )
        };
        let main = "SSLCACertificateFile /ca\n".to_owned();
        good(&(main + &says.map(host).concat())).rules
    }

    fn door(rules: &Rules) -> Door {
        rules.door("127.0.0.1:1234".parse().expect("an address"))
    }

    #[test]
    fn a_hello_is_answered_by_the_host_that_it_names_or_by_the_first() {
        let rules = hosts([("a", ""), ("b", "ServerAlias *.b"), ("c", "")]);
        let host = |name: Option<&str>| rules.hello(door(&rules), name).expect("there is TLS");
        for (name, number) in [(None, 1), (Some("x"), 1), (Some("C"), 3), (Some("x.b"), 2)] {
            assert_eq!(host(name), Hello { host: number, is_named: name.is_some() }, "{name:?}");
        }
        assert_eq!(good("").rules.hello(Door::default(), Some("a")), None);
    }

    /// R13: else a client that may see one host only would see all of them.
    #[test]
    fn a_request_comes_by_the_hello_of_a_host_that_demands_the_same() {
        let rules = hosts([("a", ""), ("b", ""), ("c", "SSLVerifyClient require")]);
        let by = |hello: &str, host: usize| {
            let hello = rules.hello(door(&rules), Some(hello)).expect("there is TLS");
            rules.may_come(Some(hello), host)
        };
        assert!(by("a", 1) && by("a", 2) && by("b", 1) && by("c", 3));
        assert!(!by("a", 3) && !by("b", 3) && !by("c", 1), "neither way");
        assert!(!by("a", 0) && !by("a", 9), "of those there is no TLS");
        assert!(!rules.may_come(None, 1) && rules.may_come(None, 0), "nor without TLS");
        for policy in ["SSLProtocol TLSv1.3", "SSLCipherSuite AES256", "SSLVerifyClient optional"] {
            let rules = hosts([("a", ""), ("b", policy), ("c", "")]);
            assert!(!rules.may_come(Some(Hello { host: 1, is_named: true }), 2), "{policy}");
        }
    }

    #[test]
    fn who_names_no_host_is_kept_out_where_that_is_said() {
        let strict = "SSLStrictSNIVHostCheck on";
        let all = hosts([("a", strict), ("b", ""), ("c", "")]);
        assert_eq!(all.hello(door(&all), None), None);
        assert!(all.hello(door(&all), Some("x")).is_some());
        let one = hosts([("a", ""), ("b", strict), ("c", "")]);
        let nameless = one.hello(door(&one), None).expect("the first one takes it");
        assert!(one.may_come(Some(nameless), 1) && one.may_come(Some(nameless), 3));
        assert!(!one.may_come(Some(nameless), 2));
        assert!(one.may_come(Some(Hello { is_named: true, ..nameless }), 2));
    }
}
