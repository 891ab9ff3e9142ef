//! The rules: which host, which sections and which rule a request falls under.

use std::net::SocketAddr;

use super::asked::Asked;
use super::balancer::{Balancer, BalancerId};
use super::forward::Forward;
use super::host::{Address, Door, Entrance, Host};
use super::mapping::Mapping;
use super::path::{CleanPath, may_lead_up};
use super::pattern::Pattern;
use super::place::{Place, Said};
use super::scope::Scope;
use super::target::{Scheme, Worker, WorkerId};
use crate::edit::{Vars, interpolate};
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
    /// Who serves the rules, indexed by [`BalancerId`].
    pub balancers: Vec<Balancer>,
    /// The workers, indexed by [`WorkerId`].
    pub workers: Vec<Worker>,
}

impl Default for Rules {
    /// Those of a configuration that says nothing.
    fn default() -> Self {
        Self::of(Host::default(), Vec::new())
    }
}

impl Rules {
    /// Those of one host, which is the main server. Each worker is a balancer of its own, of its number.
    pub fn of(host: Host, workers: Vec<Worker>) -> Self {
        let numbers = (0..).zip(&workers).map(|(number, _)| WorkerId(number));
        Self {
            hosts: vec![host],
            entrances: vec![Entrance::main()],
            bad_header: BadHeader::IsError,
            balancers: numbers.map(Balancer::alone).collect(),
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
        let plain = found.taken_for(asked.path);
        let plain = plain.as_deref().map(CleanPath::parse).transpose().ok()?;
        if let Some(plain) = &plain {
            let again;
            (again, scope) = hosted.find(&Asked { path: plain, ..*asked })?;
            if again != rule {
                return None;
            }
        }
        let said = scope.as_deref().unwrap_or(&hosted.scope);
        let path = found.onward(asked.path, said.interpolates.then_some(asked.vars))?;
        if !hosted.backends.is_empty() {
            let url = found.action.forward()?.target.url(&path);
            scope = hosted.scope_at(plain.as_ref().unwrap_or(asked.path).as_bytes(), &url);
        }
        Some(Place { host, rule, scope, path })
    }

    /// The balancer of that number.
    pub fn balancer(&self, id: BalancerId) -> Option<&Balancer> {
        self.balancers.get(id.0 as usize)
    }

    /// Whether that is a balancer with members.
    pub fn is_group(&self, id: BalancerId) -> bool {
        self.balancer(id).is_some_and(Balancer::is_group)
    }

    /// The worker of that number.
    pub fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(id.0 as usize)
    }

    /// Every subprotocol of WebSocket that a rule is for.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        let rules = self.hosts.iter().flat_map(|host| &host.rules);
        let forwards = rules.filter_map(|rule| rule.action.forward());
        forwards.flat_map(|forward| forward.protocols.iter().map(String::as_str))
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

