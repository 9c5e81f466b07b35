//! Versions of registered models: objects of `catalog.model-versions`.

use std::collections::BTreeMap;

use kernel::{cx::Cx, literal, object::Raw, predicate::Place};
use places::manifest::Signed;
pub use places::number;
use serde_json::{Value, json};

use crate::{
    Asked, aliases,
    ask::Ask,
    checks,
    fault::{Fault, Result},
    grammar::{Condition, Order},
    logged,
    matching::{self, About, Cell, Known},
    models::{self, PROMPT},
    nothing,
    objects::{self, MODELS, RUNS, Trash, VERSIONS},
    source::{self, Source},
    title::title_of,
    walk::{self, Best, Key, Start, Walk},
};

/// The most versions one page has.
const PAGE_MAX: usize = 200_000;
/// How often a number is looked for that nobody takes at the same moment.
const TRIES: u32 = 200;
/// How far a version has come.
const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

/// Answers what is asked of versions.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["model-versions", "create"]) => create(cx, ask).await?,
        ("GET", ["model-versions", "get"]) => {
            let (model, it) = named(cx, ask, "get").await?;
            json!({"model_version": shown(&model, &it)})
        }
        ("PATCH", ["model-versions", "update"]) => {
            let (model, it) = named(cx, ask, "update").await?;
            let description = ask.text("description")?.unwrap_or_default();
            changed(cx, &model, &it, json!({"description": description})).await?
        }
        ("DELETE", ["model-versions", "delete"]) => delete(cx, ask).await?,
        ("POST", ["model-versions", "transition-stage"]) => transition(cx, ask).await?,
        ("GET", ["model-versions", "get-download-uri"]) => {
            let (_, it) = named(cx, ask, "get").await?;
            json!({"artifact_uri": loadable(cx, &it).await?})
        }
        ("GET" | "POST", ["model-versions", "search"]) => search(cx, ask).await?,
        ("POST", ["model-versions", "set-tag"]) => {
            let (key, value) = (ask.required("key")?, ask.text("value")?.unwrap_or_default());
            checks::tag((key, value), checks::REGISTRY_TAG_MAX)?;
            let (model, it) = named(cx, ask, "update").await?;
            changed(cx, &model, &it, json!({"tags": {key: value}})).await?;
            nothing()
        }
        ("DELETE", ["model-versions", "delete-tag"]) => {
            let key = ask.required("key")?;
            let (model, it) = named(cx, ask, "update").await?;
            checks::key(key, "key")?;
            changed(cx, &model, &it, json!({"tags": {key: null}})).await?;
            nothing()
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The version a request names, with its model.
async fn named(cx: &Cx, ask: &Ask, verb: &str) -> Result<(Raw, Raw)> {
    let (name, version) = (ask.required("name")?, ask.required("version")?);
    let number = checks::version(version)?;
    let missing = || Fault::missing(format!("Model Version (name={name}, version={version}) not found"));
    let model = match models::find(cx, name, "get").await {
        Err(fault) if fault.status == 404 => return Err(missing()),
        other => other?,
    };
    objects::may(cx, VERSIONS, verb, &format!("{}.{number}", model.metadata.name)).await?;
    Ok((model.clone(), numbered(cx, &model, number).await?))
}

/// A version of a model by its number.
pub async fn numbered(cx: &Cx, model: &Raw, number: u64) -> Result<Raw> {
    let found = objects::living(cx, VERSIONS, &format!("{}.{number}", model.metadata.name)).await?;
    found.ok_or_else(|| {
        Fault::missing(format!("Model Version (name={}, version={number}) not found", title_of(model)))
    })
}

/// The versions of a model, oldest first.
pub async fn of(cx: &Cx, model: &Raw) -> Result<Vec<Raw>> {
    let filter = format!("spec.model = {}", literal(&model.metadata.name));
    objects::list(cx, VERSIONS, &filter, Trash::Without).await
}

/// Where the files of a version are, for whoever is about to load them: what is not what was signed is refused.
pub async fn loadable(cx: &Cx, it: &Raw) -> Result<String> {
    Signed::of(it).loadable(cx).await?;
    source::place(cx, objects::text(it, "source").unwrap_or_default()).await
}

fn stage(it: &Raw) -> &str {
    it.status.get("stage").and_then(Value::as_str).unwrap_or("None")
}

/// The latest version of each stage, in the order in which the first versions came to be in them.
pub async fn latest_of(cx: &Cx, model: &Raw) -> Result<Vec<Raw>> {
    let holds = vec![walk::is(walk::field("model"), &model.metadata.name)];
    let mut walk = Walk::new(cx, VERSIONS, holds)?;
    // With the number of the first that was seen in the stage.
    let mut latest: Vec<(u64, Raw)> = Vec::new();
    loop {
        let found = walk.next(cx).await?;
        if found.is_empty() {
            latest.sort_by_key(|(first, _)| *first);
            return Ok(latest.into_iter().map(|(_, it)| it).collect());
        }
        for it in found {
            match latest.iter_mut().find(|(_, other)| stage(other) == stage(&it)) {
                Some((first, other)) => {
                    *first = number(&it).min(*first);
                    if number(&it) > number(other) {
                        *other = it;
                    }
                }
                None => latest.push((number(&it), it)),
            }
        }
    }
}

/// What is asked by `get-latest-versions`.
pub async fn latest(cx: &Cx, name: &str, stages: &[String]) -> Result<Value> {
    let model = models::find(cx, name, "get").await?;
    let stages = stages.iter().map(|stage| canonical(stage)).collect::<Result<Vec<&str>>>()?;
    let mut found = latest_of(cx, &model).await?;
    found.retain(|it| stages.is_empty() || stages.contains(&stage(it)));
    let shown: Vec<Value> = found.iter().map(|it| shown(&model, it)).collect();
    Ok(if shown.is_empty() { nothing() } else { json!({"model_versions": shown}) })
}

fn canonical(stage: &str) -> Result<&'static str> {
    STAGES.into_iter().find(|known| known.eq_ignore_ascii_case(stage)).ok_or_else(|| {
        let known = "None, Staging, Production, Archived";
        Fault::invalid(format!("Invalid Model Version stage: {stage}. Value must be one of {known}."))
    })
}

