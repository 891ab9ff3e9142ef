//! The rules: which host, which sections and which rule a request falls under.

use std::net::SocketAddr;

use super::forward::{Forward, Terms, Upgrade};
use super::host::{Address, Door, Entrance, Host};
use super::mapping::Mapping;
use super::path::CleanPath;
use super::pattern::Pattern;
use super::scope::Scope;
use super::target::{Scheme, Worker};
use crate::head::BadHeader;

/// Everything that a request is judged by: an immutable snapshot of the configuration.
///
/// A session keeps to the snapshot that it began with; the driver lends it the same one in every turn.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The hosts; the first one is the main server.
    pub hosts: Vec<Host>,
    /// Which of them share an address; the first one is the main server's.
    pub entrances: Vec<Entrance>,
    /// What becomes of a response with a line that is no field (`ProxyBadHeader`).
    pub bad_header: BadHeader,
    /// The workers, indexed by [`WorkerId`](super::WorkerId).
    pub workers: Vec<Worker>,
}

impl Default for Rules {
    /// Those of a configuration that says nothing.
    fn default() -> Self {
        Self::of(Host::default(), Vec::new())
    }
}

impl Rules {
    /// Those of one host, which is the main server.
    pub fn of(host: Host, workers: Vec<Worker>) -> Self {
        Self {
            hosts: vec![host],
            entrances: vec![Entrance::main()],
            bad_header: BadHeader::IsError,
            workers,
        }
    }

    /// The main server: what is said outside of any `<VirtualHost>`.
    pub fn main(&self) -> &Host {
        &self.hosts[0]
    }

    /// Where a connection to that address comes in: at the hosts of the address that says most of it, as
    /// httpd has it (an address before `*`, a port before `*`), or at the main server.
    pub fn door(&self, local: SocketAddr) -> Door {
        let entrances = self.entrances.iter().enumerate().skip(1);
        let open = entrances.filter(|(_, entrance)| entrance.address.has(local));
        let best = open.max_by_key(|(_, Entrance { address, .. })| {
            (address.ip.is_some(), address.port.is_some())
        });
        Door(best.map_or(0, |(number, _)| number as u16))
    }

    /// Where every connection to a listener of that address comes in; nothing if that depends on the
    /// address which the connection came to.
    pub fn door_of_all(&self, listener: SocketAddr) -> Option<Door> {
        let differs = |entrance: &Entrance| {
            let Address { ip, port } = entrance.address;
            ip.is_some() && port.is_none_or(|port| port == listener.port())
        };
        let depends = listener.ip().is_unspecified() && self.entrances.iter().any(differs);
        (!depends).then(|| self.door(listener))
    }

    /// The host that speaks for a connection before it has asked for any.
    pub fn front(&self, door: Door) -> &Host {
        &self.hosts[self.host(door, None)]
    }

    /// The number of the host that a request for that name is for; the name is without a port.
    pub fn host(&self, door: Door, name: Option<&str>) -> usize {
        let entrance = self.entrances.get(usize::from(door.0)).unwrap_or(&self.entrances[0]);
        entrance.named(name, &self.hosts)
    }

    /// Where a request for the host of that number stands; nothing if no rule forwards it, or the first one
    /// for its path does not take a path that hides a separator.
    pub fn place(&self, host: usize, asked: &Asked<'_>) -> Option<Place> {
        let hosted = self.hosts.get(host)?;
        let (rule, mut scope) = hosted.find(asked)?;
        let found = &hosted.rules[rule];
        // Nobody may write one path so that its backend takes it for another, of which other things are said.
        if let Some(plain) = found.taken_for(asked.path) {
            let plain = CleanPath::parse(&plain).ok()?;
            let again;
            (again, scope) = hosted.find(&Asked { path: &plain, ..*asked })?;
            if again != rule {
                return None;
            }
        }
        let path = found.onward(asked.path)?;
        Some(Place { host, rule, scope, path })
    }

    /// What is said where a request stands, in the same configuration that it was [placed](Self::place) by.
    pub fn at<'a>(&'a self, place: &'a Place) -> Option<Said<'a>> {
        let host = self.hosts.get(place.host)?;
        let forward = host.rules.get(place.rule)?.action.forward()?;
        let scope = place.scope.as_deref().unwrap_or(&host.scope);
        Some(Said { host, scope, forward, path: &place.path })
    }
}

/// One `ProxyPass` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Which paths it is for.
    pub paths: Pattern,
    /// What becomes of a request for one of them.
    pub action: Action,
}

