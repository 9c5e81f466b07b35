//! A trace as MLflow tells and answers it: version 3 of its API, and version 2 for older clients.

use std::collections::BTreeMap;

use base::{Time, Uid};
use kernel::cx::Cx;
use ports::tracking::trace::{SETTLED, State, Trace};
use serde_json::{Map, Value, json};

use super::assess;
use crate::{
    ask::{Ask, whole, wrong},
    checks,
    fault::{Fault, Result},
};

/// The most characters of metadata that are answered.
const METADATA_SHOWN: usize = 250;
/// The most characters of a tag that are answered.
const TAG_SHOWN: usize = 4_096;
/// The most characters of a trace's identifier.
const ID_MAX: usize = 50;
/// The most characters of a tag's value that are kept.
const TAG_MAX: usize = 8_000;

/// Whether a text can be the identifier of a trace that a client makes: `tr-` and OpenTelemetry's 16 bytes.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix("tr-").is_some_and(|id| id.len() == 32 && id.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// Milliseconds since 1970 as protocol buffers write a time (`google.protobuf.Timestamp`).
pub fn time(ms: i64) -> String {
    let (seconds, ms) = (ms.div_euclid(1_000), ms.rem_euclid(1_000));
    let time = Time::from_micros(seconds.saturating_mul(1_000_000)).to_string();
    let whole = time.trim_end_matches('Z').split('.').next().unwrap_or_default().to_owned();
    if ms == 0 { format!("{whole}Z") } else { format!("{whole}.{ms:03}Z") }
}

/// A time of protocol buffers, in milliseconds since 1970.
pub fn time_ms(name: &str, told: &Value) -> Result<i64> {
    let time = told.as_str().and_then(|text| text.parse::<Time>().ok());
    time.map(Time::millis).ok_or_else(|| wrong(name, told))
}

/// Milliseconds as protocol buffers write a length of time (`google.protobuf.Duration`).
fn duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (seconds, ms) = (ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000);
    if ms == 0 { format!("{sign}{seconds}s") } else { format!("{sign}{seconds}.{ms:03}s") }
}

fn duration_ms(told: &Value) -> Result<i64> {
    let seconds = told.as_str().and_then(|text| text.strip_suffix('s')?.parse::<f64>().ok());
    match seconds.filter(|seconds| seconds.abs() < 1e12) {
        Some(seconds) => Ok((seconds * 1_000.0).round() as i64),
        None => Err(wrong("execution_duration", told)),
    }
}

fn cut(texts: &BTreeMap<String, String>, most: usize) -> Map<String, Value> {
    texts.iter().map(|(key, value)| (key.clone(), checks::cut(value.clone(), most).into())).collect()
}

/// A trace as version 3 answers it.
pub fn shown(trace: &Trace) -> Value {
    let mut shown = json!({
        "trace_id": trace.id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": trace.experiment}},
        "request_time": time(trace.began_ms),
        "state": trace.state.as_str(),
    });
    let texts = [
        ("client_request_id", &trace.client),
        ("request_preview", &trace.request),
        ("response_preview", &trace.response),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            shown[field] = text.as_str().into();
        }
    }
    if let Some(ms) = trace.lasted_ms {
        shown["execution_duration"] = duration(ms).into();
    }
    if !trace.metadata.is_empty() {
        shown["trace_metadata"] = cut(&trace.metadata, METADATA_SHOWN).into();
    }
    if !trace.tags.is_empty() {
        shown["tags"] = cut(&trace.tags, TAG_SHOWN).into();
    }
    if !trace.assessments.is_empty() {
        shown["assessments"] = trace.assessments.iter().map(|it| assess::shown(&trace.id, it)).collect();
    }
    shown
}

/// A trace as version 2 answers it.
pub fn shown_v2(trace: &Trace) -> Value {
    let pairs = |texts: &BTreeMap<String, String>, most| -> Value {
        cut(texts, most).into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
    };
    let status = match trace.state {
        State::StateUnspecified => "TRACE_STATUS_UNSPECIFIED",
        other => other.as_str(),
    };
    let mut shown = json!({
        "request_id": trace.id,
        "experiment_id": trace.experiment,
        "timestamp_ms": trace.began_ms,
        "execution_time_ms": trace.lasted_ms.unwrap_or(0),
        "status": status,
    });
    if !trace.metadata.is_empty() {
        shown["request_metadata"] = pairs(&trace.metadata, METADATA_SHOWN);
    }
    if !trace.tags.is_empty() {
        shown["tags"] = pairs(&trace.tags, TAG_SHOWN);
    }
    shown
}

