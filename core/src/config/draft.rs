//! What the directives have said so far, and what they mean together once all is read.

use core::net::SocketAddr;
use core::num::{NonZeroU16, NonZeroU32};

use super::parameters::Options;
use super::problem::Flaw;
use super::proxy_pass::Pass;
use super::words::Word;
use super::{Config, Listen, LogLevel, Recording};
use crate::head::BadHeader;
use crate::limits::Limits;
use crate::route::{
    Action, Fallback, Forward, Overrides, Park, Rule, Rules, Scheme, Target, Terms, Via, Worker,
    WorkerId,
};
use crate::time::Wait;

/// Everything that has been said.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// `Listen`.
    pub(super) listens: Vec<Listen>,
    /// `ServerName`.
    pub(super) server_name: String,
    /// `Threads`.
    pub(super) threads: Option<NonZeroU16>,
    /// `LogLevel`.
    pub(super) log_level: LogLevel,
    /// `Record…`.
    pub(super) recording: Recording,
    /// `LimitRequest…` and `RequestReadTimeout`.
    pub(super) limits: Limits,
    /// `KeepAlive`.
    pub(super) keep_alive: bool,
    /// `Timeout`.
    pub(super) timeout: Wait,
    /// `ProxyTimeout`.
    pub(super) proxy_timeout: Option<Wait>,
    /// `ProxyPreserveHost`.
    pub(super) preserve_host: bool,
    /// `ProxyAddHeaders`.
    pub(super) add_headers: bool,
    /// `ProxyBadHeader`.
    pub(super) bad_header: BadHeader,
    /// `ProxyIOBufferSize`.
    pub(super) piece: Option<NonZeroU32>,
    /// `Proxy100Continue`.
    pub(super) pass_expect: bool,
    /// `ProxyErrorOverride`.
    pub(super) overrides: Overrides,
    /// `ProxyAddForwarded`.
    pub(super) add_forwarded: bool,
    /// `ProxyVia`.
    pub(super) via: Via,
    /// `ProxyMaxForwards`.
    pub(super) max_forwards: Option<u32>,
    /// `ProxyWebsocketAsync`.
    pub(super) parks: bool,
    /// `ProxyWebsocketAsyncDelay`.
    pub(super) park_delay: Wait,
    /// `ProxyWebsocketIdleTimeout`.
    pub(super) idle: Wait,
    /// `ProxyWebsocketFallbackToProxyHttp`.
    pub(super) falls_back: bool,
    /// `ProxyPass`.
    pub(super) passes: Vec<Pass>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            listens: Vec::new(),
            server_name: Rules::default().server_name,
            threads: None,
            log_level: LogLevel::default(),
            recording: Recording::default(),
            limits: Limits::DEFAULT,
            keep_alive: true,
            timeout: Wait::from_secs(60),
            proxy_timeout: None,
            preserve_host: false,
            add_headers: true,
            bad_header: BadHeader::IsError,
            piece: None,
            pass_expect: true,
            overrides: Overrides::None,
            add_forwarded: false,
            via: Via::Off,
            max_forwards: None,
            parks: true,
            park_delay: Wait::ZERO,
            idle: Wait::FOREVER,
            falls_back: true,
            passes: Vec::new(),
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

    /// What it all means.
    pub(super) fn finish(mut self) -> Config {
        if !self.keep_alive {
            self.limits.requests = 1;
        }
        let mut workers = Vec::new();
        let passes = core::mem::take(&mut self.passes);
        let rules = passes.into_iter().map(|pass| self.rule(pass, &mut workers)).collect();
        Config {
            listens: self.listens,
            threads: self.threads,
            log_level: self.log_level,
            recording: self.recording,
            rules: Rules {
                server_name: self.server_name,
                via: self.via,
                max_forwards: self.max_forwards,
                limits: self.limits,
                bad_header: self.bad_header,
                rules,
                workers,
            },
        }
    }

    fn rule(&self, pass: Pass, workers: &mut Vec<Worker>) -> Rule {
        let action = match pass.forward {
            Some((target, options)) => Action::Forward(self.forward(target, options, workers)),
            None => Action::Exclude,
        };
        Rule { prefix: pass.prefix, action }
    }

    fn forward(&self, target: Target, options: Options, workers: &mut Vec<Worker>) -> Forward {
        let skips = target.scheme == Scheme::Ws && !self.falls_back;
        let plain = Forward::new(target, WorkerId(0));
        Forward {
            worker: worker(&plain.target, &options, workers),
            fallback: if skips { Fallback::Skip } else { Fallback::Http },
            preserve_host: self.preserve_host,
            add_headers: self.add_headers,
            response_line: options.response_line.unwrap_or(plain.response_line),
            piece: options.piece.or(self.piece),
            pass_expect: self.pass_expect,
            overrides: self.overrides.clone(),
            add_forwarded: self.add_forwarded,
            terms: self.terms(&options),
            upgrade: options.upgrade.unwrap_or(plain.upgrade),
            target: plain.target,
        }
    }

    fn terms(&self, options: &Options) -> Terms {
        let answer = options.answer.or(self.proxy_timeout).unwrap_or(self.timeout);
        Terms {
            connect: options.connect.unwrap_or(answer),
            answer,
            acquire: options.pooling.acquire.unwrap_or(answer),
            idle: self.idle,
            half_closed: self.timeout,
            lifetime: Wait::FOREVER,
            park: if self.parks { Park::After(self.park_delay) } else { Park::Never },
        }
    }
}

