//! Placeholders: `${component.path}` in what a component is given becomes what an earlier one answered.

use kernel::prelude::*;

/// The paths of the placeholders in a text.
pub fn paths(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let Some((path, after)) = after.split_once('}') else { break };
        found.push(path);
        rest = after;
    }
    found
}

/// A value with every placeholder in it replaced; a text that is one placeholder becomes the value itself.
pub fn fill(value: &Value, scope: &Value) -> Result<Value> {
    Ok(match value {
        Value::String(text) => {
            let found = paths(text);
            if let [path] = found[..]
                && text.len() == path.len() + 3
            {
                return at(scope, path).cloned();
            }
            let mut filled = text.clone();
            for path in found {
                let value = at(scope, path)?;
                let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                filled = filled.replace(&format!("${{{path}}}"), &word);
            }
            Value::String(filled)
        }
        Value::Array(values) => {
            values.iter().map(|value| fill(value, scope)).collect::<Result<Vec<_>>>()?.into()
        }
        Value::Object(values) => {
            let filled = |(name, value): (&String, &Value)| Ok((name.clone(), fill(value, scope)?));
            Value::Object(values.iter().map(filled).collect::<Result<_>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

fn at<'a>(scope: &'a Value, path: &str) -> Result<&'a Value> {
    let step = |value: &'a Value, name: &str| match value {
        Value::Array(values) => values.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    };
    path.split('.').try_fold(scope, step).ok_or_else(|| {
        let shown: String = path.chars().take(100).collect();
        Error::invalid("bad-component", format!("there is nothing at `{shown}`"))
            .hint("look at the outputs of the run's earlier components")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_values_or_part_of_a_text() {
        let scope = json!({"parameters": {"n": 5, "d": "rows"}, "train": {"parts": [{"rows": 3}]}});
        let filled = fill(
            &json!({"a": "${parameters.n}", "b": "x-${parameters.d}-${parameters.n}", "c": ["${train.parts.0.rows}"], "d": "$5"}),
            &scope,
        );
        assert_eq!(filled.unwrap(), json!({"a": 5, "b": "x-rows-5", "c": [3], "d": "$5"}));
        assert_eq!(fill(&json!("${train.none}"), &scope).unwrap_err().code(), "bad-component");
        assert_eq!(paths("${a.b}${c"), ["a.b"]);
    }
}
