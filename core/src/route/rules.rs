//! The rules: the first one that matches, in the order of the configuration, decides.

use std::num::NonZeroU32;

use super::overrides::Overrides;
use super::target::{Scheme, Target, Worker, WorkerId};
use crate::head::BadHeader;
use crate::limits::Limits;
use crate::time::Wait;

/// Everything that a request is judged by: an immutable snapshot of the configuration.
///
/// A session keeps to the snapshot that it began with; the driver lends it the same one in every turn.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// The name of this server (`ServerName`): what `X-Forwarded-Server` and `Via` say.
    pub server_name: String,
    /// What becomes of `Via` (`ProxyVia`).
    pub via: Via,
    /// What `Max-Forwards` says where a request has none (`ProxyMaxForwards`); `None` adds nothing.
    pub max_forwards: Option<u32>,
    /// What a client's head and body may be.
    pub limits: Limits,
    /// What becomes of a response with a line that is no field (`ProxyBadHeader`).
    pub bad_header: BadHeader,
    /// The rules, in the order of the configuration.
    pub rules: Vec<Rule>,
    /// The workers, indexed by [`WorkerId`].
    pub workers: Vec<Worker>,
}

impl Default for Rules {
    /// Those of a configuration that says nothing.
    fn default() -> Self {
        Self {
            server_name: "underpass".into(),
            via: Via::Off,
            max_forwards: None,
            limits: Limits::DEFAULT,
            bad_header: BadHeader::IsError,
            rules: Vec::new(),
            workers: Vec::new(),
        }
    }
}

impl Rules {
    /// The first rule that matches `path`, with its number and what is left of the path behind its prefix.
    ///
    /// A rule for upgrades only ([`Fallback::Skip`]) is passed over by a request that asks for none.
    pub fn find<'p>(&self, path: &'p [u8], asks_upgrade: bool) -> Option<(usize, &'p [u8])> {
        self.rules.iter().enumerate().find_map(|(number, rule)| {
            if rule.skips(asks_upgrade) {
                return None;
            }
            rule.rest(path).map(|rest| (number, rest))
        })
    }

    /// What the head of a response under that rule may be.
    pub fn response_limits(&self, number: usize) -> Limits {
        let line = self.forward(number).map_or(Limits::RESPONSE.field, |rule| rule.response_line);
        Limits { line, field: line, bad_header: self.bad_header, ..Limits::RESPONSE }
    }

    /// What the rule of that number says, if it forwards.
    pub fn forward(&self, number: usize) -> Option<&Forward> {
        match &self.rules.get(number)?.action {
            Action::Forward(forward) => Some(forward),
            Action::Exclude => None,
        }
    }
}

/// What becomes of `Via` in the heads that go on (RFC 9110 §7.6.3, httpd's `ProxyVia`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Via {
    /// It goes on as it came, without us.
    Off,
    /// Our hop is appended to it, in requests and in responses.
    On,
    /// So it is, with our product and its version in a comment.
    Full,
    /// It is removed from requests, and goes on in responses as it came.
    Block,
}

/// One `ProxyPass` line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The prefix that a path must have, beginning with `/`.
    pub prefix: String,
    /// What becomes of a request that matches.
    pub action: Action,
}

impl Rule {
    fn skips(&self, asks_upgrade: bool) -> bool {
        match &self.action {
            Action::Forward(forward) => forward.fallback == Fallback::Skip && !asks_upgrade,
            Action::Exclude => false,
        }
    }

    /// What is left of `path` behind the prefix: runs of `/` match each other, and the match ends
    /// at a segment boundary (httpd's `alias_match`).
    pub(crate) fn rest<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let (mut left, mut rest) = (self.prefix.as_bytes(), path);
        while let Some((&expected, behind)) = left.split_first() {
            let (&found, beyond) = rest.split_first()?;
            if expected != found {
                return None;
            }
            (left, rest) = match expected {
                b'/' => (without_slashes(behind), without_slashes(beyond)),
                _ => (behind, beyond),
            };
        }
        let bounded = self.prefix.ends_with('/') || rest.is_empty() || rest[0] == b'/';
        bounded.then_some(rest)
    }
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let slashes = path.iter().take_while(|&&byte| byte == b'/').count();
    &path[slashes..]
}

/// What becomes of a request that matches a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// `!`: it is not forwarded.
    Exclude,
    /// It goes to a backend.
    Forward(Forward),
}

/// How a rule forwards.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forward {
    /// The URL that takes the place of the prefix.
    pub target: Target,
    /// The worker that serves it.
    pub worker: WorkerId,
    /// Which protocols it may switch to.
    pub upgrade: Upgrade,
    /// What becomes of a request that asks for no upgrade that it may have.
    pub fallback: Fallback,
    /// Whether the backend sees the client's `Host` (`ProxyPreserveHost`) instead of its own.
    pub preserve_host: bool,
    /// Whether `X-Forwarded-For`, `-Host`, `-Server` and `-Proto` are added (`ProxyAddHeaders`).
    pub add_headers: bool,
    /// Bytes of one line of a response's head (`responsefieldsize=`).
    pub response_line: u32,
    /// How many bytes of a body are moved at a time at the most (`ProxyIOBufferSize`); as many as are
    /// there, if it does not say.
    pub piece: Option<NonZeroU32>,
    /// Whether an `Expect: 100-continue` goes on to the backend (`Proxy100Continue`); if not, we meet it.
    pub pass_expect: bool,
    /// Which of the backend's errors are said in our own words (`ProxyErrorOverride`).
    pub overrides: Overrides,
    /// Whether an element of `Forwarded` is added (`ProxyAddForwarded`, RFC 7239).
    pub add_forwarded: bool,
    /// The clocks of a session under this rule.
    pub terms: Terms,
}

