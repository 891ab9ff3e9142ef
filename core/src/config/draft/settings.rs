//! The settings of one server, and what its rules are under them.

use core::num::NonZeroU32;

use super::backing::{Backing, Known};
use crate::config::expanding::expansion;
use crate::config::membership::Line;
use crate::config::parameters::Options;
use crate::config::proxy_pass::Pass;
use crate::config::words::Word;
use crate::edit::Heads;
use crate::limits::Limits;
use crate::route::{
    Action, Balancer, Forward, Host, Manner, Member, Recovery, Rule, Scheme, Scope, Section,
    Target, Tcp, Via, Worker,
};
use crate::time::Wait;

/// How long a member is left alone that could not be reached, if it is not said.
const RETRY: Recovery = Recovery::After(Wait::from_secs(60));

/// What is said of one server outside of its sections.
#[derive(Clone, Debug)]
pub(in crate::config) struct Settings {
    /// The scheme in `ServerName`.
    pub(in crate::config) scheme: Option<&'static str>,
    /// `ServerName`.
    pub(in crate::config) name: String,
    /// The port in `ServerName`.
    pub(in crate::config) port: Option<u16>,
    /// `ServerAlias`.
    pub(in crate::config) aliases: Vec<String>,
    /// `LimitRequest…`, `RequestReadTimeout`, `KeepAliveTimeout` and `MaxKeepAliveRequests`.
    pub(in crate::config) limits: Limits,
    /// `KeepAlive`.
    pub(in crate::config) keep_alive: bool,
    /// `Timeout`.
    pub(in crate::config) timeout: Wait,
    /// `ProxyTimeout`.
    pub(in crate::config) proxy_timeout: Option<Wait>,
    /// `ProxyIOBufferSize`.
    pub(in crate::config) piece: Option<NonZeroU32>,
    /// `ProxySourceAddress` and `ProxyReceiveBufferSize`, of a worker without a name.
    pub(in crate::config) dials: Tcp,
    /// `ProxyBlock`, in lower case.
    pub(in crate::config) blocks: Vec<String>,
    /// `ProxyVia`.
    pub(in crate::config) via: Via,
    /// `ProxyMaxForwards`.
    pub(in crate::config) max_forwards: Option<u32>,
    /// `ProxyPassInherit`.
    pub(in crate::config) inherits: bool,
    /// What is said of all its paths.
    pub(in crate::config) scope: Scope,
}

impl Default for Settings {
    fn default() -> Self {
        let Host { scheme, name, port, aliases, via, max_forwards, limits, timeout, .. } =
            Host::default();
        Self {
            scheme,
            name,
            port,
            aliases,
            limits,
            keep_alive: true,
            timeout,
            proxy_timeout: None,
            piece: None,
            dials: Tcp::new("", 0),
            blocks: Vec::new(),
            via,
            max_forwards,
            inherits: true,
            scope: Scope::DEFAULT,
        }
    }
}

impl Settings {
    /// The host with those sections, of paths and of backends, and those rules, which makes that of heads.
    pub(super) fn host(
        self,
        sections: Vec<Section>,
        backends: Vec<Section>,
        rules: Vec<Rule>,
        heads: Heads,
    ) -> Host {
        let requests = if self.keep_alive { self.limits.requests } else { 1 };
        Host {
            scheme: self.scheme,
            name: self.name,
            port: self.port,
            aliases: self.aliases,
            tls: None,
            via: self.via,
            max_forwards: self.max_forwards,
            limits: Limits { requests, ..self.limits },
            timeout: self.timeout,
            scope: self.scope,
            sections,
            backends,
            rules,
            heads,
        }
    }

    /// What a line says under these settings.
    pub(super) fn rule(&self, pass: &Pass, backing: &mut Backing) -> Rule {
        let action = match &pass.forward {
            Some((target, options)) => {
                Action::Forward(Box::new(match backing.named(pass.host, target) {
                    Some(known) => self.balanced(target, options, known),
                    None => self.forward(target, options, backing),
                }))
            }
            None => Action::Exclude,
        };
        Rule { paths: pass.paths.clone(), action }
    }

    fn forward(&self, target: &Target, options: &Options, backing: &mut Backing) -> Forward {
        let balancer = backing.alone(self.worker(target, options));
        let plain = Forward::new(target.clone(), balancer);
        Forward {
            blocked: self.blocks(target),
            manner: self.manner(options),
            upgrade: options.upgrade.clone().unwrap_or(plain.upgrade),
            protocols: options.protocols.clone().unwrap_or_default(),
            mapping: options.mapping,
            interpolates: options.interpolates,
            passes_query: options.passes_query,
            ..plain
        }
    }

    /// A rule to that balancer: it is spoken to as its members are.
    fn balanced(&self, target: &Target, options: &Options, known: &Known) -> Forward {
        let plain = Forward::new(target.clone(), known.id);
        Forward {
            scheme: known.scheme,
            blocked: known.targets.iter().any(|target| self.blocks(target)),
            manner: Manner { acquire: known.acquire, ..self.manner(options) },
            upgrade: known.upgrade.clone(),
            protocols: options.protocols.clone().unwrap_or_default(),
            mapping: options.mapping,
            interpolates: options.interpolates,
            passes_query: options.passes_query,
            ..plain
        }
    }

