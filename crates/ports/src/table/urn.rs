//! Rows parted by chance in exact shares, the same for the same seed.

use base::Chance;

/// What is left to draw of each part: drawing without putting back gives exact shares in one pass
/// (Knuth, *The Art of Computer Programming* 2, section 3.4.2, algorithm S).
pub struct Urn {
    left: Vec<u64>,
    all: u64,
}

impl Urn {
    /// So many rows in shares, rounded by the largest remainders.
    pub fn of(rows: u64, shares: &[f64]) -> Self {
        let exact: Vec<f64> = shares.iter().map(|share| share * rows as f64).collect();
        let mut left: Vec<u64> = exact.iter().map(|exact| exact.floor() as u64).collect();
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
        let mut missing = rows.saturating_sub(left.iter().sum());
        for part in order.iter().cycle() {
            if missing == 0 {
                break;
            }
            left[*part] += 1;
            missing -= 1;
        }
        Self { left, all: rows }
    }

    /// The part the next row goes to.
    pub fn draw(&mut self, chance: &mut Chance) -> usize {
        let mut at = chance.below(self.all.max(1));
        for (part, left) in self.left.iter_mut().enumerate() {
            if at < *left {
                *left -= 1;
                self.all -= 1;
                return part;
            }
            at -= *left;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_the_same_for_the_same_seed() {
        let drawn = |seed| {
            let (mut urn, mut chance) = (Urn::of(1000, &[0.7, 0.2, 0.1]), Chance::from(seed));
            (0..1000).map(|_| urn.draw(&mut chance)).collect::<Vec<usize>>()
        };
        let parts = drawn(7);
        let count = |part| parts.iter().filter(|it| **it == part).count();
        assert_eq!((count(0), count(1), count(2)), (700, 200, 100));
        assert_eq!(parts, drawn(7));
        assert_ne!(parts, drawn(8));
        assert_eq!(Urn::of(10, &[0.5, 0.25, 0.25]).left.iter().sum::<u64>(), 10);
    }
}
