//! The balancers, as all lines say them together, and what is wrong with them.

use std::collections::BTreeSet;

use super::Server;
use crate::config::backends::Backends;
use crate::config::checking::Checks;
use crate::config::grouping::Grouping;
use crate::config::membership::Line;
use crate::config::parameters::{Options, Subject, find};
use crate::config::problem::Flaw;
use crate::config::proxy_pass::{Pass, name_and_value, set_option};
use crate::config::words::Word;
use crate::route::{Scheme, Upgrade};

/// As many members a balancer has at the most: their routes are numbered in 16 bits.
const MEMBERS_MOST: usize = 1 << 16;

/// A balancer that a server describes.
#[derive(Debug)]
pub(super) struct Group {
    /// The number of the server.
    pub(super) host: usize,
    pub(super) name: String,
    /// Its own parameters.
    pub(super) says: Grouping,
    /// In the order of their lines.
    pub(super) members: Vec<Line>,
}

impl Group {
    /// How its members are spoken to, and to what they may switch; nothing if it has none.
    pub(super) fn speaks(&self) -> Option<(Scheme, Upgrade)> {
        self.members.first().map(speaks)
    }

    /// The routes of its members, each once.
    pub(super) fn routes(&self) -> Vec<String> {
        let mut routes: Vec<String> = Vec::new();
        for route in self.members.iter().filter_map(|line| line.options.member.route.as_ref()) {
            if !routes.iter().any(|known| known == route.text()) {
                routes.push(route.to_string());
            }
        }
        routes
    }

    /// What can be used of it, but is hardly what was meant.
    pub(super) fn warnings(&self) -> Vec<Flaw> {
        let (routes, sticks_by) = (self.routes(), self.says.sticks_by());
        let members = || self.members.iter().map(|line| &line.options.member);
        let lost = members().filter_map(|member| member.redirect.as_ref());
        let lost = lost.filter(|to| !routes.iter().any(|route| route == to.text())).map(|to| {
            let flaw = to.flaw(format!("no member of this balancer has the route `{to}`"));
            flaw.help("its clients go to any other")
        });
        let unasked = members().filter_map(|member| member.route.as_ref());
        let unasked = unasked.take(1).filter(|_| sticks_by.is_none()).map(|route| {
            let flaw = route.flaw("nobody asks for a route: the balancer has no `stickysession=`");
            flaw.help("write `ProxySet stickysession=name` beside its members")
        });
        let useless = sticks_by.filter(|_| routes.is_empty()).map(|word| {
            word.flaw("no member has a route that this could say")
                .help("write `route=name` behind them")
        });
        lost.chain(unasked).chain(useless).collect()
    }

    fn flaws(&self, is_heard: bool) -> Vec<Flaw> {
        let mut flaws = self.says.flaws(is_heard);
        let mut seen = BTreeSet::new();
        for line in &self.members {
            if !seen.insert(line.target.to_string()) {
                let flaw = line.word.flaw(format!("`{}` is a member twice", line.word));
                flaws.push(flaw.help("write all that is said of it behind one of them"));
            }
            flaws.extend(line.options.member.ejection.ejection().err());
        }
        flaws.extend(self.members.get(MEMBERS_MOST).map(|line| {
            line.word.flaw(format!("a balancer has {MEMBERS_MOST} members at the most"))
        }));
        flaws.extend(self.discord());
        flaws
    }

    /// The first member that is spoken to in another way than the first one.
    fn discord(&self) -> Option<Flaw> {
        let (scheme, upgrade) = self.speaks()?;
        let other = self.members.iter().find(|line| speaks(line) != (scheme, upgrade.clone()))?;
        let is_spelled = other.target.scheme == scheme;
        let (what, help) = match is_spelled {
            true => ("is upgraded", "give all of them the same `upgrade=`"),
            false => ("is spoken to", "give all of them the same scheme"),
        };
        let flaw = other.word.flaw(format!("this member {what} in another way than the first one"));
        Some(flaw.help(format!("a request is routed by what all of them take: {help}")))
    }
}

fn speaks(line: &Line) -> (Scheme, Upgrade) {
    let scheme = line.target.scheme;
    (scheme, line.options.upgrade.clone().unwrap_or_else(|| Upgrade::default_of(scheme)))
}

