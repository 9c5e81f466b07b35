//! What an endpoint has done: counted at every call, written down a few times an hour.

use std::collections::BTreeMap;

use kernel::{
    prelude::*,
    store::{Append, Commit},
};

use super::{Endpoint, Picked};
use crate::used::{self, Window};

/// Adds what is served of counts and events.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.view("metrics", "Calls, failures and times of the last days.", metrics)
        .needs("get")
        .view("usage", "Calls and rows of the last days, by caller.", usage)
        .needs("get")
        .view("logs", "What happened to the endpoint: versions loaded, and calls that failed here.", logs)
        .needs("get")
}

/// Times are counted by the smallest of these that they do not exceed, in seconds; what took longer, by none.
pub const WITHIN: [(f64, &str); 12] = [
    (0.001, "within/0.001"),
    (0.0025, "within/0.0025"),
    (0.005, "within/0.005"),
    (0.01, "within/0.01"),
    (0.025, "within/0.025"),
    (0.05, "within/0.05"),
    (0.1, "within/0.1"),
    (0.25, "within/0.25"),
    (0.5, "within/0.5"),
    (1.0, "within/1"),
    (2.5, "within/2.5"),
    (10.0, "within/10"),
];

/// Whether a failure is the model's or ours, and not the mistake of whoever called.
pub fn is_ours(error: &Error) -> bool {
    error.status().code() >= 500 || error.code() == "model-failed"
}

/// Answers a call and counts it, for the endpoint and for the revision.
pub async fn call<R>(
    cx: &Cx,
    it: &Object<Endpoint>,
    (rows, picked): (usize, Result<Picked>),
    answer: impl AsyncFnOnce(&Picked) -> Result<R>,
) -> Result<R> {
    let began = cx.now();
    let (answered, picked) = match picked {
        Ok(picked) => (answer(&picked).await, Some(picked)),
        Err(error) => (Err(error), None),
    };
    let seconds = cx.now().seconds_since(began);
    let outcome = match &answered {
        Ok(_) => "answered",
        Err(error) if is_ours(error) => "failed",
        Err(_) => "refused",
    };
    let rows = if answered.is_ok() { rows as f64 } else { 0.0 };
    let within = WITHIN.iter().find(|(limit, _)| seconds <= *limit).map_or("within/more", |(_, name)| name);
    let caller = format!("caller/{}", cx.principal.actor());
    let what = [
        ("calls", 1.0),
        (outcome, 1.0),
        ("rows", rows),
        ("seconds", seconds),
        (within, 1.0),
        (caller.as_str(), 1.0),
    ];
    used::count(cx, &it.metadata.uid, &what).await?;
    if let Some(picked) = picked {
        let target = picked.target();
        target.series.add(outcome, rows as u64, seconds);
        // What a caller did wrong took no time of the model.
        let counted = if outcome == "refused" { &what[..2] } else { &what[..5] };
        used::count(cx, &target.uid, counted).await?;
        if let Err(error) = answered.as_ref()
            && outcome == "failed"
            && picked.notes(cx.now())
        {
            let told = format!("revision {}: {}: {}", target.number, error.code(), error.message());
            note(cx, &it.metadata.uid, "failed", &told).await?;
        }
        if answered.is_ok() {
            used::count(cx, &target.loaded.model_uid, &[("predictions", rows)]).await?;
        }
    }
    answered
}

fn events(uid: &Uid) -> String {
    format!("endpoint-events/{uid}")
}

/// Notes an event.
pub async fn note(cx: &Cx, uid: &Uid, event: &str, message: &str) -> Result<()> {
    let shown: String = message.chars().take(500).collect();
    let entry = json!({"at": cx.now(), "event": event, "message": shown}).to_string();
    let appends = vec![Append { stream: events(uid), entries: vec![entry] }];
    cx.platform().store.commit(Commit { appends, ..Commit::default() }).await.map(|_| ())
}

/// The mean time of a call; none where there was none.
pub fn mean(counts: &BTreeMap<String, f64>) -> Option<f64> {
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    let calls = count("answered") + count("failed");
    (calls > 0.0).then(|| count("seconds") / calls)
}

/// Calls, failures and times of the last days.
async fn metrics(cx: Cx, it: Object<Endpoint>, ask: Window) -> Result<Value> {
    let counts = used::since(&cx, &it.metadata.uid, ask.days).await?;
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    let calls = count("calls");
    // The limit within which a share of the calls was answered; none above the largest.
    let quantile = |share: f64| {
        let mut sum = 0.0;
        WITHIN.iter().find(|(_, name)| {
            sum += count(name);
            calls > 0.0 && sum >= share * calls
        })
    };
    Ok(json!({
        "days": ask.days,
        "calls": calls,
        "answered": count("answered"),
        "refused": count("refused"),
        "failed": count("failed"),
        "rows": count("rows"),
        "wakes": count("wakes"),
        "wakeSeconds": if count("wakes") > 0.0 { json!(count("wake-seconds") / count("wakes")) } else { Value::Null },
        "meanSeconds": if calls > 0.0 { json!(count("seconds") / calls) } else { Value::Null },
        "withinSeconds": {"p50": quantile(0.5).map(|it| it.0), "p95": quantile(0.95).map(|it| it.0), "p99": quantile(0.99).map(|it| it.0)},
    }))
}

/// Calls and rows of the last days, by caller.
async fn usage(cx: Cx, it: Object<Endpoint>, ask: Window) -> Result<Value> {
    let counts = used::since(&cx, &it.metadata.uid, ask.days).await?;
    let callers: BTreeMap<&str, f64> =
        counts.iter().filter_map(|(name, count)| Some((name.strip_prefix("caller/")?, *count))).collect();
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    Ok(json!({"days": ask.days, "calls": count("calls"), "rows": count("rows"), "callers": callers}))
}

/// How much of the log.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Tail {
    /// The number of the first event, from 0.
    #[field(default = 0)]
    from: u64,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 200)]
    limit: u32,
}

async fn logs(cx: Cx, it: Object<Endpoint>, ask: Tail) -> Result<Value> {
    let mut items = Vec::new();
    for (number, entry) in cx.platform().store.stream(&events(&it.metadata.uid), ask.from, ask.limit).await? {
        let mut event: Value = serde_json::from_str(&entry).map_err(Error::internal)?;
        event["number"] = json!(number);
        items.push(event);
    }
    Ok(json!({"items": items}))
}
