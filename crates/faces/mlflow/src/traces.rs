//! Traces: what MLflow's tracing and any OpenTelemetry exporter tell, kept behind the port `Traces`.
//!
//! A trace belongs to an experiment: whoever may look at the experiment may look at its traces, and whoever may change
//! it may add to them.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State as Extracted},
    http::{HeaderMap, HeaderValue, Response, header},
};
use base::Digest;
use face_web::body;
use kernel::cx::Cx;
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, resource::v1::Resource};
use ports::tracking::trace::{Edit, End, Spans, State, TRACES_MAX, Trace, Traces, Which};
use serde_json::{Map, Value, json};

use crate::{
    Asked, BODY_MAX, Shared,
    ask::Ask,
    checks, experiments,
    fault::{Fault, Result},
    nothing,
    objects::{self, EXPERIMENTS},
    otlp, runs,
    traces::prices::Prices,
    written,
};

mod assess;
mod conventions;
mod info;
mod links;
mod measure;
mod prices;
mod query;
mod span;

/// The tag that says where spans are.
const SPANS_LOCATION: &str = "mlflow.trace.spansLocation";
/// The tag that says where older clients put spans.
const ARTIFACTS: &str = "mlflow.artifactLocation";
/// Tags that are the platform's own.
const OWN_TAGS: [&str; 3] = [SPANS_LOCATION, "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure"];

/// Answers what is asked of traces.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (asked.version, method, &path[1..]) {
        (3, "POST", []) => begin(cx, ask).await?,
        (2, "POST", []) => begin_v2(cx, ask).await?,
        (2, "GET", []) => search_v2(cx, ask).await?,
        (_, "POST", ["search"]) => search(cx, ask).await?,
        (_, "GET", ["get"]) => whole(cx, ask).await?,
        (_, "GET", ["batchGet"]) => batch(cx, ask, true).await?,
        (_, "POST", ["batchGetInfos"]) => batch(cx, ask, false).await?,
        (_, "POST", ["delete-traces"]) => delete(cx, ask).await?,
        (_, "POST", ["link-to-run"]) => links::to_run(cx, ask).await?,
        (_, "POST", ["link-prompts"]) => links::to_prompts(cx, ask).await?,
        (_, "POST", ["metrics"]) => measure::answer(cx, ask).await?,
        (_, "POST", ["calculate-filter-correlation"]) => query::correlation(cx, ask).await?,
        (2, "PATCH", [id]) => end_v2(cx, ask, id).await?,
        (2, "GET", [id, "info"]) => json!({"trace_info": info::shown_v2(&one(cx, id, "get").await?)}),
        (3, "GET", [id]) => json!({"trace": {"trace_info": info::shown(&one(cx, id, "get").await?)}}),
        (_, "PATCH", [id, "tags"]) => tag(cx, ask, id).await?,
        (_, "DELETE", [id, "tags"]) => untag(cx, ask, id).await?,
        (3, _, [id, "assessments", rest @ ..]) => return assess::answer(asked, id, rest).await,
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The experiment of a trace, if the caller may.
async fn may(cx: &Cx, trace: &Trace, verb: &str) -> Result<bool> {
    let Some(experiment) = objects::whole(cx, EXPERIMENTS, trace.experiment.as_str()).await? else {
        return Ok(false);
    };
    objects::may(cx, EXPERIMENTS, verb, &experiment.metadata.name).await?;
    Ok(true)
}

/// The file MLflow's pages fetch a trace's spans as.
pub async fn as_file(cx: &Cx, id: &str) -> Result<String> {
    let trace = one(cx, id, "get").await?;
    let spans = cx.port::<dyn Traces>()?.spans(&cx.org, &trace.id).await?;
    let spans: Vec<&str> = spans.iter().map(|span| span.body.as_str()).collect();
    Ok(format!("{{\"spans\": [{}]}}", spans.join(", ")))
}

/// Where what is attached to a trace lies.
pub async fn attachments(cx: &Cx, id: &str) -> Result<String> {
    let trace = one(cx, id, "get").await?;
    let place = trace.tags.get(ARTIFACTS).ok_or_else(|| missing(id))?;
    Ok(format!("{place}/attachments"))
}

