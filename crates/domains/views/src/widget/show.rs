//! What a widget shows: read by the operations of the kinds it shows, as the caller.

use kernel::prelude::*;
use ports::tracking::{Metric, Sample, Tracking};

use super::source::{Aggregate, Comparison, Form, Series, Stat, Table};
use super::{Widget, check};
use crate::{
    ask::{self, params},
    installation, parameter,
};

/// The permissions that what the widget shows is read with, in the project.
pub async fn needs(cx: &Cx, spec: &Widget) -> Result<Vec<String>> {
    let listed = |kind: &str| vec![format!("{kind}.list")];
    Ok(match spec.show {
        Form::Text => Vec::new(),
        Form::Series => vec![READ_METRICS.to_owned()],
        Form::Comparison => listed(EXPERIMENTS),
        Form::Table => spec.table.as_ref().map_or_else(Vec::new, |it| listed(&it.kind)),
        Form::Stat => match spec.stat.as_ref().and_then(|it| it.kind.as_deref()) {
            Some(kind) => listed(kind),
            None => listed(METRICS),
        },
        Form::Component => Box::pin(needs(cx, &inner(cx, spec).await?)).await?,
    })
}

/// What the widget shows now.
pub async fn shown(cx: &Cx, spec: &Widget) -> Result<Value> {
    match spec.show {
        Form::Text => Ok(json!({"text": spec.text})),
        Form::Series => series(cx, part(spec.series.as_ref())?).await,
        Form::Table => table(cx, part(spec.table.as_ref())?).await,
        Form::Stat => stat(cx, part(spec.stat.as_ref())?).await,
        Form::Comparison => comparison(cx, part(spec.comparison.as_ref())?).await,
        Form::Component => {
            let inner = inner(cx, spec).await?;
            let data = Box::pin(shown(cx, &inner)).await?;
            Ok(json!({"show": inner.show, "title": inner.title, "data": data}))
        }
    }
}

/// A widget was checked when it was made, so that what it shows is there.
fn part<T>(part: Option<&T>) -> Result<&T> {
    part.ok_or_else(|| Error::internal("a widget without what it shows"))
}

/// The widget a component makes of what it is told.
pub async fn inner(cx: &Cx, spec: &Widget) -> Result<Widget> {
    let name = part(spec.component.as_ref())?;
    let Some(found) = cx.get_opt::<installation::Installation>(name).await? else {
        let message = format!("component `{}` is not installed in this project", crate::short(name));
        return Err(Error::invalid("bad-reference", message)
            .at("spec.component")
            .hint("install it: `POST /api/v1/views/components/{id}/install`"));
    };
    let definition = &found.spec.definition;
    let values = parameter::values(&definition.parameters, &spec.parameters)?;
    let made: Widget = crate::fitted(&parameter::fill(&definition.widget, &values)?, "widget")?;
    if made.show == Form::Component {
        return Err(Error::invalid("widget-unclear", "a component is made of no other component"));
    }
    Box::pin(check(cx, &made, "widget")).await?;
    Ok(made)
}

const RUNS: &str = "catalog.runs";
const EXPERIMENTS: &str = "catalog.experiments";
const METRICS: &str = "admin.metrics";
const READ_METRICS: &str = "catalog.runs.get";

/// An object of another kind.
async fn here(cx: &Cx, kind: &str, id: &str) -> Result<Raw> {
    let missing = || Error::not_found("not-found", format!("there is no `{}` here", crate::short(id)));
    ask::known(cx, kind)?;
    cx.read(kind, id).await.map_err(|_| missing())
}

async fn series(cx: &Cx, it: &Series) -> Result<Value> {
    cx.authorize(READ_METRICS, &cx.project).await?;
    let runs = match &it.experiment {
        Some(experiment) => latest_runs(cx, experiment, it.limit).await?,
        None => {
            let mut runs = Vec::new();
            for run in &it.runs {
                runs.push(here(cx, RUNS, run).await?);
            }
            runs
        }
    };
    let tracking = cx.port::<dyn Tracking>()?;
    let mut charts = Vec::new();
    for metric in &it.metrics {
        let ids = runs.iter().map(|run| run.metadata.uid.clone()).collect();
        let sample = Sample { runs: ids, key: metric.clone(), from: None, to: None, points: it.points };
        let mut curves = Vec::new();
        for (uid, points) in tracking.sampled(&cx.org, sample).await? {
            let run = runs.iter().find(|run| run.metadata.uid == uid);
            let name = run.map(|run| &run.metadata.name);
            let title = run.and_then(|run| run.spec.get("title"));
            let points: Vec<Value> = points.iter().map(point).collect();
            if !points.is_empty() {
                curves.push(json!({"run": name, "title": title, "points": points}));
            }
        }
        charts.push(json!({"metric": metric, "columns": ["step", "timeMs", "value"], "curves": curves}));
    }
    Ok(json!({"axis": it.axis, "logarithmic": it.logarithmic, "charts": charts}))
}

