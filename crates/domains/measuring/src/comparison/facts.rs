//! What is known of a thing: numbers by where they were measured, such as `heldOut/accuracy` or `live/p95Ms`.

use std::collections::{BTreeMap, BTreeSet};

use asking::{ENDPOINTS, VERSIONS};
use kernel::{
    declare::Body,
    dispatch::{self, Answer, Call, Verb},
    prelude::*,
};

use super::Thing;
use crate::{
    OBJECTS_MAX,
    benchmark::{self, Benchmark},
    cost::{
        bill::{self, Asked, Bill},
        valued,
    },
    evaluation,
    price::{Prices, Use},
    quality,
    subject::{MODELS, Subject, permitted},
};

/// What is known of a thing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// What it is, as `model/churn`, `version/churn.2`, `endpoint/churn` or `benchmark/nightly`.
    pub thing: String,
    /// The endpoint, of endpoints and of benchmarks of one.
    pub endpoint: Option<String>,
    /// The version that answers.
    pub model_version: String,
    /// What it is for.
    pub task: Option<String>,
    /// The benchmark whose numbers these are.
    pub benchmark: Option<String>,
    /// The evaluation whose numbers these are.
    pub evaluation: Option<String>,
    /// The numbers. `heldOut/…` are of the rows held out of training, `evaluation/…` of the newest evaluation, `benchmark/…` of
    /// the newest benchmark, `live/…` were counted of an endpoint's answers, `cost/…` are what those cost.
    pub values: BTreeMap<String, f64>,
}

impl Facts {
    /// With these metrics alone; all where none is named. A name without a source is meant wherever it comes from.
    #[must_use]
    pub fn only(mut self, metrics: &[String]) -> Self {
        let wanted = |name: &str| {
            let plain = name.split_once('/').map_or(name, |(_, plain)| plain);
            metrics.iter().any(|it| it == name || it == plain)
        };
        if !metrics.is_empty() {
            self.values.retain(|name, _| wanted(name));
        }
        self
    }

    /// What it can be asked as.
    pub async fn subject(&self, cx: &Cx) -> Result<Subject> {
        Subject::of(cx, self.endpoint.as_deref(), Some(&self.model_version)).await
    }
}

/// What is known of things, as whoever asks may see them.
pub async fn of_all(cx: &Cx, things: &[Thing], days: u32) -> Result<Vec<Facts>> {
    let mut items = Vec::new();
    for (at, thing) in things.iter().enumerate() {
        let found = of(cx, thing, days).await;
        items.push(found.map_err(|error| error.at(format!("subjects[{at}]")))?);
    }
    Ok(items)
}

async fn of(cx: &Cx, thing: &Thing, days: u32) -> Result<Facts> {
    match (&thing.endpoint, &thing.model_version, &thing.model, &thing.benchmark) {
        (Some(endpoint), None, None, None) => of_endpoint(cx, endpoint, days).await,
        (None, Some(version), None, None) => of_version(cx, version).await,
        (None, None, Some(model), None) => of_model(cx, model).await,
        (None, None, None, Some(name)) => of_benchmark(cx, name).await,
        _ => Err(Error::invalid(
            "missing-field",
            "name one thing: a `model`, a `modelVersion`, an `endpoint` or a `benchmark`",
        )),
    }
}

async fn of_version(cx: &Cx, version: &str) -> Result<Facts> {
    permitted(cx, "catalog.model-versions.get", version).await?;
    let subject = Subject::of(cx, None, Some(version)).await?;
    let filter = format!("spec.modelVersion = {}", kernel::literal(&subject.version));
    let mut found = base(cx, &subject).await?;
    found.thing = format!("version/{}", subject.version);
    found.benchmarked(benchmark::measured(cx, &filter).await?.pop());
    Ok(found)
}

async fn of_model(cx: &Cx, model: &str) -> Result<Facts> {
    permitted(cx, "catalog.models.get", model).await?;
    let filter = format!("spec.model = {} AND status.stage = \"Production\"", kernel::literal(model));
    let version = match cx.list_raw(VERSIONS, &filter, 1).await?.pop() {
        Some(version) => version.metadata.name,
        None => {
            let raw = cx.read(MODELS, model).await?;
            let latest = raw.status.get("latest").and_then(Value::as_str).map(str::to_owned);
            latest.ok_or_else(|| {
                Error::conflict("model-empty", format!("model `{model}` has no version yet"))
            })?
        }
    };
    Ok(Facts { thing: format!("model/{model}"), ..of_version(cx, &version).await? })
}

