//! Evaluation datasets and their records: objects of the service `catalog`.

use base::Digest;
use futures::{StreamExt, TryStreamExt, stream};
use kernel::{cx::Cx, literal, object::Raw};
use serde_json::{Map, Value, json};

use crate::{
    Asked,
    ask::Ask,
    checks, experiments,
    fault::{Fault, Result},
    matching::{self, About, Cell, Known},
    models, nothing,
    objects::{self, Trash},
    walk::{self, Start, Walk},
};

const DATASETS: &str = "catalog.evaluation-datasets";
const RECORDS: &str = "catalog.evaluation-records";
/// The most datasets one page has.
const PAGE_MAX: usize = 1_000;
/// The most records one request carries or one page has.
const RECORDS_MAX: usize = 1_000;
/// How many records are written at once.
const AT_ONCE: usize = 64;
/// The tag that says who told something.
const USER_TAG: &str = "mlflow.user";

/// Answers what is asked of evaluation datasets.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["datasets", "create"]) => create(cx, ask).await?,
        ("GET" | "POST", ["datasets", "search"]) => search(cx, ask).await?,
        ("GET", ["datasets", id]) => one(cx, &find(cx, id, "get").await?).await?,
        ("DELETE", ["datasets", id]) => delete(cx, id).await?,
        ("GET", ["datasets", id, "experiment-ids"]) => {
            json!({"experiment_ids": find(cx, id, "get").await?.spec.get("experiments")})
        }
        ("POST", ["datasets", id, "add-experiments"]) => join(cx, id, ask, true).await?,
        ("POST", ["datasets", id, "remove-experiments"]) => join(cx, id, ask, false).await?,
        ("PATCH", ["datasets", id, "tags"]) => {
            let tags = tags(ask)?;
            let it = find(cx, id, "update").await?;
            objects::patch(cx, DATASETS, it.metadata.uid.as_str(), json!({"tags": tags})).await?;
            nothing()
        }
        ("DELETE", ["datasets", id, "tags", key @ ..]) => {
            let it = find(cx, id, "update").await?;
            let tags = json!({"tags": {key.join("/"): null}});
            objects::patch(cx, DATASETS, it.metadata.uid.as_str(), tags).await?;
            nothing()
        }
        ("GET", ["datasets", id, "records"]) => records(cx, id, ask).await?,
        ("POST", ["datasets", id, "records"]) => upsert(cx, id, ask).await?,
        ("DELETE", ["datasets", id, "records"]) => delete_records(cx, id, ask).await?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

async fn find(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    objects::may(cx, DATASETS, verb, id).await?;
    let found = objects::living(cx, DATASETS, id).await?;
    found.ok_or_else(|| Fault::missing(format!("Evaluation dataset with id '{id}' not found")))
}

/// Tags as a text of a JSON object, as these requests have them.
fn tags(ask: &Ask) -> Result<Map<String, Value>> {
    let bad =
        || Fault::invalid("Invalid value for parameter 'tags' supplied: it must be a JSON object of texts");
    let told: Map<String, Value> = serde_json::from_str(ask.required("tags")?).map_err(|_| bad())?;
    for (key, value) in &told {
        checks::length("key", key, checks::KEY_MAX)?;
        match value {
            Value::String(text) => checks::length("value", text, checks::TAG_MAX)?,
            Value::Null => {}
            _ => return Err(bad()),
        }
    }
    Ok(told)
}

/// The uids of the experiments a request names.
async fn named_experiments(cx: &Cx, ask: &Ask) -> Result<Vec<String>> {
    let mut uids = Vec::new();
    for id in ask.texts("experiment_ids")? {
        uids.push(experiments::active(cx, &id, "get").await?.metadata.uid.to_string());
    }
    Ok(uids)
}

async fn create(cx: &Cx, ask: &Ask) -> Result<Value> {
    let name = ask.required("name")?;
    checks::length("name", name, checks::TITLE_MAX)?;
    let tags = if ask.given("tags")?.is_some() { tags(ask)? } else { Map::new() };
    objects::may(cx, DATASETS, "create", "").await?;
    let user = tags.get(USER_TAG).cloned();
    let spec = json!({
        "title": name,
        "experiments": named_experiments(cx, ask).await?,
        "tags": tags,
        "createdBy": user,
        "updatedBy": user,
    });
    let id = format!("d-{}", cx.uid("d").as_str().trim_start_matches("d_").to_lowercase());
    let experiments = spec["experiments"].clone();
    let uid = objects::create(cx, DATASETS, &id, spec).await?;
    let it = objects::living(cx, DATASETS, &uid).await?;
    let it = it.ok_or_else(|| Fault::missing("the dataset was deleted at the same moment"))?;
    let mut made = one(cx, &it).await?;
    // Later answers leave them out: clients ask for them when they are looked at.
    if experiments != json!([]) {
        made["dataset"]["experiment_ids"] = experiments;
    }
    Ok(made)
}

