//! Stage 5 of 6 · where a chunked body ends, and which of its bytes go on: sizes and data, as they are.
//!
//! Extensions and trailers end here (R24, R25): no backend decides by them, and parsers that read
//! them differently are how requests are smuggled.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::extension::Extension;
use crate::head::fields::is_token_byte;
use crate::limits::CHUNK_LINE_MOST;

/// How far a chunked body has been scanned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunks {
    at: At,
    /// The size of the chunk as far as it is known, then the bytes of it that are still to come.
    left: u64,
    /// How many bytes further chunks may have.
    room: u64,
    /// Bytes of the present size line, or of the trailer section.
    line: u32,
    goes_on: GoesOn,
}

/// What of a body its receiver is to see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum GoesOn {
    /// Chunks: sizes, data and line ends.
    Chunks,
    /// The data alone.
    Data,
}

/// What the next byte belongs to (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    Size,
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

/// The longest beginning of some bytes that has one fate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Run {
    /// How many bytes; 0 if there are none, or none that belong to the body.
    pub len: usize,
    /// Whether they go on to the other side.
    pub goes_on: bool,
}

/// Why a chunked body is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum BadChunk {
    /// A byte that no chunked body has at its place (R23, R24).
    Malformed,
    /// A size line or the trailers are too long (R24).
    TooLong,
    /// The chunks have more bytes than the body may have.
    TooLarge,
}

/// The greatest size of a chunk (R23): every implementation behind us can hold it.
const SIZE_MOST: u64 = i64::MAX as u64;

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size, left: 0, room: u64::MAX, line: 0, goes_on: GoesOn::Chunks }
    }
}

impl Chunks {
    /// These chunks, of which no more than `most` bytes of data are taken.
    #[must_use]
    pub const fn within(self, most: u64) -> Self {
        Self { room: most, ..self }
    }

    /// These chunks for a receiver that knows none: only their data goes on.
    #[must_use]
    pub const fn decoded(self) -> Self {
        Self { goes_on: GoesOn::Data, ..self }
    }

    /// Whether the last byte of the body has been taken.
    pub fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// How many of the next bytes are data; 0 where the next one frames it.
    pub const fn data(&self) -> u64 {
        if matches!(self.at, At::Data) { self.left } else { 0 }
    }

    /// Takes the first run of `bytes`. What stands behind the end of the body is never taken.
    ///
    /// # Errors
    ///
    /// If the first byte is bad; a run ends before a bad byte.
    pub fn run(&mut self, bytes: &[u8]) -> Result<Run, BadChunk> {
        let mut run = Run { len: 0, goes_on: true };
        while run.len < bytes.len() && !self.is_done() {
            let mut ahead = *self;
            let taken = match ahead.advance(&bytes[run.len..]) {
                Ok(taken) => taken,
                Err(bad) if run.len == 0 => return Err(bad),
                Err(_) => break,
            };
            if run.len > 0 && taken.goes_on != run.goes_on {
                break;
            }
            run = Run { len: run.len + taken.len, ..taken };
            *self = ahead;
        }
        Ok(run)
    }

    /// Takes data as far as it is there, or one byte of what is between.
    fn advance(&mut self, bytes: &[u8]) -> Result<Run, BadChunk> {
        if self.at == At::Data {
            return Ok(Run { len: self.skip(bytes.len()), goes_on: true });
        }
        let from = self.at;
        self.step(bytes[0])?;
        Ok(Run { len: 1, goes_on: self.goes_on == GoesOn::Chunks && is_framing(from, self.at) })
    }

    fn skip(&mut self, available: usize) -> usize {
        let skipped = usize::try_from(self.left).map_or(available, |left| left.min(available));
        self.left -= skipped as u64;
        if self.left == 0 {
            self.at = At::DataCr;
        }
        skipped
    }

