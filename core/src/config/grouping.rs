//! `lbmethod hashkey stickysession nofailover …`: what is said of a balancer.

use super::problem::Flaw;
use super::suggest::suggest;
use super::words::Word;
use std::collections::BTreeMap;

use crate::route::{Balancer, HashKey, Method, Sticky};
use crate::time::Wait;

/// A route and the name of a cookie or a parameter have fewer letters.
pub(super) const NAME_MOST: usize = 64;
/// What stands before a route if nothing else is said.
const SEPARATOR: u8 = b'.';

/// What is said of a balancer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Grouping {
    /// `lbmethod=`, and where it is written.
    method: Option<(Method, Word)>,
    /// `hashkey=`, and where it is written.
    key: Option<(HashKey, Word)>,
    /// `stickysession=`: a cookie and a parameter, and where it is written.
    sticky: Option<(String, String, Word)>,
    /// `stickysessionsep=`; the outer one is none if it is not said.
    separator: Option<Option<u8>>,
    /// `scolonpathdelim=`.
    pub(super) semicolon_ends: bool,
    /// `nofailover=`.
    pub(super) stays: bool,
    /// `timeout=`.
    pub(super) patience: Wait,
    /// `maxattempts=`.
    pub(super) retries: Option<u32>,
    /// `failonstatus=`.
    pub(super) fails_on: Vec<u16>,
    /// `failontimeout=`.
    pub(super) fails_late: bool,
    /// `forcerecovery=Off`.
    pub(super) rests: bool,
}

impl Grouping {
    /// `lbmethod=name`
    pub(super) fn set_method(&mut self, value: &Word) -> Result<(), Flaw> {
        let methods = [
            ("byrequests", Method::ByRequests),
            ("bytraffic", Method::ByTraffic),
            ("bybusyness", Method::ByBusyness),
            ("heartbeat", Method::Heartbeat),
            ("leasttunnels", Method::LeastTunnels),
            ("hash", Method::Hash(HashKey::Client)),
        ];
        let help = suggest(value.text(), methods.iter().map(|(name, _)| *name));
        let found = methods.into_iter().find(|(name, _)| value.is(name));
        let (_, method) = found.ok_or_else(|| {
            let flaw = value.flaw(format!("there is no method `{value}`"));
            flaw.help(help.unwrap_or_else(|| METHODS.into()))
        })?;
        self.method = Some((method, value.clone()));
        Ok(())
    }

    /// `hashkey=client|cookie:name|header:name|query:name`
    pub(super) fn set_key(&mut self, value: &Word) -> Result<(), Flaw> {
        let (kind, name) = match value.split_once(':') {
            Some((kind, name)) => (kind, name),
            None => (value.clone(), value.split_at(value.text().len()).1),
        };
        let named = || named(&name).map(String::from);
        let key = match kind.text().to_ascii_lowercase().as_str() {
            "client" if name.text().is_empty() => HashKey::Client,
            "cookie" => HashKey::Cookie(named()?),
            "header" => HashKey::Field(named()?),
            "query" => HashKey::Query(named()?),
            _ => {
                let flaw = value.flaw(format!("`{value}` tells no requests apart"));
                return Err(
                    flaw.help("write `client`, `cookie:name`, `header:name` or `query:name`")
                );
            }
        };
        self.key = Some((key, value.clone()));
        Ok(())
    }

    /// `stickysession=cookie[|parameter]`
    pub(super) fn set_sticky(&mut self, value: &Word) -> Result<(), Flaw> {
        let (cookie, parameter) =
            value.split_once('|').unwrap_or_else(|| (value.clone(), value.clone()));
        let names = (named(&cookie)?.into(), named(&parameter)?.into(), value.clone());
        self.sticky = Some(names);
        Ok(())
    }

    /// `stickysessionsep=letter|Off`
    pub(super) fn set_separator(&mut self, value: &Word) -> Result<(), Flaw> {
        self.separator = Some(match value.text().as_bytes() {
            [letter] if letter.is_ascii_graphic() => Some(*letter),
            _ if value.is("Off") => None,
            _ => {
                return Err(value.flaw(format!("`{value}` is neither one letter nor `Off`")));
            }
        });
        Ok(())
    }

    /// What stands before a route, if anything does.
    pub(super) fn separator(&self) -> Option<u8> {
        self.separator.unwrap_or(Some(SEPARATOR))
    }

    /// Where it is written by what a client says that it belongs to a member.
    pub(super) fn sticks_by(&self) -> Option<&Word> {
        self.sticky.as_ref().map(|(.., word)| word)
    }

    /// Whether members are chosen by heartbeats.
    pub(super) fn beats(&self) -> bool {
        self.method.as_ref().is_some_and(|(method, _)| *method == Method::Heartbeat)
    }