/// A trace by its identifier, if the caller may.
async fn one(cx: &Cx, id: &str, verb: &str) -> Result<Trace> {
    let found = cx.port::<dyn Traces>()?.traces(&cx.org, &[id.to_owned()]).await?.pop();
    match found {
        Some(trace) if may(cx, &trace, verb).await? => Ok(trace),
        Some(_) => Err(missing(id)),
        None => {
            // Whoever may not look at any is not told that this one is not there.
            objects::may(cx, EXPERIMENTS, verb, "").await?;
            Err(missing(id))
        }
    }
}

fn missing(id: &str) -> Fault {
    let shown: String = id.chars().take(80).collect();
    Fault::missing(format!("Trace with ID '{shown}' not found."))
}

/// Refuses to add to traces that are there already and out of the caller's reach.
async fn reachable(cx: &Cx, ids: &[String]) -> Result<()> {
    for trace in cx.port::<dyn Traces>()?.traces(&cx.org, ids).await? {
        if !may(cx, &trace, "update").await? {
            return Err(Fault::exists(format!("there is a trace `{}` already", trace.id)));
        }
    }
    Ok(())
}

fn artifacts(experiment: &kernel::object::Raw, id: &str) -> (String, String) {
    (ARTIFACTS.to_owned(), format!("{}/traces/{id}/artifacts", experiments::place(experiment)))
}

async fn begin(cx: &Cx, ask: &Ask) -> Result<Value> {
    let told = ask.raw("trace").and_then(|trace| trace.get("trace_info")).cloned();
    let told = told.ok_or_else(|| Fault::invalid("Missing value for required parameter 'trace'."))?;
    let told = Ask::of_item(told, "trace_info")?;
    let experiment = experiments::active(cx, &info::experiment_of(&told)?, "update").await?;
    let mut trace = info::told(cx, &told, &experiment.metadata.uid)?;
    reachable(cx, std::slice::from_ref(&trace.id)).await?;
    trace.tags.extend([artifacts(&experiment, &trace.id)]);
    let trace = cx.port::<dyn Traces>()?.begin(trace).await?;
    Ok(json!({"trace": {"trace_info": info::shown(&trace)}}))
}

async fn begin_v2(cx: &Cx, ask: &Ask) -> Result<Value> {
    let experiment = experiments::active(cx, ask.required("experiment_id")?, "update").await?;
    let id = Digest::of(cx.uid("tr").as_str().as_bytes()).to_string()[..32].to_owned();
    let mut trace = Trace::new(cx.org.to_string(), experiment.metadata.uid.clone(), id);
    trace.state = State::InProgress;
    trace.began_ms = ask.whole("timestamp_ms")?.unwrap_or_else(|| cx.now().millis());
    trace.metadata = info::pairs_v2(ask, "request_metadata")?;
    trace.tags = info::pairs_v2(ask, "tags")?;
    trace.tags.extend([artifacts(&experiment, &trace.id)]);
    let trace = cx.port::<dyn Traces>()?.begin(trace).await?;
    Ok(json!({"trace_info": info::shown_v2(&trace)}))
}

async fn end_v2(cx: &Cx, ask: &Ask, id: &str) -> Result<Value> {
    let it = one(cx, id, "update").await?;
    let end = End {
        at_ms: ask.whole("timestamp_ms")?.unwrap_or_else(|| cx.now().millis()),
        state: ask.raw("status").map(info::state).transpose()?.unwrap_or_default(),
        tags: info::pairs_v2(ask, "tags")?,
        metadata: info::pairs_v2(ask, "request_metadata")?,
    };
    let trace = cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, Edit::End(Box::new(end))).await?;
    Ok(json!({"trace_info": info::shown_v2(&trace)}))
}

async fn search(cx: &Cx, ask: &Ask) -> Result<Value> {
    let locations = ask.items("locations")?;
    if locations.is_empty() {
        ask.required("locations")?;
    }
    let id = |it: &Ask| {
        let told = it.raw("mlflow_experiment").and_then(|it| it.get("experiment_id")).and_then(Value::as_str);
        told.map(str::to_owned)
    };
    let page = query::page(cx, ask, locations.iter().filter_map(id).collect()).await?;
    Ok(shown_page(&page.traces, page.next, info::shown))
}

