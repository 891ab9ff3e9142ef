//! What goes wrong, and when.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::BadPlan;

/// A fault and its moment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// When it begins, in milliseconds.
    pub at: u64,
    /// What it is.
    pub fault: Fault,
}

/// What goes wrong. A fault on what is not there does nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Fault {
    /// A connection loses everything from now on, and nobody is told.
    BlackHole(Leg),
    /// The proxy's clock goes so many milliseconds further at once.
    ClockJump(u32),
    /// A backend ends all its connections, and refuses others for so many milliseconds.
    Crash {
        /// The backend.
        backend: String,
        /// Milliseconds until it is there again.
        lasts: u32,
    },
    /// What is sent one way arrives only once it is over: it is sent again until then.
    Cut {
        /// Whose way.
        link: Link,
        /// Which way.
        way: Way,
        /// Milliseconds, 100 000 at the most: less than TCP tries again (`TCP_USER_TIMEOUT`).
        lasts: u32,
    },
    /// The proxy may have no more than so many connections.
    Descriptors {
        /// How many.
        most: u32,
        /// For how many milliseconds.
        lasts: u32,
    },
    /// The proxy is to end gracefully.
    Drain,
    /// A backend's connects get no answer.
    Hang {
        /// The backend.
        backend: String,
        /// For how many milliseconds.
        lasts: u32,
    },
    /// A backend's connects are refused.
    Refuse {
        /// The backend.
        backend: String,
        /// For how many milliseconds.
        lasts: u32,
    },
    /// The proxy reads its configuration again, in which the same is said among other things.
    Reload,
    /// Somebody in between resets a connection.
    Reset {
        /// Which.
        leg: Leg,
        /// Who is told.
        end: End,
    },
    /// A way takes longer, and takes less.
    Slow {
        /// Whose way.
        link: Link,
        /// How many milliseconds longer.
        latency: u32,
        /// Bytes a second of each connection and each direction, 1 000 at the least; 0 is as many
        /// as come.
        bandwidth: u32,
        /// For how many milliseconds.
        lasts: u32,
    },
}

/// Bytes a second of the slowest way: slower ones would outlast everybody's patience.
const SLOWEST: u32 = 1_000;

/// How long a cut may last, in milliseconds.
const CUT_MOST: u32 = 100_000;

/// A connection, by the client that it serves.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// The backend's for that client.
    Behind(u32),
    /// That client's own.
    Client(u32),
}

/// The way between the proxy and somebody else.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// A backend's.
    Backend(String),
    /// A client's.
    Client(u32),
}

/// A direction, or both.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Both.
    Both,
    /// Away from the proxy.
    FromProxy,
    /// Towards the proxy.
    ToProxy,
}

/// An end of a connection, or both.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Both.
    Both,
    /// The client's, or the backend's.
    Peer,
    /// The proxy's.
    Proxy,
}

impl Timed {
    /// When it is over, in milliseconds; for one that lasts.
    pub fn until(&self) -> u64 {
        self.at
            + match &self.fault {
                Fault::Crash { lasts, .. }
                | Fault::Cut { lasts, .. }
                | Fault::Descriptors { lasts, .. }
                | Fault::Hang { lasts, .. }
                | Fault::Refuse { lasts, .. }
                | Fault::Slow { lasts, .. } => u64::from(*lasts),
                Fault::BlackHole(_)
                | Fault::ClockJump(_)
                | Fault::Drain
                | Fault::Reload
                | Fault::Reset { .. } => 0,
            }
    }
}

impl Fault {
    pub(super) fn check(&self) -> Result<(), BadPlan> {
        if *self == Self::Drain {
            return Err(BadPlan("drain: not supported, the core cannot drain yet".to_owned()));
        }
        if matches!(self, Self::Cut { lasts, .. } if *lasts > CUT_MOST) {
            return Err(BadPlan(format!("a cut lasts for {CUT_MOST} milliseconds at the most")));
        }
        if matches!(self, Self::Slow { bandwidth, .. } if (1..SLOWEST).contains(bandwidth)) {
            return Err(BadPlan(format!("a way takes {SLOWEST} bytes a second at the least")));
        }
        Ok(())
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} ms: {}", self.at, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlackHole(leg) => write!(f, "{leg} is a black hole"),
            Self::ClockJump(by) => write!(f, "the clock jumps by {by} ms"),
            Self::Crash { backend, lasts } => write!(f, "{backend} crashes for {lasts} ms"),
            Self::Cut { link, way: Way::Both, lasts } => write!(f, "{link} is cut for {lasts} ms"),
            Self::Cut { link, way: Way::FromProxy, lasts } => {
                write!(f, "{link} is cut away from the proxy for {lasts} ms")
            }
            Self::Cut { link, way: Way::ToProxy, lasts } => {
                write!(f, "{link} is cut towards the proxy for {lasts} ms")
            }
            Self::Descriptors { most, lasts } => {
                write!(f, "no more than {most} connections for {lasts} ms")
            }
            Self::Drain => f.write_str("the proxy drains"),
            Self::Hang { backend, lasts } => write!(f, "{backend} hangs for {lasts} ms"),
            Self::Refuse { backend, lasts } => write!(f, "{backend} refuses for {lasts} ms"),
            Self::Reload => f.write_str("the proxy reloads its configuration"),
            Self::Reset { leg, end } => write!(f, "{leg} is reset, and {end} told"),
            Self::Slow { link, latency, bandwidth, lasts } => {
                write!(f, "{link} is slow for {lasts} ms: {latency} ms longer")?;
                if *bandwidth > 0 { write!(f, ", {bandwidth} bytes a second") } else { Ok(()) }
            }
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(name) => write!(f, "the way to {name}"),
            Self::Client(id) => write!(f, "the way of c{id}"),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "both ends are",
            Self::Peer => "the far end is",
            Self::Proxy => "the proxy is",
        })
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind(client) => write!(f, "the connection behind c{client}"),
            Self::Client(client) => write!(f, "the connection of c{client}"),
        }
    }
}
