//! Links of traces: to the runs they were made in or belong to, and to the prompts they used.

use kernel::cx::Cx;
use ports::tracking::trace::{Edit, Traces};
use serde_json::Value;

use super::{info, may, one};
use crate::{
    ask::Ask,
    checks,
    fault::{Fault, Result},
    nothing, runs,
};

/// The most traces linked at once.
const LINKS_MAX: usize = 100;

/// Links traces to a run.
pub async fn to_run(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (ids, run) = (ask.texts("trace_ids")?, ask.required("run_id")?);
    if ids.len() > LINKS_MAX {
        return Err(Fault::invalid(format!(
            "Cannot link more than {LINKS_MAX} traces to a run in a single request. Provided {} traces.",
            ids.len()
        )));
    }
    let run = runs::find(cx, run, "update").await?;
    link(cx, &ids, run.metadata.uid.as_str()).await?;
    Ok(nothing())
}

/// Links traces within reach, and those that nobody has told of yet: clients tell of traces beside their other work.
pub async fn link(cx: &Cx, ids: &[String], run: &str) -> Result<()> {
    let traces = cx.port::<dyn Traces>()?;
    let known = traces.traces(&cx.org, ids).await?;
    for id in ids {
        let may = match known.iter().find(|trace| trace.id == *id) {
            Some(trace) => may(cx, trace, "update").await?,
            None => info::is_id(id),
        };
        if may {
            traces.edit(&cx.org, id, Edit::LinkRun(run.to_owned())).await?;
        }
    }
    Ok(())
}

/// Links a trace to versions of prompts.
pub async fn to_prompts(cx: &Cx, ask: &Ask) -> Result<Value> {
    let mut prompts = Vec::new();
    for item in ask.items("prompt_versions")? {
        let (name, version) = (item.required("name")?, item.required("version")?);
        checks::length("name", name, 256)?;
        checks::version(version)?;
        prompts.push(format!("{name}/{version}"));
    }
    let it = one(cx, ask.required("trace_id")?, "update").await?;
    cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, Edit::LinkPrompts(prompts)).await?;
    Ok(nothing())
}