async fn search_v2(cx: &Cx, ask: &Ask) -> Result<Value> {
    let ids = ask.texts("experiment_ids")?;
    if ids.is_empty() {
        ask.required("experiment_ids")?;
    }
    let page = query::page(cx, ask, ids).await?;
    Ok(shown_page(&page.traces, page.next, info::shown_v2))
}

fn shown_page(traces: &[Trace], next: Option<String>, shown: impl Fn(&Trace) -> Value) -> Value {
    let mut answer = Map::new();
    if !traces.is_empty() {
        answer.insert("traces".to_owned(), traces.iter().map(shown).collect());
    }
    answer.extend(next.map(|next| ("next_page_token".to_owned(), next.into())));
    answer.into()
}

/// A trace with its spans; nothing while they are not all there, unless a part will do.
async fn with_spans(cx: &Cx, trace: &Trace, partial: bool) -> Result<Option<Value>> {
    let spans = cx.port::<dyn Traces>()?.spans(&cx.org, &trace.id).await?;
    let stats = trace.metadata.get("mlflow.trace.sizeStats").and_then(|text| serde_json::from_str(text).ok());
    let expected = stats.and_then(|stats: Value| stats["num_spans"].as_u64()).unwrap_or(1);
    if !partial && (spans.len() as u64) < expected {
        return Ok(None);
    }
    let mut shown = json!({"trace_info": info::shown(trace)});
    if !spans.is_empty() {
        shown["spans"] = spans.iter().map(span::shown).collect();
    }
    Ok(Some(shown))
}

async fn whole(cx: &Cx, ask: &Ask) -> Result<Value> {
    let id = ask.required("trace_id")?;
    let trace = one(cx, id, "get").await?;
    let partial = ask.flag("allow_partial")?.unwrap_or(false);
    match with_spans(cx, &trace, partial).await? {
        Some(shown) => Ok(json!({"trace": shown})),
        None => Err(Fault::missing(format!(
            "Trace with ID {id} is not fully exported yet, please try again later."
        ))),
    }
}

async fn batch(cx: &Cx, ask: &Ask, spans: bool) -> Result<Value> {
    let ids = ask.texts("trace_ids")?;
    if ids.is_empty() {
        ask.required("trace_ids")?;
    }
    if ids.len() > TRACES_MAX as usize {
        return Err(Fault::invalid(format!("a request names at most {TRACES_MAX} traces")));
    }
    objects::may(cx, EXPERIMENTS, "list", "").await?;
    let within = ask.raw("experiment_ids").map(|_| ask.texts("experiment_ids")).transpose()?;
    let mut shown = Vec::new();
    for trace in cx.port::<dyn Traces>()?.traces(&cx.org, &ids).await? {
        let is_meant = within.as_ref().is_none_or(|ids| ids.iter().any(|id| id == trace.experiment.as_str()));
        if !is_meant || !may(cx, &trace, "get").await? {
            continue;
        }
        if spans {
            shown.extend(with_spans(cx, &trace, false).await?);
        } else {
            shown.push(info::shown(&trace));
        }
    }
    let field = if spans { "traces" } else { "trace_infos" };
    Ok(if shown.is_empty() { nothing() } else { json!({field: shown}) })
}

async fn delete(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (by_ms, most) = (ask.whole("max_timestamp_millis")?, ask.whole("max_traces")?);
    let ids = ask.texts("request_ids")?;
    let which = match (by_ms, ids.is_empty()) {
        (None, true) => {
            return Err(Fault::invalid("Either `max_timestamp_millis` or `trace_ids` must be specified."));
        }
        (Some(_), false) => {
            return Err(Fault::invalid(
                "Only one of `max_timestamp_millis` and `trace_ids` can be specified.",
            ));
        }
        (None, false) if most.is_some() => {
            return Err(Fault::invalid("`max_traces` can't be specified if `trace_ids` is specified."));
        }
        (None, false) => Which::Named(ids),
        (Some(by_ms), true) => match most.unwrap_or(i64::from(u32::MAX)) {
            most if most <= 0 => {
                return Err(Fault::invalid(format!(
                    "`max_traces` must be a positive integer, received {most}."
                )));
            }
            most => Which::Oldest(by_ms, u32::try_from(most).unwrap_or(u32::MAX)),
        },
    };
    let experiment = experiments::find(cx, ask.required("experiment_id")?, "update").await?;
    let gone = cx.port::<dyn Traces>()?.forget_traces(&cx.org, &experiment.metadata.uid, which).await?;
    // As in the JSON of protocol buffers of this message, a number is there even when it is 0.
    Ok(json!({"traces_deleted": gone}))
}

