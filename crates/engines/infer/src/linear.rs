//! Linear models as `ai.onnx.ml` writes them: one row of coefficients a score.

use base::Result;

use crate::{attributes::Attributes, fault::unreadable};

/// Scores that are sums of weighted features.
#[derive(Debug)]
pub struct Linear {
    pub coefficients: Vec<f64>,
    pub intercepts: Vec<f64>,
    pub scores: usize,
    pub features: usize,
}

impl Linear {
    /// Reads the attributes for so many scores.
    pub fn read(of: Attributes<'_>, scores: usize) -> Result<Self> {
        let widen = |name| of.floats(name).iter().map(|&x| f64::from(x)).collect();
        let coefficients: Vec<f64> = widen("coefficients");
        let mut intercepts: Vec<f64> = widen("intercepts");
        if intercepts.is_empty() {
            intercepts = vec![0.0; scores];
        }
        if scores == 0
            || coefficients.is_empty()
            || !coefficients.len().is_multiple_of(scores)
            || intercepts.len() != scores
        {
            return Err(unreadable("the coefficients do not fit the targets"));
        }
        Ok(Self { features: coefficients.len() / scores, coefficients, intercepts, scores })
    }

    fn row(&self, score: usize) -> &[f64] {
        &self.coefficients[score * self.features..][..self.features]
    }

    /// The raw scores of a row with at least `features` values.
    pub fn score(&self, row: &[f64], scores: &mut [f64]) {
        for (at, score) in scores.iter_mut().enumerate() {
            let sum: f64 = self.row(at).iter().zip(row).map(|(c, x)| c * x).sum();
            *score = sum + self.intercepts[at];
        }
    }

    /// Adds what each feature contributes to a score and answers the rest.
    pub fn explain(&self, row: &[f64], score: usize, phi: &mut [f64]) -> f64 {
        for ((it, c), x) in phi.iter_mut().zip(self.row(score)).zip(row) {
            *it += c * x;
        }
        self.intercepts[score]
    }
}
