//! What can be used, but is hardly what was meant.

use std::net::IpAddr;

use super::groups::{Group, place};
use super::{Draft, Server, Settings};
use crate::config::membership::Line;
use crate::config::problem::Flaw;
use crate::config::proxy_pass::Pass;
use crate::config::tls::BackSaid;
use crate::route::{Pattern, Scheme};

impl Draft {
    /// All that is to be warned of.
    pub(in crate::config) fn warnings(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let main = self.hosts[0].settings(Settings::default());
        for (number, server) in self.hosts.iter().enumerate() {
            let settings = server.settings(main.clone());
            let heritage =
                if number > 0 && settings.inherits { &self.hosts[0].passes[..] } else { &[] };
            let scheme = |pass: &Pass| self.scheme(pass);
            flaws.extend(unused(heritage, &server.passes, settings.scope.falls_back, &scheme));
            let own = server.passes.iter();
            let inner = server.sections.iter().flat_map(|paths| &paths.passes);
            flaws.extend(own.chain(inner).filter_map(slashes));
            flaws.extend(self.unheard(server));
            flaws.extend(server.front.warnings());
            let backs = server.backends.iter().map(|backends| &backends.back);
            flaws.extend(backs.chain([&server.back]).flat_map(BackSaid::warnings));
        }
        flaws.extend(self.groups.iter().flat_map(Group::warnings));
        flaws.extend(self.groups.iter().filter(|it| it.says.beats()).flat_map(silent));
        flaws.into_iter().map(Flaw::warning).collect()
    }

    /// How a rule's backend is spoken to, if it has one: that of a balancer as its members are.
    fn scheme(&self, pass: &Pass) -> Option<Scheme> {
        let (target, _) = pass.forward.as_ref()?;
        let members = |number: usize| self.groups[number].speaks().map(|(scheme, _)| scheme);
        let balanced = (target.scheme == Scheme::Balancer)
            .then(|| place(&self.groups, pass.host, &target.host).and_then(members));
        balanced.flatten().or(Some(target.scheme))
    }

    /// The addresses of a virtual host at which nobody listens.
    fn unheard(&self, server: &Server) -> impl Iterator<Item = Flaw> {
        let ports = || self.listens.iter().map(|listen| listen.address.port());
        let any = ports().any(|port| port == 0);
        let deaf = server.addresses.iter().filter(move |(address, _)| {
            !any && address.port.is_some_and(|port| !ports().any(|heard| heard == port))
        });
        deaf.map(|(address, word)| {
            let port = address.port.unwrap_or(0);
            let flaw = word.flaw(format!("nobody listens on port {port}"));
            flaw.help(format!("write `Listen {port}`"))
        })
    }
}

/// The rules that an earlier one leaves nothing to.
fn unused(
    heritage: &[Pass],
    own: &[Pass],
    falls_back: bool,
    scheme: &dyn Fn(&Pass) -> Option<Scheme>,
) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (number, pass) in own.iter().enumerate() {
        let mut before = heritage.iter().chain(&own[..number]);
        if let Some(first) = before.find(|first| takes_all(first, pass, falls_back, scheme)) {
            let message =
                format!("no request falls under this rule: `{}` above takes them all", first.paths);
            flaws.push(pass.word.flaw(message).help("move it above that one"));
        }
    }
    flaws
}

/// Whether every request for the paths of `pass` is `first`'s.
fn takes_all(
    first: &Pass,
    pass: &Pass,
    falls_back: bool,
    scheme: &dyn Fn(&Pass) -> Option<Scheme>,
) -> bool {
    // Two rules for the same paths are for the same requests as well: else they share the paths.
    let shares_nothing = scheme(first).is_none()
        || scheme(first).map(Scheme::inner) == scheme(pass).map(Scheme::inner);
    let (Pattern::Below(_), Pattern::Below(prefix)) = (&first.paths, &pass.paths) else {
        return first.paths == pass.paths && shares_nothing;
    };
    let only_upgrades = scheme(first).map(Scheme::inner) == Some(Scheme::Ws) && !falls_back;
    let is_within = first.paths.has(prefix.as_bytes());
    is_within && !only_upgrades && (first.paths != pass.paths || shares_nothing)
}

/// A rule whose path ends with a slash and whose URL does not, or the other way round: what is left of a
/// path is put behind the URL as it is.
fn slashes(pass: &Pass) -> Option<Flaw> {
    let (Pattern::Below(prefix), Some((target, _))) = (&pass.paths, &pass.forward) else {
        return None;
    };
    let path = &target.path;
    let (message, example) = match (prefix.ends_with('/'), path.ends_with('/')) {
        (true, false) if !path.is_empty() => {
            ("the path ends with `/`, and the URL does not", format!("{path}x"))
        }
        (false, true) => ("the URL ends with `/`, and the path does not", format!("{path}/x")),
        _ => return None,
    };
    let asked = format!("{}/x", prefix.trim_end_matches('/'));
    let flaw = pass.word.flaw(message);
    Some(flaw.help(format!("`{asked}` becomes `{example}`: end both with `/`, or none")))
}

