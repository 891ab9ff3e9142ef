//! Stage 1 of 6 · from bytes to one request or response head, strictly.
//!
//! [`buf`] holds the bytes, [`scan`] finds the end of the head while it dribbles in and keeps its
//! limits, [`request`] and [`response`] parse the whole head once it is there, [`fields`] answers
//! questions about fields, [`framing`] says how long the body is, [`mend`] mends what a backend does
//! not do right. One parser serves both
//! directions (R36): what is 400 from a client is 502 from a backend.

pub mod buf;
pub mod fields;
pub mod framing;
pub mod mend;
pub mod request;
pub mod response;
pub mod scan;

pub use buf::{Buf, Buffers};
pub use fields::Fields;
pub use framing::Framing;
pub use mend::BadHeader;
pub use request::Request;
pub use response::Response;
pub use scan::Scan;

use serde::{Deserialize, Serialize};

use std::fmt;

use crate::limits::FIELDS_MOST;

/// Room for the fields of one head: parsed in place, on the stack.
pub type Slots<'b> = [httparse::Header<'b>; FIELDS_MOST];

/// Fresh room for the fields of one head.
pub const fn slots<'b>() -> Slots<'b> {
    [httparse::EMPTY_HEADER; FIELDS_MOST]
}

/// The version of a message: all that we speak.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// HTTP/1.0: no upgrade, no chunks, no interim responses.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// Why a head is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum BadHead {
    /// A line end, a start line or a field that the grammar does not know (R28, R29, R30).
    Syntax,
    /// An HTTP version that we do not speak (R34).
    Version,
    /// The start line is too long (R32).
    LineTooLong,
    /// A field is too long (R32).
    FieldTooLong,
    /// There are too many fields (R32).
    TooManyFields,
    /// The head as a whole is too long (R32).
    TooLong,
    /// The request target is of a form that we do not serve (R34).
    Target,
    /// `Host` is missing, doubled or malformed (R33).
    Host,
    /// `Connection` or `Upgrade` is not a list of tokens.
    Options,
    /// Content-Length beside Transfer-Encoding, or Transfer-Encoding in HTTP/1.0 (R20).
    Ambiguous,
    /// A Content-Length that is not exactly one plain number (R21).
    Length,
    /// A Transfer-Encoding that nobody could have meant (R22).
    Coding,
    /// A transfer coding other than `chunked` (R22).
    UnknownCoding,
    /// A status that is none.
    Status,
}

impl BadHead {
    /// Every way in which a head can be bad.
    pub const ALL: [Self; 14] = [
        Self::Syntax,
        Self::Version,
        Self::LineTooLong,
        Self::FieldTooLong,
        Self::TooManyFields,
        Self::TooLong,
        Self::Target,
        Self::Host,
        Self::Options,
        Self::Ambiguous,
        Self::Length,
        Self::Coding,
        Self::UnknownCoding,
        Self::Status,
    ];

    /// The status that a client gets for such a request.
    pub const fn status(self) -> u16 {
        match self {
            Self::LineTooLong => 414,
            Self::FieldTooLong | Self::TooManyFields | Self::TooLong => 431,
            Self::UnknownCoding => 501,
            Self::Version => 505,
            Self::Syntax
            | Self::Target
            | Self::Host
            | Self::Options
            | Self::Ambiguous
            | Self::Length
            | Self::Coding
            | Self::Status => 400,
        }
    }
}

impl From<httparse::Error> for BadHead {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::TooManyFields,
            httparse::Error::Status => Self::Status,
            httparse::Error::HeaderName
            | httparse::Error::HeaderValue
            | httparse::Error::NewLine
            | httparse::Error::Token
            | httparse::Error::Version => Self::Syntax,
        }
    }
}

impl fmt::Display for BadHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "malformed head",
            Self::Version => "unsupported HTTP version",
            Self::LineTooLong => "start line too long",
            Self::FieldTooLong => "field too long",
            Self::TooManyFields => "too many fields",
            Self::TooLong => "head too long",
            Self::Target => "unsupported request target",
            Self::Host => "missing, doubled or malformed Host",
            Self::Options => "malformed Connection or Upgrade",
            Self::Ambiguous => "ambiguous body length",
            Self::Length => "malformed Content-Length",
            Self::Coding => "malformed Transfer-Encoding",
            Self::UnknownCoding => "unknown transfer coding",
            Self::Status => "malformed status",
        })
    }
}

/// The version that the end of a start line names: 505 for one that we do not speak, 400 for none.
fn version(named: &[u8]) -> Result<Version, BadHead> {
    match named {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(BadHead::Version)
        }
        _ => Err(BadHead::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_we_do_not_speak_are_told_from_garbage() {
        assert_eq!(version(b"HTTP/1.1"), Ok(Version::Http11));
        assert_eq!(version(b"HTTP/1.0"), Ok(Version::Http10));
        for named in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9"] {
            assert_eq!(version(named.as_bytes()), Err(BadHead::Version));
        }
        for named in ["", "HTTP/1", "http/1.1", "HTTP/1.10", "HTTP/a.b", "HTTP/1.b", "HTTP/a.1"] {
            assert_eq!(version(named.as_bytes()), Err(BadHead::Syntax));
        }
    }

    #[test]
    fn each_kind_prints_its_own_words() {
        let words: std::collections::BTreeSet<_> = BadHead::ALL.map(|bad| bad.to_string()).into();
        assert_eq!(words.len(), BadHead::ALL.len());
    }
}
