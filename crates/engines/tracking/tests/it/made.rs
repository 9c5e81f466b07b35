//! Runs, metrics and numbers to try things with.

use base::Uid;
use ports::tracking::{Batch, Metric, Pair, Run, State};

/// A run's identifier.
pub fn id(name: &str) -> Uid {
    Uid::known(format!("xrn_{name}"))
}

/// A run.
pub fn run(experiment: &str, name: &str) -> Run {
    Run {
        org: "acme".to_owned(),
        project: "default".to_owned(),
        experiment: Uid::known(format!("exp_{experiment}")),
        id: id(name),
        name: name.to_owned(),
        user: "ada".to_owned(),
        state: State::Running,
        started_ms: 1_000,
        ended_ms: None,
        deleted_ms: None,
        artifacts: String::new(),
    }
}

/// A value.
pub fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric { key: key.to_owned(), value, step, time_ms: 5_000 + step, model: None, data: None }
}

/// Some values.
pub fn metrics(metrics: Vec<Metric>) -> Batch {
    Batch { metrics, ..Batch::default() }
}

/// Some parameters.
pub fn params(pairs: &[(&str, &str)]) -> Batch {
    Batch { params: pairs.iter().map(|(key, value)| Pair::new(*key, *value)).collect(), ..Batch::default() }
}

/// Numbers that look random and are the same each time.
pub struct Numbers(pub u64);

impl Numbers {
    /// One below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
