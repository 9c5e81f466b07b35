//! A quarantine: something is withdrawn, and everything that came of it is stopped and stays out of service.
//!
//! Endpoints that answer with what came of it are taken out of service at once and say why; nothing that came of it is
//! promoted or deployed while it stands, also what is made later. Lifted, endpoints stay stopped until somebody
//! deploys them.

use std::collections::BTreeSet;

use kernel::{
    access::Principal,
    journal::Change,
    lineage::{self, Direction},
    prelude::*,
};

/// What quarantines serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Quarantine>) -> KindBuilder<Quarantine> {
    kind.without(&["clone"])
        .admit(found)
        .action_on_all("check", "Whether an object, or anything it came from, is in quarantine.", check)
        .needs("list")
}

/// Something that is withdrawn.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "quarantine", prefix = "qua", status = "Status")]
pub struct Quarantine {
    /// The uid of what is withdrawn: a dataset, a version of one, a model, a run, data outside the platform.
    #[field(indexed, immutable, max = 100, example = "dst_01J9Z6Q3M8")]
    pub subject: String,
    /// Why; callers of the endpoints are told.
    #[field(min = 5, max = 300, example = "consent was withdrawn, ticket 4711")]
    pub reason: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Status {
    /// The endpoints that were stopped.
    pub stopped: Vec<String>,
    /// When the last one was.
    pub at: Option<Time>,
}

const ENDPOINTS: &str = "catalog.endpoints";

/// What is withdrawn must be there, and the caller must see it.
async fn found(
    cx: Cx,
    it: Object<Quarantine>,
    old: Option<Object<Quarantine>>,
) -> Result<Object<Quarantine>> {
    if old.is_none() {
        let asked = lineage::of_uid(&cx, &it.spec.subject, Direction::Upstream).await;
        asked.map_err(|error| error.at("spec.subject"))?;
    }
    Ok(it)
}

/// A quarantine was imposed: what answers with what came of it stops. Done again, it does nothing more.
pub async fn imposed(cx: Cx, change: Change) -> Result<()> {
    if change.deleted || change.actor.starts_with("system:quarantines") {
        return Ok(());
    }
    let inside = cx
        .platform()
        .cx_of(Principal::system("quarantines", &change.org), &change.project)
        .doing("quarantine");
    let Some(it) = inside.get_opt::<Quarantine>(change.uid.as_str()).await? else { return Ok(()) };
    let mut stopped: BTreeSet<String> = it.status.stopped.iter().cloned().collect();
    let reason = format!("{} (quarantine `{}`)", it.spec.reason, it.name());
    for endpoint in downstream(&inside, &it.spec.subject).await? {
        let now = inside.read(ENDPOINTS, &endpoint).await?;
        if now.spec.get("desired").and_then(Value::as_str) != Some("Stopped") {
            inside.call_action(ENDPOINTS, Some(&endpoint), "undeploy", json!({"reason": reason})).await?;
            stopped.insert(now.metadata.name);
        }
    }
    if stopped.len() == it.status.stopped.len() {
        return Ok(());
    }
    let now = inside.now();
    inside
        .update_status::<Quarantine>(it.metadata.uid.as_str(), |status| {
            status.stopped = stopped.iter().cloned().collect();
            status.at = Some(now);
        })
        .await
        .map(|_| ())
}

/// The uids of the endpoints that came of something.
async fn downstream(inside: &Cx, subject: &str) -> Result<Vec<String>> {
    let graph = lineage::of_uid(inside, subject, Direction::Downstream).await?;
    let nodes = graph["nodes"].as_array().cloned().unwrap_or_default();
    let endpoints = nodes.iter().filter(|node| node["kind"] == ENDPOINTS);
    Ok(endpoints.filter_map(|node| node["uid"].as_str().map(str::to_owned)).collect())
}

/// Of what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Of {
    /// The object's uid.
    #[field(max = 100)]
    id: String,
}

/// How many quarantines are held against an object.
const LOOKED_AT_MAX: u32 = 1_000;

/// Whether an object, or anything it came from, is in quarantine.
async fn check(cx: Cx, ask: Of) -> Result<Value> {
    let all = cx.list::<Quarantine>("", LOOKED_AT_MAX).await?;
    if all.is_empty() {
        return Ok(json!({"quarantined": false, "by": []}));
    }
    let graph = lineage::of_uid(&cx, &ask.id, Direction::Upstream).await?;
    let nodes = graph["nodes"].as_array().cloned().unwrap_or_default();
    let by: Vec<Value> = all
        .iter()
        .filter(|it| nodes.iter().any(|node| node["uid"] == it.spec.subject.as_str()))
        .map(|it| json!({"quarantine": it.name(), "subject": it.spec.subject, "reason": it.spec.reason}))
        .collect();
    Ok(json!({"quarantined": !by.is_empty(), "by": by}))
}
