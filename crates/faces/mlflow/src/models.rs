//! Registered models: objects of `catalog.models`, called by their titles. Prompts are such models, too.

use kernel::{
    cx::Cx,
    dispatch::Verb,
    literal,
    object::Raw,
    predicate::{Place, Predicate},
};
use serde_json::{Value, json};

use crate::{
    Asked, aliases,
    ask::Ask,
    checks,
    fault::{Fault, Result},
    grammar::Condition,
    matching::{self, About, Cell, Known},
    nothing,
    objects::{self, MODELS, Trash, VERSIONS},
    title::{name_of, title_of},
    versions,
    walk::{self, Start},
};

/// The most models one page has.
const PAGE_MAX: usize = 1_000;
/// The tag by which a prompt is told from a model.
pub const PROMPT: &str = "mlflow.prompt.is_prompt";

/// Answers what is asked of registered models.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["registered-models", "create"]) => create(cx, ask).await?,
        ("GET", ["registered-models", "get"]) => {
            let it = find(cx, ask.required("name")?, "get").await?;
            json!({"registered_model": shown(cx, &it).await?})
        }
        ("PATCH", ["registered-models", "update"]) => {
            let it = find(cx, ask.required("name")?, "update").await?;
            let description = ask.given("description")?;
            changed(cx, &it, json!({"description": description})).await?
        }
        ("POST", ["registered-models", "rename"]) => rename(cx, ask).await?,
        ("DELETE", ["registered-models", "delete"]) => delete(cx, ask).await?,
        ("GET" | "POST", ["registered-models", "search"]) => search(cx, ask).await?,
        ("GET" | "POST", ["registered-models", "get-latest-versions"]) => {
            versions::latest(cx, ask.required("name")?, &ask.texts("stages")?).await?
        }
        ("POST", ["registered-models", "set-tag"]) => {
            let (name, key) = (ask.required("name")?, ask.required("key")?);
            let value = ask.text("value")?.unwrap_or_default();
            checks::tag((key, value), checks::REGISTRY_TAG_MAX)?;
            let it = find(cx, name, "update").await?;
            changed(cx, &it, json!({"tags": {key: value}})).await?;
            nothing()
        }
        ("DELETE", ["registered-models", "delete-tag"]) => {
            let it = find(cx, ask.required("name")?, "update").await?;
            let key = ask.required("key")?;
            checks::key(key, "key")?;
            changed(cx, &it, json!({"tags": {key: null}})).await?;
            nothing()
        }
        ("POST", ["registered-models", "alias"]) => aliases::set(cx, ask).await?,
        ("DELETE", ["registered-models", "alias"]) => aliases::delete(cx, ask).await?,
        ("GET", ["registered-models", "alias"]) => aliases::version(cx, ask).await?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// A model by what people call it, if the caller may.
pub async fn find(cx: &Cx, title: &str, verb: &str) -> Result<Raw> {
    objects::may(cx, MODELS, verb, &name_of(title, 0)).await?;
    named(cx, title)
        .await?
        .ok_or_else(|| Fault::missing(format!("Registered Model with name={title} not found")))
}

/// A model by what people call it.
async fn named(cx: &Cx, title: &str) -> Result<Option<Raw>> {
    let named = objects::living(cx, MODELS, &name_of(title, 0)).await?;
    if let Some(it) = named.filter(|it| title_of(it) == title) {
        return Ok(Some(it));
    }
    let filter = format!("spec.title = {}", literal(title));
    Ok(objects::list(cx, MODELS, &filter, Trash::Without).await?.pop())
}

/// Changes a model and answers it as it is then.
async fn changed(cx: &Cx, it: &Raw, spec: Value) -> Result<Value> {
    let uid = it.metadata.uid.as_str();
    objects::patch(cx, MODELS, uid, spec).await?;
    let it = objects::living(cx, MODELS, uid).await?;
    match it {
        Some(it) => Ok(json!({"registered_model": shown(cx, &it).await?})),
        None => Err(Fault::missing("the model was deleted at the same moment")),
    }
}

fn taken(title: &str) -> Fault {
    Fault::exists(format!("Registered Model (name={title}) already exists."))
}

async fn create(cx: &Cx, ask: &Ask) -> Result<Value> {
    let title = ask.required("name")?;
    checks::model_name(title, "name")?;
    let mut tags = serde_json::Map::new();
    for (key, value) in ask.pairs("tags")? {
        checks::tag((&key, &value), checks::REGISTRY_TAG_MAX)?;
        tags.insert(key, value.into());
    }
    let spec = json!({"title": title, "tags": tags, "description": ask.given("description")?});
    objects::may(cx, MODELS, "create", &name_of(title, 0)).await?;
    for again in 0..4 {
        if let Some(other) = named(cx, title).await? {
            let hint = if is_prompt(&other) == tags.contains_key(PROMPT) {
                String::new()
            } else if is_prompt(&other) {
                " It is a prompt.".to_owned()
            } else {
                " It is a model.".to_owned()
            };
            let mut fault = taken(title);
            fault.message.push_str(&hint);
            return Err(fault);
        }
        match objects::create(cx, MODELS, &name_of(title, again), spec.clone()).await {
            Err(fault) if fault.code == "RESOURCE_ALREADY_EXISTS" => {}
            Err(fault) => return Err(fault),
            Ok(uid) => {
                let it = objects::living(cx, MODELS, &uid).await?;
                let it = it.ok_or_else(|| Fault::missing("the model was deleted at the same moment"))?;
                return Ok(json!({"registered_model": shown(cx, &it).await?}));
            }
        }
    }
    Err(taken(title))
}