/// The balancers of all servers: a rule's parameters come first, and what is said of the balancer over them.
pub(super) fn gather(servers: &[Server], flaws: &mut Vec<Flaw>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (host, server) in servers.iter().enumerate() {
        for (name, backends) in named(server).filter(|(_, it)| !it.members.is_empty()) {
            let members = backends.members.iter().cloned();
            match groups.iter_mut().find(|it| (it.host, it.name.as_str()) == (host, name)) {
                Some(group) => group.members.extend(members),
                None => groups.push(Group {
                    host,
                    name: name.into(),
                    says: Grouping::default(),
                    members: members.collect(),
                }),
            }
        }
    }
    for pass in servers.iter().flat_map(passes) {
        flaws.extend(pass_on(pass, servers, &mut groups));
    }
    for (host, server) in servers.iter().enumerate() {
        for (name, backends) in named(server) {
            flaws.extend(say(host, name, backends, &mut groups));
        }
    }
    groups
}

/// What a server says of balancers by their names.
fn named(server: &Server) -> impl Iterator<Item = (&str, &Backends)> {
    server.backends.iter().filter_map(|backends| Some((backends.balancer.as_deref()?, backends)))
}

/// The rules of a server.
fn passes(server: &Server) -> impl Iterator<Item = &Pass> {
    server.sections.iter().flat_map(|paths| &paths.passes).chain(&server.passes)
}

/// The number of the balancer that a server means by that name: its own, or else the main server's.
pub(super) fn place(groups: &[Group], host: usize, name: &str) -> Option<usize> {
    let of = |host| groups.iter().position(|it| it.host == host && it.name == name);
    of(host).or_else(|| of(0))
}

/// Passes on to its balancer what a rule says of it.
fn pass_on(pass: &Pass, servers: &[Server], groups: &mut [Group]) -> Vec<Flaw> {
    let Some((target, _)) = &pass.forward else { return Vec::new() };
    if target.scheme != Scheme::Balancer {
        return Vec::new();
    }
    let is_said = |host: usize| named(&servers[host]).any(|(name, _)| name == target.host);
    match place(groups, pass.host, &target.host) {
        Some(number) => write(&mut groups[number].says, &pass.args[1..]),
        // The line that names it without any member is told.
        None if is_said(pass.host) || is_said(0) => Vec::new(),
        None => vec![unknown(&pass.args[0], &target.host)],
    }
}

/// Nobody describes the balancer of that name.
pub(super) fn unknown(url: &Word, name: &str) -> Flaw {
    let flaw = url.flaw(format!("nobody describes `balancer://{name}`"));
    flaw.help(format!("write `BalancerMember balancer://{name} url`"))
}

/// Writes what a server's lines say of a balancer.
fn say(host: usize, name: &str, backends: &Backends, groups: &mut [Group]) -> Vec<Flaw> {
    let own = place(groups, host, name);
    match own.map(|number| &mut groups[number]) {
        Some(group) if group.host == host => write(&mut group.says, &backends.parameters),
        Some(_) if backends.parameters.is_empty() => Vec::new(),
        Some(_) => {
            let flaw = backends.url.flaw(format!("`balancer://{name}` is the main server's"));
            vec![flaw.help("set its parameters there, or give this server one of its own members")]
        }
        None => {
            let flaw = backends.url.flaw(format!("`balancer://{name}` has no members"));
            vec![flaw.help("write `BalancerMember url` in its section")]
        }
    }
}

fn write(says: &mut Grouping, words: &[Word]) -> Vec<Flaw> {
    let mut options = Options { group: says.clone(), ..Options::default() };
    let subjects = Subject::OF_BALANCERS;
    let ours = words.iter().filter(|word| find(&name_and_value(word).0, subjects).is_some());
    let set = |word| set_option(&mut options, &mut Vec::new(), word, subjects).err();
    let flaws = ours.filter_map(set).collect();
    *says = options.group;
    flaws
}

