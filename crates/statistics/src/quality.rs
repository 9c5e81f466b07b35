//! How good predictions are on rows whose truth is known.

use std::collections::BTreeMap;

/// What a classifier said of some rows.
pub struct Classified<'a> {
    /// The classes; of two, the second is the positive one.
    pub classes: &'a [String],
    /// The place of each row's true class.
    pub truth: &'a [usize],
    /// The place of the class each row was given.
    pub said: &'a [usize],
    /// The probability of each class, row by row; empty where they are not known.
    pub chances: &'a [f64],
}

impl Classified<'_> {
    /// Counts by true and predicted class.
    pub fn counts(&self) -> Vec<Vec<u64>> {
        let mut counts = vec![vec![0; self.classes.len()]; self.classes.len()];
        for (&truth, &said) in self.truth.iter().zip(self.said) {
            counts[truth][said] += 1;
        }
        counts
    }

    /// Accuracy, balanced accuracy, F1 (of the second class of two, else the mean over classes),
    /// the area under the ROC curve (likewise) and the log loss.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let count = self.classes.len();
        let counts = self.counts();
        let rows = self.truth.len().max(1) as f64;
        let right: u64 = (0..count).map(|at| counts[at][at]).sum();
        let (mut recalls, mut f1s) = (Vec::new(), Vec::new());
        for at in 0..count {
            let own: u64 = counts[at].iter().sum();
            let said: u64 = counts.iter().map(|row| row[at]).sum();
            if own > 0 {
                recalls.push(counts[at][at] as f64 / own as f64);
            }
            if own + said > 0 {
                f1s.push((at, 2.0 * counts[at][at] as f64 / (own + said) as f64));
            }
        }
        let second = f1s.iter().find(|(at, _)| *at == 1).map_or(0.0, |it| it.1);
        let f1s: Vec<f64> = f1s.iter().map(|it| it.1).collect();
        let areas: Vec<f64> = (0..count).filter_map(|class| self.area(class)).collect();
        let mut metrics = BTreeMap::from([
            ("accuracy".to_owned(), right as f64 / rows),
            ("balanced_accuracy".to_owned(), mean(&recalls)),
            ("f1".to_owned(), if count == 2 { second } else { mean(&f1s) }),
        ]);
        if !self.chances.is_empty() {
            metrics.insert("logloss".to_owned(), self.log_loss());
        }
        if !areas.is_empty() {
            metrics.insert("auc".to_owned(), mean(&areas));
        }
        metrics
    }

    fn log_loss(&self) -> f64 {
        let count = self.classes.len();
        let of = |(row, &truth): (usize, &usize)| -self.chances[row * count + truth].clamp(1e-15, 1.0).ln();
        self.truth.iter().enumerate().map(of).sum::<f64>() / self.truth.len().max(1) as f64
    }

    /// The chance that a row of the class is given more than a row of another; none when one sort is missing.
    fn area(&self, class: usize) -> Option<f64> {
        if self.chances.is_empty() {
            return None;
        }
        let count = self.classes.len();
        let mut ranked: Vec<(f64, bool)> = self
            .truth
            .iter()
            .enumerate()
            .map(|(row, &truth)| (self.chances[row * count + class], truth == class))
            .collect();
        ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let own = ranked.iter().filter(|it| it.1).count() as f64;
        let others = ranked.len() as f64 - own;
        if own == 0.0 || others == 0.0 {
            return None;
        }
        // Equal chances share their mean rank.
        let mut sum = 0.0;
        let mut start = 0;
        while start < ranked.len() {
            let same = ranked[start..].iter().take_while(|it| it.0 == ranked[start].0).count();
            let rank = start as f64 + (same as f64 + 1.0) / 2.0;
            sum += rank * ranked[start..start + same].iter().filter(|it| it.1).count() as f64;
            start += same;
        }
        Some((sum - own * (own + 1.0) / 2.0) / (own * others))
    }
}

/// Root mean squared error, mean absolute error and the share of variance explained.
pub fn regression(truth: &[f64], said: &[f64]) -> BTreeMap<String, f64> {
    let off: Vec<f64> = truth.iter().zip(said).map(|(y, p)| y - p).collect();
    let squares = mean(&off.iter().map(|it| it * it).collect::<Vec<_>>());
    let centre = mean(truth);
    let variance = mean(&truth.iter().map(|y| (y - centre) * (y - centre)).collect::<Vec<_>>());
    BTreeMap::from([
        ("rmse".to_owned(), squares.sqrt()),
        ("mae".to_owned(), mean(&off.iter().map(|it| it.abs()).collect::<Vec<_>>())),
        ("r2".to_owned(), if variance > 0.0 { 1.0 - squares / variance } else { 0.0 }),
    ])
}

/// The arithmetic mean; zero of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::Classified;

    #[test]
    fn the_metrics_are_those_of_the_textbook() {
        let classes = ["no".to_owned(), "yes".to_owned()];
        let it = Classified {
            classes: &classes,
            truth: &[0, 0, 1, 1],
            said: &[0, 1, 1, 1],
            chances: &[0.9, 0.1, 0.4, 0.6, 0.4, 0.6, 0.2, 0.8],
        };
        let metrics = it.metrics();
        let close =
            |name: &str, value: f64| assert!((metrics[name] - value).abs() < 1e-12, "{name} {metrics:?}");
        close("accuracy", 0.75);
        close("balanced_accuracy", 0.75);
        close("f1", 0.8);
        close("auc", 0.875);
        close("logloss", -(0.9_f64.ln() + 0.4_f64.ln() + 0.6_f64.ln() + 0.8_f64.ln()) / 4.0);
    }
}
