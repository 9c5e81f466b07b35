//! How far the values of one sample are from those of another: the population stability index, Jensen and Shannon's
//! distance, the tests of Kolmogorov and Smirnov and of chi-square.
//!
//! Bins and what stands for an empty one are Evidently's, so that numbers can be compared with it.

use std::collections::BTreeMap;

use crate::special::{chi_square_above, kolmogorov_above};

/// Numbers with at most so many different values are compared value by value.
const FEW: usize = 20;
/// The share that stands for an empty bin.
const EMPTY: f64 = 0.0001;
/// Larger samples are tested by the limit of the distribution, smaller ones exactly; as SciPy does.
const EXACT_MAX: usize = 10_000;

/// Counts of two samples in the same bins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binned {
    /// What each bin holds: a value, or from where to where.
    pub bins: Vec<String>,
    /// How many of the reference are in each.
    pub reference: Vec<f64>,
    /// How many of the current ones are.
    pub current: Vec<f64>,
}

impl Binned {
    /// Counts texts, one bin a text.
    pub fn of_texts<'a>(
        reference: impl Iterator<Item = &'a str>,
        current: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut counts: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for text in reference {
            counts.entry(text).or_default().0 += 1.0;
        }
        for text in current {
            counts.entry(text).or_default().1 += 1.0;
        }
        Self {
            bins: counts.keys().map(|text| (*text).to_owned()).collect(),
            reference: counts.values().map(|it| it.0).collect(),
            current: counts.values().map(|it| it.1).collect(),
        }
    }

    /// Counts numbers: value by value where the reference has few, else in bins of one width, as many as Sturges says.
    pub fn of_numbers(reference: &[f64], current: &[f64]) -> Self {
        let mut values = reference.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        if values.len() <= FEW {
            let text = |x: &f64| x.to_string();
            let (reference, current): (Vec<String>, Vec<String>) =
                (reference.iter().map(text).collect(), current.iter().map(text).collect());
            return Self::of_texts(reference.iter().map(String::as_str), current.iter().map(String::as_str));
        }
        let all = || reference.iter().chain(current).copied();
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let size = (reference.len() + current.len()) as f64;
        let width = (high - low) / (size.log2() + 1.0);
        let count = ((high - low) / width).ceil().max(1.0);
        let step = (high - low) / count;
        let mut edges: Vec<f64> = (0..count as usize).map(|at| low + step * at as f64).collect();
        edges.push(high);
        let counted = |sample: &[f64]| {
            let mut counts = vec![0.0; edges.len() - 1];
            for x in sample {
                let at = edges.partition_point(|edge| edge <= x).saturating_sub(1);
                counts[at.min(edges.len() - 2)] += 1.0;
            }
            counts
        };
        Self {
            bins: edges.windows(2).map(|pair| format!("{} to {}", pair[0], pair[1])).collect(),
            reference: counted(reference),
            current: counted(current),
        }
    }

    /// The population stability index: 0 where the shares are the same.
    pub fn psi(&self) -> f64 {
        let (reference, current) = (filled(&shares(&self.reference)), filled(&shares(&self.current)));
        reference.iter().zip(&current).map(|(r, c)| (r - c) * (r / c).ln()).sum()
    }

    /// The square root of Jensen and Shannon's divergence, by the natural logarithm: from 0 to 0.8326.
    pub fn jensen_shannon(&self) -> f64 {
        let (reference, current) = (shares(&self.reference), shares(&self.current));
        let part = |p: f64, m: f64| if p > 0.0 { p * (p / m).ln() } else { 0.0 };
        let sum: f64 = reference
            .iter()
            .zip(&current)
            .map(|(r, c)| {
                let middle = (r + c) / 2.0;
                part(*r, middle) + part(*c, middle)
            })
            .sum();
        (sum / 2.0).max(0.0).sqrt()
    }

    /// The probability of counts like the current ones, or ones further off, if the reference's shares hold: the chi-square
    /// test of Pearson. A value that the reference never had decides it.
    pub fn chi_square(&self) -> f64 {
        let (all, seen): (f64, f64) = (self.reference.iter().sum(), self.current.iter().sum());
        let mut sum = 0.0;
        for (reference, current) in self.reference.iter().zip(&self.current) {
            let expected = reference * seen / all;
            if expected == 0.0 {
                return 0.0;
            }
            sum += (current - expected) * (current - expected) / expected;
        }
        if self.bins.len() < 2 { 1.0 } else { chi_square_above(sum, self.bins.len() as f64 - 1.0) }
    }
}

fn shares(counts: &[f64]) -> Vec<f64> {
    let all: f64 = counts.iter().sum();
    counts.iter().map(|count| if all > 0.0 { count / all } else { 0.0 }).collect()
}

/// Shares without a zero.
fn filled(shares: &[f64]) -> Vec<f64> {
    let least = shares.iter().copied().filter(|it| *it > 0.0).fold(f64::INFINITY, f64::min);
    let empty = if least <= EMPTY { least / 1e6 } else { EMPTY };
    shares.iter().map(|share| if *share == 0.0 { empty } else { *share }).collect()
}

/// What the test of Kolmogorov and Smirnov says of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kolmogorov {
    /// The largest distance of their distribution functions.
    pub statistic: f64,
    /// The probability of such a distance, or a larger one, if both come from one distribution.
    pub p: f64,
}

