//! A reload: the configuration is read again, and if all of it can be used it takes the place of the one before. No tunnel
//! and no request has anything to do with that.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use socket2::Socket;
use underpass_core::config::{Config, Read, Recording, Severity, SocketBuffers};
use underpass_core::time::Time;

use crate::checks::Checks;
use crate::configure;
use crate::doors::{Doors, Opened};
use crate::epoch::Epoch;
use crate::log::Log;
use crate::resolve::Question;
use crate::shared::{Mailbox, Message, Renewal, Shared};
use crate::tls::{Keeper, Trouble};

/// How the configuration is read again; a failure is text for the operator.
pub(crate) type Load = dyn Fn() -> Result<Read, String> + Send;

/// Who reloads, and looks after the files of keys in the meantime.
pub(crate) struct Reloader {
    pub(crate) load: Box<Load>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) keeper: Keeper,
    pub(crate) log: Log,
    pub(crate) doors: Doors,
    /// What a reload does not change.
    pub(crate) fixed: Fixed,
    /// The loops, in the order of their numbers.
    pub(crate) loops: Vec<Mailbox>,
    /// The thread of checks, if anybody was ever checked.
    pub(crate) checks: Option<Mailbox>,
    /// The thread that resolves names.
    pub(crate) asks: Sender<Question>,
}

/// What a configuration says of the process itself: it counts when that starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fixed {
    socket_buffers: SocketBuffers,
    threads: Option<NonZeroU16>,
    recording: Recording,
}

impl Fixed {
    pub(crate) fn of(config: &Config) -> Self {
        let (socket_buffers, recording) = (config.socket_buffers, config.recording.clone());
        Self { socket_buffers, threads: config.threads, recording }
    }
}

impl Reloader {
    /// Reloads whenever it is called, and looks at the files of keys about once a minute; until nobody can call any more.
    pub(crate) fn run(mut self, calls: &Receiver<()>) {
        let began = Instant::now();
        loop {
            let now = time_since(began);
            let wait = Duration::from_micros(self.keeper.due().since(now).as_micros());
            match calls.recv_timeout(wait) {
                Ok(()) => self.reload(time_since(began)),
                Err(RecvTimeoutError::Timeout) => self.look(time_since(began)),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self, now: Time) {
        let epoch = self.shared.epoch();
        for Trouble { path, severity, what } in self.keeper.look(&epoch.rules, now) {
            match severity {
                Severity::Error => {
                    tracing::error!(path, "{what}: the keys from before stay in use");
                }
                Severity::Warning => tracing::warn!(path, "{what}"),
            }
        }
        epoch.renew(self.keeper.keys());
    }

    fn reload(&mut self, now: Time) {
        match self.try_to_reload(now) {
            Ok(()) => tracing::info!("the configuration is reloaded"),
            Err(text) => {
                configure::tell(&text);
                tracing::error!("the configuration cannot be used: the one from before stays");
            }
        }
    }

    /// Whatever may fail comes before whatever changes anything.
    fn try_to_reload(&mut self, now: Time) -> Result<(), String> {
        let mut loaded = (self.load)()?;
        let say = |error: &dyn std::fmt::Display| format!("underpass: {error}\n");
        let rules = std::mem::take(&mut loaded.config.rules);
        loaded.config.rules = self.shared.renumbered(rules).map_err(|error| say(&error))?;
        let before = self.shared.epoch();
        let (keeper, troubles) = self.keeper.after(&before.rules, &loaded.config.rules, now);
        configure::judge(&loaded, &troubles)?;
        let opened = self.doors.open(&loaded.config.listens).map_err(|error| say(&error))?;
        self.warn(&loaded.config);
        self.log.set(loaded.config.log_level);
        let Config { rules, checks, heartbeats, listens, .. } = loaded.config;
        self.keeper = keeper;
        let epoch = Arc::new(Epoch::new(rules, checks, heartbeats, self.keeper.keys()));
        self.shared.begin(&epoch);
        let closed = self.doors.settle(&listens, &opened);
        self.tell(&epoch, opened, &closed);
        Ok(())
    }

    /// What the operator should not expect of a reload.
    fn warn(&self, config: &Config) {
        let new = Fixed::of(config);
        for (name, is_new) in [
            ("…BufferSize", new.socket_buffers != self.fixed.socket_buffers),
            ("Threads", new.threads != self.fixed.threads),
            ("Record…", new.recording != self.fixed.recording),
        ] {
            if is_new {
                tracing::warn!("{name} counts from the next start on");
            }
        }
    }

    fn tell(&mut self, epoch: &Arc<Epoch>, opened: Vec<Opened>, closed: &[SocketAddr]) {
        let mut sockets: Vec<Vec<Socket>> = opened.into_iter().map(|it| it.sockets).collect();
        for mailbox in &self.loops {
            let opened = sockets.iter_mut().filter_map(Vec::pop).collect();
            let (epoch, closed) = (Arc::clone(epoch), closed.to_vec());
            mailbox.post(Message::Renewed(Renewal { epoch, opened, closed }));
        }
        // A resolver that has ended resolves nothing any more.
        let _ = self.asks.send(Question::Renewed);
        self.tell_checks(Arc::clone(epoch));
    }

    fn tell_checks(&mut self, epoch: Arc<Epoch>) {
        if let Some(checks) = &self.checks {
            let (opened, closed) = (Vec::new(), Vec::new());
            return checks.post(Message::Renewed(Renewal { epoch, opened, closed }));
        }
        match Checks::start(&self.shared, &self.asks) {
            // It need not be waited for: it has nothing that must come to an end.
            Ok(checks) => self.checks = checks.map(|(mailbox, _)| mailbox),
            Err(error) => tracing::error!(%error, "members are not checked"),
        }
    }
}

fn time_since(began: Instant) -> Time {
    Time::from_micros(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX))
}
