//! What is counted, in Prometheus' text format (OpenMetrics).

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use ports::measure::{Requests, Traffic};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// What a request is counted under; no label can take an unbounded number of values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Labels {
    /// `rest`, `kube`, `inference`
    pub face: &'static str,
    /// The kind or the route.
    pub target: String,
    /// The method.
    pub method: String,
    /// The status.
    pub status: u16,
}

/// What latency is counted under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Face {
    /// `rest`, `kube`, `inference`
    pub face: &'static str,
}

/// The counters of all faces.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Labels, Counter>,
    seconds: Family<Face, Histogram, fn() -> Histogram>,
    totals: Totals,
    /// Position of the journal's end.
    pub journal: Gauge,
    /// Watchers connected.
    pub watchers: Gauge,
}

/// The limits latencies are counted within, in seconds.
const LIMITS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

fn buckets() -> Histogram {
    Histogram::new(LIMITS)
}

/// The same counts over all labels, in a form that can be read back.
#[derive(Default)]
struct Totals {
    count: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
    /// Each for itself; what took longer than the last limit is in none.
    within: [AtomicU64; LIMITS.len()],
}

impl Totals {
    fn count(&self, status: u16, seconds: f64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
        match status {
            400..=499 => self.refused.fetch_add(1, Ordering::Relaxed),
            500.. => self.failed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        if let Some(at) = LIMITS.iter().position(|limit| seconds <= *limit) {
            self.within[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("aic");
        let requests = Family::default();
        let seconds = Family::<Face, Histogram, fn() -> Histogram>::new_with_constructor(buckets);
        let (journal, watchers) = (Gauge::default(), Gauge::default());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Seconds from request to answer", seconds.clone());
        registry.register("journal_position", "Position of the journal's end", journal.clone());
        registry.register("watchers", "Watchers connected", watchers.clone());
        Self {
            registry: Mutex::new(registry),
            requests,
            seconds,
            totals: Totals::default(),
            journal,
            watchers,
        }
    }
}

impl Metrics {
    /// Counts one answered request.
    pub fn count(&self, labels: Labels, seconds: f64) {
        self.totals.count(labels.status, seconds);
        self.seconds.get_or_create(&Face { face: labels.face }).observe(seconds);
        self.requests.get_or_create(&labels).inc();
    }

    /// Lets an engine or a domain register what it counts itself.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All counters as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a text does not fail.
        let _ = text::encode(&mut out, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        out
    }
}

impl Traffic for Metrics {
    fn requests(&self) -> Requests {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let mut sum = 0;
        let within = LIMITS.iter().zip(&self.totals.within).map(|(limit, count)| {
            sum += read(count);
            (*limit, sum)
        });
        Requests {
            within: within.collect(),
            count: read(&self.totals.count),
            refused: read(&self.totals.refused),
            failed: read(&self.totals.failed),
            seconds: read(&self.totals.micros) as f64 / 1e6,
        }
    }
}
