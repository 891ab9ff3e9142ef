//! Stage 5 of 6 · one body: how much of it is still to come, and by which move.

use super::chunked::{BadChunk, Chunks, Run};
use crate::head::Framing;
use crate::{Op, Side};

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Body {
    /// Nothing.
    Done,
    /// So many bytes; never zero.
    Length(u64),
    /// Chunks: core must see them to find their end.
    Chunked(Chunks),
    /// All until the connection ends.
    Close,
}

impl From<Framing> for Body {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunks::default()),
            Framing::Close => Self::Close,
        }
    }
}

impl Body {
    /// This body, if it is in chunks with no more than `most` bytes of data taken.
    #[must_use]
    pub const fn within(self, most: u64) -> Self {
        match self {
            Self::Chunked(chunks) => Self::Chunked(chunks.within(most)),
            Self::Done | Self::Length(_) | Self::Close => self,
        }
    }

    /// Whether nothing more is to come.
    pub fn is_done(&self) -> bool {
        *self == Self::Done
    }

    /// The move that brings more of it in.
    pub fn next(&self, from: Side) -> Option<Op> {
        match self {
            Self::Done => None,
            Self::Length(_) | Self::Close => Some(Op::Pull(from)),
            Self::Chunked(_) => Some(Op::Fill(from)),
        }
    }

    /// How many bytes may be pulled at the most without touching what stands behind the body.
    pub fn most(&self) -> u64 {
        match self {
            Self::Done | Self::Chunked(_) => 0,
            Self::Length(left) => *left,
            Self::Close => u64::MAX,
        }
    }

    /// So many bytes of it were pulled.
    pub fn pulled(&mut self, count: u64) {
        if let Self::Length(left) = self {
            debug_assert!(count <= *left, "more was pulled than the body has");
            *left = left.saturating_sub(count);
            if *left == 0 {
                *self = Self::Done;
            }
        }
    }

    /// Takes the first of `bytes`, which core holds, that belong to the body and have one fate.
    ///
    /// # Errors
    ///
    /// If the first byte is no byte of such a body.
    pub fn run(&mut self, bytes: &[u8]) -> Result<Run, BadChunk> {
        let len = match self {
            Self::Chunked(chunks) => {
                let run = chunks.run(bytes)?;
                if chunks.is_done() {
                    *self = Self::Done;
                }
                return Ok(run);
            }
            Self::Done => 0,
            Self::Close => bytes.len(),
            Self::Length(left) => {
                usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()))
            }
        };
        self.pulled(len as u64);
        Ok(Run { len, goes_on: true })
    }

    /// Whether `bytes` are a good beginning of it, without taking them.
    ///
    /// # Errors
    ///
    /// If one of them is no byte of such a body.
    pub fn check(mut self, bytes: &[u8]) -> Result<(), BadChunk> {
        let mut rest = bytes;
        loop {
            match self.run(rest)?.len {
                0 => return Ok(()),
                len => rest = &rest[len..],
            }
        }
    }

    /// Whether `bytes` are the whole of it, and nothing more.
    pub fn is_all(mut self, mut bytes: &[u8]) -> bool {
        while let Ok(Run { len: len @ 1.., .. }) = self.run(bytes) {
            bytes = &bytes[len..];
        }
        self.is_done() && bytes.is_empty()
    }

    /// The connection ended: whether that is the end of the body, and not a cut through it.
    #[must_use]
    pub fn ended(&mut self) -> bool {
        let whole = matches!(self, Self::Close | Self::Done);
        if whole {
            *self = Self::Done;
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_down_and_leaves_what_is_behind_it() {
        let mut body = Body::from(Framing::Length(5));
        assert_eq!((body.next(Side::Client), body.most()), (Some(Op::Pull(Side::Client)), 5));
        assert_eq!(body.run(b"ab"), Ok(Run { len: 2, goes_on: true }));
        body.pulled(1);
        assert_eq!(body.most(), 2);
        assert_eq!(body.run(b"deGET /"), Ok(Run { len: 2, goes_on: true }));
        assert!(body.is_done() && body.next(Side::Client).is_none());
    }

    #[test]
    fn chunks_are_read_by_core() {
        let mut body = Body::from(Framing::Chunked);
        assert_eq!(body.next(Side::Backend), Some(Op::Fill(Side::Backend)));
        let bytes = b"1\r\na\r\n0\r\n\r\nGET /";
        assert_eq!(body.check(bytes), Ok(()));
        assert_eq!(body.run(bytes), Ok(Run { len: 11, goes_on: true }));
        assert!(body.is_done());
    }

    #[test]
    fn a_check_sees_what_stands_behind_the_first_run() {
        let body = Body::from(Framing::Chunked);
        assert_eq!(body.check(b"1;a\r\nb\r\n0\r\n\r\n"), Ok(()));
        assert_eq!(body.check(b"1;a\r\nbc"), Err(BadChunk::Malformed));
    }

    /// R27.
    #[test]
    fn all_of_a_body_is_neither_less_nor_more() {
        let length = Body::from(Framing::Length(2));
        assert!(length.is_all(b"hi") && !length.is_all(b"h") && !length.is_all(b"hi!"));
        let chunked = Body::from(Framing::Chunked);
        assert!(chunked.is_all(b"1;a\r\nx\r\n0\r\nT: v\r\n\r\n"));
        assert!(!chunked.is_all(b"0\r\n\r\n!") && !chunked.is_all(b"0\r\n\r"));
        assert!(Body::Done.is_all(b"") && !Body::Done.is_all(b"!") && !Body::Close.is_all(b""));
    }

    #[test]
    fn the_end_of_the_connection_ends_only_what_it_frames() {
        assert!(Body::from(Framing::Close).ended());
        assert!(Body::from(Framing::None).ended());
        assert!(!Body::from(Framing::Length(1)).ended());
        assert!(!Body::from(Framing::Chunked).ended());
    }
}
