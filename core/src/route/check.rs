//! How a member of a balancer is checked beside its requests.

use super::pattern::Expression;
use crate::time::Wait;

/// The checks of a member (`hcmethod=` and its like).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// What is done (`hcmethod=`).
    pub method: CheckMethod,
    /// How long after a check the next one begins (`hcinterval=`), at least 100 ms.
    pub interval: Wait,
    /// After so many good ones in a row it serves again (`hcpasses=`), at least 1.
    pub passes: u32,
    /// After so many bad ones in a row it serves no more (`hcfails=`), at least 1.
    pub fails: u32,
    /// What is asked for: the path of the member and `hcuri=`, one slash between them; `*` for
    /// `OPTIONS`. It says nothing of a check by TCP.
    pub uri: String,
    /// Which statuses are good (`hcexpr=`); if it does not say, see [`accepts`](Self::accepts).
    pub expects: Option<Expectation>,
}

impl Check {
    /// Whether an answer of that status is good, which has come to a request that is no handshake.
    pub fn accepts(&self, status: u16) -> bool {
        match &self.expects {
            Some(expects) => expects.test.holds(status),
            None => (200..=399).contains(&status),
        }
    }
}

/// What a check does (`hcmethod=`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CheckMethod {
    /// It connects.
    Tcp,
    /// It asks, and looks at the status of the answer.
    Http {
        /// How it asks.
        verb: Verb,
        /// Whether it asks by HTTP/1.1, and not by HTTP/1.0 (`OPTIONS11`, `HEAD11`, `GET11`).
        is_11: bool,
    },
    /// It shakes hands for a WebSocket, verifies the answer, and closes.
    WebSocket,
}

/// How a check asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is the method of that name (RFC 9110 §9.3)")]
pub enum Verb {
    Get,
    Head,
    Options,
}

impl Verb {
    /// The method, as a request says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}

/// What the status of an answer must be (`ProxyHCExpr`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expectation {
    /// Its name.
    pub name: String,
    /// What it says.
    pub test: Test,
}

/// A comparison of a status.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// An expression is found in its digits.
    Matches(Expression),
    /// It lies in this range, both ends included.
    Within(u16, u16),
    /// It is one of these.
    OneOf(Vec<u16>),
    /// That does not hold.
    Not(Box<Self>),
}

impl Test {
    /// Whether it holds for that status.
    pub fn holds(&self, status: u16) -> bool {
        match self {
            Self::Matches(expression) => expression.0.is_match(status.to_string().as_bytes()),
            Self::Within(least, most) => (*least..=*most).contains(&status),
            Self::OneOf(statuses) => statuses.contains(&status),
            Self::Not(test) => !test.holds(status),
        }
    }
}
