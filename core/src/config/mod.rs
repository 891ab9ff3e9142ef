//! The directive language: text → directives → checked types, and all errors at once.
//!
//! A text is cut into lines (`lines.rs`), their `${VAR}`s are replaced (`expand.rs`), and each is
//! split into words (`words.rs`). The loader (`loader.rs`) looks the first word up in the table,
//! [`directives`], whose entry writes what the line says into the draft (`draft.rs`). Only when
//! everything has been read is the draft made into a [`Config`], so that a setting applies to
//! every rule, wherever it stands. Every letter remembers where it was written, and so does every
//! [`Problem`].

mod backends;
mod checking;
mod condition;
mod context;
mod dialling;
mod directives;
mod draft;
mod edits;
mod expand;
mod expanding;
mod grouping;
mod lines;
mod loader;
mod membership;
mod mention;
mod modules;
mod origins;
mod overrides;
mod pace;
mod parameters;
mod paths;
mod pooling;
mod problem;
mod protocols;
mod proxy_pass;
mod refused;
mod reverse;
mod rewrite;
mod sections;
mod substitution;
mod suggest;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod unix;
mod upgrade;
mod url;
mod value;
mod values;
mod variables;
mod words;

use core::net::SocketAddr;
use core::num::{NonZeroU16, NonZeroU32};

use crate::route::Rules;

pub use context::Context;
pub use directives::directives;
pub use mention::Mention;
pub use parameters::{Parameter, Subject, parameters};
pub use problem::{Problem, Severity};
pub use refused::{refused_directives, refused_parameters};
pub use table::{Directive, Origin};

/// What [`load`] reports at most; what comes behind so many problems is not looked at.
pub const PROBLEMS_MOST: usize = 100;

/// Reads `inputs` in their order, with `defines` (`-D NAME[=VALUE]`) known from the beginning.
///
/// Settings apply to all rules, wherever they stand, and the last of two wins.
///
/// # Errors
///
/// Every problem of every input, up to [`PROBLEMS_MOST`], in the order of reading, and then what is to be
/// warned of.
pub fn load(
    source: &mut dyn Source,
    inputs: &[Input],
    defines: &[(String, String)],
) -> Result<Config, Vec<Problem>> {
    read(source, inputs, defines).map(|read| read.config)
}

/// As [`load`], with all else that there is to know of it.
///
/// # Errors
///
/// Those of [`load`].
pub fn read(
    source: &mut dyn Source,
    inputs: &[Input],
    defines: &[(String, String)],
) -> Result<Read, Vec<Problem>> {
    loader::Loader::new(source, defines).load(inputs)
}

/// What was read, if it can be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read {
    /// What it means.
    pub config: Config,
    /// The directives that say it: one in each line, every `${VAR}` replaced and every file included, so that
    /// they can be loaded from [`Nowhere`].
    pub directives: Vec<String>,
    /// What can be used, but is hardly what was meant.
    pub warnings: Vec<Problem>,
    /// Where the files of TLS are named, which core does not open.
    pub mentions: Vec<Mention>,
}

/// Where text comes from: core itself reads no file and no environment.
pub trait Source {
    /// The text of a file.
    ///
    /// A relative path of an `Include` has been joined to the folder of the file that includes;
    /// that of an [`Input`] is as the caller gave it.
    ///
    /// # Errors
    ///
    /// Why there is none, as a clause for the operator.
    fn read(&mut self, path: &str) -> Result<String, String>;

    /// The paths of the files that `pattern` names, in the order of their names: one file, all files of a
    /// folder, or those whose paths are like it (`*`, `?`, `[...]`); none if there is none.
    ///
    /// # Errors
    ///
    /// Why that cannot be said, as a clause for the operator.
    fn matching(&mut self, pattern: &str) -> Result<Vec<String>, String>;

    /// The value of an environment variable: what `${NAME}` means if no `Define` and no `-D` says.
    fn variable(&self, name: &str) -> Option<String>;
}

/// A source of neither files nor an environment: for configurations that are all lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Source for Nowhere {
    fn read(&mut self, path: &str) -> Result<String, String> {
        Err(format!("there is no {path} here"))
    }

    fn matching(&mut self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// A piece of configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// The file at that path.
    File(String),
    /// A directive from the command line (`-C`).
    Line {
        /// What stands in place of a file name in a problem, such as `-C 1`.
        name: String,
        /// The directive.
        text: String,
    },
}

