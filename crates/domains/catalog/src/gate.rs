//! The gate before promotions and deployments: what the organization's enforced policies say.

use kernel::{access::Principal, prelude::*};

use crate::model_version::{Stage, Version};

/// The kind that keeps the policies.
const POLICIES: &str = "catalog.governance-policies";

/// The kind that keeps what is withdrawn.
const QUARANTINES: &str = "catalog.quarantines";

/// Refuses what came of something that is withdrawn.
async fn clean(cx: &Cx, event: &str, version: &str) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("governance", &cx.org), &cx.project);
    let Some(it) = inside.get_opt::<Version>(version).await? else { return Ok(()) };
    let ask = json!({"id": it.metadata.uid});
    let told = match inside.call_action(QUARANTINES, None, "check", ask).await {
        Err(error) if error.code() == "unknown-kind" => return Ok(()),
        other => other?,
    };
    let Some(by) = told["by"].as_array().and_then(|all| all.first()) else { return Ok(()) };
    let text = |name: &str| by[name].as_str().unwrap_or_default();
    let message = format!(
        "to {event} `{version}` is refused by quarantine `{}`: {}",
        text("quarantine"),
        text("reason")
    );
    Err(Error::conflict("in-quarantine", message)
        .hint("it came of something that was withdrawn; `lineage` shows the way"))
}

/// Refuses what an enforced policy refuses; a platform without governance refuses nothing.
async fn pass(cx: &Cx, event: &str, version: &str) -> Result<()> {
    clean(cx, event, version).await?;
    let inside = cx.platform().cx_of(Principal::system("governance", &cx.org), &cx.project);
    let ask = json!({"event": event, "kind": "catalog.model-versions", "object": version});
    let told = match inside.call_action(POLICIES, None, "gate", ask).await {
        Err(error) if error.code() == "unknown-kind" => return Ok(()),
        other => other?,
    };
    if told["allowed"] == true {
        return Ok(());
    }
    let refusals = told["refusals"].as_array().cloned().unwrap_or_default();
    let texts = |name: &'static str| refusals.iter().filter_map(move |it| it[name].as_str());
    let words: Vec<String> = texts("policy")
        .zip(texts("message"))
        .map(|(policy, why)| format!("policy `{policy}`: {why}"))
        .collect();
    let message = format!("to {event} `{version}` is refused by {}", words.join("; "));
    let error = Error::conflict("policy-violated", message);
    let hints: Vec<&str> = texts("description").collect();
    Err(if hints.is_empty() { error } else { error.hint(hints.join("; ")) })
}

/// Holds a version that is on its way to `Staging` or `Production` against the policies.
pub async fn promoted(cx: Cx, it: Object<Version>, old: Option<Object<Version>>) -> Result<Object<Version>> {
    let on_its_way = matches!(it.status.stage, Stage::Staging | Stage::Production);
    if let Some(old) = old.filter(|old| on_its_way && old.status.stage != it.status.stage) {
        pass(&cx, "promote", old.name()).await?;
    }
    Ok(it)
}

/// On its way where.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Way {
    /// To be promoted, or deployed.
    event: Event,
}

/// What is held against quarantine and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Event {
    /// Moving to `Staging` or `Production`.
    Promote,
    /// Going into service at an endpoint.
    Deploy,
}

/// Refuses what quarantine or an enforced policy refuses, and does nothing else.
pub async fn clear(cx: Cx, it: Object<Version>, ask: Way) -> Result<Value> {
    let event = match ask.event {
        Event::Promote => "promote",
        Event::Deploy => "deploy",
    };
    pass(&cx, event, it.name()).await?;
    Ok(json!({"clear": true}))
}
