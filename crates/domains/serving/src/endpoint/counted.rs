//! What an endpoint has done: counted at every call, written down a few times an hour.

use std::{collections::BTreeMap, sync::Arc};

use kernel::{
    prelude::*,
    store::{Append, Commit},
};
use usage::{OF, Window};

use super::{Endpoint, Picked, traced};

/// Adds what is served of counts and events.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.view("metrics", "Calls, failures and times of the last days.", metrics)
        .needs("get")
        .view("series", "Calls, failures and times of the last days as they went, for a chart.", series)
        .needs("get")
        .view_of_all("metrics-of-all", "Calls, failures and times of all endpoints of the project.", of_all)
        .needs("list")
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
    let traced = traced::begin(cx, began);
    let (answered, picked) = match picked {
        Ok(mut picked) => {
            picked.timing = traced.as_ref().map(|it| Arc::clone(&it.timing));
            (answer(&picked).await, Some(picked))
        }
        Err(error) => (Err(error), None),
    };
    let seconds = cx.now().seconds_since(began);
    let outcome = match &answered {
        Ok(_) => "answered",
        Err(error) if is_ours(error) => "failed",
        Err(_) => "refused",
    };
    if let Some(traced) = traced {
        let error = answered.as_ref().err();
        traced.end(cx, it, picked.as_ref(), traced::Ended { outcome, error, rows });
    }
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
    usage::count(cx, &it.metadata.uid, &what).await?;
    if let Some(picked) = picked {
        let target = picked.target();
        target.series.add(outcome, rows as u64, seconds);
        // What a caller did wrong took no time of the model.
        let counted = if outcome == "refused" { &what[..2] } else { &what[..5] };
        usage::count(cx, &target.uid, counted).await?;
        if outcome == "answered" {
            // What has a price is counted of the version that answered and of whoever asked, exactly.
            let who = cx.principal.actor();
            let [calls, took, spent] = ["calls", "rows", "seconds"].map(|what| format!("{what}{OF}{who}"));
            let what = [(calls.as_str(), 1.0), (took.as_str(), rows), (spent.as_str(), seconds)];
            usage::count(cx, &target.uid, &what).await?;
        }
        if let Err(error) = answered.as_ref()
            && outcome == "failed"
            && picked.notes(cx.now())
        {
            let told = format!("revision {}: {}: {}", target.number, error.code(), error.message());
            note(cx, &it.metadata.uid, "failed", &told).await?;
        }
        if answered.is_ok() {
            usage::count(cx, &target.loaded.model_uid, &[("predictions", rows)]).await?;
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

/// The limit within which a share of the calls was answered; none above the largest.
fn within(counts: &BTreeMap<String, f64>, share: f64) -> Option<f64> {
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    let (calls, mut sum) = (count("calls"), 0.0);
    let found = WITHIN.iter().find(|(_, name)| {
        sum += count(name);
        calls > 0.0 && sum >= share * calls
    });
    found.map(|(limit, _)| *limit)
}

/// Calls, failures and times of the last days.
async fn metrics(cx: Cx, it: Object<Endpoint>, ask: Window) -> Result<Value> {
    let counts = usage::since(&cx, &it.metadata.uid, ask.days).await?;
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    let calls = count("calls");
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
        "withinSeconds": {"p50": within(&counts, 0.5), "p95": within(&counts, 0.95), "p99": within(&counts, 0.99)},
    }))
}

/// The fewest seconds of a bucket: counts are written down about as often.
const BUCKET_S: i64 = 600;
/// About how many buckets a series has at most.
const BUCKETS: i64 = 288;

/// Calls, failures and times as they went.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Series {
    /// How many seconds a bucket is long.
    seconds: i64,
    /// The buckets in which something was asked, the oldest first.
    items: Vec<Bucket>,
}

/// What happened between one moment and another.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    /// When it begins.
    at: Time,
    /// Calls.
    calls: f64,
    /// Calls that were answered.
    answered: f64,
    /// Calls that were refused, for what the caller did.
    refused: f64,
    /// Calls that failed here.
    failed: f64,
    /// Rows that were predicted.
    rows: f64,
    /// The mean time of a call in seconds.
    mean_seconds: Option<f64>,
    /// Within how many seconds half of the calls were answered.
    p50_seconds: Option<f64>,
    /// Within how many seconds 95 of 100 were.
    p95_seconds: Option<f64>,
    /// Within how many seconds 99 of 100 were.
    p99_seconds: Option<f64>,
}

impl Bucket {
    fn of(at: Time, counts: &BTreeMap<String, f64>) -> Self {
        let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
        let calls = count("calls");
        Self {
            at,
            calls,
            answered: count("answered"),
            refused: count("refused"),
            failed: count("failed"),
            rows: count("rows"),
            mean_seconds: (calls > 0.0).then(|| count("seconds") / calls),
            p50_seconds: within(counts, 0.5),
            p95_seconds: within(counts, 0.95),
            p99_seconds: within(counts, 0.99),
        }
    }
}

/// Calls, failures and times of the last days, added up in equal stretches of time.
async fn series(cx: Cx, it: Object<Endpoint>, ask: Window) -> Result<Series> {
    let seconds = BUCKET_S.max(86_400 * i64::from(ask.days) / BUCKETS);
    let mut buckets: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
    for tally in usage::tallies(&cx, &it.metadata.uid, usage::ago(&cx, ask.days)).await? {
        let bucket = buckets.entry(tally.at.micros().div_euclid(seconds * 1_000_000)).or_default();
        for (name, more) in tally.counts {
            *bucket.entry(name).or_default() += more;
        }
    }
    let items = buckets
        .iter()
        .map(|(number, counts)| Bucket::of(Time::from_micros(number * seconds * 1_000_000), counts));
    Ok(Series { seconds, items: items.collect() })
}

/// The most endpoints that are told of at once.
const ENDPOINTS_MAX: u32 = 1_000;

/// Calls, failures and times of the last days, endpoint by endpoint.
async fn of_all(cx: Cx, ask: Window) -> Result<Value> {
    let mut items = Vec::new();
    for it in cx.list::<Endpoint>("", ENDPOINTS_MAX).await? {
        let (name, phase) = (it.name().to_owned(), it.status.phase);
        let mut told = metrics(cx.clone(), it, ask.clone()).await?;
        told["endpoint"] = name.into();
        told["phase"] = json!(phase);
        items.push(told);
    }
    Ok(json!({"items": items}))
}

/// Calls and rows of the last days, by caller.
async fn usage(cx: Cx, it: Object<Endpoint>, ask: Window) -> Result<Value> {
    let counts = usage::since(&cx, &it.metadata.uid, ask.days).await?;
    let callers: BTreeMap<&str, f64> =
        counts.iter().filter_map(|(name, count)| Some((name.strip_prefix("caller/")?, *count))).collect();
    let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
    Ok(json!({"days": ask.days, "calls": count("calls"), "rows": count("rows"), "callers": callers}))
}

/// Which events.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Tail {
    /// The number of the first, from 0.
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
