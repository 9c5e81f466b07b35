//! Histories of metrics: all values, or some for a chart.

use base::Uid;
use kernel::cx::Cx;
use ports::tracking::{Metric, POINTS_MAX, SAMPLE_RUNS_MAX, Sample, Series, Tracking};
use serde_json::{Value, json};

use crate::{
    Asked,
    ask::Ask,
    fault::{Fault, Result},
    runs,
};

/// The most values answered when no number is asked for.
const ALL_MAX: usize = 1_000_000;
/// The most points of a run in a chart.
const SAMPLE_MAX: i64 = 2_500;

/// Answers what is asked of metrics.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    match (method, path.as_slice()) {
        ("GET", ["metrics", "get-history"]) => history(cx, ask).await.map(Some),
        ("GET", ["metrics", "get-history-bulk"]) => bulk(cx, ask).await.map(Some),
        ("GET", ["metrics", "get-history-bulk-interval"]) => sampled(cx, ask).await.map(Some),
        _ => Ok(None),
    }
}

async fn history(cx: &Cx, ask: &Ask) -> Result<Value> {
    let key = ask.required("metric_key")?;
    let asked = ask.whole("max_results")?;
    if let Some(asked) = asked.filter(|asked| *asked <= 0) {
        return Err(Fault::invalid(format!(
            "Invalid value {asked} for parameter 'max_results' supplied. It must be a positive integer."
        )));
    }
    let it = match runs::find(cx, runs::named(ask)?, "get").await {
        // As MLflow has it, a run that is not there has no history, which is no error.
        Err(fault) if fault.status == 404 => return Ok(json!({})),
        other => other?,
    };
    let most = asked.map_or(ALL_MAX, |asked| usize::try_from(asked).unwrap_or(ALL_MAX).min(ALL_MAX));
    let after = ask.given("page_token")?.map(str::to_owned);
    let (points, next) = points(cx, (&it.metadata.uid, key), after, most).await?;
    let mut answer = json!({});
    if !points.is_empty() {
        answer["metrics"] = points.iter().map(runs::metric).collect();
    }
    if let (Some(next), Some(_)) = (next, asked) {
        answer["next_page_token"] = next.into();
    }
    Ok(answer)
}

async fn points(
    cx: &Cx,
    (run, key): (&Uid, &str),
    mut after: Option<String>,
    most: usize,
) -> Result<(Vec<Metric>, Option<String>)> {
    let tracking = cx.port::<dyn Tracking>()?;
    let mut all = Vec::new();
    loop {
        let limit = u32::try_from(most - all.len()).unwrap_or(POINTS_MAX).min(POINTS_MAX);
        let page = tracking.history(&cx.org, Series { run, key }, after.as_deref(), limit).await?;
        all.extend(page.points);
        after = page.next;
        if after.is_none() || all.len() >= most {
            return Ok((all, after));
        }
    }
}

fn of_run(run: &Uid, it: &Metric) -> Value {
    let mut shown = runs::metric(it);
    shown["run_id"] = run.as_str().into();
    shown
}

async fn bulk(cx: &Cx, ask: &Ask) -> Result<Value> {
    let ids = ask.texts("run_id")?;
    if ids.is_empty() {
        return Err(Fault::invalid("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    if ids.len() > SAMPLE_RUNS_MAX {
        return Err(Fault::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than {SAMPLE_RUNS_MAX} run_ids. Received {} run_ids.",
            ids.len()
        )));
    }
    let key = ask.given("metric_key")?;
    let key = key.ok_or_else(|| Fault::invalid("GetMetricHistoryBulk request must specify a metric_key."))?;
    let most =
        ask.whole("max_results")?.unwrap_or(i64::from(POINTS_MAX)).clamp(0, i64::from(POINTS_MAX)) as usize;
    let mut ids = ids;
    ids.sort();
    let mut all = Vec::new();
    for id in ids {
        let it = runs::find(cx, &id, "get").await?;
        if all.len() >= most {
            break;
        }
        let (points, _) = points(cx, (&it.metadata.uid, key), None, most - all.len()).await?;
        all.extend(points.iter().map(|point| of_run(&it.metadata.uid, point)));
    }
    Ok(json!({"metrics": all}))
}

async fn sampled(cx: &Cx, ask: &Ask) -> Result<Value> {
    let ids = ask.texts("run_ids")?;
    if ids.is_empty() {
        ask.required("run_ids")?;
    }
    if ids.len() > SAMPLE_RUNS_MAX {
        return Err(Fault::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {SAMPLE_RUNS_MAX} run_ids. Received {} run_ids.",
            ids.len()
        )));
    }
    let key = ask.required("metric_key")?.to_owned();
    let points = ask.whole("max_results")?.unwrap_or(SAMPLE_MAX);
    if !(1..=SAMPLE_MAX).contains(&points) {
        return Err(Fault::invalid(format!("max_results must be between 1 and {SAMPLE_MAX}.")));
    }
    let (from, to) = (ask.whole("start_step")?, ask.whole("end_step")?);
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            return Err(Fault::invalid(format!(
                "end_step must be greater than start_step. Found start_step={from} and end_step={to}."
            )));
        }
        (Some(_), None) | (None, Some(_)) => {
            let message = "If either start step or end step are specified, both must be specified.";
            return Err(Fault::invalid(message));
        }
        _ => {}
    }
    let mut runs = Vec::new();
    for id in ids {
        runs.push(runs::find(cx, &id, "get").await?.metadata.uid);
    }
    let sample = Sample { runs, key, from, to, points: u32::try_from(points).unwrap_or(1) };
    let found = cx.port::<dyn Tracking>()?.sampled(&cx.org, sample).await?;
    let metrics: Vec<Value> =
        found.iter().flat_map(|(run, points)| points.iter().map(|point| of_run(run, point))).collect();
    Ok(if metrics.is_empty() { json!({}) } else { json!({"metrics": metrics}) })
}