    /// What of it contradicts the rest, where heartbeats are `heard`.
    pub(super) fn flaws(&self, heard: bool) -> Vec<Flaw> {
        let method = self.method.as_ref();
        let hashes = method.is_some_and(|(method, _)| matches!(method, Method::Hash(_)));
        let key = self.key.as_ref().filter(|_| !hashes).map(|(_, word)| {
            word.flaw("`hashkey=` is for `lbmethod=hash`").help("write `lbmethod=hash` too")
        });
        let deaf = method.filter(|(method, _)| *method == Method::Heartbeat && !heard);
        let deaf = deaf.map(|(_, word)| {
            let flaw = word.flaw("nobody says where heartbeats are kept");
            flaw.help("write `HeartbeatStorage path`")
        });
        key.into_iter().chain(deaf).collect()
    }

    /// The balancer of that name, without any members; `attempts` is how many a request tries, and `plain` its
    /// method, if it does not say.
    pub(super) fn balancer(&self, name: &str, attempts: u32, plain: Method) -> Balancer {
        let method = self.method.as_ref().map_or(plain, |(method, _)| method.clone());
        let sticky = self.sticky.as_ref().map(|(cookie, parameter, _)| Sticky {
            cookie: cookie.clone(),
            parameter: parameter.clone(),
            separator: self.separator(),
            semicolon_ends: self.semicolon_ends,
        });
        Balancer {
            name: Some(name.into()),
            workers: Vec::new(),
            former: Vec::new(),
            method: match (&self.key, method) {
                (Some((key, _)), Method::Hash(_)) => Method::Hash(key.clone()),
                (_, method) => method,
            },
            sticky,
            fails_over: !self.stays,
            patience: self.patience,
            retries: self.retries.unwrap_or(attempts.saturating_sub(1)),
            forces_recovery: !self.rests,
            fails_on: self.fails_on.clone(),
            fails_late: self.fails_late,
            routes: BTreeMap::new(),
        }
    }
}

const METHODS: &str =
    "known are byrequests, bytraffic, bybusyness, heartbeat, leasttunnels and hash";

