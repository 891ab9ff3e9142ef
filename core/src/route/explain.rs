//! Why a request is forwarded as it is: for the operator who asks (`underpass check --explain URL`).

mod members;
mod variables;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::asked::Asked;
use super::forward::Forward;
use super::path::CleanPath;
use super::place::{Place, Said};
use super::rules::{Action, Rule, Rules};
use super::scope::Scope;
use crate::edit::vars::NO_PROXY;
use crate::edit::{Known, Vars};
use crate::head::Request;
use crate::negotiate::offer;

/// Where a request would come in, and what it would ask for.
pub struct Question<'a> {
    /// The address that the connection would come to.
    pub local: SocketAddr,
    /// The request, as far as it is known: its fields are those without which it could not be asked for.
    pub request: &'a Request<'a, 'a>,
    /// Its path.
    pub path: &'a CleanPath<'a>,
}

/// What would become of a request, step by step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explained {
    /// One line for each step, in their order.
    pub steps: Vec<Step>,
}

/// A step on the way of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// It is for the host of that name: because it goes by the name that was asked for, or because it is the
    /// first one of its address, or the main server.
    Host {
        /// The host's own name.
        name: String,
        /// Why it is that one.
        why: &'static str,
    },
    /// That section of paths has a say.
    Section(String),
    /// That rule does not take it.
    Passed {
        /// The rule.
        rule: String,
        /// Why it does not.
        why: &'static str,
    },
    /// That rule keeps it from being forwarded.
    Excluded(String),
    /// That rule is for it, but does not take a path that hides a separator, or may be read as another one.
    Refused(String),
    /// That rule takes it.
    Taken {
        /// The rule.
        rule: String,
        /// The backend's scheme and authority.
        backend: String,
        /// The path that the backend would see.
        path: String,
    },
    /// That member of the balancer may be the backend.
    Member {
        /// Its scheme and authority.
        backend: String,
        /// The path that it would see.
        path: String,
        /// When and whom it serves, where that is not always and everybody.
        serves: String,
    },
    /// No rule takes it: the answer is 404.
    Nobody,
    /// No rule is asked, because the variable `no-proxy` is set.
    NotProxied,
    /// What is not known of the request decides as well.
    Depends {
        /// What that is: a field, or what a line of the configuration calls it.
        on: String,
        /// What it decides.
        what: &'static str,
    },
    /// Nobody may go where it would: the answer is 403.
    Forbidden(&'static str),
}

/// What would become of a request.
pub fn explain(rules: &Rules, question: &Question<'_>) -> Explained {
    let number = rules.host(rules.door(question.local), question.request.host());
    let host = &rules.hosts[number];
    let mut steps = vec![Step::Host { name: host.name.clone(), why: why_host(rules, question) }];
    steps.extend(variables::of_forwarding(host, question.path.as_bytes()));
    // Nobody's address: what depends on the client's is told.
    let client = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let known = Known::of(Some(question.request), client, host);
    let vars = host.heads.vars(&known);
    if vars.get(NO_PROXY).is_some() {
        steps.push(Step::NotProxied);
    } else {
        route(rules, number, question, &vars, &mut steps);
    }
    Explained { steps }
}

/// Which rule takes it, and why none before that does.
fn route(
    rules: &Rules,
    number: usize,
    question: &Question<'_>,
    vars: &Vars,
    steps: &mut Vec<Step>,
) {
    let (host, path, request) = (&rules.hosts[number], question.path, question.request);
    let asked = &Asked {
        path,
        has_upgrade: request.fields.has("upgrade"),
        accepts: &|upgrade| offer::accepts(request, upgrade),
        offers: &|protocol| offer::offers(request, protocol),
        vars,
    };
    let said = host.sections.iter().filter(|section| section.paths.has(path.as_bytes()));
    steps.extend(said.map(|section| Step::Section(section.paths.to_string())));
    let inner = host.inner_scope(path.as_bytes());
    let scope = inner.as_deref().unwrap_or(&host.scope);
    let place = rules.place(number, asked);
    let end = place.as_ref().map(Place::rule);
    for (at, rule) in host.rules.iter().enumerate() {
        if end == Some(at) {
            break;
        }
        if end.is_none() && decides(rule, scope, asked) {
            return steps.push(refuses(rule));
        }
        steps.push(Step::Passed { rule: named(rule), why: why_not(rule, scope, asked) });
    }
    match place.as_ref().and_then(|place| rules.at(place)).zip(end) {
        Some((said, rule)) => {
            steps.extend(takes(&host.rules[rule], &said, asked));
            steps.extend(variables::of_url(&said, path.as_bytes()));
            steps.extend(members::of(rules, &said));
        }
        None => steps.push(Step::Nobody),
    }
}

