//! The command line.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand};

/// A reverse proxy for WebSockets and every other HTTP upgrade.
#[derive(Debug, Parser)]
#[command(name = "underpass", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the proxy until SIGTERM or SIGINT.
    Run(Run),
    /// Read the configuration, report everything that is wrong with it, and end.
    Check(Check),
    /// Describe the directives, or the one of that name.
    Directives {
        /// The directive, in any case.
        name: Option<String>,
        /// Write the whole manual as a page of Markdown.
        #[arg(long, conflicts_with = "name")]
        markdown: bool,
    },
    /// Run the proxy in front of a WebSocket echo server of its own, with a page to try it on.
    Demo {
        /// Where the proxy listens.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
}

/// What is run, and whether it is recorded.
#[derive(Args, Debug)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Record every connection into that folder, or as many as `RecordTunnels` says.
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<String>,
}

/// What is checked, and what is asked of it.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Say which host, rule and backend a request for that URL would reach, and why no earlier rule takes
    /// it; ws:// stands for a WebSocket's handshake.
    #[arg(long, value_name = "URL")]
    pub(crate) explain: Option<String>,
}

/// Where the configuration comes from.
///
/// The file is read first, then each -C in its order. Without -f it is `underpass.conf` here, else
/// `/etc/underpass/underpass.conf`; with a -C there need be none.
#[derive(Args, Debug)]
pub(crate) struct Configuration {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Define a name for `${NAME}`, before the configuration is read.
    #[arg(short = 'D', long = "define", value_name = "NAME[=VALUE]")]
    pub(crate) defines: Vec<String>,
    /// A directive, as if it stood at the end of the file.
    #[arg(short = 'C', long = "directive", value_name = "'Directive …'")]
    pub(crate) directives: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn directives_and_defines_may_be_given_again_and_again() {
        let line = ["underpass", "run", "-C", "Listen 80", "-C", "Threads 1", "-DA", "-D", "B=c d"];
        let Command::Run(run) = Cli::parse_from(line).command else { panic!("not run") };
        let given = run.configuration;
        assert_eq!(given.directives, ["Listen 80", "Threads 1"]);
        assert_eq!(given.defines, ["A", "B=c d"]);
        assert_eq!(given.file, None);
    }
}
