//! Making what a version needs beside itself, apart from any endpoint: the environment of a version that is code.

use kernel::{
    prelude::*,
    runs::{Order, Phase, Run, StepCx, Workflow},
};
use ports::infer::flavour::Flavours;

use crate::{
    form::{self, Form},
    gate::VERSIONS,
    graph,
};

/// The workflow.
const WORKFLOW: &str = "catalog.prepare";

/// What it is given.
#[derive(Serialize, Deserialize)]
struct Input {
    version: String,
}

/// Preparing a version, with what the installer says as its log.
pub fn preparing() -> Workflow {
    Workflow::new(WORKFLOW).step("prepare", prepare)
}

async fn prepare(step: StepCx) -> Result<Value> {
    let input = step.input::<Input>()?;
    form::prepare(&step, &input.version).await?;
    Ok(json!({"version": input.version}))
}

/// Whether a version can be loaded as it is.
pub async fn is_prepared(cx: &Cx, version: &str) -> Result<bool> {
    match Form::of(cx, &cx.read(VERSIONS, version).await?).await? {
        Form::Onnx(_) | Form::Converted(_) | Form::Server(_) => Ok(true),
        Form::Graph(name) => {
            for version in graph::versions_of(cx, &name).await? {
                if !Box::pin(is_prepared(cx, &version)).await? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Form::Flavour(bundle) => {
            let flavours = cx.port::<dyn Flavours>()?;
            cx.blocking(move || Ok(flavours.is_prepared(&bundle))).await
        }
    }
}

/// The run that prepares a version: one that is under way, or a new one.
pub async fn order(cx: &Cx, version: &str) -> Result<String> {
    let subject = format!("{VERSIONS}/{version}");
    let filter = format!("spec.workflow = \"{WORKFLOW}\" and spec.subject = \"{subject}\"");
    let is_under_way =
        |run: &Object<Run>| matches!(run.status.phase, Phase::Pending | Phase::Running | Phase::Waiting);
    let known = cx.list::<Run>(&filter, 1_000).await?;
    if let Some(run) = known.iter().find(|run| is_under_way(run)) {
        return Ok(run.name().to_owned());
    }
    let input = serde_json::to_value(Input { version: version.to_owned() }).map_err(Error::internal)?;
    let mut order = Order::new(WORKFLOW, input);
    order.subject = Some(subject);
    Ok(cx.order(order).await?.metadata.name)
}