async fn changed(cx: &Cx, model: &Raw, it: &Raw, spec: Value) -> Result<Value> {
    objects::patch(cx, VERSIONS, it.metadata.uid.as_str(), spec).await?;
    let it = numbered(cx, model, number(it)).await?;
    Ok(json!({"model_version": shown(model, &it)}))
}

async fn create(cx: &Cx, ask: &Ask) -> Result<Value> {
    let name = ask.required("name")?;
    checks::model_name(name, "name")?;
    let mut tags = serde_json::Map::new();
    for (key, value) in ask.pairs("tags")? {
        checks::tag((&key, &value), checks::REGISTRY_TAG_MAX)?;
        tags.insert(key, value.into());
    }
    let is_prompt =
        tags.get(PROMPT).and_then(Value::as_str).is_some_and(|it| it.eq_ignore_ascii_case("true"));
    let told = Source {
        source: ask.required("source")?.to_owned(),
        run: ask.text("run_id")?.map(str::to_owned),
        model: ask.text("model_id")?.map(str::to_owned),
    };
    objects::may(cx, VERSIONS, "create", "").await?;
    let told = source::checked(cx, told, is_prompt).await?;
    let model = models::find(cx, name, "get").await?;
    let mut run = told.run.filter(|run| !run.is_empty());
    if let (None, Some(logged)) = (&run, &told.model) {
        // Whoever names a logged model means the run that made it.
        let found = objects::living(cx, objects::LOGGED, logged).await?;
        run = found.and_then(|it| objects::text(&it, "sourceRun").map(str::to_owned));
    }
    let here = match &run {
        Some(run) => objects::living(cx, RUNS, run).await?.is_some(),
        None => false,
    };
    let spec = json!({
        "model": model.metadata.name,
        "source": told.source,
        "tags": tags,
        "description": ask.text("description")?,
        "loggedModel": told.model.filter(|model| !model.is_empty()),
        "run": run.as_ref().filter(|_| here),
        "foreignRun": run.as_ref().filter(|_| !here),
        "runLink": ask.given("run_link")?,
        "blob": source::onnx(cx, &told.source).await?,
    });
    let it = registered(cx, spec).await?;
    if let Some(logged) = objects::text(&it, "loggedModel") {
        logged::registered(cx, logged, (title_of(&model), number(&it))).await?;
    }
    Ok(json!({"model_version": shown(&model, &it)}))
}

/// Makes the version under the next number. Whoever comes second when two take the same one takes the next.
async fn registered(cx: &Cx, mut spec: Value) -> Result<Raw> {
    let mut tries = 0;
    let uid = loop {
        match objects::create(cx, VERSIONS, "new", spec.clone()).await {
            Err(fault) if fault.code == "RESOURCE_ALREADY_EXISTS" && tries < TRIES => tries += 1,
            // A file that looks like ONNX and does not run here is a file like any other.
            Err(fault) if fault.message.contains("spec.blob") && !spec["blob"].is_null() => {
                spec["blob"] = Value::Null;
            }
            other => break other?,
        }
    };
    let it = objects::living(cx, VERSIONS, &uid).await?;
    it.ok_or_else(|| Fault::missing("the version was deleted at the same moment"))
}

