//! The Open Inference Protocol v2 over gRPC: `inference.GRPCInferenceService`, on the port of everything else.
//!
//! A cancelled call drops the work behind it; a deadline of the caller's (`grpc-timeout`) is held.

use std::{collections::HashMap, time::Instant};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, Response, request::Parts},
};
use base::{Error, Result, Status};
use bytes::Bytes;
use domain_serving::{Answered, Inputs};
use face_web::Web;
use kernel::cx::Cx;
use ports::infer::{Tensor, binary};
use prost::Message;
use serde_json::{Map, Value};

use crate::{Wanted, asked, count, cx, infer::raw, models, repository};

mod contents;
mod frames;
mod messages;
mod stream;

use frames::{Messages, framed};
use messages::{Choice, ModelInfer, ModelInferred, OfModel, Parameter};

/// Answers one call.
pub async fn serve(State(web): State<Web>, Path(method): Path<String>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let mut messages = Messages::of(body, web.settings.body_max);
    if method == "ModelStreamInfer" {
        return stream::answer(web, parts, messages).await;
    }
    let outcome = one(&web, &method, &parts, &mut messages).await;
    count(&web, "GRPC", outcome.as_ref().map_or_else(|error| error.status().code(), |_| 200), began);
    frames::single(outcome)
}

async fn context(web: &Web, parts: &Parts) -> Result<Cx> {
    let mut cx = cx(web, &parts.headers, &parts.extensions).await?;
    if let Some(seconds) = frames::timeout_s(&parts.headers) {
        let micros = cx.now().micros().saturating_add((seconds * 1e6) as i64);
        cx.deadline = cx.deadline.min(Some(base::Time::from_micros(micros)));
    }
    Ok(cx)
}

async fn asked_for<M: Message + Default>(messages: &mut Messages) -> Result<M> {
    let missing = || Error::bad_request("body-missing", "the call came without a message");
    messages.next().await.ok_or_else(missing)?
}

async fn one(web: &Web, method: &str, parts: &Parts, messages: &mut Messages) -> Result<Bytes> {
    match method {
        "ServerLive" => return Ok(framed(&messages::Live { live: true })),
        "ServerReady" => {
            let ready = web.platform.store.ping().await.is_ok();
            return Ok(framed(&messages::Ready { ready }));
        }
        "ServerMetadata" => return Ok(framed(&server())),
        _ => {}
    }
    let cx = context(web, parts).await?;
    match method {
        "ModelInfer" => {
            let ask = asked_for::<ModelInfer>(messages).await?;
            Ok(framed(&inferred(&cx, ask, &parts.headers).await?))
        }
        "ModelReady" => {
            let ask = asked_for::<OfModel>(messages).await?;
            match models::ready_of(&cx, named(&ask)).await {
                Ok(_) => Ok(framed(&messages::Ready { ready: true })),
                Err(error) if error.status() == Status::Unavailable => {
                    Ok(framed(&messages::Ready { ready: false }))
                }
                Err(error) => Err(error),
            }
        }
        "ModelMetadata" => {
            let ask = asked_for::<OfModel>(messages).await?;
            Ok(framed(&metadata(&models::metadata_of(&cx, named(&ask)).await?)))
        }
        "ModelStatistics" => {
            let ask = asked_for::<OfModel>(messages).await?;
            let told = if ask.name.is_empty() {
                models::statistics_everywhere(&cx).await?
            } else {
                models::statistics_of(&cx, named(&ask)).await?
            };
            Ok(framed(&statistics(&told)))
        }
        "RepositoryIndex" => {
            let ask = asked_for::<messages::RepositoryIndex>(messages).await?;
            Ok(framed(&index(&repository::indexed(&cx, ask.ready).await?)))
        }
        "RepositoryModelLoad" => {
            let ask = asked_for::<messages::RepositoryModel>(messages).await?;
            repository::loaded(&cx, &ask.model_name).await.map(|()| framed(&messages::Empty {}))
        }
        "RepositoryModelUnload" => {
            let ask = asked_for::<messages::RepositoryModel>(messages).await?;
            repository::unloaded(&cx, &ask.model_name).await.map(|()| framed(&messages::Empty {}))
        }
        _ => Err(Error::new(
            Status::MethodNotAllowed,
            "no-such-operation",
            "the service has no such method here",
        )),
    }
}

fn named(ask: &OfModel) -> (&str, Option<&str>) {
    (&ask.name, Some(ask.version.as_str()).filter(|version| !version.is_empty()))
}

async fn inferred(cx: &Cx, ask: ModelInfer, headers: &HeaderMap) -> Result<ModelInferred> {
    let mut asked_for = Asked::read(ask)?;
    let told = asked(cx, asked_for.wanted(headers)).await?;
    asked_for.answered(told)
}

/// A question that was read.
struct Asked {
    model: String,
    version: String,
    id: String,
    inputs: Vec<Tensor>,
    outputs: Vec<String>,
    parameters: Map<String, Value>,
    is_raw: bool,
}

