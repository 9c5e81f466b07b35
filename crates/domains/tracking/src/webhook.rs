//! A webhook: an address that is told when something happens to models, versions and prompts.
//!
//! What is told follows the journal, so that it is told whoever changed it and by whatever face; once or more often, but
//! not to whom it cannot be told within three tries.
//! Headers and signature are MLflow's, which follow Standard Webhooks: HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use kernel::prelude::*;
use ports::fetch::{self, Fetch, Request, Response};

/// What webhooks serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Webhook>) -> KindBuilder<Webhook> {
    kind.check(can_be_told).admit(note_change).action(
        "test",
        "Tells the address of something made up, now.",
        test,
    )
}

/// An address that is told when something happens.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "webhook", prefix = "whk", status = "Status")]
pub struct Webhook {
    /// What people call it.
    #[field(max = 63)]
    pub title: Option<String>,
    /// What it is for.
    #[field(max = 1000)]
    pub description: Option<String>,
    /// Where to post to.
    #[field(max = 500, example = "https://hooks.example.org/models")]
    pub url: String,
    /// What it is told of, such as `model_version.created`.
    #[field(min = 1, max = 50)]
    pub events: Vec<String>,
    /// What bodies are signed with.
    #[field(max = 1000)]
    pub secret: Option<Secret>,
    /// Whether it is told nothing for now.
    #[field(default = false, indexed)]
    pub disabled: bool,
}

/// What is known of a webhook.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it was changed last.
    pub updated: Option<Time>,
}

/// What can be told.
pub const EVENTS: [&str; 14] = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
];

/// How long another server may take, in milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// How often an event is told to somebody who answers that something is wrong there.
const TRIES: u32 = 3;
/// How much of an answer is kept, in bytes.
const ANSWER_MAX: usize = 64 << 10;

fn can_be_told(it: &Object<Webhook>) -> Result<()> {
    fetch::check_url(&it.spec.url).map_err(|error| error.at("spec.url"))?;
    match it.spec.events.iter().position(|event| !EVENTS.contains(&event.as_str())) {
        None => Ok(()),
        Some(at) => Err(Error::invalid("unknown-value", "nothing of that sort is told")
            .at(format!("spec.events[{at}]"))
            .hint(format!("one of {}", EVENTS.join(", ")))),
    }
}

/// Says when it was changed last.
async fn note_change(
    cx: Cx,
    mut it: Object<Webhook>,
    old: Option<Object<Webhook>>,
) -> Result<Object<Webhook>> {
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}

/// Something that happened.
pub struct Event {
    /// Its name, such as `model_version.created`.
    pub name: &'static str,
    /// What there is to say of it.
    pub told: Value,
}

/// Tells every webhook of the project that wants to know.
pub async fn tell(cx: &Cx, events: &[Event]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let hooks = cx.list::<Webhook>("spec.disabled = false", 1_000).await?;
    // Whoever is slow or away keeps nobody else waiting.
    let told = hooks.iter().map(|hook| async move {
        for event in events.iter().filter(|event| hook.spec.events.iter().any(|wanted| wanted == event.name))
        {
            tell_one(cx, hook, event).await;
        }
    });
    futures::future::join_all(told).await;
    Ok(())
}

/// Tells one webhook, and tells it again when the other side is only not well at the moment.
async fn tell_one(cx: &Cx, hook: &Object<Webhook>, event: &Event) {
    for _ in 0..TRIES {
        match send(cx, &hook.spec, event).await {
            Ok(answer) if answer.status >= 500 || answer.status == 429 => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(webhook = hook.name(), event = event.name, ?error, "not told");
                return;
            }
        }
    }
    tracing::warn!(webhook = hook.name(), event = event.name, "the other side does not take it");
}

/// Posts an event, signed where there is something to sign with.
async fn send(cx: &Cx, hook: &Webhook, event: &Event) -> Result<Response> {
    let (entity, action) = event.name.split_once('.').unwrap_or((event.name, ""));
    let body = json!({
        "entity": entity,
        "action": action,
        "timestamp": cx.now(),
        "data": event.told,
        "workspace": &*cx.project,
    })
    .to_string();
    let id = delivery(cx);
    let seconds = (cx.now().micros() / 1_000_000).to_string();
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-mlflow-delivery-id".to_owned(), id.clone()),
        ("x-mlflow-timestamp".to_owned(), seconds.clone()),
    ];
    if let Some(secret) = &hook.secret {
        let value = signature(secret.reveal(), &format!("{id}.{seconds}.{body}"));
        headers.push(("x-mlflow-signature".to_owned(), value));
    }
    let request = Request {
        method: "POST".to_owned(),
        url: hook.url.clone(),
        headers,
        body: body.into_bytes(),
        timeout_ms: PATIENCE_MS,
        answer_max: ANSWER_MAX,
    };
    cx.port::<dyn Fetch>()?.fetch(request).await
}

fn signature(secret: &str, told: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, told.as_bytes())))
}

/// An identifier of a delivery in the form of a UUID (RFC 9562 section 5.4).
fn delivery(cx: &Cx) -> String {
    let mut bytes = cx.random::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Of what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Trial {
    /// The event; the first it wants to know of when absent.
    #[field(max = 100)]
    event: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    /// Whether the other side took it.
    success: bool,
    /// Its status code.
    response_status: Option<u16>,
    /// What it said, cut.
    response_body: Option<String>,
    /// Why it was not told, where it was not.
    error_message: Option<String>,
}

/// Tells the address of something made up, now.
async fn test(cx: Cx, it: Object<Webhook>, ask: Trial) -> Result<Outcome> {
    let wanted = ask.event.or_else(|| it.spec.events.first().cloned()).unwrap_or_default();
    let name = EVENTS.into_iter().find(|event| *event == wanted);
    let name =
        name.ok_or_else(|| Error::invalid("unknown-value", "nothing of that sort is told").at("event"))?;
    Ok(match send(&cx, &it.spec, &Event { name, told: example(name) }).await {
        Ok(answer) => Outcome {
            success: answer.status < 400,
            response_status: Some(answer.status),
            response_body: Some(String::from_utf8_lossy(&answer.body).into_owned()),
            error_message: None,
        },
        Err(error) => Outcome {
            success: false,
            response_status: None,
            response_body: None,
            error_message: Some(format!("Failed to test webhook: {}", error.message())),
        },
    })
}

/// Something made up, in the shape of an event.
fn example(name: &str) -> Value {
    let of_what = if name.starts_with("prompt") { "example_prompt" } else { "example_model" };
    let mut told = json!({"name": of_what});
    let mut set = |field: &str, value: Value| told[field] = value;
    if name.contains("_version") || name == "model_version_alias.created" || name == "prompt_alias.created" {
        set("version", "1".into());
    }
    if name.contains("_tag") {
        set("key", "example_key".into());
        if name.ends_with("set") {
            set("value", "example_value".into());
        }
    }
    if name.contains("_alias") {
        set("alias", "example_alias".into());
    }
    if name.ends_with(".created") && !name.contains("_alias") {
        set("tags", json!({"example_key": "example_value"}));
        set("description", "An example".into());
    }
    match name {
        "model_version.created" => {
            set("source", "models:/m-example".into());
            set("run_id", Value::Null);
        }
        "prompt_version.created" => set("template", "Hello {{name}}!".into()),
        _ => {}
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_signed_as_standard_webhooks_says() {
        // Worked out with Python's `hmac`.
        let expected = "v1,GBemBzTgbKoVEGKycqyY3615LbdJbhFLE1oQk+zZ+lo=";
        assert_eq!(signature("secret", "id.1700000000.{}"), expected);
    }
}
