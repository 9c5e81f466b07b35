//! What a request asks: the fields of its JSON body, or of its query, held against the types MLflow's messages have.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::fault::{Fault, Result};

/// The fields of a request.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    fields: Map<String, Value>,
    /// Whether they came in the query, where everything is a text.
    loose: bool,
}

/// What MLflow adds to a refusal of a field.
const SEE: &str = " See the API docs for more information about request parameters.";

impl Ask {
    /// The fields of a query; a name that comes twice becomes a list.
    pub fn of_query(query: &str) -> Result<Self> {
        let mut fields = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, Value::String(decoded(value)?));
            match fields.get_mut(&name) {
                None => {
                    fields.insert(name, value);
                }
                Some(Value::Array(all)) => all.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
        Ok(Self { fields, loose: true })
    }

    /// The fields of a body; an empty one has none.
    pub fn of_body(bytes: &[u8]) -> Result<Self> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match face_web::body::parse(bytes).map_err(|error| Fault::invalid(error.message()))? {
            Value::Object(fields) => Ok(Self { fields, loose: false }),
            // Old clients send the object as a text.
            Value::String(text) => match face_web::body::parse(text.as_bytes()) {
                Ok(Value::Object(fields)) => Ok(Self { fields, loose: false }),
                _ => Err(Fault::invalid("the request body must be a JSON object")),
            },
            _ => Err(Fault::invalid("the request body must be a JSON object")),
        }
    }

    /// The fields of one item of a list.
    pub fn of_item(item: Value, at: &str) -> Result<Self> {
        match item {
            Value::Object(fields) => Ok(Self { fields, loose: false }),
            other => Err(wrong(at, &other)),
        }
    }

    /// A field as it came.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A text, if one was given.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, other)),
        }
    }

    /// A text that is not empty.
    pub fn given(&self, name: &str) -> Result<Option<&str>> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text that must be given.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.given(name)?
            .ok_or_else(|| Fault::invalid(format!("Missing value for required parameter '{name}'.{SEE}")))
    }

    /// A whole number, if one was given; texts of digits count.
    pub fn whole(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        match whole(value) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(name, value)),
        }
    }

    /// `true` or `false`, if it was given.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if self.loose => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => {
                    Err(Fault::invalid(format!("Invalid boolean value: {text}, must be 'true' or 'false'.")))
                }
            },
            Some(other) => Err(wrong(name, other)),
        }
    }

    /// A list; empty when not given. One value in a query is a list of one.
    pub fn list(&self, name: &str) -> Result<Vec<Value>> {
        match self.raw(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.clone()),
            Some(one) if self.loose => Ok(vec![one.clone()]),
            Some(other) => Err(wrong(name, other)),
        }
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let items = self.list(name)?;
        items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                other => Err(wrong(name, &other)),
            })
            .collect()
    }

    /// A list of structs.
    pub fn items(&self, name: &str) -> Result<Vec<Self>> {
        self.list(name)?.into_iter().map(|item| Self::of_item(item, name)).collect()
    }

    /// A list of `{"key", "value"}`; a value that is not given is empty.
    pub fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        let items = self.items(name)?;
        items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let key = item.given("key")?.ok_or_else(|| {
                    Fault::invalid(format!("Missing value for required parameter '{name}[{i}].key'.{SEE}"))
                })?;
                Ok((key.to_owned(), item.text("value")?.unwrap_or_default().to_owned()))
            })
            .collect()
    }

    /// How many to answer: 1 to `most`.
    pub fn max_results(&self, otherwise: usize, most: usize) -> Result<usize> {
        let Some(asked) = self.whole("max_results")? else { return Ok(otherwise) };
        match usize::try_from(asked) {
            Ok(asked) if (1..=most).contains(&asked) => Ok(asked),
            Ok(asked) if asked > most => Err(Fault::invalid(format!(
                "Invalid value for request parameter max_results. It must be at most {most}, but got value {asked}"
            ))),
            _ => Err(Fault::invalid(format!(
                "Invalid value {asked} for parameter 'max_results' supplied. It must be a positive integer"
            ))),
        }
    }
}

/// A whole number, or a text of one.
pub fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
            Some(float as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number; `NaN`, `Infinity` and `-Infinity` come as texts (the JSON mapping of protocol buffers).
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" | "nan" => Some(f64::NAN),
            "Infinity" | "inf" => Some(f64::INFINITY),
            "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    }
}

/// The refusal of a value of the wrong type, with the type's name in Python.
pub fn wrong(name: &str, value: &Value) -> Fault {
    let sort = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    let shown: String = value.to_string().chars().take(500).collect();
    let hint = format!(" Hint: Value was of type '{sort}'.");
    Fault::invalid(format!("Invalid value {shown} for parameter '{name}' supplied: {hint}{SEE}"))
}

fn decoded(text: &str) -> Result<String> {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8();
    text.map(std::borrow::Cow::into_owned).map_err(|_| Fault::invalid("the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_has_no_words_for_come_as_texts() {
        assert!(number(&"NaN".into()).unwrap().is_nan());
        assert_eq!(number(&"-Infinity".into()), Some(f64::NEG_INFINITY));
        assert_eq!(number(&"1e400".into()), None);
        assert_eq!(whole(&"12".into()), Some(12));
        assert_eq!(whole(&serde_json::json!(12.5)), None);
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named_with_its_type() {
        let ask = Ask::of_body(br#"{"name": 5, "tags": [{"value": "x"}]}"#).unwrap();
        let fault = ask.required("name").unwrap_err();
        assert!(fault.message.contains("Invalid value 5 for parameter 'name'"), "{}", fault.message);
        assert!(fault.message.contains("'int'"));
        assert!(ask.pairs("tags").unwrap_err().message.contains("tags[0].key"));
        assert!(Ask::of_body(b"[1]").is_err() && Ask::of_body(b"{").is_err());
    }

    #[test]
    fn a_name_that_comes_twice_in_a_query_is_a_list() {
        let ask = Ask::of_query("a=1&a=2&b=x%20y&c=true").unwrap();
        assert_eq!(ask.texts("a").unwrap(), ["1", "2"]);
        assert_eq!(ask.texts("b").unwrap(), ["x y"]);
        assert_eq!(ask.flag("c").unwrap(), Some(true));
    }
}