/// A point of a curve; what is no number is nothing, so that a chart has a gap there.
fn point(it: &Metric) -> Value {
    json!([it.step, it.time_ms, it.value.is_finite().then_some(it.value)])
}

async fn latest_runs(cx: &Cx, experiment: &str, limit: u32) -> Result<Vec<Raw>> {
    let experiment = here(cx, EXPERIMENTS, experiment).await?;
    let filter = format!("spec.experiment = {}", kernel::literal(&experiment.metadata.name));
    let limit = limit.to_string();
    let asked = params(&[("filter", &filter), ("limit", &limit), ("sort", "-metadata.creationTimestamp")]);
    let page = ask::list(cx, RUNS, asked).await?;
    let mut runs = Vec::new();
    for uid in page["items"].as_array().into_iter().flatten().filter_map(|it| it["metadata"]["uid"].as_str())
    {
        runs.push(here(cx, RUNS, uid).await?);
    }
    Ok(runs)
}

/// The value on a path of an object as callers see it.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut rest = path;
    let mut value = object;
    while !rest.is_empty() {
        // Keys of labels have dots in them, so that the longest key that is there counts.
        if let Some(found) = value.get(rest) {
            return Some(found);
        }
        let (first, after) = rest.split_once('.')?;
        value = value.get(first)?;
        rest = after;
    }
    Some(value)
}

async fn table(cx: &Cx, it: &Table) -> Result<Value> {
    rows(cx, it, None).await
}

/// A page of a table's rows.
pub async fn rows(cx: &Cx, it: &Table, page_token: Option<&str>) -> Result<Value> {
    let limit = it.limit.to_string();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let asked = params(&[
        ("filter", &text(&it.filter)),
        ("labelSelector", &text(&it.label_selector)),
        ("sort", &text(&it.sort)),
        ("limit", &limit),
        ("pageToken", page_token.unwrap_or_default()),
        ("total", "true"),
    ]);
    let page = ask::list(cx, &it.kind, asked).await?;
    let default = ["metadata.name".to_owned(), "metadata.creationTimestamp".to_owned()];
    let columns: &[String] = if it.columns.is_empty() { &default } else { &it.columns };
    let row = |object: &Value| {
        let cells: Vec<Option<&Value>> = columns.iter().map(|column| at(object, column)).collect();
        json!({"name": object["metadata"]["name"], "uid": object["metadata"]["uid"], "cells": cells})
    };
    let rows: Vec<Value> = page["items"].as_array().into_iter().flatten().map(row).collect();
    let mut told =
        json!({"kind": it.kind, "columns": columns, "rows": rows, "total": page["metadata"]["total"]});
    if let Some(next) = page["metadata"].get("nextPageToken") {
        told["nextPageToken"] = next.clone();
    }
    Ok(told)
}

/// How many objects are summed up at most, a page after the other.
const SUMMED_MAX: usize = 10_000;

async fn stat(cx: &Cx, it: &Stat) -> Result<Value> {
    if let Some(name) = &it.metric {
        return metric(cx, it, name).await;
    }
    let kind = part(it.kind.as_ref())?;
    let filter = it.filter.as_deref().unwrap_or_default();
    let (value, of, partial) = match &it.field {
        None => {
            let count = ask::count(cx, kind, params(&[("filter", filter)])).await?;
            (Some(count as f64), count as usize, false)
        }
        Some(field) => {
            let (numbers, partial) = numbers(cx, kind, filter, field).await?;
            (aggregated(it.aggregate, &numbers), numbers.len(), partial)
        }
    };
    Ok(json!({"value": value, "of": of, "partial": partial, "unit": it.unit, "goal": it.goal}))
}

