//! Learning a model from a table: what is asked, what is reported, what comes out.

use std::collections::BTreeMap;

use base::Result;
use serde::{Deserialize, Serialize};

use crate::{Watch, infer::Signature, table::Table};

/// What sort of question the target column asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Two classes.
    Binary,
    /// Three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

/// What is asked of a learner.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lesson {
    /// The column to predict.
    pub target: String,
    /// Columns not to learn from, such as identifiers.
    pub ignore: Vec<String>,
    /// The task; found from the target's values when absent.
    pub task: Option<Task>,
    /// Seconds after which no further candidate is tried.
    pub budget_s: f64,
    /// Folds of the cross-validation that chooses among candidates.
    pub folds: u32,
    /// Share of the rows held out for the final test, between 0 and 1.
    pub test_share: f64,
    /// What all shuffling starts from; the same seed gives the same model.
    pub seed: u64,
    /// The one candidate to try, where it is known already: a trial of an earlier lesson.
    pub only: Option<Tried>,
}

/// A candidate, as trials name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The learner, for example `gradient-boosted-trees`.
    pub learner: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

/// One candidate's result in the cross-validation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// The learner, for example `gradient-boosted-trees`.
    pub learner: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Mean validation score over the folds: the share of the loss of knowing nothing that the
    /// learner saves, so 1 is perfect and 0 useless. For regression it is R².
    pub score: f64,
    /// Standard deviation over the folds.
    pub deviation: f64,
    /// Seconds it took.
    pub seconds: f64,
}

/// A value of a metric at a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The metric, for example `valid.logloss`.
    pub metric: String,
    /// Boosting round or trial number.
    pub step: u64,
    /// The value.
    pub value: f64,
}

/// How wrong the model is on the held-out rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Errors {
    /// Counts by true class (row) and predicted class (column).
    Confusion {
        /// The class of each row and column.
        classes: Vec<String>,
        /// Counts.
        counts: Vec<Vec<u64>>,
    },
    /// The distribution of true minus predicted.
    Residuals {
        /// Edges of the bins, one more than there are counts.
        edges: Vec<f64>,
        /// Rows in each bin.
        counts: Vec<u64>,
    },
}

/// What a learner hands back.
#[derive(Clone, Debug)]
pub struct Lessoned {
    /// What the target asked.
    pub task: Task,
    /// Every candidate tried, best first.
    pub trials: Vec<Trial>,
    /// Final metrics on the held-out rows, for example `accuracy`, `auc`, `rmse`.
    pub metrics: BTreeMap<String, f64>,
    /// How wrong it is, in detail.
    pub errors: Errors,
    /// The model, an ONNX file any runtime loads: preprocessing is inside it.
    pub onnx: Vec<u8>,
    /// What it takes and gives.
    pub signature: Signature,
    /// Rows that explanations compare with, in the model's input order, at most 200.
    pub background: Vec<BTreeMap<String, serde_json::Value>>,
    /// Indices of the rows held out for the test, in the table handed in.
    pub held_out: Vec<usize>,
    /// Mean absolute contribution of each input, largest first.
    pub importance: Vec<(String, f64)>,
}

/// Learns models from tables.
pub trait Learn: Send + Sync {
    /// Learns one; metric points are handed out as they come.
    ///
    /// # Errors
    /// `lesson-invalid` (also when `only` names no candidate there is), `target-missing`, `target-one-class`, `target-too-many-classes`,
    /// `target-not-numeric`, `too-few-rows`, `no-usable-columns`, `cancelled`.
    fn learn(
        &self,
        lesson: &Lesson,
        table: &Table,
        points: &mut dyn FnMut(Point),
        watch: &dyn Watch,
    ) -> Result<Lessoned>;
}
