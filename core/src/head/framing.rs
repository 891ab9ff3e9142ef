//! Stage 1 of 6 · how long a body is: one answer, or the message is refused (R20–R22).

use super::{BadHead, Fields, Version};
use crate::limits::LENGTH_MOST;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// There is no body.
    None,
    /// After so many bytes; never zero.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// By the end of the connection; responses only.
    Close,
}

impl Framing {
    /// What the fields say; `None` where they say nothing.
    pub(super) fn of(fields: &Fields<'_, '_>, version: Version) -> Result<Option<Self>, BadHead> {
        let length = length(fields)?;
        let chunked = chunked(fields)?;
        match (chunked, length) {
            (true, _) if version == Version::Http10 => Err(BadHead::Ambiguous),
            (true, Some(_)) => Err(BadHead::Ambiguous),
            (true, None) => Ok(Some(Self::Chunked)),
            (false, Some(0)) => Ok(Some(Self::None)),
            (false, Some(length)) => Ok(Some(Self::Length(length))),
            (false, None) => Ok(None),
        }
    }
}

/// R21: exactly one Content-Length of digits only, `5, 5` and the empty one refused.
fn length(fields: &Fields<'_, '_>) -> Result<Option<u64>, BadHead> {
    let Some(value) = fields.one("content-length").map_err(|_| BadHead::Length)? else {
        return Ok(None);
    };
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(BadHead::Length);
    }
    let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
    number.filter(|&length| length <= LENGTH_MOST).map(Some).ok_or(BadHead::Length)
}

/// R22: exactly one Transfer-Encoding, and its value is `chunked`.
fn chunked(fields: &Fields<'_, '_>) -> Result<bool, BadHead> {
    let Some(value) = fields.one("transfer-encoding").map_err(|_| BadHead::Coding)? else {
        return Ok(false);
    };
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(true);
    }
    let unknown = super::fields::is_token(value);
    Err(if unknown { BadHead::UnknownCoding } else { BadHead::Coding })
}

#[cfg(test)]
mod tests {
    use super::*;
    use httparse::Header;

    fn of(version: Version, list: &[(&str, &str)]) -> Result<Option<Framing>, BadHead> {
        let headers: Vec<_> =
            list.iter().map(|&(name, value)| Header { name, value: value.as_bytes() }).collect();
        Framing::of(&Fields(&headers), version)
    }

    /// R20.
    #[test]
    fn two_answers_are_none() {
        let both = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
        assert_eq!(of(Version::Http11, &both), Err(BadHead::Ambiguous));
        assert_eq!(of(Version::Http10, &both[1..]), Err(BadHead::Ambiguous));
        assert_eq!(of(Version::Http11, &both[1..]), Ok(Some(Framing::Chunked)));
    }

    /// R21.
    #[test]
    fn a_length_is_one_plain_number() {
        let one = |value: &str| of(Version::Http11, &[("Content-Length", value)]);
        assert_eq!(one("5"), Ok(Some(Framing::Length(5))));
        assert_eq!(one("0"), Ok(Some(Framing::None)));
        assert_eq!(one("9223372036854775807"), Ok(Some(Framing::Length(LENGTH_MOST))));
        let bad = ["", "+5", "-5", "5 5", "5_0", "0x5", "5, 5", "5,5", "9223372036854775808", "五"];
        for value in bad {
            assert_eq!(one(value), Err(BadHead::Length), "{value}");
        }
        let twice = [("Content-Length", "5"), ("content-length", "5")];
        assert_eq!(of(Version::Http11, &twice), Err(BadHead::Length));
    }

    /// R22.
    #[test]
    fn the_only_coding_is_chunked() {
        let one = |value: &str| of(Version::Http11, &[("Transfer-Encoding", value)]);
        assert_eq!(one("Chunked"), Ok(Some(Framing::Chunked)));
        for value in ["xchunked", "identity", "gzip"] {
            assert_eq!(one(value), Err(BadHead::UnknownCoding), "{value}");
        }
        for value in ["", "chunked,", "gzip, chunked", "chunked, chunked", "\u{b}chunked"] {
            assert_eq!(one(value), Err(BadHead::Coding), "{value}");
        }
        let twice = [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")];
        assert_eq!(of(Version::Http11, &twice), Err(BadHead::Coding));
    }
}
