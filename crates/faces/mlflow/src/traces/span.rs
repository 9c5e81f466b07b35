//! A span between its three shapes: OpenTelemetry's message, the body that is kept, and the JSON MLflow answers.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use opentelemetry_proto::tonic::trace::v1 as message;
use ports::tracking::trace::Span;
use serde::Serialize;
use serde_json::{Map, Value, json, ser::Formatter};

use super::{conventions, prices::Prices};
use crate::{
    fault::{Fault, Result},
    otlp,
};

/// The attribute of a span's sort.
pub const SORT: &str = "mlflow.spanType";
/// The attribute of the trace a span belongs to.
const TRACE: &str = "mlflow.traceRequestId";
/// The attribute of the tokens a span used.
pub const USAGE: &str = "mlflow.chat.tokenUsage";
/// The attribute of what a span cost.
pub const COST: &str = "mlflow.llm.cost";
/// What a span took in.
pub const INPUTS: &str = "mlflow.spanInputs";
/// What a span gave.
pub const OUTPUTS: &str = "mlflow.spanOutputs";

/// The most characters of a span's name.
const NAME_MAX: usize = 1_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A span's trace, as MLflow calls it.
pub fn trace_of(told: &message::Span) -> Result<String> {
    match told.trace_id.len() {
        16 => Ok(format!("tr-{}", hex(&told.trace_id))),
        _ => Err(Fault::unprocessable(
            "Cannot convert OpenTelemetry span to MLflow span: a trace id has 16 bytes",
        )),
    }
}

/// A span as it is kept, with what it cost by the prices there are.
pub fn kept(told: &message::Span, prices: &Prices) -> Result<Span> {
    let wrong = |what: &str| {
        Fault::unprocessable(format!("Cannot convert OpenTelemetry span to MLflow span: {what}"))
    };
    if told.span_id.len() != 8 || !matches!(told.parent_span_id.len(), 0 | 8) {
        return Err(wrong("a span id has 8 bytes"));
    }
    let nanoseconds = |time: u64| i64::try_from(time).map_err(|_| wrong("a time is beyond the year 2262"));
    let (began_ns, ended_ns) =
        (nanoseconds(told.start_time_unix_nano)?, nanoseconds(told.end_time_unix_nano)?);
    let ended_ns = (ended_ns != 0).then_some(ended_ns);
    let mut attributes = otlp::plain_map(&told.attributes);
    conventions::translate(&mut attributes);
    prices.add(&mut attributes);
    attributes.insert(TRACE.to_owned(), trace_of(told)?.into());
    let status = told.status.clone().unwrap_or_default();
    let (word, code) = match status.code {
        1 => ("OK", "STATUS_CODE_OK"),
        2 => ("ERROR", "STATUS_CODE_ERROR"),
        _ => ("UNSET", "STATUS_CODE_UNSET"),
    };
    let numbers = |name: &str| -> BTreeMap<String, f64> {
        let told = attributes.get(name).map(|value| match value {
            Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
            other => other.clone(),
        });
        let told = told.as_ref().and_then(Value::as_object);
        told.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_f64()?))).collect()
    };
    let (usage, cost) = (numbers(USAGE), numbers(COST));
    let sort = attributes.get(SORT).and_then(Value::as_str).map(|sort| match serde_json::from_str(sort) {
        Ok(Value::String(sort)) => sort,
        _ => sort.to_owned(),
    });
    let texts: Map<String, Value> =
        attributes.iter().map(|(key, value)| (key.clone(), text(value).into())).collect();
    let name: String = told.name.replace('\0', "\u{fffd}").chars().take(NAME_MAX).collect();
    let body = json!({
        "trace_id": BASE64_STANDARD.encode(&told.trace_id),
        "span_id": BASE64_STANDARD.encode(&told.span_id),
        "parent_span_id": (!told.parent_span_id.is_empty()).then(|| BASE64_STANDARD.encode(&told.parent_span_id)),
        "name": name,
        "start_time_unix_nano": began_ns,
        "end_time_unix_nano": ended_ns,
        "events": told.events.iter().map(|event| json!({
            "name": event.name.replace('\0', "\u{fffd}"),
            "time_unix_nano": event.time_unix_nano,
            "attributes": otlp::plain_map(&event.attributes),
        })).collect::<Value>(),
        "status": {"code": code, "message": status.message.replace('\0', "\u{fffd}")},
        "attributes": texts,
        "links": told.links.iter().map(|link| json!({
            "trace_id": format!("tr-{}", hex(&link.trace_id)),
            "span_id": hex(&link.span_id),
            "attributes": otlp::plain_map(&link.attributes),
        })).collect::<Value>(),
    });
    Ok(Span {
        id: hex(&told.span_id),
        parent: (!told.parent_span_id.is_empty()).then(|| hex(&told.parent_span_id)),
        name,
        sort,
        status: word.to_owned(),
        began_ns,
        ended_ns,
        usage,
        cost,
        body: spaced(&body),
    })
}

