//! How a rule forwards: where to, by which protocols, and how long that may take.

use std::num::NonZeroU32;

use super::balancer::BalancerId;
use super::mapping::Mapping;
use super::scope::Scope;
use super::target::{Scheme, Target};
use crate::head::BadHeader;
use crate::limits::Limits;
use crate::time::Wait;

/// How a rule forwards.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forward {
    /// The URL that takes the place of the prefix.
    pub target: Target,
    /// How its backends are spoken to: the scheme of the URL, or that of the balancer's members.
    pub scheme: Scheme,
    /// Who serves it.
    pub balancer: BalancerId,
    /// Whether nobody may go to its backend (`ProxyBlock`).
    pub blocked: bool,
    /// Which protocols it may switch to.
    pub upgrade: Upgrade,
    /// Which subprotocols of WebSocket it is for, one of which a client must offer, compared
    /// case-sensitively (`ProxyWebsocketProtocol`, `protocol=`; RFC 6455 §1.9); if none, all requests.
    pub protocols: Vec<String>,
    /// How it looks at paths, and spells them to the backend (`nocanon`, `mapping=`).
    pub mapping: Mapping,
    /// Whether the path of its URL has variables of a request in it (`interpolate`).
    pub interpolates: bool,
    /// Whether the query goes on (not with `noquery`).
    pub passes_query: bool,
    /// How the backend is spoken to, if the [member](super::Member) does not say.
    pub manner: Manner,
}

impl Forward {
    /// A rule that says nothing but where to.
    pub fn new(target: Target, balancer: BalancerId) -> Self {
        Self {
            upgrade: Upgrade::default_of(target.scheme),
            protocols: Vec::new(),
            scheme: target.scheme,
            target,
            balancer,
            blocked: false,
            mapping: Mapping::Decoded,
            interpolates: false,
            passes_query: true,
            manner: Manner::DEFAULT,
        }
    }

    /// Whether it is for upgrades only where a scope says that.
    pub fn only_upgrades(&self, scope: &Scope) -> bool {
        self.scheme.inner() == Scheme::Ws && !scope.falls_back
    }
}

/// How a backend is spoken to: how long it may take, and how much at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Manner {
    /// Bytes of one line of a response's head (`responsefieldsize=`).
    pub response_line: u32,
    /// How many bytes of a body are moved at a time at the most (`ProxyIOBufferSize`); as many as are
    /// there, if it does not say.
    pub piece: Option<NonZeroU32>,
    /// How long the connection to one address may take (`connectiontimeout=`).
    pub connect: Wait,
    /// How long a leg may take to answer, or to take what we write (`timeout=`, `ProxyTimeout`, `Timeout`; R52).
    pub answer: Wait,
    /// How long a request may wait for a worker (`acquire=`, else as `answer`).
    pub acquire: Wait,
}

impl Manner {
    /// That of a rule that says nothing.
    pub const DEFAULT: Self = Self {
        response_line: Limits::RESPONSE.field,
        piece: None,
        connect: Terms::DEFAULT.connect,
        answer: Terms::DEFAULT.answer,
        acquire: Terms::DEFAULT.acquire,
    };

    /// What the head of a response may be.
    pub fn response_limits(&self, bad_header: BadHeader) -> Limits {
        let line = self.response_line;
        Limits { line, field: line, bad_header, ..Limits::RESPONSE }
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
            Scheme::Balancer | Scheme::Http | Scheme::Https => Self::Never,
            Scheme::Ws | Scheme::Wss => Self::Tokens(vec!["WebSocket".into()]),
        }
    }
}

/// The clocks of a session: copied when it is routed, so that no reload changes a live tunnel (R51).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// How long the connection to one address may take.
    pub connect: Wait,
    /// How long a leg may take to answer, or to take what we write (R52).
    pub answer: Wait,
    /// How long a request may wait for a worker.
    pub acquire: Wait,
    /// How long a tunnel may be silent in both directions.
    pub idle: Wait,
    /// How long a tunnel may be silent once one direction has ended.
    pub half_closed: Wait,
    /// Whether one half of a tunnel outlives the other (`proxy-nohalfclose` unset).
    pub half_closes: bool,
    /// How long a tunnel may live.
    pub lifetime: Wait,
    /// When a tunnel gives its carriers back.
    pub park: Park,
}

impl Terms {
    /// The terms of a configuration that says nothing.
    pub const DEFAULT: Self = Self {
        connect: Wait::from_secs(60),
        answer: Wait::from_secs(60),
        acquire: Wait::from_secs(60),
        idle: Wait::FOREVER,
        half_closed: Wait::from_secs(60),
        half_closes: true,
        lifetime: Wait::FOREVER,
        park: Park::After(Wait::ZERO),
    };

    /// What a rule and a scope say, on a server with that `Timeout`.
    pub fn of(forward: &Forward, scope: &Scope, timeout: Wait) -> Self {
        Self {
            connect: forward.manner.connect,
            answer: forward.manner.answer,
            acquire: forward.manner.acquire,
            idle: scope.idle,
            half_closed: scope.half_closed.unwrap_or(timeout),
            half_closes: true,
            lifetime: scope.lifetime,
            park: if scope.parks { Park::After(scope.park_delay) } else { Park::Never },
        }
    }
}

/// When a tunnel with nothing in flight gives its carriers back to the loop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Park {
    /// Never: it owns what it has once needed for life (`ProxyWebsocketAsync OFF`).
    Never,
    /// After so long a silence; at once if that is zero (`ProxyWebsocketAsync ON`).
    After(Wait),
}
