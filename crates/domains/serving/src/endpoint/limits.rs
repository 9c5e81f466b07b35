//! What bounds the load of an endpoint: places, the queue before them, batches, and when its model is let go.

use std::time::Duration;

use kernel::prelude::*;
use ports::infer::load;

use super::{Endpoint, routing::changed};
use crate::live::Serving;

/// Adds what is served of scaling.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.check(whole)
        .action("scale", "Sets the fewest and the most replicas.", scale)
        .view("load", "What runs and waits at each revision in this process.", busy)
        .needs("get")
}

/// What bounds the load of an endpoint. A replica is a place where the model runs, one batch at a time; places beyond
/// the fewest start with the load and end with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The fewest replicas; with 0 the model is let go when nobody has asked for `idleSeconds`, and the next request waits
    /// until it is loaded again.
    #[field(min = 0, max = 64, default = 1)]
    pub replicas_min: u32,
    /// The most replicas.
    #[field(min = 1, max = 64, default = 4)]
    pub replicas_max: u32,
    /// How many requests may wait for a replica.
    #[field(min = 0, max = 10000, default = 100)]
    pub queue_max: u32,
    /// How much of replicas and queue one caller may have, in percent; one request at least.
    #[field(min = 1, max = 100, default = 100)]
    pub caller_percent: u32,
    /// How many rows of waiting requests are run together at most; 1 puts nothing together.
    #[field(min = 1, max = 10000, default = 1)]
    pub batch_rows: u32,
    /// How long a batch may run, in milliseconds; batches get smaller until they do.
    #[field(min = 1, max = 60000, default = 50)]
    pub batch_target_ms: u32,
    /// After how many seconds without a request the model is let go, where the fewest replicas are 0.
    #[field(min = 1, max = 86400, default = 300)]
    pub idle_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            replicas_min: 1,
            replicas_max: 4,
            queue_max: 100,
            caller_percent: 100,
            batch_rows: 1,
            batch_target_ms: 50,
            idle_seconds: 300,
        }
    }
}

impl Limits {
    /// The same in the engine's words.
    pub fn engine(&self) -> load::Limits {
        let all = u64::from(self.replicas_max) + u64::from(self.queue_max);
        let of_caller_max = (all * u64::from(self.caller_percent)).div_ceil(100) as usize;
        load::Limits {
            places: self.replicas_max as usize,
            waiting_max: self.queue_max as usize,
            of_caller_max,
            rows_max: self.batch_rows as usize,
            target: Duration::from_millis(u64::from(self.batch_target_ms)),
        }
    }
}

fn whole(it: &Object<Endpoint>) -> Result<()> {
    match &it.spec.limits {
        Some(limits) if limits.replicas_min > limits.replicas_max => {
            Err(Error::invalid("bad-scale", "the fewest replicas are more than the most")
                .at("spec.limits.replicasMin"))
        }
        _ => Ok(()),
    }
}

/// How many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Scale {
    /// As many, neither fewer nor more; 0 lets the model go when nobody asks, with one replica at most.
    #[field(min = 0, max = 64)]
    replicas: Option<u32>,
    /// The fewest.
    #[field(min = 0, max = 64)]
    min_replicas: Option<u32>,
    /// The most.
    #[field(min = 1, max = 64)]
    max_replicas: Option<u32>,
}

async fn scale(cx: Cx, it: Object<Endpoint>, ask: Scale) -> Result<Limits> {
    if ask.replicas.is_none() && ask.min_replicas.is_none() && ask.max_replicas.is_none() {
        return Err(Error::invalid("bad-scale", "say how many replicas").at("replicas"));
    }
    let saved = changed(&cx, it.metadata.uid.as_str(), |it| {
        let limits = it.spec.limits.get_or_insert_with(Limits::default);
        if let Some(replicas) = ask.replicas {
            (limits.replicas_min, limits.replicas_max) = (replicas, replicas.max(1));
        }
        limits.replicas_min = ask.min_replicas.unwrap_or(limits.replicas_min);
        limits.replicas_max = ask.max_replicas.unwrap_or(limits.replicas_max);
    });
    Ok(saved.await?.spec.limits.unwrap_or_default())
}

/// What runs and waits.
async fn busy(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let limits = it.spec.limits.clone();
    let items = cx.port::<Serving>()?.busy(&it.metadata.uid);
    Ok(json!({"limits": limits, "loaded": items.is_some(), "revisions": items.unwrap_or_default()}))
}