    fn step(&mut self, byte: u8) -> Result<(), BadChunk> {
        let next = match (self.at, byte) {
            (At::Size, b'\r') if self.line > 0 => At::SizeLf,
            (At::Size, b';') if self.line > 0 => At::Extension(Extension::Start),
            (At::Size, byte) => self.digit(byte)?,
            (At::Extension(at), b'\r') if at.may_end() => At::SizeLf,
            (At::Extension(at), byte) => At::Extension(at.step(byte).ok_or(BadChunk::Malformed)?),
            (At::SizeLf, b'\n') => self.sized()?,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            (At::TrailerStart, b'\r') => At::EndLf,
            (At::TrailerName, b':') => At::TrailerValue,
            (At::TrailerStart | At::TrailerName, byte) if is_token_byte(byte) => At::TrailerName,
            (At::TrailerValue, b'\t' | b' '..=b'~' | 128..) => At::TrailerValue,
            (At::TrailerValue, b'\r') => At::TrailerLf,
            (At::TrailerLf, b'\n') => At::TrailerStart,
            (At::EndLf, b'\n') => At::Done,
            _ => return Err(BadChunk::Malformed),
        };
        let over = matches!(self.at, At::SizeLf | At::DataLf);
        self.line = if over { 0 } else { self.line + 1 };
        self.at = next;
        if self.line as usize > CHUNK_LINE_MOST { Err(BadChunk::TooLong) } else { Ok(()) }
    }

    /// R23: 1 to 16 hexadecimal digits and nothing else.
    fn digit(&mut self, byte: u8) -> Result<At, BadChunk> {
        let digit = char::from(byte).to_digit(16).filter(|_| self.line < 16);
        self.left = (self.left << 4) | u64::from(digit.ok_or(BadChunk::Malformed)?);
        if self.left > SIZE_MOST { Err(BadChunk::Malformed) } else { Ok(At::Size) }
    }

    /// The size is whole: what it is the size of.
    fn sized(&mut self) -> Result<At, BadChunk> {
        self.room = self.room.checked_sub(self.left).ok_or(BadChunk::TooLarge)?;
        Ok(if self.left == 0 { At::TrailerStart } else { At::Data })
    }
}

/// Whether the byte that led from `from` to `to` frames the data, and is not an extension's or a trailer's.
fn is_framing(from: At, to: At) -> bool {
    match to {
        At::Extension(_) | At::TrailerName | At::TrailerValue | At::TrailerLf => false,
        At::TrailerStart => from == At::SizeLf,
        At::Size | At::SizeLf | At::Data | At::DataCr | At::DataLf | At::EndLf | At::Done => true,
    }
}

