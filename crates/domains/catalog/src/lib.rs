//! The service `catalog`: from a table of data to an endpoint that predicts, with everything in between on record.

use kernel::prelude::*;

mod card;
mod cost;
mod dataset;
mod dataset_version;
mod endpoint;
mod experiment;
mod files;
mod logged;
mod model;
mod model_version;
mod predict;
mod provenance;
mod run;
mod serving;
mod tensor_json;
mod touched;
mod train;
mod training_job;

pub use serving::Serving;

/// Everything the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(dataset::serve)
        .kind(dataset_version::serve)
        .kind_of("system", training_job::serve)
        .kind(experiment::serve)
        .kind(run::serve)
        .kind(model::serve)
        .kind(model_version::serve)
        .kind(endpoint::serve)
        .kind(provenance::serve)
        .workflow(dataset_version::profiling())
        .workflow(train::training())
        .controller("training-jobs", "system.training-jobs", training_job::order)
        .controller("tracked-runs", "catalog.runs", logged::follow)
        .controller("endpoints", "catalog.endpoints", endpoint::make_ready)
}

#[cfg(test)]
mod transcripts;
