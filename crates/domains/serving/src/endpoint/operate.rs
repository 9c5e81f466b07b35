//! Putting an endpoint into service and out of it, and what was in service when.

use kernel::{prelude::*, read, store::ChangeQuery};

use super::{Endpoint, Phase, Status, routing::changed};

/// Whether an endpoint shall answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Desired {
    /// It answers.
    #[default]
    Serving,
    /// It is being worked on: callers are asked to come back.
    Maintenance,
    /// It is out of service.
    Stopped,
}

/// Adds what is served of operating endpoints.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.action("deploy", "Puts a version into service.", deploy)
        .action("undeploy", "Takes the endpoint out of service; its address stays.", undeploy)
        .action(
            "set-status",
            "Puts the endpoint into service, into maintenance or out of service.",
            set_status,
        )
        .needs("update")
        .view("status", "How the endpoint is, and how it shall be.", status)
        .needs("get")
        .view("config", "What can be set of the endpoint.", config)
        .needs("get")
        .action("set-config", "Sets what can be set of the endpoint.", set_config)
        .needs("update")
        .view("deployments", "What was put into service when, by whom, and what came of it.", deployments)
        .needs("get")
        .view_of_all("by-model", "The endpoints of a model.", by_model)
        .needs("list")
        .view_of_all(
            "by-status",
            "The endpoints that are somewhere, and those that shall be there.",
            by_status,
        )
        .needs("list")
        .view_of_all("maintenance", "The endpoints that are being worked on, and why.", in_maintenance)
        .needs("list")
}

/// Refuses calls of an endpoint that is out of service.
pub fn in_service(it: &Object<Endpoint>) -> Result<()> {
    let why = it.spec.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    match it.spec.desired {
        Desired::Serving => Ok(()),
        Desired::Maintenance => {
            let message = format!("endpoint `{}` is being worked on{why}", it.name());
            Err(Error::unavailable("endpoint-in-maintenance", message).retry_after(60))
        }
        Desired::Stopped => {
            let message = format!("endpoint `{}` is out of service{why}", it.name());
            Err(Error::conflict("endpoint-stopped", message).hint("put it into service with `deploy`"))
        }
    }
}

/// Which version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Its number; the one it had when not given.
    #[field(max = 20)]
    version: Option<String>,
}

/// Puts a version into service.
async fn deploy(cx: Cx, it: Object<Endpoint>, ask: Which) -> Result<Status> {
    let saved = changed(&cx, it.metadata.uid.as_str(), |it| {
        if ask.version.is_some() {
            it.spec.version.clone_from(&ask.version);
        }
        it.spec.desired = Desired::Serving;
        it.spec.reason = None;
        it.status.phase = Phase::Pending;
        it.status.observed_generation = None;
    });
    Ok(saved.await?.status)
}

/// Why.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Why {
    /// What callers are told.
    #[field(max = 500)]
    reason: Option<String>,
}

/// Takes the endpoint out of service.
async fn undeploy(cx: Cx, it: Object<Endpoint>, ask: Why) -> Result<Status> {
    let saved = changed(&cx, it.metadata.uid.as_str(), |it| {
        it.spec.desired = Desired::Stopped;
        it.spec.reason.clone_from(&ask.reason);
    });
    Ok(saved.await?.status)
}

/// How it shall be.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wish {
    /// Whether it shall answer.
    status: Desired,
    /// What callers are told when it does not.
    #[field(max = 500)]
    reason: Option<String>,
}

async fn set_status(cx: Cx, it: Object<Endpoint>, ask: Wish) -> Result<Value> {
    let saved = changed(&cx, it.metadata.uid.as_str(), |it| {
        it.spec.desired = ask.status;
        it.spec.reason = ask.reason.clone().filter(|_| ask.status != Desired::Serving);
    });
    Ok(told(&saved.await?))
}

fn told(it: &Object<Endpoint>) -> Value {
    json!({
        "name": it.name(),
        "desired": it.spec.desired,
        "reason": it.spec.reason,
        "phase": it.status.phase,
        "message": it.status.message,
        "serving": it.status.serving,
        "revision": it.status.revision,
    })
}

