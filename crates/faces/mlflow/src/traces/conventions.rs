//! What other tracers call a span's sort, what went in and came out, its tokens and its model, in MLflow's words.
//!
//! Read are the conventions of OpenTelemetry for generative AI, OpenInference, OpenLLMetry, Vercel's AI SDK and Langfuse.
//! What a span says in MLflow's words itself stays as it is.

use serde_json::{Map, Value, json};

use super::span::{INPUTS, OUTPUTS, SORT, USAGE};

/// The attribute of the model a span asked.
pub const MODEL: &str = "mlflow.llm.model";
/// The attribute of whose model that is.
pub const PROVIDER: &str = "mlflow.llm.provider";
/// The sort of a span nobody has told the sort of.
const UNKNOWN: &str = "UNKNOWN";

/// One convention: the attributes it has for each thing, the first that is told counting.
struct Convention {
    /// Where it tells a span's sort.
    sort: &'static str,
    /// What it calls which sort.
    sorts: &'static [(&'static str, &'static str)],
    /// What went in; a `#` is a number.
    inputs: &'static [&'static str],
    /// What came out; a `#` is a number.
    outputs: &'static [&'static str],
    /// Tokens in, out, in all, read from and written to a cache.
    tokens: [&'static [&'static str]; 5],
    /// The model.
    model: &'static [&'static str],
    /// Whose.
    provider: &'static [&'static str],
}

/// What MLflow calls the tokens, in the order conventions tell them.
const TOKENS: [&str; 5] = [
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
];

const OPEN_INFERENCE: Convention = Convention {
    sort: "openinference.span.kind",
    sorts: &[
        ("TOOL", "TOOL"),
        ("CHAIN", "CHAIN"),
        ("LLM", "LLM"),
        ("RETRIEVER", "RETRIEVER"),
        ("EMBEDDING", "EMBEDDING"),
        ("AGENT", "AGENT"),
        ("RERANKER", "RERANKER"),
        ("GUARDRAIL", "GUARDRAIL"),
        ("EVALUATOR", "EVALUATOR"),
    ],
    inputs: &["input.value"],
    outputs: &["output.value"],
    tokens: [
        &["llm.token_count.prompt"],
        &["llm.token_count.completion"],
        &["llm.token_count.total"],
        &["llm.token_count.prompt_details.cache_read"],
        &["llm.token_count.prompt_details.cache_write"],
    ],
    model: &["llm.response.model_name", "llm.model_name", "llm.request.model_name", "embedding.model_name"],
    provider: &["llm.provider"],
};

const OPEN_TELEMETRY: Convention = Convention {
    sort: "gen_ai.operation.name",
    sorts: &[
        ("chat", "CHAT_MODEL"),
        ("create_agent", "AGENT"),
        ("invoke_agent", "AGENT"),
        ("embeddings", "EMBEDDING"),
        ("execute_tool", "TOOL"),
        ("generate_content", "LLM"),
        ("text_completion", "LLM"),
        ("response", "LLM"),
    ],
    inputs: &["gen_ai.input.messages", "gen_ai.tool.call.arguments"],
    outputs: &["gen_ai.output.messages", "gen_ai.tool.call.result"],
    tokens: [
        &["gen_ai.usage.input_tokens"],
        &["gen_ai.usage.output_tokens"],
        &[],
        &["gen_ai.usage.cache_read.input_tokens"],
        &["gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"],
    ],
    model: &["gen_ai.response.model", "gen_ai.request.model"],
    provider: &["gen_ai.provider.name"],
};

const OPEN_LLMETRY: Convention = Convention {
    sort: "traceloop.span.kind",
    sorts: &[("workflow", "WORKFLOW"), ("task", "TASK"), ("agent", "AGENT"), ("tool", "TOOL")],
    inputs: &[
        "traceloop.entity.input",
        "gen_ai.prompt.#.content",
        "gen_ai.completion.#.tool_calls.#.arguments",
    ],
    outputs: &["traceloop.entity.output", "gen_ai.completion.#.content"],
    tokens: [
        &["gen_ai.usage.prompt_tokens"],
        &["gen_ai.usage.completion_tokens"],
        &["llm.usage.total_tokens"],
        &[],
        &[],
    ],
    model: &[],
    provider: &["gen_ai.system"],
};

const VERCEL: Convention = Convention {
    sort: "ai.operationId",
    sorts: &[
        ("ai.generateText", "LLM"),
        ("ai.generateText.doGenerate", "LLM"),
        ("ai.streamText", "LLM"),
        ("ai.streamText.doStream", "LLM"),
        ("ai.generateObject", "LLM"),
        ("ai.generateObject.doGenerate", "LLM"),
        ("ai.streamObject", "LLM"),
        ("ai.streamObject.doStream", "LLM"),
        ("ai.toolCall", "TOOL"),
        ("ai.embed", "EMBEDDING"),
        ("ai.embed.doEmbed", "EMBEDDING"),
        ("ai.embedMany", "EMBEDDING"),
    ],
    inputs: &["ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"],
    outputs: &[
        "ai.response.text",
        "ai.toolCall.result",
        "ai.response.object",
        "ai.embedding",
        "ai.embeddings",
    ],
    tokens: [&[], &[], &[], &[], &[]],
    model: &[],
    provider: &[],
};

