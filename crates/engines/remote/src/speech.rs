//! What a protocol makes of tensors and of answers.

use base::{Error, Result};
use bytes::Bytes;
use hyper::Method;
use ports::infer::{Datatype, Signature, Slot, Tensor, remote::Protocol};
use serde_json::Value;

use crate::{fault::unfit, open_inference, openai, template};

/// One request of several that a question becomes.
#[derive(Debug, PartialEq)]
pub struct Question {
    /// Behind the server's address.
    pub path: String,
    /// The JSON.
    pub body: Value,
}

/// Where a protocol is asked whether all is well, and what the model takes and gives.
pub struct Introduction {
    /// Answers with success while the server is well.
    pub health: String,
    /// Tells of the model, where the protocol does.
    pub model: Option<String>,
}

/// How a model is introduced.
pub fn introduction(protocol: &Protocol, model: &str) -> Introduction {
    match protocol {
        Protocol::OpenInference => open_inference::introduction(model),
        Protocol::Chat | Protocol::Completions | Protocol::Embeddings => openai::introduction(),
        Protocol::Template(_) => Introduction { health: "/".to_owned(), model: None },
    }
}

/// What the model takes and gives: as was said, or as the server tells.
pub fn signature(
    (protocol, name, model): (&Protocol, &str, &str),
    said: Option<Signature>,
    told: Option<&Value>,
) -> Result<Signature> {
    let wrong = |why: &str| Err(unfit(name, why));
    match (protocol, said) {
        (Protocol::OpenInference, said) => {
            let read = |it| open_inference::signature(it).map_err(|why| unfit(name, why));
            match (said, told.map(read).transpose()?) {
                (Some(said), _) => Ok(said),
                (None, Some(told)) if !told.inputs.is_empty() && !told.outputs.is_empty() => Ok(told),
                _ => wrong(
                    "it does not tell what the model takes and gives; say it in the version's `signature`",
                ),
            }
        }
        (Protocol::Template(_), Some(said)) => Ok(said),
        (Protocol::Template(_), None) => {
            wrong("the version has to say what it takes and gives in `signature`")
        }
        (Protocol::Chat | Protocol::Completions | Protocol::Embeddings, _) => {
            if let Some(told) = told
                && !openai::has(told, model)
            {
                return wrong(&format!("it has no model `{model}`"));
            }
            Ok(openai::signature(protocol))
        }
    }
}

/// The requests for some rows; the inputs are those of the signature, in its order.
pub fn questions(protocol: &Protocol, model: &str, inputs: &[Tensor]) -> Result<Vec<Question>> {
    match protocol {
        Protocol::OpenInference => Ok(vec![open_inference::question(model, inputs)]),
        Protocol::Chat | Protocol::Completions | Protocol::Embeddings => {
            openai::questions(protocol, model, inputs)
        }
        Protocol::Template(template) => template::questions(template, model, inputs),
    }
}

/// The tensors in the answers, one for each request, in order.
pub fn tensors(protocol: &Protocol, signature: &Signature, answers: &[Value]) -> Result<Vec<Tensor>, String> {
    match protocol {
        Protocol::OpenInference => open_inference::tensors(answers),
        Protocol::Chat | Protocol::Completions | Protocol::Embeddings => openai::tensors(protocol, answers),
        Protocol::Template(template) => template::tensors(template, signature, answers),
    }
}

/// A slot of one value a row.
pub fn slot(name: &str, datatype: Datatype, optional: bool) -> Slot {
    Slot { name: name.to_owned(), datatype, shape: vec![-1], categories: Vec::new(), optional }
}

/// JSON as the body of a request.
pub fn bytes(body: &Value) -> Bytes {
    Bytes::from(body.to_string())
}

/// How a question is sent.
pub const METHOD: Method = Method::POST;

/// An answer that is no JSON, or not of the form the protocol has.
pub fn garbled(name: &str, why: &str) -> Error {
    Error::unavailable(
        "server-garbled",
        format!("the model's server `{name}` answers what its protocol does not have: {why}"),
    )
}
