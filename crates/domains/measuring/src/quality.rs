//! How right predictions are on rows whose truth is known.

use std::collections::BTreeMap;

use asking::{Predicted, class_of};
use kernel::prelude::*;
use statistics::quality::{Classified, regression};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    /// Rows whose truth is known.
    pub judged: u64,
    /// `accuracy`, `balanced_accuracy`, `f1`, `logloss` and `auc` of classes; `rmse`, `mae` and `r2` of numbers.
    pub metrics: BTreeMap<String, f64>,
    /// The classes in the order of the counts.
    pub classes: Vec<String>,
    /// Rows by true and by predicted class.
    pub counts: Vec<Vec<u64>>,
}

/// Gathers truths and predictions.
pub struct Judge {
    classes: Vec<String>,
    /// How many of the classes have probabilities.
    known: usize,
    truth: Vec<usize>,
    said: Vec<usize>,
    chances: Vec<f64>,
    has_chances: bool,
    numbers: (Vec<f64>, Vec<f64>),
}

impl Judge {
    /// Of a model with these classes, in the order of its probabilities.
    pub fn new(classes: &[String]) -> Self {
        Self {
            classes: classes.to_vec(),
            known: classes.len(),
            truth: Vec::new(),
            said: Vec::new(),
            chances: Vec::new(),
            has_chances: !classes.is_empty(),
            numbers: (Vec::new(), Vec::new()),
        }
    }

    /// Takes one row; a truth that is missing is left out.
    pub fn add(&mut self, truth: &Value, said: &Predicted) {
        if let Some(label) = &said.label {
            let Some(truth) = class_of(truth) else { return };
            let (truth, label) = (self.place(truth), self.place(label.clone()));
            self.truth.push(truth);
            self.said.push(label);
            let own =
                self.classes.iter().take(self.known).map(|class| said.probabilities.get(class).copied());
            match own.collect::<Option<Vec<f64>>>() {
                Some(chances) if self.has_chances => self.chances.extend(chances),
                Some(_) | None => self.has_chances = false,
            }
        } else if let (Some(truth), Some(number)) = (number_of(truth), said.prediction)
            && number.is_finite()
        {
            self.numbers.0.push(truth);
            self.numbers.1.push(number);
        }
    }

    fn place(&mut self, class: String) -> usize {
        self.classes.iter().position(|it| *it == class).unwrap_or_else(|| {
            self.classes.push(class);
            self.classes.len() - 1
        })
    }

    /// What comes of it.
    pub fn verdict(&self) -> Quality {
        if !self.truth.is_empty() {
            // A class without a probability has no place among them.
            let is_known = self.has_chances && self.classes.len() == self.known;
            let classified = Classified {
                classes: &self.classes,
                truth: &self.truth,
                said: &self.said,
                chances: if is_known { &self.chances } else { &[] },
            };
            return Quality {
                judged: self.truth.len() as u64,
                metrics: classified.metrics(),
                counts: classified.counts(),
                classes: self.classes.clone(),
            };
        }
        let (truth, said) = &self.numbers;
        if truth.is_empty() {
            return Quality::default();
        }
        Quality { judged: truth.len() as u64, metrics: regression(truth, said), ..Quality::default() }
    }
}

/// A value as a number.
pub fn number_of(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|it| it.is_finite())
}

/// Whether more of a metric is better; nothing of one that nobody knows.
pub fn more_is_better(metric: &str) -> Option<bool> {
    match metric {
        "accuracy" | "balanced_accuracy" | "f1" | "auc" | "r2" | "precision" | "recall" => Some(true),
        "logloss" | "rmse" | "mae" | "mse" | "mape" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(label: &str, yes: f64) -> Predicted {
        let probabilities = BTreeMap::from([("no".to_owned(), 1.0 - yes), ("yes".to_owned(), yes)]);
        Predicted { label: Some(label.to_owned()), probabilities, prediction: None }
    }

    #[test]
    fn classes_are_judged_with_their_probabilities_while_all_are_known() {
        let mut judge = Judge::new(&["no".to_owned(), "yes".to_owned()]);
        for (truth, label, yes) in [("no", "no", 0.1), ("no", "yes", 0.6), ("yes", "yes", 0.9)] {
            judge.add(&json!(truth), &said(label, yes));
        }
        judge.add(&Value::Null, &said("no", 0.2));
        let found = judge.verdict();
        assert_eq!((found.judged, found.metrics["auc"]), (3, 1.0));
        assert_eq!(found.counts, [[1, 1], [0, 1]]);
        // A truth the model has never heard of leaves it without probabilities, and is a mistake all the same.
        judge.add(&json!("maybe"), &said("no", 0.2));
        let found = judge.verdict();
        assert_eq!((found.judged, found.metrics.contains_key("auc")), (4, false));
        assert_eq!(found.metrics["accuracy"], 0.5);
    }

    #[test]
    fn numbers_are_judged_by_how_far_they_are_off() {
        let mut judge = Judge::new(&[]);
        for (truth, number) in [(json!(1), 1.0), (json!("3"), 2.0), (json!("many"), 2.0)] {
            judge.add(&truth, &Predicted { prediction: Some(number), ..Predicted::default() });
        }
        let found = judge.verdict();
        assert_eq!((found.judged, found.metrics["mae"]), (2, 0.5));
        assert_eq!(Judge::new(&[]).verdict(), Quality::default());
    }
}
