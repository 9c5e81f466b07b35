//! Experiments: objects of `catalog.experiments`, called by their titles.

use base::Error;
use kernel::{access::Principal, cx::Cx, literal, object::Raw, predicate::Place};
pub use places::of_experiment as place;
use serde_json::{Value, json};

use crate::{
    Asked,
    ask::Ask,
    checks,
    fault::{Fault, Result},
    grammar::{Condition, Operand},
    matching::{self, About, Cell, Known},
    nothing,
    objects::{self, EXPERIMENTS, Trash},
    title::{name_of, title_of},
    walk::{self, Start},
};

/// What MLflow calls the experiment of whoever names none.
const DEFAULT: &str = "Default";
/// The most experiments one page has.
const PAGE_MAX: usize = 50_000;

/// Answers what is asked of experiments; nothing when it is served nowhere.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["experiments", "create"]) => create(cx, ask).await?,
        ("GET", ["experiments", "get"]) => {
            let it = find(cx, ask.required("experiment_id")?, "get").await?;
            json!({"experiment": shown(&it)})
        }
        ("GET", ["experiments", "get-by-name"]) => by_name(cx, ask.required("experiment_name")?).await?,
        ("POST" | "GET", ["experiments", "search"]) => search(cx, ask).await?,
        ("POST", ["experiments", "delete"]) => {
            let it = active(cx, ask.required("experiment_id")?, "delete").await?;
            objects::delete(cx, EXPERIMENTS, it.metadata.uid.as_str()).await?;
            nothing()
        }
        ("POST", ["experiments", "restore"]) => restore(cx, ask).await?,
        ("POST", ["experiments", "update"]) => rename(cx, ask).await?,
        ("POST", ["experiments", "set-experiment-tag"]) => {
            let (id, key) = (ask.required("experiment_id")?, ask.required("key")?);
            let value = ask.text("value")?.unwrap_or_default();
            checks::tag((key, value), checks::EXPERIMENT_TAG_MAX)?;
            set_tag(cx, id, key, value.into()).await?
        }
        ("POST", ["experiments", "delete-experiment-tag"]) => {
            let (id, key) = (ask.required("experiment_id")?, ask.required("key")?);
            let it = active(cx, id, "update").await?;
            if !objects::texts(&it, "tags").any(|(known, _)| known == key) {
                return Err(Fault::missing(format!("No tag with name: {key} in experiment with id {id}")));
            }
            set_tag(cx, id, key, Value::Null).await?
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// An experiment by its id, living or in the trash; `0` is the one of whoever names none.
pub async fn find(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    if id == "0" {
        let it = default(cx).await?;
        objects::may(cx, EXPERIMENTS, verb, &it.metadata.name).await?;
        return Ok(it);
    }
    let found = objects::whole(cx, EXPERIMENTS, id).await?;
    objects::may(cx, EXPERIMENTS, verb, found.as_ref().map_or(id, |it| &it.metadata.name)).await?;
    found.ok_or_else(|| Fault::missing(format!("No Experiment with id={id} exists")))
}

/// An experiment that is not in the trash.
pub async fn active(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    let it = find(cx, id, verb).await?;
    if !objects::is_deleted(&it) {
        return Ok(it);
    }
    match verb {
        "delete" => Err(Fault::missing(format!("No Experiment with id={id} exists"))),
        _ => Err(Fault::invalid(format!(
            "The experiment {id} must be in the 'active' state. Current state is deleted."
        ))),
    }
}

/// The experiment of whoever names none, made when it is asked for first.
async fn default(cx: &Cx) -> Result<Raw> {
    for _ in 0..3 {
        if let Some(it) = titled(cx, DEFAULT).await? {
            return Ok(it);
        }
        // It belongs to nobody: whoever may only look finds it as well as whoever may make one.
        let ours = cx.platform().cx_of(Principal::system("mlflow", &cx.org), &cx.project);
        let spec = json!({"title": DEFAULT});
        match objects::create(&ours, EXPERIMENTS, &name_of(DEFAULT, 0), spec).await {
            Err(fault) if fault.code != "RESOURCE_ALREADY_EXISTS" => return Err(fault),
            Ok(_) | Err(_) => {}
        }
    }
    Err(Error::internal("the default experiment was not to be had").into())
}

/// An experiment by what people call it, living or in the trash.
async fn titled(cx: &Cx, title: &str) -> Result<Option<Raw>> {
    let filter = format!("spec.title = {}", literal(title));
    let named = objects::living(cx, EXPERIMENTS, &name_of(title, 0)).await?;
    if let Some(it) = named.filter(|it| title_of(it) == title) {
        return Ok(Some(it));
    }
    if let Some(it) = objects::list(cx, EXPERIMENTS, &filter, Trash::Without).await?.pop() {
        return Ok(Some(it));
    }
    if let Some(it) = objects::list(cx, EXPERIMENTS, &filter, Trash::Only).await?.pop() {
        return Ok(Some(it));
    }
    let filter = format!("name = {}", literal(title));
    let mut deleted = objects::list(cx, EXPERIMENTS, &filter, Trash::Only).await?;
    deleted.retain(|it| title_of(it) == title);
    Ok(deleted.pop())
}

async fn by_name(cx: &Cx, title: &str) -> Result<Value> {
    objects::may(cx, EXPERIMENTS, "get", &name_of(title, 0)).await?;
    let found = if title == DEFAULT { Some(default(cx).await?) } else { titled(cx, title).await? };
    match found {
        Some(it) => Ok(json!({"experiment": shown(&it)})),
        None => Err(Fault::missing(format!("Could not find experiment with name '{title}'"))),
    }
}

fn taken(title: &str) -> Fault {
    Fault::exists(format!("Experiment(name={title}) already exists."))
}

async fn create(cx: &Cx, ask: &Ask) -> Result<Value> {
    let title = ask.required("name")?;
    checks::length("name", title, checks::TITLE_MAX)?;
    let mut tags = serde_json::Map::new();
    for (key, value) in ask.pairs("tags")? {
        checks::tag((&key, &value), checks::EXPERIMENT_TAG_MAX)?;
        tags.insert(key, value.into());
    }
    let mut spec = json!({"title": title, "tags": tags});
    if let Some(place) = ask.given("artifact_location")? {
        spec["artifactLocation"] = location(place)?.into();
    }
    objects::may(cx, EXPERIMENTS, "create", &name_of(title, 0)).await?;
    if title == DEFAULT || titled(cx, title).await?.is_some() {
        return Err(taken(title));
    }
    let uid = made(cx, title, spec).await?;
    Ok(json!({"experiment_id": uid}))
}

/// Makes it under the first name that is free. A name may be held by one that is called something else by now.
async fn made(cx: &Cx, title: &str, spec: Value) -> Result<String> {
    for again in 0..4 {
        match objects::create(cx, EXPERIMENTS, &name_of(title, again), spec.clone()).await {
            Err(fault) if fault.code == "RESOURCE_ALREADY_EXISTS" => {
                if titled(cx, title).await?.is_some() {
                    return Err(taken(title));
                }
            }
            other => return other,
        }
    }
    Err(taken(title))
}

/// Refuses a place no files of ours can be at.
fn location(place: &str) -> Result<&str> {
    checks::length("artifact_location", place, 500)?;
    if place.starts_with("runs:") {
        return Err(Fault::invalid(format!("Artifact location cannot be a runs:/ URI. Given: '{place}'")));
    }
    if place.contains(['#', ';', '?', '\0']) || place.split('/').any(|part| part == "..") {
        return Err(Fault::invalid(format!(
            "'artifact_location' URL can't include fragments, params or '..': '{place}'"
        )));
    }
    Ok(place)
}

async fn restore(cx: &Cx, ask: &Ask) -> Result<Value> {
    let id = ask.required("experiment_id")?;
    let it = find(cx, id, "restore").await?;
    if !objects::is_deleted(&it) {
        return Err(Fault::missing(format!("No Experiment with id={id} exists")));
    }
    objects::restore(cx, EXPERIMENTS, it.metadata.uid.as_str()).await?;
    Ok(nothing())
}

async fn rename(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (id, title) = (ask.required("experiment_id")?, ask.required("new_name")?);
    checks::length("name", title, checks::TITLE_MAX)?;
    let it = find(cx, id, "update").await?;
    if objects::is_deleted(&it) {
        return Err(Fault::state("Cannot rename a non-active experiment."));
    }
    if title_of(&it) == title {
        return Ok(nothing());
    }
    if title == DEFAULT || titled(cx, title).await?.is_some() {
        return Err(Fault::bad(taken(title).message));
    }
    let (uid, before) = (it.metadata.uid.as_str(), it.spec.get("title").cloned());
    objects::patch(cx, EXPERIMENTS, uid, json!({"title": title})).await?;
    // Somebody may have taken the title at the same moment; then neither keeps it by luck.
    let filter = format!("spec.title = {}", literal(title));
    if objects::list(cx, EXPERIMENTS, &filter, Trash::Without).await?.len() > 1 {
        objects::patch(cx, EXPERIMENTS, uid, json!({"title": before})).await?;
        return Err(taken(title));
    }
    Ok(nothing())
}

async fn set_tag(cx: &Cx, id: &str, key: &str, value: Value) -> Result<Value> {
    let it = active(cx, id, "update").await?;
    objects::patch(cx, EXPERIMENTS, it.metadata.uid.as_str(), json!({"tags": {key: value}})).await?;
    Ok(nothing())
}

const KNOWN: Known = Known {
    texts: &["name", "experiment_id"],
    numbers: &["creation_time", "last_update_time"],
    lists: &["experiment_id"],
    orders: &["creation_time", "experiment_id", "last_update_time", "name"],
    nulls: true,
    once: false,
};

fn cell(it: &Raw, key: &str) -> Cell {
    match key {
        "name" => Cell::Text(title_of(it).to_owned()),
        "creation_time" => Cell::Number(objects::created_ms(it) as f64),
        "last_update_time" => Cell::Number(objects::updated_ms(it) as f64),
        _ => Cell::Text(it.metadata.uid.to_string()),
    }
}

async fn search(cx: &Cx, ask: &Ask) -> Result<Value> {
    let most = ask.max_results(1_000, PAGE_MAX)?;
    let mut conditions = crate::grammar::filter(ask.text("filter")?.unwrap_or_default())?;
    let abouts = conditions.iter().map(|it| KNOWN.about(it)).collect::<Result<Vec<About>>>()?;
    let mut orders = ask.texts("order_by")?;
    if orders.is_empty() {
        orders = vec!["creation_time DESC".to_owned(), "experiment_id ASC".to_owned()];
    }
    let mut orders = KNOWN.orders(&orders)?;
    if !orders.iter().any(|order| order.key == "experiment_id") {
        orders.push(crate::grammar::order("experiment_id DESC")?);
    }
    let trash = Trash::of(ask.raw("view_type"))?;
    let question = format!("{conditions:?}{orders:?}{trash:?}");
    let start = Start::read(ask.text("page_token")?.unwrap_or_default(), &question)?;
    objects::may(cx, EXPERIMENTS, "list", "").await?;
    let first = default(cx).await?.metadata.uid.to_string();
    conditions.iter_mut().for_each(|condition| meant(condition, &first));
    let holds = walk::narrowing(&conditions, |key| (key == "experiment_id").then_some(Place::Uid));
    let by = (&orders[0], start.after());
    let walks = walk::titled(cx, EXPERIMENTS, by, (matching::title(&conditions), &holds), trash)?;
    let fits = |it: &Raw| {
        conditions.iter().zip(&abouts).all(|(condition, about)| {
            let cell = match about {
                About::Attribute => cell(it, &condition.key),
                About::Tag => Cell::text(tag(it, &condition.key)),
            };
            matching::holds(condition, &cell)
        })
    };
    let (page, next) = walk::best(cx, walks, (&orders, start, most), (cell, fits)).await?;
    Ok(matching::shown_page("experiments", page.iter().map(shown).collect(), next))
}

/// Who asks for the experiment `0` means the one of whoever names none.
fn meant(condition: &mut Condition, first: &str) {
    let replace = |text: &mut String| {
        if text == "0" {
            first.clone_into(text);
        }
    };
    match &mut condition.value {
        Operand::Text(text) if condition.key == "experiment_id" => replace(text),
        Operand::Texts(texts) if condition.key == "experiment_id" => texts.iter_mut().for_each(replace),
        _ => {}
    }
}

fn tag<'a>(it: &'a Raw, key: &str) -> Option<&'a str> {
    objects::texts(it, "tags").find(|(known, _)| *known == key).map(|(_, value)| value)
}

/// An experiment as MLflow shows it.
pub fn shown(it: &Raw) -> Value {
    let mut shown = json!({
        "experiment_id": it.metadata.uid,
        "name": title_of(it),
        "artifact_location": place(it),
        "lifecycle_stage": if objects::is_deleted(it) { "deleted" } else { "active" },
        "creation_time": objects::created_ms(it),
        "last_update_time": objects::updated_ms(it),
        "workspace": it.metadata.namespace,
    });
    let tags = objects::shown_pairs(objects::texts(it, "tags"));
    if tags != json!([]) {
        shown["tags"] = tags;
    }
    shown
}
