//! The part of the service `catalog` that answers: endpoints, their revisions, how traffic is shared among them, and
//! roll-outs from one to the next.
//!
//! What runs is a revision, and a revision never changes. A new version makes a new revision, which is loaded and tried
//! before anything is sent to it; whatever goes wrong until then, the one in service goes on answering.

use std::{sync::Arc, time::Duration};

use kernel::{platform::Platform, prelude::*};

mod conversion;
mod deploy;
mod endpoint;
mod form;
mod gate;
mod graph;
mod how;
mod live;
mod predict;
mod preparing;
mod revision;
mod rollout;
mod server;
mod tensor_json;

pub use endpoint::{Answered, Ask, Flow, Manner, answer, flow};
pub use forms::{Inputs, generated, plain};
pub use live::{Series, Serving};
pub use server::follow;

/// Lets models go that nobody asks for any more, again and again.
pub async fn rest(platform: Arc<Platform>) {
    let Ok(serving) = platform.port::<Serving>() else { return };
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let count = serving.rest(platform.now());
        if count > 0 {
            tracing::debug!(count, "endpoints rest");
        }
    }
}

/// Everything this part of the service serves, in the order a user meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(endpoint::serve)
        .kind(revision::serve)
        .kind(rollout::serve)
        .kind(server::serve)
        .kind(graph::serve)
        .workflow(deploy::deploying())
        .workflow(preparing::preparing())
        .workflow(rollout::rolling_out())
        .every("model-servers", 15, server::check_all)
        .every("request-logs", 3_600, endpoint::logging::trim)
        .controller("request-logs", "catalog.endpoints", endpoint::logging::forget)
        .controller("endpoints", "catalog.endpoints", deploy::make_ready)
        .controller("deploy-ends", "system.runs", deploy::end)
        .controller("rollouts", "catalog.rollouts", rollout::order)
        .controller("rollout-ends", "system.runs", rollout::end)
}
