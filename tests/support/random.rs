//! Random numbers that are the same everywhere for the same seed, so that a failure can be
//! repeated.
//!
//! Must not: be used for secrets.

/// SplitMix64; its field is the seed.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number of 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// A number below `end`; small numbers are more frequent than large ones.
    pub fn small(&mut self, end: usize) -> usize {
        let end = 1 + self.below(end);
        self.below(end)
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of some values.
    pub fn pick<V: Clone>(&mut self, values: &[V]) -> V {
        values[self.below(values.len())].clone()
    }
}
