//! Texts in, texts out: requests and answers of the generate extension of the Open Inference Protocol.

use base::{Error, Result};
use ports::infer::{Datatype, Signature, Slot, Tensor};
use serde_json::{Map, Value};

use crate::shaped;

/// What clients call a text that is asked.
const TEXT: &str = "text";
const TEXT_IN: &str = "text_input";
/// What they call the one that is answered.
const TEXT_OUT: &str = "text_output";

/// The tensors and parameters that fields of a request mean for a model: a field with the name of an input is that input,
/// `text_input` else the only text there is, and what remains are parameters.
///
/// # Errors
/// `tensor-unknown` for a field that is neither, where the model takes no parameters; `tensor-missing`; `wrong-type`.
pub fn read(
    signature: &Signature,
    mut fields: Map<String, Value>,
    takes_params: bool,
) -> Result<(Vec<Tensor>, Map<String, Value>)> {
    let mut params = match fields.remove("parameters") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            return Err(Error::invalid("wrong-type", "parameters are an object").at("parameters"));
        }
    };
    let text = fields.remove(TEXT_IN).map(|value| Ok((text_of(signature, &fields)?, value))).transpose()?;
    let mut tensors = Vec::with_capacity(signature.inputs.len());
    for slot in &signature.inputs {
        let is_text = text.as_ref().is_some_and(|(name, _)| *name == slot.name);
        let given = match &text {
            Some((_, value)) if is_text => Some(value.clone()),
            _ => fields.remove(&slot.name).or_else(|| params.remove(&slot.name)),
        };
        match given {
            Some(value) => tensors.push(shaped(slot, ("rows", &[&value]))?),
            None if slot.optional => {}
            None => return Err(missing(slot)),
        }
    }
    if let Some(name) = fields.keys().next().filter(|_| !takes_params) {
        let shown: String = name.chars().take(60).collect();
        let known: Vec<&str> = signature.inputs.iter().map(|slot| slot.name.as_str()).collect();
        return Err(Error::invalid("tensor-unknown", format!("the model has no input `{shown}`"))
            .at(shown)
            .hint(format!("its inputs are: {}", known.join(", "))));
    }
    params.extend(fields);
    Ok((tensors, if takes_params { params } else { Map::new() }))
}

fn missing(slot: &Slot) -> Error {
    let message = format!("the input `{}` does not fit: the model needs it", slot.name);
    Error::invalid("tensor-missing", message).at(slot.name.clone()).hint("ask the model for its signature")
}

/// The input that a text is for.
fn text_of(signature: &Signature, fields: &Map<String, Value>) -> Result<String> {
    let named = signature.inputs.iter().any(|slot| slot.name == TEXT_IN);
    if named {
        return Ok(TEXT_IN.to_owned());
    }
    let is_text =
        |slot: &&Slot| slot.datatype == Datatype::Bytes && !slot.optional && !fields.contains_key(&slot.name);
    let mut texts = signature.inputs.iter().filter(is_text);
    match (texts.next(), texts.next()) {
        (Some(slot), None) => Ok(slot.name.clone()),
        (None, _) | (Some(_), Some(_)) => {
            let message = "the model has no input `text_input`, nor just one text it could be";
            Err(Error::invalid("tensor-unknown", message)
                .at(TEXT_IN)
                .hint("name the fields as the model's inputs are"))
        }
    }
}

/// Outputs as fields of an answer: one element is itself, more are a list; the only text, or of several the one called
/// `text`, is called `text_output`.
pub fn written(outputs: &[Tensor]) -> Map<String, Value> {
    let texts: Vec<&Tensor> = outputs.iter().filter(|it| it.elements.datatype() == Datatype::Bytes).collect();
    let only = match texts.as_slice() {
        [tensor] => Some(tensor.name.as_str()),
        several => several.iter().map(|it| it.name.as_str()).find(|name| *name == TEXT),
    };
    let mut fields = Map::new();
    for tensor in outputs {
        let mut values = tensor.elements.json();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        let name = if only == Some(tensor.name.as_str()) { TEXT_OUT } else { &tensor.name };
        fields.insert(name.to_owned(), value);
    }
    fields
}

#[cfg(test)]
mod tests {
    use ports::infer::Elements;
    use serde_json::json;

    use super::*;

    fn signature(slots: &[(&str, Datatype, bool)]) -> Signature {
        let slot = |(name, datatype, optional): &(&str, Datatype, bool)| Slot {
            name: (*name).to_owned(),
            datatype: *datatype,
            shape: vec![-1],
            categories: Vec::new(),
            optional: *optional,
        };
        Signature { inputs: slots.iter().map(slot).collect(), ..Signature::default() }
    }

    fn told(slots: &[(&str, Datatype, bool)], fields: Value, takes_params: bool) -> Value {
        let fields = fields.as_object().cloned().unwrap();
        match read(&signature(slots), fields, takes_params) {
            Ok((tensors, params)) => {
                let tensors = tensors.iter().map(|it| (it.name.clone(), it.elements.json().into()));
                json!({"inputs": tensors.collect::<Map<String, Value>>(), "params": params})
            }
            Err(error) => json!(format!("{} at {}", error.code(), error.field().unwrap_or_default())),
        }
    }

    #[test]
    fn fields_are_inputs_and_what_remains_parameters() {
        let text = ("prompt", Datatype::Bytes, false);
        let heat = ("temperature", Datatype::Fp32, true);
        let ask =
            json!({"text_input": "hello", "parameters": {"temperature": 0.5, "max_tokens": 4}, "stop": "."});
        assert_eq!(
            told(&[text, heat], ask.clone(), true),
            json!({"inputs": {"prompt": ["hello"], "temperature": [0.5]}, "params": {"max_tokens": 4, "stop": "."}})
        );
        assert_eq!(told(&[text, heat], ask, false), "tensor-unknown at stop");
        assert_eq!(
            told(&[text], json!({"prompt": "hello", "parameters": {"team": "a"}}), false),
            json!({"inputs": {"prompt": ["hello"]}, "params": {}})
        );
        let own = ("text_input", Datatype::Bytes, false);
        assert_eq!(
            told(&[text, own], json!({"text_input": "a", "prompt": "b"}), false)["inputs"],
            json!({"prompt": ["b"], "text_input": ["a"]})
        );
    }

    #[test]
    fn what_means_nothing_is_refused_with_its_place() {
        let text = ("prompt", Datatype::Bytes, false);
        let number = ("count", Datatype::Int64, false);
        assert_eq!(told(&[number], json!({"text_input": "a"}), true), "tensor-unknown at text_input");
        assert_eq!(told(&[text, number], json!({"text_input": "a"}), true), "tensor-missing at count");
        assert_eq!(told(&[text], json!({"text_input": {}}), true), "wrong-type at rows[0].prompt");
        assert_eq!(
            told(&[text], json!({"text_input": "a", "parameters": 4}), true),
            "wrong-type at parameters"
        );
        let other = ("context", Datatype::Bytes, false);
        assert_eq!(told(&[text, other], json!({"text_input": "a"}), true), "tensor-unknown at text_input");
    }

    #[test]
    fn one_text_is_answered_as_such() {
        let tensor =
            |name: &str, elements: Elements| Tensor { name: name.to_owned(), shape: vec![1], elements };
        let outputs = [
            tensor("answer", Elements::Bytes(vec!["hi".to_owned()])),
            tensor("scores", Elements::Fp32(vec![0.5, 0.25])),
        ];
        assert_eq!(Value::Object(written(&outputs)), json!({"text_output": "hi", "scores": [0.5, 0.25]}));
    }
}