/// A checked configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Where clients are awaited: at least one.
    pub listens: Vec<Listen>,
    /// How many bytes the system holds for each connection of a client's.
    pub socket_buffers: SocketBuffers,
    /// How many event loops there are; none means one per core.
    pub threads: Option<NonZeroU16>,
    /// What is logged.
    pub log_level: LogLevel,
    /// Which sessions are recorded.
    pub recording: Recording,
    /// The file of httpd's heartbeats (`HeartbeatStorage`), if members are chosen by them.
    pub heartbeats: Option<String>,
    /// How many checks of members may be under way at once (`ProxyHCTPsize`).
    pub checks: NonZeroU16,
    /// What requests are judged by.
    pub rules: Rules,
}

/// How many bytes the system holds for a connection, in each direction; none leaves it to the system, which may let
/// them grow to some MiB (`tcp(7)`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SocketBuffers {
    /// Those that have not been acknowledged by the client (`SendBufferSize`).
    pub send: Option<NonZeroU32>,
    /// Those that have not been read from it (`ReceiveBufferSize`).
    pub receive: Option<NonZeroU32>,
}

/// Which sessions are recorded, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recording {
    /// One of so many, in each loop (`RecordTunnels`); none at all if it does not say.
    pub every: Option<NonZeroU32>,
    /// The folder of the traces (`RecordFolder`).
    pub folder: String,
    /// How many MiB they may take together (`RecordLimit`).
    pub mebibytes: u32,
}

impl Default for Recording {
    fn default() -> Self {
        Self { every: None, folder: "traces".into(), mebibytes: 100 }
    }
}

/// One `Listen` line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listen {
    /// The address. `[::]` stands for all addresses, IPv4 included: a driver without IPv6 falls
    /// back to `0.0.0.0`. Port 0 leaves the choice to the system.
    pub address: SocketAddr,
}

/// What is logged: this and all that is graver. httpd's sixteen levels are folded into five.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// `emerg`, `alert`, `crit`, `error`.
    Error,
    /// `warn`, the default.
    #[default]
    Warn,
    /// `notice`, `info`.
    Info,
    /// `debug`.
    Debug,
    /// `trace1` to `trace8`.
    Trace,
}

#[cfg(test)]
mod tests {
    use super::testing::{Files, problems};
    use super::*;
    use crate::limits::Limits;
    use crate::route::{Action, Park, Terms};
    use crate::time::Wait;

    const SAMPLE: &str = r#"# A sample with everything in it: é.
Define backend "app.example:9000"
Listen 8080
Listen [::1]:0
ServerName https://proxy.example:443
Threads 4
  Timeout 30
RequestReadTimeout header=10-20,MinRate=100 \
    body=0
LimitRequestFields 50
ProxyPass /é !
ProxyPass "/ws" ws://${backend}/base timeout=5 \
    retry=1ms upgrade=WebSocket,mqtt keepalive=Off
ProxyPass '/' http://127.0.0.1:3000/ connectiontimeout=250ms
ProxyTimeout 1mi
ProxyWebsocketAsync OFF
ProxyWebsocketIdleTimeout 90
ProxyWebsocketFallbackToProxyHttp Off
Include more.conf
LogLevel debug
"#;

    fn load_text(text: &str) -> Result<Config, Vec<Problem>> {
        let mut files = Files::new(&[("etc/main.conf", text), ("etc/more.conf", "Threads 8\n")]);
        load(&mut files, &[Input::File("etc/main.conf".into())], &[])
    }

    #[test]
    fn a_whole_file_becomes_a_configuration() {
        let config = load_text(SAMPLE).expect("the sample is valid");
        let addresses: Vec<String> =
            config.listens.iter().map(|listen| listen.address.to_string()).collect();
        assert_eq!(addresses, ["[::]:8080", "[::1]:0"]);
        assert_eq!(config.threads, NonZeroU16::new(8));
        assert_eq!(config.log_level, LogLevel::Debug);
        assert_eq!(config.rules.main().name, "proxy.example");
        assert_eq!(config.rules.main().limits.fields, 50);
        assert_eq!(config.rules.main().rules.len(), 3);
        assert_eq!(config.rules.workers.len(), 2);
    }

