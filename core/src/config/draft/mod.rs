//! What the directives have said so far, and what they mean together once all is read.
//!
//! What is said of a host is kept as what it does to the host's settings (`settings.rs`): a virtual host
//! begins with all that the main server says, wherever that stands, and says its own over it.

mod settings;
mod warnings;

use core::mem;
use core::net::SocketAddr;
use core::num::NonZeroU16;

use super::problem::Flaw;
use super::proxy_pass::Pass;
use super::words::Word;
use super::{Config, Listen, LogLevel, Recording};
use crate::head::BadHeader;
use crate::route::{Address, Entrance, Host, Pattern, Rules, Section, Setting, Worker};
pub(super) use settings::Settings;

/// Everything that has been said.
pub(super) struct Draft {
    /// `Listen`.
    pub(super) listens: Vec<Listen>,
    /// `Threads`.
    pub(super) threads: Option<NonZeroU16>,
    /// `LogLevel`.
    pub(super) log_level: LogLevel,
    /// `Record…`.
    pub(super) recording: Recording,
    /// `ProxyBadHeader`.
    pub(super) bad_header: BadHeader,
    /// The servers, the main one first.
    hosts: Vec<Server>,
    /// The number of the server that is being described.
    host: usize,
    /// Whether its last section of paths is being described.
    in_section: bool,
}

/// What is said of one server.
#[derive(Default)]
struct Server {
    /// The addresses that it is for, and where they are written; none for the main server.
    addresses: Vec<(Address, Word)>,
    says: Vec<Say>,
    passes: Vec<Pass>,
    sections: Vec<Paths>,
}

/// What one line does to the settings of a server.
type Say = Box<dyn Fn(&mut Settings)>;

/// What is said of some paths of a server.
#[derive(Clone)]
struct Paths {
    section: Section,
    passes: Vec<Pass>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            listens: Vec::new(),
            threads: None,
            log_level: LogLevel::default(),
            recording: Recording::default(),
            bad_header: BadHeader::IsError,
            hosts: vec![Server::default()],
            host: 0,
            in_section: false,
        }
    }
}

impl Draft {
    /// One more address to listen on.
    pub(super) fn listen(&mut self, address: SocketAddr, word: &Word) -> Result<(), Flaw> {
        let listen = Listen { address };
        // Port 0 is another port each time.
        if address.port() != 0 && self.listens.contains(&listen) {
            return Err(word.flaw(format!("`Listen {word}` repeats an earlier one")));
        }
        self.listens.push(listen);
        Ok(())
    }

    /// A virtual host begins, for those addresses.
    pub(super) fn open_host(&mut self, addresses: Vec<(Address, Word)>) {
        self.host = self.hosts.len();
        self.hosts.push(Server { addresses, ..Server::default() });
    }

    /// The virtual host ends.
    pub(super) fn close_host(&mut self) {
        self.host = 0;
    }

    /// A section begins, for those paths of the present server.
    pub(super) fn open_section(&mut self, paths: Pattern) {
        let section = Section { paths, says: Vec::new() };
        self.hosts[self.host].sections.push(Paths { section, passes: Vec::new() });
        self.in_section = true;
    }

    /// The section of paths ends.
    pub(super) fn close_section(&mut self) {
        self.in_section = false;
    }

    /// The paths of the present section, if there is one.
    pub(super) fn paths(&self) -> Option<&Pattern> {
        let last = self.hosts[self.host].sections.last().filter(|_| self.in_section)?;
        Some(&last.section.paths)
    }

    /// Something is said of the present server.
    pub(super) fn say<T: Clone + 'static>(
        &mut self,
        value: Result<T, Flaw>,
        write: fn(&mut Settings, T),
    ) -> Result<(), Flaw> {
        let value = value?;
        self.hosts[self.host].says.push(Box::new(move |settings| write(settings, value.clone())));
        Ok(())
    }

    /// Something is said of the present section of paths, or of all paths of the present server.
    pub(super) fn set(&mut self, setting: Result<Setting, Flaw>) -> Result<(), Flaw> {
        let setting = setting?;
        let host = &mut self.hosts[self.host];
        match host.sections.last_mut().filter(|_| self.in_section) {
            Some(paths) => paths.section.says.push(setting),
            None => host.says.push(Box::new(move |settings| settings.scope.set(&setting))),
        }
        Ok(())
    }

    /// One more rule of the present section of paths, or of the present server.
    pub(super) fn pass(&mut self, pass: Pass) {
        let host = &mut self.hosts[self.host];
        match host.sections.last_mut().filter(|_| self.in_section) {
            Some(paths) => paths.passes.push(pass),
            None => host.passes.push(pass),
        }
    }

    /// What it all means.
    pub(super) fn finish(mut self) -> Config {
        let servers = mem::take(&mut self.hosts);
        let main = servers[0].settings(Settings::default());
        let mut workers = Vec::new();
        let hosts = servers.iter().enumerate().map(|(number, server)| {
            if number == 0 {
                return server.finish(main.clone(), None, &mut workers);
            }
            let settings = server.settings(main.heir());
            server.finish(settings, Some(&servers[0]), &mut workers)
        });
        let hosts = hosts.collect();
        let entrances = entrances(&servers);
        Config {
            listens: self.listens,
            threads: self.threads,
            log_level: self.log_level,
            recording: self.recording,
            rules: Rules { hosts, entrances, bad_header: self.bad_header, workers },
        }
    }
}

impl Server {
    /// What it says, over those settings.
    fn settings(&self, mut settings: Settings) -> Settings {
        self.says.iter().for_each(|say| say(&mut settings));
        settings
    }

    /// The host with those settings. What the main server says of paths comes before its own.
    fn finish(&self, settings: Settings, main: Option<&Self>, workers: &mut Vec<Worker>) -> Host {
        let heritage = main.filter(|_| settings.inherits);
        let sections = || main.into_iter().flat_map(|main| &main.sections).chain(&self.sections);
        let passes = heritage.into_iter().flat_map(|main| &main.passes).chain(&self.passes);
        // httpd tries the rule of the last section that a path falls under before all others.
        let mut sections_last_first: Vec<_> = sections().collect();
        sections_last_first.reverse();
        let inner = sections_last_first.into_iter().flat_map(|paths| &paths.passes);
        let rules = inner.chain(passes).map(|pass| settings.rule(pass, workers)).collect();
        let said = sections().map(|paths| &paths.section).filter(|said| !said.says.is_empty());
        let sections = said.cloned().collect();
        settings.host(sections, rules)
    }
}

/// Which servers share an address.
fn entrances(servers: &[Server]) -> Vec<Entrance> {
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

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem};

    #[test]
    fn one_address_is_listened_on_once() {
        let repeated = "conf:2:8: `Listen *:1` repeats an earlier one";
        assert_eq!(problem("Listen 1\nListen *:1"), repeated);
        assert_eq!(good("Listen 0\nListen 0").listens.len(), 3);
    }
}
