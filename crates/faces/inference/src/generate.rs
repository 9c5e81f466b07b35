//! The generate extension: a text as JSON in, an answer as JSON out, whole or as server-sent events (the HTML standard,
//! section 9.2), one `data:` line a part.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, Response, StatusCode, header, request::Parts},
};
use base::{Error, Result, Uid};
use bytes::Bytes;
use domain_serving::{Answered, Flow, Inputs, Manner, generated};
use face_web::{Web, body};
use futures::stream;
use serde_json::{Map, Value};

use crate::{Wanted, cx, finished, flowing, named, problem_json, respond};

pub async fn whole(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    answered(&web, (&model, None), Manner::Whole, request).await
}

pub async fn whole_of_version(
    web: State<Web>,
    Path((model, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    answered(&web, (&model, Some(&version)), Manner::Whole, request).await
}

pub async fn in_parts(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    answered(&web, (&model, None), Manner::InParts, request).await
}

pub async fn in_parts_of_version(
    web: State<Web>,
    Path((model, version)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    answered(&web, (&model, Some(&version)), Manner::InParts, request).await
}

async fn answered(
    web: &Web,
    model: (&str, Option<&str>),
    manner: Manner,
    request: Request,
) -> Response<Body> {
    let began = Instant::now();
    let (parts, sent) = request.into_parts();
    let told = async {
        let (head, mut flow) = begun(web, model, manner, (&parts, sent)).await?;
        // Nothing is promised before the first part is there: what is refused has a status of its own.
        let first = flow.next().await.transpose()?;
        match manner {
            Manner::Whole => {
                let first = first.ok_or_else(|| Error::internal("the model answered nothing"))?;
                // The answer is counted before it is given.
                flow.next().await.transpose()?;
                let prediction = first.prediction.as_ref().map(Uid::as_str);
                Ok(named(respond(StatusCode::OK, &head.of(&first)), prediction))
            }
            Manner::InParts => Ok(events(head, first, flow)),
        }
    };
    finished(web, "POST", began, told.await)
}

/// What every part of an answer begins with.
struct Head {
    model: String,
    id: Option<String>,
}

impl Head {
    fn of(&self, told: &Answered) -> Value {
        let mut answer = generated(&told.outputs);
        answer.insert("model_name".to_owned(), self.model.clone().into());
        answer.insert("model_version".to_owned(), told.version.to_string().into());
        if let Some(id) = &self.id {
            answer.insert("id".to_owned(), id.clone().into());
        }
        Value::Object(answer)
    }
}

async fn begun(
    web: &Web,
    (model, version): (&str, Option<&str>),
    manner: Manner,
    (parts, sent): (&Parts, Body),
) -> Result<(Head, Flow)> {
    let cx = cx(web, &parts.headers, &parts.extensions).await?;
    let bytes = body::bytes(sent, web.settings.body_max).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::bad_request("body-missing", "send a JSON object as the body"));
    }
    let Value::Object(mut fields) = body::parse(&bytes)? else {
        return Err(Error::invalid("wrong-type", "a request is an object of fields"));
    };
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(_) => return Err(Error::invalid("wrong-type", "an id is a text").at("id")),
    };
    let parameters = match fields.get("parameters") {
        Some(Value::Object(parameters)) => parameters.clone(),
        _ => Map::new(),
    };
    let wanted = Wanted {
        model,
        version,
        inputs: Inputs::Fields(fields),
        outputs: &[],
        parameters: &parameters,
        headers: &parts.headers,
    };
    let flow = flowing(&cx, wanted, manner).await?;
    Ok((Head { model: model.to_owned(), id }, flow))
}

/// Parts as server-sent events; the model stops when the response is dropped.
fn events(head: Head, first: Option<Answered>, flow: Flow) -> Response<Body> {
    let prediction = flow.prediction.clone();
    let state = Some((head, first.map(Ok), flow));
    let told = stream::unfold(state, |state| async move {
        let (head, first, mut flow) = state?;
        let part = match first {
            Some(first) => first,
            None => flow.next().await?,
        };
        let (value, rest) = match part {
            Ok(part) => (head.of(&part), Some((head, None, flow))),
            Err(error) => (problem_json(&error), None),
        };
        let line = Bytes::from(format!("data: {value}\n\n"));
        Some((Ok::<_, std::convert::Infallible>(line), rest))
    });
    let mut response = Response::new(Body::from_stream(told));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    named(response, prediction.as_ref().map(Uid::as_str))
}
