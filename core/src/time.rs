//! Moments and spans, in microseconds since the driver began. Core is told the time; it never asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the driver began.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Time(u64);

impl Time {
    /// The moment at which the driver began.
    pub const ZERO: Self = Self(0);
    /// A moment that never comes: the deadline of a clock that is not running.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the driver began.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the driver began.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This moment plus `wait`, or [`Time::NEVER`] if that overflows.
    #[must_use]
    pub const fn after(self, wait: Wait) -> Self {
        Self(self.0.saturating_add(wait.0))
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Wait {
        Wait(self.0.saturating_sub(earlier.0))
    }

    /// This moment as a deadline: none if it never comes.
    pub fn deadline(self) -> Option<Self> {
        (self != Self::NEVER).then_some(self)
    }
}

/// A span of time, in microseconds.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
pub struct Wait(u64);

impl Wait {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// A span without an end: the clock that it limits never runs out.
    pub const FOREVER: Self = Self(u64::MAX);

    /// A span of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// A span of `millis` milliseconds, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// A span of `secs` seconds, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The span in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The span in whole seconds, rounded up: what `Retry-After` says.
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1_000_000)
    }

    /// Both spans one after the other, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A span in whole milliseconds: four bytes, for what is kept once for each tunnel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Millis(u32);

impl From<Wait> for Millis {
    /// Rounds up; more than 49 days is for ever.
    fn from(wait: Wait) -> Self {
        Self(u32::try_from(wait.0.div_ceil(1_000)).unwrap_or(u32::MAX))
    }
}

impl From<Millis> for Wait {
    fn from(millis: Millis) -> Self {
        if millis.0 == u32::MAX { Self::FOREVER } else { Self::from_millis(millis.0.into()) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER { f.write_str("never") } else { Wait(self.0).fmt(f) }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::FOREVER {
            return f.write_str("for ever");
        }
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_saturates_instead_of_wrapping() {
        assert_eq!(Time::from_micros(5).after(Wait::FOREVER), Time::NEVER);
        assert_eq!(Wait::from_secs(u64::MAX), Wait::FOREVER);
    }

    #[test]
    fn a_moment_before_the_earlier_one_is_no_wait() {
        assert_eq!(Time::from_micros(3).since(Time::from_micros(9)), Wait::ZERO);
        assert_eq!(Time::from_micros(9).since(Time::from_micros(3)), Wait::from_micros(6));
    }

    #[test]
    fn milliseconds_round_up_and_keep_for_ever() {
        let through = |wait| Wait::from(Millis::from(wait));
        assert_eq!(through(Wait::from_micros(1)), Wait::from_millis(1));
        assert_eq!(through(Wait::from_secs(60)), Wait::from_secs(60));
        assert_eq!(through(Wait::FOREVER), Wait::FOREVER);
        assert_eq!(through(Wait::from_secs(1 << 40)), Wait::FOREVER);
    }

    #[test]
    fn never_is_no_deadline() {
        assert_eq!(Time::NEVER.deadline(), None);
        assert_eq!(Time::ZERO.deadline(), Some(Time::ZERO));
    }

    #[test]
    fn prints_seconds_and_rounds_up_for_retry_after() {
        assert_eq!(Wait::from_micros(1_500_000).to_string(), "1.500000s");
        assert_eq!(Wait::from_micros(1_000_001).as_secs_ceil(), 2);
    }
}