fn own_tag(key: &str, done: &str) -> Result<()> {
    if OWN_TAGS.contains(&key) && !(done == "deleted" && key == OWN_TAGS[2]) {
        return Err(Fault::invalid(format!("Tag '{key}' is immutable and cannot be {done} on a trace.")));
    }
    Ok(())
}

async fn tag(cx: &Cx, ask: &Ask, id: &str) -> Result<Value> {
    let key = ask.required("key")?;
    own_tag(key, "set")?;
    checks::key(key, "key")?;
    let (key, value) = info::pair(key, ask.text("value")?.unwrap_or_default())?;
    let it = one(cx, id, "update").await?;
    cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, Edit::Tag(key, value)).await?;
    Ok(nothing())
}

async fn untag(cx: &Cx, ask: &Ask, id: &str) -> Result<Value> {
    let key = ask.required("key")?;
    own_tag(key, "deleted")?;
    let it = one(cx, id, "update").await?;
    match cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, Edit::Untag(key.to_owned())).await {
        Err(error) if error.code() == "tag-unknown" => {
            Err(Fault::missing(format!("No trace tag with key '{key}' for trace with ID '{id}'")))
        }
        other => Ok(other.map(|_| nothing())?),
    }
}

/// `POST /v1/traces`: spans by OTLP, as MLflow's client and every OpenTelemetry exporter sends them. The header
/// `x-mlflow-experiment-id` says where they belong.
pub async fn export(Extracted(shared): Extracted<Shared>, request: Request) -> Response<Body> {
    let (parts, http_body) = request.into_parts();
    let media = body::media(&parts.headers);
    let done = async {
        let cx = crate::cx(&shared.web, &parts).await?;
        let bytes = body::bytes(http_body, BODY_MAX).await?;
        let bytes = unpacked(&parts.headers, bytes)?;
        let export = match media.as_str() {
            "application/x-protobuf" => otlp::of_protobuf(&bytes)?,
            "application/json" => otlp::of_json(&bytes)?,
            other => {
                return Err(Fault::bad(format!(
                    "Invalid Content-Type: {other}. Expected: application/x-protobuf or application/json"
                )));
            }
        };
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let experiment = header("x-mlflow-experiment-id")
            .ok_or_else(|| Fault::unprocessable("the header `x-mlflow-experiment-id` is missing"))?;
        keep(&cx, export, experiment, header("x-mlflow-run-id")).await
    };
    match done.await {
        Err(fault) => written(Err(fault)),
        // An empty `ExportTraceServiceResponse`: all was taken.
        Ok(()) => {
            let json = media == "application/json";
            let mut response = Response::new(Body::from(if json { "{}" } else { "" }));
            let media = if json { "application/json" } else { "application/x-protobuf" };
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
            response
        }
    }
}

/// The most bytes a packed request may come to.
const UNPACKED_MAX: u64 = 64 << 20;

fn unpacked(headers: &HeaderMap, bytes: Bytes) -> Result<Vec<u8>> {
    use std::io::Read;
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let mut to = Vec::new();
    let done = match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("identity" | "") => return Ok(bytes.to_vec()),
        Some("gzip") => flate2::read::GzDecoder::new(&bytes[..]).take(UNPACKED_MAX + 1).read_to_end(&mut to),
        Some("deflate") => {
            flate2::read::ZlibDecoder::new(&bytes[..]).take(UNPACKED_MAX + 1).read_to_end(&mut to)
        }
        Some(other) => return Err(Fault::bad(format!("Unsupported Content-Encoding: {other}"))),
    };
    done.map_err(|_| Fault::bad("Failed to decompress the payload"))?;
    if to.len() as u64 > UNPACKED_MAX {
        return Err(Fault::bad(format!("the payload comes to more than {UNPACKED_MAX} bytes")));
    }
    Ok(to)
}

