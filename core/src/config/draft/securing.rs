//! Which backends are spoken to by TLS and how, and what of all that is said of TLS contradicts the rest.

use super::Listen;
use super::groups::Group;
use super::server::{Server, entrances};
use crate::config::backends::Backends;
use crate::config::problem::Flaw;
use crate::config::tls::{BackSaid, FrontSaid};
use crate::config::words::Word;
use crate::route::{Address, Back, Target};

/// Says to every rule and member by TLS how its backend is spoken to, and finds what is wrong.
pub(super) fn secure(
    servers: &mut [Server],
    groups: &mut [Group],
    speech: &[(Listen, bool, Word)],
) -> Vec<Flaw> {
    let mut flaws = fronts(servers, speech);
    let sayings: Vec<_> = (0..servers.len()).map(|number| Sayings::of(servers, number)).collect();
    let mut heard: Vec<Word> = Vec::new();
    for (server, sayings) in servers.iter_mut().zip(&sayings) {
        let inner = server.sections.iter_mut().flat_map(|paths| &mut paths.passes);
        for pass in inner.chain(&mut server.passes) {
            let Some((target, options)) = &mut pass.forward else { continue };
            let back = sayings.back(&pass.args[0], target, None, &mut heard);
            options.back = back.map_err(|flaw| flaws.push(flaw)).ok().flatten();
        }
    }
    for group in groups {
        for line in &mut group.members {
            let name = Some(group.name.as_str());
            let back = sayings[group.host].back(&line.word, &line.target, name, &mut heard);
            line.options.back = back.map_err(|flaw| flaws.push(flaw)).ok().flatten();
        }
    }
    let unheard = servers.iter().flat_map(|server| &server.backends);
    let unheard = unheard.filter(|it| !it.back.is_empty() && !heard.contains(&it.url));
    flaws.extend(unheard.map(|backends| {
        let flaw =
            backends.url.flaw(format!("no backend of `{}` is spoken to by TLS", backends.url));
        flaw.help("what is said here of TLS is nobody's")
    }));
    flaws
}

/// What the lines of a server, and of the main one, say of TLS with backends.
struct Sayings {
    whole: BackSaid,
    sections: Vec<Backends>,
}

impl Sayings {
    fn of(servers: &[Server], number: usize) -> Self {
        let own = &servers[number];
        let main = (number > 0).then_some(&servers[0]);
        let sections = main.into_iter().chain([own]).flat_map(|server| &server.backends);
        let said = sections.filter(|backends| !backends.back.is_empty());
        Self { whole: own.back.over(&servers[0].back), sections: said.cloned().collect() }
    }

    /// How the backend of that URL is spoken to by TLS, if it is; the sections that say it are `heard`. A later
    /// section speaks over an earlier one.
    fn back(
        &self,
        url: &Word,
        target: &Target,
        balancer: Option<&str>,
        heard: &mut Vec<Word>,
    ) -> Result<Option<Back>, Flaw> {
        if !target.scheme.is_secure() {
            return Ok(None);
        }
        let mut said = self.whole.clone();
        for section in self.sections.iter().filter(|section| section.has(target, balancer)) {
            said = section.back.over(&said);
            heard.push(section.url.clone());
        }
        said.back(url, &target.host).map(Some)
    }
}

/// What is wrong with the clients' side.
fn fronts(servers: &[Server], speech: &[(Listen, bool, Word)]) -> Vec<Flaw> {
    let said: Vec<FrontSaid> =
        servers.iter().map(|server| server.front.over(&servers[0].front)).collect();
    let mut flaws: Vec<Flaw> = Vec::new();
    for said in &said {
        // What the main server says is every server's.
        if let Some(flaw) = said.front().err().filter(|flaw| !flaws.contains(flaw)) {
            flaws.push(flaw);
        }
    }
    flaws.extend(discords(servers, &said));
    flaws.extend(speech.iter().filter_map(|it| misheard(servers, &said, it)));
    flaws
}

/// The servers that share an address with one that speaks otherwise: TLS begins before a client can say whom it
/// asks for.
fn discords(servers: &[Server], said: &[FrontSaid]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for entrance in entrances(servers).iter().skip(1) {
        let first = said[entrance.hosts[0]].is_on();
        let Some(&other) = entrance.hosts.iter().find(|host| said[**host].is_on() != first) else {
            continue;
        };
        let mut addresses = servers[other].addresses.iter();
        let word = addresses.find(|(address, _)| *address == entrance.address);
        flaws.extend(word.map(|(_, word)| {
            let (has, first_has) = if first { ("none", "TLS") } else { ("TLS", "none") };
            let flaw = word.flaw(format!(
                "this server speaks {has}, and the first one of this address {first_has}"
            ));
            flaw.help("write `SSLEngine on` in both, or give them addresses of their own")
        }));
    }
    flaws
}

/// A listener of which something else is said than what the servers there speak.
fn misheard(servers: &[Server], said: &[FrontSaid], line: &(Listen, bool, Word)) -> Option<Flaw> {
    let (listen, is_secure, word) = line;
    let port = listen.address.port();
    let is_there = |address: &Address| port == 0 || address.port.is_none_or(|own| own == port);
    let mut there = servers.iter().zip(said).enumerate().filter(|(number, (server, _))| {
        *number == 0 || server.addresses.iter().any(|(address, _)| is_there(address))
    });
    if there.any(|(_, (_, said))| said.is_on() == *is_secure) {
        return None;
    }
    let (flaw, help) = match is_secure {
        true => {
            ("no server of this port speaks TLS", "write `SSLEngine on` in its `<VirtualHost>`")
        }
        false => ("every server of this port speaks TLS", "leave `http` out"),
    };
    Some(word.flaw(flaw).help(help))
}

#[cfg(test)]
mod tests;
