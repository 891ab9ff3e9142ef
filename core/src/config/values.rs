//! The values that many directives share: numbers, times and switches.

use core::fmt::Display;
use core::num::NonZeroU32;
use core::ops::RangeInclusive;
use core::str::FromStr;

use super::problem::Flaw;
use super::words::Word;
use crate::limits::HEAD_MOST;
use crate::time::Wait;

/// A whole number in `range`, in digits only.
pub(super) fn number<N>(word: &Word, range: RangeInclusive<N>) -> Result<N, Flaw>
where
    N: Copy + Display + FromStr + PartialOrd,
{
    if word.text().is_empty() || !word.text().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(word.flaw(format!("`{word}` is not a whole number")));
    }
    let number = word.text().parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        word.flaw(format!("{word} is not in the range {} to {}", range.start(), range.end()))
    })
}

/// How many bytes are moved at a time; 0 means that nothing is said.
pub(super) fn piece(word: &Word) -> Result<Option<NonZeroU32>, Flaw> {
    size(word, HEAD_MOST as u32)
}

/// How many bytes the system may hold that were not read yet; 0 means that nothing is said.
pub(super) fn socket_buffer(word: &Word) -> Result<Option<NonZeroU32>, Flaw> {
    size(word, RECEIVE_BUFFER_MOST)
}

fn size(word: &Word, most: u32) -> Result<Option<NonZeroU32>, Flaw> {
    match number(word, 0..=most)? {
        bytes @ 1..SIZE_LEAST => {
            Err(word.flaw(format!("{bytes} is less than {SIZE_LEAST}, and not 0")))
        }
        bytes => Ok(NonZeroU32::new(bytes)),
    }
}

/// httpd's least `ProxyIOBufferSize` and `ProxyReceiveBufferSize`.
const SIZE_LEAST: u32 = 512;
/// The system doubles it, in a signed number (`socket(7)`).
const RECEIVE_BUFFER_MOST: u32 = 1 << 30;

/// How long a line of a response's head may be: half of a head leaves room for the rest of it.
pub(super) fn response_line(word: &Word) -> Result<u32, Flaw> {
    number(word, 0..=HEAD_MOST as u32 / 2)
}

/// A time: a whole number and a unit, seconds if there is none.
///
/// This is the one way in which a time is written. httpd ignores what it does not know behind the
/// number, and the unit itself in some parameters; here `1ms` is a millisecond everywhere.
pub(super) fn wait(word: &Word) -> Result<Wait, Flaw> {
    wait_in(word, 1_000, "seconds")
}

/// A time that is more than nothing, in milliseconds if there is no unit (`acquire=`).
pub(super) fn some_wait_in_millis(word: &Word) -> Result<Wait, Flaw> {
    some(wait_in(word, 1, "milliseconds")?, word)
}

/// A time; without a unit it is in those, which have so many milliseconds.
fn wait_in(word: &Word, bare: u64, units: &str) -> Result<Wait, Flaw> {
    let help = format!("a number and `ms`, `s`, `mi` or `h`; without a unit it is {units}");
    let end = word.text().find(|char: char| !char.is_ascii_digit());
    let (count, unit) = word.split_at(end.unwrap_or(word.text().len()));
    if count.text().is_empty() {
        return Err(word.flaw(format!("`{word}` is not a time")).help(help));
    }
    let millis = match unit.text().to_ascii_lowercase().as_str() {
        "ms" => 1,
        "" => bare,
        "s" => 1_000,
        "mi" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(unit.flaw(format!("`{unit}` is not a unit of time")).help(help)),
    };
    Ok(Wait::from_millis(u64::from(number(&count, 0..=u32::MAX)?) * millis))
}

/// A time that is more than nothing.
pub(super) fn some_wait(word: &Word) -> Result<Wait, Flaw> {
    some(wait(word)?, word)
}

fn some(wait: Wait, word: &Word) -> Result<Wait, Flaw> {
    match wait {
        Wait::ZERO => Err(word.flaw("the time must be more than 0")),
        wait => Ok(wait),
    }
}

