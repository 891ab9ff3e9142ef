//! Stage 3 of 6 · how many hops a request may still take, and what is said where they end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::head::{Fields, Request};

/// What `Max-Forwards` says to the next hop: one less than it said to us, or `fresh`
/// (`ProxyMaxForwards`) where the request says nothing.
///
/// It counts for every method, as in httpd, and not only for OPTIONS and TRACE (RFC 9110 §7.6.2):
/// so it ends loops. A number that is too large for us is taken for the largest that is not.
///
/// # Errors
///
/// The field is malformed, or there is no next hop.
pub fn onward(request: &Request<'_, '_>, fresh: Option<u32>) -> Result<Option<u32>, NoHop> {
    match said(&request.fields)? {
        None => Ok(fresh),
        Some(0) => Err(NoHop::behind(request.method)),
        Some(hops) => Ok(Some(hops - 1)),
    }
}

/// The one number of digits that the request says, if it says any.
fn said(fields: &Fields<'_, '_>) -> Result<Option<u32>, NoHop> {
    let Some(value) = fields.one("max-forwards").map_err(|_| NoHop::Malformed)? else {
        return Ok(None);
    };
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(NoHop::Malformed);
    }
    let digits = value.iter().map(|digit| u32::from(digit - b'0'));
    let number = digits.fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    Ok(Some(number))
}

/// Why a request goes no further because of its `Max-Forwards`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum NoHop {
    /// The field is doubled, or not a plain number.
    Malformed,
    /// An OPTIONS ends here, and we answer it ourselves. Without `Allow`, which would speak for the
    /// target (RFC 9110 §10.2.1): what that allows only the backend knows.
    Options,
    /// A TRACE ends here: a request is never echoed, because a script could read in the echo the
    /// cookies that are hidden from it.
    Trace,
    /// Any other method has run out of hops.
    Spent,
}

impl NoHop {
    fn behind(method: &str) -> Self {
        match method {
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            _ => Self::Spent,
        }
    }

    /// The status that the client gets.
    pub const fn status(self) -> u16 {
        match self {
            Self::Options => 200,
            Self::Malformed | Self::Spent => 400,
            Self::Trace => 501,
        }
    }
}

impl fmt::Display for NoHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed Max-Forwards",
            Self::Options => "the request was to go no further than this proxy",
            Self::Trace => "a TRACE is not answered here",
            Self::Spent => "too many hops, perhaps a loop",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::slots;

    fn left(method: &str, fields: &str, fresh: Option<u32>) -> Result<Option<u32>, NoHop> {
        let head = format!("{method} / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        onward(&Request::parse(head.as_bytes(), &mut slots()).unwrap(), fresh)
    }

    fn of(value: &str) -> Result<Option<u32>, NoHop> {
        left("GET", &format!("Max-Forwards: {value}\r\n"), Some(7))
    }

    #[test]
    fn each_hop_takes_one() {
        assert_eq!((of("1"), of("5"), of("010")), (Ok(Some(0)), Ok(Some(4)), Ok(Some(9))));
    }

    #[test]
    fn a_request_that_says_nothing_gets_what_the_configuration_says() {
        assert_eq!(left("GET", "", Some(7)), Ok(Some(7)));
        assert_eq!(left("GET", "", None), Ok(None));
    }

    /// RFC 9110 §7.6.2: the lesser of the number and of what we can hold.
    #[test]
    fn a_number_that_is_too_large_is_the_largest() {
        let most = Ok(Some(u32::MAX - 1));
        assert_eq!((of("4294967295"), of("4294967296"), of(&"9".repeat(50))), (most, most, most));
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for value in ["", "-1", "+1", "1.0", "1 1", "1, 1", "0x1", "abc", "\u{661}"] {
            assert_eq!(of(value), Err(NoHop::Malformed), "{value}");
        }
        let twice = "Max-Forwards: 5\r\nmax-forwards: 5\r\n";
        assert_eq!(left("GET", twice, None), Err(NoHop::Malformed));
    }

    #[test]
    fn the_last_hop_answers_by_the_method() {
        let last = |method| left(method, "Max-Forwards: 00\r\n", None).unwrap_err();
        assert_eq!((last("OPTIONS"), last("OPTIONS").status()), (NoHop::Options, 200));
        assert_eq!((last("TRACE"), last("TRACE").status()), (NoHop::Trace, 501));
        for method in ["GET", "POST", "options"] {
            assert_eq!((last(method), last(method).status()), (NoHop::Spent, 400));
        }
    }
}
