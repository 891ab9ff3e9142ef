//! Who runs where: the proxy on one core, and we, who are its clients and its backend, on another.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use.
#[derive(Debug)]
pub struct Cores(CpuSet);

impl Cores {
    /// Those of now.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn allowed() -> io::Result<Self> {
        Ok(Self(sched_getaffinity(None)?))
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.0.count()
    }

    /// From now on this thread, and those that it starts, run on the last core, so that the first is the
    /// proxy's; where there is only one, it is shared.
    ///
    /// # Errors
    ///
    /// If that is not allowed.
    pub fn keep_to_the_last(&self) -> io::Result<()> {
        Ok(sched_setaffinity(None, &self.only(self.numbers().next_back()))?)
    }

    /// Does that on the first core, which what it starts inherits.
    ///
    /// # Errors
    ///
    /// Those of `start`, and of the change of cores.
    pub fn on_the_first<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let ours = sched_getaffinity(None)?;
        sched_setaffinity(None, &self.only(self.numbers().next()))?;
        let started = start();
        sched_setaffinity(None, &ours)?;
        started
    }

    fn numbers(&self) -> impl DoubleEndedIterator<Item = usize> {
        (0..CpuSet::MAX_CPU).filter(|&number| self.0.is_set(number))
    }

    fn only(&self, number: Option<usize>) -> CpuSet {
        let mut only = CpuSet::new();
        number.into_iter().for_each(|number| only.set(number));
        only
    }
}
