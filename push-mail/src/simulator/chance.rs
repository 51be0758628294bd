//! Seeded chance: the same numbers for the same seed on every machine and with every version of every crate, because a
//! table made with them is committed.

use std::time::Duration;

/// A SplitMix64 generator.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// An own generator for each of many purposes, so that one that takes more numbers does not shift the others'.
    pub(super) fn of(seed: u64, purpose: u64) -> Self {
        let mut chance = Self(seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95));
        chance.number();
        chance
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// In 0..1.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A span of a Poisson process whose spans are `mean` long in the middle.
    pub(super) fn span(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.fraction()).ln())
    }

    /// One of the items, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_gives_others() {
        let first = |seed| {
            let mut chance = Chance::of(seed, 1);
            std::array::from_fn::<u64, 8, _>(|_| chance.number())
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn spans_have_their_mean() {
        let mut chance = Chance::of(7, 1);
        let total: Duration = (0..100_000).map(|_| chance.span(Duration::from_secs(60))).sum();
        let mean = total.as_secs_f64() / 100_000.0;
        assert!((59.0..61.0).contains(&mean), "{mean}");
    }
}
