//! What a component does: an operation of the platform, asked with the rights of whoever the pipeline acts for.

use std::collections::BTreeMap;

use kernel::{
    declare::Body,
    dispatch::{Answer, Call, Verb, call},
    prelude::*,
};
use ports::fetch::{Fetch, Request};

/// What a component does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Profiles a dataset's latest version; `on` is the dataset.
    Profile,
    /// Checks a dataset's rules of quality, and fails where one does not hold; `on` is the dataset.
    CheckQuality,
    /// Parts a dataset's rows; `on` is the dataset, `with` what `split` takes.
    Split,
    /// Makes a version from another; `on` is the dataset, `with` what `transform` takes.
    Transform,
    /// Trains; `with` is the spec of a training job.
    Train,
    /// Tries a model's version, and fails where it is not sound; `on` is the model.
    Validate,
    /// Moves a model's version to a stage; `on` is the version, `with` has the stage.
    Promote,
    /// Puts a model's version into service; `on` is the model.
    Deploy,
    /// Posts JSON to another server; `with` has `url` and `body`.
    Webhook,
    /// Any other action of any object; `with` has `kind`, `action` and `input`, `on` is the object.
    Call,
}

/// What came of asking.
pub enum Outcome {
    /// It is done.
    Done(Value),
    /// A run does it.
    Ordered(String),
}

/// What a webhook is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Post {
    url: String,
    #[serde(default)]
    body: Value,
}

/// Any action of any object.
#[derive(Clone, Debug, Deserialize)]
struct Any {
    kind: String,
    action: String,
    #[serde(default)]
    input: Value,
}

fn parsed<T: serde::de::DeserializeOwned>(with: Value) -> Result<T> {
    serde_json::from_value(with)
        .map_err(|error| Error::invalid("bad-component", format!("`with` does not fit: {error}")))
}

impl Operation {
    /// Refuses what no run could do; placeholders stand for anything.
    pub fn check(self, on: Option<&str>, with: &Value) -> Result<()> {
        let need = |there: bool, field: &str| {
            if there {
                return Ok(());
            }
            Err(Error::invalid("missing-field", format!("this operation needs `{field}`")).at(field))
        };
        match self {
            Self::Profile | Self::CheckQuality | Self::Split | Self::Transform => need(on.is_some(), "on"),
            Self::Validate | Self::Promote | Self::Deploy => need(on.is_some(), "on"),
            Self::Train => need(with["dataset"].is_string(), "with.dataset"),
            Self::Webhook => need(with["url"].is_string(), "with.url"),
            Self::Call => {
                need(with["kind"].is_string(), "with.kind")?;
                need(with["action"].is_string(), "with.action")
            }
        }
    }

    /// Asks; `name` is one no other component of any run has.
    pub async fn ask(self, cx: &Cx, name: &str, on: Option<&str>, with: Value) -> Result<Outcome> {
        let given = if with.is_null() { json!({}) } else { with.clone() };
        let act = |kind: &'static str, action: &'static str| async move {
            outcome(cx.call_action(kind, on, action, given).await?)
        };
        match self {
            Self::Profile => act("catalog.datasets", "profile").await,
            Self::CheckQuality => act("catalog.datasets", "check-quality").await,
            Self::Split => act("catalog.datasets", "split").await,
            Self::Transform => act("catalog.datasets", "transform").await,
            Self::Promote => act("catalog.model-versions", "promote").await,
            Self::Deploy => act("catalog.models", "deploy").await,
            Self::Validate => match act("catalog.models", "validate").await? {
                Outcome::Done(told) if told["valid"] != true => {
                    Err(Error::conflict("not-valid", format!("the version is not sound: {}", told["checks"])))
                }
                other => Ok(other),
            },
            Self::Train => train(cx, name, with).await,
            Self::Webhook => {
                let post: Post = parsed(with)?;
                let input = serde_json::to_value(post).map_err(Error::internal)?;
                let mut order = Order::new("catalog.webhook", json!({"post": input, "key": name}));
                order.deadline_seconds = 600;
                Ok(Outcome::Ordered(cx.order(order).await?.metadata.name))
            }
            Self::Call => {
                let any: Any = parsed(with)?;
                let input = if any.input.is_null() { json!({}) } else { any.input };
                outcome(cx.call_action(&any.kind, on, &any.action, input).await?)
            }
        }
    }

