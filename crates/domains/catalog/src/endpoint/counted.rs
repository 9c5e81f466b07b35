//! What an endpoint has done: counted at every call, written down a few times an hour.

use std::collections::BTreeMap;

use kernel::{
    prelude::*,
    store::{Append, Commit},
};

use super::Endpoint;
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

/// Times are counted by the smallest of these that they do not exceed, in seconds.
const WITHIN: [(f64, &str); 8] = [
    (0.001, "within/0.001"),
    (0.005, "within/0.005"),
    (0.01, "within/0.01"),
    (0.05, "within/0.05"),
    (0.1, "within/0.1"),
    (0.5, "within/0.5"),
    (1.0, "within/1"),
    (10.0, "within/10"),
];

/// Answers a call and counts it.
pub async fn call<R>(
    cx: &Cx,
    it: &Object<Endpoint>,
    rows: usize,
    answer: impl Future<Output = Result<R>>,
) -> Result<R> {
    let began = cx.now();
    let answered = answer.await;
    let seconds = cx.now().seconds_since(began);
    let caller = format!("caller/{}", cx.principal.actor());
    let rows = if answered.is_ok() { rows as f64 } else { 0.0 };
    let mut what = vec![("calls", 1.0), ("rows", rows), ("seconds", seconds), (caller.as_str(), 1.0)];
    match &answered {
        Ok(_) => what.push(("answered", 1.0)),
        Err(error) if error.status().code() < 500 => what.push(("refused", 1.0)),
        Err(error) => {
            what.push(("failed", 1.0));
            note(cx, &it.metadata.uid, "failed", &format!("{}: {}", error.code(), error.message())).await?;
        }
    }
    if let Some((_, name)) = WITHIN.iter().find(|(limit, _)| seconds <= *limit) {
        what.push((name, 1.0));
    }
    used::count(cx, &it.metadata.uid, &what).await?;
    if answered.is_ok() {
        let model = cx.read("catalog.models", &it.spec.model).await?.metadata.uid;
        used::count(cx, &model, &[("predictions", rows)]).await?;
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
