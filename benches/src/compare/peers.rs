//! The proxies that are compared: where each comes from, and how it is started.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::daemon::failure;

/// A proxy that can be measured.
#[derive(Debug)]
pub struct Peer {
    /// What it is called, here and on the command line.
    pub name: &'static str,
    /// Its configuration, into which ports and paths are put.
    pub template: &'static str,
    /// Its program.
    program: &'static str,
    /// What the program is given to run in the foreground; `@CONF@` and `@DIR@` are put in.
    arguments: &'static [&'static str],
    /// What in its configuration bounds the bytes that a tunnel may hold, where something does.
    pub bound: Option<&'static str>,
    /// What the program is given to say its version.
    version: &'static str,
    /// How to get it.
    install: &'static str,
}

/// Ours.
pub const OURS: &Peer = &Peer {
    name: "underpass",
    bound: Some("ProxyReceiveBufferSize 65536\nSendBufferSize 65536\n"),
    template: include_str!("../../compare/underpass.conf"),
    program: "underpass",
    arguments: &["run", "-f", "@CONF@"],
    version: "--version",
    install: "cargo build --release",
};

/// The others.
pub const PEERS: [&Peer; 3] = [
    &Peer {
        name: "nginx",
        bound: None,
        template: include_str!("../../compare/nginx.conf"),
        program: "nginx",
        arguments: &["-p", "@DIR@", "-c", "@CONF@", "-e", "stderr"],
        version: "-v",
        install: "apt-get install nginx-light",
    },
    &Peer {
        name: "haproxy",
        bound: Some("global\n    tune.rcvbuf.server 65536\n    tune.sndbuf.client 65536\n"),
        template: include_str!("../../compare/haproxy.conf"),
        program: "haproxy",
        arguments: &["-db", "-f", "@CONF@"],
        version: "-v",
        install: "apt-get install haproxy",
    },
    &Peer {
        name: "apache2",
        bound: Some("ProxyReceiveBufferSize 65536\nSendBufferSize 65536\n"),
        template: include_str!("../../compare/apache2.conf"),
        program: "apache2",
        arguments: &["-d", "@DIR@", "-f", "@CONF@", "-DFOREGROUND"],
        version: "-v",
        install: "apt-get install apache2",
    },
];

impl Peer {
    /// The peer of that name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        let known = PEERS.map(|peer| peer.name);
        let found = PEERS.into_iter().find(|peer| peer.name == name);
        found.ok_or_else(|| format!("`{name}` is not one of {}", known.join(", ")))
    }

    /// Whether it is installed: what it says of its version.
    ///
    /// # Errors
    ///
    /// If it is not; the error says how to get it.
    pub fn version(&self) -> io::Result<String> {
        let output =
            Command::new(self.program()?).arg(self.version).stdin(Stdio::null()).output()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        Ok(said.lines().next().unwrap_or_default().to_owned())
    }

    /// What runs it with that configuration in that folder.
    ///
    /// # Errors
    ///
    /// If it is not installed.
    pub fn command(&self, folder: &Path, configuration: &Path) -> io::Result<Command> {
        let mut command = Command::new(self.program()?);
        command.args(self.arguments.iter().map(|argument| match *argument {
            "@CONF@" => configuration,
            "@DIR@" => folder,
            other => Path::new(other),
        }));
        Ok(command)
    }

    /// Where its program is: beside ours, in the path, or where a system keeps its daemons.
    fn program(&self) -> io::Result<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = std::env::current_exe()?;
        let found = own
            .parent()
            .map(Path::to_owned)
            .into_iter()
            .chain(std::env::split_paths(&path))
            .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
            .map(|folder| folder.join(self.program))
            .find(|program| program.is_file());
        let hint = || format!("{} is not there: `{}`", self.name, self.install);
        found.ok_or_else(|| failure(hint()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proxy_has_the_same_ways_in_and_out() {
        for peer in [OURS].into_iter().chain(PEERS) {
            for place in ["@PLAIN@", "@TLS@", "@BACKEND@", "@PEM@"] {
                assert!(peer.template.contains(place), "{} has no {place}", peer.name);
            }
        }
    }

    #[test]
    fn what_is_not_installed_is_said_with_how_to_get_it() {
        let missing = Peer { program: "no-such-proxy", ..*PEERS[0] };
        let error = missing.version().expect_err("it is not there").to_string();
        assert_eq!(error, "nginx is not there: `apt-get install nginx-light`");
    }
}
