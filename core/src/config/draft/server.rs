//! One server as its lines describe it, and the host that comes of it.

use super::Settings;
use super::backing::Backing;
use super::groups::{self, Group};
use crate::config::backends::Backends;
use crate::config::checking::Named;
use crate::config::problem::Flaw;
use crate::config::proxy_pass::Pass;
use crate::config::reverse::Mirror;
use crate::config::tls::{BackSaid, FrontSaid};
use crate::config::words::Word;
use crate::edit::{Heads, Of};
use crate::route::{Address, Entrance, Host, Section};

/// What is said of one server.
#[derive(Default)]
pub(super) struct Server {
    /// The addresses that it is for, and where they are written; none for the main server.
    pub(super) addresses: Vec<(Address, Word)>,
    pub(super) says: Vec<Say>,
    pub(super) passes: Vec<Pass>,
    pub(super) sections: Vec<Paths>,
    /// `ProxyWebsocketProtocol`.
    pub(super) protocols: Option<Vec<String>>,
    pub(super) heads: Heads,
    pub(super) backends: Vec<Backends>,
    /// `ProxyPassReverse` for balancers: behind so many lines for backends, and of which paths.
    pub(super) mirrors: Vec<(usize, Of<Mirror>)>,
    /// `ProxyHCExpr` and `ProxyHCTemplate`.
    pub(super) checks: Named,
    /// `SSL…`.
    pub(super) front: FrontSaid,
    /// `SSLProxy…` outside of sections.
    pub(super) back: BackSaid,
}

/// What one line does to the settings of a server.
pub(super) type Say = Box<dyn Fn(&mut Settings)>;

/// What is said of some paths of a server.
#[derive(Clone)]
pub(super) struct Paths {
    pub(super) section: Section,
    pub(super) passes: Vec<Pass>,
    /// `ProxyWebsocketProtocol`.
    pub(super) protocols: Option<Vec<String>>,
}

impl Server {
    /// What it says, over those settings.
    pub(super) fn settings(&self, mut settings: Settings) -> Settings {
        self.says.iter().for_each(|say| say(&mut settings));
        settings
    }

    /// Makes of each line for a balancer one for each of its members, in its place.
    pub(super) fn reflect(&mut self, number: usize, groups: &[Group]) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        // What stands behind a place is not moved by what is put there.
        for (at, Of { paths, says }) in core::mem::take(&mut self.mirrors).into_iter().rev() {
            match groups::place(groups, number, &says.target.host) {
                Some(group) => {
                    let targets = groups[group].members.iter().map(|line| &line.target);
                    let lines = targets.map(|it| Of { paths: paths.clone(), says: says.of(it) });
                    self.heads.reverse.splice(at..at, lines.collect::<Vec<_>>());
                }
                None => flaws.push(groups::unknown(&says.word, &says.target.host)),
            }
        }
        flaws
    }

    /// The host with those settings. What the main server says of paths comes before its own.
    pub(super) fn finish(
        &self,
        settings: Settings,
        main: Option<&Self>,
        backing: &mut Backing,
    ) -> Host {
        let heritage = main.filter(|_| settings.inherits);
        let sections = || main.into_iter().flat_map(|main| &main.sections).chain(&self.sections);
        let passes = heritage.into_iter().flat_map(|main| &main.passes).chain(&self.passes);
        // httpd tries the rule of the last section that a path falls under before all others.
        let mut sections_last_first: Vec<_> = sections().collect();
        sections_last_first.reverse();
        let inner = sections_last_first.into_iter().flat_map(|paths| &paths.passes);
        let rules = inner.chain(passes).map(|pass| settings.rule(pass, backing)).collect();
        let said = sections().map(|paths| &paths.section).filter(|said| !said.says.is_empty());
        let sections = said.cloned().collect();
        let own = || main.into_iter().chain([self]);
        let said = own().flat_map(|server| &server.backends).map(|backends| &backends.section);
        let backends = said.filter(|said| !said.says.is_empty()).cloned().collect();
        let heads: Vec<_> = own().map(|server| &server.heads).collect();
        let front = own().fold(FrontSaid::default(), |far, server| server.front.over(&far)).front();
        let host = settings.host(sections, backends, rules, Heads::all_of(&heads));
        Host { tls: front.ok().flatten().map(Box::new), ..host }
    }
}

/// Rules that name no subprotocols are for those that the nearest line beside or around them names.
pub(super) fn name_protocols(servers: &mut [Server]) {
    let main = servers[0].protocols.clone();
    for server in servers {
        let of_server = server.protocols.take().or_else(|| main.clone());
        for paths in &mut server.sections {
            let of_paths = paths.protocols.take().or_else(|| of_server.clone());
            paths.passes.iter_mut().for_each(|pass| pass.name_protocols(of_paths.as_ref()));
        }
        server.passes.iter_mut().for_each(|pass| pass.name_protocols(of_server.as_ref()));
    }
}

/// Which servers share an address.
pub(super) fn entrances(servers: &[Server]) -> Vec<Entrance> {
    let mut entrances: Vec<Entrance> = vec![Entrance::main()];
    for (number, server) in servers.iter().enumerate().skip(1) {
        for &(address, _) in &server.addresses {
            let known = entrances.iter_mut().skip(1).find(|known| known.address == address);
            match known {
                Some(known) if known.hosts.contains(&number) => {}
                Some(known) => known.hosts.push(number),
                None => entrances.push(Entrance { address, hosts: vec![number] }),
            }
        }
    }
    entrances
}
