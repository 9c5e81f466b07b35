//! What is counted, and the last requests: all bounded, none of it on disk.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base::Time;
use ports::gateway::Owned;
use serde_json::{Value, json};

/// The upper bounds of the buckets of latency, in microseconds; the last bucket has none.
pub const BOUNDS_US: [u64; 13] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// What is counted for one route or upstream.
#[derive(Default)]
pub struct Counts {
    /// By the first digit of the status.
    classes: [AtomicU64; 6],
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
    /// Tried again.
    pub retries: AtomicU64,
    /// Refused by a limit.
    pub limited: AtomicU64,
    /// Answered here because an upstream's circuit was open or it was full.
    pub shed: AtomicU64,
    /// Looked like an attack.
    pub suspicious: AtomicU64,
}

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    /// Counts one answer.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).min(5);
        count(&self.classes[class]);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        count(&self.buckets[bucket]);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn buckets(&self) -> Vec<u64> {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect()
    }

    /// All of it as JSON; percentiles are the upper bounds of their buckets.
    pub fn shown(&self) -> Value {
        let (classes, buckets) = (&self.classes, self.buckets());
        let requests: u64 = buckets.iter().sum();
        let of = |class: usize| classes[class].load(Ordering::Relaxed);
        let percentile = |share: f64| {
            let wanted = (requests as f64 * share).ceil() as u64;
            let mut seen = 0;
            let bucket = buckets.iter().position(|bucket| {
                seen += bucket;
                seen >= wanted.max(1)
            });
            bucket.and_then(|bucket| BOUNDS_US.get(bucket)).map(|us| *us as f64 / 1_000.0)
        };
        let mean_us = self.sum_us.load(Ordering::Relaxed).checked_div(requests);
        json!({
            "requests": requests,
            "statuses": {"1xx": of(1), "2xx": of(2), "3xx": of(3), "4xx": of(4), "5xx": of(5)},
            "latencyMs": {
                "mean": mean_us.map(|us| us as f64 / 1_000.0),
                "p50AtMost": percentile(0.5),
                "p99AtMost": percentile(0.99),
            },
            "retries": self.retries.load(Ordering::Relaxed),
            "rateLimited": self.limited.load(Ordering::Relaxed),
            "shed": self.shed.load(Ordering::Relaxed),
            "suspicious": self.suspicious.load(Ordering::Relaxed),
        })
    }
}

/// What was counted for one thing, for a collector of metrics.
pub struct Line {
    /// `route` or `backend`
    pub sort: &'static str,
    /// Whose.
    pub place: Owned,
    /// Answers by the first digit of the status.
    pub classes: [u64; 6],
    /// Answers by bucket of latency.
    pub buckets: Vec<u64>,
    /// The sum of all latencies in seconds.
    pub sum_s: f64,
    /// Tried again.
    pub retries: u64,
    /// Refused by a limit.
    pub limited: u64,
    /// Answered here because an upstream was unavailable.
    pub shed: u64,
}

/// The line of one thing.
pub fn line(sort: &'static str, place: &Owned, counts: &Counts) -> Line {
    Line {
        sort,
        place: place.clone(),
        classes: std::array::from_fn(|class| counts.classes[class].load(Ordering::Relaxed)),
        buckets: counts.buckets(),
        sum_s: counts.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
        retries: counts.retries.load(Ordering::Relaxed),
        limited: counts.limited.load(Ordering::Relaxed),
        shed: counts.shed.load(Ordering::Relaxed),
    }
}

/// One request that passed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When it was answered.
    pub time: Time,
    /// The route; its name is empty for the platform's own services.
    pub route: Owned,
    /// The method.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path, without the query, which may hold secrets.
    pub path: String,
    /// The status.
    pub status: u16,
    /// From its head to the answer's.
    pub took: Duration,
    /// Where it came from.
    pub address: String,
    /// Who sent it, if that is known.
    pub actor: Option<String>,
    /// The address that answered, if one did.
    pub upstream: Option<String>,
    /// Why the gateway answered itself: the code of the problem.
    pub code: Option<&'static str>,
}

impl Entry {
    fn shown(&self) -> Value {
        json!({
            "time": self.time,
            "route": self.route.name,
            "method": self.method,
            "host": self.host,
            "path": self.path,
            "status": self.status,
            "ms": self.took.as_micros() as f64 / 1_000.0,
            "address": self.address,
            "actor": self.actor,
            "upstream": self.upstream,
            "code": self.code,
        })
    }
}

/// How many requests are remembered.
const ENTRIES_MAX: usize = 10_000;

/// The last requests.
#[derive(Default)]
pub struct Log(Mutex<VecDeque<Entry>>);

impl Log {
    /// Notes one, in the process's log too, as a line of JSON.
    pub fn note(&self, entry: Entry) {
        tracing::info!(target: "access", "{}", entry.shown());
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The last ones of a project, newest first.
    pub fn last(&self, org: &str, project: &str, route: Option<&str>, limit: usize) -> Vec<Value> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = entries.iter().rev().filter(|it| {
            it.route.org == org
                && it.route.project == project
                && route.is_none_or(|route| it.route.name == route)
        });
        wanted.take(limit).map(Entry::shown).collect()
    }
}

/// Milliseconds since the process began to count; never goes back.
pub fn now_ms() -> u64 {
    u64::try_from(now().as_millis()).unwrap_or(u64::MAX)
}

/// Nanoseconds on the same clock.
pub fn now_ns() -> u64 {
    u64::try_from(now().as_nanos()).unwrap_or(u64::MAX)
}

fn now() -> Duration {
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    // Never zero, which means "not at all" where a moment is kept in an atomic.
    BEGAN.elapsed() + Duration::from_millis(1)
}
