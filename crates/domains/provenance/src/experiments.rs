//! The experiments behind things: whose runs learned from a dataset, whose runs made versions of a model.

use std::collections::{BTreeMap, BTreeSet};

use kernel::prelude::*;

const RUNS: &str = "catalog.runs";
/// How many versions and runs are looked at.
const LOOKED_AT_MAX: u32 = 1_000;

/// Whose.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Of {
    /// The name.
    #[field(max = 253)]
    name: Name,
}

fn text<'a>(raw: &'a Raw, name: &str) -> Option<&'a str> {
    raw.spec.get(name).and_then(Value::as_str)
}

/// The experiments of some runs, each with how many.
fn counted(runs: &[Raw]) -> Value {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for run in runs {
        *counts.entry(text(run, "experiment").unwrap_or_default()).or_default() += 1;
    }
    let items: Vec<Value> =
        counts.iter().map(|(name, runs)| json!({"experiment": name, "runs": runs})).collect();
    json!({"items": items})
}

/// What the caller may list of a kind.
async fn listed(cx: &Cx, kind: &str, filter: String) -> Result<Vec<Raw>> {
    cx.authorize(&format!("{kind}.list"), &cx.project).await?;
    cx.list_raw(kind, &filter, LOOKED_AT_MAX).await
}

/// The experiments whose runs learned from a dataset.
pub async fn of_dataset(cx: Cx, ask: Of) -> Result<Value> {
    let filter = format!("spec.dataset = {}", kernel::literal(ask.name.as_str()));
    let mut runs = Vec::new();
    for version in listed(&cx, "catalog.dataset-versions", filter).await? {
        let filter = format!("spec.datasetVersion = {}", kernel::literal(&version.metadata.name));
        runs.extend(listed(&cx, RUNS, filter).await?);
    }
    Ok(counted(&runs))
}

/// The experiments whose runs made versions of a model.
pub async fn of_model(cx: Cx, ask: Of) -> Result<Value> {
    let filter = format!("spec.model = {}", kernel::literal(ask.name.as_str()));
    let versions = listed(&cx, "catalog.model-versions", filter).await?;
    let names: BTreeSet<&str> = versions.iter().filter_map(|it| text(it, "run")).collect();
    cx.authorize(&format!("{RUNS}.get"), &cx.project).await?;
    let mut runs = Vec::new();
    for name in names {
        match cx.read(RUNS, name).await {
            Ok(run) => runs.push(run),
            Err(error) if error.code() == "not-found" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(counted(&runs))
}
