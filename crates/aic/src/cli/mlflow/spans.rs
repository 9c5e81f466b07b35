//! Spans on their way: as MLflow's API answers them, as its database and files keep them, and as OTLP wants them sent
//! (OpenTelemetry Protocol, «JSON Protobuf Encoding»: names in camel case, identifiers in hexadecimal digits).

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

const IDS: [&str; 3] = ["trace_id", "span_id", "parent_span_id"];

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut to = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        to.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        to.push_str(letters.as_str());
    }
    to
}

/// An identifier in the base64 of protocol buffers, or in digits already, as digits.
fn digits(id: &str) -> String {
    match BASE64_STANDARD.decode(id) {
        // Digits are valid base64, too, but of more bytes than an identifier has.
        Ok(bytes) if matches!(bytes.len(), 8 | 16) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        _ => id.trim_start_matches("tr-").to_owned(),
    }
}

/// Something of a span that was answered in the JSON of protocol buffers. What a user named never is a field there.
pub fn of_answer(told: &Value) -> Value {
    match told {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let value = match value.as_str().filter(|_| IDS.contains(&name.as_str())) {
                    Some(id) => digits(id).into(),
                    None => of_answer(value),
                };
                (camel(name), value)
            };
            fields.iter().map(field).collect::<Map<String, Value>>().into()
        }
        Value::Array(items) => items.iter().map(of_answer).collect(),
        other => other.clone(),
    }
}

/// A span as a database or a file keeps it; nothing when it is in the shape of releases before 3.0.
pub fn of_kept(kept: &Value) -> Option<Value> {
    let mut span = json!({
        "traceId": digits(kept.get("trace_id")?.as_str()?),
        "spanId": digits(kept.get("span_id")?.as_str()?),
        "name": kept["name"],
        "startTimeUnixNano": kept["start_time_unix_nano"],
        "status": kept["status"],
    });
    if let Some(parent) = kept["parent_span_id"].as_str().filter(|id| !id.is_empty()) {
        span["parentSpanId"] = digits(parent).into();
    }
    if !kept["end_time_unix_nano"].is_null() {
        span["endTimeUnixNano"] = kept["end_time_unix_nano"].clone();
    }
    let attributes = kept["attributes"].as_object().into_iter().flatten().map(|(key, text)| {
        let value = text.as_str().and_then(|text| serde_json::from_str(text).ok());
        (key.clone(), value.unwrap_or_else(|| text.clone()))
    });
    span["attributes"] = pairs(&attributes.collect());
    let items = |name: &str| kept[name].as_array().cloned().unwrap_or_default();
    let plain = |it: &Value| it["attributes"].as_object().map_or_else(|| json!([]), pairs);
    let events = items("events");
    span["events"] = events
        .iter()
        .map(|it| json!({"name": it["name"], "timeUnixNano": it["time_unix_nano"], "attributes": plain(it)}))
        .collect();
    let links = items("links");
    span["links"] = links
        .iter()
        .filter_map(|it| {
            let (trace, span) = (it["trace_id"].as_str()?, it["span_id"].as_str()?);
            Some(json!({"traceId": digits(trace), "spanId": digits(span), "attributes": plain(it)}))
        })
        .collect();
    Some(span)
}

fn pairs(fields: &Map<String, Value>) -> Value {
    fields.iter().map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({"doubleValue": number}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(items) => json!({"arrayValue": {"values": items.iter().map(any).collect::<Value>()}}),
        Value::Object(fields) => json!({"kvlistValue": {"values": pairs(fields)}}),
    }
}

/// The attribute by which a server notes the span's trace; each notes it anew.
const TRACE: &str = "mlflow.traceRequestId";

