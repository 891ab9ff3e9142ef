//! The balancers, as all lines say them together, and what is wrong with them.

use std::collections::BTreeSet;

use super::Server;
use crate::config::backends::Backends;
use crate::config::checking::Checks;
use crate::config::expanding;
use crate::config::grouping::Grouping;
use crate::config::membership::Line;
use crate::config::parameters::{Options, Subject, find};
use crate::config::problem::Flaw;
use crate::config::proxy_pass::{Pass, name_and_value, set_option};
use crate::config::words::Word;
use crate::limits::ADDRESSES_MOST;
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

    /// How many backends a request tries if nothing else is said: all, as far as they are known.
    pub(super) fn attempts(&self) -> u32 {
        let attempts = |line: &Line| match line.options.member.addresses.is_set() {
            true => u32::from(ADDRESSES_MOST),
            false => 1,
        };
        self.members.iter().map(attempts).sum()
    }

    /// The routes of its members, each once; each address that serves for itself has its own.
    pub(super) fn routes(&self) -> Vec<String> {
        let mut routes: Vec<String> = Vec::new();
        let members = self.members.iter().map(|line| &line.options.member);
        let whole = members.filter(|member| !member.addresses.is_set());
        for route in whole.filter_map(|member| member.route.as_ref()) {
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
        let expands = members().any(|member| member.addresses.is_set());
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
        let useless = sticks_by.filter(|_| routes.is_empty() && !expands).map(|word| {
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
            flaws.extend(expanding::flaw(line));
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
        let is_spelled = other.target.scheme.inner() == scheme;
        let (what, help) = match is_spelled {
            true => ("is upgraded", "give all of them the same `upgrade=`"),
            false => ("is spoken to", "give all of them the same scheme"),
        };
        let flaw = other.word.flaw(format!("this member {what} in another way than the first one"));
        Some(flaw.help(format!("a request is routed by what all of them take: {help}")))
    }
}

fn speaks(line: &Line) -> (Scheme, Upgrade) {
    let scheme = line.target.scheme.inner();
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
mod tests;
