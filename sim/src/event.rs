//! What happens in a run, in words that any engine can say: the oracles judge it, traces keep it.

use std::fmt;
use std::hash::{Hash, Hasher};

use underpass_core::report::Report;
use underpass_core::time::Time;
use underpass_core::{Dial, Fault, Op};

use crate::outcome::Outcome;

/// One thing that happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Event {
    /// When, in virtual time.
    pub at: Time,
    /// To whom, or by whom.
    pub who: Who,
    /// What.
    pub what: What,
}

/// Whose event it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Who {
    /// The backend's end of that connection.
    Backend(u32),
    /// The client of that name.
    Client(u32),
    /// Nobody in particular.
    Network,
    /// The proxy's session of that number, in the order of their accepting.
    Session(u32),
}

/// Something that happened.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum What {
    /// An end of a connection was reset by its owner.
    Aborts,
    /// The proxy accepted that client's connection, or that backend the proxy's; and its number.
    Accepts(u32, u32),
    /// The client asks; the number is the place in its script.
    Asks(usize),
    /// The head of that request, or of its answer, bears these fields of those that edits are about, by name.
    Bears(usize, Vec<String>),
    /// The connection broke.
    Breaks(Fault),
    /// The client's connection of that number is up.
    Connects(u32),
    /// The session wanted a connection.
    Dials(Dial, Outcome),
    /// The peer has ended its direction.
    Ends,
    /// A fault of the plan begins.
    Fault(usize),
    /// A backend got that client's request.
    Gets(u32, usize),
    /// It has waited for so long that nothing can come any more.
    GivesUp,
    /// It ends its direction.
    HalfCloses,
    /// The head of a response came, with its status; and whose request it says that it answers.
    Heads(u16, Option<(u32, usize)>),
    /// So many good bytes of the tunnel came.
    Hears(u32),
    /// The idle connection of that number was closed, because it spoke, ended or broke.
    Forgets(u32),
    /// A session is over.
    Gone,
    /// The request is for another host than the one that the connection was made to.
    Mistaken,
    /// The session was asked to make that move.
    Makes(Op, Outcome),
    /// A report.
    Reports(Box<Told>),
    /// A turn of the session is over.
    Rests(Rest),
    /// It sent so many bytes into the tunnel.
    Says(u32),
    /// Bytes came, so many, where none may: behind a request for an upgrade that was not granted.
    Smuggled(u32),
    /// The backend grants that client's request for a tunnel.
    Switches(u32, usize),
    /// The request will have no answer.
    Unanswered(usize),
    /// It is asked for the body of its request.
    Welcome(usize),
    /// The answer to the request is whole.
    Whole(usize),
    /// The bytes that came are not those that were sent; so many were good.
    Wrong(u64),
    /// A loop of the proxy is between two turns.
    Counts(Counts),
}

/// How a session stands after a turn.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rest {
    /// The name of its state.
    pub state: &'static str,
    /// Bytes that core holds.
    pub held: u32,
    /// When something is due, by the proxy's clock.
    pub deadline: Option<Time>,
    /// It wants to go on at once.
    pub again: bool,
    /// What the proxy's clock says.
    pub clock: Time,
}

/// What is lent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Counts {
    /// Sessions that are not over.
    pub sessions: u32,
    /// Leases out.
    pub busy: u32,
    /// Handshakes under way.
    pub pending: u32,
    /// Buffers leased.
    pub buffers: u32,
    /// Idle connections.
    pub idle: u32,
}

/// A report that can be hashed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told(pub Report);

impl Hash for Told {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Report { status, began, answered, ended, pulled, pushed, reusable, .. } = &self.0;
        self.0.close.to_string().hash(state);
        (status, began, answered, ended, reusable).hash(state);
        [pulled.client, pulled.backend, pushed.client, pushed.backend].hash(state);
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:>12}] {:<4} {}", self.at.to_string(), self.who.to_string(), self.what)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backend(number) => write!(f, "b{number}"),
            Self::Client(id) => write!(f, "c{id}"),
            Self::Network => f.write_str("net"),
            Self::Session(number) => write!(f, "s{number}"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aborts => f.write_str("resets the connection"),
            Self::Accepts(of, connection) => write!(f, "accepts connection {connection} of {of}"),
            Self::Asks(ask) => write!(f, "asks request {ask}"),
            Self::Bears(_, fields) => write!(f, "bears {}", fields.join(" | ")),
            Self::Breaks(fault) => write!(f, "finds its connection broken: {fault}"),
            Self::Connects(connection) => write!(f, "is connected by {connection}"),
            Self::Dials(Dial::Idle, outcome) => write!(f, "connect idle: {outcome}"),
            Self::Dials(Dial::Address(number), outcome) => {
                write!(f, "connect address {number}: {outcome}")
            }
            Self::Ends => f.write_str("hears the end"),
            Self::Fault(number) => write!(f, "fault {number} begins"),
            Self::Gets(client, ask) => write!(f, "gets request {ask} of c{client}"),
            Self::GivesUp => f.write_str("gives up"),
            Self::HalfCloses => f.write_str("says its last"),
            Self::Heads(status, None) => write!(f, "gets a {status} of the proxy's own"),
            Self::Heads(status, Some((client, ask))) => {
                write!(f, "gets a {status} for request {ask} of c{client}")
            }
            Self::Hears(count) => write!(f, "hears {count}"),
            Self::Forgets(number) => write!(f, "forgets the idle connection {number}"),
            Self::Gone => f.write_str("is over"),
            Self::Makes(op, outcome) => write!(f, "{op}: {outcome}"),
            Self::Reports(told) => {
                let Report { close, status, pulled, pushed, .. } = &told.0;
                write!(f, "reports: {close}, status {status}, ")?;
                write!(
                    f,
                    "{}/{} up, {}/{} down",
                    pushed.client, pulled.client, pushed.backend, pulled.backend
                )
            }
            Self::Rests(rest) => rest.fmt(f),
            Self::Says(count) => write!(f, "says {count}"),
            Self::Mistaken => f.write_str("gets a request for another host"),
            Self::Smuggled(count) => write!(f, "gets {count} smuggled bytes"),
            Self::Switches(client, ask) => write!(f, "switches for request {ask} of c{client}"),
            Self::Unanswered(ask) => write!(f, "has no answer to request {ask}"),
            Self::Welcome(ask) => write!(f, "is to send the body of request {ask}"),
            Self::Whole(ask) => write!(f, "has the whole answer to request {ask}"),
            Self::Wrong(good) => write!(f, "hears wrong bytes behind {good} good ones"),
            Self::Counts(counts) => counts.fmt(f),
        }
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rests in {}", self.state)?;
        if self.held > 0 {
            write!(f, ", holds {}", self.held)?;
        }
        if let Some(at) = self.deadline {
            write!(f, ", until {at}")?;
        }
        f.write_str(if self.again { ", wants to go on" } else { "" })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, busy, pending, buffers, idle } = self;
        write!(f, "{sessions} sessions, {busy} leases, {pending} handshakes, ")?;
        write!(f, "{buffers} buffers, {idle} idle connections")
    }
}
