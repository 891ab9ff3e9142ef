//! `min max smax ttl acquire disablereuse enablereuse`: how the connections to one worker are shared.

use core::num::NonZeroU32;

use super::problem::Flaw;
use super::values::{number, some_wait, some_wait_in_millis, switch};
use super::words::Word;
use crate::limits::{IDLE_CAP, IDLE_MOST};
use crate::route::Idling;
use crate::time::Wait;

/// What a rule says of the connections to its worker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Pooling {
    /// `max=`, without 0.
    pub(super) most: Option<NonZeroU32>,
    /// `acquire=`.
    pub(super) acquire: Option<Wait>,
    /// `smax=`.
    idle: Option<usize>,
    /// `ttl=`.
    ttl: Option<Wait>,
    /// `min=`.
    room: usize,
    /// `enablereuse=`, or the opposite of `disablereuse=`.
    reuse: Option<bool>,
}

impl Pooling {
    /// `max=n`
    pub(super) fn set_max(&mut self, value: &Word) -> Result<(), Flaw> {
        self.most = NonZeroU32::new(number(value, 0..=u32::MAX)?);
        Ok(())
    }

    /// `acquire=time`
    pub(super) fn set_acquire(&mut self, value: &Word) -> Result<(), Flaw> {
        self.acquire = Some(some_wait_in_millis(value)?);
        Ok(())
    }

    /// `smax=n`
    pub(super) fn set_smax(&mut self, value: &Word) -> Result<(), Flaw> {
        self.idle = Some(number(value, 0..=IDLE_CAP)?);
        Ok(())
    }

    /// `ttl=time`
    pub(super) fn set_ttl(&mut self, value: &Word) -> Result<(), Flaw> {
        self.ttl = Some(some_wait(value)?);
        Ok(())
    }

    /// `min=n`
    pub(super) fn set_min(&mut self, value: &Word) -> Result<(), Flaw> {
        self.room = number(value, 0..=IDLE_CAP)?;
        Ok(())
    }

    /// `enablereuse=On|Off`
    pub(super) fn enable_reuse(&mut self, value: &Word) -> Result<(), Flaw> {
        self.set_reuse(switch(value)?, value)
    }

    /// `disablereuse=On|Off`
    pub(super) fn disable_reuse(&mut self, value: &Word) -> Result<(), Flaw> {
        self.set_reuse(!switch(value)?, value)
    }

    /// One switch by two names: they must agree.
    fn set_reuse(&mut self, reuse: bool, value: &Word) -> Result<(), Flaw> {
        if self.reuse.replace(reuse).is_some_and(|earlier| earlier != reuse) {
            return Err(value.flaw("`disablereuse=` and `enablereuse=` contradict each other"));
        }
        Ok(())
    }

    /// Which connections are kept, if any are.
    pub(super) fn idling(&self) -> Option<Idling> {
        let most = self.most.and_then(|most| usize::try_from(most.get()).ok());
        let idling = Idling {
            most: self.idle.unwrap_or(most.unwrap_or(IDLE_MOST).min(IDLE_MOST)),
            ttl: self.ttl.unwrap_or(Idling::DEFAULT.ttl),
            room: self.room,
        };
        self.reuse.unwrap_or(true).then_some(idling)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{forward, good, problem};
    use super::*;
    use crate::route::{Terms, Worker};

    fn worker(parameters: &str) -> Worker {
        good(&format!("ProxyPass / ws://b {parameters}")).rules.workers[0].clone()
    }

    fn acquire(parameters: &str) -> Wait {
        forward(&format!("ProxyPass / ws://b {parameters}")).manner.acquire
    }

    fn idle(parameters: &str) -> Idling {
        worker(parameters).idle.expect("connections are kept")
    }

    #[test]
    fn a_worker_serves_as_many_as_max_says() {
        let max = |text| worker(text).most.map(NonZeroU32::get);
        assert_eq!((max(""), max("max=0"), max("max=7")), (None, None, Some(7)));
    }

    #[test]
    fn a_loop_keeps_as_many_idle_as_smax_says() {
        let smax = |text| idle(text).most;
        assert_eq!((smax(""), smax("max=0"), smax("max=999")), (IDLE_MOST, IDLE_MOST, IDLE_MOST));
        assert_eq!((smax("max=7"), smax("smax=9 max=7"), smax("smax=0")), (7, 9, 0));
        assert_eq!(
            idle("ttl=5 min=3"),
            Idling { most: IDLE_MOST, ttl: Wait::from_secs(5), room: 3 }
        );
        let most = "conf:1:25: 65536 is not in the range 0 to 65535";
        assert_eq!(problem("ProxyPass / ws://b smax=65536"), most);
    }

    #[test]
    fn reuse_is_one_switch_by_two_names() {
        let reuses = |text| worker(text).idle.is_some();
        for on in ["", "disablereuse=Off", "enablereuse=On", "enablereuse=on disablereuse=off"] {
            assert!(reuses(on), "{on}");
        }
        for off in ["disablereuse=On", "enablereuse=Off", "enablereuse=Off disablereuse=On smax=9"]
        {
            assert!(!reuses(off), "{off}");
        }
        let both = "conf:1:48: `disablereuse=` and `enablereuse=` contradict each other";
        assert_eq!(problem("ProxyPass / ws://b enablereuse=On disablereuse=On"), both);
    }

    /// The one time that is in milliseconds without a unit, as httpd's manual has it.
    #[test]
    fn a_request_waits_for_its_turn_as_long_as_acquire_says() {
        assert_eq!(acquire("acquire=1500 timeout=9"), Wait::from_millis(1_500));
        assert_eq!(acquire("acquire=2s"), Wait::from_secs(2));
        assert_eq!(
            (acquire("timeout=9"), acquire("")),
            (Wait::from_secs(9), Terms::DEFAULT.acquire)
        );
        assert_eq!(
            problem("ProxyPass / ws://b acquire=x"),
            "conf:1:28: `x` is not a time \
             (a number and `ms`, `s`, `mi` or `h`; without a unit it is milliseconds)"
        );
        let nothing = "conf:1:28: the time must be more than 0";
        assert_eq!(problem("ProxyPass / ws://b acquire=0"), nothing);
    }
}
