//! Which of a backend's errors are said in our own words.

use core::ops::RangeInclusive;

/// The statuses that can be overridden: those of errors.
pub const ERRORS: RangeInclusive<u16> = 400..=599;

/// Which final responses of a backend are replaced by an answer of ours (`ProxyErrorOverride`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Overrides {
    /// None.
    #[default]
    None,
    /// Every error.
    All,
    /// Those of these statuses, each of them within [`ERRORS`].
    Only(Vec<u16>),
}

impl Overrides {
    /// Whether a response of that status is replaced.
    pub fn has(&self, status: u16) -> bool {
        match self {
            Self::None => false,
            Self::All => ERRORS.contains(&status),
            Self::Only(statuses) => statuses.contains(&status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_overridden_and_only_those_that_are_named() {
        for status in [101, 200, 304, 399, 600, 999] {
            assert!(!Overrides::All.has(status), "{status}");
        }
        assert!(Overrides::All.has(400) && Overrides::All.has(599));
        let only = Overrides::Only(vec![404, 503]);
        assert!(only.has(404) && only.has(503) && !only.has(500));
        assert!(!Overrides::None.has(404));
    }
}
