//! `RequestReadTimeout`: `header=first[-most][,MinRate=n] body=…`, and 0 switches a clock off.

use super::problem::Flaw;
use super::values::{number, wait};
use super::words::Word;
use crate::limits::Pace;
use crate::time::Wait;

/// What of a request has a clock of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Head,
    Body,
}

/// The clock of the stage that `word` names.
pub(super) fn clock(word: &Word) -> Result<(Stage, Pace), Flaw> {
    let (name, value) = word.split_once('=').ok_or_else(|| unknown(word, word))?;
    let stage = match (name.is("header"), name.is("body")) {
        (true, _) => Stage::Head,
        (_, true) => Stage::Body,
        _ => return Err(unknown(word, &name)),
    };
    Ok((stage, pace(&value)?))
}

fn unknown(word: &Word, stage: &Word) -> Flaw {
    word.flaw(format!("unknown stage `{stage}`"))
        .help("write `header=…` or `body=…`; a TLS handshake counts as part of the header")
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
    use crate::limits::Limits;

    fn set(text: &str) -> Result<(Stage, Pace), Flaw> {
        clock(&word(text))
    }

    #[test]
    fn a_stage_has_a_time_a_range_and_a_rate() {
        let secs = Wait::from_secs;
        let fixed = Pace { first: secs(5), most: Wait::FOREVER, rate: 0 };
        assert_eq!(set("header=5"), Ok((Stage::Head, fixed)));
        let open = Pace { rate: 9, ..fixed };
        assert_eq!(set("BODY=5,minrate=9"), Ok((Stage::Body, open)));
        let range = Pace { most: Wait::from_millis(5001), ..open };
        assert_eq!(set("body=5-5001ms,MinRate=9"), Ok((Stage::Body, range)));
    }

    #[test]
    fn a_stage_that_is_not_named_keeps_its_clock() {
        let limits = good("RequestReadTimeout body=7").rules.main().limits;
        assert_eq!(limits.head, Limits::DEFAULT.head);
        assert_eq!(limits.body.first, Wait::from_secs(7));
    }

    #[test]
    fn nothing_switches_the_clock_off() {
        for text in ["body=0", "body=0,MinRate=5", "body=0-40,MinRate=5"] {
            assert_eq!(set(text), Ok((Stage::Body, Pace::OFF)), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_problem() {
        let stages = "(write `header=…` or `body=…`; a TLS handshake counts as part of the header)";
        assert_eq!(failure(set("20")), format!("1:1: unknown stage `20` {stages}"));
        let handshake = format!("1:1: unknown stage `handshake` {stages}");
        assert_eq!(failure(set("handshake=5")), handshake);
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