    /// What a run's output means for the component; some runs succeed with bad news.
    pub fn verdict(self, output: &Value) -> Result<()> {
        if self == Self::CheckQuality && output["passed"] == false {
            return Err(Error::conflict("not-valid", format!("rules do not hold, see {}", output["check"])));
        }
        Ok(())
    }
}

/// An answer that names a run is waited for.
fn outcome(answer: Value) -> Result<Outcome> {
    Ok(match answer.get("run").and_then(Value::as_str) {
        Some(run) => Outcome::Ordered(run.to_owned()),
        None => Outcome::Done(answer),
    })
}

/// Makes a training job under the component's name; one that is there was made by a try before this one.
async fn train(cx: &Cx, name: &str, spec: Value) -> Result<Outcome> {
    const JOBS: &str = "system.training-jobs";
    let made = call(
        cx.clone(),
        Call {
            kind: cx.platform().kind(JOBS)?,
            verb: Verb::Create,
            id: None,
            parent: None,
            params: BTreeMap::new(),
            body: Body::Json(json!({"metadata": {"name": name}, "spec": spec})),
            if_match: None,
        },
    )
    .await;
    match made {
        Ok(Answer::Created(..)) => {}
        Ok(_) => return Err(Error::internal("a creation answers an object")),
        Err(error) if error.code() == "already-exists" => {}
        Err(error) => return Err(error),
    }
    Ok(Outcome::Ordered(format!("{JOBS}/{name}")))
}

/// The work of a webhook.
pub fn webhook() -> Workflow {
    Workflow::new("catalog.webhook").step("post", post)
}

#[derive(Deserialize)]
struct Input {
    post: Post,
    key: String,
}

/// Posts; the key tells the other side when it hears the same twice.
async fn post(step: StepCx) -> Result<Value> {
    let input: Input = step.input()?;
    let request = Request {
        method: "POST".to_owned(),
        url: input.post.url,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("idempotency-key".to_owned(), input.key),
        ],
        body: input.post.body.to_string().into_bytes(),
        timeout_ms: 10_000,
        answer_max: 64 << 10,
    };
    let answer = step.cx.port::<dyn Fetch>()?.fetch(request).await?;
    step.line(&format!("the other side answered {}", answer.status));
    if (200..300).contains(&answer.status) {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        return Ok(
            json!({"status": answer.status, "answer": serde_json::from_str(&text).unwrap_or(Value::String(text))}),
        );
    }
    Err(Error::unavailable("webhook-refused", format!("the other side answered {}", answer.status)))
}

impl Operation {
    /// The kind it is about and the permission's last word; no kind where it is about no object of the platform.
    pub fn permission(self, with: Option<&Value>) -> (Option<String>, String) {
        let of = |kind: &str, word: &str| (Some(kind.to_owned()), word.to_owned());
        match self {
            Self::Profile => of("catalog.datasets", "profile"),
            Self::CheckQuality => of("catalog.datasets", "check-quality"),
            Self::Split => of("catalog.datasets", "split"),
            Self::Transform => of("catalog.datasets", "transform"),
            Self::Train => of("system.training-jobs", "create"),
            Self::Validate => of("catalog.models", "get"),
            Self::Promote => of("catalog.model-versions", "promote"),
            Self::Deploy => of("catalog.models", "deploy"),
            Self::Webhook => (None, String::new()),
            Self::Call => {
                let text = |name: &str| with.and_then(|with| with[name].as_str()).unwrap_or_default();
                of(text("kind"), text("action"))
            }
        }
    }
}
