//! A reading: one number, taken from the process, the faces or the store at the moment it is asked for.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use kernel::{prelude::*, store::Projects};
use ports::measure::{Host, Requests, Traffic};

use crate::license::count;

/// What is counted: objects of a kind that a filter finds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Count {
    /// The kind, as `system.runs`.
    #[field(max = 100, example = "system.runs")]
    pub kind: String,
    /// Which of them, in the grammar of lists (AIP-160).
    #[field(max = 2000, example = "status.phase = \"Failed\"")]
    pub filter: Option<String>,
    /// In which project; in all of the organization when absent.
    #[field(max = 253)]
    pub project: Option<String>,
}

/// A metric's name, its unit, whether it tells about the whole platform, and what it is.
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: &'static str,
    /// Whether only those who may look at the platform itself may read it.
    pub platform: bool,
    /// Its words.
    pub doc: &'static str,
}

const fn metric(name: &'static str, unit: &'static str, platform: bool, doc: &'static str) -> Metric {
    Metric { name, unit, platform, doc }
}

/// Every metric there is.
pub const METRICS: [Metric; 20] = [
    metric("users.count", "users", false, "Users of the organization."),
    metric("users.disabled", "users", false, "Users who may not log in."),
    metric("sessions.count", "sessions", false, "Logins that have not ended."),
    metric("projects.count", "projects", false, "Projects of the organization."),
    metric("runs.waiting", "runs", false, "Runs nobody works on yet."),
    metric("runs.running", "runs", false, "Runs being worked on."),
    metric("runs.failed", "runs", false, "Runs that have failed."),
    metric("journal.position", "entries", true, "Entries of the journal."),
    metric("process.cpu.seconds", "seconds", true, "Processor time used since the start."),
    metric("process.cpu.share", "cores", true, "Processors used, over the last minute."),
    metric("process.memory.bytes", "bytes", true, "Memory resident."),
    metric("process.files", "files", true, "Open files and connections."),
    metric("machine.load", "processes", true, "Processes that ran or waited to run, over a minute."),
    metric("machine.memory.free.bytes", "bytes", true, "Memory a process could still have."),
    metric("disk.free.bytes", "bytes", true, "Room left where the data is kept."),
    metric("disk.free.share", "share", true, "Room left of all room, from 0 to 1."),
    metric("requests.count", "requests", true, "Requests answered since the start."),
    metric("requests.rate", "requests a second", true, "Requests answered, over the last minute."),
    metric(
        "requests.failed.share",
        "share",
        true,
        "Requests answered with 500 or more, over the last minute.",
    ),
    metric(
        "requests.p99.seconds",
        "seconds",
        true,
        "Within which 99 of 100 were answered, over the last minute.",
    ),
];

/// Seconds over which rates are taken.
const WINDOW_S: f64 = 60.0;
/// How many earlier readings are kept.
const KEPT_MAX: usize = 1_000;

/// Earlier readings of what only grows, so that rates can be told. One for a process.
#[derive(Default)]
pub struct History(Mutex<VecDeque<Sample>>);

/// One reading of what only grows.
#[derive(Clone, Debug)]
pub struct Sample {
    at: Time,
    cpu_s: f64,
    requests: Requests,
}

impl History {
    /// Keeps a reading, and lets go what is older than the window needs.
    fn keep(&self, sample: Sample) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest of those older than the window is what a rate is taken from.
        while all.len() > KEPT_MAX || all.get(1).is_some_and(|it| sample.at.seconds_since(it.at) >= WINDOW_S)
        {
            all.pop_front();
        }
        all.push_back(sample);
    }

    fn oldest(&self) -> Option<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }
}

/// Takes a reading to tell rates from later.
pub fn record(cx: &Cx) -> Result<()> {
    let sample = sample(cx)?;
    cx.port::<History>()?.keep(sample);
    Ok(())
}

fn sample(cx: &Cx) -> Result<Sample> {
    let cpu_s = cx.port::<dyn Host>()?.process()?.cpu_s;
    Ok(Sample { at: cx.now(), cpu_s, requests: cx.port::<dyn Traffic>()?.requests() })
}

/// What happened over the last minute: seconds, processor seconds, requests. Since the start where that is later.
pub fn window(cx: &Cx) -> Result<(f64, f64, Requests)> {
    let now = sample(cx)?;
    let history = cx.port::<History>()?;
    // Of several processes one is reminded to take readings; the others have those taken here.
    history.keep(now.clone());
    let before = history.oldest().filter(|before| before.at < now.at);
    let Some(before) = before else {
        let uptime = cx.port::<dyn Host>()?.process()?.uptime_s;
        return Ok((uptime, now.cpu_s, now.requests));
    };
    let seconds = now.at.seconds_since(before.at);
    Ok((seconds, now.cpu_s - before.cpu_s, now.requests.since(&before.requests)))
}

