//! What tracking keeps beside experiments and runs, in the service `catalog`.

use kernel::prelude::*;

mod logged_model;

/// Everything the domain serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog").kind(logged_model::serve)
}

#[cfg(test)]
mod transcripts;
