//! `addresses=`: members each of whose addresses serves for itself, and what they cannot be besides.

use std::net::IpAddr;

use super::membership::Line;
use super::problem::Flaw;
use super::words::Word;
use crate::route::Expansion;

/// What `addresses=` says; where it is written that each serves for itself, if it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Expanding(Option<Word>);

impl Expanding {
    /// `addresses=one|all`
    pub(super) fn set(&mut self, value: &Word) -> Result<(), Flaw> {
        self.0 = match () {
            () if value.is("all") => Some(value.clone()),
            () if value.is("one") => None,
            () => return Err(value.flaw(format!("`{value}` is neither `one` nor `all`"))),
        };
        Ok(())
    }

    /// Whether each address serves for itself.
    pub(super) const fn is_set(&self) -> bool {
        self.0.is_some()
    }
}

/// What is said of the addresses of a member of that balancer, if each serves for itself.
pub(super) fn expansion(line: &Line, balancer: &str) -> Option<Expansion> {
    let said = &line.options.member;
    let route = said.route.as_ref().map_or("", |route| route.text());
    let salt = format!("{balancer}\n{route}\n{}", line.target.port);
    said.addresses.is_set().then_some(Expansion { salt })
}

/// What is wrong with a member each of whose addresses should serve for itself.
pub(super) fn flaw(line: &Line) -> Option<Flaw> {
    let word = line.options.member.addresses.0.as_ref()?;
    let host = &line.target.host;
    let told = |why: String, help: &str| Some(word.flaw(why).help(help));
    match () {
        () if line.target.socket.is_some() => {
            told("a Unix socket has no addresses".into(), "leave `addresses=` out")
        }
        () if host.parse::<IpAddr>().is_ok() => {
            told(format!("`{host}` is one address, and no name"), "leave `addresses=` out")
        }
        () if line.options.dialling.forgets() => told(
            "`addressttl=0` asks before each connection, and here nobody asks then".into(),
            "write how many seconds may pass before an address is found that is new, or leave it out",
        ),
        () if line.check.is_some() => told(
            "checks are of members, and not of each of their addresses".into(),
            "leave the `hc…=` out and let `ejectfails=` find who fails, or leave `addresses=` out",
        ),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, warnings};
    use crate::route::{Member, Peer, Rules};
    use crate::time::Wait;

    fn rules(says: &str) -> Rules {
        good(&format!("BalancerMember balancer://a http://b:81 {says}")).rules
    }

    fn member(says: &str) -> Member {
        *rules(says).workers.remove(0).member.expect("it is a member")
    }

    #[test]
    fn a_member_is_one_unless_it_says_otherwise() {
        assert_eq!([member(""), member("addresses=one")].map(|it| it.expansion), [None, None]);
        let text =
            "BalancerMember balancer://a http://b addresses=All\nProxySet http://b addresses=one";
        let said = |text: &str| good(text).rules.workers.remove(0).member.expect("one").expansion;
        assert_eq!(said(text), None, "what is set of it counts");
        let text = "BalancerMember balancer://a http://b\nProxySet http://b addresses=all";
        assert!(said(text).is_some());
    }

    /// Whoever is elected there has its own route: that of the member is only what theirs are made with.
    #[test]
    fn addresses_have_routes_of_their_own() {
        let member = member("addresses=all route=r");
        assert_eq!(
            (member.route, member.expansion.expect("it has").salt.as_str()),
            (None, "a\nr\n81")
        );
        assert_eq!(rules("addresses=all route=r").balancers[0].routes.len(), 0);
        let salt = |says: &str| self::member(says).expansion.expect("it has").salt;
        assert_eq!(salt("addresses=all"), "a\n\n81");
        let sticky = "BalancerMember balancer://a http://b addresses=all\n\
                      ProxyPass / balancer://a stickysession=S";
        assert_eq!(warnings(sticky), [""; 0]);
        let redirect = "conf:2:47: no member of this balancer has the route `r` \
                        (its clients go to any other)";
        let text = "BalancerMember balancer://a http://b route=r addresses=all\n\
                    BalancerMember balancer://a http://c redirect=r\n\
                    ProxyPass / balancer://a stickysession=S";
        assert_eq!(warnings(text), [redirect]);
    }

    #[test]
    fn addresses_are_asked_for_every_half_minute_unless_it_is_said_otherwise() {
        let memory = |says: &str| match rules(says).workers.remove(0).peer {
            Peer::Tcp(tcp) => tcp.memory,
            Peer::Unix(path) => panic!("a socket: {path}"),
        };
        assert_eq!(memory("addresses=all"), Wait::from_secs(30));
        assert_eq!(memory("addresses=all addressttl=5"), Wait::from_secs(5));
        assert_eq!([memory("addresses=all addressttl=-1"), memory("")], [Wait::FOREVER; 2]);
    }

    #[test]
    fn a_request_tries_some_of_the_addresses() {
        let retries = |says: &str| rules(says).balancers[0].retries;
        assert_eq!((retries(""), retries("addresses=all")), (0, 7));
        let text = "BalancerMember balancer://a http://b addresses=all\n\
                    BalancerMember balancer://a http://c\nProxySet balancer://a maxattempts=2";
        assert_eq!(good(text).rules.balancers[0].retries, 2);
        assert_eq!(good(text.rsplit_once('\n').expect("lines").0).rules.balancers[0].retries, 8);
    }

    #[test]
    fn what_has_not_many_addresses_cannot_be_all_of_them() {
        for (member, message) in [
            (
                "http://10.0.0.1 addresses=all",
                "1:55: `10.0.0.1` is one address, and no name (leave `addresses=` out)",
            ),
            (
                "http://[::1] addresses=all",
                "1:52: `::1` is one address, and no name (leave `addresses=` out)",
            ),
            (
                "unix:/s|http://b addresses=all",
                "1:56: a Unix socket has no addresses (leave `addresses=` out)",
            ),
            ("http://b addresses=some", "1:48: `some` is neither `one` nor `all`"),
            (
                "http://b addresses=all addressttl=0",
                "1:48: `addressttl=0` asks before each connection, and here nobody asks then (write how many \
                 seconds may pass before an address is found that is new, or leave it out)",
            ),
            (
                "http://b addresses=all hcmethod=TCP",
                "1:48: checks are of members, and not of each of their addresses (leave the `hc…=` out and let \
                 `ejectfails=` find who fails, or leave `addresses=` out)",
            ),
        ] {
            let text = format!("BalancerMember balancer://a {member}");
            assert_eq!(problem(&text), format!("conf:{message}"), "{member}");
        }
        let template = "ProxyHCTemplate t hcmethod=TCP\n\
                        BalancerMember balancer://a http://b addresses=all hctemplate=t";
        assert!(problem(template).starts_with("conf:2:48: checks are of members"));
        assert_eq!(
            problem("ProxyPass / http://b addresses=all"),
            "conf:1:22: `addresses=` is said of a member of a balancer (write it behind `BalancerMember`)"
        );
    }
}