/// A value as the text of JSON it is kept as. Clients that know no maps tell those as such a text already.
fn text(value: &Value) -> String {
    if let Value::String(told) = value
        && let Ok(Value::String(_) | Value::Array(_) | Value::Object(_)) = serde_json::from_str(told)
    {
        return told.clone();
    }
    spaced(value)
}

/// An attribute of a kept span, as JSON text.
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let body: Value = serde_json::from_str(&span.body).ok()?;
    body["attributes"][name].as_str().map(str::to_owned)
}

/// The attributes of a kept span, as texts that are JSON.
pub fn attributes(span: &Span) -> Map<String, Value> {
    match serde_json::from_str(&span.body) {
        Ok(Value::Object(mut body)) => match body.remove("attributes") {
            Some(Value::Object(attributes)) => attributes,
            _ => Map::new(),
        },
        _ => Map::new(),
    }
}

/// A span as MLflow answers it: OpenTelemetry's message in the JSON of protocol buffers.
pub fn shown(span: &Span) -> Value {
    let body: Value = serde_json::from_str(&span.body).unwrap_or_default();
    let mut shown = Map::new();
    for field in
        ["trace_id", "span_id", "parent_span_id", "name", "start_time_unix_nano", "end_time_unix_nano"]
    {
        let value = &body[field];
        if !value.is_null() && value != "" && value != 0 {
            shown.insert(field.to_owned(), value.clone());
        }
    }
    let attributes = body["attributes"].as_object().into_iter().flatten().map(|(key, text)| {
        let text = text.as_str().unwrap_or_default();
        (key.clone(), serde_json::from_str(text).unwrap_or_else(|_| text.into()))
    });
    let attributes: Map<String, Value> = attributes.collect();
    let list = |name: &str, items: Vec<Value>, shown: &mut Map<String, Value>| {
        if !items.is_empty() {
            shown.insert(name.to_owned(), items.into());
        }
    };
    list("attributes", pairs(&attributes), &mut shown);
    let items = |name: &str| body[name].as_array().cloned().unwrap_or_default();
    let events = items("events").into_iter().map(|event| {
        let mut it = json!({"time_unix_nano": event["time_unix_nano"], "name": event["name"]});
        let attributes = event["attributes"].as_object().map(pairs).unwrap_or_default();
        if !attributes.is_empty() {
            it["attributes"] = attributes.into();
        }
        it
    });
    list("events", events.collect(), &mut shown);
    let links = items("links").into_iter().filter_map(|link| {
        let id =
            |text: &Value| Some(BASE64_STANDARD.encode(bytes_of(text.as_str()?.trim_start_matches("tr-"))?));
        let mut it = json!({"trace_id": id(&link["trace_id"])?, "span_id": id(&link["span_id"])?});
        let attributes = link["attributes"].as_object().map(pairs).unwrap_or_default();
        if !attributes.is_empty() {
            it["attributes"] = attributes.into();
        }
        Some(it)
    });
    list("links", links.collect(), &mut shown);
    let mut status = Map::new();
    for field in ["message", "code"] {
        let value = &body["status"][field];
        if value.as_str().is_some_and(|text| !text.is_empty() && text != "STATUS_CODE_UNSET") {
            status.insert(field.to_owned(), value.clone());
        }
    }
    shown.insert("status".to_owned(), status.into());
    shown.into()
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn pairs(attributes: &Map<String, Value>) -> Vec<Value> {
    attributes.iter().map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

/// A value as an `AnyValue`.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({"bool_value": flag}),
        Value::Number(number) if number.is_i64() => json!({"int_value": number}),
        Value::Number(number) => json!({"double_value": number}),
        Value::String(text) => json!({"string_value": text}),
        Value::Array(items) if items.is_empty() => json!({"array_value": {}}),
        Value::Array(items) => json!({"array_value": {"values": items.iter().map(any).collect::<Value>()}}),
        Value::Object(fields) if fields.is_empty() => json!({"kvlist_value": {}}),
        Value::Object(fields) => json!({"kvlist_value": {"values": pairs(fields)}}),
    }
}