/// The worker that `target` is dialled by: that of an earlier rule, if it is dialled the same way.
fn worker(target: &Target, options: &Options, workers: &mut Vec<Worker>) -> WorkerId {
    let worker = Worker {
        host: target.host.clone(),
        port: target.port,
        keepalive: options.keepalive,
        recovery: options.recovery,
        most: options.pooling.most,
        idle: options.pooling.idling(),
    };
    let number = workers.iter().position(|known| *known == worker).unwrap_or_else(|| {
        workers.push(worker);
        workers.len() - 1
    });
    WorkerId(number as u32)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{good, problem};
    use super::*;
    use crate::route::Upgrade;

    fn forward(text: &str) -> Forward {
        good(text).rules.forward(0).expect("it forwards").clone()
    }

    #[test]
    fn a_rule_that_says_nothing_has_the_defaults() {
        let ws = forward("ProxyPass / ws://b");
        assert_eq!(ws.upgrade, Upgrade::Tokens(vec!["WebSocket".into()]));
        assert_eq!((ws.fallback, ws.terms), (Fallback::Http, Terms::DEFAULT));
        assert_eq!((ws.preserve_host, ws.add_headers), (false, true));
        assert_eq!(forward("ProxyPass / http://b").upgrade, Upgrade::Never);
    }

    #[test]
    fn a_timeout_comes_from_the_nearest_that_says_one() {
        let times = |text: &str| {
            let terms = forward(text).terms;
            [terms.connect, terms.answer, terms.half_closed].map(Wait::as_secs_ceil)
        };
        assert_eq!(times("ProxyPass / ws://b\nTimeout 9"), [9, 9, 9]);
        assert_eq!(times("ProxyPass / ws://b\nTimeout 9\nProxyTimeout 8"), [8, 8, 9]);
        assert_eq!(times("ProxyPass / ws://b timeout=7\nProxyTimeout 8"), [7, 7, 60]);
        assert_eq!(times("ProxyPass / ws://b connectiontimeout=6"), [6, 60, 60]);
    }

    #[test]
    fn tunnels_park_as_the_settings_say() {
        let park = |text: &str| forward(&format!("ProxyPass / ws://b\n{text}")).terms.park;
        assert_eq!(park(""), Park::After(Wait::ZERO));
        assert_eq!(park("ProxyWebsocketAsyncDelay 5ms"), Park::After(Wait::from_millis(5)));
        assert_eq!(park("ProxyWebsocketAsyncDelay 5\nProxyWebsocketAsync Off"), Park::Never);
    }

    #[test]
    fn only_ws_rules_are_for_upgrades_only() {
        let off = "\nProxyWebsocketFallbackToProxyHttp Off";
        assert_eq!(forward(&format!("ProxyPass / ws://b{off}")).fallback, Fallback::Skip);
        assert_eq!(forward(&format!("ProxyPass / http://b{off}")).fallback, Fallback::Http);
    }

    #[test]
    fn rules_that_dial_alike_share_a_worker() {
        let rules = good(
            "ProxyPass /a ws://B\nProxyPass /b http://b:80/x timeout=3\n\
             ProxyPass /c ws://b:81\nProxyPass /d ws://b retry=1\n\
             ProxyPass /e !\nProxyPass /f ws://b keepalive=Off\nProxyPass /g ws://b retry=0",
        )
        .rules;
        let workers = (0..7).filter_map(|number| Some(rules.forward(number)?.worker.0));
        assert_eq!(workers.collect::<Vec<_>>(), [0, 0, 1, 2, 3, 0]);
        assert_eq!(rules.workers.len(), 4);
    }

    #[test]
    fn one_address_is_listened_on_once() {
        let repeated = "conf:2:8: `Listen *:1` repeats an earlier one";
        assert_eq!(problem("Listen 1\nListen *:1"), repeated);
        assert_eq!(good("Listen 0\nListen 0").listens.len(), 3);
    }
}