fn why_host(rules: &Rules, question: &Question<'_>) -> &'static str {
    let door = rules.door(question.local);
    let name = question.request.host();
    let number = rules.host(door, name);
    match (name.is_some_and(|name| rules.hosts[number].goes_by(name)), number) {
        (true, _) => "it goes by that name",
        (false, 0) => "it is the main server, and no virtual host is for that address",
        (false, _) => "it is the first one for that address, and none goes by that name",
    }
}

/// Whether no later rule is tried, although this one may not forward the request.
fn decides(rule: &Rule, scope: &Scope, asked: &Asked<'_>) -> bool {
    let is_passed_over = |forward: &Forward| {
        !asked.suits(forward) || forward.only_upgrades(scope) && !asked.has_upgrade
    };
    rule.has(asked.path) && !rule.action.forward().is_some_and(is_passed_over)
}

fn refuses(rule: &Rule) -> Step {
    match rule.action {
        Action::Exclude => Step::Excluded(named(rule)),
        Action::Forward(_) => Step::Refused(named(rule)),
    }
}

fn why_not(rule: &Rule, scope: &Scope, asked: &Asked<'_>) -> &'static str {
    let only_upgrades = |forward: &Forward| forward.only_upgrades(scope) && !asked.has_upgrade;
    match rule.action.forward() {
        _ if !rule.has(asked.path) => "it is for other paths",
        Some(forward) if only_upgrades(forward) => "it is for upgrades only",
        Some(forward) if !asked.suits(forward) => {
            "it is for subprotocols, which Sec-WebSocket-Protocol may offer"
        }
        Some(_) | None => "another rule for the same paths is for what is asked for",
    }
}

/// The rule, with what it comes to.
fn takes(rule: &Rule, said: &Said<'_>, asked: &Asked<'_>) -> Vec<Step> {
    let target = &said.forward.target;
    let backend = format!("{}://{}", target.scheme.as_str(), target.authority());
    let path = String::from_utf8_lossy(said.path).into_owned();
    let taken = Step::Taken { rule: named(rule), backend, path };
    let forbidden = match (said.scope.denied, said.forward.blocked) {
        (true, _) => Some(Step::Forbidden("Require all denied")),
        (false, true) => Some(Step::Forbidden("ProxyBlock")),
        (false, false) => None,
    };
    let upgrades = (asked.accepts)(&said.forward.upgrade);
    let origin = said.scope.origins.as_ref().filter(|_| upgrades).map(|_| Step::Depends {
        on: "Origin".into(),
        what: "the answer is 403 to pages that ProxyWebsocketOrigin does not list",
    });
    [Some(taken), forbidden.or(origin)].into_iter().flatten().collect()
}

/// The rule as its line says it, as far as that matters here.
fn named(rule: &Rule) -> String {
    match &rule.action {
        Action::Exclude => format!("{} !", rule.paths),
        Action::Forward(forward) => format!("{} {}", rule.paths, forward.target),
    }
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { name, why } => write!(f, "host      {name}: {why}"),
            Self::Section(paths) => write!(f, "section   {paths}: has a say"),
            Self::Passed { rule, why } => write!(f, "not       {rule}: {why}"),
            Self::Excluded(rule) => write!(f, "excluded  {rule}: 404"),
            Self::Refused(rule) => {
                write!(f, "refused   {rule}: 404, because another path may be hidden in this one")
            }
            Self::Taken { rule, backend, path } => {
                write!(f, "rule      {rule}\nbackend   {backend}, asked for {path}")
            }
            Self::Member { backend, path, serves } if serves.is_empty() => {
                write!(f, "member    {backend}, asked for {path}")
            }
            Self::Member { backend, path, serves } => {
                write!(f, "member    {backend}, asked for {path}: {serves}")
            }
            Self::Nobody => f.write_str("nobody    no rule takes it: 404"),
            Self::NotProxied => f.write_str("no-proxy  it is set: 404, and no rule is asked"),
            Self::Depends { on, what } => write!(f, "depends   on {on}: {what}"),
            Self::Forbidden(by) => write!(f, "forbidden by {by}: 403"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::good;
    use crate::head::slots;

    const CONF: &str = "ServerName main\nProxyPass /main http://m\n\
        <VirtualHost *:80>\nServerName a\nProxyPass /no !\n<Location /ws>\nProxyAddHeaders Off\n</Location>\n\
        ProxyPass /ws ws://b:9/base\nProxyPass /ws http://b:8/base\nProxyPass / http://c\n</VirtualHost>";

    fn explained(local: &str, name: &str, path: &str, upgrade: bool) -> String {
        explained_by(CONF, local, name, path, upgrade)
    }

    pub(super) fn explained_by(
        conf: &str,
        local: &str,
        name: &str,
        path: &str,
        upgrade: bool,
    ) -> String {
        let rules = good(conf).rules;
        let fields = if upgrade { "Connection: upgrade\r\nUpgrade: websocket\r\n" } else { "" };
        let head = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\n{fields}\r\n");
        let mut slots = slots();
        let request = &Request::parse(head.as_bytes(), &mut slots).expect("it is a good head");
        let path = &CleanPath::parse(request.path).expect("it is a good path");
        let local = local.parse().expect("an address");
        explain(&rules, &Question { local, request, path }).to_string()
    }

    /// What is said of `/ws/x` at a host of those lines, but for the host itself.
    fn said(lines: &str, upgrade: bool) -> String {
        let conf = format!("{lines}\nProxyPass /ws ws://b");
        let said = explained_by(&conf, "127.0.0.1:80", "underpass", "/ws/x", upgrade);
        said.split_once('\n').expect("it has a host").1.to_owned()
    }

    const TAKEN: &str = "rule      /ws ws://b\nbackend   ws://b, asked for /x\n";

    #[test]
    fn no_proxy_is_known_as_far_as_the_url_says_it() {
        let not = "no-proxy  it is set: 404, and no rule is asked\n";
        assert_eq!(said("SetEnvIf Request_URI ^/ws no-proxy", false), not);
        assert_eq!(said("SetEnvIf Host ^underpass$ no-proxy", false), not);
        assert_eq!(said("SetEnvIf Upgrade . no-proxy", true), not);
        assert_eq!(said("SetEnvIf Upgrade . no-proxy", false), TAKEN);
        assert_eq!(said("SetEnvIf Request_URI ^/x no-proxy\nSetEnvIf X . y", false), TAKEN);
        let depends = |on: &str| {
            format!(
                "depends   on {on}: no-proxy may be set by it, or taken back: where it is set, the answer is 404\n{TAKEN}"
            )
        };
        assert_eq!(said("BrowserMatch bot no-proxy", false), depends("User-Agent"));
        assert_eq!(said("SetEnvIf X-Local yes no-proxy", false), depends("X-Local"));
        assert_eq!(
            said("SetEnvIf Remote_Addr ^10 no-proxy", false),
            depends("the client's address")
        );
        assert_eq!(said("SetEnvIf ^X- yes no-proxy", false), depends("fields like ^X-"));
    }

    #[test]
    fn what_is_taken_may_be_forbidden() {
        let with = |lines: &str, upgrade| said(lines, upgrade).replace(TAKEN, "");
        assert_eq!(with("Require all denied", false), "forbidden by Require all denied: 403\n");
        assert_eq!(with("ProxyBlock b", false), "forbidden by ProxyBlock: 403\n");
        let origin = "depends   on Origin: the answer is 403 to pages that ProxyWebsocketOrigin does not list\n";
        assert_eq!(with("ProxyWebsocketOrigin https://a", true), origin);
        assert_eq!(with("ProxyWebsocketOrigin https://a", false), "");
        let protocol = said("ProxyWebsocketProtocol chat", true);
        assert!(protocol.contains("which Sec-WebSocket-Protocol may offer\nnobody"), "{protocol}");
    }

    #[test]
    fn every_rule_before_the_one_that_takes_it_says_why_it_does_not() {
        let said = explained("127.0.0.1:80", "a", "/ws/x", false);
        let expected = "host      a: it goes by that name\n\
            section   /ws: has a say\n\
            not       /main http://m: it is for other paths\n\
            not       /no !: it is for other paths\n\
            not       /ws ws://b:9/base: another rule for the same paths is for what is asked for\n\
            rule      /ws http://b:8/base\n\
            backend   http://b:8, asked for /base/x\n";
        assert_eq!(said, expected);
        let upgrade = explained("127.0.0.1:80", "a", "/ws/x", true);
        assert!(
            upgrade
                .ends_with("rule      /ws ws://b:9/base\nbackend   ws://b:9, asked for /base/x\n")
        );
    }

    #[test]
    fn what_is_not_forwarded_says_why() {
        let hidden = explained("127.0.0.1:80", "a", "/ws%2Fx", true);
        let refused =
            "refused   /ws ws://b:9/base: 404, because another path may be hidden in this one\n";
        assert!(hidden.ends_with(refused), "{hidden}");
        let no = explained("127.0.0.1:80", "b", "/no/x", false);
        assert!(
            no.starts_with("host      a: it is the first one for that address, and none"),
            "{no}"
        );
        assert!(no.ends_with("excluded  /no !: 404\n"), "{no}");
        let main = explained("127.0.0.1:81", "b", "/x", false);
        assert!(
            main.starts_with("host      main: it is the main server, and no virtual"),
            "{main}"
        );
        assert!(main.ends_with("nobody    no rule takes it: 404\n"), "{main}");
    }
}
