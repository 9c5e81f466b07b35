//! Metrics: not objects but numbers, read from the process, the faces and the store at the moment they are asked for.

use kernel::{
    prelude::*,
    store::{ChangeQuery, Projects},
};
use ports::measure::{Host, Traffic};

use crate::{license::count, reading};

/// What is served of metrics.
pub fn serve(kind: KindBuilder<Metric>) -> KindBuilder<Metric> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "Every metric the caller may read, and what it is now.", all)
        .needs("list")
        .view_of_all("dashboard", "What the organization has, in numbers.", dashboard)
        .needs("list")
        .view_of_all("performance", "How fast requests are answered; about the whole platform.", performance)
        .needs("list")
        .view_of_all(
            "resources",
            "What the process uses and the machine has left; about the whole platform.",
            resources,
        )
        .needs("list")
        .view_of_all("users", "Who uses the organization.", users)
        .needs("list")
}

/// A number.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "metric", prefix = "met", scope = "organization")]
pub struct Metric {
    /// Its name.
    pub name: Option<String>,
}

/// A metric and what it is now.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Row {
    /// Its name.
    name: String,
    /// What it is counted in.
    unit: String,
    /// What it is.
    doc: String,
    /// The number; none while there is nothing to tell it from.
    value: Option<f64>,
}

/// Metrics.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rows {
    /// When they were read.
    at: Time,
    /// One entry a metric.
    items: Vec<Row>,
}

/// Every metric the caller may read.
async fn all(cx: Cx, _: Nothing) -> Result<Rows> {
    let above = cx.decide("admin.platform.get", "").await?.allowed;
    let mut items = Vec::new();
    for metric in reading::METRICS.iter().filter(|metric| above || !metric.platform) {
        let value = reading::read(&cx, Some(metric.name), None).await?;
        let (name, unit, doc) = (metric.name.to_owned(), metric.unit.to_owned(), metric.doc.to_owned());
        items.push(Row { name, unit, doc, value });
    }
    Ok(Rows { at: cx.now(), items })
}

/// A kind and how many objects of it there are.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Having {
    /// The kind.
    kind: String,
    /// How many.
    count: u64,
}

/// What an organization has.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Summary {
    /// When it was counted.
    at: Time,
    /// The kinds it has objects of that the caller may list.
    objects: Vec<Having>,
    /// Changes of the last 24 hours, 10,000 at most.
    changes_of_a_day: u64,
    /// Alerts that are firing.
    alerts_firing: u64,
}

/// Changes counted at most.
const CHANGES_MAX: u32 = 10_000;

/// What the organization has, in numbers.
async fn dashboard(cx: Cx, _: Nothing) -> Result<Summary> {
    let mut objects = Vec::new();
    for kind in cx.platform().kinds() {
        let visible = kind.scope != kernel::kind::Scope::Platform && kind.has_objects();
        if !visible || !cx.decide(&kind.permission("list"), "").await?.allowed {
            continue;
        }
        let count = count(&cx, &kind.id(), Projects::All, "").await?;
        if count > 0 {
            objects.push(Having { kind: kind.id(), count });
        }
    }
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        since: Some(cx.now().plus_s(-24 * 3600)),
        limit: CHANGES_MAX,
        ..ChangeQuery::default()
    };
    let changes_of_a_day = cx.platform().store.history(&query).await?.len() as u64;
    let alerts_firing = count(&cx, "admin.alerts", Projects::All, "status.state = \"firing\"").await?;
    Ok(Summary { at: cx.now(), objects, changes_of_a_day, alerts_firing })
}

/// How many were answered within a limit.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Within {
    /// The limit in seconds.
    seconds: f64,
    /// How many since the start.
    count: u64,
}

/// How fast requests are answered.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Performance {
    /// Requests answered since the start.
    requests: u64,
    /// Of them refused with 4xx.
    refused: u64,
    /// Of them failed with 5xx.
    failed: u64,
    /// Seconds a request took on average.
    mean_seconds: Option<f64>,
    /// Since the start, by how long they took.
    within: Vec<Within>,
    /// Requests a second, over the last minute.
    rate: Option<f64>,
    /// Within which half were answered, over the last minute; an upper limit.
    p50_seconds: Option<f64>,
    /// Within which 99 of 100 were answered, over the last minute; an upper limit.
    p99_seconds: Option<f64>,
}

