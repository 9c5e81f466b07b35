//! What is done with models beyond keeping their versions: finding, trying, deploying, taking them elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{access::Principal, prelude::*, store::ChangeQuery, write};

use crate::model::Model;

pub mod artifact;
mod facts;
mod parcel;
mod tar;

use facts::Facts;

/// Adds what is served of working with models.
pub fn serve(kind: KindBuilder<Model>) -> KindBuilder<Model> {
    kind.view_of_all("frameworks", "What wrote the latest versions, and how many models each.", frameworks)
        .needs("list")
        .view_of_all("trending", "Models by how much more they are used than before.", trending)
        .needs("list")
        .view_of_all(
            "recommended",
            "Models that are in use, those of the caller's own tasks first.",
            recommended,
        )
        .needs("list")
        .view_of_all("rankings", "Models by one metric of the version in use, best first.", rankings)
        .needs("list")
        .action_on_all("compare", "The versions in use of two or more models side by side.", compare)
        .needs("list")
        .view("usage", "How often it predicted and was taken elsewhere in the last days.", usage)
        .needs("get")
        .action("set-metadata", "Sets what is told of the model.", set_metadata)
        .needs("update")
        .action("add-metrics", "Adds measured metrics to a version.", facts::add_metrics)
        .needs("update")
        .action(
            "validate",
            "Tries whether a version is whole, loads and predicts for its example.",
            facts::validate,
        )
        .needs("get")
        .upload("attach", "Keeps a file with the model.", artifact::attach)
        .needs("update")
        .download("export", "A version as one file: model, card, signature and digests.", parcel::export)
        .needs("get")
        .upload("import-version", "Takes what `export` wrote as the next version.", parcel::import)
        .needs("upload")
        .action(
            "deploy",
            "Puts a version into service at an endpoint, which is made where there is none.",
            deploy,
        )
        .view("deployments", "The endpoints that answer with the model.", deployments)
        .needs("get")
        .action(
            "set-deployment",
            "Puts a version into service at an endpoint of the model's.",
            set_deployment,
        )
        .needs("deploy")
        .action("remove-deployment", "Puts an endpoint of the model's in the trash.", remove_deployment)
        .needs("deploy")
        .action("predict", "Predicts with the version in use, without an endpoint.", predict_rows)
}

/// The version in use: the one in production, or the latest.
async fn in_use(cx: &Cx, it: &Object<Model>) -> Result<Facts> {
    let filter = format!("spec.model = \"{}\" AND status.stage = \"Production\"", it.name());
    let name = match cx.list_raw(facts::VERSIONS, &filter, 1).await?.pop() {
        Some(version) => version.metadata.name,
        None => it.status.latest.clone().ok_or_else(|| {
            Error::conflict("model-empty", format!("model `{}` has no version yet", it.name()))
                .hint("train it, or upload a version")
        })?,
    };
    Facts::of(cx, &name).await
}

/// What wrote the latest versions.
async fn frameworks(cx: Cx, _: Nothing) -> Result<Value> {
    let mut counts = BTreeMap::<String, u64>::new();
    for model in cx.list::<Model>("", 1000).await? {
        let Some(latest) = &model.status.latest else { continue };
        let word = Facts::of(&cx, latest).await?.framework(&cx).await?;
        *counts.entry(word).or_default() += 1;
    }
    let items: Vec<Value> =
        counts.into_iter().map(|(name, count)| json!({"framework": name, "count": count})).collect();
    Ok(json!({"items": items}))
}

/// How far back, and how many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Lately {
    /// How many days.
    #[field(min = 1, max = 45, default = 7)]
    days: u32,
    /// How many models at most.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
}

/// The weight of what was counted: a row predicted is one, a version taken elsewhere a hundred.
fn weight(counts: &BTreeMap<String, f64>) -> f64 {
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    count("predictions") + 100.0 * count("downloads")
}

