//! Predictions one a row: KServe's v1 protocol, and MLflow's invocations in all their formats.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, Response, StatusCode},
};
use base::{Error, Result, Uid};
use domain_serving::{Inputs, plain};
use face_web::{Web, body};
use kernel::{cx::Cx, declare::Body as CallBody, dispatch::Verb};
use serde_json::{Map, Value, json};

use crate::{Wanted, asked, call, cx, finished, models, named, respond};

/// KServe v1: whether a model answers.
pub async fn ready(web: State<Web>, Path(model): Path<String>, headers: HeaderMap) -> Response<Body> {
    let began = Instant::now();
    let told = async {
        let cx = cx(&web, &headers, &axum::http::Extensions::default()).await?;
        models::ready_of(&cx, (&model, None)).await
    };
    finished(&web, "GET", began, told.await.map(|told| respond(StatusCode::OK, &told)))
}

/// KServe v1: `…/models/{name}:predict` and `:explain`.
pub async fn predict(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let told = async {
        let (name, verb) = model.rsplit_once(':').unwrap_or((&model, ""));
        let (parts, sent) = request.into_parts();
        let cx = cx(&web, &parts.headers, &parts.extensions).await?;
        let ask = body::json(sent, web.settings.body_max).await?.unwrap_or_default();
        match verb {
            "predict" => {
                let inputs = instances(&ask)?;
                predicted(&cx, (name, inputs), &ask, &parts.headers).await
            }
            "explain" => {
                let rows = ask.get("instances").cloned().unwrap_or_default();
                let body = CallBody::Json(json!({"rows": rows}));
                let told = call(cx, Verb::Act("explain".to_owned()), Some(name), body).await?;
                let answer =
                    json!({"explanations": told["explanations"], "predictions": told["predictions"]});
                Ok(named(respond(StatusCode::OK, &answer), told["predictionId"].as_str()))
            }
            _ => Err(Error::not_found("no-such-operation", "a model has `:predict` and `:explain` here")),
        }
    };
    finished(&web, "POST", began, told.await)
}

/// MLflow: one address an endpoint.
pub async fn invocations(web: State<Web>, Path(model): Path<String>, request: Request) -> Response<Body> {
    let began = Instant::now();
    let told = async {
        let (parts, sent) = request.into_parts();
        let cx = cx(&web, &parts.headers, &parts.extensions).await?;
        let bytes = body::bytes(sent, web.settings.body_max).await?;
        let media = body::media(&parts.headers);
        let (ask, inputs) = match media.as_str() {
            "text/csv" => (Value::Null, csv_rows(&bytes)?),
            "application/json" | "" => {
                let ask = body::parse(&bytes)?;
                let inputs = frame(&ask)?;
                (ask, inputs)
            }
            other => {
                let message = format!("`{}` is not read here", other.chars().take(60).collect::<String>());
                return Err(Error::new(base::Status::UnsupportedMedia, "unsupported-media", message)
                    .hint("send `application/json` or `text/csv`"));
            }
        };
        predicted(&cx, (&model, inputs), &ask, &parts.headers).await
    };
    finished(&web, "POST", began, told.await)
}

async fn predicted(
    cx: &Cx,
    (model, inputs): (&str, Inputs),
    ask: &Value,
    headers: &HeaderMap,
) -> Result<Response<Body>> {
    let none = Map::new();
    // MLflow calls them `params`.
    let parameters = ask.get("parameters").or(ask.get("params")).and_then(Value::as_object).unwrap_or(&none);
    let rows = inputs.rows();
    let wanted = Wanted { model, version: None, inputs, outputs: &[], parameters, headers };
    let told = asked(cx, wanted).await?;
    let answer = json!({"predictions": plain(&told.outputs, rows)});
    Ok(named(respond(StatusCode::OK, &answer), told.prediction.as_ref().map(Uid::as_str)))
}

fn wrong(field: &str, message: &str) -> Error {
    Error::invalid("wrong-type", message).at(field)
}

/// `instances` (a list of rows), or `inputs` (columns, or a list of rows).
fn instances(ask: &Value) -> Result<Inputs> {
    match (&ask["instances"], &ask["inputs"]) {
        (Value::Array(rows), Value::Null) if !rows.is_empty() => Ok(Inputs::Instances(rows.clone())),
        (Value::Null, Value::Array(rows)) if !rows.is_empty() => Ok(Inputs::Instances(rows.clone())),
        (Value::Null, Value::Object(columns)) => Ok(Inputs::Columns(columns.clone())),
        (Value::Null, Value::Null) => {
            Err(wrong("instances", "send a list of rows as `instances`, or `inputs`"))
        }
        _ => Err(wrong("instances", "send either `instances`, a list of rows, or `inputs`, and not nothing")),
    }
}