async fn status(_: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    Ok(told(&it))
}

/// What can be set of an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Config {
    /// The number of the version; the latest when not given.
    #[field(max = 20)]
    version: Option<String>,
    /// The most rows one request may carry.
    #[field(min = 1, max = 10000, default = 10000)]
    rows_max: u32,
    /// What it is for.
    #[field(max = 2000)]
    description: Option<String>,
}

async fn config(_: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Config> {
    Ok(Config { version: it.spec.version, rows_max: it.spec.rows_max, description: it.spec.description })
}

async fn set_config(cx: Cx, it: Object<Endpoint>, ask: Config) -> Result<Config> {
    let saved = changed(&cx, it.metadata.uid.as_str(), |it| {
        it.spec.version.clone_from(&ask.version);
        it.spec.rows_max = ask.rows_max;
        it.spec.description.clone_from(&ask.description);
    })
    .await?;
    config(cx, saved, Nothing {}).await
}

/// How many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Page {
    /// How many changes of the endpoint are looked at, from the newest on.
    #[field(min = 1, max = 1000, default = 200)]
    limit: u32,
}

/// What was put into service when: read from the journal, newest first.
async fn deployments(cx: Cx, it: Object<Endpoint>, ask: Page) -> Result<Value> {
    let query =
        ChangeQuery { uid: Some(it.metadata.uid.clone()), limit: ask.limit, ..ChangeQuery::default() };
    let kind = cx.platform().kind("catalog.endpoints")?;
    let mut items: Vec<Value> = Vec::new();
    let mut before: Option<(Value, Value)> = None;
    for change in cx.platform().store.history(&query).await?.iter().rev().filter(|it| !it.is_emptied()) {
        let raw = read::raw_at(&kind, change)?;
        let part = |name: &str| raw.spec.get(name).cloned().unwrap_or_default();
        let now = (part("modelVersion"), part("desired"));
        if before.as_ref() != Some(&now) || matches!(change.verb.as_str(), "redeploy" | "deploy") {
            items.push(json!({
                "position": change.position,
                "time": change.time,
                "actor": change.actor,
                "verb": change.verb,
                "version": now.0,
                "desired": now.1,
                "outcome": null,
            }));
        } else if change.verb == "ready"
            && let Some(last) = items.last_mut()
        {
            let told = |name: &str| raw.status.get(name).cloned().unwrap_or_default();
            last["outcome"] = json!({"phase": told("phase"), "message": told("message"), "at": change.time});
        }
        before = Some(now);
    }
    items.reverse();
    Ok(json!({"items": items}))
}

/// Of which model.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct OfModel {
    /// Its name.
    #[field(max = 253)]
    model: Name,
}

async fn by_model(cx: Cx, ask: OfModel) -> Result<Value> {
    let found = cx.list::<Endpoint>(&format!("spec.model = \"{}\"", ask.model), 1000).await?;
    Ok(json!({"items": found.iter().map(told).collect::<Vec<_>>()}))
}

/// Where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
enum Somewhere {
    Pending,
    Ready,
    Failed,
    Serving,
    Maintenance,
    Stopped,
}

/// Which.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct OfStatus {
    /// `Pending`, `Ready` or `Failed` by what is; `Serving`, `Maintenance` or `Stopped` by what is wanted.
    status: Somewhere,
}

async fn by_status(cx: Cx, ask: OfStatus) -> Result<Value> {
    let filter = match ask.status {
        Somewhere::Pending | Somewhere::Ready | Somewhere::Failed => {
            format!("status.phase = \"{:?}\"", ask.status)
        }
        Somewhere::Serving | Somewhere::Maintenance | Somewhere::Stopped => {
            format!("spec.desired = \"{:?}\"", ask.status)
        }
    };
    let found = cx.list::<Endpoint>(&filter, 1000).await?;
    Ok(json!({"items": found.iter().map(told).collect::<Vec<_>>()}))
}

async fn in_maintenance(cx: Cx, _: Nothing) -> Result<Value> {
    by_status(cx, OfStatus { status: Somewhere::Maintenance }).await
}
