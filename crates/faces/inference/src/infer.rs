//! Inference over REST: tensors as JSON, as bytes behind the JSON (the binary tensor data extension), or both.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, Response, StatusCode, header, request::Parts},
};
use base::{Error, Result};
use bytes::Bytes;
use domain_serving::{Answered, Inputs};
use face_web::{Web, body};
use ports::infer::{Datatype, Tensor, binary, json};
use serde::Deserialize;
use serde_json::{Map, Value, json as object};

use crate::{Wanted, asked, cx, finished, named, respond};

/// How long the JSON in front of the bytes is; of requests and of answers.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
/// The most tensors of a request.
const TENSORS_MAX: usize = 1_000;

pub async fn infer(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    answered(&web, (&model, None), request).await
}

pub async fn infer_of_version(
    web: State<Web>,
    Path((model, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    answered(&web, (&model, Some(&version)), request).await
}

async fn answered(web: &Web, model: (&str, Option<&str>), request: Request) -> Response<Body> {
    let began = Instant::now();
    let (parts, sent) = request.into_parts();
    let response = async {
        let cx = cx(web, &parts.headers, &parts.extensions).await?;
        let bytes = body::bytes(sent, web.settings.body_max).await?;
        let read = Read::of(&parts, &bytes)?;
        let wanted = Wanted {
            model: model.0,
            version: model.1,
            inputs: Inputs::Tensors(read.inputs),
            outputs: &read.outputs,
            parameters: &read.parameters,
            headers: &parts.headers,
        };
        let told = asked(&cx, wanted).await?;
        written(model.0, read.id, told, &read.binary)
    };
    let response = response.await;
    finished(web, "POST", began, response)
}

/// An inference request as it is written.
#[derive(Deserialize)]
struct Request2 {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Map<String, Value>>,
    inputs: Vec<Value>,
    #[serde(default)]
    outputs: Option<Vec<Value>>,
}

/// Which outputs come back as bytes.
struct AsBytes {
    all: bool,
    named: Vec<(String, bool)>,
}

impl AsBytes {
    fn of(&self, name: &str) -> bool {
        self.named.iter().find(|(it, _)| it == name).map_or(self.all, |(_, binary)| *binary)
    }
}

/// A request that was read.
struct Read {
    id: Option<String>,
    parameters: Map<String, Value>,
    inputs: Vec<Tensor>,
    outputs: Vec<String>,
    binary: AsBytes,
}

impl Read {
    fn of(parts: &Parts, sent: &Bytes) -> Result<Self> {
        let (text, mut rest) = parted(parts, sent)?;
        if text.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::bad_request("body-missing", "send an inference request as the body"));
        }
        let written: Request2 = serde_json::from_value(body::parse(text)?).map_err(|error| {
            Error::invalid("bad-tensor", format!("this is no inference request: {error}")).at("inputs")
        })?;
        if written.inputs.is_empty() || written.inputs.len() > TENSORS_MAX {
            return Err(
                Error::invalid("bad-tensor", format!("send from 1 to {TENSORS_MAX} tensors")).at("inputs")
            );
        }
        let mut inputs = Vec::with_capacity(written.inputs.len());
        for (i, value) in written.inputs.into_iter().enumerate() {
            let read = tensor(value, &mut rest).map_err(|error| {
                let at = error
                    .field()
                    .map_or_else(|| format!("inputs[{i}]"), |field| format!("inputs[{i}].{field}"));
                error.at(at)
            });
            inputs.push(read?);
        }
        if !rest.is_empty() {
            let message = format!("{} bytes belong to no tensor", rest.len());
            return Err(Error::invalid("tensor-wrong-shape", message).at("inputs"));
        }
        let parameters = written.parameters.unwrap_or_default();
        let mut binary = AsBytes {
            all: parameters.get("binary_data_output") == Some(&Value::Bool(true)),
            named: Vec::new(),
        };
        let mut outputs = Vec::new();
        for (i, output) in written.outputs.iter().flatten().enumerate() {
            let name = output["name"].as_str().ok_or_else(|| {
                Error::invalid("bad-tensor", "an output has a name").at(format!("outputs[{i}].name"))
            })?;
            if let Some(told) = output["parameters"]["binary_data"].as_bool() {
                binary.named.push((name.to_owned(), told));
            }
            outputs.push(name.to_owned());
        }
        Ok(Self { id: written.id, parameters, inputs, outputs, binary })
    }
}

