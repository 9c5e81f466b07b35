//! Tells spans to a collector of traces: OTLP over HTTP, as protobuf, by the one way out.
//!
//! Spans wait in a bounded queue and go in batches. What finds no room, and what the collector does not take after a few
//! tries, is counted and lost: nobody who predicts waits for a collector. The messages are `opentelemetry-proto`'s;
//! `opentelemetry-otlp` would bring threads, clocks and clients of its own.

mod encode;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base::{Chance, Error, Result, Secret, TraceParent};
use ports::{
    Later,
    fetch::{Fetch, Request},
    telemetry::{Counts, Span, Spans},
};
use tokio::sync::{Mutex as Turn, Notify};

/// The most spans that wait.
const WAITING_MAX: usize = 4_096;
/// The most spans of one request.
const BATCH: usize = 512;
/// How long a span waits for others, at most.
const EVERY: Duration = Duration::from_secs(1);
/// How long a collector may take, in milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// How often a batch is tried, and how long is waited before the second time; then twice as long.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// Where spans go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address that takes them, path included.
    pub url: String,
    /// Header fields that a request carries, such as a token.
    pub headers: Vec<(String, Secret)>,
    /// What this service is called there.
    pub service: String,
    /// The share of calls without a parent that get a span.
    pub share: f64,
}

/// Tells spans as settled; [`Collector::tell`] must run for that.
pub struct Collector {
    settings: Settings,
    fetch: Arc<dyn Fetch>,
    /// How long is waited before a batch is tried again.
    pause: Duration,
    /// Below this, a call is drawn.
    share: u64,
    turn: AtomicU64,
    salt: u64,
    waiting: Mutex<VecDeque<Span>>,
    /// One batch goes after the other.
    sending: Turn<()>,
    full: Notify,
    exported: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

/// A collector over a way out; the salt makes every process draw other calls.
pub fn open(settings: Settings, fetch: Arc<dyn Fetch>, salt: u64) -> Arc<Collector> {
    let share = if settings.share >= 1.0 { u64::MAX } else { (settings.share * u64::MAX as f64) as u64 };
    Arc::new(Collector {
        settings,
        fetch,
        pause: PAUSE,
        share,
        turn: AtomicU64::new(0),
        salt,
        waiting: Mutex::default(),
        sending: Turn::default(),
        full: Notify::new(),
        exported: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
        refused: AtomicU64::new(0),
    })
}

impl Spans for Collector {
    fn wants(&self, parent: Option<&TraceParent>) -> bool {
        if let Some(parent) = parent {
            return parent.is_sampled;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        self.share == u64::MAX || Chance::from(self.salt ^ turn).bits() < self.share
    }

    fn offer(&self, span: Span) {
        let mut waiting = self.waiting();
        if waiting.len() >= WAITING_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back(span);
        if waiting.len() == BATCH {
            self.full.notify_one();
        }
    }

    fn counts(&self) -> Counts {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Counts {
            exported: count(&self.exported),
            dropped: count(&self.dropped),
            refused: count(&self.refused),
        }
    }

    fn flush(&self) -> Later<'_, ()> {
        Box::pin(async {
            while self.send().await {}
            Ok(())
        })
    }
}

impl Collector {
    /// Sends what waits, again and again.
    pub async fn tell(self: Arc<Self>) {
        loop {
            let _ = tokio::time::timeout(EVERY, self.full.notified()).await;
            while self.send().await {}
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Span>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a batch; answers whether there was one.
    async fn send(&self) -> bool {
        let _turn = self.sending.lock().await;
        let batch: Vec<Span> = {
            let mut waiting = self.waiting();
            let count = waiting.len().min(BATCH);
            waiting.drain(..count).collect()
        };
        if batch.is_empty() {
            return false;
        }
        let count = batch.len() as u64;
        let body = encode::request(&self.settings.service, batch);
        let mut pause = self.pause;
        for attempt in 1..=TRIES {
            match self.post(&body).await {
                Ok(()) => {
                    self.exported.fetch_add(count, Ordering::Relaxed);
                    return true;
                }
                Err(error) if attempt < TRIES && error.wait_s().is_some() => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => {
                    tracing::warn!(?error, count, "the collector of traces took no spans");
                    break;
                }
            }
        }
        self.refused.fetch_add(count, Ordering::Relaxed);
        true
    }

    /// What is worth another try says how long to wait.
    async fn post(&self, body: &[u8]) -> Result<()> {
        let mut headers = vec![("content-type".to_owned(), "application/x-protobuf".to_owned())];
        let given = self.settings.headers.iter();
        headers.extend(given.map(|(name, value)| (name.clone(), value.reveal().to_owned())));
        let request = Request {
            method: "POST".to_owned(),
            url: self.settings.url.clone(),
            headers,
            body: body.to_vec(),
            timeout_ms: PATIENCE_MS,
            answer_max: 64 << 10,
        };
        let answer = self.fetch.fetch(request).await.map_err(|error| error.retry_after(1))?;
        let why = || Error::unavailable("upstream-unreachable", format!("it answered {}", answer.status));
        match answer.status {
            200..300 => Ok(()),
            // The specification of OTLP: these are worth another try, and no others.
            429 | 502..=504 => Err(why().retry_after(1)),
            _ => Err(why()),
        }
    }
}

#[cfg(test)]
mod tests;