/// The members of a balancer of heartbeats that none can come from.
fn silent(group: &Group) -> impl Iterator<Item = Flaw> {
    let is_named =
        |line: &&Line| line.target.socket.is_some() || line.target.host.parse::<IpAddr>().is_err();
    group.members.iter().filter(is_named).map(|line| {
        let flaw = line.word.flaw("no heartbeat tells of this member, which never serves");
        flaw.help("write its address in place of its name")
    })
}

#[cfg(test)]
mod tests {
    use crate::config::testing::warnings;

    #[test]
    fn a_rule_that_no_request_falls_under_is_told() {
        let text = "ProxyPass / http://a\nProxyPass /b http://b";
        let unused = "conf:2:11: no request falls under this rule: `/` above takes them all \
                      (move it above that one)";
        assert_eq!(warnings(text), [unused]);
        for used in [
            "ProxyPass /b http://b\nProxyPass / http://a",
            "ProxyPass / ws://a\nProxyPass / http://b",
            "ProxyWebsocketFallbackToProxyHttp Off\nProxyPass / ws://a\nProxyPass /b http://b",
            "ProxyPass /a !\nProxyPass /ab http://b",
        ] {
            assert_eq!(warnings(used), [""; 0], "{used}");
        }
        assert_eq!(warnings("ProxyPass / !\nProxyPass / http://b").len(), 1);
        for (first, second, warned) in [
            ("ProxyPassMatch ^/a http://a", "ProxyPassMatch ^/a http://b", 1),
            ("ProxyPassMatch ^/a http://a", "ProxyPassMatch ^/a ws://b", 0),
            ("ProxyPassMatch ^/a http://a", "ProxyPassMatch ^/b http://b", 0),
            ("ProxyPassMatch ^/a !", "ProxyPassMatch ^/a ws://b", 1),
            ("ProxyPass / ws://a", "ProxyPass / balancer://h", 0),
            ("ProxyPass / ws://a", "ProxyPass / balancer://w", 1),
        ] {
            let members =
                "BalancerMember balancer://h http://x\nBalancerMember balancer://w ws://x";
            let text = format!("{first}\n{second}\n{members}");
            assert_eq!(warnings(&text).len(), warned, "{text}");
        }
        let inherited =
            "ProxyPass / http://a\n<VirtualHost *>\nProxyPass /b http://b\n</VirtualHost>";
        assert_eq!(warnings(inherited).len(), 1);
        assert_eq!(warnings(&inherited.replace("b\n<", "b\nProxyPassInherit Off\n<")), [""; 0]);
    }

    #[test]
    fn slashes_that_do_not_fit_are_told() {
        let help = |asked: &str, becomes: &str| {
            format!("(`{asked}` becomes `{becomes}`: end both with `/`, or none)")
        };
        let extra = "conf:1:11: the URL ends with `/`, and the path does not";
        assert_eq!(
            warnings("ProxyPass /a http://b/"),
            [format!("{extra} {}", help("/a/x", "//x"))]
        );
        let missing = "conf:1:11: the path ends with `/`, and the URL does not";
        assert_eq!(
            warnings("ProxyPass /a/ ws://b/c"),
            [format!("{missing} {}", help("/a/x", "/cx"))]
        );
        for good in ["ProxyPass /a/ ws://b", "ProxyPass /a ws://b", "ProxyPass /a/ ws://b/c/"] {
            assert_eq!(warnings(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn a_virtual_host_that_nobody_hears_is_told() {
        let text = "<VirtualHost *:81 *>\n</VirtualHost>";
        assert_eq!(warnings(text), ["conf:1:14: nobody listens on port 81 (write `Listen 81`)"]);
        assert_eq!(warnings("Listen 0\n<VirtualHost *:81>\n</VirtualHost>"), [""; 0]);
    }

    #[test]
    fn a_member_that_no_heartbeat_comes_from_is_told() {
        let text = |method: &str| {
            format!(
                "HeartbeatStorage /x\n<Proxy balancer://a>\nBalancerMember http://192.0.2.1:8080\n\
                 BalancerMember http://[2001:db8::1]\nBalancerMember http://back.example\n\
                 BalancerMember unix:/s|http://192.0.2.1\nProxySet lbmethod={method}\n</Proxy>"
            )
        };
        let told = |line| {
            format!(
                "conf:{line}:16: no heartbeat tells of this member, which never serves \
                 (write its address in place of its name)"
            )
        };
        assert_eq!(warnings(&text("heartbeat")), [told(5), told(6)]);
        assert_eq!(warnings(&text("byrequests")), [""; 0]);
    }
}