/// One of MLflow's formats.
fn frame(ask: &Value) -> Result<Inputs> {
    const FORMATS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];
    let named: Vec<&str> = FORMATS.into_iter().filter(|name| ask.get(*name).is_some()).collect();
    match named.as_slice() {
        ["dataframe_split"] => split(&ask["dataframe_split"]),
        ["dataframe_records"] => match ask["dataframe_records"].as_array() {
            Some(rows) if rows.iter().all(Value::is_object) && !rows.is_empty() => {
                Ok(Inputs::Instances(rows.clone()))
            }
            _ => Err(wrong("dataframe_records", "send a list of objects of columns")),
        },
        [_] => instances(ask),
        _ => Err(wrong(
            "dataframe_split",
            "send exactly one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`",
        )),
    }
}

/// pandas' orientation `split`: names of columns, and rows of values.
fn split(frame: &Value) -> Result<Inputs> {
    let bad = || wrong("dataframe_split", "send {\"columns\": [...], \"data\": [[...], ...]}");
    let rows = frame["data"].as_array().filter(|rows| !rows.is_empty()).ok_or_else(bad)?;
    let Some(columns) = frame["columns"].as_array() else { return Ok(Inputs::Instances(rows.clone())) };
    let names: Option<Vec<&str>> = columns.iter().map(Value::as_str).collect();
    let names = names.ok_or_else(bad)?;
    let row = |(i, row): (usize, &Value)| {
        let cells = row.as_array().filter(|cells| cells.len() == names.len()).ok_or_else(|| {
            wrong(&format!("dataframe_split.data[{i}]"), &format!("a row has {} values", names.len()))
        })?;
        let pairs = names.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), cell.clone()));
        Ok(Value::Object(pairs.collect()))
    };
    Ok(Inputs::Instances(rows.iter().enumerate().map(row).collect::<Result<_>>()?))
}

/// A table with a header; what is empty is missing.
fn csv_rows(bytes: &[u8]) -> Result<Inputs> {
    let bad = |error: csv::Error| Error::invalid("bad-csv", format!("this is no CSV: {error}")).at("body");
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let names = reader.headers().map_err(bad)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        let cell = |text: &str| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
        let pairs = names.iter().zip(&record).map(|(name, text)| (name.to_owned(), cell(text)));
        rows.push(Value::Object(pairs.collect()));
    }
    if rows.is_empty() {
        return Err(Error::invalid("bad-csv", "the table has no rows").at("body"));
    }
    Ok(Inputs::Instances(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(inputs: Result<Inputs>) -> Value {
        match inputs {
            Ok(Inputs::Instances(rows)) => Value::Array(rows),
            Ok(Inputs::Columns(columns)) => Value::Object(columns),
            Ok(Inputs::Tensors(_) | Inputs::Fields(_)) => Value::Null,
            Err(error) => json!(format!("{} at {}", error.code(), error.field().unwrap_or_default())),
        }
    }

    #[test]
    fn every_format_of_mlflow_is_read() {
        let two = json!([{"a": 1, "b": "x"}, {"a": 2, "b": null}]);
        let split = json!({"dataframe_split": {"index": [0, 1], "columns": ["a", "b"], "data": [[1, "x"], [2, null]]}});
        assert_eq!(rows(frame(&split)), two);
        assert_eq!(rows(frame(&json!({"dataframe_records": two}))), two);
        assert_eq!(rows(frame(&json!({"instances": [[1], [2]]}))), json!([[1], [2]]));
        assert_eq!(rows(frame(&json!({"inputs": {"a": [1, 2]}}))), json!({"a": [1, 2]}));
        assert_eq!(rows(frame(&json!({"inputs": [[1]]}))), json!([[1]]));
        assert_eq!(rows(csv_rows(b"a,b\n1,x\n2,\n")), json!([{"a": "1", "b": "x"}, {"a": "2", "b": null}]));
    }

    #[test]
    fn what_is_no_format_is_refused_with_its_place() {
        for (ask, told) in [
            (json!({}), "wrong-type at dataframe_split"),
            (json!({"instances": [1], "inputs": [1]}), "wrong-type at dataframe_split"),
            (json!({"instances": []}), "wrong-type at instances"),
            (json!({"instances": 7}), "wrong-type at instances"),
            (json!({"dataframe_records": [7]}), "wrong-type at dataframe_records"),
            (
                json!({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}),
                "wrong-type at dataframe_split.data[0]",
            ),
            (json!({"dataframe_split": {"columns": [1], "data": [[1]]}}), "wrong-type at dataframe_split"),
        ] {
            assert_eq!(rows(frame(&ask)), json!(told), "{ask}");
        }
        assert_eq!(rows(csv_rows(b"a,b\n1\n")), json!("bad-csv at body"));
        assert_eq!(rows(csv_rows(b"a,b\n")), json!("bad-csv at body"));
    }
}