impl fmt::Display for BadChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed chunk",
            Self::TooLong => "chunk line or trailers too long",
            Self::TooLarge => "body too large",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of `bytes` goes on, how much stands behind the body, and whether its end was there.
    fn taken(mut chunks: Chunks, bytes: &[u8]) -> Result<(String, usize, bool), BadChunk> {
        let (mut gone, mut rest) = (Vec::new(), bytes);
        loop {
            let run = chunks.run(rest)?;
            if run.len == 0 {
                let gone = String::from_utf8(gone).expect("the tests are text");
                return Ok((gone, rest.len(), chunks.is_done()));
            }
            let (taken, behind) = rest.split_at(run.len);
            gone.extend(taken.iter().filter(|_| run.goes_on));
            rest = behind;
        }
    }

    fn whole(text: &str) -> Result<(String, usize, bool), BadChunk> {
        taken(Chunks::default(), text.as_bytes())
    }

    fn ok(gone: &str, behind: usize, done: bool) -> Result<(String, usize, bool), BadChunk> {
        Ok((gone.into(), behind, done))
    }

    const BODY: &str = "5;a\r\nhello\r\nA;x=y;z=\" ;\"\r\n0123456789\r\n00;l\r\nT: v\r\nU:\r\n\r\n";
    const PASSED: &str = "5\r\nhello\r\nA\r\n0123456789\r\n00\r\n\r\n";

    #[test]
    fn takes_a_body_and_leaves_what_is_behind_it() {
        assert_eq!(whole("5\r\nhello\r\n0\r\n\r\nGET /"), ok("5\r\nhello\r\n0\r\n\r\n", 5, true));
        assert_eq!(whole("5\r\nhel"), ok("5\r\nhel", 0, false));
        assert_eq!(whole(""), ok("", 0, false));
    }

    #[test]
    fn what_stands_before_a_bad_byte_is_taken_first() {
        let mut chunks = Chunks::default();
        assert_eq!(chunks.run(b"1\r\na!"), Ok(Run { len: 4, goes_on: true }));
        assert_eq!(chunks.run(b"!"), Err(BadChunk::Malformed));
    }

    /// A body without extensions and trailers is one run: it need not be copied.
    #[test]
    fn what_goes_on_whole_is_one_run() {
        let body = b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
        let run = Run { len: body.len(), goes_on: true };
        assert_eq!(Chunks::default().run(body), Ok(run));
    }

    /// R24, R25: neither is passed on.
    #[test]
    fn extensions_and_trailers_end_here() {
        assert_eq!(whole(BODY), ok(PASSED, 0, true));
        assert_eq!(whole("0;a=b\r\nContent-Length: 5\r\n\r\n"), ok("0\r\n\r\n", 0, true));
    }

    /// For HTTP/1.0, which knows no chunks.
    #[test]
    fn decoded_only_the_data_goes_on() {
        let decoded = taken(Chunks::default().decoded(), BODY.as_bytes());
        assert_eq!(decoded, ok("hello0123456789", 0, true));
    }

    #[test]
    fn cut_at_every_byte_the_same_goes_on() {
        for cut in 0..BODY.len() {
            let (mut chunks, mut gone) = (Chunks::default(), String::new());
            for mut rest in [&BODY.as_bytes()[..cut], &BODY.as_bytes()[cut..]] {
                while let Ok(run @ Run { len: 1.., .. }) = chunks.run(rest) {
                    let text = std::str::from_utf8(&rest[..run.len]).unwrap();
                    gone.push_str(if run.goes_on { text } else { "" });
                    rest = &rest[run.len..];
                }
                assert!(rest.is_empty());
            }
            assert_eq!((gone.as_str(), chunks.is_done()), (PASSED, true), "cut at {cut}");
        }
    }

    /// R23.
    #[test]
    fn a_size_is_hexadecimal_digits_and_nothing_else() {
        let bad = [
            "\r\n",
            ";\r\n",
            "0x5\r\n",
            "+5\r\n",
            "-5\r\n",
            "5_0\r\n",
            " 5\r\n",
            "5 \r\n",
            "5\t\r\n",
            "g\r\n",
            "00000000000000005\r\n",
            "8000000000000000\r\n",
            "ffffffffffffffff\r\n",
        ];
        for line in bad {
            assert_eq!(whole(line), Err(BadChunk::Malformed), "{line:?}");
        }
        let large = "7FFFFFFFFFFFFFFf\r\nxyz";
        assert_eq!(whole(large), ok(large, 0, false));
        let zeros = "0000000000000005\r\nhello\r\n";
        assert_eq!(whole(zeros), ok(zeros, 0, false));
    }

    /// R24: carriage returns only before line feeds, no bare line feed.
    #[test]
    fn line_ends_are_strict() {
        let bad = [
            "5\n",
            "5\rX",
            "5;a\n",
            "5;a\rb",
            "5;\r\n",
            "5;a\u{1}\r\n",
            "5 ;a\r\n",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "5\r\nhello\rX",
            "0\r\n\n",
            "0\r\n\rX",
            "0\r\nT: v\n",
            "0\r\nT: v\rX",
        ];
        for text in bad {
            assert_eq!(whole(text), Err(BadChunk::Malformed), "{text:?}");
        }
    }

    /// R25, R28, R30: what is dropped must still be a field.
    #[test]
    fn trailers_are_fields() {
        for text in
            ["0\r\n T: v\r\n", "0\r\nT\r\n", "0\r\n: v\r\n", "0\r\nT : v\r\n", "0\r\nT: \0\r\n"]
        {
            assert_eq!(whole(text), Err(BadChunk::Malformed), "{text:?}");
        }
    }

    /// R24, R32: no line, and no trailer section, is longer than its limit.
    #[test]
    fn lines_are_bounded() {
        let long = format!("5;{}", "x".repeat(CHUNK_LINE_MOST));
        assert_eq!(whole(&long), Err(BadChunk::TooLong));
        let trailers = format!("0\r\n{}", "T: v\r\n".repeat(CHUNK_LINE_MOST / 6 + 1));
        assert_eq!(whole(&trailers), Err(BadChunk::TooLong));
    }

    #[test]
    fn more_data_than_may_be_is_refused_at_its_size() {
        let within =
            |most| taken(Chunks::default().within(most), b"5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n");
        assert!(within(10).is_ok());
        assert_eq!(within(9), Err(BadChunk::TooLarge));
    }

    #[test]
    fn a_line_may_be_as_long_as_the_bound() {
        let line = |length: usize| format!("1;{:a>1$}\r\nx\r\n0\r\n\r\n", "", length - 3);
        assert_eq!(whole(&line(CHUNK_LINE_MOST)), ok("1\r\nx\r\n0\r\n\r\n", 0, true));
        assert_eq!(whole(&line(CHUNK_LINE_MOST + 1)), Err(BadChunk::TooLong));
    }
}
