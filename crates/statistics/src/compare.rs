//! Whether one of two is worse than the other, by more than is allowed, and how sure that is.

use crate::special::{normal_above, normal_quantile};

/// So many out of so many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// How often it happened.
    pub count: f64,
    /// Out of how often it could have.
    pub of: f64,
}

impl Proportion {
    /// The share; 0 out of nothing.
    pub fn share(self) -> f64 {
        if self.of > 0.0 { self.count / self.of } else { 0.0 }
    }

    /// The interval that holds the true share with this confidence: Wilson, "Probable inference", JASA 22 (1927).
    pub fn interval(self, confidence: f64) -> (f64, f64) {
        if self.of <= 0.0 {
            return (0.0, 1.0);
        }
        let z = normal_quantile(1.0 - (1.0 - confidence) / 2.0);
        let (n, p) = (self.of, self.share());
        let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// The probability of seeing a difference like this one, or a larger one, if the second share were above the first by
/// no more than `allowed`: one-sided, normal approximation, with one success and one failure added to each side as
/// Agresti and Caffo propose ("Simple and effective confidence intervals for proportions", The American Statistician
/// 54, 2000), which keeps it honest for shares near 0.
pub fn share_grew(first: Proportion, second: Proportion, allowed: f64) -> f64 {
    if first.of <= 0.0 || second.of <= 0.0 {
        return 1.0;
    }
    let adjusted = |it: Proportion| ((it.count + 1.0) / (it.of + 2.0), it.of + 2.0);
    let ((p1, n1), (p2, n2)) = (adjusted(first), adjusted(second));
    let error = (p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2).sqrt();
    normal_above((p2 - p1 - allowed) / error)
}

/// What a comparison of two samples by rank says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// The probability of ranks like these, or ones that speak more for the second being larger, if it is not: one-sided.
    pub p: f64,
    /// The probability that one drawn from the second is larger than one drawn from the first; half of ties count.
    pub larger: f64,
}

/// Whether the second of two samples is larger: Mann and Whitney, "On a test of whether one of two random variables is
/// stochastically larger than the other", Annals of Mathematical Statistics 18 (1947); the normal approximation with the
/// correction for ties and for continuity. Samples are counts in the same ordered classes.
pub fn larger(first: &[f64], second: &[f64]) -> Ranks {
    let (n1, n2): (f64, f64) = (first.iter().sum(), second.iter().sum());
    if n1 <= 0.0 || n2 <= 0.0 {
        return Ranks { p: 1.0, larger: 0.5 };
    }
    let n = n1 + n2;
    let (mut below, mut u, mut ties) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(second) {
        u += b * (below + a / 2.0);
        below += a;
        let t = a + b;
        ties += t * t * t - t;
    }
    let variance = n1 * n2 / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
    let p = if variance > 0.0 { normal_above((u - n1 * n2 / 2.0 - 0.5) / variance.sqrt()) } else { 1.0 };
    Ranks { p, larger: u / (n1 * n2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9, "{found} is not {wanted}");
    }

    #[test]
    fn an_interval_is_that_of_statsmodels() {
        // statsmodels.stats.proportion.proportion_confint(8, 20, method="wilson")
        let (low, high) = Proportion { count: 8.0, of: 20.0 }.interval(0.95);
        near(low, 0.218_806_532_372_817_08);
        near(high, 0.613_418_499_237_746_8);
        assert_eq!(Proportion { count: 0.0, of: 0.0 }.interval(0.95), (0.0, 1.0));
    }

    #[test]
    fn more_failures_are_found_and_as_many_are_not() {
        let of = |count: f64| Proportion { count, of: 1_000.0 };
        assert!(share_grew(of(10.0), of(60.0), 0.01) < 1e-4);
        assert!(share_grew(of(10.0), of(12.0), 0.0) > 0.3);
        assert!(share_grew(of(10.0), of(15.0), 0.01) > 0.8);
        assert!((share_grew(of(0.0), of(0.0), 0.0) - 0.5).abs() < 1e-12);
        assert_eq!(share_grew(Proportion { count: 0.0, of: 0.0 }, of(9.0), 0.0), 1.0);
    }

    #[test]
    fn ranks_are_those_of_scipy() {
        // scipy.stats.mannwhitneyu(second, first, alternative="greater", method="asymptotic"), samples [1]*5+[2]*3+[3]*2
        // and [1]*1+[2]*4+[3]*5
        let ranks = larger(&[5.0, 3.0, 2.0], &[1.0, 4.0, 5.0]);
        near(ranks.larger, 0.735);
        near(ranks.p, 0.032_628_293_953_786_25);
        assert_eq!(larger(&[3.0], &[4.0]), Ranks { p: 1.0, larger: 0.5 });
        assert!(larger(&[0.0, 9.0], &[9.0, 0.0]).p > 0.99);
    }
}
