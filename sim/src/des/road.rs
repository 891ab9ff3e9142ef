//! The way between the proxy and somebody else, as far as it is not as it should be: cut, or slow.

use underpass_core::time::{Time, Wait};

use crate::plan::Way;

/// The way of a client, or of a backend.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Road {
    /// Until when nothing goes from the proxy, and to it.
    blocked: [Time; 2],
    slow: Slow,
}

/// How slow it is, and until when.
#[derive(Clone, Copy, Debug, Default)]
struct Slow {
    until: Time,
    /// How much longer everything takes.
    more: Wait,
    /// Bytes a second; 0 is as many as come.
    rate: u32,
}

impl Road {
    /// From now on until then nothing arrives that way.
    pub(super) fn block(&mut self, way: Way, until: Time) {
        let [from, to] = &mut self.blocked;
        match way {
            Way::FromProxy => *from = until.max(*from),
            Way::ToProxy => *to = until.max(*to),
            Way::Both => self.blocked = self.blocked.map(|at| at.max(until)),
        }
    }

    /// From now on until then everything takes so much longer, and bytes go at that rate.
    pub(super) fn slow(&mut self, more: Wait, rate: u32, until: Time) {
        self.slow = Slow { until, more, rate };
    }

    /// When what is sent now sets out.
    pub(super) fn begins(&self, to_proxy: bool, now: Time) -> Time {
        let more = if now < self.slow.until { self.slow.more } else { Wait::ZERO };
        self.blocked[usize::from(to_proxy)].max(now).after(more)
    }

    /// How long so many bytes take that are sent now, behind what went before them.
    pub(super) fn takes(&self, bytes: u32, now: Time) -> Wait {
        if now >= self.slow.until || self.slow.rate == 0 {
            return Wait::ZERO;
        }
        Wait::from_micros(u64::from(bytes) * 1_000_000 / u64::from(self.slow.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::ZERO.after(Wait::from_secs(secs))
    }

    #[test]
    fn what_is_cut_one_way_sets_out_later_that_way_only() {
        let mut road = Road::default();
        road.block(Way::ToProxy, at(5));
        assert_eq!([true, false].map(|to| road.begins(to, at(1))), [at(5), at(1)]);
        assert_eq!(road.begins(true, at(6)), at(6));
    }

    #[test]
    fn what_is_slow_takes_longer_until_it_is_not() {
        let mut road = Road::default();
        road.slow(Wait::from_secs(2), 1_000, at(5));
        assert_eq!(
            (road.begins(true, at(1)), road.takes(500, at(1))),
            (at(3), Wait::from_millis(500))
        );
        assert_eq!((road.begins(true, at(5)), road.takes(500, at(5))), (at(5), Wait::ZERO));
    }
}