    #[test]
    fn settings_apply_to_rules_that_stand_before_them() {
        let rules = load_text(SAMPLE).expect("the sample is valid").rules;
        let host = rules.main();
        assert_eq!(host.rules[0].action, Action::Exclude);
        let forward = |number: usize| host.rules[number].action.forward().expect("it forwards");
        let terms = |number| Terms::of(forward(number), &host.scope, host.timeout);
        let (ws, http) = (terms(1), terms(2));
        let only_upgrades = [1, 2].map(|number| forward(number).only_upgrades(&host.scope));
        assert_eq!(only_upgrades, [true, false]);
        assert_eq!(ws.answer, Wait::from_secs(5));
        assert_eq!(http.answer, Wait::from_secs(60));
        assert_eq!(http.connect, Wait::from_millis(250));
        assert_eq!(http.half_closed, Wait::from_secs(30));
        assert_eq!(ws.idle, Wait::from_secs(90));
        assert_eq!(ws.park, Park::Never);
    }

    #[test]
    fn an_almost_empty_file_is_all_defaults() {
        let config = load_text("Listen 1").expect("it listens");
        assert_eq!((config.threads, config.log_level), (None, LogLevel::Warn));
        assert_eq!(config.rules.main().name, "underpass");
        assert_eq!(config.rules.main().limits, Limits::DEFAULT);
        assert!(config.rules.main().rules.is_empty() && config.rules.workers.is_empty());
    }

    #[test]
    fn three_mistakes_are_three_located_problems() {
        let text = "Listen 80\nProxyPas /a ws://b\n  Timeout \\\n 5x\n\
                    ProxyPass /é ws://b timeout=1 retri=2\n";
        assert_eq!(
            problems(text),
            [
                "conf:2:1: unknown directive `ProxyPas` (did you mean `ProxyPass`?)",
                "conf:4:3: `x` is not a unit of time \
                 (a number and `ms`, `s`, `mi` or `h`; without a unit it is seconds)",
                "conf:5:31: unknown parameter `retri` (did you mean `retry`?)",
            ]
        );
    }

    #[test]
    fn lines_of_the_command_line_come_in_their_turn_and_under_their_name() {
        let line = |text: &str| Input::Line { name: "-C 1".into(), text: text.into() };
        let mut files = Files::new(&[("a/conf", "Listen 1\nThreads 2\n")]);
        let inputs = [Input::File("a/conf".into()), line("Threads 3")];
        let config = load(&mut files, &inputs, &[]).expect("both are valid");
        assert_eq!(config.threads, NonZeroU16::new(3));
        let bad = load(&mut files, &[line("Listen x")], &[]).expect_err("x is no port");
        assert_eq!((bad.len(), bad[0].file.as_str()), (1, "-C 1"));
    }

    /// A transcript needs neither files nor definitions nor an environment.
    #[test]
    fn a_transcript_makes_the_same_configuration() {
        let mut files = Files::new(&[("etc/main.conf", SAMPLE), ("etc/more.conf", "Threads 8\n")]);
        let inputs = [Input::File("etc/main.conf".into())];
        let first = read(&mut files, &inputs, &[]).expect("it is valid");
        let line = |text: &String| Input::Line { name: "again".into(), text: text.clone() };
        let again: Vec<_> = first.directives.iter().map(line).collect();
        let second = read(&mut Nowhere, &again, &[]).expect("it is valid");
        assert_eq!((&second.config, &second.directives), (&first.config, &first.directives));
        assert!(
            !first.directives.iter().any(|line| line.contains("Include") || line.contains("${"))
        );
    }

    #[test]
    fn no_cut_of_a_text_makes_it_panic() {
        for (at, _) in SAMPLE.char_indices() {
            let _ = load_text(&SAMPLE[..at]);
            let _ = load_text(&SAMPLE[at..]);
        }
    }

    #[test]
    fn there_is_an_end_to_problems() {
        let found = problems(&"Nonsense\n".repeat(PROBLEMS_MOST * 3));
        assert_eq!(found.len(), PROBLEMS_MOST);
    }

    #[test]
    fn nowhere_there_is_neither_a_file_nor_a_variable() {
        let told = |text: &str| {
            let line = Input::Line { name: "-C 1".into(), text: text.into() };
            load(&mut Nowhere, &[line], &[]).unwrap_err()[0].to_string()
        };
        assert!(told("Include x").contains("`x` cannot be read"), "{}", told("Include x"));
        assert!(told("Include *").contains("`*` cannot be read"), "{}", told("Include *"));
        assert!(told("Listen ${HOME}").contains("`HOME` is not defined"));
        let unread = load(&mut Nowhere, &[Input::File("x".into())], &[]).unwrap_err();
        assert!(unread[0].to_string().contains("the file cannot be read"));
    }
}