/// Whether a model is a prompt.
pub fn is_prompt(it: &Raw) -> bool {
    let mut tags = objects::texts(it, "tags");
    tags.any(|(key, value)| key == PROMPT && value.eq_ignore_ascii_case("true"))
}

async fn rename(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (name, title) = (ask.required("name")?, ask.required("new_name")?);
    checks::model_name(title, "new_name")?;
    let it = find(cx, name, "update").await?;
    if named(cx, title).await?.is_some() {
        return Err(taken(title));
    }
    let before = it.spec.get("title").cloned();
    let answer = changed(cx, &it, json!({"title": title})).await?;
    // Somebody may have taken the title at the same moment; then neither keeps it by luck.
    let filter = format!("spec.title = {}", literal(title));
    if objects::list(cx, MODELS, &filter, Trash::Without).await?.len() > 1 {
        changed(cx, &it, json!({"title": before})).await?;
        return Err(taken(title));
    }
    Ok(answer)
}

/// A model goes with its versions.
async fn delete(cx: &Cx, ask: &Ask) -> Result<Value> {
    let it = find(cx, ask.required("name")?, "delete").await?;
    for version in versions::of(cx, &it).await? {
        objects::delete(cx, VERSIONS, version.metadata.uid.as_str()).await?;
    }
    objects::delete(cx, MODELS, it.metadata.uid.as_str()).await?;
    Ok(nothing())
}

const KNOWN: Known = Known {
    texts: &["name"],
    numbers: &[],
    lists: &["name"],
    orders: &["name", "timestamp", "last_updated_timestamp"],
    nulls: false,
    once: true,
};

fn cell(it: &Raw, key: &str) -> Cell {
    match key {
        "timestamp" | "last_updated_timestamp" => Cell::Number(objects::updated_ms(it) as f64),
        _ => Cell::Text(title_of(it).to_owned()),
    }
}

async fn search(cx: &Cx, ask: &Ask) -> Result<Value> {
    let most = ask.max_results(100, PAGE_MAX)?;
    let conditions = crate::grammar::filter(ask.text("filter")?.unwrap_or_default())?;
    let abouts = conditions.iter().map(|it| KNOWN.about(it)).collect::<Result<Vec<About>>>()?;
    let mut orders = KNOWN.orders(&ask.texts("order_by")?)?;
    if !orders.iter().any(|order| order.key == "name") {
        orders.push(crate::grammar::order("name")?);
    }
    let question = format!("{conditions:?}{orders:?}");
    let start = Start::read(ask.text("page_token")?.unwrap_or_default(), &question)?;
    objects::may(cx, MODELS, "list", "").await?;
    let asks_prompts = asks_prompts(&conditions);
    let holds = narrowing(&conditions, |_| None);
    let (by, exact) = ((&orders[0], start.after()), (matching::title(&conditions), &*holds));
    let walks = walk::titled(cx, MODELS, by, exact, Trash::Without)?;
    let fits = |it: &Raw| {
        (asks_prompts || !is_prompt(it))
            && conditions.iter().zip(&abouts).all(|(condition, about)| match about {
                About::Attribute => matching::holds(condition, &cell(it, &condition.key)),
                About::Tag => tag_holds(it, condition),
            })
    };
    let (page, next) = walk::best(cx, walks, (&orders, start, most), (cell, fits)).await?;
    let mut models = Vec::new();
    for it in &page {
        models.push(shown(cx, it).await?);
    }
    Ok(matching::shown_page("registered_models", models, next))
}

/// What the store can tell of conditions on models and versions: that a model is no prompt need not stand anywhere.
pub fn narrowing(conditions: &[Condition], place: impl Fn(&str) -> Option<Place>) -> Vec<Predicate> {
    let told: Vec<Condition> = conditions.iter().filter(|it| it.key != PROMPT).cloned().collect();
    walk::narrowing(&told, place)
}

/// Whether prompts are asked for: otherwise a search is about models only.
pub fn asks_prompts(conditions: &[Condition]) -> bool {
    conditions.iter().any(|condition| condition.key == PROMPT)
}

/// Whether a condition holds for a tag; whatever does not say that it is a prompt is none.
pub fn tag_holds(it: &Raw, condition: &Condition) -> bool {
    let found = objects::texts(it, "tags").find(|(key, _)| *key == condition.key).map(|(_, value)| value);
    let found = if condition.key == PROMPT { found.or(Some("false")) } else { found };
    matching::holds(condition, &Cell::text(found))
}

/// A model as MLflow shows it, with the latest version of each stage.
async fn shown(cx: &Cx, it: &Raw) -> Result<Value> {
    let mut shown = json!({
        "name": title_of(it),
        "creation_timestamp": objects::created_ms(it),
        "last_updated_timestamp": objects::updated_ms(it),
    });
    if let Some(description) = objects::text(it, "description") {
        shown["description"] = description.into();
    }
    let tags = objects::shown_pairs(objects::texts(it, "tags"));
    if tags != json!([]) {
        shown["tags"] = tags;
    }
    let aliases: Value = aliases::of(it)
        .map(|(alias, version)| json!({"alias": alias, "version": version.to_string()}))
        .collect();
    if aliases != json!([]) {
        shown["aliases"] = aliases;
    }
    let latest = versions::latest_of(cx, it).await?;
    if !latest.is_empty() {
        shown["latest_versions"] = latest.iter().map(|version| versions::plain(it, version)).collect();
    }
    Ok(shown)
}

/// An action of one object, as the caller.
pub async fn act(cx: &Cx, kind: &str, uid: &str, (name, ask): (&str, Value)) -> Result<Value> {
    objects::call(cx, kind, Verb::Act(name.to_owned()), (Some(uid), Some(ask))).await
}