/// A time of which 0 means none at all: the clock never rings.
pub(super) fn wait_or_none(word: &Word) -> Result<Wait, Flaw> {
    Ok(match wait(word)? {
        Wait::ZERO => Wait::FOREVER,
        wait => wait,
    })
}

/// `On` or `Off`, in whatever case.
pub(super) fn switch(word: &Word) -> Result<bool, Flaw> {
    match (word.is("On"), word.is("Off")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(word.flaw(format!("`{word}` is neither `On` nor `Off`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{failure, word};
    use super::*;

    #[test]
    fn a_number_is_digits_in_a_range() {
        assert_eq!(number(&word("007"), 1..=9), Ok(7));
        for text in ["", "-1", "+1", "1.5", "0x1", "١"] {
            let message = format!("1:1: `{text}` is not a whole number");
            assert_eq!(failure(number(&word(text), 0..=9_u16)), message);
        }
        for text in ["0", "10", "99999999999999999999999"] {
            let message = format!("1:1: {text} is not in the range 1 to 9");
            assert_eq!(failure(number(&word(text), 1..=9_u16)), message);
        }
    }

    #[test]
    fn a_piece_is_nothing_or_enough() {
        assert_eq!(piece(&word("0")), Ok(None));
        assert_eq!(piece(&word("512")), Ok(NonZeroU32::new(512)));
        assert_eq!(piece(&word("65536")), Ok(NonZeroU32::new(65_536)));
        assert_eq!(failure(piece(&word("511"))), "1:1: 511 is less than 512, and not 0");
        assert_eq!(failure(piece(&word("65537"))), "1:1: 65537 is not in the range 0 to 65536");
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let millis = |text| wait(&word(text)).map(|wait| wait.as_micros() / 1000);
        assert_eq!(millis("2"), Ok(2_000));
        assert_eq!(millis("2s"), Ok(2_000));
        assert_eq!(millis("1ms"), Ok(1));
        assert_eq!((millis("2mi"), millis("2MIN")), (Ok(120_000), Ok(120_000)));
        assert_eq!(millis("1h"), Ok(3_600_000));
        assert_eq!(millis("4294967295h"), Ok(4_294_967_295 * 3_600_000));
    }

    const TIME: &str = "a number and `ms`, `s`, `mi` or `h`; without a unit it is seconds";

    #[test]
    fn what_is_no_time_is_a_problem() {
        for text in ["", "-1", "s", "x1", "é"] {
            let message = format!("1:1: `{text}` is not a time ({TIME})");
            assert_eq!(failure(wait(&word(text))), message);
        }
        for unit in ["m", "sec", "d", ".5", " s", "é"] {
            let message = format!("1:2: `{unit}` is not a unit of time ({TIME})");
            assert_eq!(failure(wait(&word(&format!("1{unit}")))), message);
        }
        let most = "1:1: 4294967296 is not in the range 0 to 4294967295";
        assert_eq!(failure(wait(&word("4294967296s"))), most);
    }

    #[test]
    fn nothing_is_refused_or_for_ever_where_the_parameter_says_so() {
        assert_eq!(failure(some_wait(&word("0ms"))), "1:1: the time must be more than 0");
        assert_eq!(some_wait(&word("1ms")), Ok(Wait::from_millis(1)));
        assert_eq!(some_wait_in_millis(&word("2")), Ok(Wait::from_millis(2)));
        assert_eq!(wait_or_none(&word("0")), Ok(Wait::FOREVER));
        assert_eq!(wait_or_none(&word("1")), Ok(Wait::from_secs(1)));
    }

    #[test]
    fn a_switch_is_on_or_off() {
        assert_eq!((switch(&word("oN")), switch(&word("OFF"))), (Ok(true), Ok(false)));
        assert_eq!(failure(switch(&word("yes"))), "1:1: `yes` is neither `On` nor `Off`");
    }

    #[test]
    fn a_line_of_a_response_is_half_of_a_head_at_the_most() {
        let most = HEAD_MOST as u32 / 2;
        assert_eq!(response_line(&word(&most.to_string())), Ok(most));
        assert!(response_line(&word(&(most + 1).to_string())).is_err());
    }
}