/// How fast requests are answered.
async fn performance(cx: Cx, _: Nothing) -> Result<Performance> {
    cx.authorize("admin.platform.get", "").await?;
    let total = cx.port::<dyn Traffic>()?.requests();
    let (seconds, _, recent) = reading::window(&cx)?;
    let within = total.within.iter().map(|(seconds, count)| Within { seconds: *seconds, count: *count });
    Ok(Performance {
        requests: total.count,
        refused: total.refused,
        failed: total.failed,
        mean_seconds: (total.count > 0).then(|| total.seconds / total.count as f64),
        within: within.collect(),
        rate: (seconds > 0.0).then(|| recent.count as f64 / seconds),
        p50_seconds: recent.quantile(0.5),
        p99_seconds: recent.quantile(0.99),
    })
}

/// What the process uses and the machine has.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Seconds since the process started.
    uptime_seconds: f64,
    /// Processor time it has used.
    cpu_seconds: f64,
    /// Memory it has resident.
    memory_bytes: u64,
    /// Its threads.
    threads: u64,
    /// Its open files and connections.
    open_files: u64,
    /// Processors it may run on.
    cores: u64,
    /// Processes that ran or waited to run, over a minute.
    load: f64,
    /// Memory of the machine.
    machine_memory_bytes: u64,
    /// Memory a process could still have.
    machine_memory_free_bytes: u64,
    /// Room of the file system the data is on.
    disk_bytes: u64,
    /// Room that is left on it.
    disk_free_bytes: u64,
    /// Entries of the journal.
    journal_position: u64,
    /// Blobs kept.
    blobs: u64,
    /// Their bytes.
    blob_bytes: u64,
}

/// What the process uses and the machine has left.
pub async fn resources(cx: Cx, _: Nothing) -> Result<Resources> {
    cx.authorize("admin.platform.get", "").await?;
    let host = cx.port::<dyn Host>()?;
    let (process, machine) = (host.process()?, host.machine()?);
    let blobs = cx.platform().blobs.list().await?;
    Ok(Resources {
        uptime_seconds: process.uptime_s,
        cpu_seconds: process.cpu_s,
        memory_bytes: process.memory_bytes,
        threads: process.threads,
        open_files: process.open_files,
        cores: machine.cores,
        load: machine.load,
        machine_memory_bytes: machine.memory_bytes,
        machine_memory_free_bytes: machine.memory_free_bytes,
        disk_bytes: machine.disk_bytes,
        disk_free_bytes: machine.disk_free_bytes,
        journal_position: *cx.platform().store.head().borrow(),
        blobs: blobs.len() as u64,
        blob_bytes: blobs.iter().map(|blob| blob.bytes).sum(),
    })
}

/// Who did how much.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Active {
    /// As the journal names it.
    actor: String,
    /// How many changes.
    changes: u64,
}

/// Who uses the organization.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Users {
    /// Users there are.
    users: u64,
    /// Of them, those who may not log in.
    disabled: u64,
    /// Logins that have not ended.
    sessions: u64,
    /// Service accounts.
    service_accounts: u64,
    /// Who changed something in the last 24 hours, most first, out of the latest 10,000 changes.
    active: Vec<Active>,
}

/// Who uses the organization.
async fn users(cx: Cx, _: Nothing) -> Result<Users> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        since: Some(cx.now().plus_s(-24 * 3600)),
        limit: CHANGES_MAX,
        ..ChangeQuery::default()
    };
    let mut by_actor = std::collections::BTreeMap::<String, u64>::new();
    for change in cx.platform().store.history(&query).await? {
        *by_actor.entry(change.actor).or_default() += 1;
    }
    let mut active: Vec<Active> =
        by_actor.into_iter().map(|(actor, changes)| Active { actor, changes }).collect();
    active.sort_by(|a, b| b.changes.cmp(&a.changes).then_with(|| a.actor.cmp(&b.actor)));
    active.truncate(100);
    let read = async |name: &str| -> Result<u64> {
        Ok(reading::read(&cx, Some(name), None).await?.unwrap_or_default() as u64)
    };
    Ok(Users {
        users: read("users.count").await?,
        disabled: read("users.disabled").await?,
        sessions: read("sessions.count").await?,
        service_accounts: count(&cx, "admin.service-accounts", Projects::All, "").await?,
        active,
    })
}
