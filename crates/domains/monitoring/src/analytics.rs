//! Analytics: how much models, endpoints and datasets of a project are used, and how good models are altogether.
//!
//! A kind without objects: everything is asked of whoever counts it, with the rights of whoever asks.

use std::collections::BTreeMap;

use kernel::{
    declare::Body,
    dispatch::{self, Answer, Call, Verb},
    prelude::*,
};
use usage::Window;

use crate::monitor::{Monitor, State};

/// What analytics serve.
pub fn serve(kind: KindBuilder<Analytics>) -> KindBuilder<Analytics> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "What there is to analyse, in numbers.", about)
        .needs("get")
        .view_of_all("usage", "Calls and rows of all endpoints of the last days, and of all models.", usage)
        .needs("get")
        .view_of_all("models", "How often each model was used in the last days.", of_models)
        .needs("get")
        .view_of_all("datasets", "How often each dataset was used in the last days.", of_datasets)
        .needs("get")
        .action_on_all(
            "score",
            "One number for a model, by parts that are known of it, and how it comes about.",
            score,
        )
        .needs("get")
        .view_of_all("score-of", "One number for a model, and how it comes about.", score_of)
        .needs("get")
        .view_of_all("ranking", "Models by that number, best first.", ranking)
        .needs("get")
}

/// How a project's models, endpoints and datasets do.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "analytics", plural = "analytics", prefix = "ana")]
pub struct Analytics {
    /// What is analysed.
    pub subject: Option<String>,
}

/// The most objects of a kind that are looked at.
const OBJECTS_MAX: u32 = 500;

/// A view of another kind, as whoever asks.
async fn asked(cx: &Cx, kind: &str, (id, view): (Option<&str>, &str), days: Option<u32>) -> Result<Value> {
    let verb = match id {
        Some(_) => Verb::View(view.to_owned()),
        None => Verb::ViewOfAll(view.to_owned()),
    };
    let call = Call {
        kind: cx.platform().kind(kind)?,
        verb,
        id: id.map(str::to_owned),
        parent: None,
        params: days.map(|days| ("days".to_owned(), days.to_string())).into_iter().collect(),
        body: Body::Empty,
        if_match: None,
    };
    match dispatch::call(cx.clone(), call).await? {
        Answer::Value(value) => Ok(value),
        _ => Err(Error::internal("a view answers JSON")),
    }
}

async fn about(cx: Cx, _: Nothing) -> Result<Value> {
    let mut counts = BTreeMap::new();
    for kind in ["catalog.models", "catalog.endpoints", "catalog.datasets", "catalog.monitors"] {
        cx.authorize(&format!("{kind}.list"), &cx.project).await?;
        counts.insert(kind, cx.list_raw(kind, "", OBJECTS_MAX).await?.len());
    }
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    for it in cx.list::<Monitor>("", OBJECTS_MAX).await? {
        *states.entry(format!("{:?}", it.status.state)).or_default() += 1;
    }
    Ok(json!({"counts": counts, "monitors": states}))
}

async fn usage(cx: Cx, ask: Window) -> Result<Value> {
    let told = asked(&cx, "catalog.endpoints", (None, "metrics-of-all"), Some(ask.days)).await?;
    let items = told["items"].as_array().cloned().unwrap_or_default();
    let sum = |name: &str| items.iter().filter_map(|it| it[name].as_f64()).sum::<f64>();
    let models = of_models(cx, ask.clone()).await?;
    Ok(json!({
        "days": ask.days,
        "calls": sum("calls"),
        "answered": sum("answered"),
        "refused": sum("refused"),
        "failed": sum("failed"),
        "rows": sum("rows"),
        "endpoints": items,
        "models": models["items"],
    }))
}

async fn of_models(cx: Cx, ask: Window) -> Result<Value> {
    each(&cx, ("catalog.models", "model"), ask).await
}

async fn of_datasets(cx: Cx, ask: Window) -> Result<Value> {
    each(&cx, ("catalog.datasets", "dataset"), ask).await
}

/// What each object of a kind tells of its use.
async fn each(cx: &Cx, (kind, word): (&str, &str), ask: Window) -> Result<Value> {
    cx.authorize(&format!("{kind}.list"), &cx.project).await?;
    let mut items = Vec::new();
    for raw in cx.list_raw(kind, "", OBJECTS_MAX).await? {
        let mut told = asked(cx, kind, (Some(&raw.metadata.name), "usage"), Some(ask.days)).await?;
        told[word] = raw.metadata.name.into();
        items.push(told);
    }
    Ok(json!({"days": ask.days, "items": items}))
}

/// How much each part counts; one that is not known of a model is left out, and the others count for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Weights {
    /// The metric on the rows held out of training: accuracy, or the share of variance explained.
    #[field(min = 0, max = 100, default = 1)]
    held_out: f64,
    /// The same metric by what turned out to be true, as monitors last measured it.
    #[field(min = 0, max = 100, default = 2)]
    live: f64,
    /// The share of inputs that have not drifted.
    #[field(min = 0, max = 100, default = 1)]
    stability: f64,
    /// How alike groups are selected: one less the difference of their rates.
    #[field(min = 0, max = 100, default = 1)]
    fairness: f64,
    /// The share of calls of the last 30 days that did not fail.
    #[field(min = 0, max = 100, default = 1)]
    reliability: f64,
}