async fn delete(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (model, it) = named(cx, ask, "delete").await?;
    let gone: serde_json::Map<String, Value> = aliases::of(&model)
        .filter(|(_, other)| *other == number(&it))
        .map(|(alias, _)| (alias.to_owned(), Value::Null))
        .collect();
    objects::delete(cx, VERSIONS, it.metadata.uid.as_str()).await?;
    if !gone.is_empty() {
        objects::patch(cx, MODELS, model.metadata.uid.as_str(), json!({"aliases": gone})).await?;
    }
    Ok(nothing())
}

async fn transition(cx: &Cx, ask: &Ask) -> Result<Value> {
    let stage = canonical(ask.required("stage")?)?;
    let archives = ask.flag("archive_existing_versions")?.unwrap_or(false);
    if archives && !matches!(stage, "Staging" | "Production") {
        return Err(Fault::invalid(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. Valid stages are Staging, Production"
        )));
    }
    let (model, it) = named(cx, ask, "promote").await?;
    let asked = json!({"stage": stage, "archiveOthers": archives});
    models::act(cx, VERSIONS, it.metadata.uid.as_str(), ("promote", asked)).await?;
    let it = numbered(cx, &model, number(&it)).await?;
    Ok(json!({"model_version": shown(&model, &it)}))
}

const KNOWN: Known = Known {
    texts: &["name", "run_id", "source_path"],
    numbers: &["version_number"],
    lists: &["name", "run_id"],
    orders: &["creation_timestamp", "last_updated_timestamp", "name", "version_number"],
    nulls: false,
    once: true,
};

fn cell((title, it): &(String, Raw), key: &str) -> Cell {
    match key {
        "name" => Cell::Text(title.clone()),
        "version_number" => Cell::Number(number(it) as f64),
        "creation_timestamp" => Cell::Number(objects::created_ms(it) as f64),
        "last_updated_timestamp" => Cell::Number(objects::updated_ms(it) as f64),
        "run_id" => Cell::text(run_of(it)),
        _ => Cell::text(objects::text(it, "source")),
    }
}

async fn search(cx: &Cx, ask: &Ask) -> Result<Value> {
    let most = ask.max_results(10_000, PAGE_MAX)?;
    let conditions = crate::grammar::filter(ask.text("filter")?.unwrap_or_default())?;
    let abouts = conditions.iter().map(|it| KNOWN.about(it)).collect::<Result<Vec<About>>>()?;
    let orders = ordered_by(ask)?;
    let question = format!("{conditions:?}{orders:?}");
    let start = Start::read(ask.text("page_token")?.unwrap_or_default(), &question)?;
    objects::may(cx, VERSIONS, "list", "").await?;
    let asks_prompts = models::asks_prompts(&conditions);
    let fits = |pair: &(String, Raw)| {
        (asks_prompts || !models::is_prompt(&pair.1))
            && conditions.iter().zip(&abouts).all(|(condition, about)| match about {
                About::Attribute => matching::holds(condition, &cell(pair, &condition.key)),
                About::Tag => models::tag_holds(&pair.1, condition),
            })
    };
    let (walks, mut titles) = walks(cx, &conditions, (&orders[0], start.after())).await?;
    let mut best = Best::new(orders.iter().map(|order| order.ascending).collect(), start, most);
    for mut walk in walks {
        loop {
            let found = walk.next(cx).await?;
            let last = found.last().map(|it| cell(&(String::new(), it.clone()), &orders[0].key));
            let Some(last) = last else { break };
            for it in found {
                let Some(title) = titles.of(cx, &it).await? else { continue };
                let (uid, pair) = (it.metadata.uid.to_string(), (title, it));
                if fits(&pair) {
                    let cells = orders.iter().map(|order| cell(&pair, &order.key)).collect();
                    best.offer(Key { cells, uid }, pair);
                }
            }
            if best.settle(Some(&last).filter(|_| walk.is_ordered())) {
                break;
            }
        }
    }
    let (page, next) = best.page();
    let (mut models, mut all) = (BTreeMap::<String, Option<Raw>>::new(), Vec::new());
    for (_, it) in &page {
        let name = objects::text(it, "model").unwrap_or_default();
        if !models.contains_key(name) {
            models.insert(name.to_owned(), objects::living(cx, MODELS, name).await?);
        }
        all.extend(models.get(name).and_then(Option::as_ref).map(|model| shown(model, it)));
    }
    Ok(matching::shown_page("model_versions", all, next))
}

