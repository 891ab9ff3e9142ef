//! A stream of which every byte is known, made and checked as fast as memory is copied.

/// Bytes that a [`Pattern`] gives at once.
pub const PIECE: usize = 256 * 1024;

/// An endless stream, piece by piece. Every eight bytes tell their own place, so bytes that are lost,
/// doubled or swapped anywhere fit nowhere.
#[derive(Debug)]
pub struct Pattern {
    /// How many words of eight bytes have been given.
    words: u64,
    piece: Vec<u8>,
}

impl Default for Pattern {
    fn default() -> Self {
        Self { words: 0, piece: vec![0; PIECE] }
    }
}

impl Pattern {
    /// The next [`PIECE`] bytes.
    pub fn piece(&mut self) -> &[u8] {
        // An odd factor maps no two numbers to the same word, and leaves no byte constant.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let (words, _) = self.piece.as_chunks_mut();
        for (word, number) in words.iter_mut().zip(self.words..) {
            *word = number.wrapping_mul(FACTOR).to_le_bytes();
        }
        self.words += (PIECE / 8) as u64;
        &self.piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_eight_bytes_come_twice() {
        let mut pattern = Pattern::default();
        let pieces: Vec<u8> = (0..4).flat_map(|_| pattern.piece().to_vec()).collect();
        let words: BTreeSet<_> = pieces.chunks(8).collect();
        assert_eq!((pieces.len(), words.len()), (4 * PIECE, 4 * PIECE / 8));
    }
}
