//! Chance of a seed and a purpose: the same seed gives the same model.

use base::Chance;

/// A stream of random numbers.
#[derive(Clone)]
pub struct Random(Chance);

impl Random {
    /// The stream of a seed and a purpose, so that streams do not repeat one another.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut chance = Chance::from(seed ^ purpose.wrapping_mul(0xA24B_AED4_963E_E407));
        chance.bits();
        Self(chance)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0.bits()
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound as u64) as usize
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