    /// The worker of a member of that balancer, all of whose routes are known.
    pub(super) fn member(&self, line: &Line, balancer: &Balancer) -> Worker {
        let mut options = line.options.clone();
        if options.member.addresses.is_set() {
            options.dialling = options.dialling.of_each();
        }
        let Options { member: said, recovery, .. } = &options;
        let route = |name: &Option<Word>| {
            name.as_ref().and_then(|name| balancer.number(name.text().as_bytes()))
        };
        let member = Member {
            manner: self.manner(&line.options),
            weight: said.weight(),
            set: said.set,
            route: route(&said.route).filter(|_| !said.addresses.is_set()),
            redirect: route(&said.redirect),
            role: said.role(),
            admission: said.admission(),
            slow_start: said.slow_start,
            ejection: said.ejection.ejection().ok().flatten(),
            check: line.check.clone(),
            expansion: expansion(line, balancer.name.as_deref().unwrap_or_default()),
            ..Member::new(line.target.clone())
        };
        let recovery =
            if said.never_rests() { Recovery::AtOnce } else { recovery.unwrap_or(RETRY) };
        Worker { recovery, member: Some(Box::new(member)), ..self.worker(&line.target, &options) }
    }

    /// Whether a balancer of such members only carries upgrades.
    pub(super) fn only_upgrades(&self, scheme: Scheme) -> bool {
        scheme.inner() == Scheme::Ws && !self.scope.falls_back
    }

    /// How the backend of a line is spoken to.
    pub(super) fn manner(&self, options: &Options) -> Manner {
        let answer = options.answer.or(self.proxy_timeout).unwrap_or(self.timeout);
        Manner {
            response_line: options.response_line.unwrap_or(Manner::DEFAULT.response_line),
            piece: options.piece.or(self.piece),
            connect: options.connect.unwrap_or(answer),
            answer,
            acquire: options.pooling.acquire.unwrap_or(answer),
        }
    }

    /// Whether nobody may go to `target`: by a part of the name of its host, as httpd has it.
    fn blocks(&self, target: &Target) -> bool {
        self.blocks.iter().any(|word| word == "*" || target.host.contains(word))
    }

    /// The worker that `target` is dialled by.
    fn worker(&self, target: &Target, options: &Options) -> Worker {
        Worker {
            peer: options.dialling.peer(target, &self.dials),
            tls: options.back.clone().map(Box::new),
            recovery: options.recovery.unwrap_or(Recovery::AtOnce),
            most: options.pooling.most,
            idle: options.pooling.idling(),
            member: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{forward, good, said};
    use crate::route::{Park, Scope, Terms, Upgrade};
    use crate::time::Wait;

    #[test]
    fn a_rule_that_says_nothing_has_the_defaults() {
        said("ProxyPass / ws://b", |ws| {
            assert_eq!(ws.forward.upgrade, Upgrade::Tokens(vec!["WebSocket".into()]));
            assert_eq!((ws.scope, ws.terms()), (&Scope::DEFAULT, Terms::DEFAULT));
        });
        assert_eq!(forward("ProxyPass / http://b").upgrade, Upgrade::Never);
    }

    #[test]
    fn a_timeout_comes_from_the_nearest_that_says_one() {
        let times = |text: &str| {
            let terms = said(text, |said| said.terms());
            [terms.connect, terms.answer, terms.half_closed].map(Wait::as_secs_ceil)
        };
        assert_eq!(times("ProxyPass / ws://b\nTimeout 9"), [9, 9, 9]);
        assert_eq!(times("ProxyPass / ws://b\nTimeout 9\nProxyTimeout 8"), [8, 8, 9]);
        assert_eq!(times("ProxyPass / ws://b timeout=7\nProxyTimeout 8"), [7, 7, 60]);
        assert_eq!(times("ProxyPass / ws://b connectiontimeout=6"), [6, 60, 60]);
    }

    #[test]
    fn tunnels_park_as_the_settings_say() {
        let park =
            |text: &str| said(&format!("ProxyPass / ws://b\n{text}"), |said| said.terms().park);
        assert_eq!(park(""), Park::After(Wait::ZERO));
        assert_eq!(park("ProxyWebsocketAsyncDelay 5ms"), Park::After(Wait::from_millis(5)));
        assert_eq!(park("ProxyWebsocketAsyncDelay 5\nProxyWebsocketAsync Off"), Park::Never);
    }

    #[test]
    fn only_ws_rules_are_for_upgrades_only() {
        let only = |url: &str, fallback: &str| {
            let text = format!("ProxyPass / {url}\nProxyWebsocketFallbackToProxyHttp {fallback}");
            said(&text, |said| said.forward.only_upgrades(said.scope))
        };
        assert!(only("ws://b", "Off") && !only("ws://b", "On") && !only("http://b", "Off"));
    }

    #[test]
    fn rules_that_dial_alike_share_a_worker() {
        let rules = good(
            "ProxyPass /a ws://B\nProxyPass /b http://b:80/x timeout=3\n\
             ProxyPass /c ws://b:81\nProxyPass /d ws://b retry=1\n\
             ProxyPass /e !\nProxyPass /f ws://b keepalive=Off\nProxyPass /g ws://b retry=0",
        )
        .rules;
        let forwards = rules.main().rules.iter().filter_map(|rule| rule.action.forward());
        let workers: Vec<_> = forwards.map(|forward| forward.balancer.0).collect();
        assert_eq!(workers, [0, 0, 1, 2, 3, 0]);
        assert_eq!(rules.workers.len(), 4);
    }
}
