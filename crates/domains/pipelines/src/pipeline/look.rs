//! How a pipeline does: read from its runs.

use std::collections::BTreeMap;

use bytes::Bytes;
use kernel::prelude::*;

use super::{Pipeline, Type};
use crate::{
    run::{self, Phase, PipelineRun},
    schedule::Schedule,
};

/// Adds what is served of looking at pipelines.
pub fn serve(kind: KindBuilder<Pipeline>) -> KindBuilder<Pipeline> {
    kind.view("status", "How the last run is, and when the next one is due.", status)
        .needs("get")
        .view("metrics", "How many runs of the last days ended how, and how long components took.", metrics)
        .needs("get")
        .view(
            "alerts",
            "What somebody should look after: failures since the last success, schedules that fail.",
            alerts,
        )
        .needs("get")
        .download("logs", "What happened in a run, component by component, as text.", logs)
        .needs("get")
        .action(
            "health-check",
            "Whether every component's object is there, and the caller may do what it does.",
            run::health,
        )
        .needs("get")
        .view_of_all("types", "The sorts of pipelines, and how many there are of each.", types)
        .needs("list")
        .view_of_all("by-type", "The pipelines of a sort.", by_type)
        .needs("list")
}

/// The latest runs of a pipeline, newest first.
async fn runs(cx: &Cx, it: &Object<Pipeline>) -> Result<Vec<Object<PipelineRun>>> {
    let mut runs = cx.list::<PipelineRun>(&format!("spec.pipeline = \"{}\"", it.name()), 1000).await?;
    runs.reverse();
    Ok(runs)
}

async fn schedules(cx: &Cx, it: &Object<Pipeline>) -> Result<Vec<Object<Schedule>>> {
    cx.list::<Schedule>(&format!("spec.pipeline = \"{}\"", it.name()), 1000).await
}

async fn status(cx: Cx, it: Object<Pipeline>, _: Nothing) -> Result<Value> {
    let runs = runs(&cx, &it).await?;
    let last = runs.first();
    let due = schedules(&cx, &it)
        .await?
        .into_iter()
        .filter(|it| it.spec.enabled)
        .filter_map(|it| it.status.next)
        .min();
    Ok(json!({
        "archived": it.spec.archived,
        "underWay": runs.iter().filter(|run| !run.status.phase.is_over()).count(),
        "last": last.map(|run| json!({
            "run": run.name(),
            "phase": run.status.phase,
            "startedAt": run.status.started_at,
            "finishedAt": run.status.finished_at,
            "components": run.status.components,
        })),
        "nextDue": due,
    }))
}

/// How far back.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Window {
    /// How many days.
    #[field(min = 1, max = 366, default = 30)]
    days: u32,
}

async fn metrics(cx: Cx, it: Object<Pipeline>, ask: Window) -> Result<Value> {
    let since = cx.now().plus_s(-86_400 * i64::from(ask.days));
    let mut phases = BTreeMap::<String, u64>::new();
    let mut took = Vec::new();
    let mut parts = BTreeMap::<String, (u64, u64, f64)>::new();
    for run in runs(&cx, &it).await? {
        if run.metadata.creation_timestamp < since {
            continue;
        }
        *phases.entry(format!("{:?}", run.status.phase)).or_default() += 1;
        if let (Some(from), Some(to)) = (run.status.started_at, run.status.finished_at) {
            took.push(to.seconds_since(from));
        }
        for part in &run.status.components {
            if let (Some(from), Some(to)) = (part.started_at, part.finished_at) {
                let sums = parts.entry(part.name.clone()).or_default();
                sums.0 += 1;
                sums.1 += u64::from(part.phase == Phase::Failed);
                sums.2 += to.seconds_since(from);
            }
        }
    }
    let mean =
        if took.is_empty() { Value::Null } else { json!(took.iter().sum::<f64>() / took.len() as f64) };
    let parts: Vec<Value> = parts
        .iter()
        .map(|(name, (ended, failed, seconds))| {
            json!({"component": name, "ended": ended, "failed": failed, "meanSeconds": seconds / *ended as f64})
        })
        .collect();
    Ok(json!({"days": ask.days, "runs": phases, "meanSeconds": mean, "components": parts}))
}

async fn alerts(cx: Cx, it: Object<Pipeline>, _: Nothing) -> Result<Value> {
    let mut items = Vec::new();
    for run in runs(&cx, &it).await? {
        match run.status.phase {
            Phase::Succeeded => break,
            Phase::Failed => {
                let part = run.status.components.iter().find(|part| part.phase == Phase::Failed);
                items.push(json!({
                    "severity": "error",
                    "run": run.name(),
                    "component": part.map(|part| &part.name),
                    "message": part.and_then(|part| part.error.as_ref()).map(|error| &error.message),
                    "at": run.status.finished_at,
                }));
            }
            Phase::Pending | Phase::Starting | Phase::Running | Phase::Stopped => {}
        }
    }
    for schedule in schedules(&cx, &it).await? {
        if let Some(message) = &schedule.status.message {
            items.push(json!({"severity": "warning", "schedule": schedule.name(), "message": message, "at": schedule.status.last}));
        }
    }
    Ok(json!({"items": items}))
}

/// Of which run.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The run; the latest when not given.
    #[field(max = 253)]
    run: Option<String>,
}

async fn logs(cx: Cx, it: Object<Pipeline>, ask: Which) -> Result<Output> {
    let run = match &ask.run {
        Some(name) => Some(cx.get::<PipelineRun>(name).await?),
        None => runs(&cx, &it).await?.into_iter().next(),
    };
    let run = run
        .filter(|run| *run.spec.pipeline == *it.name())
        .ok_or_else(|| Error::not_found("not-found", format!("pipeline `{}` has no such run", it.name())))?;
    let text = run::log(&cx, &run).await?;
    let bytes = futures::stream::once(std::future::ready(Ok(Bytes::from(text))));
    Ok(Output::Bytes {
        media: "text/plain; charset=utf-8".to_owned(),
        filename: None,
        bytes: Box::pin(bytes),
    })
}

async fn types(cx: Cx, _: Nothing) -> Result<Value> {
    let mut counts = BTreeMap::<Type, u64>::new();
    for pipeline in cx.list::<Pipeline>("", 1000).await? {
        *counts.entry(pipeline.spec.kind).or_default() += 1;
    }
    let items: Vec<Value> =
        counts.iter().map(|(kind, count)| json!({"type": kind, "count": count})).collect();
    Ok(json!({"items": items}))
}

/// Of which sort.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Sort {
    /// The sort.
    #[serde(rename = "type")]
    kind: Type,
}

async fn by_type(cx: Cx, ask: Sort) -> Result<Value> {
    let word = serde_json::to_value(ask.kind).map_err(Error::internal)?;
    let found = cx.list_raw("catalog.pipelines", &format!("spec.type = {word}"), 1000).await?;
    let kind = cx.platform().kind("catalog.pipelines")?;
    Ok(json!({"items": found.iter().map(|it| it.shown(&kind)).collect::<Vec<_>>()}))
}
