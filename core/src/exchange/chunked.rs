//! Stage 5 of 6 · where a chunked body ends: a strict scanner that passes the bytes on as they are.

use crate::limits::CHUNK_LINE_MOST;

/// How far a chunked body has been scanned. Bytes that it takes are good to forward (R23, R24).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunks {
    at: At,
    /// The size of the chunk as far as it is known, then the bytes of it that are still to come.
    left: u64,
    /// Bytes of the present size line, or of the trailer section.
    line: u32,
}

/// What the next byte belongs to (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
}

/// A byte that no chunked body has at its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadChunk;

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size, left: 0, line: 0 }
    }
}

impl Chunks {
    /// Whether the last byte of the body has been taken.
    pub fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Takes as many of `bytes` as belong to the body; what is left over stands behind its end.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_done() {
            if self.at == At::Data {
                taken += self.skip(bytes.len() - taken);
            } else {
                self.step(bytes[taken])?;
                taken += 1;
            }
        }
        Ok(taken)
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
            (At::Size, b'\r' | b';') if self.line == 0 => return Err(BadChunk),
            (At::Size | At::Extension, b'\r') => At::SizeLf,
            (At::Size, b';') => At::Extension,
            (At::Size, byte) => self.digit(byte)?,
            (At::SizeLf, b'\n') if self.left == 0 => At::TrailerStart,
            (At::SizeLf, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size,
            (At::TrailerStart, b'\r') => At::EndLf,
            (At::TrailerStart, b'!'..=b'~') => At::Trailer,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::TrailerLf, b'\n') => At::TrailerStart,
            (At::EndLf, b'\n') => At::Done,
            (at @ (At::Extension | At::Trailer), b'\t' | b' '..=b'~' | 128..) => at,
            _ => return Err(BadChunk),
        };
        let over = matches!(self.at, At::SizeLf | At::DataLf);
        self.line = if over { 0 } else { self.line + 1 };
        self.at = next;
        if self.line as usize > CHUNK_LINE_MOST { Err(BadChunk) } else { Ok(()) }
    }

    /// R23: 1 to 16 hexadecimal digits and nothing else.
    fn digit(&mut self, byte: u8) -> Result<At, BadChunk> {
        let digit = char::from(byte).to_digit(16).filter(|_| self.line < 16).ok_or(BadChunk)?;
        self.left = (self.left << 4) | u64::from(digit);
        Ok(At::Size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(bytes: &[u8]) -> Result<(usize, bool), BadChunk> {
        let mut chunks = Chunks::default();
        chunks.take(bytes).map(|taken| (taken, chunks.is_done()))
    }

    #[test]
    fn takes_a_body_and_leaves_what_is_behind_it() {
        let body = b"5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
        let mut more = body.to_vec();
        more.extend(b"GET /");
        assert_eq!(take(&more), Ok((body.len(), true)));
        assert_eq!(take(b"0\r\n\r\n"), Ok((5, true)));
        assert_eq!(take(b"5\r\nhel"), Ok((6, false)));
    }

    #[test]
    fn cut_at_every_byte_it_takes_the_same() {
        let body = b"5\r\nhello\r\na;x=\"y z\"\r\n0123456789\r\n00\r\nT: v\r\nU: w\r\n\r\n";
        for cut in 0..body.len() {
            let mut chunks = Chunks::default();
            assert_eq!(chunks.take(&body[..cut]), Ok(cut));
            assert!(!chunks.is_done());
            assert_eq!(chunks.take(&body[cut..]), Ok(body.len() - cut));
            assert!(chunks.is_done());
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
            "g\r\n",
            "00000000000000005\r\n",
        ];
        for line in bad {
            assert_eq!(take(line.as_bytes()), Err(BadChunk), "{line:?}");
        }
        assert_eq!(take(b"ffffffffffffffff\r\nxyz"), Ok((21, false)));
        assert_eq!(take(b"0000000000000005\r\nhello\r\n"), Ok((25, false)));
    }

    /// R24: carriage returns only before line feeds, no bare line feed, bounded lines.
    #[test]
    fn line_ends_and_extensions_are_strict() {
        for text in [
            "5\n",
            "5;a\n",
            "5;\u{1}\r\n",
            "5;a\rb",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "5\r\nhello\rX",
        ] {
            assert_eq!(take(text.as_bytes()), Err(BadChunk), "{text:?}");
        }
        for text in ["0\r\n\n", "0\r\nT: v\n", "0\r\n T: v\r\n", "0\r\nT: v\r\n\rX"] {
            assert_eq!(take(text.as_bytes()), Err(BadChunk), "{text:?}");
        }
        let mut long = b"5;".to_vec();
        long.resize(CHUNK_LINE_MOST + 2, b'x');
        assert_eq!(take(&long), Err(BadChunk));
        let trailers = [&b"0\r\n"[..], &b"T: v\r\n".repeat(CHUNK_LINE_MOST / 6 + 1)].concat();
        assert_eq!(take(&trailers), Err(BadChunk));
    }
}