const EVEN: Weights = Weights { held_out: 1.0, live: 2.0, stability: 1.0, fairness: 1.0, reliability: 1.0 };

/// Which model, by which weights.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Score {
    /// The model.
    #[field(max = 253)]
    model: Name,
    /// How much each part counts.
    weights: Option<Weights>,
}

async fn score(cx: Cx, ask: Score) -> Result<Value> {
    scored(&cx, ask.model.as_str(), &ask.weights.unwrap_or(EVEN)).await
}

/// Which model.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The model.
    #[field(max = 253)]
    model: Name,
}

async fn score_of(cx: Cx, ask: Which) -> Result<Value> {
    scored(&cx, ask.model.as_str(), &EVEN).await
}

async fn ranking(cx: Cx, _: Nothing) -> Result<Value> {
    cx.authorize("catalog.models.list", &cx.project).await?;
    let mut items = Vec::new();
    for raw in cx.list_raw("catalog.models", "", OBJECTS_MAX).await? {
        match scored(&cx, &raw.metadata.name, &EVEN).await {
            Ok(told) => items.push(told),
            Err(error) if error.code() == "model-empty" => {}
            Err(error) => return Err(error),
        }
    }
    items.sort_by(|a, b| {
        let score = |it: &Value| it["score"].as_f64().unwrap_or(-1.0);
        score(b).total_cmp(&score(a))
    });
    Ok(json!({"items": items}))
}

/// The metric that is one number for how right a model is.
fn right(metrics: &Value) -> Option<f64> {
    ["accuracy", "r2"].into_iter().find_map(|name| metrics[name].as_f64())
}

async fn scored(cx: &Cx, model: &str, weights: &Weights) -> Result<Value> {
    const PERMISSION: &str = "catalog.models.get";
    if !cx.decide_on(PERMISSION, (&cx.project, model)).await?.allowed {
        return Err(kernel::access::denied(PERMISSION));
    }
    let raw = cx.read("catalog.models", model).await?;
    let latest = raw.status.get("latest").and_then(Value::as_str);
    let latest = latest
        .ok_or_else(|| Error::conflict("model-empty", format!("model `{model}` has no version yet")))?;
    let version = cx.read("catalog.model-versions", latest).await?;
    let held_out = version.spec.get("metrics").and_then(right);
    let (mut live, mut stable, mut fair) = (Vec::new(), Vec::new(), Vec::new());
    let (mut calls, mut failed) = (0.0, 0.0);
    for endpoint in
        cx.list_raw("catalog.endpoints", &format!("spec.model = \"{model}\""), OBJECTS_MAX).await?
    {
        let name = endpoint.metadata.name;
        for it in cx.list::<Monitor>(&format!("spec.endpoint = \"{name}\""), OBJECTS_MAX).await? {
            if !matches!(it.status.state, State::Healthy | State::Breached) {
                continue;
            }
            live.extend(right(&json!(it.status.metrics)));
            stable.extend(it.status.drift_share.map(|share| 1.0 - share));
            let groups = it.status.groups.unwrap_or_default();
            fair.extend(groups["demographicParity"]["difference"].as_f64().map(|gap| 1.0 - gap));
        }
        if cx.decide_on("catalog.endpoints.get", (&cx.project, &name)).await?.allowed {
            let told = asked(cx, "catalog.endpoints", (Some(&name), "metrics"), Some(30)).await?;
            calls += told["answered"].as_f64().unwrap_or(0.0) + told["failed"].as_f64().unwrap_or(0.0);
            failed += told["failed"].as_f64().unwrap_or(0.0);
        }
    }
    let mean = |all: &[f64]| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
    let parts = [
        ("heldOut", held_out, weights.held_out),
        ("live", mean(&live), weights.live),
        ("stability", mean(&stable), weights.stability),
        ("fairness", mean(&fair), weights.fairness),
        ("reliability", (calls > 0.0).then(|| 1.0 - failed / calls), weights.reliability),
    ];
    let (score, told) = together(&parts);
    Ok(json!({"model": model, "version": latest, "score": score, "parts": told}))
}

/// The weighted mean of what is known, each part within 0 and 1; nothing where nothing is.
fn together(parts: &[(&str, Option<f64>, f64)]) -> (Option<f64>, Value) {
    let (mut sum, mut all, mut told) = (0.0, 0.0, Vec::new());
    for (name, value, weight) in parts {
        told.push(json!({"part": name, "value": value, "weight": weight}));
        if let Some(value) = value {
            sum += value.clamp(0.0, 1.0) * weight;
            all += weight;
        }
    }
    ((all > 0.0).then(|| sum / all), told.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_counts_for_nothing() {
        let (score, told) = together(&[("a", Some(0.5), 1.0), ("b", Some(1.0), 3.0), ("c", None, 9.0)]);
        assert_eq!((score, told[2]["value"].is_null()), (Some(0.875), true));
        assert_eq!(together(&[("a", None, 1.0)]).0, None);
        // A model that is worse than the mean has a share of variance explained below nothing.
        assert_eq!(together(&[("a", Some(-3.0), 1.0)]).0, Some(0.0));
    }
}