/// The two-sided test of Kolmogorov and Smirnov, exact where both samples have at most 10,000 values.
pub fn kolmogorov_smirnov(first: &[f64], second: &[f64]) -> Kolmogorov {
    let sorted = |sample: &[f64]| {
        let mut sample = sample.to_vec();
        sample.sort_unstable_by(f64::total_cmp);
        sample
    };
    let (first, second) = (sorted(first), sorted(second));
    let (m, n) = (first.len(), second.len());
    if m == 0 || n == 0 {
        return Kolmogorov { statistic: 0.0, p: 1.0 };
    }
    // Distances are counted in whole steps of 1/(m n), so that none is off by a rounding.
    let (mut i, mut j, mut most) = (0_usize, 0_usize, 0_i64);
    while i < m && j < n {
        let x = first[i].min(second[j]);
        while i < m && first[i] <= x {
            i += 1;
        }
        while j < n && second[j] <= x {
            j += 1;
        }
        most = most.max(((i * n) as i64 - (j * m) as i64).abs());
    }
    let statistic = most as f64 / (m as f64 * n as f64);
    let p = if m.max(n) <= EXACT_MAX {
        exact(m, n, most)
    } else {
        let size = m as f64 * n as f64 / (m + n) as f64;
        kolmogorov_above(statistic, size)
    };
    Kolmogorov { statistic, p: p.clamp(0.0, 1.0) }
}

/// The share of all ways from (0, 0) to (m, n) that come as far from the diagonal as this, counted by Hodges' recurrence
/// ("The significance probability of the Smirnov two-sample test", Arkiv för Matematik 3, 1958): the ways that do not are
/// followed, each step with the probability it is taken with.
fn exact(m: usize, n: usize, most: i64) -> f64 {
    if most == 0 {
        return 1.0;
    }
    let apart = |i: usize, j: usize| ((i * n) as i64 - (j * m) as i64).abs() >= most;
    // What is found for (i, j) is the share of ways there that touched the border on the way.
    let mut shares = vec![0.0_f64; n + 1];
    for (j, share) in shares.iter_mut().enumerate() {
        *share = f64::from(u8::from(apart(0, j)));
    }
    for j in 1..=n {
        shares[j] = f64::max(shares[j], shares[j - 1]);
    }
    for i in 1..=m {
        shares[0] = if apart(i, 0) { 1.0 } else { shares[0] };
        for j in 1..=n {
            shares[j] = if apart(i, j) {
                1.0
            } else {
                // A way to (i, j) ends with a step from (i - 1, j) in i of i + j cases.
                let (up, right) = (i as f64, j as f64);
                (shares[j] * up + shares[j - 1] * right) / (up + right)
            };
        }
    }
    shares[n]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-10 * wanted.abs().max(1e-3), "{found} is not {wanted}");
    }

    fn samples() -> (Vec<f64>, Vec<f64>) {
        let first = (0..60).map(|at| f64::from((at * 37) % 101) / 10.0).collect();
        let second = (0..45).map(|at| f64::from((at * 53) % 97) / 8.0 + 1.0).collect();
        (first, second)
    }

    #[test]
    fn numbers_drift_as_evidently_says() {
        let (first, second) = samples();
        let binned = Binned::of_numbers(&first, &second);
        near(binned.psi(), 1.417_133_062_812_233_6);
        near(binned.jensen_shannon(), 0.269_203_340_610_269);
        let same = Binned::of_numbers(&first, &first);
        assert_eq!((same.psi(), same.jensen_shannon()), (0.0, 0.0));
        // Few values are compared one by one.
        let few = Binned::of_numbers(&[1.0, 2.0, 2.0, 3.0], &[1.0, 4.0]);
        assert_eq!((few.bins.len(), few.reference[1], few.current[3]), (4, 2.0, 1.0));
    }

    #[test]
    fn samples_differ_as_scipy_says() {
        // scipy.stats.ks_2samp
        let (first, second) = samples();
        let wider: Vec<f64> = second.iter().map(|x| x * 1.5).collect();
        let shifted: Vec<f64> = first.iter().map(|x| x + 0.05).collect();
        for (other, statistic, p) in [
            (&second, 0.25, 0.069_069_114_663_866_82),
            (&wider, 0.516_666_666_666_666_7, 9.210_099_757_425_232e-7),
            (&shifted, 0.016_666_666_666_666_666, 1.0),
            (&first, 0.0, 1.0),
        ] {
            let found = kolmogorov_smirnov(&first, other);
            near(found.statistic, statistic);
            near(found.p, p);
        }
        assert_eq!(kolmogorov_smirnov(&first, &[]).p, 1.0);
    }

    #[test]
    fn classes_drift_as_evidently_says() {
        let of = |counts: &[(&'static str, usize)]| -> Vec<&'static str> {
            counts.iter().flat_map(|(text, count)| vec![*text; *count]).collect()
        };
        let binned = |current: &[(&'static str, usize)]| {
            let reference = of(&[("a", 30), ("b", 50), ("c", 20)]);
            Binned::of_texts(reference.into_iter(), of(current).into_iter())
        };
        let moved = binned(&[("a", 20), ("b", 15), ("c", 13)]);
        near(moved.psi(), 0.147_926_848_308_611_66);
        near(moved.jensen_shannon(), 0.135_495_057_614_842_96);
        near(moved.chi_square(), 0.034_099_511_434_742_09);
        let new = binned(&[("a", 20), ("b", 15), ("d", 13)]);
        near(new.psi(), 3.785_771_842_356_084);
        near(new.jensen_shannon(), 0.422_922_076_042_490_1);
        assert_eq!(new.chi_square(), 0.0);
    }
}