/// What a search is ordered by, to the last tie.
fn ordered_by(ask: &Ask) -> Result<Vec<Order>> {
    let mut orders = ask.texts("order_by")?;
    if orders.is_empty() {
        orders =
            ["last_updated_timestamp DESC", "name ASC", "version_number DESC"].map(str::to_owned).to_vec();
    }
    let mut orders = KNOWN.orders(&orders)?;
    for more in ["name ASC", "version_number DESC"] {
        let more = crate::grammar::order(more)?;
        if !orders.iter().any(|order| order.key == more.key) {
            orders.push(more);
        }
    }
    Ok(orders)
}

/// What people call the models that versions are of.
struct Titles {
    known: BTreeMap<String, Option<String>>,
    /// Whether all that there are are known.
    is_whole: bool,
}

impl Titles {
    /// What the model of a version is called; nothing where it has gone.
    async fn of(&mut self, cx: &Cx, version: &Raw) -> Result<Option<String>> {
        let Some(name) = objects::text(version, "model") else { return Ok(None) };
        if !self.is_whole && !self.known.contains_key(name) {
            let model = objects::living(cx, MODELS, name).await?;
            self.known.insert(name.to_owned(), model.map(|it| title_of(&it).to_owned()));
        }
        Ok(self.known.get(name).cloned().flatten())
    }

    /// Of all models.
    async fn all(cx: &Cx) -> Result<Self> {
        let (mut walk, mut known) = (Walk::new(cx, MODELS, Vec::new())?, BTreeMap::new());
        loop {
            let found = walk.next(cx).await?;
            if found.is_empty() {
                return Ok(Self { known, is_whole: true });
            }
            known.extend(
                found.into_iter().map(|it| (it.metadata.name.clone(), Some(title_of(&it).to_owned()))),
            );
        }
    }
}

/// The ways to everything that conditions are about, and what is known of the models on them.
async fn walks(
    cx: &Cx,
    conditions: &[Condition],
    (order, after): (&Order, Option<&Cell>),
) -> Result<(Vec<Walk>, Titles)> {
    let few = || Titles { known: BTreeMap::new(), is_whole: false };
    let mut holds = models::narrowing(conditions, |key| (key == "source_path").then(source_place));
    if let Some(title) = matching::title(conditions) {
        return match models::find(cx, title, "get").await {
            Err(fault) if fault.status == 404 => Ok((Vec::new(), few())),
            Err(fault) => Err(fault),
            Ok(model) => {
                holds.push(walk::is(walk::field("model"), &model.metadata.name));
                Ok((vec![Walk::new(cx, VERSIONS, holds)?], few()))
            }
        };
    }
    if let Some(run) = matching::wanted(conditions, "run_id") {
        let by = |field: &str| {
            let holds = holds.iter().cloned().chain([walk::is(walk::field(field), run)]).collect();
            Walk::new(cx, VERSIONS, holds)
        };
        return Ok((vec![by("run")?, by("foreignRun")?], few()));
    }
    let walk = Walk::new(cx, VERSIONS, holds)?;
    if order.key == "creation_timestamp" {
        return Ok((vec![walk.by_creation(order.ascending, after)], few()));
    }
    Ok((vec![walk], Titles::all(cx).await?))
}

fn source_place() -> Place {
    Place::Body(vec!["spec".to_owned(), "source".to_owned()])
}

fn run_of(it: &Raw) -> Option<&str> {
    objects::text(it, "run").or_else(|| objects::text(it, "foreignRun"))
}

/// A version as MLflow shows it, with its aliases.
pub fn shown(model: &Raw, it: &Raw) -> Value {
    let mut shown = plain(model, it);
    let aliases: Value =
        aliases::of(model).filter(|(_, of)| *of == number(it)).map(|(alias, _)| alias).collect();
    if aliases != json!([]) {
        shown["aliases"] = aliases;
    }
    shown
}

/// A version as MLflow shows it beside its model.
pub fn plain(model: &Raw, it: &Raw) -> Value {
    let mut shown = json!({
        "name": title_of(model),
        "version": number(it).to_string(),
        "creation_timestamp": objects::created_ms(it),
        "last_updated_timestamp": objects::updated_ms(it),
        "description": objects::text(it, "description").unwrap_or_default(),
        "current_stage": stage(it),
        "source": objects::text(it, "source").unwrap_or_default(),
        "run_id": run_of(it).unwrap_or_default(),
        "status": "READY",
        "run_link": objects::text(it, "runLink").unwrap_or_default(),
    });
    if let Some(model) = objects::text(it, "loggedModel") {
        shown["model_id"] = model.into();
    }
    let tags = objects::shown_pairs(objects::texts(it, "tags"));
    if tags != json!([]) {
        shown["tags"] = tags;
    }
    shown
}
