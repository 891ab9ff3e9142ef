//! Why a request is forwarded as it is: for the operator who asks (`underpass check --explain URL`).

use std::fmt;
use std::net::SocketAddr;

use super::forward::Forward;
use super::place::Place;
use super::rules::{Action, Asked, Rule, Rules};
use super::scope::Scope;

/// Where a request would come in, and what it would ask for.
pub struct Question<'a> {
    /// The address that the connection would come to.
    pub local: SocketAddr,
    /// The name that would be asked for, without a port.
    pub name: &'a str,
    /// What a rule is found by.
    pub asked: Asked<'a>,
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
    /// No rule takes it: the answer is 404.
    Nobody,
}

/// What would become of a request.
pub fn explain(rules: &Rules, question: &Question<'_>) -> Explained {
    let number = rules.host(rules.door(question.local), Some(question.name));
    let host = &rules.hosts[number];
    let path = question.asked.path;
    let mut steps = vec![Step::Host { name: host.name.clone(), why: why_host(rules, question) }];
    let said = host.sections.iter().filter(|section| section.paths.has(path.as_bytes()));
    steps.extend(said.map(|section| Step::Section(section.paths.to_string())));
    let inner = host.inner_scope(path.as_bytes());
    let scope = inner.as_deref().unwrap_or(&host.scope);
    let place = rules.place(number, &question.asked);
    let end = place.as_ref().map(Place::rule);
    for (at, rule) in host.rules.iter().enumerate() {
        if end == Some(at) {
            break;
        }
        if end.is_none() && decides(rule, scope, &question.asked) {
            steps.push(refuses(rule));
            return Explained { steps };
        }
        steps.push(Step::Passed { rule: named(rule), why: why_not(rule, scope, &question.asked) });
    }
    let taken = end.and_then(|number| host.rules.get(number)).zip(place.as_ref());
    steps.push(taken.map_or(Step::Nobody, |(rule, place)| takes(rules, rule, place)));
    Explained { steps }
}

fn why_host(rules: &Rules, question: &Question<'_>) -> &'static str {
    let door = rules.door(question.local);
    let number = rules.host(door, Some(question.name));
    match (rules.hosts[number].goes_by(question.name), number) {
        (true, _) => "it goes by that name",
        (false, 0) => "it is the main server, and no virtual host is for that address",
        (false, _) => "it is the first one for that address, and none goes by that name",
    }
}

/// Whether no later rule is tried, although this one may not forward the request.
fn decides(rule: &Rule, scope: &Scope, asked: &Asked<'_>) -> bool {
    let only_upgrades = |forward: &Forward| forward.only_upgrades(scope) && !asked.has_upgrade;
    rule.has(asked.path) && !rule.action.forward().is_some_and(only_upgrades)
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
        Some(forward) if !asked.suits(forward) => "it is for subprotocols that are not offered",
        Some(_) | None => "another rule for the same paths is for what is asked for",
    }
}

fn takes(rules: &Rules, rule: &Rule, place: &Place) -> Step {
    let Some(said) = rules.at(place) else { return Step::Nobody };
    let target = &said.forward.target;
    let backend = format!("{}://{}", target.scheme.as_str(), target.authority());
    let path = String::from_utf8_lossy(said.path).into_owned();
    Step::Taken { rule: named(rule), backend, path }
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
            Self::Nobody => f.write_str("nobody    no rule takes it: 404"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::good;
    use crate::route::{CleanPath, Upgrade};

    const CONF: &str = "ServerName main\nProxyPass /main http://m\n\
        <VirtualHost *:80>\nServerName a\nProxyPass /no !\n<Location /ws>\nProxyAddHeaders Off\n</Location>\n\
        ProxyPass /ws ws://b:9/base\nProxyPass /ws http://b:8/base\nProxyPass / http://c\n</VirtualHost>";

    fn explained(local: &str, name: &str, path: &str, upgrade: bool) -> String {
        let rules = good(CONF).rules;
        let accepts = |rule: &Upgrade| upgrade && *rule != Upgrade::Never;
        let path = CleanPath::parse(path.as_bytes()).expect("it is a good path");
        let asked =
            Asked { path: &path, has_upgrade: upgrade, accepts: &accepts, offers: &|_| false };
        let local = local.parse().expect("an address");
        explain(&rules, &Question { local, name, asked }).to_string()
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
