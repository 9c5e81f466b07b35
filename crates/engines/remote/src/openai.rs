//! Chat completions, completions and embeddings as OpenAI's API reference describes them, and many servers speak.

use base::{Error, Result};
use ports::infer::{Datatype, Elements, Signature, Tensor, remote::Protocol};
use serde_json::{Map, Value, json};

use crate::speech::{Introduction, Question, slot};

/// "List models" tells both that the server is well and which models it has.
pub fn introduction() -> Introduction {
    Introduction { health: "/models".to_owned(), model: Some("/models".to_owned()) }
}

/// Whether a list of models has one; a list of none says nothing.
pub fn has(told: &Value, model: &str) -> bool {
    let Some(listed) = told["data"].as_array() else { return true };
    listed.is_empty() || listed.iter().any(|it| it["id"] == model)
}

/// What such a model takes and gives: texts, one a row.
pub fn signature(protocol: &Protocol) -> Signature {
    let text = |name: &str, optional| slot(name, Datatype::Bytes, optional);
    if *protocol == Protocol::Embeddings {
        let mut embedding = slot("embedding", Datatype::Fp32, false);
        embedding.shape = vec![-1, -1];
        return Signature {
            inputs: vec![text("input", false)],
            outputs: vec![embedding],
            ..Signature::default()
        };
    }
    let mut inputs = vec![text("prompt", false)];
    if *protocol == Protocol::Chat {
        inputs.push(text("system", true));
    }
    // What is absent is no number in a float tensor, which is why even the count of tokens is one.
    inputs.push(slot("temperature", Datatype::Fp64, true));
    inputs.push(slot("max_tokens", Datatype::Fp64, true));
    let count = |name: &str| slot(name, Datatype::Int64, false);
    let outputs = vec![
        text("text", false),
        text("finish_reason", false),
        count("prompt_tokens"),
        count("completion_tokens"),
    ];
    Signature { inputs, outputs, ..Signature::default() }
}