async fn of_endpoint(cx: &Cx, endpoint: &str, days: u32) -> Result<Facts> {
    permitted(cx, "catalog.endpoints.get", endpoint).await?;
    let subject = Subject::of(cx, Some(endpoint), None).await?;
    let name = subject.endpoint.clone().unwrap_or_default();
    let filter = format!("spec.endpoint = {}", kernel::literal(&name));
    let mut found = base(cx, &subject).await?;
    found.thing = format!("endpoint/{name}");
    found.benchmarked(benchmark::measured(cx, &filter).await?.pop());
    let told = metrics_of(cx, &name, days).await?;
    let number = |name: &str| told[name].as_f64();
    found.values.extend(number("calls").map(|it| ("live/calls".to_owned(), it)));
    if let (Some(answered), Some(failed)) = (number("answered"), number("failed"))
        && answered + failed > 0.0
    {
        found.values.insert("live/errorRate".to_owned(), failed / (answered + failed));
    }
    found.values.extend(number("meanSeconds").map(|it| ("live/meanMs".to_owned(), it * 1e3)));
    for share in ["p50", "p95", "p99"] {
        let value = told["withinSeconds"][share].as_f64();
        found.values.extend(value.map(|it| (format!("live/{share}Ms"), it * 1e3)));
    }
    let (since, prices) = (usage::ago(cx, days), Prices::of(cx).await?);
    let mut bill = Bill::default();
    for piece in bill::pieces(cx, &prices, &Asked { since, endpoint: Some(&name) }).await? {
        bill.add(&piece.used, piece.price.and_then(|place| prices.get(place)));
    }
    let line = bill.line(None);
    let costs = [
        ("cost", line.cost),
        ("perCall", line.cost_per_call),
        ("perThousandRows", line.cost_per_thousand_rows),
    ];
    for (word, amounts) in costs {
        found.values.extend(amounts.into_iter().map(|(it, amount)| (format!("cost/{word}/{it}"), amount)));
    }
    Ok(found)
}

async fn of_benchmark(cx: &Cx, name: &str) -> Result<Facts> {
    permitted(cx, "system.benchmarks.get", name).await?;
    let it = cx.get::<Benchmark>(name).await?;
    let version = it.spec.model_version.as_deref().unwrap_or_default();
    let mut found = base(cx, &Subject::of(cx, None, Some(version)).await?).await?;
    found.thing = format!("benchmark/{name}");
    found.endpoint = it.spec.endpoint.as_ref().map(ToString::to_string);
    if let (Some(results), Some(load)) = (&it.status.results, &it.spec.load) {
        // What a thousand such requests would cost by the price in force now.
        let per = |value: f64| value * 1e3;
        let used = Use {
            calls: 1e3,
            rows: per(f64::from(load.rows_per_request)),
            seconds: results.mean_ms.unwrap_or(0.0),
        };
        let prices = Prices::of(cx).await?;
        let of = (found.endpoint.as_deref().unwrap_or_default(), bill::model_of(version));
        if let Some((currency, amount)) = valued(prices.now(cx, of), &used) {
            found.values.insert(format!("cost/perThousandCalls/{currency}"), amount);
        }
    }
    found.benchmarked(Some(it));
    Ok(found)
}

/// What is known of a version however it is asked.
async fn base(cx: &Cx, subject: &Subject) -> Result<Facts> {
    let mut found = Facts {
        endpoint: subject.endpoint.clone(),
        model_version: subject.version.clone(),
        task: subject.task.clone(),
        ..Facts::default()
    };
    found.values.extend(subject.metrics.iter().map(|(name, value)| (format!("heldOut/{name}"), *value)));
    if let Some(it) = evaluation::newest(cx, &subject.version).await? {
        let metrics = it.status.metrics.iter();
        found.values.extend(metrics.map(|(name, value)| (format!("evaluation/{name}"), *value)));
        found.evaluation = Some(it.metadata.name);
    }
    Ok(found)
}

/// The numbers of results that are told.
const OF_RESULTS: [&str; 9] =
    ["meanMs", "p50Ms", "p90Ms", "p95Ms", "p99Ms", "maxMs", "throughput", "rowsPerSecond", "errorRate"];

impl Facts {
    fn benchmarked(&mut self, it: Option<Object<Benchmark>>) {
        let Some(it) = it else { return };
        let Some(results) = &it.status.results else { return };
        for name in OF_RESULTS {
            let value = benchmark::value(results, name);
            self.values.extend(value.map(|value| (format!("benchmark/{name}"), value)));
        }
        let metrics = results.metrics.iter();
        self.values.extend(metrics.map(|(name, value)| (format!("benchmark/{name}"), *value)));
        self.benchmark = Some(it.metadata.name);
    }
}