/// The numbers in a field, the newest object's first; and whether there are more objects than were read.
async fn numbers(cx: &Cx, kind: &str, filter: &str, field: &str) -> Result<(Vec<f64>, bool)> {
    let (mut numbers, mut seen, mut token) = (Vec::new(), 0, String::new());
    loop {
        let asked = params(&[
            ("filter", filter),
            ("limit", "1000"),
            ("sort", "-metadata.creationTimestamp"),
            ("pageToken", &token),
        ]);
        let page = ask::list(cx, kind, asked).await?;
        let items: Vec<&Value> = page["items"].as_array().into_iter().flatten().collect();
        seen += items.len();
        numbers.extend(items.iter().filter_map(|object| at(object, field)?.as_f64()));
        match page["metadata"]["nextPageToken"].as_str() {
            Some(next) if seen < SUMMED_MAX => token = next.to_owned(),
            next => return Ok((numbers, next.is_some())),
        }
    }
}

fn aggregated(aggregate: Aggregate, numbers: &[f64]) -> Option<f64> {
    let sum = || numbers.iter().sum::<f64>();
    let first = numbers.first().copied();
    match aggregate {
        Aggregate::Count => Some(numbers.len() as f64),
        Aggregate::Sum => Some(sum()),
        Aggregate::Latest => first,
        Aggregate::Mean => first.map(|_| sum() / numbers.len() as f64),
        Aggregate::Min => numbers.iter().copied().reduce(f64::min),
        Aggregate::Max => numbers.iter().copied().reduce(f64::max),
    }
}

async fn metric(cx: &Cx, it: &Stat, name: &str) -> Result<Value> {
    let told = ask::view_of_all(cx, METRICS, "", params(&[])).await?;
    let mut items = told["items"].as_array().into_iter().flatten();
    let Some(found) = items.find(|item| item["name"] == name) else {
        // Those the caller may not read are not told either.
        let message = format!("there is no metric `{}` that you may read", crate::short(name));
        return Err(
            Error::not_found("not-found", message).hint("`GET /api/v1/admin/metrics` lists those you may")
        );
    };
    let unit = it.unit.as_ref().map_or_else(|| found["unit"].clone(), |unit| json!(unit));
    Ok(json!({"value": found["value"], "unit": unit, "goal": it.goal}))
}

async fn comparison(cx: &Cx, it: &Comparison) -> Result<Value> {
    let runs = match (&it.experiment, &it.metric) {
        (Some(experiment), Some(metric)) => {
            let experiment = here(cx, EXPERIMENTS, experiment).await?;
            let (lowest, limit) = (it.lowest.to_string(), it.limit.to_string());
            let asked = params(&[
                ("experiment", &experiment.metadata.name),
                ("metric", metric),
                ("ascending", &lowest),
                ("limit", &limit),
            ]);
            let board = ask::view_of_all(cx, EXPERIMENTS, "leaderboard", asked).await?;
            let rows = board["items"].as_array().into_iter().flatten();
            rows.filter_map(|row| row["run"].as_str().map(str::to_owned)).collect()
        }
        _ => it.runs.clone(),
    };
    if runs.len() < 2 {
        return Ok(json!({"runs": [], "metrics": [], "parameters": []}));
    }
    ask::known(cx, EXPERIMENTS)?;
    cx.call_action(EXPERIMENTS, None, "compare", json!({"runs": runs})).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reaches_keys_with_dots_in_them() {
        let object = json!({"metadata": {"labels": {"aic.dev/team": "birds"}}, "status": {"metrics": {"val.loss": 0.5}}});
        assert_eq!(at(&object, "metadata.labels.aic.dev/team"), Some(&json!("birds")));
        assert_eq!(at(&object, "status.metrics.val.loss"), Some(&json!(0.5)));
        assert_eq!(at(&object, "status.nothing"), None);
    }

    #[test]
    fn of_no_numbers_there_is_no_mean() {
        assert_eq!(aggregated(Aggregate::Mean, &[]), None);
        assert_eq!(aggregated(Aggregate::Sum, &[]), Some(0.0));
        assert_eq!(aggregated(Aggregate::Latest, &[3.0, 1.0]), Some(3.0));
        assert_eq!(aggregated(Aggregate::Mean, &[3.0, 1.0]), Some(2.0));
        assert_eq!(aggregated(Aggregate::Min, &[3.0, 1.0]), Some(1.0));
    }
}
