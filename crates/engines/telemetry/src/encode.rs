//! From spans to the bytes that a collector takes.

use base::Time;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{self as message, ResourceSpans, ScopeSpans, Status, span::SpanKind, status::StatusCode},
};
use ports::telemetry::{Attribute, Span};
use prost::Message;

/// The flags of W3C Trace Context (sampled), and that it is known whether the parent is another process's.
const SAMPLED: u32 = 0x001;
const HAS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Spans of a service as one request.
pub fn request(service: &str, spans: Vec<Span>) -> Vec<u8> {
    let text = |key: &str, text: &str| pair(key, Value::StringValue(text.to_owned()));
    let resource = Resource {
        attributes: vec![
            text("service.name", service),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("telemetry.sdk.name", "aic"),
            text("telemetry.sdk.language", "rust"),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope {
        name: "aic".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = spans.into_iter().map(span).collect();
    let all = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![all] }.encode_to_vec()
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn span(it: Span) -> message::Span {
    let attribute = |(key, value): (&str, Attribute)| {
        let value = match value {
            Attribute::Text(text) => Value::StringValue(text),
            Attribute::Integer(number) => Value::IntValue(number),
            Attribute::Number(number) => Value::DoubleValue(number),
        };
        pair(key, value)
    };
    message::Span {
        trace_id: it.trace.to_be_bytes().to_vec(),
        span_id: it.id.to_be_bytes().to_vec(),
        parent_span_id: it.parent.map(|it| it.to_be_bytes().to_vec()).unwrap_or_default(),
        name: it.name,
        // It answers somebody else's call.
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanos(it.began),
        end_time_unix_nano: nanos(it.ended),
        attributes: it.attributes.into_iter().map(attribute).collect(),
        status: it.failure.map(|message| Status { message, code: StatusCode::Error.into() }),
        flags: SAMPLED | if it.parent.is_some() { HAS_REMOTE | IS_REMOTE } else { 0 },
        ..message::Span::default()
    }
}

fn nanos(time: Time) -> u64 {
    u64::try_from(time.micros()).unwrap_or(0).saturating_mul(1_000)
}
