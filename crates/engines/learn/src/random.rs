//! Randomness from a seed: SplitMix64 (Steele et al. 2014). The same seed gives the same model.

/// A stream of random numbers.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed and a purpose, so that streams do not repeat one another.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xA24B_AED4_963E_E407));
        random.next();
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A share of the items, at least one, in their order.
    pub fn some<T: Copy>(&mut self, items: &[T], share: f64) -> Vec<T> {
        let wanted = ((items.len() as f64 * share).round() as usize).clamp(1, items.len());
        let mut left = wanted;
        let mut picked = Vec::with_capacity(wanted);
        for (at, item) in items.iter().enumerate() {
            // Each item is taken with the chance that the rest of the wanted ones needs.
            if self.below(items.len() - at) < left {
                picked.push(*item);
                left -= 1;
            }
        }
        picked
    }
}