/// A name that can stand in a cookie and in a URL.
pub(super) fn named(word: &Word) -> Result<&str, Flaw> {
    let text = word.text();
    if text.is_empty() {
        return Err(word.flaw("the name is missing"));
    }
    if text.len() >= NAME_MOST {
        return Err(word.flaw(format!("a name has fewer than {NAME_MOST} letters")));
    }
    let is_plain = |char: char| char.is_ascii_graphic() && !"=,;&?#|\"\\".contains(char);
    match text.char_indices().find(|(_, char)| !is_plain(*char)) {
        Some((at, char)) => Err(word
            .part(at..at + char.len_utf8())
            .flaw(format!("`{char}` cannot stand in a name"))
            .help("it would end there in a cookie or in a URL")),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem, warnings};
    use super::*;
    use crate::route::RouteId;

    fn balancer(says: &str) -> Balancer {
        let text = format!(
            "ProxyPass / balancer://a\n<Proxy balancer://a>\nBalancerMember http://b route=r\n\
             BalancerMember http://c\nProxySet {says}\n</Proxy>\nHeartbeatStorage hb.dat"
        );
        good(&text).rules.balancers.remove(0)
    }

    #[test]
    fn each_parameter_of_a_balancer_says_its_part() {
        let plain = balancer("stickysession=S");
        let sticky = Sticky {
            cookie: "S".into(),
            parameter: "S".into(),
            separator: Some(b'.'),
            semicolon_ends: false,
        };
        let expected = Balancer {
            name: Some("a".into()),
            workers: plain.workers.clone(),
            former: Vec::new(),
            method: Method::ByRequests,
            sticky: Some(sticky),
            fails_over: true,
            patience: Wait::ZERO,
            retries: 1,
            forces_recovery: true,
            fails_on: Vec::new(),
            fails_late: false,
            routes: [(RouteId::of(b"r"), "r".into())].into(),
        };
        assert_eq!(plain, expected);
        let sticky = balancer("stickysession=S|s stickysessionsep=Off scolonpathdelim=On").sticky;
        let sticky = sticky.expect("it sticks");
        assert_eq!((sticky.parameter.as_str(), sticky.separator), ("s", None));
        assert!(sticky.semicolon_ends && !balancer("nofailover=On").fails_over);
        assert_eq!(balancer("timeout=2").patience, Wait::from_secs(2));
        assert_eq!((balancer("maxattempts=0").retries, balancer("maxattempts=7").retries), (0, 7));
        let other = balancer("failonstatus=500,503 failontimeout=On forcerecovery=Off");
        assert_eq!(other.fails_on, [500, 503]);
        assert!(other.fails_late && !other.forces_recovery);
    }

    #[test]
    fn a_method_is_named_and_a_hash_has_a_key() {
        let method = |says: &str| balancer(says).method;
        for (name, is) in [
            ("ByRequests", Method::ByRequests),
            ("bytraffic", Method::ByTraffic),
            ("bybusyness", Method::ByBusyness),
            ("heartbeat", Method::Heartbeat),
            ("leasttunnels", Method::LeastTunnels),
        ] {
            assert_eq!(method(&format!("lbmethod={name}")), is);
        }
        for (key, is) in [
            ("client", HashKey::Client),
            ("cookie:u", HashKey::Cookie("u".into())),
            ("HEADER:X-User", HashKey::Field("X-User".into())),
            ("query:u", HashKey::Query("u".into())),
        ] {
            assert_eq!(method(&format!("hashkey={key} lbmethod=hash")), Method::Hash(is));
        }
        assert_eq!(method("lbmethod=hash"), Method::Hash(HashKey::Client));
    }

    #[test]
    fn members_that_only_carry_upgrades_are_chosen_by_their_tunnels() {
        let method = |scheme: &str, falls_back: &str| {
            let text = format!(
                "ProxyPass / balancer://a\nBalancerMember balancer://a {scheme}://b\n\
                 ProxyWebsocketFallbackToProxyHttp {falls_back}"
            );
            good(&text).rules.balancers[0].method.clone()
        };
        assert_eq!(method("ws", "Off"), Method::LeastTunnels);
        assert_eq!([method("ws", "On"), method("http", "Off")], [const { Method::ByRequests }; 2]);
    }

    #[test]
    fn what_a_balancer_cannot_be_is_a_problem() {
        let told = |says: &str| {
            problem(&format!(
                "BalancerMember balancer://a http://[::1]\nProxySet balancer://a {says}"
            ))
        };
        for (says, message) in [
            (
                "lbmethod=bybusynes",
                "32: there is no method `bybusynes` (did you mean `bybusyness`?)",
            ),
            ("hashkey=client", "31: `hashkey=` is for `lbmethod=hash` (write `lbmethod=hash` too)"),
            (
                "hashkey=ip lbmethod=hash",
                "31: `ip` tells no requests apart \
                 (write `client`, `cookie:name`, `header:name` or `query:name`)",
            ),
            ("hashkey=cookie: lbmethod=hash", "38: the name is missing"),
            (
                "lbmethod=heartbeat",
                "32: nobody says where heartbeats are kept (write `HeartbeatStorage path`)",
            ),
            (
                "stickysession=a;b",
                "38: `;` cannot stand in a name (it would end there in a cookie or in a URL)",
            ),
            ("stickysessionsep=ab", "40: `ab` is neither one letter nor `Off`"),
            ("failonstatus=503,", "40: `` is not a whole number"),
            ("maxattempts=-1", "35: `-1` is not a whole number"),
        ] {
            assert_eq!(told(says), format!("conf:2:{message}"), "{says}");
        }
        let long = format!("stickysession={}", "a".repeat(NAME_MOST));
        assert_eq!(told(&long), "conf:2:37: a name has fewer than 64 letters");
    }

    #[test]
    fn a_stickiness_that_leads_nowhere_is_told() {
        let told = |member: &str, says: &str| {
            warnings(&format!(
                "ProxyPass / balancer://a {says}\nBalancerMember balancer://a http://b {member}"
            ))
        };
        assert_eq!(told("route=r", "stickysession=S"), [""; 0]);
        assert_eq!(told("", ""), [""; 0]);
        let nobody = "conf:2:44: nobody asks for a route: the balancer has no `stickysession=` \
                      (write `ProxySet stickysession=name` beside its members)";
        assert_eq!(told("route=r", ""), [nobody]);
        let nowhere = "conf:1:40: no member has a route that this could say \
                       (write `route=name` behind them)";
        assert_eq!(told("", "stickysession=S"), [nowhere]);
        let lost = "conf:2:55: no member of this balancer has the route `q` \
                    (its clients go to any other)";
        assert_eq!(told("route=r redirect=q", "stickysession=S"), [lost]);
    }

    #[test]
    fn a_name_that_cannot_stand_there_is_pointed_at() {
        let word = super::super::testing::word("aé");
        let flaw = word.part(1..3).flaw("`é` cannot stand in a name");
        assert_eq!(named(&word), Err(flaw.help("it would end there in a cookie or in a URL")));
        let client = "BalancerMember balancer://a http://b\nProxySet balancer://a lbmethod=hash hashkey=client:x";
        assert!(problem(client).contains("`client:x` tells no requests apart"));
        let blank = super::super::testing::word(" ");
        assert!(Grouping::default().set_separator(&blank).is_err(), "a blank");
    }
}
