//! `RequestReadTimeout`: `handshake=time header=first[-most][,MinRate=n] body=…`, and 0 switches a clock off.

use super::problem::Flaw;
use super::values::{number, wait};
use super::words::Word;
use crate::limits::{Limits, Pace};
use crate::time::Wait;

/// The clock of one stage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Clock {
    Handshake(Wait),
    Head(Pace),
    Body(Pace),
}

impl Clock {
    /// Sets this clock, and leaves the others.
    pub(super) const fn set(self, limits: &mut Limits) {
        match self {
            Self::Handshake(time) => limits.handshake = time,
            Self::Head(pace) => limits.head = pace,
            Self::Body(pace) => limits.body = pace,
        }
    }
}

/// The clock of the stage that `word` names.
pub(super) fn clock(word: &Word) -> Result<Clock, Flaw> {
    let (name, value) = word.split_once('=').ok_or_else(|| unknown(word, word))?;
    if name.is("handshake") {
        handshake(&value).map(Clock::Handshake)
    } else if name.is("header") {
        pace(&value).map(Clock::Head)
    } else if name.is("body") {
        pace(&value).map(Clock::Body)
    } else {
        Err(unknown(word, &name))
    }
}

fn handshake(value: &Word) -> Result<Wait, Flaw> {
    if ['-', ','].into_iter().any(|sign| value.split_once(sign).is_some()) {
        return Err(value
            .flaw("a handshake has one time, without a range or a `MinRate`")
            .help("write `handshake=20`: bytes buy nothing in it"));
    }
    let time = wait(value)?;
    Ok(if time == Wait::ZERO { Wait::FOREVER } else { time })
}

fn unknown(word: &Word, stage: &Word) -> Flaw {
    word.flaw(format!("unknown stage `{stage}`"))
        .help("write `handshake=…`, `header=…` or `body=…`")
}

fn pace(value: &Word) -> Result<Pace, Flaw> {
    let (span, rate) = match value.split_once(',') {
        Some((span, rest)) => (span, min_rate(&rest)?),
        None => (value.clone(), 0),
    };
    let (first, most) = match span.split_once('-') {
        Some(_) if rate == 0 => {
            return Err(span.flaw("a range needs a `MinRate`").help("write `20-40,MinRate=500`"));
        }
        Some((first, most)) => (wait(&first)?, wait(&most)?),
        None => (wait(&span)?, Wait::FOREVER),
    };
    if first == Wait::ZERO {
        return Ok(Pace::OFF);
    }
    if most <= first {
        return Err(span.flaw("the end of the range must be more than its beginning"));
    }
    Ok(Pace { first, most, rate })
}

fn min_rate(word: &Word) -> Result<u32, Flaw> {
    match word.split_once('=') {
        Some((name, value)) if name.is("MinRate") => number(&value, 1..=u32::MAX),
        _ => Err(word.flaw(format!("`{word}` is not `MinRate=` and a number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, good, word};
    use super::*;

    fn set(text: &str) -> Result<Clock, Flaw> {
        clock(&word(text))
    }

    #[test]
    fn a_stage_has_a_time_a_range_and_a_rate() {
        let secs = Wait::from_secs;
        let fixed = Pace { first: secs(5), most: Wait::FOREVER, rate: 0 };
        assert_eq!(set("header=5"), Ok(Clock::Head(fixed)));
        let open = Pace { rate: 9, ..fixed };
        assert_eq!(set("BODY=5,minrate=9"), Ok(Clock::Body(open)));
        let range = Pace { most: Wait::from_millis(5001), ..open };
        assert_eq!(set("body=5-5001ms,MinRate=9"), Ok(Clock::Body(range)));
    }

    #[test]
    fn a_stage_that_is_not_named_keeps_its_clock() {
        let limits = good("RequestReadTimeout body=7").rules.main().limits;
        assert_eq!(limits.head, Limits::DEFAULT.head);
        assert_eq!(limits.body.first, Wait::from_secs(7));
    }

    #[test]
    fn a_handshake_has_a_time() {
        assert_eq!(set("Handshake=5"), Ok(Clock::Handshake(Wait::from_secs(5))));
        assert_eq!(set("handshake=0"), Ok(Clock::Handshake(Wait::FOREVER)));
        let limits = good("RequestReadTimeout handshake=300ms body=7 header=8").rules.main().limits;
        assert_eq!(limits.handshake, Wait::from_millis(300));
        assert_eq!(
            (limits.head.first, limits.body.first),
            (Wait::from_secs(8), Wait::from_secs(7))
        );
    }

    #[test]
    fn nothing_switches_the_clock_off() {
        for text in ["body=0", "body=0,MinRate=5", "body=0-40,MinRate=5"] {
            assert_eq!(set(text), Ok(Clock::Body(Pace::OFF)), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_problem() {
        let stages = "(write `handshake=…`, `header=…` or `body=…`)";
        assert_eq!(failure(set("20")), format!("1:1: unknown stage `20` {stages}"));
        let one = "1:11: a handshake has one time, without a range or a `MinRate` \
                   (write `handshake=20`: bytes buy nothing in it)";
        assert_eq!(failure(set("handshake=20-40,MinRate=500")), one);
        assert_eq!(failure(set("handshake=20,MinRate=500")), one);
        assert!(failure(set("handshake=x")).starts_with("1:11: `x` is not a time"));
        let range = "1:8: a range needs a `MinRate` (write `20-40,MinRate=500`)";
        assert_eq!(failure(set("header=20-40")), range);
        let empty = "1:8: the end of the range must be more than its beginning";
        assert_eq!(failure(set("header=40-40,MinRate=1")), empty);
        assert!(failure(set("header=x")).starts_with("1:8: `x` is not a time"));
        let rate = "1:11: `Rate=5` is not `MinRate=` and a number";
        assert_eq!(failure(set("header=20,Rate=5")), rate);
        let none = "1:19: 0 is not in the range 1 to 4294967295";
        assert_eq!(failure(set("header=20,MinRate=0")), none);
    }
}