/// Models by how much more they are used than in the days before.
async fn trending(cx: Cx, ask: Lately) -> Result<Value> {
    let mut rows = Vec::new();
    for model in cx.list::<Model>("spec.archived = false", 1000).await? {
        let uid = &model.metadata.uid;
        let lately = weight(&usage::since(&cx, uid, ask.days).await?);
        let before = weight(&usage::since(&cx, uid, 2 * ask.days).await?) - lately;
        if lately > 0.0 {
            rows.push((lately - before, lately, model));
        }
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let items: Vec<Value> = rows
        .iter()
        .take(ask.limit as usize)
        .map(|(growth, lately, model)| json!({"model": model.name(), "used": lately, "growth": growth}))
        .collect();
    Ok(json!({"days": ask.days, "items": items}))
}

/// Models that are in use, those of tasks the caller lately worked on first.
async fn recommended(cx: Cx, ask: Lately) -> Result<Value> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        project: Some(cx.project.to_string()),
        kind: Some("catalog.models".to_owned()),
        actor: Some(cx.principal.actor()),
        limit: 200,
        ..ChangeQuery::default()
    };
    let own: BTreeSet<Uid> =
        cx.platform().store.history(&query).await?.into_iter().map(|change| change.uid).collect();
    let models = cx.list::<Model>("spec.archived = false", 1000).await?;
    let tasks: BTreeSet<&str> = models
        .iter()
        .filter(|model| own.contains(&model.metadata.uid))
        .filter_map(|model| model.status.task.as_deref())
        .collect();
    let filter = "status.stage = \"Production\"";
    let versions = cx.list_raw(facts::VERSIONS, filter, 1000).await?;
    let produced: BTreeSet<&str> = versions.iter().filter_map(|it| it.spec.get("model")?.as_str()).collect();
    let mut rows = Vec::new();
    for model in &models {
        let mut why = Vec::new();
        if model.status.task.as_deref().is_some_and(|task| tasks.contains(task)) {
            why.push("of a task you work on");
        }
        if produced.contains(model.name()) {
            why.push("in production");
        }
        let lately = weight(&usage::since(&cx, &model.metadata.uid, ask.days).await?);
        if lately > 0.0 {
            why.push("in use");
        }
        if !why.is_empty() {
            rows.push((why.len(), lately, model, why));
        }
    }
    rows.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let items: Vec<Value> = rows
        .iter()
        .take(ask.limit as usize)
        .map(|(_, lately, model, why)| json!({"model": model.name(), "why": why, "used": lately}))
        .collect();
    Ok(json!({"items": items}))
}

/// By what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Board {
    /// The metric.
    #[field(max = 250, example = "accuracy")]
    metric: String,
    /// Whether less is better.
    #[field(default = false)]
    ascending: bool,
}

async fn rankings(cx: Cx, ask: Board) -> Result<Value> {
    let mut rows = Vec::new();
    for model in cx.list::<Model>("spec.archived = false", 1000).await? {
        if model.status.latest.is_none() {
            continue;
        }
        let facts = in_use(&cx, &model).await?;
        if let Some(value) = facts.spec.metrics.get(&ask.metric) {
            rows.push((*value, model.metadata.name, facts.spec.number));
        }
    }
    rows.sort_by(|a, b| if ask.ascending { a.0.total_cmp(&b.0) } else { b.0.total_cmp(&a.0) });
    let items: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(i, (value, model, version))| json!({"rank": i + 1, "model": model, "version": version, "value": value}))
        .collect();
    Ok(json!({"metric": ask.metric, "items": items}))
}

/// Which models.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Their names.
    #[field(min = 2, max = 20)]
    models: Vec<String>,
}

async fn compare(cx: Cx, ask: Which) -> Result<Value> {
    let mut items = Vec::new();
    for name in &ask.models {
        let model = cx.get::<Model>(name).await?;
        let facts = in_use(&cx, &model).await?;
        items.push(json!({
            "model": name,
            "task": facts.spec.task,
            "version": facts.spec.number,
            "stage": facts.stage,
            "metrics": facts.spec.metrics,
            "bytes": facts.bytes,
            "used": weight(&usage::since(&cx, &model.metadata.uid, 30).await?),
        }));
    }
    Ok(json!({"items": items}))
}

async fn usage(cx: Cx, it: Object<Model>, ask: usage::Window) -> Result<Value> {
    let counts = usage::since(&cx, &it.metadata.uid, ask.days).await?;
    Ok(json!({"days": ask.days, "counts": counts}))
}

/// What is told of a model.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Metadata {
    /// What it predicts, for whom; kept when not given.
    #[field(max = 10000)]
    description: Option<String>,
    /// Labels; kept when not given.
    labels: Option<BTreeMap<String, String>>,
}

async fn set_metadata(cx: Cx, mut it: Object<Model>, ask: Metadata) -> Result<Value> {
    if ask.description.is_some() {
        it.spec.description = ask.description;
    }
    if let Some(labels) = ask.labels {
        it.metadata.labels = labels;
    }
    let saved = cx.doing("set-metadata").save(&it).await?;
    Ok(json!({"name": saved.name(), "description": saved.spec.description, "labels": saved.metadata.labels}))
}

/// Where to.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Deployment {
    /// The endpoint; the model's name when not given.
    endpoint: Option<Name>,
    /// The number of the version; the latest when not given.
    #[field(max = 20)]
    version: Option<String>,
}

/// The kind that puts versions into service.
const ENDPOINTS: &str = "catalog.endpoints";

