//! Servers that take and give JSON of their own: rows are put into a template, values are found by JSON pointers.

use std::borrow::Cow;

use base::{Error, Result};
use ports::infer::{Datatype, Element, Elements, Make, Signature, Tensor, remote::Template};
use serde_json::{Map, Value};

use crate::speech::Question;

/// What stands for all rows in one request.
const ROWS: &str = "{rows}";
const INSTANCES: &str = "{instances}";

/// The rows of some tensors as JSON: a value for each column.
struct Rows {
    names: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    fn of(inputs: &[Tensor]) -> Self {
        let names = inputs.iter().map(|it| it.name.clone()).collect();
        let count = inputs.first().and_then(|it| it.shape.first().copied()).unwrap_or(0);
        let columns: Vec<Vec<Value>> = inputs.iter().map(|it| column(it, count)).collect();
        let rows = (0..count).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
        Self { names, rows }
    }

    fn value(&self, row: usize, name: &str) -> Option<&Value> {
        let at = self.names.iter().position(|it| it == name)?;
        self.rows.get(row)?.get(at)
    }

    fn object(&self, row: &[Value]) -> Value {
        let fields = self.names.iter().cloned().zip(row.iter().cloned());
        Value::Object(fields.collect::<Map<String, Value>>())
    }
}

/// A tensor's values by row: single ones, or lists where a row has several.
fn column(tensor: &Tensor, rows: usize) -> Vec<Value> {
    let flat = tensor.elements.json();
    let width = flat.len() / rows.max(1);
    if tensor.shape.len() == 1 {
        return flat;
    }
    flat.chunks(width.max(1)).map(|row| Value::Array(row.to_vec())).collect()
}

