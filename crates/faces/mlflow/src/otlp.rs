//! OTLP over HTTP (OpenTelemetry Protocol 1.x, `POST /v1/traces`): what a request says, in protobuf or JSON.
//!
//! The messages are those of the crate `opentelemetry-proto`; JSON is read here, because what is wrong in it is answered.

use base64::{Engine, prelude::BASE64_STANDARD};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use prost::Message;
use serde_json::{Map, Number, Value};

use crate::fault::{Fault, Result};

fn bad() -> Fault {
    Fault::bad("Invalid OpenTelemetry format")
}

/// A request in protobuf.
pub fn of_protobuf(bytes: &[u8]) -> Result<ExportTraceServiceRequest> {
    ExportTraceServiceRequest::decode(bytes).map_err(|_| bad())
}

/// A request in JSON: identifiers in hexadecimal digits, names in camel case, whole numbers as texts (OTLP section
/// «JSON Protobuf Encoding»).
pub fn of_json(bytes: &[u8]) -> Result<ExportTraceServiceRequest> {
    let told = face_web::body::parse(bytes).map_err(|_| bad())?;
    let resource_spans = each(&told, "resourceSpans", |it| {
        let scope = |it: &Value| Ok(ScopeSpans { spans: each(it, "spans", span)?, ..ScopeSpans::default() });
        let resource = match &it["resource"] {
            Value::Null => None,
            it => Some(Resource { attributes: each(it, "attributes", pair)?, ..Resource::default() }),
        };
        Ok(ResourceSpans {
            resource,
            scope_spans: each(it, "scopeSpans", scope)?,
            ..ResourceSpans::default()
        })
    })?;
    Ok(ExportTraceServiceRequest { resource_spans })
}

fn items<'a>(told: &'a Value, field: &str) -> Result<&'a [Value]> {
    match &told[field] {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        _ => Err(bad()),
    }
}

fn each<T>(told: &Value, field: &str, read: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    items(told, field)?.iter().map(read).collect()
}

fn text(told: &Value, field: &str) -> Result<String> {
    match &told[field] {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(bad()),
    }
}

fn id(told: &Value, field: &str) -> Result<Vec<u8>> {
    let text = text(told, field)?;
    let digits = text.as_bytes();
    if digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(bad());
    }
    let byte =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.chunks(2).map(|pair| byte(pair).ok_or_else(bad)).collect()
}

fn nanoseconds(told: &Value, field: &str) -> Result<u64> {
    match &told[field] {
        Value::Null => Ok(0),
        Value::Number(number) => number.as_u64().ok_or_else(bad),
        Value::String(text) => text.parse().map_err(|_| bad()),
        _ => Err(bad()),
    }
}

fn span(told: &Value) -> Result<Span> {
    let status = match &told["status"] {
        Value::Null => None,
        status => Some(Status { message: text(status, "message")?, code: code(&status["code"])? }),
    };
    Ok(Span {
        trace_id: id(told, "traceId")?,
        span_id: id(told, "spanId")?,
        parent_span_id: id(told, "parentSpanId")?,
        name: text(told, "name")?,
        start_time_unix_nano: nanoseconds(told, "startTimeUnixNano")?,
        end_time_unix_nano: nanoseconds(told, "endTimeUnixNano")?,
        attributes: each(told, "attributes", pair)?,
        events: each(told, "events", |it| {
            Ok(Event {
                time_unix_nano: nanoseconds(it, "timeUnixNano")?,
                name: text(it, "name")?,
                attributes: each(it, "attributes", pair)?,
                ..Event::default()
            })
        })?,
        links: each(told, "links", |it| {
            Ok(Link {
                trace_id: id(it, "traceId")?,
                span_id: id(it, "spanId")?,
                attributes: each(it, "attributes", pair)?,
                ..Link::default()
            })
        })?,
        status,
        ..Span::default()
    })
}

fn code(told: &Value) -> Result<i32> {
    match told {
        Value::Null => Ok(0),
        Value::Number(number) => number.as_i64().and_then(|code| i32::try_from(code).ok()).ok_or_else(bad),
        Value::String(word) => match word.as_str() {
            "STATUS_CODE_UNSET" => Ok(0),
            "STATUS_CODE_OK" => Ok(1),
            "STATUS_CODE_ERROR" => Ok(2),
            _ => Err(bad()),
        },
        _ => Err(bad()),
    }
}