impl Rule {
    /// Whether it is for that path. One that excludes paths is for those too that hide a separator.
    pub(super) fn has(&self, path: &CleanPath<'_>) -> bool {
        let mapping = self.action.forward().map_or(Mapping::Decoded, |forward| forward.mapping);
        mapping.has(&self.paths, path)
    }

    /// The path that the backend takes this one for, if that may be another one.
    fn taken_for(&self, path: &CleanPath<'_>) -> Option<Vec<u8>> {
        self.action.forward()?.mapping.taken_for(path)
    }

    /// The path that the backend sees, if the rule takes this one.
    fn onward(&self, path: &CleanPath<'_>) -> Option<Vec<u8>> {
        let forward = self.action.forward()?;
        forward.mapping.onward(&self.paths, &forward.target.path, path)
    }
}

/// What becomes of a request that matches a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// `!`: it is not forwarded.
    Exclude,
    /// It goes to a backend.
    Forward(Box<Forward>),
}

impl Action {
    /// How it is forwarded, if it is.
    pub fn forward(&self) -> Option<&Forward> {
        if let Self::Forward(forward) = self { Some(forward) } else { None }
    }
}

/// What a rule is found by.
pub struct Asked<'a> {
    /// The path.
    pub path: &'a CleanPath<'a>,
    /// Whether there is an `Upgrade` field.
    pub has_upgrade: bool,
    /// Whether the request asks for a protocol that may be switched to.
    pub accepts: &'a dyn Fn(&Upgrade) -> bool,
}

/// Where a request stands in the configuration.
#[derive(Clone, Debug)]
pub struct Place {
    /// The number of the host.
    host: usize,
    /// The number of its rule.
    rule: usize,
    /// What is said of its path, if sections say anything.
    scope: Option<Box<Scope>>,
    /// The path that the backend sees.
    path: Vec<u8>,
}

impl Place {
    /// The number of the rule among those of its host.
    pub fn rule(&self) -> usize {
        self.rule
    }
}

/// All that is said where a request stands.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// By the host that it is for.
    pub host: &'a Host,
    /// Of its path.
    pub scope: &'a Scope,
    /// By the rule that it falls under.
    pub forward: &'a Forward,
    /// The path that the backend sees.
    pub path: &'a [u8],
}

impl Said<'_> {
    /// The clocks of the session.
    pub fn terms(&self) -> Terms {
        Terms::of(self.forward, self.scope, self.host.timeout)
    }
}

impl Host {
    /// The number of the rule that a request falls under, and what sections say of its path.
    fn find(&self, asked: &Asked<'_>) -> Option<(usize, Option<Box<Scope>>)> {
        let scope = self.inner_scope(asked.path.as_bytes());
        let rule = find(&self.rules, scope.as_deref().unwrap_or(&self.scope), asked)?;
        Some((rule, scope))
    }
}

/// The rule that a request falls under: the first one for its path.
///
/// Two rules for the same paths, one for upgrades (`ws://`) and one for the rest, share them whatever
/// their order: a request that asks for what one of them accepts is that one's, and any other is that of
/// the one that is for the rest. So the recipes of two lines mean what they look like.
fn find(rules: &[Rule], scope: &Scope, asked: &Asked<'_>) -> Option<usize> {
    let is_passed_over = |rule: &Rule| {
        let only_upgrades = |forward: &Forward| forward.only_upgrades(scope);
        !asked.has_upgrade && rule.action.forward().is_some_and(only_upgrades)
    };
    let matches = |rule: &Rule| rule.has(asked.path) && !is_passed_over(rule);
    let mut matching = rules.iter().enumerate().filter(|(_, rule)| matches(rule));
    let (number, first) = matching.next()?;
    let Some(forward) = first.action.forward() else { return Some(number) };
    if (asked.accepts)(&forward.upgrade) {
        return Some(number);
    }
    let other = |suits: &dyn Fn(&Forward) -> bool| {
        let mut same = matching.clone().filter(|(_, rule)| rule.paths == first.paths);
        same.find(|(_, rule)| rule.action.forward().is_some_and(suits)).map(|(number, _)| number)
    };
    let is_plain = |forward: &Forward| forward.target.scheme == Scheme::Http;
    let accepting = other(&|forward| (asked.accepts)(&forward.upgrade));
    let plain = || other(&is_plain).filter(|_| !is_plain(forward));
    accepting.or_else(plain).or(Some(number))
}

