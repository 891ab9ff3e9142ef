//! What the directives have said so far, and what they mean together once all is read.
//!
//! What is said of a host is kept as what it does to the host's settings (`settings.rs`): a virtual host
//! begins with all that the main server says, wherever that stands, and says its own over it.

mod backing;
mod groups;
mod securing;
mod server;
mod settings;
mod warnings;

use core::mem;
use core::net::SocketAddr;
use core::num::{NonZeroU16, NonZeroU32};

use super::backends::{Backends, Sets};
use super::checking::Named;
use super::parameters::Subject;
use super::problem::Flaw;
use super::proxy_pass::Pass;
use super::reverse::Mirror;
use super::tls::{BackSaid, FrontSaid};
use super::words::Word;
use super::{Config, Listen, LogLevel, Recording, SocketBuffers};
use crate::edit::{Heads, Of};
use crate::head::BadHeader;
use crate::route::{Address, Pattern, Quota, QuotaId, Rules, Section, Setting};
use backing::Backing;
use groups::Group;
use server::{Paths, Server, entrances, name_protocols};
pub(super) use settings::Settings;

/// How many checks may be under way at once if it is not said.
const CHECKS: NonZeroU16 = NonZeroU16::new(16).expect("16 is not 0");

/// Everything that has been said.
pub(super) struct Draft {
    /// `Listen`.
    pub(super) listens: Vec<Listen>,
    /// The listeners for which it is said whether TLS is spoken, and where.
    speech: Vec<(Listen, bool, Word)>,
    /// `SendBufferSize`, `ReceiveBufferSize`.
    pub(super) socket_buffers: SocketBuffers,
    /// `Threads`.
    pub(super) threads: Option<NonZeroU16>,
    /// `LogLevel`.
    pub(super) log_level: LogLevel,
    /// `Record…`.
    pub(super) recording: Recording,
    /// `ProxyBadHeader`.
    pub(super) bad_header: BadHeader,
    /// `HeartbeatStorage`.
    pub(super) heartbeats: Option<String>,
    /// `ProxyHCTPsize`.
    pub(super) checks: NonZeroU16,
    /// The balancers of all servers, once they are known.
    groups: Vec<Group>,
    /// How many lines bound tunnels (`ProxyWebsocketMaxTunnels`).
    quotas: u16,
    /// The servers, the main one first.
    hosts: Vec<Server>,
    /// The number of the server that is being described.
    host: usize,
    /// What of it is being described.
    inside: Inside,
}

