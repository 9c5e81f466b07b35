//! What tracking keeps beside experiments and runs, in the service `catalog`.

use kernel::prelude::*;

mod evaluation_dataset;
mod evaluation_record;
mod logged_model;
mod model_price;
mod scorer;
mod told;
mod webhook;

/// Everything the domain serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(logged_model::serve)
        .kind(evaluation_dataset::serve)
        .kind(evaluation_record::serve)
        .kind(scorer::serve)
        .kind(model_price::serve)
        .kind(webhook::serve)
        .controller("webhooks-of-models", "catalog.models", told::of_model)
        .controller("webhooks-of-versions", "catalog.model-versions", told::of_version)
}

#[cfg(test)]
mod transcripts;
