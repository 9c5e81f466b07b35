//! The part of the service `catalog` that watches what answers: how far inputs and predictions drift from what a model was
//! trained on, how right it turns out to be, whether groups are treated alike; and predictions of whole datasets.
//!
//! The service `system` has analytics and scores by it. What was asked and answered comes from the request log. Endpoints,
//! versions, datasets and alerts belong to others: they are read and asked by the names of kinds and actions.

use kernel::prelude::*;

mod alarm;
mod analytics;
mod baseline;
mod batch;
mod drift;
mod importance;
mod monitor;
mod quality;
mod sight;

pub use baseline::Baselines;

/// Everything this part of the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(monitor::serve)
        .kind(batch::serve)
        .kind_of("system", analytics::serve)
        .workflow(batch::predicting())
        .every("monitors", 5, monitor::evaluate_all)
        .controller("batch-predictions", "catalog.batch-predictions", batch::order)
}
