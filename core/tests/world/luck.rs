//! The luck of a session that is left to chance.

use underpass_core::{Fault, Op};

use super::rng::Rng;
use super::wires::{CALM, Luck};

/// Some sessions are slow, some are cut into pieces, and so many calls of a thousand break.
pub(crate) fn luck(breaks: usize, rng: &mut Rng) -> Box<dyn FnMut(Op) -> Luck> {
    let block = rng.of(&[0, 100, 500]);
    let short = rng.of(&[0, 500, 900]);
    let mut rng = Rng::new(rng.next());
    Box::new(move |_| {
        if rng.permille(block) {
            Luck::Block
        } else if rng.permille(breaks) {
            Luck::Break(rng.of(&Fault::ALL))
        } else if rng.permille(short) {
            Luck::Move(1 + rng.below(40))
        } else {
            CALM
        }
    })
}
