//! The part of the service `system` that measures: repeatable loads against endpoints and versions of models, evaluations on
//! labelled data, what stands side by side, A/B tests, and what all of it costs.
//!
//! Nothing here is estimated where it can be counted: use is counted by whoever answers, prices are what somebody wrote
//! down, and where there is no price the answer says so. Endpoints, versions, datasets and roll-outs belong to others: they
//! are read and asked by the names of kinds and actions.

use kernel::prelude::*;

mod ab_test;
mod benchmark;
mod comparison;
mod cost;
mod evaluation;
mod price;
mod quality;
mod rows;
mod subject;

/// The most objects of a kind that are looked at.
const OBJECTS_MAX: u32 = 10_000;

/// Everything this part of the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("system")
        .kind(benchmark::serve)
        .kind(evaluation::serve)
        .kind(comparison::serve)
        .kind(ab_test::serve)
        .kind(price::serve)
        .kind(cost::serve)
        .workflow(benchmark::measuring())
        .workflow(evaluation::evaluating())
        .controller("benchmarks", "system.benchmarks", benchmark::order)
        .controller("evaluations", "system.evaluations", evaluation::order)
        .controller("ab-test-ends", "catalog.rollouts", ab_test::end)
}