const LANGFUSE: Convention = Convention {
    sort: "langfuse.observation.type",
    sorts: &[
        ("generation", "LLM"),
        ("embedding", "EMBEDDING"),
        ("tool", "TOOL"),
        ("retriever", "RETRIEVER"),
        ("agent", "AGENT"),
        ("chain", "CHAIN"),
        ("evaluator", "EVALUATOR"),
        ("guardrail", "GUARDRAIL"),
    ],
    inputs: &["langfuse.observation.input"],
    outputs: &["langfuse.observation.output"],
    tokens: [&[], &[], &[], &[], &[]],
    model: &[],
    provider: &[],
};

/// All of them; the first that tells something is believed.
const CONVENTIONS: [&Convention; 5] = [&OPEN_INFERENCE, &OPEN_TELEMETRY, &OPEN_LLMETRY, &VERCEL, &LANGFUSE];

/// Says in MLflow's words what a span tells in another convention's.
pub fn translate(attributes: &mut Map<String, Value>) {
    let sort = attributes.get(SORT).and_then(Value::as_str);
    if sort.is_none_or(|sort| sort.trim_matches('"') == UNKNOWN)
        && let Some(sort) = CONVENTIONS.iter().find_map(|it| it.sort_of(attributes))
    {
        attributes.insert(SORT.to_owned(), sort.into());
    }
    type Keys = fn(&Convention) -> &'static [&'static str];
    let found: [(&str, Keys); 4] = [
        (INPUTS, |it| it.inputs),
        (OUTPUTS, |it| it.outputs),
        (MODEL, |it| it.model),
        (PROVIDER, |it| it.provider),
    ];
    for (name, keys) in found {
        if attributes.contains_key(name) {
            continue;
        }
        let told = CONVENTIONS.iter().find_map(|it| first(attributes, keys(it)).cloned());
        let told = told.or_else(|| if name == MODEL { named_model(attributes) } else { None });
        if let Some(told) = told {
            attributes.insert(name.to_owned(), told);
        }
    }
    if !attributes.contains_key(USAGE)
        && let Some(usage) = CONVENTIONS.iter().find_map(|it| it.usage_of(attributes))
    {
        attributes.insert(USAGE.to_owned(), usage);
    }
}

impl Convention {
    fn sort_of(&self, attributes: &Map<String, Value>) -> Option<&'static str> {
        let told = attributes.get(self.sort)?.as_str()?.trim_matches('"');
        self.sorts.iter().find(|(theirs, _)| *theirs == told).map(|(_, ours)| *ours)
    }

    fn usage_of(&self, attributes: &Map<String, Value>) -> Option<Value> {
        let count = |keys: &[&str]| keys.iter().find_map(|key| whole(attributes.get(*key)?));
        let mut counts = self.tokens.map(count);
        if let [Some(input), Some(output), total @ None, ..] = &mut counts {
            *total = Some(input.saturating_add(*output));
        }
        if counts[..3].iter().all(Option::is_none) {
            return None;
        }
        let told =
            TOKENS.iter().zip(counts).filter_map(|(name, count)| Some(((*name).to_owned(), json!(count?))));
        Some(Value::Object(told.collect()))
    }
}

/// The first of some attributes that says something.
fn first<'a>(attributes: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().find_map(|key| match key.contains('#') {
        true => {
            attributes.iter().find(|(name, value)| is_like(name, key) && says(value)).map(|(_, value)| value)
        }
        false => attributes.get(*key).filter(|value| says(value)),
    })
}

/// Whether a name is a pattern's, in which a part `#` is any number.
fn is_like(name: &str, pattern: &str) -> bool {
    let (names, parts): (Vec<&str>, Vec<&str>) = (name.split('.').collect(), pattern.split('.').collect());
    let fits = |(name, part): (&&str, &&str)| match *part {
        "#" => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
        part => *name == part,
    };
    names.len() == parts.len() && names.iter().zip(&parts).all(fits)
}

/// Whether a value is more than nothing; texts may be JSON themselves.
fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::String(text)) => !text.is_empty(),
            Ok(told) => says(&told),
            Err(_) => !text.is_empty(),
        },
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim_matches('"').parse().ok(),
        value => value.as_i64(),
    }
}

/// The model that what went in or came out names.
fn named_model(attributes: &Map<String, Value>) -> Option<Value> {
    [INPUTS, OUTPUTS].iter().find_map(|name| {
        let told = match attributes.get(*name)? {
            Value::String(text) => serde_json::from_str(text).ok()?,
            told => told.clone(),
        };
        let model = told.get("model")?.as_str().filter(|model| !model.is_empty())?;
        Some(model.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(told: Value) -> Value {
        let mut attributes = told.as_object().cloned().unwrap_or_default();
        translate(&mut attributes);
        attributes.into()
    }

    #[test]
    fn what_a_span_says_in_our_words_stays() {
        let told = translated(
            json!({SORT: "CHAIN", "openinference.span.kind": "LLM", INPUTS: "1", "input.value": "2"}),
        );
        assert_eq!((&told[SORT], &told[INPUTS]), (&json!("CHAIN"), &json!("1")));
    }

    #[test]
    fn tokens_are_summed_where_nobody_did() {
        let told = translated(json!({"gen_ai.usage.input_tokens": 2, "gen_ai.usage.output_tokens": "3"}));
        assert_eq!(told[USAGE], json!({"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}));
        let told = translated(json!({"llm.token_count.prompt": 2}));
        assert_eq!(told[USAGE], json!({"input_tokens": 2}));
    }

    #[test]
    fn the_first_message_is_found_by_its_number() {
        let told = translated(
            json!({"gen_ai.prompt.x.content": "no", "gen_ai.prompt.12.content": "hi", "traceloop.entity.input": "{}"}),
        );
        assert_eq!(told[INPUTS], json!("hi"));
    }
}