/// A part of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Inside {
    /// All of it.
    Whole,
    /// Its last section of paths.
    Paths,
    /// Its last section of backends.
    Backends,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            listens: Vec::new(),
            speech: Vec::new(),
            socket_buffers: SocketBuffers::default(),
            threads: None,
            log_level: LogLevel::default(),
            recording: Recording::default(),
            bad_header: BadHeader::IsError,
            heartbeats: None,
            checks: CHECKS,
            groups: Vec::new(),
            quotas: 0,
            hosts: vec![Server::default()],
            host: 0,
            inside: Inside::Whole,
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

    /// Whether TLS is spoken at the last address to listen on, as that word says.
    pub(super) fn listen_for(&mut self, is_secure: bool, word: &Word) {
        let last = self.listens.last().copied();
        self.speech.extend(last.map(|listen| (listen, is_secure, word.clone())));
    }

    /// Every path of TLS, as it is written.
    pub(super) fn paths_of_tls(&self) -> Vec<Word> {
        let of_server = |server: &Server| {
            let backs = server.backends.iter().map(|backends| &backends.back);
            let backs = backs.chain([&server.back]).flat_map(BackSaid::paths).cloned();
            server.front.paths().cloned().chain(backs).collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of_server).collect()
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
        self.hosts[self.host].sections.push(Paths { section, passes: Vec::new(), protocols: None });
        self.inside = Inside::Paths;
    }

    /// A section begins, for those backends of the present server.
    pub(super) fn open_backends(&mut self, backends: Backends) {
        self.backends(backends);
        self.inside = Inside::Backends;
    }

    /// Something is said of backends of the present server.
    pub(super) fn backends(&mut self, backends: Backends) {
        self.hosts[self.host].backends.push(backends);
    }

    /// The present section of backends, if there is one.
    pub(super) fn section_of_backends(&mut self) -> Option<&mut Backends> {
        let is_inside = self.inside == Inside::Backends;
        self.hosts[self.host].backends.last_mut().filter(|_| is_inside)
    }

    /// What the present server says of checks by name.
    pub(super) fn checks_by_name(&mut self) -> &mut Named {
        &mut self.hosts[self.host].checks
    }

    /// What the present server says of TLS with clients.
    pub(super) fn front(&mut self) -> &mut FrontSaid {
        &mut self.hosts[self.host].front
    }

    /// What the present section of backends, or the present server, says of TLS with backends.
    pub(super) fn back(&mut self) -> &mut BackSaid {
        let host = &mut self.hosts[self.host];
        match host.backends.last_mut().filter(|_| self.inside == Inside::Backends) {
            Some(backends) => &mut backends.back,
            None => &mut host.back,
        }
    }

    /// The section of paths or backends ends.
    pub(super) fn close_section(&mut self) {
        self.inside = Inside::Whole;
    }

    /// The paths of the present section, if there is one.
    pub(super) fn paths(&self) -> Option<&Pattern> {
        let last =
            self.hosts[self.host].sections.last().filter(|_| self.inside == Inside::Paths)?;
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
        let section = match self.inside {
            Inside::Whole => None,
            Inside::Paths => host.sections.last_mut().map(|paths| &mut paths.section),
            Inside::Backends => host.backends.last_mut().map(|backends| &mut backends.section),
        };
        match section {
            Some(section) => section.says.push(setting),
            None => host.says.push(Box::new(move |settings| settings.scope.set(&setting))),
        }
        Ok(())
    }

    /// Something is said of the heads of requests for the present section of paths, or for the present server.
    pub(super) fn amend<T>(
        &mut self,
        says: Result<T, Flaw>,
        list: fn(&mut Heads) -> &mut Vec<Of<T>>,
    ) -> Result<(), Flaw> {
        let (says, paths) = (says?, self.paths().cloned());
        list(&mut self.hosts[self.host].heads).push(Of { paths, says });
        Ok(())
    }

    /// The URLs of a balancer's members are ours in responses for the present section of paths, or for the
    /// present server.
    pub(super) fn mirror(&mut self, says: Mirror) {
        let paths = self.paths().cloned();
        let host = &mut self.hosts[self.host];
        host.mirrors.push((host.heads.reverse.len(), Of { paths, says }));
    }

    /// At most so many tunnels there may be of all that the present line is about, if that is bounded.
    pub(super) fn set_tunnels(
        &mut self,
        most: Result<Option<NonZeroU32>, Flaw>,
        word: &Word,
    ) -> Result<(), Flaw> {
        let quota = most?.map(|most| Quota { line: QuotaId(self.quotas), most });
        let next = self.quotas.checked_add(1);
        self.quotas = next.ok_or_else(|| word.flaw("there are too many such lines"))?;
        self.set(Ok(Setting::Tunnels(quota)))
    }

    /// The rules of the present section of paths, or of the present server, are for those subprotocols.
    pub(super) fn set_protocols(
        &mut self,
        protocols: Result<Vec<String>, Flaw>,
    ) -> Result<(), Flaw> {
        let in_paths = self.inside == Inside::Paths;
        let host = &mut self.hosts[self.host];
        match host.sections.last_mut().filter(|_| in_paths) {
            Some(paths) => paths.protocols = Some(protocols?),
            None => host.protocols = Some(protocols?),
        }
        Ok(())
    }

    /// One more rule of the present section of paths, or of the present server.
    pub(super) fn pass(&mut self, pass: Pass) {
        let pass = Pass { host: self.host, ..pass };
        let host = &mut self.hosts[self.host];
        match host.sections.last_mut().filter(|_| self.inside == Inside::Paths) {
            Some(paths) => paths.passes.push(pass),
            None => host.passes.push(pass),
        }
    }

    /// Deals out to the rules and members what is set of them: those of a server have what the main server
    /// sets and what it sets itself. Then all is known of the balancers.
    pub(super) fn deal_out(&mut self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut groups = groups::gather(&self.hosts, &mut flaws);
        let sets: Vec<_> = self.hosts.iter().map(|host| host.backends.clone()).collect();
        let owners: Vec<_> =
            sets.iter().enumerate().flat_map(|(n, all)| all.iter().map(move |_| n)).collect();
        let mut dealt = Sets::of(sets.iter().flatten());
        for (number, server) in self.hosts.iter_mut().enumerate() {
            let inner = server.sections.iter_mut().flat_map(|paths| &mut paths.passes);
            let forwards = inner.chain(&mut server.passes).filter_map(|pass| pass.forward.as_mut());
            for (target, options) in forwards {
                let is_ours = |set: usize| owners[set] == 0 || owners[set] == number;
                dealt.apply(is_ours, target, options, Subject::OF_RULES);
            }
        }
        for group in &mut groups {
            let is_ours = |set: usize| owners[set] == 0 || owners[set] == group.host;
            for line in &mut group.members {
                dealt.apply(is_ours, &line.target, &mut line.options, Subject::OF_MEMBERS);
            }
        }
        flaws.extend(dealt.flaws());
        flaws.extend(securing::secure(&mut self.hosts, &mut groups, &self.speech));
        for (number, server) in self.hosts.iter_mut().enumerate() {
            flaws.extend(server.reflect(number, &groups));
        }
        groups::check(&mut groups, &self.hosts, self.heartbeats.is_some(), &mut flaws);
        self.groups = groups;
        flaws
    }

    /// What it all means.
    pub(super) fn finish(mut self) -> Config {
        let mut servers = mem::take(&mut self.hosts);
        name_protocols(&mut servers);
        let main = servers[0].settings(Settings::default());
        let mut backing = Backing::default();
        for group in &self.groups {
            let settings = servers[group.host].settings(main.clone());
            backing.add(group, &settings);
        }
        let hosts = servers.iter().enumerate().map(|(number, server)| {
            if number == 0 {
                return server.finish(main.clone(), None, &mut backing);
            }
            let settings = server.settings(main.clone());
            server.finish(settings, Some(&servers[0]), &mut backing)
        });
        let hosts = hosts.collect();
        let entrances = entrances(&servers);
        Config {
            listens: self.listens,
            socket_buffers: self.socket_buffers,
            threads: self.threads,
            log_level: self.log_level,
            recording: self.recording,
            heartbeats: self.heartbeats,
            checks: self.checks,
            rules: Rules {
                hosts,
                entrances,
                bad_header: self.bad_header,
                balancers: backing.balancers,
                workers: backing.workers,
            },
        }
    }
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
