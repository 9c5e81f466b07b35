//! The service `catalog`: from a table of data to a version of a model, with everything in between on record.

use kernel::prelude::*;

mod attestation;
mod card;
mod cost;
mod dataset;
mod dataset_version;
mod experiment;
mod files;
mod gate;
mod logged;
mod model;
mod model_version;
mod model_work;
mod reference;
mod reproduce;
mod run;
mod train;
mod training_job;

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
        .workflow(dataset_version::profiling())
        .workflow(dataset::quality_check::checking())
        .workflow(dataset::transform::transforming())
        .workflow(dataset::split::splitting())
        .workflow(train::training())
        .every("usage", 60, usage::flush)
        .controller("training-jobs", "system.training-jobs", training_job::order)
        .controller("latest-versions", "catalog.model-versions", model_version::latest)
        .controller("tracked-runs", "catalog.runs", logged::follow)
        .controller("traced-experiments", "catalog.experiments", logged::follow_experiment)
}

#[cfg(test)]
mod transcripts;