/// A metric by name.
pub fn find(name: &str) -> Result<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).ok_or_else(|| {
        let shown: String = name.chars().take(60).collect();
        Error::invalid("unknown-metric", format!("there is no metric `{shown}`"))
            .hint("`GET /api/v1/admin/metrics` lists what there is")
    })
}

/// Refuses what is no reading, and what the caller may not read.
pub async fn check(cx: &Cx, metric: Option<&str>, counted: Option<&Count>) -> Result<()> {
    match (metric, counted) {
        (Some(name), None) => {
            if find(name).map_err(|error| error.at("spec.metric"))?.platform {
                cx.authorize("admin.platform.get", "").await?;
            }
            Ok(())
        }
        (None, Some(counted)) => {
            let kind = cx.platform().kind(&counted.kind).map_err(|error| {
                Error::invalid("unknown-kind", error.message().to_owned()).at("spec.count.kind")
            })?;
            kernel::selection::parse(&*kind, counted.filter.as_deref().unwrap_or_default())
                .map_err(|error| error.at("spec.count.filter"))?;
            let project = counted.project.as_deref().unwrap_or_default();
            cx.authorize(&kind.permission("list"), project).await
        }
        _ => Err(Error::invalid("reading-unclear", "say either `metric` or `count`").at("spec.metric")),
    }
}

/// The number now; none while there is nothing to tell it from.
pub async fn read(cx: &Cx, metric: Option<&str>, counted: Option<&Count>) -> Result<Option<f64>> {
    if let Some(counted) = counted {
        let projects = match &counted.project {
            Some(project) => Projects::These(vec![project.clone()]),
            None => Projects::All,
        };
        let filter = counted.filter.as_deref().unwrap_or_default();
        return Ok(Some(count(cx, &counted.kind, projects, filter).await? as f64));
    }
    let Some(name) = metric else { return Ok(None) };
    if find(name)?.platform { of_platform(cx, name) } else { of_organization(cx, name).await }
}

async fn of_organization(cx: &Cx, name: &str) -> Result<Option<f64>> {
    let of = |phase: &str| format!("status.phase = \"{phase}\"");
    let (kind, filter) = match name {
        "users.count" => ("admin.users", String::new()),
        "users.disabled" => ("admin.users", "spec.disabled = true".to_owned()),
        "sessions.count" => ("admin.sessions", format!("spec.expires > \"{}\"", cx.now())),
        "projects.count" => ("admin.projects", String::new()),
        "runs.waiting" => ("system.runs", of("Pending")),
        "runs.running" => ("system.runs", of("Running")),
        _ => ("system.runs", of("Failed")),
    };
    Ok(Some(count(cx, kind, Projects::All, &filter).await? as f64))
}

fn of_platform(cx: &Cx, name: &str) -> Result<Option<f64>> {
    let host = cx.port::<dyn Host>()?;
    Ok(match name {
        "journal.position" => Some(*cx.platform().store.head().borrow() as f64),
        "process.cpu.seconds" => Some(host.process()?.cpu_s),
        "process.memory.bytes" => Some(host.process()?.memory_bytes as f64),
        "process.files" => Some(host.process()?.open_files as f64),
        "machine.load" => Some(host.machine()?.load),
        "machine.memory.free.bytes" => Some(host.machine()?.memory_free_bytes as f64),
        "disk.free.bytes" => Some(host.machine()?.disk_free_bytes as f64),
        "disk.free.share" => {
            let machine = host.machine()?;
            (machine.disk_bytes > 0).then(|| machine.disk_free_bytes as f64 / machine.disk_bytes as f64)
        }
        "requests.count" => Some(cx.port::<dyn Traffic>()?.requests().count as f64),
        _ => {
            let (seconds, cpu_s, requests) = window(cx)?;
            let count = requests.count as f64;
            match name {
                "process.cpu.share" => (seconds > 0.0).then(|| cpu_s / seconds),
                "requests.rate" => (seconds > 0.0).then(|| count / seconds),
                "requests.failed.share" => (count > 0.0).then(|| requests.failed as f64 / count),
                _ => requests.quantile(0.99),
            }
        }
    })
}