async fn keep(cx: &Cx, export: ExportTraceServiceRequest, experiment: &str, run: Option<&str>) -> Result<()> {
    if export.resource_spans.is_empty() {
        return Err(Fault::bad("Invalid OpenTelemetry format - no spans found"));
    }
    let experiment = experiments::active(cx, experiment, "update").await?;
    let prices = Prices::of(cx, &export).await?;
    let mut told: BTreeMap<String, Spans> = BTreeMap::new();
    for resource in &export.resource_spans {
        let tags = resource_tags(resource.resource.as_ref())?;
        for it in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let id = span::trace_of(it)?;
            let spans = told.entry(id.clone()).or_insert_with(|| Spans {
                org: cx.org.to_string(),
                experiment: experiment.metadata.uid.clone(),
                spans: Vec::new(),
                state: None,
                request: None,
                response: None,
                tags: [artifacts(&experiment, &id), (SPANS_LOCATION.to_owned(), "TRACKING_STORE".to_owned())]
                    .into(),
                metadata: BTreeMap::new(),
                trace: id,
            });
            spans.tags.extend(tags.clone());
            note(spans, span::kept(it, &prices)?)?;
        }
    }
    let ids: Vec<String> = told.keys().cloned().collect();
    reachable(cx, &ids).await?;
    let run = match run {
        Some(run) => Some(runs::find(cx, run, "update").await?),
        None => None,
    };
    let ended: Vec<String> =
        told.values().filter(|it| it.state.is_some()).map(|it| it.trace.clone()).collect();
    cx.port::<dyn Traces>()?.spans_told(told.into_values().collect()).await?;
    if let Some(run) = run {
        links::link(cx, &ended, run.metadata.uid.as_str()).await?;
    }
    Ok(())
}

/// What a resource tells, as tags; OpenTelemetry's and MLflow's own words are left out.
fn resource_tags(resource: Option<&Resource>) -> Result<BTreeMap<String, String>> {
    let Some(resource) = resource else { return Ok(BTreeMap::new()) };
    let mut tags = BTreeMap::new();
    for (key, value) in otlp::plain_map(&resource.attributes) {
        let is_own = key.starts_with("telemetry.sdk.") || key.starts_with("mlflow.");
        if is_own || key.is_empty() || checks::key(&key, "key").is_err() {
            continue;
        }
        let text = match value {
            Value::String(text) => text,
            other => span::spaced(&other),
        };
        tags.extend(info::pair(&key, &text).ok());
    }
    Ok(tags)
}

/// Adds a span, and what it says of its trace.
fn note(told: &mut Spans, it: ports::tracking::trace::Span) -> Result<()> {
    let attributes = span::attributes(&it);
    let plain = |name: &str| {
        let text = attributes.get(name)?.as_str()?;
        match serde_json::from_str(text) {
            Ok(Value::String(text)) => Some(text),
            _ => Some(text.to_owned()),
        }
    };
    let session = plain("session.id").or_else(|| plain("gen_ai.conversation.id"));
    for (key, value) in [("mlflow.trace.session", session), ("mlflow.trace.user", plain("user.id"))] {
        if let Some(value) = value.filter(|_| !told.metadata.contains_key(key)) {
            checks::length(key, &value, checks::KEY_MAX)?;
            told.metadata.insert(key.to_owned(), value);
        }
    }
    if it.parent.is_none() {
        told.state = Some(if it.status == "ERROR" { State::Error } else { State::Ok });
        told.request = span::attribute(&it, span::INPUTS).map(|text| span::preview(&text, "user"));
        told.response = span::attribute(&it, span::OUTPUTS).map(|text| span::preview(&text, "assistant"));
        for key in attributes.keys() {
            let Some(tag) = key.strip_prefix("mlflow.traceTag.") else { continue };
            if let Some(value) = plain(key)
                && checks::key(tag, "key").is_ok()
                && own_tag(tag, "set").is_ok()
            {
                told.tags.extend(info::pair(tag, &value).ok());
            }
        }
    }
    told.spans.push(it);
    Ok(())
}