/// JSON with a space behind colons and commas, as MLflow's clients write it: previews show it, and searches look at it.
pub fn spaced(value: &Value) -> String {
    let mut to = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut to, Spaced);
    match value.serialize(&mut writer) {
        Ok(()) => String::from_utf8_lossy(&to).into_owned(),
        Err(_) => value.to_string(),
    }
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, to: &mut W) -> std::io::Result<()> {
        to.write_all(b": ")
    }
}

/// The most characters of a preview.
const PREVIEW_MAX: usize = 1_000;

/// The beginning of what was asked or answered; of a conversation, what was said last by a role.
pub fn preview(text: &str, role: &str) -> String {
    let told: Option<Value> = serde_json::from_str(text).ok();
    let said = told.as_ref().and_then(messages).and_then(|all| {
        let by_role = all.iter().rev().find(|it| it["role"] == role);
        content(by_role.or(all.last())?)
    });
    let text = said.filter(|said| !said.is_empty()).unwrap_or_else(|| text.to_owned());
    if text.chars().count() <= PREVIEW_MAX {
        return text;
    }
    text.chars().take(PREVIEW_MAX - 3).chain("...".chars()).collect()
}

/// The messages of a request or answer of a chat, in any of OpenAI's shapes.
fn messages(told: &Value) -> Option<Vec<Value>> {
    let is_message = |it: &&Value| it.get("role").is_some() && it.get("content").is_some();
    let of = |field: &str| {
        let all = told[field].as_array().filter(|all| !all.is_empty())?;
        Some(all.iter().filter(is_message).cloned().collect::<Vec<_>>())
    };
    let choice = told["choices"].get(0).map(|choice| &choice["message"]).filter(is_message);
    of("messages")
        .or_else(|| choice.map(|message| vec![message.clone()]))
        .or_else(|| of("input"))
        .or_else(|| of("output"))
        .or_else(|| told.get("request").and_then(messages))
}

fn content(message: &Value) -> Option<String> {
    match &message["content"] {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts.iter().find_map(|part| match part {
            Value::String(text) => Some(text.clone()),
            part if part["type"] == "text" || part["type"] == "output_text" => {
                part["text"].as_str().map(str::to_owned)
            }
            _ => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};

    use super::*;

    #[test]
    fn a_span_comes_back_as_it_was_told() {
        let text = |key: &str, value: &str| KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) }),
            ..KeyValue::default()
        };
        let told = message::Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "s".to_owned(),
            start_time_unix_nano: 5,
            attributes: vec![text("mlflow.spanType", "LLM"), text("a", "b")],
            status: Some(message::Status { code: 1, ..message::Status::default() }),
            ..message::Span::default()
        };
        let span = kept(&told, &Prices::default()).unwrap();
        assert_eq!(
            (span.id.as_str(), span.sort.as_deref(), span.ended_ns),
            ("0202020202020202", Some("LLM"), None)
        );
        let shown = shown(&span);
        assert_eq!(shown["trace_id"], "AQEBAQEBAQEBAQEBAQEBAQ==");
        assert_eq!(shown["status"], json!({"code": "STATUS_CODE_OK"}));
        assert_eq!(shown["attributes"][1], json!({"key": "a", "value": {"string_value": "b"}}));
        assert_eq!(attribute(&span, "a").as_deref(), Some("\"b\""));
        assert!(span.body.contains("\"a\": \"\\\"b\\\"\""), "{}", span.body);
    }

    #[test]
    fn a_preview_is_what_was_said_last() {
        let chat =
            r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "system", "content": "no"}]}"#;
        assert_eq!(preview(chat, "user"), "hi");
        assert_eq!(
            preview(
                r#"{"choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}}]}"#,
                "assistant"
            ),
            "yes"
        );
        assert_eq!(preview(r#"{"x": 1}"#, "user"), r#"{"x": 1}"#);
        let long = preview(&"é".repeat(2_000), "user");
        assert!(long.chars().count() == 1_000 && long.ends_with("..."));
    }
}
