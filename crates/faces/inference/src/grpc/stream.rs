//! `ModelStreamInfer`: many questions on one stream, answered one after the other, each by as many messages as its model has
//! parts. What is refused is told in its place.

use std::{collections::HashMap, time::Instant};

use axum::{
    body::Body,
    http::{HeaderMap, Response, request::Parts},
};
use base::{Error, Result};
use bytes::Bytes;
use domain_serving::{Flow, Manner};
use face_web::Web;
use kernel::cx::Cx;
use serde_json::Value;

use super::{
    Asked, context,
    frames::{self, Messages, framed},
    messages::{Choice, ModelInfer, ModelInferred, Streamed},
};
use crate::{count, flowing};

/// By what clients ask for a last, empty message, and by what each message says whether it is the last of its question.
const WANTS_FINAL: &str = "triton_enable_empty_final_response";
const IS_FINAL: &str = "triton_final_response";

/// Answers every question of a stream; who goes away stops the model.
pub async fn answer(web: Web, parts: Parts, messages: Messages) -> Response<Body> {
    let cx = match context(&web, &parts).await {
        Ok(cx) => cx,
        Err(error) => return frames::single(Err(error)),
    };
    let state = Stream { web, headers: parts.headers, messages, cx, current: None, is_cut: false };
    frames::streamed(futures::stream::unfold(state, |mut state| async move {
        let told = state.next().await?;
        Some((told, state))
    }))
}

struct Stream {
    web: Web,
    headers: HeaderMap,
    messages: Messages,
    cx: Cx,
    current: Option<Current>,
    is_cut: bool,
}

/// The question that is being answered.
struct Current {
    asked: Asked,
    flow: Flow,
    began: Instant,
}

impl Stream {
    /// The next message; nothing at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.current.is_none() {
                if self.is_cut {
                    return None;
                }
                let next = self.messages.next::<ModelInfer>().await?;
                self.is_cut = next.is_err();
                if let Err(error) = self.begin(next).await {
                    return Some(refused(&error));
                }
            }
            if let Some(told) = self.part().await {
                return Some(told);
            }
        }
    }

    async fn begin(&mut self, next: Result<ModelInfer>) -> Result<()> {
        let began = Instant::now();
        // A stream may live long; each of its questions has a time of its own.
        self.cx.deadline = Some(self.cx.now().plus_s(self.web.settings.deadline_s));
        let begun = async {
            let mut asked = Asked::read(next?)?;
            let flow = flowing(&self.cx, asked.wanted(&self.headers), Manner::InParts).await?;
            Ok(Current { asked, flow, began })
        };
        let begun: Result<Current> = begun.await;
        if let Err(error) = &begun {
            count(&self.web, "GRPC", error.status().code(), began);
        }
        self.current = Some(begun?);
        Ok(())
    }

    /// The next part of the question at hand; nothing when it is answered.
    async fn part(&mut self) -> Option<Bytes> {
        let mut current = self.current.take()?;
        let counted = |current: &Current, status: u16| count(&self.web, "GRPC", status, current.began);
        match current.flow.next().await {
            Some(Ok(told)) if current.flow.in_parts => {
                let answer = current.asked.answered(told);
                self.current = Some(current);
                Some(written(answer, false))
            }
            Some(Ok(told)) => {
                // The answer is counted before it is given.
                let refused = current.flow.next().await.and_then(Result::err);
                let answer = refused.map_or_else(|| current.asked.answered(told), Err);
                counted(&current, answer.as_ref().map_or_else(|error| error.status().code(), |_| 200));
                Some(written(answer, true))
            }
            Some(Err(error)) => {
                counted(&current, error.status().code());
                Some(refused(&error))
            }
            None => {
                counted(&current, 200);
                let wants_final = current.asked.parameters.get(WANTS_FINAL) == Some(&Value::Bool(true));
                wants_final.then(|| {
                    let (model_name, id) = (current.asked.model.clone(), current.asked.id.clone());
                    let model_version = current.flow.version.to_string();
                    written(Ok(ModelInferred { model_name, model_version, id, ..Default::default() }), true)
                })
            }
        }
    }
}

fn written(answer: Result<ModelInferred>, is_final: bool) -> Bytes {
    match answer {
        Ok(mut answer) => {
            answer.parameters.extend(HashMap::from([(IS_FINAL.to_owned(), Choice::Bool(is_final).into())]));
            framed(&Streamed { infer_response: Some(answer), ..Streamed::default() })
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Bytes {
    face_web::problem::note(error, "");
    framed(&Streamed { error_message: error.message().to_owned(), infer_response: None })
}
