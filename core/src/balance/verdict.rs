//! Stage 4 of 6 · what the end of a request says of the backend that had it.

use crate::Side;
use crate::negotiate::Refusal;
use crate::report::{Close, Report};

/// How a backend took a request, as far as that says something of the backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It answered with that status.
    Status(u16),
    /// It did not answer in time.
    Late,
    /// It broke off, or what it said was no HTTP.
    Broken,
}

/// What the end of a request says of the backend that had it.
pub(super) fn verdict(report: &Report) -> Option<Verdict> {
    match report.close {
        Close::Answered => Some(Verdict::Status(report.status)),
        Close::Refused(Refusal::Overridden(status)) => Some(Verdict::Status(status)),
        Close::Refused(Refusal::LateAnswer) => Some(Verdict::Late),
        Close::Refused(
            Refusal::Lost(_) | Refusal::NoAnswer | Refusal::BadAnswer(_) | Refusal::Nonsense(_),
        )
        | Close::Cut(Side::Backend) => Some(Verdict::Broken),
        Close::Unasked
        | Close::Refused(_)
        | Close::Cut(Side::Client)
        | Close::Ended(_)
        | Close::Faulted(..)
        | Close::Idle
        | Close::HalfClosed
        | Close::Lifetime
        | Close::Stalled(_) => None,
    }
}
