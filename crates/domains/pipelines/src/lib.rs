//! The part of the service `catalog` that chains work: stages of components, each an operation of the platform.
//!
//! A pipeline acts with the rights of whoever ran or scheduled it, asked anew at every component. What drives
//! it is the journal: a component that orders a run is gone on from when that run has ended, so nothing waits
//! in memory, and a crash loses no place.

use kernel::prelude::*;

mod cron;
mod operation;
mod pipeline;
mod run;
mod schedule;

/// Everything this part of the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(pipeline::serve)
        .kind(run::serve)
        .kind(schedule::serve)
        .workflow(operation::webhook())
        .controller("pipeline-runs", "catalog.pipeline-runs", run::drive::begun)
        .controller("pipeline-steps", "system.runs", run::drive::ended)
        .every("pipeline-schedules", 10, schedule::follow)
        .every("pipeline-strays", 30, run::drive::pick_up)
}
