//! Webhooks: objects of `catalog.webhooks`, whose events MLflow tells in two words.

use kernel::{cx::Cx, object::Raw};
use serde_json::{Map, Value, json};

use crate::{
    Asked,
    ask::Ask,
    checks,
    fault::{Fault, Result},
    matching, models, nothing,
    objects::{self, Trash},
};

const WEBHOOKS: &str = "catalog.webhooks";
/// The most webhooks one page has.
const PAGE_MAX: usize = 1_000;

/// Answers what is asked of webhooks.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["webhooks"]) => {
            let mut spec = Map::new();
            spec.insert("title".to_owned(), name(ask.required("name")?)?.into());
            spec.insert("url".to_owned(), url(ask.required("url")?)?.into());
            spec.insert("events".to_owned(), events(ask)?.into());
            more(ask, &mut spec)?;
            let id = cx.uid("whk").as_str().trim_start_matches("whk_").to_lowercase();
            objects::create(cx, WEBHOOKS, &id, spec.into()).await?;
            json!({"webhook": shown(&find(cx, &id, "get").await?)})
        }
        ("GET", ["webhooks"]) => list(cx, ask).await?,
        ("GET", ["webhooks", id]) => json!({"webhook": shown(&find(cx, id, "get").await?)}),
        ("PATCH", ["webhooks", id]) => update(cx, id, ask).await?,
        ("DELETE", ["webhooks", id]) => {
            let it = find(cx, id, "delete").await?;
            objects::delete(cx, WEBHOOKS, it.metadata.uid.as_str()).await?;
            nothing()
        }
        ("POST", ["webhooks", id, "test"]) => test(cx, id, ask).await?,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

async fn find(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    objects::may(cx, WEBHOOKS, verb, id).await?;
    let found = objects::living(cx, WEBHOOKS, id).await?;
    found.ok_or_else(|| Fault::missing(format!("Webhook with ID {id} not found.")))
}

fn name(text: &str) -> Result<&str> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if fits {
        return Ok(text);
    }
    Err(Fault::invalid(format!(
        "Webhook name '{text}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
    )))
}

/// An address with TLS; where it may lead is decided when it is called.
fn url(text: &str) -> Result<&str> {
    checks::length("url", text, 500)?;
    if text.trim().is_empty() {
        return Err(Fault::invalid("Webhook URL cannot be empty or just whitespace"));
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://127.0.0.1"));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)) {
        return Ok(text);
    }
    Err(Fault::invalid(format!("Invalid webhook URL scheme: '{text}'. Allowed schemes are: https.")))
}

fn events(ask: &Ask) -> Result<Vec<String>> {
    let items = ask.items("events")?;
    if items.is_empty() {
        return Err(Fault::invalid("Webhook events must be a non-empty list of WebhookEvent objects."));
    }
    items.iter().map(event).collect()
}

/// An event in our words: `MODEL_VERSION`, `CREATED` is `model_version.created`.
fn event(item: &Ask) -> Result<String> {
    Ok(format!("{}.{}", item.required("entity")?, item.required("action")?).to_lowercase())
}

/// What may be told, or not.
fn more(ask: &Ask, spec: &mut Map<String, Value>) -> Result<()> {
    if let Some(text) = ask.text("description")? {
        spec.insert("description".to_owned(), text.into());
    }
    if let Some(text) = ask.text("secret")? {
        spec.insert("secret".to_owned(), text.into());
    }
    match ask.given("status")? {
        None => {}
        Some("ACTIVE") => drop(spec.insert("disabled".to_owned(), false.into())),
        Some("DISABLED") => drop(spec.insert("disabled".to_owned(), true.into())),
        Some(other) => {
            return Err(Fault::invalid(format!(
                "Invalid value \"{other}\" for parameter 'status' supplied."
            )));
        }
    }
    Ok(())
}

async fn list(cx: &Cx, ask: &Ask) -> Result<Value> {
    let most = ask.max_results(100, PAGE_MAX)?;
    let from = matching::offset(ask.text("page_token")?.unwrap_or_default())?;
    objects::may(cx, WEBHOOKS, "list", "").await?;
    let mut all = objects::list(cx, WEBHOOKS, "", Trash::Without).await?;
    all.reverse();
    let (page, next) = matching::page(all, from, most);
    Ok(matching::shown_page("webhooks", page.iter().map(shown).collect(), next))
}

async fn update(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let mut spec = Map::new();
    if let Some(text) = ask.given("name")? {
        spec.insert("title".to_owned(), name(text)?.into());
    }
    if let Some(text) = ask.given("url")? {
        spec.insert("url".to_owned(), url(text)?.into());
    }
    if !ask.list("events")?.is_empty() {
        spec.insert("events".to_owned(), events(ask)?.into());
    }
    more(ask, &mut spec)?;
    let it = find(cx, id, "update").await?;
    objects::patch(cx, WEBHOOKS, it.metadata.uid.as_str(), spec.into()).await?;
    Ok(json!({"webhook": shown(&find(cx, id, "get").await?)}))
}

async fn test(cx: &Cx, id: &str, ask: &Ask) -> Result<Value> {
    let wanted = match ask.raw("event") {
        Some(told) => Some(event(&Ask::of_item(told.clone(), "event")?)?),
        None => None,
    };
    let it = find(cx, id, "test").await?;
    let asked = json!({"event": wanted});
    let told = models::act(cx, WEBHOOKS, it.metadata.uid.as_str(), ("test", asked)).await?;
    let mut result = json!({"success": told["success"]});
    for (ours, theirs) in [
        ("responseStatus", "response_status"),
        ("responseBody", "response_body"),
        ("errorMessage", "error_message"),
    ] {
        if !told[ours].is_null() {
            result[theirs] = told[ours].clone();
        }
    }
    Ok(json!({"result": result}))
}

/// A webhook as MLflow shows it; its secret never comes out.
fn shown(it: &Raw) -> Value {
    let events = it.spec.get("events").and_then(Value::as_array).into_iter().flatten();
    let events: Vec<Value> = events
        .filter_map(|event| event.as_str()?.split_once('.'))
        .map(|(entity, action)| json!({"entity": entity.to_uppercase(), "action": action.to_uppercase()}))
        .collect();
    let disabled = it.spec.get("disabled") == Some(&Value::Bool(true));
    let mut shown = json!({
        "webhook_id": it.metadata.name,
        "name": objects::text(it, "title").unwrap_or(&it.metadata.name),
        "url": objects::text(it, "url").unwrap_or_default(),
        "events": events,
        "status": if disabled { "DISABLED" } else { "ACTIVE" },
        "creation_timestamp": objects::created_ms(it),
        "last_updated_timestamp": objects::updated_ms(it),
    });
    if let Some(description) = objects::text(it, "description").filter(|text| !text.is_empty()) {
        shown["description"] = description.into();
    }
    shown
}
