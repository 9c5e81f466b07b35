//! What the gateway counts, as metrics: one line for each route and backend there is.

use std::{fmt, sync::Arc};

use engine_proxy::{BOUNDS_US, Gateway, Line};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter},
};

/// The gateway's counters, read when somebody asks.
pub struct Measured(pub Arc<Gateway>);

impl fmt::Debug for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measured")
    }
}

const CLASSES: [&str; 6] = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let lines = self.0.counted();
        for sort in ["route", "backend"] {
            let of_sort = || lines.iter().filter(move |line| line.sort == sort);
            statuses(&mut encoder, sort, of_sort())?;
            seconds(&mut encoder, sort, of_sort())?;
        }
        let backends = || lines.iter().filter(|line| line.sort == "backend");
        let routes = || lines.iter().filter(|line| line.sort == "route");
        single(&mut encoder, "gateway_backend_retries", "Requests tried again", backends(), |line| {
            line.retries
        })?;
        single(
            &mut encoder,
            "gateway_backend_shed",
            "Requests no backend was asked for",
            backends(),
            |line| line.shed,
        )?;
        single(
            &mut encoder,
            "gateway_route_rate_limited",
            "Requests refused by a rate limit",
            routes(),
            |line| line.limited,
        )
    }
}

/// Whose a line is.
fn place(line: &Line) -> [(&'static str, String); 3] {
    let place = &line.place;
    [("org", place.org.clone()), ("project", place.project.clone()), (line.sort, place.name.clone())]
}

fn statuses<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    sort: &str,
    lines: impl Iterator<Item = &'a Line>,
) -> Result<(), fmt::Error> {
    let name = format!("gateway_{sort}_requests");
    let mut family = encoder.encode_descriptor(&name, "Requests answered", None, MetricType::Counter)?;
    for line in lines {
        let [org, project, own] = place(line);
        for (class, count) in CLASSES.iter().zip(line.classes).filter(|(_, count)| *count > 0) {
            let labels = [org.clone(), project.clone(), own.clone(), ("class", (*class).to_owned())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn seconds<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    sort: &str,
    lines: impl Iterator<Item = &'a Line>,
) -> Result<(), fmt::Error> {
    let name = format!("gateway_{sort}_seconds");
    let help = "Seconds from a request's head to its answer's";
    let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Histogram)?;
    for line in lines {
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(line.buckets.iter().copied()).collect();
        let count = line.buckets.iter().sum();
        let labels = place(line);
        let mut metric = family.encode_family(&labels)?;
        metric.encode_histogram::<NoLabelSet>(line.sum_s, count, &buckets, None)?;
    }
    Ok(())
}

fn single<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    lines: impl Iterator<Item = &'a Line>,
    value: fn(&Line) -> u64,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for line in lines {
        ConstCounter::new(value(line)).encode(family.encode_family(&place(line))?)?;
    }
    Ok(())
}