impl Asked {
    fn read(ask: ModelInfer) -> Result<Self> {
        let is_raw = !ask.raw_input_contents.is_empty();
        if is_raw && ask.raw_input_contents.len() != ask.inputs.len() {
            let (tensors, contents) = (ask.inputs.len(), ask.raw_input_contents.len());
            let message = format!("{tensors} tensors came with {contents} contents");
            return Err(Error::invalid("bad-tensor", message).at("raw_input_contents"));
        }
        let mut inputs = Vec::with_capacity(ask.inputs.len());
        let mut contents = ask.raw_input_contents.into_iter();
        for (i, tensor) in ask.inputs.into_iter().enumerate() {
            let read = match contents.next() {
                Some(bytes) => unsigned(&tensor.shape)
                    .and_then(|shape| raw((&tensor.name, &tensor.datatype), &shape, &bytes)),
                None => contents::read(tensor),
            };
            inputs.push(read.map_err(|error| error.at(format!("inputs[{i}]")))?);
        }
        if inputs.is_empty() {
            return Err(Error::invalid("bad-tensor", "send at least one tensor").at("inputs"));
        }
        let parameters = ask.parameters.into_iter().filter_map(|(name, value)| Some((name, plain(value)?)));
        Ok(Self {
            model: ask.model_name,
            version: ask.model_version,
            id: ask.id,
            inputs,
            outputs: ask.outputs.into_iter().map(|output| output.name).collect(),
            parameters: parameters.collect(),
            is_raw,
        })
    }

    /// The same as the endpoint is asked, which takes the inputs.
    fn wanted<'a>(&'a mut self, headers: &'a HeaderMap) -> Wanted<'a> {
        Wanted {
            model: &self.model,
            version: Some(self.version.as_str()).filter(|version| !version.is_empty()),
            inputs: Inputs::Tensors(std::mem::take(&mut self.inputs)),
            outputs: &self.outputs,
            parameters: &self.parameters,
            headers,
        }
    }

    /// Answers come as the question did: raw, or in the fields of their types.
    fn answered(&self, told: Answered) -> Result<ModelInferred> {
        let prediction = told.prediction.map(|it| it.to_string());
        // Whoever gave the request no name is told that of the logged prediction.
        let id = if self.id.is_empty() { prediction.clone().unwrap_or_default() } else { self.id.clone() };
        let mut answer = ModelInferred {
            model_name: self.model.clone(),
            model_version: told.version.to_string(),
            id,
            parameters: HashMap::from([("revision".to_owned(), Choice::Int(told.revision as i64).into())]),
            outputs: Vec::with_capacity(told.outputs.len()),
            raw_output_contents: Vec::new(),
        };
        if let Some(prediction) = prediction {
            answer.parameters.insert("prediction_id".to_owned(), Choice::Text(prediction).into());
        }
        for tensor in told.outputs {
            let datatype = tensor.elements.datatype().name().to_owned();
            let shape = tensor.shape.iter().map(|size| *size as i64).collect();
            let contents = if self.is_raw {
                answer.raw_output_contents.push(binary::written(&tensor.elements));
                None
            } else {
                Some(contents::written(tensor.elements)?)
            };
            answer.outputs.push(messages::Tensor { name: tensor.name, datatype, shape, contents });
        }
        Ok(answer)
    }
}

/// A shape, whose sizes are signed on the wire.
fn unsigned(shape: &[i64]) -> Result<Vec<u64>> {
    let sizes = shape.iter().map(|size| u64::try_from(*size)).collect::<Result<Vec<u64>, _>>();
    sizes.map_err(|_| Error::invalid("tensor-wrong-shape", "a size is below 0"))
}

fn plain(parameter: Parameter) -> Option<Value> {
    Some(match parameter.choice? {
        Choice::Bool(value) => value.into(),
        Choice::Int(value) => value.into(),
        Choice::Text(value) => value.into(),
        Choice::Double(value) => value.into(),
        Choice::Unsigned(value) => value.into(),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn server() -> messages::ServerMetadata {
    let told = models::server_metadata();
    messages::ServerMetadata {
        name: text(&told["name"]),
        version: text(&told["version"]),
        extensions: texts(&told["extensions"]),
    }
}

fn metadata(told: &Value) -> messages::ModelMetadata {
    let slots = |name: &str| {
        let slot = |slot: &Value| messages::Slot {
            name: text(&slot["name"]),
            datatype: text(&slot["datatype"]),
            shape: slot["shape"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect(),
        };
        told[name].as_array().into_iter().flatten().map(slot).collect()
    };
    messages::ModelMetadata {
        name: text(&told["name"]),
        versions: texts(&told["versions"]),
        platform: text(&told["platform"]),
        inputs: slots("inputs"),
        outputs: slots("outputs"),
    }
}

fn statistics(told: &Value) -> messages::AllStatistics {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let took =
        |value: &Value| Some(messages::Took { count: number(&value["count"]), ns: number(&value["ns"]) });
    let one = |it: &Value| messages::ModelStatistics {
        name: text(&it["name"]),
        version: text(&it["version"]),
        last_inference: number(&it["last_inference"]),
        inference_count: number(&it["inference_count"]),
        execution_count: number(&it["execution_count"]),
        inference_stats: Some(messages::InferStatistics {
            success: took(&it["inference_stats"]["success"]),
            fail: took(&it["inference_stats"]["fail"]),
            compute_infer: took(&it["inference_stats"]["compute_infer"]),
        }),
    };
    let all = told["model_stats"].as_array().into_iter().flatten().map(one);
    messages::AllStatistics { model_stats: all.collect() }
}

fn index(told: &[Value]) -> messages::Indexed {
    let one = |it: &Value| messages::ModelIndex {
        name: text(&it["name"]),
        version: text(&it["version"]),
        state: text(&it["state"]),
        reason: text(&it["reason"]),
    };
    messages::Indexed { models: told.iter().map(one).collect() }
}
