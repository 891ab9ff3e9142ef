//! Runs by seed: which one is replayed, which one failed, and what was met on the way.

use std::collections::BTreeMap;

/// The one seed to replay, if `SEED` names one.
#[allow(clippy::disallowed_methods, reason = "a test may be told which seed to replay")]
pub(crate) fn only_seed() -> Option<u64> {
    std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"))
}

/// Says, when it is dropped, how that test's seed is replayed: forgotten by a run that went well.
pub(crate) struct Failing(pub(crate) &'static str, pub(crate) u64);

impl Drop for Failing {
    fn drop(&mut self) {
        eprintln!("SEED={} cargo test -p underpass-core --test {}", self.1, self.0);
    }
}

/// What should happen sometimes, and how often it did.
#[derive(Debug, Default)]
pub(crate) struct Marks(pub(crate) BTreeMap<&'static str, usize>);

impl Marks {
    pub(crate) fn saw(&mut self, what: &'static str, happened: bool) {
        *self.0.entry(what).or_default() += usize::from(happened);
    }
}