#[cfg(test)]
mod tests {
    use super::super::scope::{Section, Setting};
    use super::super::target::{Target, WorkerId};
    use super::*;

    fn to(scheme: Scheme, host: &str) -> Action {
        let target = Target { scheme, host: host.into(), port: 80, path: "/base".into() };
        Action::Forward(Box::new(Forward::new(target, WorkerId(0))))
    }

    fn host(rules: &[(&str, Action)]) -> Rules {
        let rule = |(prefix, action): &(&str, Action)| Rule {
            paths: Pattern::Below((*prefix).into()),
            action: action.clone(),
        };
        let host = Host { rules: rules.iter().map(rule).collect(), ..Host::default() };
        Rules::of(host, Vec::new())
    }

    /// Whom a request goes to, and for what.
    fn found(rules: &Rules, path: &str, upgrade: Option<&str>) -> Option<(String, String)> {
        let accepts = |rule: &Upgrade| match rule {
            Upgrade::Tokens(tokens) => upgrade.is_some_and(|asked| tokens.contains(&asked.into())),
            Upgrade::Never | Upgrade::Any | Upgrade::Always => false,
        };
        let has_upgrade = upgrade.is_some();
        let path = CleanPath::parse(path.as_bytes()).expect("it is a good path");
        let asked = Asked { path: &path, has_upgrade, accepts: &accepts };
        let place = rules.place(0, &asked)?;
        let said = rules.at(&place).expect("it stands there");
        let path = String::from_utf8(said.path.to_vec()).unwrap();
        Some((said.forward.target.host.clone(), path))
    }

    fn goes(host: &Rules, path: &str, upgrade: Option<&str>) -> Option<String> {
        found(host, path, upgrade).map(|(host, _)| host)
    }

    #[test]
    fn the_first_match_in_order_decides() {
        let rules = [
            ("/ws/public", Action::Exclude),
            ("/ws", to(Scheme::Http, "a")),
            ("/other", to(Scheme::Http, "b")),
        ];
        let host = host(&rules);
        let found = |path| found(&host, path, None);
        assert_eq!(found("/ws/public/x"), None);
        assert_eq!(found("/ws/x"), Some(("a".into(), "/base/x".into())));
        assert_eq!(found("/other"), Some(("b".into(), "/base".into())));
        assert_eq!(found("/"), None);
    }

    #[test]
    fn two_rules_for_the_same_paths_share_them_by_what_is_asked_for() {
        let (ws, http) = (("/", to(Scheme::Ws, "ws")), ("/", to(Scheme::Http, "http")));
        for rules in [[ws.clone(), http.clone()], [http.clone(), ws.clone()]] {
            let host = host(&rules);
            assert_eq!(goes(&host, "/x", Some("WebSocket")).as_deref(), Some("ws"));
            assert_eq!(goes(&host, "/x", Some("h2c")).as_deref(), Some("http"));
            assert_eq!(goes(&host, "/x", None).as_deref(), Some("http"));
        }
        let alone = host(&[ws, ("/x", to(Scheme::Http, "http"))]);
        assert_eq!(goes(&alone, "/x", None).as_deref(), Some("ws"));
    }

    #[test]
    fn a_rule_for_upgrades_only_is_passed_over_by_ordinary_requests() {
        let rules = [("/x", to(Scheme::Ws, "ws")), ("/", to(Scheme::Http, "http"))];
        let mut host = host(&rules);
        host.hosts[0].scope.falls_back = false;
        assert_eq!(goes(&host, "/x", Some("WebSocket")).as_deref(), Some("ws"));
        assert_eq!(goes(&host, "/x", Some("foo")).as_deref(), Some("ws"));
        assert_eq!(goes(&host, "/x", None).as_deref(), Some("http"));
    }

    #[test]
    fn a_later_section_speaks_over_an_earlier_one() {
        let section = |path: &str, says: &[Setting]| Section {
            paths: Pattern::Below(path.into()),
            says: says.into(),
        };
        let sections = vec![
            section("/a/b", &[Setting::PreserveHost(true), Setting::AddHeaders(false)]),
            section("/a", &[Setting::PreserveHost(false)]),
        ];
        let host = Host { sections, ..Host::default() };
        let said = |path: &str| {
            let scope = host.inner_scope(path.as_bytes()).expect("a section says something");
            (scope.preserve_host, scope.add_headers)
        };
        assert_eq!((said("/a/b/c"), said("/a/x")), ((false, false), (false, true)));
        assert_eq!(host.inner_scope(b"/x"), None);
    }

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
