//! The service `catalog`: from a table of data to an endpoint that predicts, with everything in between on record.

use kernel::prelude::*;

mod attestation;
mod card;
mod cost;
mod dataset;
mod dataset_version;
mod endpoint;
mod experiment;
mod files;
mod gate;
mod logged;
mod model;
mod model_version;
mod model_work;
mod predict;
mod reproduce;
mod run;
mod serving;
mod tensor_json;
mod train;
mod training_job;
mod used;

pub use serving::Serving;

/// Everything the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(dataset::serve)
        .kind(dataset_version::serve)
        .kind(dataset::quality_rule::serve)
        .kind(dataset::quality_check::serve)
        .kind_of("system", training_job::serve)
        .kind(experiment::serve)
        .kind(run::serve)
        .kind(model::serve)
        .kind(model_version::serve)
        .kind(model_work::artifact::serve)
        .kind(endpoint::serve)
        .workflow(dataset_version::profiling())
        .workflow(dataset::quality_check::checking())
        .workflow(dataset::transform::transforming())
        .workflow(dataset::split::splitting())
        .workflow(train::training())
        .every("usage", 60, used::flush)
        .controller("training-jobs", "system.training-jobs", training_job::order)
        .controller("tracked-runs", "catalog.runs", logged::follow)
        .controller("traced-experiments", "catalog.experiments", logged::follow_experiment)
        .controller("endpoints", "catalog.endpoints", endpoint::make_ready)
}

#[cfg(test)]
mod transcripts;