fn pair(told: &Value) -> Result<KeyValue> {
    let value = match &told["value"] {
        Value::Null => None,
        value => Some(AnyValue { value: any_of(value)? }),
    };
    Ok(KeyValue { key: text(told, "key")?, value, ..KeyValue::default() })
}

fn any_of(told: &Value) -> Result<Option<Any>> {
    let Some((sort, value)) = told.as_object().and_then(|fields| fields.iter().next()) else {
        return Ok(None);
    };
    Ok(Some(match (sort.as_str(), value) {
        ("stringValue", Value::String(text)) => Any::StringValue(text.clone()),
        ("boolValue", Value::Bool(flag)) => Any::BoolValue(*flag),
        ("intValue", value) => Any::IntValue(crate::ask::whole(value).ok_or_else(bad)?),
        ("doubleValue", value) => Any::DoubleValue(crate::ask::number(value).ok_or_else(bad)?),
        ("bytesValue", Value::String(text)) => {
            Any::BytesValue(BASE64_STANDARD.decode(text).map_err(|_| bad())?)
        }
        ("arrayValue", value) => {
            let values = each(value, "values", |it| Ok(AnyValue { value: any_of(it)? }))?;
            Any::ArrayValue(ArrayValue { values })
        }
        ("kvlistValue", value) => Any::KvlistValue(KeyValueList { values: each(value, "values", pair)? }),
        _ => return Err(bad()),
    }))
}

/// A value as JSON; what is no number in JSON becomes a text, and so do bytes.
pub fn plain(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        // An index into a table of texts is told by profiles only.
        None | Some(Any::StringValueStrindex(_)) => Value::Null,
        // Neither store takes it, and no text needs it.
        Some(Any::StringValue(text)) => text.replace('\0', "\u{fffd}").into(),
        Some(Any::BoolValue(flag)) => (*flag).into(),
        Some(Any::IntValue(number)) => (*number).into(),
        Some(Any::DoubleValue(number)) => {
            Number::from_f64(*number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        Some(Any::ArrayValue(list)) => list.values.iter().map(|value| plain(Some(value))).collect(),
        Some(Any::KvlistValue(pairs)) => plain_map(&pairs.values).into(),
        Some(Any::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes).into(),
    }
}

/// Pairs as a JSON object.
pub fn plain_map(pairs: &[KeyValue]) -> Map<String, Value> {
    pairs.iter().map(|pair| (pair.key.replace('\0', "\u{fffd}"), plain(pair.value.as_ref()))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn protobuf_and_json_say_the_same() {
        let told = json!({"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [{"spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
                "parentSpanId": "eee19b7ec3c1b173", "name": "I'm a span",
                "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000_u64,
                "attributes": [
                    {"key": "n", "value": {"intValue": "7"}},
                    {"key": "l", "value": {"arrayValue": {"values": [{"doubleValue": 0.5}, {"boolValue": true}]}}},
                    {"key": "m", "value": {"kvlistValue": {"values": [{"key": "a", "value": {}}]}}}
                ],
                "events": [{"timeUnixNano": "1", "name": "e"}], "status": {"code": 2, "message": "no"}
            }]}]
        }]});
        let export = of_json(told.to_string().as_bytes()).unwrap();
        assert_eq!(of_protobuf(&export.encode_to_vec()).unwrap(), export);
        let span = &export.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(
            Value::from(plain_map(&span.attributes)),
            json!({"n": 7, "l": [0.5, true], "m": {"a": null}})
        );
        assert_eq!((span.trace_id.len(), span.span_id.len(), span.parent_span_id.len()), (16, 8, 8));
    }

    #[test]
    fn what_is_none_is_refused() {
        for told in [
            json!({"resourceSpans": 1}),
            json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xy"}]}]}]}),
            json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"key": "a", "value": {"odd": 1}}]}]}]}]}),
        ] {
            assert_eq!(of_json(told.to_string().as_bytes()).unwrap_err().status, 400, "{told}");
        }
        assert_eq!(of_protobuf(&[0xff, 1, 2]).unwrap_err().status, 400);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (of_protobuf(&bytes), of_json(&bytes));
        }
    }
}
