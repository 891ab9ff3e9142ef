//! Chance: a stream of numbers for each entity, so that one more client changes nothing for the others.

/// A stream of random numbers that depends on nothing but what it was made from (splitmix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of one entity of a seed: the `number`-th of its `kind`.
    pub fn of(seed: u64, kind: &str, number: u64) -> Self {
        let mut state = mix(seed);
        for byte in kind.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        Self(mix(state ^ number))
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number from 0 to `bound`, which is left out.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "there is no number below 0");
        (self.draw() % bound as u64) as usize
    }

    /// One of those.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A number from `least` to `most`, both included.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn within(&mut self, least: u32, most: u32) -> u32 {
        least + self.below((most - least) as usize + 1) as u32
    }

    /// True once in `times`, on average.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// How much of `whole` goes at once: all of it, or a piece of any order of magnitude; never nothing.
    pub fn piece(&mut self, whole: usize) -> usize {
        if whole <= 1 || self.one_in(4) {
            return whole;
        }
        let magnitude = self.below(whole.ilog2() as usize + 1);
        (1 + self.below(2 << magnitude)).min(whole)
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64: every bit of the input changes half of the output's.
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(GOLDEN);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entity_has_a_stream_of_its_own() {
        let first = |seed, kind, number| Rng::of(seed, kind, number).draw();
        assert_eq!(first(1, "leg", 2), first(1, "leg", 2));
        let others = [first(2, "leg", 2), first(1, "client", 2), first(1, "leg", 3)];
        assert!(!others.contains(&first(1, "leg", 2)));
    }

    #[test]
    fn a_piece_is_never_nothing_and_never_more_than_all() {
        let mut rng = Rng::of(1, "piece", 0);
        for whole in 1..2_000 {
            let piece = rng.piece(whole);
            assert!((1..=whole).contains(&piece), "{piece} of {whole}");
        }
    }
}
