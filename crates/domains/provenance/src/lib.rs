//! The service `catalog`, its provenance: where things came from, what came of them, and what other programs report of it.

use kernel::prelude::*;

mod changes;
mod experiments;
mod export;
mod graph;
mod lineage_dataset;
mod lineage_job;
mod lineage_run;
mod lineage_sink;
mod openlineage;
mod provenance;
mod quarantine;
mod told;

/// Everything this part of the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(provenance::serve)
        .kind(export::serve)
        .kind(lineage_job::serve)
        .kind(lineage_run::serve)
        .kind(lineage_dataset::serve)
        .kind(openlineage::serve)
        .kind(lineage_sink::serve)
        .kind(quarantine::serve)
        .every("lineage-sinks", 5, lineage_sink::send_all)
        .controller("quarantines", "catalog.quarantines", quarantine::imposed)
}
