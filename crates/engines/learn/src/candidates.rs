//! The learners that are tried, in the order of trying.

use std::collections::BTreeMap;

use crate::{boost::Params, loss::Loss};

/// A learner and its parameters.
#[derive(Clone, Copy, Debug)]
pub enum Candidate {
    Trees(Params),
    /// A linear model with this weight on its squared coefficients.
    Linear(f64),
}

/// What is tried for a loss, what usually wins first.
pub fn list(loss: Loss) -> Vec<Candidate> {
    let min_leaf = match loss {
        // Curvatures of log loss are at most a quarter a row.
        Loss::Logistic | Loss::Softmax(_) => 1.0,
        Loss::Squared => 5.0,
    };
    let trees = |learning_rate, depth, leaves| {
        Candidate::Trees(Params {
            learning_rate,
            depth,
            leaves,
            l2: 1.0,
            min_leaf,
            row_share: 0.8,
            column_share: 0.7,
            rounds: 600,
        })
    };
    vec![
        trees(0.08, 4, 12),
        Candidate::Linear(1.0),
        trees(0.08, 6, 31),
        trees(0.05, 3, 8),
        Candidate::Linear(30.0),
        Candidate::Linear(0.03),
        trees(0.05, 8, 48),
    ]
}

impl Candidate {
    /// The learner's name.
    pub fn learner(&self, loss: Loss) -> &'static str {
        match (self, loss) {
            (Self::Trees(_), _) => "gradient-boosted-trees",
            (Self::Linear(_), Loss::Squared) => "ridge-regression",
            (Self::Linear(_), Loss::Logistic | Loss::Softmax(_)) => "logistic-regression",
        }
    }

    /// Its parameters as they are reported.
    pub fn params(&self) -> BTreeMap<String, String> {
        let pairs = match self {
            Self::Linear(l2) => vec![("l2", l2.to_string())],
            Self::Trees(it) => vec![
                ("learning_rate", it.learning_rate.to_string()),
                ("max_depth", it.depth.to_string()),
                ("max_leaves", it.leaves.to_string()),
                ("l2", it.l2.to_string()),
                ("min_leaf_weight", it.min_leaf.to_string()),
                ("row_share", it.row_share.to_string()),
                ("column_share", it.column_share.to_string()),
                ("max_rounds", it.rounds.to_string()),
            ],
        };
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