/// A map of texts of a request; neither store takes a NUL, and no text needs one.
fn texts(told: Option<&Value>, name: &str) -> Result<BTreeMap<String, String>> {
    let told = match told {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(wrong(name, other)),
    };
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => pair(key, text),
        other => Err(wrong(&format!("{name}.{key}"), other)),
    };
    told.iter().map(text).collect()
}

/// A tag or metadata as it is kept.
pub fn pair(key: &str, value: &str) -> Result<(String, String)> {
    checks::length("key", key, checks::KEY_MAX)?;
    if key.is_empty() {
        return Err(Fault::invalid("a key of a trace's tags and metadata is not empty"));
    }
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    Ok((clean(key), checks::cut(clean(value), TAG_MAX)))
}

/// A list of `{"key", "value"}` of version 2.
pub fn pairs_v2(ask: &Ask, name: &str) -> Result<BTreeMap<String, String>> {
    ask.pairs(name)?.iter().map(|(key, value)| pair(key, value)).collect()
}

/// Refuses an identifier that is none.
pub fn id(id: &str) -> Result<&str> {
    if id.is_empty() || id.len() > ID_MAX || id.chars().any(|c| c.is_control() || c == '/') {
        let shown: String = id.chars().take(80).collect();
        return Err(Fault::invalid(format!(
            "Invalid value '{shown}' for parameter 'trace_id' supplied: it must have 1 to {ID_MAX} characters"
        )));
    }
    Ok(id)
}

/// A text without what no store takes, and not longer than a preview may be told.
fn told_text(ask: &Ask, name: &str) -> Result<Option<String>> {
    /// Whoever tells a preview may tell more than the platform would make itself.
    const PREVIEW_MAX: usize = 10_000;
    Ok(ask.text(name)?.map(|text| checks::cut(text.replace('\0', "\u{fffd}"), PREVIEW_MAX)))
}

/// The experiment a trace is told to belong to.
pub fn experiment_of(info: &Ask) -> Result<String> {
    let location = info.raw("trace_location");
    let told = location.and_then(|it| it.pointer("/mlflow_experiment/experiment_id")).and_then(Value::as_str);
    told.map(str::to_owned).ok_or_else(|| {
        Fault::invalid(
            "Missing value for required parameter 'trace.trace_info.trace_location.mlflow_experiment'",
        )
    })
}

/// The trace that version 3 tells of, in an experiment.
pub fn told(cx: &Cx, info: &Ask, experiment: &Uid) -> Result<Trace> {
    let mut trace = Trace::new(cx.org.to_string(), experiment.clone(), id(info.required("trace_id")?)?);
    trace.client = told_text(info, "client_request_id")?.map(|text| checks::cut(text, checks::KEY_MAX));
    trace.request = told_text(info, "request_preview")?;
    trace.response = told_text(info, "response_preview")?;
    trace.began_ms = match info.raw("request_time") {
        Some(told) => time_ms("request_time", told)?,
        None => 0,
    };
    trace.lasted_ms = info.raw("execution_duration").map(duration_ms).transpose()?;
    if let Some(told) = info.raw("state") {
        trace.state = state(told)?;
    }
    trace.metadata = texts(info.raw("trace_metadata"), "trace_metadata")?;
    trace.metadata.insert(SETTLED.to_owned(), "true".to_owned());
    trace.tags = texts(info.raw("tags"), "tags")?;
    for item in info.items("assessments")? {
        trace.assessments.push(assess::read(cx, &item)?);
    }
    Ok(trace)
}

/// The state by its word or number.
pub fn state(told: &Value) -> Result<State> {
    let by_number = |number: i64| match number {
        0 => Some(State::StateUnspecified),
        1 => Some(State::Ok),
        2 => Some(State::Error),
        3 => Some(State::InProgress),
        _ => None,
    };
    let found = match told {
        Value::String(word) if word == "TRACE_STATUS_UNSPECIFIED" => Some(State::StateUnspecified),
        Value::String(word) => State::parse(word),
        other => whole(other).and_then(by_number),
    };
    found.ok_or_else(|| wrong("state", told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_protocol_buffers_do() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(time_ms("t", &json!("2023-11-14T22:13:20.123Z")).unwrap(), 1_700_000_000_123);
        assert_eq!(
            (duration(1_500), duration(0), duration(-1)),
            ("1.500s".into(), "0s".into(), "-0.001s".into())
        );
        assert_eq!(duration_ms(&json!("1.5s")).unwrap(), 1_500);
        assert!(duration_ms(&json!("1.5")).is_err() && duration_ms(&json!("1e300s")).is_err());
    }

    #[test]
    fn an_identifier_is_a_short_text() {
        assert!(id("tr-0a").is_ok());
        for bad in ["", "a/b", "a\nb", &"x".repeat(51)] {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
