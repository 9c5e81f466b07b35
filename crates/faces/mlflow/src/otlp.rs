//! OTLP over HTTP (OpenTelemetry Protocol 1.x, `POST /v1/traces`): what a request says, in protobuf or JSON.
//!
//! The messages are those of `opentelemetry/proto/{collector/trace,trace,resource,common}/v1`, as far as they are read.

use base64::{Engine, prelude::BASE64_STANDARD};
use prost::Message;
use serde_json::{Map, Number, Value};

use crate::fault::{Fault, Result};

/// `ExportTraceServiceRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct Export {
    /// `resource_spans`.
    #[prost(message, repeated, tag = "1")]
    pub resources: Vec<ResourceSpans>,
}

/// `ResourceSpans`.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// What told the spans.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// `scope_spans`.
    #[prost(message, repeated, tag = "2")]
    pub scopes: Vec<ScopeSpans>,
}

/// `Resource`.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// What is told of it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// `ScopeSpans`.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// The spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

/// `Span`.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// 8 bytes, or none.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// What it does.
    #[prost(string, tag = "5")]
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// When it ended, in nanoseconds since 1970; 0 while it has not.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// What is told of it.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// What happened in it.
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    /// Spans it has to do with.
    #[prost(message, repeated, tag = "13")]
    pub links: Vec<Link>,
    /// How it ended.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

/// `Span.Event`.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// When, in nanoseconds since 1970.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// What.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What is told of it.
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
}

/// `Span.Link`.
#[derive(Clone, PartialEq, Message)]
pub struct Link {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// What is told of it.
    #[prost(message, repeated, tag = "4")]
    pub attributes: Vec<KeyValue>,
}

/// `Status`.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// What went wrong.
    #[prost(string, tag = "2")]
    pub message: String,
    /// 0 unset, 1 ok, 2 error.
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// `KeyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// What is told.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// `AnyValue`.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// The one that is set.
    #[prost(oneof = "Any", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<Any>,
}

/// What an `AnyValue` may be.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Any {
    /// A text.
    #[prost(string, tag = "1")]
    Text(String),
    /// A flag.
    #[prost(bool, tag = "2")]
    Flag(bool),
    /// A whole number.
    #[prost(int64, tag = "3")]
    Whole(i64),
    /// A number.
    #[prost(double, tag = "4")]
    Number(f64),
    /// A list.
    #[prost(message, tag = "5")]
    List(List),
    /// A map.
    #[prost(message, tag = "6")]
    Map(Pairs),
    /// Bytes.
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

/// `ArrayValue`.
#[derive(Clone, PartialEq, Message)]
pub struct List {
    /// Its items.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<AnyValue>,
}

/// `KeyValueList`.
#[derive(Clone, PartialEq, Message)]
pub struct Pairs {
    /// Its pairs.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<KeyValue>,
}

fn bad() -> Fault {
    Fault::bad("Invalid OpenTelemetry format")
}

impl Export {
    /// A request in protobuf.
    pub fn of_protobuf(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes).map_err(|_| bad())
    }

    /// A request in JSON: identifiers in hexadecimal digits, names in camel case, whole numbers as texts (OTLP
    /// section «JSON Protobuf Encoding»).
    pub fn of_json(bytes: &[u8]) -> Result<Self> {
        let told = face_web::body::parse(bytes).map_err(|_| bad())?;
        let resources = items(&told, "resourceSpans")?
            .iter()
            .map(|it| {
                let scopes = items(it, "scopeSpans")?
                    .iter()
                    .map(|it| Ok(ScopeSpans { spans: each(it, "spans", span)? }))
                    .collect::<Result<_>>()?;
                let resource = match &it["resource"] {
                    Value::Null => None,
                    resource => Some(Resource { attributes: each(resource, "attributes", pair)? }),
                };
                Ok(ResourceSpans { resource, scopes })
            })
            .collect::<Result<_>>()?;
        Ok(Self { resources })
    }
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
            })
        })?,
        links: each(told, "links", |it| {
            Ok(Link {
                trace_id: id(it, "traceId")?,
                span_id: id(it, "spanId")?,
                attributes: each(it, "attributes", pair)?,
            })
        })?,
        status,
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
    Ok(KeyValue { key: text(told, "key")?, value })
}

fn any_of(told: &Value) -> Result<Option<Any>> {
    let Some((sort, value)) = told.as_object().and_then(|fields| fields.iter().next()) else {
        return Ok(None);
    };
    Ok(Some(match (sort.as_str(), value) {
        ("stringValue", Value::String(text)) => Any::Text(text.clone()),
        ("boolValue", Value::Bool(flag)) => Any::Flag(*flag),
        ("intValue", value) => Any::Whole(crate::ask::whole(value).ok_or_else(bad)?),
        ("doubleValue", value) => Any::Number(crate::ask::number(value).ok_or_else(bad)?),
        ("bytesValue", Value::String(text)) => Any::Bytes(BASE64_STANDARD.decode(text).map_err(|_| bad())?),
        ("arrayValue", value) => {
            let values = each(value, "values", |it| Ok(AnyValue { value: any_of(it)? }))?;
            Any::List(List { values })
        }
        ("kvlistValue", value) => Any::Map(Pairs { values: each(value, "values", pair)? }),
        _ => return Err(bad()),
    }))
}

/// A value as JSON; what is no number in JSON becomes a text, and so do bytes.
pub fn plain(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        None => Value::Null,
        // Neither store takes it, and no text needs it.
        Some(Any::Text(text)) => text.replace('\0', "\u{fffd}").into(),
        Some(Any::Flag(flag)) => (*flag).into(),
        Some(Any::Whole(number)) => (*number).into(),
        Some(Any::Number(number)) => {
            Number::from_f64(*number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        Some(Any::List(list)) => list.values.iter().map(|value| plain(Some(value))).collect(),
        Some(Any::Map(pairs)) => plain_map(&pairs.values).into(),
        Some(Any::Bytes(bytes)) => BASE64_STANDARD.encode(bytes).into(),
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
        let export = Export::of_json(told.to_string().as_bytes()).unwrap();
        assert_eq!(Export::of_protobuf(&export.encode_to_vec()).unwrap(), export);
        let span = &export.resources[0].scopes[0].spans[0];
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
            assert_eq!(Export::of_json(told.to_string().as_bytes()).unwrap_err().status, 400, "{told}");
        }
        assert_eq!(Export::of_protobuf(&[0xff, 1, 2]).unwrap_err().status, 400);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Export::of_protobuf(&bytes), Export::of_json(&bytes));
        }
    }
}