/// The JSON of a body, and the bytes behind it.
fn parted<'a>(parts: &Parts, sent: &'a Bytes) -> Result<(&'a [u8], &'a [u8])> {
    let Some(told) = parts.headers.get(JSON_LENGTH) else { return Ok((sent, &[])) };
    let length = told.to_str().ok().and_then(|text| text.parse::<usize>().ok());
    length.and_then(|length| sent.split_at_checked(length)).ok_or_else(|| {
        let message =
            format!("`Inference-Header-Content-Length` is no length within the body's {} bytes", sent.len());
        Error::bad_request("bad-binary", message)
            .at("Inference-Header-Content-Length")
            .hint("it is the length of the JSON, and the tensors' bytes follow")
    })
}

/// One tensor: from its JSON, or from the next bytes.
fn tensor(value: Value, rest: &mut &[u8]) -> Result<Tensor> {
    let size = &value["parameters"]["binary_data_size"];
    if size.is_null() {
        return json::read(value);
    }
    #[derive(Deserialize)]
    struct Written {
        name: String,
        shape: Vec<u64>,
        datatype: String,
    }
    let size = size.as_u64().and_then(|size| usize::try_from(size).ok());
    let taken = size.and_then(|size| rest.split_at_checked(size)).ok_or_else(|| {
        Error::bad_request(
            "bad-binary",
            format!("`binary_data_size` is no length within the {} bytes left", rest.len()),
        )
        .at("parameters.binary_data_size")
    })?;
    *rest = taken.1;
    let written: Written = serde_json::from_value(value).map_err(|error| {
        Error::invalid("bad-tensor", format!("this is no tensor: {error}"))
            .hint("a tensor is {\"name\", \"shape\", \"datatype\"} and its bytes")
    })?;
    raw((&written.name, &written.datatype), &written.shape, taken.0)
}

/// A tensor from its raw bytes.
pub fn raw((name, datatype): (&str, &str), shape: &[u64], bytes: &[u8]) -> Result<Tensor> {
    let sizes: Option<Vec<usize>> = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
    let count = sizes
        .as_ref()
        .and_then(|sizes| sizes.iter().try_fold(1_usize, |count, size| count.checked_mul(*size)));
    let (Some(shape), Some(count)) = (sizes, count) else {
        return Err(Error::invalid("tensor-wrong-shape", "the shape is larger than any tensor").at("shape"));
    };
    let elements = binary::read(Datatype::named(datatype)?, bytes, count)?;
    Ok(Tensor { name: name.to_owned(), shape, elements })
}

/// The answer: JSON, with bytes behind it where they were asked for.
fn written(model: &str, id: Option<String>, told: Answered, as_bytes: &AsBytes) -> Result<Response<Body>> {
    let mut bytes = Vec::new();
    let mut outputs = Vec::with_capacity(told.outputs.len());
    let mut is_binary = false;
    let prediction = told.prediction.as_ref().map(ToString::to_string);
    for tensor in told.outputs {
        if !as_bytes.of(&tensor.name) {
            outputs.push(json::written(&tensor)?);
            continue;
        }
        is_binary = true;
        let raw = binary::written(&tensor.elements);
        outputs.push(object!({
            "name": tensor.name,
            "datatype": tensor.elements.datatype(),
            "shape": tensor.shape,
            "parameters": {"binary_data_size": raw.len()},
        }));
        bytes.extend(raw);
    }
    let mut answer = object!({
        "model_name": model,
        "model_version": told.version.to_string(),
        "parameters": {"revision": told.revision},
        "outputs": outputs,
    });
    // Whoever gave the request no name is told that of the logged prediction.
    if let Some(id) = id.or_else(|| prediction.clone()) {
        answer["id"] = id.into();
    }
    if !is_binary {
        return Ok(named(respond(StatusCode::OK, &answer), prediction.as_deref()));
    }
    let text = answer.to_string();
    let length = HeaderValue::from(text.len());
    let mut whole = text.into_bytes();
    whole.extend(bytes);
    let mut response = Response::new(Body::from(whole));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(JSON_LENGTH, length);
    Ok(named(response, prediction.as_deref()))
}