    /// The path that the backend sees, if the rule takes this one, with those variables in it.
    ///
    /// They too may put pieces of a path together to `..`: such a path goes nowhere.
    fn onward(&self, path: &CleanPath<'_>, vars: Option<&Vars>) -> Option<Vec<u8>> {
        let forward = self.action.forward()?;
        let Some(vars) = vars.filter(|_| forward.interpolates) else {
            return forward.mapping.onward(&self.paths, &forward.target.path, path);
        };
        let url = interpolate::path(&forward.target.path, vars)?;
        let onward = forward.mapping.onward(&self.paths, &url, path)?;
        (!may_lead_up(&onward)).then_some(onward)
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
/// the one that is for the rest. So the recipes of two lines mean what they look like. A rule for
/// subprotocols that are offered comes before one that is for all of them, in the same way.
fn find(rules: &[Rule], scope: &Scope, asked: &Asked<'_>) -> Option<usize> {
    let is_passed_over = |rule: &Rule| {
        rule.action.forward().is_some_and(|forward| {
            !asked.suits(forward) || !asked.has_upgrade && forward.only_upgrades(scope)
        })
    };
    let matches = |rule: &Rule| rule.has(asked.path) && !is_passed_over(rule);
    let (number, first) = rules.iter().enumerate().find(|(_, rule)| matches(rule))?;
    let Some(forward) = first.action.forward() else { return Some(number) };
    let other = |suits: &dyn Fn(&Forward) -> bool| {
        let behind = rules.iter().enumerate().skip(number + 1);
        let mut same =
            behind.filter(|(_, rule)| rule.paths == first.paths && !is_passed_over(rule));
        same.find(|(_, rule)| rule.action.forward().is_some_and(suits)).map(|(number, _)| number)
    };
    let is_named = |forward: &Forward| !forward.protocols.is_empty();
    if is_named(forward) {
        return Some(number);
    }
    if let Some(named) = other(&is_named) {
        return Some(named);
    }
    if (asked.accepts)(&forward.upgrade) {
        return Some(number);
    }
    let is_plain = |forward: &Forward| forward.scheme.inner() == Scheme::Http;
    let accepting = other(&|forward| (asked.accepts)(&forward.upgrade));
    let plain = || other(&is_plain).filter(|_| !is_plain(forward));
    accepting.or_else(plain).or(Some(number))
}

#[cfg(test)]
mod tests {
    use super::super::scope::{Section, Setting};
    use super::super::target::Target;
    use super::*;
    use crate::route::Upgrade;

    fn to(scheme: Scheme, host: &str) -> Action {
        let target = Target { path: "/base".into(), ..Target::new(scheme, host, 80) };
        Action::Forward(Box::new(Forward::new(target, BalancerId(0))))
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
        found_by(rules, path, upgrade, &[])
    }

    fn found_by(
        rules: &Rules,
        path: &str,
        upgrade: Option<&str>,
        offered: &[&str],
    ) -> Option<(String, String)> {
        let accepts = |rule: &Upgrade| match rule {
            Upgrade::Tokens(tokens) => upgrade.is_some_and(|asked| tokens.contains(&asked.into())),
            Upgrade::Never | Upgrade::Any | Upgrade::Always => false,
        };
        let has_upgrade = upgrade.is_some();
        let path = CleanPath::parse(path.as_bytes()).expect("it is a good path");
        let offers = |name: &str| offered.contains(&name);
        let asked = Asked {
            path: &path,
            has_upgrade,
            accepts: &accepts,
            offers: &offers,
            vars: Vars::NONE,
        };
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
    fn rules_for_subprotocols_share_a_path_by_what_is_offered() {
        let named = |host: &str, protocols: &[&str]| {
            let Action::Forward(mut forward) = to(Scheme::Ws, host) else { panic!("it forwards") };
            forward.protocols = protocols.iter().map(|&protocol| protocol.into()).collect();
            ("/", Action::Forward(forward))
        };
        let (chat, mqtt) = (named("chat", &["chat", "v2.chat"]), named("mqtt", &["mqtt"]));
        let (ws, http) = (named("ws", &[]), ("/", to(Scheme::Http, "http")));
        let all = [&chat, &mqtt, &ws, &http].map(Clone::clone);
        let mut reversed = all.clone();
        reversed.reverse();
        for rules in [&all, &reversed] {
            let host = host(rules);
            let goes = |upgrade, offered: &[&str]| {
                found_by(&host, "/x", upgrade, offered).expect("it goes somewhere").0
            };
            let websocket = Some("WebSocket");
            assert_eq!(goes(websocket, &["foo", "v2.chat"]), "chat");
            assert_eq!(goes(websocket, &["mqtt"]), "mqtt");
            for offered in [&[][..], &["foo"], &["Chat"], &["cha"]] {
                assert_eq!(goes(websocket, offered), "ws", "{offered:?}");
            }
            // What is offered without a handshake means nothing.
            assert_eq!(
                (goes(None, &["chat"]), goes(Some("foo"), &["chat"])),
                ("http".into(), "http".into())
            );
        }
        assert_eq!(found_by(&host(&[chat, mqtt]), "/x", Some("WebSocket"), &["foo"]), None);
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
}