/// What an endpoint counted, by its own view, as whoever asks.
async fn metrics_of(cx: &Cx, endpoint: &str, days: u32) -> Result<Value> {
    let call = Call {
        kind: cx.platform().kind(ENDPOINTS)?,
        verb: Verb::View("metrics".to_owned()),
        id: Some(endpoint.to_owned()),
        parent: None,
        params: BTreeMap::from([("days".to_owned(), days.to_string())]),
        body: Body::Empty,
        if_match: None,
    };
    match dispatch::call(cx.clone(), call).await? {
        Answer::Value(value) => Ok(value),
        _ => Err(Error::internal("a view answers JSON")),
    }
}

/// A metric of quality and where it was measured.
pub struct Found {
    /// The metric.
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// `evaluation`, `benchmark` or `heldOut`.
    pub from: &'static str,
}

/// How good a version is: by its newest evaluation, else its newest benchmark, else the rows held out of its training.
pub async fn quality(cx: &Cx, version: &str, metric: Option<&str>) -> Result<Option<Found>> {
    let found = of_version(cx, version).await?;
    let names: Vec<&str> = metric.map_or_else(|| vec!["accuracy", "r2"], |name| vec![name]);
    for from in ["evaluation", "benchmark", "heldOut"] {
        for name in &names {
            if let Some(value) = found.values.get(&format!("{from}/{name}")) {
                return Ok(Some(Found { metric: (*name).to_owned(), value: *value, from }));
            }
        }
    }
    Ok(None)
}

/// What things can be compared by.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// The metric, with its source in front.
    pub metric: String,
    /// Whether more of it is better; nothing where nobody knows.
    pub more_is_better: Option<bool>,
    /// What it is counted in.
    pub unit: Option<String>,
}

/// Whether more of a metric, with its source in front, is better.
pub fn more_is_better(metric: &str) -> Option<bool> {
    let (from, plain) = metric.split_once('/')?;
    match (from, plain) {
        ("cost", _) | (_, "errorRate") => Some(false),
        (_, "throughput" | "rowsPerSecond") => Some(true),
        (_, plain) if plain.ends_with("Ms") => Some(false),
        (_, plain) => quality::more_is_better(plain),
    }
}

fn unit(metric: &str) -> Option<String> {
    let (_, plain) = metric.split_once('/')?;
    let unit = match plain {
        plain if plain.ends_with("Ms") => "milliseconds",
        "throughput" => "requests a second",
        "rowsPerSecond" => "rows a second",
        "calls" => "calls",
        plain => return plain.split_once('/').map(|(_, currency)| currency.to_owned()),
    };
    Some(unit.to_owned())
}

/// What things of a project can be compared by: what is measured of any, and the metrics there are of its versions.
pub async fn metrics(cx: &Cx) -> Result<Vec<Metric>> {
    let mut names: BTreeSet<String> = OF_RESULTS.iter().map(|name| format!("benchmark/{name}")).collect();
    let live = ["calls", "errorRate", "meanMs", "p50Ms", "p95Ms", "p99Ms"];
    names.extend(live.iter().map(|name| format!("live/{name}")));
    for raw in cx.list_raw(VERSIONS, "", OBJECTS_MAX).await? {
        let metrics = raw.spec.get("metrics").and_then(Value::as_object);
        names.extend(metrics.into_iter().flatten().map(|(name, _)| format!("heldOut/{name}")));
    }
    for it in cx.list::<evaluation::Evaluation>("status.measured = true", OBJECTS_MAX).await? {
        names.extend(it.status.metrics.keys().map(|name| format!("evaluation/{name}")));
    }
    for it in cx.list::<Benchmark>("status.measured = true", OBJECTS_MAX).await? {
        let metrics = it.status.results.map(|results| results.metrics).unwrap_or_default();
        names.extend(metrics.keys().map(|name| format!("benchmark/{name}")));
    }
    for currency in Prices::of(cx).await?.currencies() {
        names.extend(["cost", "perCall", "perThousandRows"].map(|word| format!("cost/{word}/{currency}")));
    }
    let metric =
        |name: String| Metric { more_is_better: more_is_better(&name), unit: unit(&name), metric: name };
    Ok(names.into_iter().map(metric).collect())
}
