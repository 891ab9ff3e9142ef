//! What the operator is told on standard error, and how much of it.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{Handle, Layer};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};
use underpass_core::config::LogLevel;

/// How much is told, which a reload may change (`LogLevel`).
#[derive(Debug)]
pub(crate) struct Log(Handle<LevelFilter, Registry>);

impl Log {
    /// From now on so much is told.
    pub(crate) fn to_stderr(level: LogLevel) -> Self {
        let (filter, handle) = Layer::new(most(level));
        let colours = io::stderr().is_terminal();
        let lines = fmt::layer().with_ansi(colours).with_writer(io::stderr);
        tracing_subscriber::registry().with(filter).with(lines).init();
        Self(handle)
    }

    /// From now on so much is told instead.
    pub(crate) fn set(&self, level: LogLevel) {
        if let Err(error) = self.0.modify(|filter| *filter = most(level)) {
            tracing::error!(%error, "LogLevel stays as it was");
        }
    }
}

fn most(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
