//! Stage 1 of 6 · where a head ends, found while it dribbles in, without looking twice at a byte.

use std::ops::Range;

use super::BadHead;
use crate::limits::{HEAD_MOST, Limits};

/// How far a head has been looked at. Line ends, and every limit that can be kept before the head is whole, are kept here (R29, R32).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Scan {
    start: u32,
    line: u32,
    seen: u32,
    lines: u32,
}

impl Scan {
    /// Looks at the bytes that have come since the last call; `bytes` are all since the head's first.
    ///
    /// Gives the head's range once its empty line is there. One empty line before a head is
    /// skipped (RFC 9112 §2.2).
    pub fn find(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<Range<usize>>, BadHead> {
        while let Some(at) = memchr::memchr(b'\n', &bytes[self.seen as usize..]) {
            let end = self.seen as usize + at;
            let ended = &bytes[self.line as usize..end];
            let line = ended.strip_suffix(b"\r");
            // Too long comes first: it may have been said before the line's end came.
            self.within(line.unwrap_or(ended).len(), limits)?;
            let line = line.ok_or(BadHead::Syntax)?;
            if self.lines > 0 && limits.bad_header.ends_before(line) {
                return Ok(Some(self.start as usize..self.line as usize));
            }
            (self.seen, self.line) = (narrow(end + 1)?, narrow(end + 1)?);
            match (line.is_empty(), self.lines) {
                (true, 0) if self.start == 0 => self.start = self.seen,
                (true, 0) => return Err(BadHead::Syntax),
                (true, _) => return Ok(Some(self.start as usize..self.seen as usize)),
                (false, _) => self.lines += 1,
            }
        }
        let unfinished = bytes.len() - self.line as usize;
        self.within(unfinished.saturating_sub(1), limits)?;
        self.seen = narrow(bytes.len())?;
        if bytes.len() >= HEAD_MOST { Err(BadHead::TooLong) } else { Ok(None) }
    }

    /// What [`find`](Self::find) gives once no more bytes come: a head behind whose end the body's first
    /// line has none, where such a line begins the body.
    pub fn find_last(&self, bytes: &[u8], limits: &Limits) -> Option<Range<usize>> {
        let line = bytes.get(self.line as usize..).filter(|line| !line.is_empty())?;
        let ends = self.lines > 0 && limits.bad_header.ends_before(line);
        ends.then_some(self.start as usize..self.line as usize)
    }

    fn within(&self, line: usize, limits: &Limits) -> Result<(), BadHead> {
        let fields = self.lines.saturating_sub(1);
        match self.lines {
            0 if line > limits.line as usize => Err(BadHead::LineTooLong),
            1.. if line > limits.field as usize => Err(BadHead::FieldTooLong),
            2.. if fields >= limits.fields && line > 0 => Err(BadHead::TooManyFields),
            _ => Ok(()),
        }
    }
}

/// An offset into a head: no head is longer than [`HEAD_MOST`] (R31: checked, never cut).
fn narrow(offset: usize) -> Result<u32, BadHead> {
    if offset > HEAD_MOST {
        return Err(BadHead::TooLong);
    }
    u32::try_from(offset).map_err(|_| BadHead::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { line: 20, field: 10, fields: 2, ..Limits::DEFAULT };

    fn whole(bytes: &[u8]) -> Result<Option<Range<usize>>, BadHead> {
        Scan::default().find(bytes, &LIMITS)
    }

    #[test]
    fn finds_the_empty_line_and_leaves_what_is_behind_it() {
        assert_eq!(whole(b"GET / HTTP/1.1\r\na: b\r\n\r\nmore"), Ok(Some(0..24)));
        assert_eq!(whole(b"\r\nGET /\r\n\r\n"), Ok(Some(2..11)));
        assert_eq!(whole(b"GET / HTTP/1.1\r\na: b\r\n\r"), Ok(None));
    }

    #[test]
    fn a_dribbled_head_gives_the_same_answer() {
        let head = b"\r\nGET / HTTP/1.1\r\na: b\r\n\r\n";
        let mut scan = Scan::default();
        for end in 0..head.len() {
            assert_eq!(scan.find(&head[..end], &LIMITS), Ok(None));
        }
        assert_eq!(scan.find(head, &LIMITS), Ok(Some(2..head.len())));
    }

    /// R29: a line ends with CR LF and with nothing else.
    #[test]
    fn refuses_a_bare_line_feed_as_soon_as_it_comes() {
        assert_eq!(whole(b"GET / HTTP/1.1\n"), Err(BadHead::Syntax));
        assert_eq!(whole(b"\n"), Err(BadHead::Syntax));
        assert_eq!(whole(b"\r\n\r\n"), Err(BadHead::Syntax));
    }

    /// R32: no more is read than the cap, even without a line end.
    #[test]
    fn refuses_what_is_too_long_before_it_is_whole() {
        assert_eq!(whole(&[b'a'; 21]), Ok(None));
        assert_eq!(whole(&[b'a'; 22]), Err(BadHead::LineTooLong));
        assert_eq!(whole(b"GET /\r\nabcdefghijk\r\n"), Err(BadHead::FieldTooLong));
        assert_eq!(whole(b"GET /\r\nabcdefghijkl"), Err(BadHead::FieldTooLong));
        assert_eq!(whole(b"GET /\r\nabcdefghij\r\n"), Ok(None));
        assert_eq!(whole(b"GET /\r\nabcdefghijkl\n"), Err(BadHead::FieldTooLong));
    }

    /// R32: the count of fields.
    #[test]
    fn refuses_too_many_fields_as_soon_as_one_more_begins() {
        assert_eq!(whole(b"GET /\r\na:\r\nb:\r\n\r\n"), Ok(Some(0..17)));
        assert_eq!(whole(b"GET /\r\na:\r\nb:\r\nc:"), Err(BadHead::TooManyFields));
    }

    /// R31, R32: lengths around the widths of narrow integers.
    #[test]
    fn lengths_do_not_wrap() {
        let limits = Limits { line: 100_000, field: 100_000, ..Limits::DEFAULT };
        for length in [254, 255, 256, 257, 65_000, 65_534, 65_535, 65_536, 65_537, 70_000] {
            let mut head = b"GET / HTTP/1.1\r\na: ".to_vec();
            head.resize(head.len() + length, b'x');
            head.extend(b"\r\n\r\n");
            let found = Scan::default().find(&head, &limits);
            let fits = head.len() <= HEAD_MOST;
            assert_eq!(found, if fits { Ok(Some(0..head.len())) } else { Err(BadHead::TooLong) });
        }
    }

    #[test]
    fn a_head_may_be_as_long_as_the_bound() {
        let wide = Limits { line: u32::MAX, field: u32::MAX, ..Limits::DEFAULT };
        let head = |length: usize| {
            let bytes = format!("GET / HTTP/1.1\r\na: {:x>1$}\r\n\r\n", "", length - 23);
            Scan::default().find(bytes.as_bytes(), &wide)
        };
        assert_eq!(head(HEAD_MOST), Ok(Some(0..HEAD_MOST)));
        assert_eq!(head(HEAD_MOST + 1), Err(BadHead::TooLong));
    }

    #[test]
    fn what_has_no_line_yet_is_no_head() {
        let begins = Limits { bad_header: crate::head::BadHeader::StartBody, ..LIMITS };
        let mut scan = Scan::default();
        assert_eq!(scan.find(b"GET", &begins), Ok(None));
        assert_eq!(scan.find_last(b"GET", &begins), None);
    }
}
