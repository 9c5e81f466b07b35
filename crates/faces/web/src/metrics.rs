//! What is counted, in Prometheus' text format (OpenMetrics).

use std::sync::{Mutex, PoisonError};

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
    /// Position of the journal's end.
    pub journal: Gauge,
    /// Watchers connected.
    pub watchers: Gauge,
}

fn buckets() -> Histogram {
    Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
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
        Self { registry: Mutex::new(registry), requests, seconds, journal, watchers }
    }
}

impl Metrics {
    /// Counts one answered request.
    pub fn count(&self, labels: Labels, seconds: f64) {
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