impl Forward {
    /// A rule that says nothing but where to.
    pub fn new(target: Target, worker: WorkerId) -> Self {
        Self {
            upgrade: Upgrade::default_of(target.scheme),
            target,
            worker,
            fallback: Fallback::Http,
            preserve_host: false,
            add_headers: true,
            response_line: Limits::RESPONSE.field,
            piece: None,
            pass_expect: true,
            overrides: Overrides::None,
            add_forwarded: false,
            terms: Terms::DEFAULT,
        }
    }
}

/// Which protocols a rule may switch to (`upgrade=`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Upgrade {
    /// None: the default of `http://`.
    Never,
    /// One of these, compared case-insensitively; `WebSocket` is the default of `ws://`.
    Tokens(Vec<String>),
    /// Whatever the client asks for (`ANY`), except what R8 forbids.
    Any,
    /// WebSocket, even if the client's request has lost its `Upgrade` field on the way (`NONE`).
    Always,
}

impl Upgrade {
    /// What a rule may switch to that does not say.
    pub fn default_of(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Http => Self::Never,
            Scheme::Ws => Self::Tokens(vec!["WebSocket".into()]),
        }
    }
}

/// What becomes of a request to a `ws://` rule that asks for no upgrade that the rule accepts
/// (`ProxyWebsocketFallbackToProxyHttp`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// It is forwarded as ordinary HTTP (`On`, the default).
    Http,
    /// Without an `Upgrade` field the rule is passed over; with one that it does not accept the answer is 426 (`Off`).
    Skip,
}

/// The clocks of a session: copied when it is routed, so that no reload changes a live tunnel (R51).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// How long the connection to one address may take (`connectiontimeout=`).
    pub connect: Wait,
    /// How long a leg may take to answer, or to take what we write (`timeout=`, `ProxyTimeout`, `Timeout`; R52).
    pub answer: Wait,
    /// How long a request may wait for a worker (`acquire=`, else as `answer`).
    pub acquire: Wait,
    /// How long a tunnel may be silent in both directions (`ProxyWebsocketIdleTimeout`).
    pub idle: Wait,
    /// How long a tunnel may be silent once one direction has ended.
    pub half_closed: Wait,
    /// How long a tunnel may live.
    pub lifetime: Wait,
    /// When a tunnel gives its carriers back (`ProxyWebsocketAsync`, `ProxyWebsocketAsyncDelay`).
    pub park: Park,
}

impl Terms {
    /// The terms of a rule that says nothing.
    pub const DEFAULT: Self = Self {
        connect: Wait::from_secs(60),
        answer: Wait::from_secs(60),
        acquire: Wait::from_secs(60),
        idle: Wait::FOREVER,
        half_closed: Wait::from_secs(60),
        lifetime: Wait::FOREVER,
        park: Park::After(Wait::ZERO),
    };
}

/// When a tunnel with nothing in flight gives its carriers back to the loop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Park {
    /// Never: it owns what it has once needed for life (`ProxyWebsocketAsync OFF`).
    Never,
    /// After so long a silence; at once if that is zero (`ProxyWebsocketAsync ON`).
    After(Wait),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(fallback: Fallback) -> Action {
        let target = Target { scheme: Scheme::Ws, host: "b".into(), port: 80, path: String::new() };
        Action::Forward(Forward { fallback, ..Forward::new(target, WorkerId(0)) })
    }

    fn rules(list: &[(&str, Action)]) -> Rules {
        let rule = |(prefix, action): &(&str, Action)| Rule {
            prefix: (*prefix).into(),
            action: action.clone(),
        };
        Rules { rules: list.iter().map(rule).collect(), ..Rules::default() }
    }

    /// httpd's observed rows (1.4, 4).
    #[test]
    fn a_prefix_ends_at_a_segment_boundary() {
        let rest = |prefix: &str, path: &'static str| {
            let rule = Rule { prefix: prefix.into(), action: Action::Exclude };
            rule.rest(path.as_bytes()).map(|rest| std::str::from_utf8(rest).unwrap())
        };
        assert_eq!(rest("/pfx", "/pfx"), Some(""));
        assert_eq!(rest("/pfx", "/pfx/x"), Some("/x"));
        assert_eq!(rest("/pfx", "/pfxx"), None);
        assert_eq!(rest("/ws/", "/ws"), None);
        assert_eq!(rest("/ws/", "/ws/x"), Some("x"));
        assert_eq!(rest("/", "/x"), Some("x"));
        assert_eq!(rest("//a//b", "/a/b/c"), Some("/c"));
        assert_eq!(rest("/é", "/é/x"), Some("/x"));
    }

    #[test]
    fn the_first_match_in_order_decides() {
        let rules = rules(&[
            ("/ws/public", Action::Exclude),
            ("/ws", forward(Fallback::Http)),
            ("/", Action::Exclude),
        ]);
        assert_eq!(rules.find(b"/ws/public/x", true), Some((0, &b"/x"[..])));
        assert_eq!(rules.find(b"/ws/x", true), Some((1, &b"/x"[..])));
        assert_eq!(rules.find(b"/other", true), Some((2, &b"other"[..])));
        assert!(rules.forward(0).is_none() && rules.forward(1).is_some());
    }

    #[test]
    fn a_rule_for_upgrades_only_is_passed_over_by_ordinary_requests() {
        let rules = rules(&[("/", forward(Fallback::Skip)), ("/", forward(Fallback::Http))]);
        assert_eq!(rules.find(b"/x", true).map(|found| found.0), Some(0));
        assert_eq!(rules.find(b"/x", false).map(|found| found.0), Some(1));
    }
}
