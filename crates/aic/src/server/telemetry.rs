//! Where spans go: the collector of traces that was named, by the variables that OpenTelemetry gives for it.

use std::{fmt, sync::Arc};

use base::{Error, Secret};
use engine_telemetry::{Collector, Settings};
use percent_encoding::percent_decode_str;
use ports::{fetch::Fetch, telemetry::Spans};
use prometheus_client::{
    collector::Collector as Metric,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

use super::Settled;
use crate::failure::{Failure, Result};

/// What may be said of it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Telemetry {
    /// A collector of traces that spans of predictions are sent to, by OTLP over HTTP; without one none are made
    /// [env: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME].
    #[arg(long, value_name = "URL", help_heading = "Telemetry")]
    pub otlp_endpoint: Option<String>,
    /// The share of predictions that get a span where the caller's `traceparent` does not say
    /// [env: AIC_OTLP_SHARE; default: 1].
    #[arg(long, value_name = "SHARE", help_heading = "Telemetry")]
    pub otlp_share: Option<f64>,
}

impl Telemetry {
    /// What is settled; nothing where no collector was named.
    pub fn settle(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Settings>> {
        let given = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let of_traces = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").filter(|_| self.otlp_endpoint.is_none());
        let url =
            match (of_traces, self.otlp_endpoint.clone().or_else(|| given("OTEL_EXPORTER_OTLP_ENDPOINT"))) {
                // The address of traces is taken as it is, the one of everything is a base.
                (Some(url), _) => url,
                (None, Some(url)) => format!("{}/v1/traces", url.trim_end_matches('/')),
                (None, None) => return Ok(None),
            };
        ports::fetch::check_url(&url)
            .map_err(|_| Failure::usage(format!("--otlp-endpoint: `{url}` is no http or https address")))?;
        let share = match (self.otlp_share, given("AIC_OTLP_SHARE")) {
            (Some(share), _) => Some(share),
            (None, None) => Some(1.0),
            (None, Some(text)) => text.parse().ok(),
        };
        let share = share
            .filter(|share| (0.0..=1.0).contains(share))
            .ok_or_else(|| Failure::usage("--otlp-share: a share is a number from 0 to 1"))?;
        let headers =
            given("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| given("OTEL_EXPORTER_OTLP_HEADERS"));
        let service = given("OTEL_SERVICE_NAME").unwrap_or_else(|| "aic".to_owned());
        Ok(Some(Settings { url, headers: headers_of(&headers.unwrap_or_default())?, service, share }))
    }
}

/// `key=value,key=value`, the values percent-encoded.
fn headers_of(text: &str) -> Result<Vec<(String, Secret)>> {
    let bad = || Failure::usage("OTEL_EXPORTER_OTLP_HEADERS: write `key=value,key=value`");
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(bad)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| bad())?;
        let name = name.trim().to_ascii_lowercase();
        let is_plain =
            !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
        let is_one_line = !value.chars().any(char::is_control);
        if is_plain && is_one_line { Ok((name, Secret::new(value))) } else { Err(bad()) }
    };
    text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(pair).collect()
}

/// The collector that was named, by a way out that leads there wherever it is: whoever runs the server named it.
pub fn collector(settled: &Settled, salt: u64) -> base::Result<Option<Arc<Collector>>> {
    let Some(settings) = settled.telemetry.clone() else { return Ok(None) };
    let host = host_of(&settings.url)?;
    let egress = engine_fetch::Egress::parse(&format!("{},{host}", settled.egress))?;
    let ways = engine_fetch::Ways::open(egress, settled.egress_ca.as_deref())?;
    let fetch: Arc<dyn Fetch> = engine_fetch::open(ways);
    Ok(Some(engine_telemetry::open(settings, fetch, salt)))
}

fn host_of(url: &str) -> base::Result<String> {
    let uri: axum::http::Uri = url.parse().map_err(|_| Error::invalid("bad-url", "this is no address"))?;
    let host = uri.host().ok_or_else(|| Error::invalid("bad-url", "the address names no host"))?;
    Ok(host.trim_matches(['[', ']']).to_owned())
}

/// What became of spans, as metrics.
pub struct Told(pub Arc<dyn Spans>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl Metric for Told {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::result::Result<(), fmt::Error> {
        let counts = self.0.counts();
        let words = "Spans taken by the collector, dropped because too many waited, and not taken";
        let mut spans = encoder.encode_descriptor("spans", words, None, MetricType::Counter)?;
        for (outcome, count) in
            [("exported", counts.exported), ("dropped", counts.dropped), ("refused", counts.refused)]
        {
            ConstCounter::new(count).encode(spans.encode_family(&[("outcome", outcome)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(telemetry: &Telemetry, pairs: &[(&str, &str)]) -> Option<Option<(String, usize, f64)>> {
        let environment =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let told = telemetry.settle(&environment).ok()?;
        Some(told.map(|it| (it.url, it.headers.len(), it.share)))
    }

    #[test]
    fn the_variables_of_opentelemetry_are_read() {
        let none = Telemetry::default();
        assert_eq!(settled(&none, &[]), Some(None));
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20t0, x-team=a");
        let told = Some(Some(("http://collector:4318/v1/traces".to_owned(), 2, 1.0)));
        assert_eq!(settled(&none, &[base, headers]), told);
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/in");
        assert_eq!(settled(&none, &[base, traces]), Some(Some(("https://traces/in".to_owned(), 0, 1.0))));
        let named = Telemetry { otlp_endpoint: Some("http://other".to_owned()), otlp_share: Some(0.25) };
        assert_eq!(
            settled(&named, &[base, traces]),
            Some(Some(("http://other/v1/traces".to_owned(), 0, 0.25)))
        );
        for wrong in [
            [base, ("AIC_OTLP_SHARE", "2")],
            [base, ("OTEL_EXPORTER_OTLP_HEADERS", "nothing")],
            [base, ("OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0ab")],
            [base, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317")],
        ] {
            assert_eq!(settled(&none, &wrong), None, "{wrong:?}");
        }
        assert_eq!(host_of("http://[::1]:4318/v1/traces").unwrap(), "::1");
    }
}