async fn delete(cx: &Cx, id: &str) -> Result<Value> {
    objects::may(cx, DATASETS, "delete", id).await?;
    // What is gone is gone: MLflow's clients delete twice.
    let Some(it) = objects::living(cx, DATASETS, id).await? else { return Ok(nothing()) };
    for record in all_records(cx, &it).await? {
        objects::delete(cx, RECORDS, record.metadata.uid.as_str()).await?;
    }
    objects::delete(cx, DATASETS, it.metadata.uid.as_str()).await?;
    Ok(nothing())
}

async fn join(cx: &Cx, id: &str, ask: &Ask, joins: bool) -> Result<Value> {
    let it = find(cx, id, "update").await?;
    let mut all: Vec<String> = it
        .spec
        .get("experiments")
        .cloned()
        .and_then(|all| serde_json::from_value(all).ok())
        .unwrap_or_default();
    if joins {
        for uid in named_experiments(cx, ask).await? {
            if !all.contains(&uid) {
                all.push(uid);
            }
        }
    } else {
        let gone = ask.texts("experiment_ids")?;
        all.retain(|uid| !gone.contains(uid));
    }
    objects::patch(cx, DATASETS, it.metadata.uid.as_str(), json!({"experiments": all})).await?;
    one(cx, &find(cx, id, "get").await?).await
}

/// The way through a dataset's records.
fn records_of(cx: &Cx, dataset: &Raw) -> Result<Walk> {
    Walk::new(cx, RECORDS, vec![walk::is(walk::field("dataset"), &dataset.metadata.name)])
}

async fn all_records(cx: &Cx, dataset: &Raw) -> Result<Vec<Raw>> {
    let filter = format!("spec.dataset = {}", literal(&dataset.metadata.name));
    objects::list(cx, RECORDS, &filter, Trash::Without).await
}

async fn one(cx: &Cx, it: &Raw) -> Result<Value> {
    Ok(json!({"dataset": shown(it, records_of(cx, it)?.count(cx).await?)}))
}

/// A dataset as MLflow shows it.
fn shown(it: &Raw, records: u64) -> Value {
    let title = objects::text(it, "title").unwrap_or(&it.metadata.name);
    let version = it.metadata.version;
    let digest = Digest::of(format!("{title}:{version}").as_bytes()).to_string();
    let mut shown = json!({
        "dataset_id": it.metadata.name,
        "name": title,
        "tags": it.spec.get("tags").cloned().unwrap_or_else(|| json!({})).to_string(),
        "digest": digest[..8],
        "created_time": objects::created_ms(it),
        "last_update_time": objects::updated_ms(it),
    });
    if let Some(schema) = it.spec.get("schema").filter(|schema| !schema.is_null()) {
        shown["schema"] = schema.to_string().into();
    }
    if records > 0 {
        shown["profile"] = json!({"num_records": records}).to_string().into();
    }
    for (field, theirs) in [("createdBy", "created_by"), ("updatedBy", "last_updated_by")] {
        if let Some(user) = objects::text(it, field) {
            shown[theirs] = user.into();
        }
    }
    shown
}

const KNOWN: Known = Known {
    texts: &["name", "created_by", "last_updated_by"],
    numbers: &["created_time", "last_update_time"],
    lists: &["name"],
    orders: &["created_time", "last_update_time", "name"],
    nulls: false,
    once: false,
};

fn cell(it: &Raw, key: &str) -> Cell {
    match key {
        "name" => Cell::text(objects::text(it, "title")),
        "created_by" => Cell::text(objects::text(it, "createdBy")),
        "last_updated_by" => Cell::text(objects::text(it, "updatedBy")),
        "created_time" => Cell::Number(objects::created_ms(it) as f64),
        _ => Cell::Number(objects::updated_ms(it) as f64),
    }
}

