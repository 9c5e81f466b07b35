//! What is made small: log loss for classes, squared error for numbers.

use ports::learn::Task;

use crate::target::Target;

/// The loss of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// One score, the log-odds of the second class.
    Logistic,
    /// A score a class.
    Softmax(usize),
    /// One score, the number itself.
    Squared,
}

impl Loss {
    /// The loss for a target.
    pub fn of(target: &Target) -> Self {
        match target.task {
            Task::Binary => Self::Logistic,
            Task::Multiclass => Self::Softmax(target.classes.len()),
            Task::Regression => Self::Squared,
        }
    }

    /// How many scores a row has.
    pub fn scores(self) -> usize {
        match self {
            Self::Logistic | Self::Squared => 1,
            Self::Softmax(classes) => classes,
        }
    }

    /// The metric it is reported as.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic | Self::Softmax(_) => "logloss",
            Self::Squared => "rmse",
        }
    }

    /// A mean loss in the unit of the metric.
    pub fn shown(self, mean: f64) -> f64 {
        match self {
            Self::Logistic | Self::Softmax(_) => mean,
            Self::Squared => mean.sqrt(),
        }
    }

    /// The scores that are best when nothing is known of a row.
    pub fn base(self, targets: &[f64]) -> Vec<f64> {
        let count = targets.len() as f64;
        match self {
            Self::Squared => vec![targets.iter().sum::<f64>() / count],
            Self::Logistic => {
                // Half a row more for each class keeps the odds finite.
                let second = targets.iter().sum::<f64>() + 0.5;
                vec![(second / (count + 1.0 - second)).ln()]
            }
            Self::Softmax(classes) => {
                let mut counts = vec![0.5; classes];
                for &target in targets {
                    counts[target as usize] += 1.0;
                }
                counts.iter().map(|it: &f64| it.ln() - count.ln()).collect()
            }
        }
    }

    /// The loss of one row; the scores become its gradient and, where asked for, the curvature.
    pub fn row(self, target: f64, scores: &mut [f64], curvature: &mut [f64]) -> f64 {
        match self {
            Self::Squared => {
                let off = scores[0] - target;
                scores[0] = off;
                curvature[0] = 1.0;
                off * off
            }
            Self::Logistic => {
                let score = scores[0];
                let chance = 1.0 / (1.0 + (-score).exp());
                scores[0] = chance - target;
                curvature[0] = (chance * (1.0 - chance)).max(1e-12);
                // ln(1 + e^x), less x for the second class, without overflow.
                score.max(0.0) + (-score.abs()).exp().ln_1p() - score * target
            }
            Self::Softmax(_) => {
                let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = scores[target as usize] - most;
                scores.iter_mut().for_each(|it| *it = (*it - most).exp());
                let sum: f64 = scores.iter().sum();
                for (score, curvature) in scores.iter_mut().zip(curvature) {
                    let chance = *score / sum;
                    *score = chance;
                    // Twice the diagonal bounds what the other classes' scores do meanwhile.
                    *curvature = (2.0 * chance * (1.0 - chance)).max(1e-12);
                }
                scores[target as usize] -= 1.0;
                sum.ln() - own
            }
        }
    }
}
