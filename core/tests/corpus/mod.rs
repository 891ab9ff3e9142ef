//! Heads, good and bad, each with the rule that it is about and what must come of it.

pub(crate) mod ours;
mod requests;
mod responses;

pub(crate) use requests::requests;
pub(crate) use responses::{Asked, responses};

/// What must come of a head.
#[derive(Clone, Debug)]
pub(crate) enum Gives {
    /// The client hears this status from us, and the other side nothing of the head.
    Refused(u16),
    /// The other side hears exactly this, and the first one nothing.
    Passed(String),
    /// The client hears exactly this, and a tunnel is open.
    Switched(String),
}

/// One head, or more of them.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The rule of `reference/rules.md`, or what else it is about.
    pub(crate) rule: &'static str,
    pub(crate) head: String,
    pub(crate) gives: Gives,
}

impl Case {
    fn refused(rule: &'static str, status: u16, head: impl Into<String>) -> Self {
        Self { rule, head: head.into(), gives: Gives::Refused(status) }
    }

    fn passed(rule: &'static str, head: impl Into<String>, heard: impl Into<String>) -> Self {
        Self { rule, head: head.into(), gives: Gives::Passed(heard.into()) }
    }

    fn switched(rule: &'static str, head: impl Into<String>, heard: impl Into<String>) -> Self {
        Self { rule, head: head.into(), gives: Gives::Switched(heard.into()) }
    }
}