/// A span in one form, so that two can be compared.
pub fn form(otlp: &Value) -> Value {
    let text = |field: &str| otlp[field].as_str().unwrap_or_default().to_owned();
    // Whole numbers are texts in OTLP, and numbers where Python wrote them.
    let whole = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let items = |name: &str| otlp[name].as_array().cloned().unwrap_or_default();
    let attributes = |it: &Value| {
        let all = it["attributes"].as_array().into_iter().flatten();
        let pairs = all.filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), plain(&pair["value"]))));
        pairs.filter(|(key, _)| key != TRACE).collect::<Map<String, Value>>()
    };
    let word = match &otlp["status"]["code"] {
        Value::String(word) => word.trim_start_matches("STATUS_CODE_").to_owned(),
        Value::Number(number) if number.as_i64() == Some(1) => "OK".to_owned(),
        Value::Number(number) if number.as_i64() == Some(2) => "ERROR".to_owned(),
        _ => "UNSET".to_owned(),
    };
    let mut events: Vec<Value> = items("events")
        .iter()
        .map(|it| json!([it["name"], whole(&it["timeUnixNano"]), attributes(it)]))
        .collect();
    events.sort_by_key(Value::to_string);
    let mut links: Vec<Value> =
        items("links").iter().map(|it| json!([it["traceId"], it["spanId"], attributes(it)])).collect();
    links.sort_by_key(Value::to_string);
    json!({
        "id": text("spanId"), "parent": text("parentSpanId"), "name": text("name"),
        "start": whole(&otlp["startTimeUnixNano"]),
        "end": Some(whole(&otlp["endTimeUnixNano"])).filter(|end| end != "null" && end != "0"),
        "status": [word, otlp["status"]["message"].as_str().unwrap_or_default()],
        "attributes": attributes(otlp), "events": events, "links": links,
    })
}

/// An `AnyValue` as plain JSON.
fn plain(any: &Value) -> Value {
    let Some((sort, value)) = any.as_object().and_then(|fields| fields.iter().next()) else {
        return Value::Null;
    };
    match sort.as_str() {
        "intValue" => value
            .as_str()
            .and_then(|text| text.parse::<i64>().ok())
            .map_or_else(|| value.clone(), Value::from),
        "arrayValue" => value["values"].as_array().into_iter().flatten().map(plain).collect(),
        "kvlistValue" => {
            let all = value["values"].as_array().into_iter().flatten();
            let pairs =
                all.filter_map(|pair| Some((pair["key"].as_str()?.to_owned(), plain(&pair["value"]))));
            pairs.collect::<Map<String, Value>>().into()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answered_span_and_a_kept_one_are_the_same() {
        let answered = json!({
            "trace_id": "AQEBAQEBAQEBAQEBAQEBAQ==", "span_id": "AgICAgICAgI=", "name": "s", "start_time_unix_nano": 5,
            "attributes": [{"key": "some_key", "value": {"kvlist_value": {"values": [{"key": "a_b", "value": {"int_value": 1}}]}}}],
            "events": [{"time_unix_nano": 6, "name": "e"}], "status": {"code": "STATUS_CODE_OK"},
            "links": [{"trace_id": "AwMDAwMDAwMDAwMDAwMDAw==", "span_id": "BAQEBAQEBAQ="}],
        });
        let kept = json!({
            "trace_id": "AQEBAQEBAQEBAQEBAQEBAQ==", "span_id": "AgICAgICAgI=", "parent_span_id": null, "name": "s",
            "start_time_unix_nano": 5, "end_time_unix_nano": null, "attributes": {"some_key": "{\"a_b\": 1}"},
            "events": [{"name": "e", "time_unix_nano": 6, "attributes": {}}],
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "links": [{"trace_id": "tr-03030303030303030303030303030303", "span_id": "0404040404040404"}],
        });
        let (one, other) = (of_answer(&answered), of_kept(&kept).unwrap());
        assert_eq!(one["traceId"], "01".repeat(16));
        assert_eq!(form(&one), form(&other));
        assert_eq!(form(&one)["attributes"], json!({"some_key": {"a_b": 1}}));
        assert_eq!(of_kept(&json!({"name": "old", "context": {}})), None);
    }
}