/// Whether a body takes all rows at once.
fn takes_all(body: &Value) -> bool {
    match body {
        Value::String(text) => text == ROWS || text == INSTANCES,
        Value::Array(items) => items.iter().any(takes_all),
        Value::Object(fields) => fields.values().any(takes_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The requests for some rows.
pub fn questions(template: &Template, model: &str, inputs: &[Tensor]) -> Result<Vec<Question>> {
    let rows = Rows::of(inputs);
    let one = |row: usize| {
        Ok(Question {
            path: path(template, model, (&rows, row))?,
            body: filled(&template.body, (&rows, row))?,
        })
    };
    if takes_all(&template.body) { Ok(vec![one(0)?]) } else { (0..rows.rows.len()).map(one).collect() }
}

fn path(template: &Template, model: &str, (rows, row): (&Rows, usize)) -> Result<String> {
    replaced(&template.path, |name| match name {
        "model" => Some(crate::segment(model)),
        name => rows.value(row, name).map(|it| crate::segment(&text(it))),
    })
}

/// A value as it stands within a text.
fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

fn filled(body: &Value, (rows, row): (&Rows, usize)) -> Result<Value> {
    Ok(match body {
        Value::String(all) if all == ROWS => rows.rows.iter().map(|row| rows.object(row)).collect(),
        Value::String(all) if all == INSTANCES => rows.rows.iter().cloned().map(Value::Array).collect(),
        Value::String(it) => {
            // What is nothing but a column keeps the column's type.
            let whole = it.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
            match whole.and_then(|name| rows.value(row, name)) {
                Some(value) => value.clone(),
                None => {
                    Value::String(replaced(it, |name| rows.value(row, name).map(|it| text(it).into_owned()))?)
                }
            }
        }
        Value::Array(items) => items.iter().map(|it| filled(it, (rows, row))).collect::<Result<_>>()?,
        Value::Object(fields) => {
            let one = |(name, value): (&String, &Value)| Ok((name.clone(), filled(value, (rows, row))?));
            Value::Object(fields.iter().map(one).collect::<Result<_>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => body.clone(),
    })
}

/// A text with `{NAME}` replaced; `{{` and `}}` are braces.
fn replaced(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let (brace, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(brace) {
            out.push_str(brace);
            rest = behind;
            continue;
        }
        let unknown = || {
            Error::conflict("server-unfit", format!("the template `{text}` names something that no row has"))
                .hint("`{NAME}` is an input of the model; braces are written twice")
        };
        let (name, behind) = behind.split_once('}').filter(|_| brace == "{").ok_or_else(unknown)?;
        out.push_str(&value(name).ok_or_else(unknown)?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// All values a pointer leads to; `*` is every item of a list.
fn found<'a>(value: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let mut all = vec![value];
    for part in pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        all = match part {
            "*" => all.into_iter().filter_map(Value::as_array).flatten().collect(),
            _ => {
                let step = |it: &'a Value| match it {
                    Value::Object(fields) => fields.get(&name),
                    Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                    _ => None,
                };
                all.into_iter().filter_map(step).collect()
            }
        };
    }
    all
}

/// The outputs of a signature, found in the answers; those of single rows one behind the other.
pub fn tensors(template: &Template, signature: &Signature, answers: &[Value]) -> Result<Vec<Tensor>, String> {
    let mut tensors = Vec::with_capacity(signature.outputs.len());
    for slot in &signature.outputs {
        let pointer = template
            .outputs
            .get(&slot.name)
            .ok_or_else(|| format!("the template does not say where `{}` is in the answer", slot.name))?;
        let mut flat = Vec::new();
        for answer in answers {
            let values = found(answer, pointer);
            if values.is_empty() {
                return Err(format!("`{pointer}` leads nowhere in the answer"));
            }
            values.into_iter().for_each(|it| flattened(it, &mut flat));
        }
        // How long a row is where several dimensions are open, the rows of the request do not tell here.
        let width: i64 = slot.shape.iter().skip(1).map(|size| size.max(&1)).product();
        let width = usize::try_from(width).unwrap_or(1).max(1);
        let mut shape = vec![flat.len() / width];
        shape.extend(slot.shape.iter().skip(1).map(|size| usize::try_from(*size).unwrap_or(1)));
        let elements = elements(slot.datatype, flat).map_err(|why| format!("`{}`: {why}", slot.name))?;
        tensors.push(Tensor { name: slot.name.clone(), shape, elements });
    }
    Ok(tensors)
}

fn flattened<'a>(value: &'a Value, flat: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|it| flattened(it, flat)),
        other => flat.push(other),
    }
}

fn elements(datatype: Datatype, flat: Vec<&Value>) -> Result<Elements, String> {
    // Numbers come as texts from servers that count in decimals, and labels as numbers.
    let told = |it: &Value| match (datatype, it) {
        (Datatype::Bytes, Value::String(_) | Value::Null) => it.clone(),
        (Datatype::Bytes, other) => Value::String(other.to_string()),
        (_, other) => other.clone(),
    };
    struct Cells(Vec<Value>);
    impl Make for Cells {
        fn all<T: Element>(self) -> Result<Vec<T>> {
            let wrong = || Error::internal(format!("an element is no {}", T::DATATYPE.name()));
            self.0.iter().map(|it| T::from_cell(it).ok_or_else(wrong)).collect()
        }
    }
    let data = flat.into_iter().map(told).collect();
    datatype.elements(Cells(data)).map_err(|_| format!("an element is no {}", datatype.name()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::speech::slot;

    fn inputs() -> Vec<Tensor> {
        let text = Elements::Bytes(vec!["a/b".to_owned(), "c".to_owned()]);
        vec![
            Tensor { name: "x".to_owned(), shape: vec![2], elements: Elements::Fp64(vec![1.5, f64::NAN]) },
            Tensor { name: "t".to_owned(), shape: vec![2], elements: text },
            Tensor { name: "v".to_owned(), shape: vec![2, 2], elements: Elements::Int64(vec![1, 2, 3, 4]) },
        ]
    }

    fn asked(path: &str, body: Value) -> Vec<Question> {
        let template = Template { path: path.to_owned(), body, ..Template::default() };
        questions(&template, "m 1", &inputs()).unwrap()
    }

    #[test]
    fn rows_are_put_in_one_by_one_or_all_at_once() {
        let made = asked("/score/{model}/{t}", json!({"x": "{x}", "said": "<{t}> {{}}", "v": ["{v}", 7]}));
        assert_eq!(made[0].path, "/score/m%201/a%2Fb");
        assert_eq!(made[0].body, json!({"x": 1.5, "said": "<a/b> {}", "v": [[1, 2], 7]}));
        assert_eq!(made[1].body, json!({"x": null, "said": "<c> {}", "v": [[3, 4], 7]}));
        let made = asked("/all", json!({"records": "{rows}", "instances": "{instances}"}));
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].body["records"][1], json!({"x": null, "t": "c", "v": [3, 4]}));
        assert_eq!(made[0].body["instances"][0], json!([1.5, "a/b", [1, 2]]));
    }

    #[test]
    fn a_template_that_names_what_is_not_there_is_told() {
        for text in ["{nobody}", "{x", "x}", "a{}b"] {
            let template =
                Template { path: "/".to_owned(), body: json!({"it": text}), ..Template::default() };
            assert_eq!(questions(&template, "m", &inputs()).unwrap_err().code(), "server-unfit", "{text}");
        }
    }

    #[test]
    fn values_are_found_wherever_a_server_puts_them() {
        let outputs = [("label", "/results/*/class"), ("score", "/results/*/p~1q")];
        let outputs = outputs.map(|(name, at)| (name.to_owned(), at.to_owned())).into();
        let template = Template { outputs, ..Template::default() };
        let signature = Signature {
            outputs: vec![slot("label", Datatype::Bytes, false), slot("score", Datatype::Fp64, false)],
            ..Signature::default()
        };
        let answer = json!({"results": [{"class": 3, "p/q": "0.5"}, {"class": "x", "p/q": 1}]});
        let read = tensors(&template, &signature, &[answer]).unwrap();
        assert_eq!(read[0].elements, Elements::Bytes(vec!["3".to_owned(), "x".to_owned()]));
        assert_eq!(read[1].elements, Elements::Fp64(vec![0.5, 1.0]));
        assert!(tensors(&template, &signature, &[json!({"results": []})]).is_err());
    }
}