async fn search(cx: &Cx, ask: &Ask) -> Result<Value> {
    let most = ask.max_results(1_000, PAGE_MAX)?;
    let conditions = crate::grammar::filter(ask.text("filter_string")?.unwrap_or_default())?;
    let abouts = conditions.iter().map(|it| KNOWN.about(it)).collect::<Result<Vec<About>>>()?;
    let mut orders = ask.texts("order_by")?;
    if orders.is_empty() {
        orders = vec!["created_time DESC".to_owned()];
    }
    let orders = KNOWN.orders(&orders)?;
    let wanted = ask.texts("experiment_ids")?;
    let question = format!("{conditions:?}{orders:?}{wanted:?}");
    let start = Start::read(ask.text("page_token")?.unwrap_or_default(), &question)?;
    objects::may(cx, DATASETS, "list", "").await?;
    let walk = Walk::new(cx, DATASETS, models::narrowing(&conditions, |_| None))?;
    let walk = match &orders[0] {
        order if order.key == "created_time" => walk.by_creation(order.ascending, start.after()),
        _ => walk,
    };
    let fits = |it: &Raw| {
        let own = it.spec.get("experiments").and_then(Value::as_array);
        let is_in = |id: &String| own.is_some_and(|own| own.iter().any(|known| known == id.as_str()));
        (wanted.is_empty() || wanted.iter().any(is_in))
            && conditions.iter().zip(&abouts).all(|(condition, about)| match about {
                About::Attribute => matching::holds(condition, &cell(it, &condition.key)),
                About::Tag => models::tag_holds(it, condition),
            })
    };
    let (page, next) = walk::best(cx, vec![walk], (&orders, start, most), (cell, fits)).await?;
    let mut shown_page = Vec::new();
    for it in &page {
        shown_page.push(shown(it, records_of(cx, it)?.count(cx).await?));
    }
    Ok(matching::shown_page("datasets", shown_page, next))
}

/// A record as MLflow shows it.
fn record(dataset: &str, it: &Raw) -> Value {
    let mut shown = json!({
        "dataset_record_id": it.metadata.name,
        "dataset_id": dataset,
        "inputs": it.spec.get("inputs"),
        "created_time": objects::created_ms(it),
        "last_update_time": objects::updated_ms(it),
    });
    for field in ["outputs", "tags"] {
        shown[field] =
            it.spec.get(field).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| json!({}));
    }
    for field in ["expectations", "source"] {
        if let Some(value) = it.spec.get(field).filter(|value| !value.is_null() && **value != json!({})) {
            shown[field] = value.clone();
        }
    }
    let source = it.spec.get("source");
    if let Some(sort) = source.and_then(|source| source.get("source_type")) {
        shown["source_type"] = sort.clone();
    }
    for (field, theirs) in [("createdBy", "created_by"), ("updatedBy", "last_updated_by")] {
        if let Some(user) = objects::text(it, field) {
            shown[theirs] = user.into();
        }
    }
    shown
}

async fn records(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let most = ask.max_results(RECORDS_MAX, RECORDS_MAX)?;
    let start = Start::read(ask.text("page_token")?.unwrap_or_default(), id)?;
    let it = find(cx, id, "get").await?;
    objects::may(cx, RECORDS, "list", "").await?;
    let walk = records_of(cx, &it)?.by_creation(true, start.after());
    let orders = [crate::grammar::order("created_time")?];
    let (page, next) = walk::best(cx, vec![walk], (&orders, start, most), (cell, |_: &Raw| true)).await?;
    let shown: Vec<Value> = page.iter().map(|it| record(id, it)).collect();
    let mut answer = json!({"records": Value::from(shown).to_string()});
    if let Some(next) = next {
        answer["next_page_token"] = next.into();
    }
    Ok(answer)
}

/// The name of a record: one for each input of a dataset.
fn name_of(dataset: &str, inputs: &Value) -> String {
    format!("dr-{}", &Digest::of(format!("{dataset}\0{inputs}").as_bytes()).to_string()[..32])
}

