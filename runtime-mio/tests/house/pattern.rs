//! A long stream of which every byte is known: a block of noise, over and over.
//!
//! The block's length is odd and prime, so bytes that are lost, doubled or swapped by any buffer of
//! a length that a program would choose do not fit what comes behind them.

use std::sync::LazyLock;

/// The most bytes that [`pieces`] gives at once.
pub(crate) const PIECE: usize = 64 * 1024;

const BLOCK: usize = 1_048_583;

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..BLOCK).map(step).collect()
});

/// The first bytes of the stream; at most a block.
pub(crate) fn start(count: usize) -> &'static [u8] {
    &NOISE[..count]
}

/// What lies between two places of the stream, piece by piece.
pub(crate) fn pieces(from: usize, to: usize) -> impl Iterator<Item = &'static [u8]> {
    let mut at = from;
    std::iter::from_fn(move || {
        let offset = at % BLOCK;
        let count = PIECE.min(to - at).min(BLOCK - offset);
        at += count;
        (count > 0).then(|| &NOISE[offset..offset + count])
    })
}
