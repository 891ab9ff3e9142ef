//! Who waits although it need not, and for how long that may be.

use underpass_core::time::{Time, Wait};

/// Since when somebody waits in vain, and nobody is served.
#[derive(Debug, Default)]
pub(super) struct Vain(Option<Time>);

impl Vain {
    /// Somebody is served: places are handed on one after the other.
    pub(super) fn ends(&mut self) {
        self.0 = None;
    }

    /// Somebody waits in vain at that time, or nobody does: since when, if it is longer than it takes a driver of
    /// that tick to tell who waits, and to wake it.
    pub(super) fn look(&mut self, in_vain: bool, at: Time, tick: Wait) -> Option<Time> {
        if !in_vain {
            self.ends();
            return None;
        }
        let since = *self.0.get_or_insert(at);
        (at.since(since) > tick.plus(tick).plus(Wait::from_millis(1))).then_some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_in_vain_for_two_ticks_has_waited_for_too_long() {
        let (mut vain, tick) = (Vain::default(), Wait::from_millis(10));
        let at = |millis| Time::ZERO.after(Wait::from_millis(millis));
        assert_eq!(vain.look(true, at(5), tick), None);
        assert_eq!(vain.look(true, at(26), tick), None);
        assert_eq!(vain.look(true, at(27), tick), Some(at(5)));
        vain.ends();
        assert_eq!(vain.look(true, at(28), tick), None);
        assert_eq!(vain.look(false, at(40), tick), None);
        assert_eq!(vain.look(true, at(50), tick), None);
    }
}