/// Looks up the checks of all members, and finds what is wrong with the balancers, where heartbeats are heard
/// or not.
pub(super) fn check(
    groups: &mut [Group],
    servers: &[Server],
    is_heard: bool,
    flaws: &mut Vec<Flaw>,
) {
    for group in groups {
        let checks = Checks([&servers[group.host].checks, &servers[0].checks]);
        for line in &mut group.members {
            let said = &line.options.member;
            match checks.check(&said.checking, said.template.as_ref(), &line.target) {
                Ok(check) => line.check = check,
                Err(flaw) => flaws.push(flaw),
            }
        }
        flaws.extend(group.flaws(is_heard));
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{good, problem, problems, said};
    use crate::edit::Real;
    use crate::route::{Rules, Scheme, Upgrade};
    use crate::time::Wait;

    /// Whom each rule of a server goes to.
    fn members(rules: &Rules, host: usize) -> Vec<Vec<String>> {
        let forwards = rules.hosts[host].rules.iter().filter_map(|rule| rule.action.forward());
        let balancers = forwards.map(|forward| &rules.balancers[forward.balancer.0 as usize]);
        let url = |id| rules.worker(id)?.member.as_ref().map(|member| member.target.to_string());
        balancers.map(|it| it.workers.iter().filter_map(|id| url(*id)).collect()).collect()
    }

    const APP: &str =
        "<Proxy balancer://App_1>\nBalancerMember ws://b1\nBalancerMember ws://b2:81/x\n</Proxy>";

    #[test]
    fn a_rule_goes_to_the_members_wherever_they_are_described() {
        let texts = [
            format!("ProxyPass / balancer://app_1/y\n{APP}"),
            format!("{APP}\nProxyPass / balancer://app_1/y"),
            "BalancerMember balancer://app_1 ws://b1\nProxyPass / balancer://app_1/y\n\
             BalancerMember balancer://app_1/ ws://b2:81/x"
                .into(),
        ];
        let [first, others @ ..] = texts.map(|text| good(&text).rules);
        assert_eq!(members(&first, 0), [["ws://b1", "ws://b2:81/x"]]);
        assert!(others.iter().all(|rules| *rules == first));
        let forward = first.main().rules[0].action.forward().expect("it forwards");
        assert_eq!(forward.target.to_string(), "balancer://app_1/y");
        assert_eq!(forward.scheme, Scheme::Ws);
        assert_eq!(forward.upgrade, Upgrade::default_of(Scheme::Ws));
    }

    #[test]
    fn a_rule_waits_for_the_most_patient_member() {
        let text = "ProxyPass / balancer://a noquery\nBalancerMember balancer://a http://b acquire=2s\n\
                    BalancerMember balancer://a http://c acquire=5s";
        said(text, |said| {
            assert_eq!(said.forward.manner.acquire, Wait::from_secs(5));
        });
        said(&format!("{text}\nProxySet balancer://a timeout=9"), |said| {
            assert_eq!(said.forward.manner.acquire, Wait::from_secs(9));
            assert!(!said.forward.passes_query);
        });
    }

    #[test]
    fn a_virtual_host_has_its_own_balancers_before_those_of_the_main_server() {
        let text = "BalancerMember balancer://a http://m\nBalancerMember balancer://b http://m\n\
                    ProxyPass /a balancer://a\n<VirtualHost *>\nProxyPass /a2 balancer://a\n\
                    ProxyPass /b balancer://b\nBalancerMember balancer://b http://own\n</VirtualHost>";
        let rules = good(text).rules;
        assert_eq!(members(&rules, 1), [["http://m"], ["http://m"], ["http://own"]]);
        let other = "BalancerMember balancer://a http://m\n<VirtualHost *>\n\
                     ProxySet balancer://a lbmethod=hash\n</VirtualHost>";
        let told = "conf:3:10: `balancer://a` is the main server's \
                    (set its parameters there, or give this server one of its own members)";
        assert_eq!(problem(other), told);
    }

    /// A member's counts and health are its balancer's.
    #[test]
    fn nobody_shares_a_member() {
        let text = "ProxyPass /a balancer://a\nProxyPass /b balancer://b\nProxyPass /c http://m retry=60\n\
                    BalancerMember balancer://a http://m\nBalancerMember balancer://b http://m";
        assert_eq!(good(text).rules.workers.len(), 3);
    }

    #[test]
    fn the_lines_of_a_balancer_speak_over_its_rules_and_those_of_a_url_reach_its_members() {
        let text = "ProxyPass / balancer://a timeout=1 maxattempts=3\n\
                    <Proxy balancer://a timeout=2>\nBalancerMember http://b/x loadfactor=2 timeout=7\n</Proxy>\n\
                    ProxySet http://b loadfactor=3 noquery\nProxyPass /b http://b\n\
                    <Proxy http://b/x timeout=8>\n</Proxy>";
        let rules = good(text).rules;
        let balancer = &rules.balancers[0];
        assert_eq!((balancer.patience, balancer.retries), (Wait::from_secs(2), 3));
        let member = rules.workers[0].member.as_ref().expect("it is a member");
        assert_eq!((member.weight, member.manner.answer), (200, Wait::from_secs(8)));
    }

    #[test]
    fn what_is_set_of_nobody_is_a_problem() {
        let text = "ProxyPass / http://b\nProxySet http://b loadfactor=3";
        let none = "conf:2:19: `loadfactor` is said of a member of a balancer, and `http://b` is none \
                    (leave it out)";
        assert_eq!(problem(text), none);
        let rule = "conf:1:22: `route=` is said of a member of a balancer (write it behind `BalancerMember`)";
        assert_eq!(problem("ProxyPass / http://b route=a"), rule);
        let text =
            format!("{APP}\nProxyPass / balancer://app_1 upgrade=ANY loadfactor=1 lbmethd=hash");
        let told = problems(&format!("Listen 1\n{text}"));
        assert!(
            told[0].contains("`upgrade=` is said of a backend (write it behind `BalancerMember`"),
            "{told:?}"
        );
        assert!(told[1].contains("`loadfactor=` is said of a member"), "{told:?}");
        assert!(
            told[2].ends_with("unknown parameter `lbmethd` (did you mean `lbmethod`?)"),
            "{told:?}"
        );
    }

    #[test]
    fn a_balancer_that_cannot_serve_is_a_problem() {
        let none =
            "conf:2:8: `balancer://a` has no members (write `BalancerMember url` in its section)";
        assert_eq!(problem("ProxyPass / balancer://a\n<Proxy balancer://a>\n</Proxy>"), none);
        let nobody =
            "conf:1:13: nobody describes `balancer://a` (write `BalancerMember balancer://a url`)";
        assert_eq!(problem("ProxyPass / balancer://a"), nobody);
        let member = |second: &str| {
            problem(&format!(
                "BalancerMember balancer://a ws://b\nBalancerMember balancer://a {second}"
            ))
        };
        assert!(member("WS://B:80").starts_with("conf:2:29: `WS://B:80` is a member twice"));
        let why = "a request is routed by what all of them take";
        assert_eq!(
            member("http://c"),
            format!(
                "conf:2:29: this member is spoken to in another way than the first one ({why}: \
                     give all of them the same scheme)"
            )
        );
        assert_eq!(
            member("ws://c upgrade=ANY"),
            format!(
                "conf:2:29: this member is upgraded in another way than the first one ({why}: \
                     give all of them the same `upgrade=`)"
            )
        );
        assert_eq!(
            member("balancer://b"),
            "conf:2:29: a balancer is no member (write the URL of a backend)"
        );
    }

    /// httpd's manual, "mod_proxy_balancer", with the cookie that it sets.
    #[test]
    fn the_recipe_of_httpds_manual_is_read() {
        let text = "Header add Set-Cookie \"ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/\" env=BALANCER_ROUTE_CHANGED\n\
            <Proxy \"balancer://mycluster\">\n\
            BalancerMember \"http://192.168.1.50:80\" route=1\nBalancerMember \"http://192.168.1.51:80\" route=2\n\
            ProxySet stickysession=ROUTEID\n</Proxy>\n\
            ProxyPass        \"/test\" \"balancer://mycluster\"\nProxyPassReverse \"/test\" \"balancer://mycluster\"";
        let rules = good(text).rules;
        assert_eq!(members(&rules, 0), [["http://192.168.1.50", "http://192.168.1.51"]]);
        assert_eq!(rules.balancers[0].routes, ["1", "2"]);
        let reverse = rules.main().heads.reverse.iter().map(|line| {
            let Real { origin, path } = &line.says.real;
            (origin.as_ref().map(|origin| origin.host.clone()), path.clone())
        });
        let expected =
            ["192.168.1.50", "192.168.1.51"].map(|host| (Some(host.into()), String::new()));
        assert_eq!(reverse.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_section_of_a_balancer_speaks_of_what_goes_there() {
        let text = "ProxyPass / balancer://a/x\n<Proxy balancer://a>\nBalancerMember http://b\n\
                    ProxyPreserveHost On\n</Proxy>";
        said(text, |said| assert!(said.scope.preserve_host));
        said(
            &text
                .replace("<Proxy balancer://a>", "<Proxy balancer://*>")
                .replace("BalancerMember http://b", "")
                .replace("</Proxy>", "</Proxy>\nBalancerMember balancer://a http://b"),
            |said| assert!(said.scope.preserve_host),
        );
    }

    #[test]
    fn who_blocks_a_member_blocks_its_balancer() {
        let text = "ProxyBlock secret\nProxyPass / balancer://a\nBalancerMember balancer://a http://b\n\
                    BalancerMember balancer://a http://top.secret";
        said(text, |said| assert!(said.forward.blocked));
        said(&text.replace("top.secret", "c"), |said| assert!(!said.forward.blocked));
    }
}