/// One request a row; all rows in one for embeddings.
pub fn questions(protocol: &Protocol, model: &str, inputs: &[Tensor]) -> Result<Vec<Question>> {
    let texts = |name: &str| match inputs.iter().find(|it| it.name == name).map(|it| &it.elements) {
        Some(Elements::Bytes(texts)) => texts.as_slice(),
        _ => &[],
    };
    let numbers = |name: &str| match inputs.iter().find(|it| it.name == name).map(|it| &it.elements) {
        Some(Elements::Fp64(numbers)) => numbers.as_slice(),
        _ => &[],
    };
    if *protocol == Protocol::Embeddings {
        let body = json!({"model": model, "input": texts("input"), "encoding_format": "float"});
        return Ok(vec![Question { path: "/embeddings".to_owned(), body }]);
    }
    let prompts = texts("prompt");
    let one = |row: usize| {
        let mut body = Map::from_iter([("model".to_owned(), json!(model))]);
        if let Some(temperature) = numbers("temperature").get(row).filter(|it| it.is_finite()) {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(most) = numbers("max_tokens").get(row).filter(|it| it.is_finite()) {
            if most.fract() != 0.0 || *most < 1.0 || *most > 1e9 {
                let error = Error::invalid("tensor-wrong-type", "`max_tokens` is a whole number from 1");
                return Err(error.at("inputs.max_tokens"));
            }
            body.insert("max_tokens".to_owned(), json!(*most as u64));
        }
        if *protocol == Protocol::Completions {
            body.insert("prompt".to_owned(), json!(prompts[row]));
            return Ok(Question { path: "/completions".to_owned(), body: Value::Object(body) });
        }
        let mut messages = Vec::new();
        if let Some(system) = texts("system").get(row).filter(|it| !it.is_empty()) {
            messages.push(json!({"role": "system", "content": system}));
        }
        messages.push(json!({"role": "user", "content": prompts[row]}));
        body.insert("messages".to_owned(), json!(messages));
        Ok(Question { path: "/chat/completions".to_owned(), body: Value::Object(body) })
    };
    (0..prompts.len()).map(one).collect()
}

/// The texts, or the embeddings by their index.
pub fn tensors(protocol: &Protocol, answers: &[Value]) -> Result<Vec<Tensor>, String> {
    if *protocol == Protocol::Embeddings {
        return embeddings(answers.first().unwrap_or(&Value::Null)).map(|it| vec![it]);
    }
    let (mut texts, mut reasons, mut asked, mut made) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for answer in answers {
        let choice = &answer["choices"][0];
        let text = if *protocol == Protocol::Chat { &choice["message"]["content"] } else { &choice["text"] };
        if !choice.is_object() {
            return Err("an answer without `choices`".to_owned());
        }
        // A refusal or a call of a tool has no text.
        texts.push(text.as_str().unwrap_or_default().to_owned());
        reasons.push(choice["finish_reason"].as_str().unwrap_or_default().to_owned());
        asked.push(answer["usage"]["prompt_tokens"].as_i64().unwrap_or(0));
        made.push(answer["usage"]["completion_tokens"].as_i64().unwrap_or(0));
    }
    let shape = vec![answers.len()];
    let tensor = |name: &str, elements| Tensor { name: name.to_owned(), shape: shape.clone(), elements };
    Ok(vec![
        tensor("text", Elements::Bytes(texts)),
        tensor("finish_reason", Elements::Bytes(reasons)),
        tensor("prompt_tokens", Elements::Int64(asked)),
        tensor("completion_tokens", Elements::Int64(made)),
    ])
}

/// Asks for the answer in parts; what the caller said beside the inputs goes with it, but for what the platform says itself.
pub fn in_parts(mut body: Value, params: Map<String, Value>, parts: bool) -> Value {
    const OURS: [&str; 6] = ["model", "messages", "prompt", "stream", "stream_options", "n"];
    if let Some(fields) = body.as_object_mut() {
        for (name, value) in params {
            if !OURS.contains(&name.as_str()) {
                fields.entry(name).or_insert(value);
            }
        }
        if parts {
            fields.insert("stream".to_owned(), json!(true));
            fields.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
    }
    body
}

/// What ends an answer in parts.
pub const DONE: &str = "[DONE]";

/// One part of an answer, in the words of a whole one; nothing for a part that says nothing.
pub fn part(protocol: &Protocol, told: &Value) -> Option<Vec<Tensor>> {
    let choice = &told["choices"][0];
    let text = if *protocol == Protocol::Chat { &choice["delta"]["content"] } else { &choice["text"] };
    let (text, reason) =
        (text.as_str().unwrap_or_default(), choice["finish_reason"].as_str().unwrap_or_default());
    if text.is_empty() && reason.is_empty() && !told["usage"].is_object() {
        return None;
    }
    let whole = json!({
        "choices": [{"message": {"content": text}, "text": text, "finish_reason": reason}],
        "usage": told["usage"],
    });
    tensors(protocol, &[whole]).ok()
}

fn embeddings(answer: &Value) -> Result<Tensor, String> {
    let listed = answer["data"].as_array().ok_or("an answer without `data`")?;
    let mut rows: Vec<(u64, Vec<f32>)> = Vec::with_capacity(listed.len());
    for (at, it) in listed.iter().enumerate() {
        let vector = it["embedding"].as_array().ok_or("an embedding that is no list")?;
        let numbers = vector.iter().map(|it| it.as_f64().map(|it| it as f32));
        let numbers =
            numbers.collect::<Option<Vec<f32>>>().ok_or("an embedding of something else than numbers")?;
        rows.push((it["index"].as_u64().unwrap_or(at as u64), numbers));
    }
    rows.sort_by_key(|(index, _)| *index);
    let width = rows.first().map_or(0, |(_, numbers)| numbers.len());
    if rows.iter().any(|(_, numbers)| numbers.len() != width) {
        return Err("embeddings of different lengths".to_owned());
    }
    let shape = vec![rows.len(), width];
    let elements = Elements::Fp32(rows.into_iter().flat_map(|(_, numbers)| numbers).collect());
    Ok(Tensor { name: "embedding".to_owned(), shape, elements })
}