/// Records that are new come in; those whose inputs are known are completed.
async fn upsert(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let bad = || {
        Fault::invalid("Invalid value for parameter 'records' supplied: it must be a JSON list of objects")
    };
    let told: Vec<Map<String, Value>> = serde_json::from_str(ask.required("records")?).map_err(|_| bad())?;
    if told.len() > RECORDS_MAX {
        return Err(Fault::invalid(format!("a request carries at most {RECORDS_MAX} records")));
    }
    let it = find(cx, id, "update").await?;
    let dataset = it.metadata.name.as_str();
    let mut named: Vec<(String, Map<String, Value>)> = Vec::new();
    let (mut inserted, mut updated) = (0, 0);
    for record in told {
        let inputs = record.get("inputs").cloned().unwrap_or_else(|| json!({}));
        if !inputs.is_object() {
            return Err(bad());
        }
        let name = name_of(dataset, &inputs);
        // The same inputs twice in one request are one record, and the later one completes the earlier.
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, earlier)) => {
                updated += 1;
                complete(earlier, record);
            }
            None => named.push((name, record)),
        }
    }
    let schema = schema(it.spec.get("schema"), named.iter().map(|(_, record)| record));
    let user = named.iter().rev().find_map(|(_, record)| record.get("tags")?.get(USER_TAG).cloned());
    let written: Vec<bool> = stream::iter(named)
        .map(|(name, record)| write_record(cx, dataset, name, record))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    inserted += written.iter().filter(|is_new| **is_new).count();
    updated += written.iter().filter(|is_new| !**is_new).count();
    let mut spec = json!({"schema": schema});
    if let Some(user) = user {
        spec["updatedBy"] = user;
    }
    objects::patch(cx, DATASETS, it.metadata.uid.as_str(), spec).await?;
    Ok(json!({"inserted_count": inserted, "updated_count": updated}))
}

fn complete(earlier: &mut Map<String, Value>, later: Map<String, Value>) {
    for (field, value) in later {
        match (earlier.get_mut(&field), value) {
            (Some(Value::Object(known)), Value::Object(more)) if field != "outputs" => known.extend(more),
            (_, value) => {
                earlier.insert(field, value);
            }
        }
    }
}

/// Writes one record; tells whether it is new.
async fn write_record(cx: &Cx, dataset: &str, name: String, record: Map<String, Value>) -> Result<bool> {
    let user = record.get("tags").and_then(|tags| tags.get(USER_TAG)).cloned();
    let given = |field: &str| record.get(field).filter(|value| !value.is_null()).cloned();
    if objects::living(cx, RECORDS, &name).await?.is_none() {
        let spec = json!({
            "dataset": dataset,
            "inputs": given("inputs").unwrap_or_else(|| json!({})),
            "outputs": given("outputs"),
            "expectations": given("expectations").unwrap_or_else(|| json!({})),
            "tags": given("tags").unwrap_or_else(|| json!({})),
            "source": given("source"),
            "createdBy": user,
            "updatedBy": user,
        });
        match objects::create(cx, RECORDS, &name, spec).await {
            Err(fault) if fault.code == "RESOURCE_ALREADY_EXISTS" => {}
            other => return other.map(|_| true),
        }
    }
    let it = objects::living(cx, RECORDS, &name).await?;
    let it = it.ok_or_else(|| Fault::missing("the record was deleted at the same moment"))?;
    let mut spec = Map::new();
    if record.contains_key("outputs") {
        // What came out is replaced as a whole.
        objects::patch(cx, RECORDS, it.metadata.uid.as_str(), json!({"outputs": null})).await?;
        spec.insert("outputs".to_owned(), record["outputs"].clone());
    }
    for field in ["expectations", "tags"] {
        spec.extend(given(field).map(|value| (field.to_owned(), value)));
    }
    spec.extend(user.map(|user| ("updatedBy".to_owned(), user)));
    objects::patch(cx, RECORDS, it.metadata.uid.as_str(), spec.into()).await?;
    Ok(false)
}

async fn delete_records(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let it = find(cx, id, "update").await?;
    let mut deleted = 0;
    for name in ask.texts("dataset_record_ids")? {
        let found = objects::living(cx, RECORDS, &name).await?;
        let own = found.filter(|record| objects::text(record, "dataset") == Some(&it.metadata.name));
        if let Some(record) = own {
            objects::delete(cx, RECORDS, record.metadata.uid.as_str()).await?;
            deleted += 1;
        }
    }
    Ok(json!({"deleted_count": deleted}))
}

/// The fields records have had, with the type each had first.
fn schema<'a>(known: Option<&Value>, records: impl Iterator<Item = &'a Map<String, Value>>) -> Value {
    let empty = || json!({"inputs": {}, "outputs": {}, "expectations": {}, "version": "1.0"});
    let mut schema = known.filter(|known| known.is_object()).cloned().unwrap_or_else(empty);
    for record in records {
        for part in ["inputs", "outputs", "expectations"] {
            match record.get(part) {
                Some(Value::Object(fields)) => {
                    for (field, value) in fields {
                        if schema[part].get(field).is_none() {
                            schema[part][field] = sort_of(value).into();
                        }
                    }
                }
                Some(value) if !value.is_null() && schema[part] == json!({}) => {
                    schema[part] = sort_of(value).into()
                }
                _ => {}
            }
        }
    }
    schema
}

fn sort_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