/// Puts a version into service, with the caller's own right to make or change the endpoint.
async fn deploy(cx: Cx, it: Object<Model>, ask: Deployment) -> Result<Value> {
    let name = ask.endpoint.as_ref().map_or_else(|| it.name().to_owned(), ToString::to_string);
    let kind = cx.platform().kind(ENDPOINTS)?;
    let old = match cx.read(ENDPOINTS, &name).await {
        Err(error) if error.code() == "not-found" => None,
        other => Some(other?),
    };
    let verb = if old.is_some() { "update" } else { "create" };
    cx.authorize(&kind.permission(verb), &cx.project).await?;
    let mut new = old.clone().unwrap_or_else(|| cx.blank(&kind, name));
    new.spec.insert("model".to_owned(), json!(it.name()));
    new.spec.remove("modelVersion");
    match ask.version {
        Some(version) => new.spec.insert("version".to_owned(), json!(version)),
        None => new.spec.remove("version"),
    };
    kernel::validate::fill_defaults(kind.fields, &mut new.spec);
    let made = write::put(&cx.doing("deploy"), &kind, old, new).await?;
    Ok(json!({"endpoint": made.metadata.name, "version": made.spec.get("modelVersion")}))
}

async fn deployments(cx: Cx, it: Object<Model>, _: Nothing) -> Result<Value> {
    let found = cx.list_raw(ENDPOINTS, &format!("spec.model = \"{}\"", it.name()), 1000).await?;
    let items: Vec<Value> = found
        .iter()
        .map(|it| {
            json!({
                "endpoint": it.metadata.name,
                "version": it.spec.get("modelVersion"),
                "desired": it.spec.get("desired"),
                "phase": it.status.get("phase"),
                "since": it.metadata.creation_timestamp,
            })
        })
        .collect();
    Ok(json!({"items": items}))
}

/// An endpoint of the model's, and a version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Redeployment {
    /// The endpoint.
    endpoint: Name,
    /// The number of the version; the latest when not given.
    #[field(max = 20)]
    version: Option<String>,
}

/// Refuses endpoints that answer with other models.
async fn of_model(cx: &Cx, it: &Object<Model>, endpoint: &Name) -> Result<Raw> {
    let found = cx.read(ENDPOINTS, endpoint.as_str()).await?;
    if found.spec.get("model").and_then(Value::as_str) == Some(it.name()) {
        return Ok(found);
    }
    let message = format!("endpoint `{endpoint}` does not answer with model `{}`", it.name());
    Err(Error::not_found("not-found", message).hint("`deployments` lists those that do"))
}

/// Puts a version into service where the model is in service already.
async fn set_deployment(cx: Cx, it: Object<Model>, ask: Redeployment) -> Result<Value> {
    of_model(&cx, &it, &ask.endpoint).await?;
    deploy(cx, it, Deployment { endpoint: Some(ask.endpoint), version: ask.version }).await
}

/// Which endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Deployed {
    /// The endpoint.
    endpoint: Name,
}

/// Puts the endpoint in the trash, with the caller's own right to do so.
async fn remove_deployment(cx: Cx, it: Object<Model>, ask: Deployed) -> Result<Value> {
    let found = of_model(&cx, &it, &ask.endpoint).await?;
    let kind = cx.platform().kind(ENDPOINTS)?;
    if !cx.decide_on(&kind.permission("delete"), (&cx.project, &found.metadata.name)).await?.allowed {
        return Err(kernel::access::denied(&kind.permission("delete")));
    }
    let gone =
        kernel::lifecycle::delete(&cx, &kind, found, kernel::lifecycle::Propagation::Background).await?;
    Ok(json!({"endpoint": gone.metadata.name, "removed": gone.metadata.deletion_timestamp}))
}

/// Rows to predict for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rows {
    /// One object a row: a value for each column; a column left out or null is missing.
    #[field(min = 1, max = 10000)]
    rows: Vec<Value>,
}

/// Asks for predictions of a version, for its own example where no rows are given: whoever may run the model need not
/// have a right to endpoints.
async fn tried(cx: &Cx, version: &str, rows: Option<Vec<Value>>) -> Result<Value> {
    let mut inside = cx.platform().cx_of(Principal::system("models", &cx.org), &cx.project);
    inside.deadline = cx.deadline;
    inside.call_action(ENDPOINTS, None, "try", json!({"version": version, "rows": rows})).await
}

/// Predicts with the version in use.
async fn predict_rows(cx: Cx, it: Object<Model>, ask: Rows) -> Result<Value> {
    let rows = ask.rows.len() as f64;
    let predicted = tried(&cx, &in_use(&cx, &it).await?.name, Some(ask.rows)).await?;
    usage::count(&cx, &it.metadata.uid, &[("predictions", rows)]).await?;
    Ok(predicted)
}
