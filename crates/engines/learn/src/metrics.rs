//! How wrong a model is, in detail.

use ports::learn::Errors;
use statistics::quality::{Classified, mean};

/// Bins of the residuals.
const BINS: usize = 20;

/// The confusion matrix.
pub fn confusion(it: &Classified<'_>) -> Errors {
    Errors::Confusion { classes: it.classes.to_vec(), counts: it.counts() }
}

/// The distribution of true minus predicted.
pub fn residuals(truth: &[f64], said: &[f64]) -> Errors {
    let off: Vec<f64> = truth.iter().zip(said).map(|(y, p)| y - p).collect();
    let low = off.iter().copied().fold(f64::INFINITY, f64::min);
    let high = off.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = if low < high { (low, high) } else { (low.min(0.0) - 0.5, low.max(0.0) + 0.5) };
    let width = (high - low) / BINS as f64;
    let mut counts = vec![0; BINS];
    for it in off {
        counts[(((it - low) / width) as usize).min(BINS - 1)] += 1;
    }
    Errors::Residuals { edges: (0..=BINS).map(|at| low + width * at as f64).collect(), counts }
}

/// The sample standard deviation.
pub fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|it| (it - centre) * (it - centre)).sum();
    (squares / values.len().saturating_sub(1).max(1) as f64).sqrt()
}
