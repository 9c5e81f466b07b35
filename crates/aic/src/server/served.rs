//! What endpoints answer, as metrics: one line for each revision that this process has asked.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain_serving::{Series, Serving};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

/// The revisions' counters, read when somebody asks.
pub struct Served(pub Arc<Serving>);

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}

type Read = fn(&Series) -> &AtomicU64;

impl Collector for Served {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all = self.0.series();
        let outcomes: [(&str, Read); 3] = [
            ("answered", |series| &series.answered),
            ("refused", |series| &series.refused),
            ("failed", |series| &series.failed),
        ];
        let mut calls =
            encoder.encode_descriptor("endpoint_calls", "Calls of revisions", None, MetricType::Counter)?;
        for series in &all {
            for (outcome, read) in outcomes {
                let labels = [&labels(series)[..], &[("outcome", outcome.to_owned())]].concat();
                let count = ConstCounter::new(read(series).load(Ordering::Relaxed));
                count.encode(calls.encode_family(&labels)?)?;
            }
        }
        let mut rows = encoder.encode_descriptor(
            "endpoint_rows",
            "Rows revisions answered for",
            None,
            MetricType::Counter,
        )?;
        for series in &all {
            let count = ConstCounter::new(series.rows.load(Ordering::Relaxed));
            count.encode(rows.encode_family(&labels(series))?)?;
        }
        let logged: [(&str, Read); 2] =
            [("kept", |series| &series.logged), ("dropped", |series| &series.log_dropped)];
        let mut requests = encoder.encode_descriptor(
            "endpoint_logged_requests",
            "Requests handed to the request log, and those it had no room for",
            None,
            MetricType::Counter,
        )?;
        for series in &all {
            for (outcome, read) in logged {
                let labels = [&labels(series)[..], &[("outcome", outcome.to_owned())]].concat();
                let count = ConstCounter::new(read(series).load(Ordering::Relaxed));
                count.encode(requests.encode_family(&labels)?)?;
            }
        }
        let mut seconds =
            encoder.encode_descriptor("endpoint_seconds", "Seconds calls took", None, MetricType::Counter)?;
        for series in &all {
            let count = ConstCounter::new(series.micros.load(Ordering::Relaxed) as f64 / 1e6);
            count.encode(seconds.encode_family(&labels(series))?)?;
        }
        Ok(())
    }
}

fn labels(series: &Series) -> [(&'static str, String); 4] {
    let (org, project, endpoint, revision) = &series.labels;
    [
        ("org", org.clone()),
        ("project", project.clone()),
        ("endpoint", endpoint.clone()),
        ("revision", revision.to_string()),
    ]
}
