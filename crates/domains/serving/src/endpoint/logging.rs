//! The log of what an endpoint was asked and answered: which requests are sampled into it, and reading it.

use std::sync::{Arc, atomic::Ordering};

use base::Chance;
use bytes::Bytes;
use futures::stream;
use kernel::{journal, journal::Change, prelude::*};
use ports::{
    infer::{Explanation, Tensor},
    requestlog::{self, Entry, Policy, RequestLog, Span, Truth},
    table::Table,
};

use super::{Endpoint, Picked};
use crate::{live::Serving, predict};

/// Adds what is served of the log.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.download(
        "predictions",
        "Requests that were sampled, and what they were answered; `follow=true` stays for what comes.",
        predictions,
    )
    .view("log-extent", "How much of requests and of feedback is kept.", extent)
    .needs("get")
    .action(
        "feedback",
        "Tells what turned out to be true of predicted rows; twice is as good as once.",
        feedback,
    )
}

/// Which requests are kept, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// The share of requests that is kept.
    #[field(min = 0, max = 1, default = 1)]
    pub rate: f64,
    /// The share of the kept ones that is explained, too; beside the answer, which does not wait for it.
    #[field(min = 0, max = 1, default = 0)]
    pub explain_rate: f64,
    /// Columns that are never written, of inputs and outputs.
    #[field(max = 1000)]
    #[serde(default)]
    pub redact: Vec<String>,
    /// For how many days rows are kept.
    #[field(min = 1, max = 3650, default = 30)]
    pub days: u32,
    /// How many mebibytes they may have; the oldest go first.
    #[field(min = 1, max = 1048576, default = 1024)]
    pub megabytes: u32,
}

impl Logging {
    fn policy(&self) -> Policy {
        Policy { redact: self.redact.clone(), days: self.days, bytes: u64::from(self.megabytes) << 20 }
    }
}

/// What of an endpoint's requests is kept, ready to be asked on the way of every request.
pub struct Sampling {
    kept: u64,
    explained: u64,
    salt: u64,
    policy: Arc<Policy>,
}

/// A request that is kept.
pub struct Sampled {
    /// What its prediction is called.
    pub id: Uid,
    is_explained: bool,
}

impl Sampling {
    /// The settings of an endpoint; the salt makes every plan choose other requests.
    pub fn new(logging: &Logging, salt: u64) -> Self {
        // A share of one is all of them, whatever is drawn.
        let threshold = |share: f64| if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
        Self {
            kept: threshold(logging.rate),
            explained: threshold(logging.explain_rate),
            salt,
            policy: Arc::new(logging.policy()),
        }
    }

    /// Whether the request of a turn is kept: drawn from its number, so that nothing is locked.
    pub fn sampled(&self, cx: &Cx, turn: u64) -> Option<Sampled> {
        let mut chance = Chance::from(self.salt ^ turn);
        let mut is = |share: u64| chance.bits() < share || share == u64::MAX;
        let is_kept = is(self.kept);
        is_kept.then(|| Sampled { id: cx.uid("prd"), is_explained: is(self.explained) })
    }
}

/// A request that was answered.
pub struct Done<'a> {
    /// What it was asked for.
    pub inputs: Vec<Tensor>,
    /// What it was answered.
    pub outputs: &'a [Tensor],
    /// Why, where that was asked.
    pub explanations: Vec<Explanation>,
    /// When it came.
    pub began: Time,
}

/// Hands a request over to the log, and does not wait for it.
pub fn keep(cx: &Cx, picked: &Picked, done: Done<'_>) -> Result<()> {
    let (Some(sampled), Some(sampling)) = (&picked.sampled, &picked.plan.sampling) else { return Ok(()) };
    let (log, serving) = (cx.port::<dyn RequestLog>()?, cx.port::<Serving>()?);
    let target = picked.target();
    let entry = Entry {
        endpoint: picked.plan.endpoint.clone(),
        id: sampled.id.clone(),
        at: done.began,
        caller: cx.principal.actor(),
        version: target.loaded.number,
        revision: target.number,
        seconds: cx.now().seconds_since(done.began),
        inputs: done.inputs,
        outputs: done.outputs.to_vec(),
        classes: Arc::clone(&target.loaded.classes),
        explanations: done.explanations,
        policy: Arc::clone(&sampling.policy),
    };
    let series = Arc::clone(&target.series);
    let offer = move |entry: Entry| {
        let counted = if log.offer(entry) { &series.logged } else { &series.log_dropped };
        counted.fetch_add(1, Ordering::Relaxed);
    };
    // There is no queue of requests to be explained: who finds no place is kept without a reason.
    let wanted = sampled.is_explained && entry.explanations.is_empty();
    let place = if wanted { Arc::clone(&serving.explains).try_acquire_owned().ok() } else { None };
    let Some(place) = place else {
        offer(entry);
        return Ok(());
    };
    let (cx, loaded) = (cx.clone(), Arc::clone(&target.loaded));
    tokio::spawn(async move {
        let explanations = match predict::reasons(&cx, &loaded, entry.inputs.clone()).await {
            Ok(explanations) => explanations,
            Err(error) => {
                tracing::debug!(?error, "a sampled request was not explained");
                Vec::new()
            }
        };
        offer(Entry { explanations, ..entry });
        drop(place);
    });
    Ok(())
}

/// What of the log.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Look {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 200)]
    limit: u32,
    /// Those asked for not before this moment.
    since: Option<Time>,
    /// Those asked for before this moment.
    until: Option<Time>,
    /// The rows of this one, as its answer named it.
    #[field(max = 100)]
    prediction: Option<String>,
    /// Those of a version.
    version: Option<u64>,
    /// Those of a revision.
    revision: Option<u64>,
    /// Those one caller asked for, such as `user:ada`.
    #[field(max = 300)]
    caller: Option<String>,
    /// Those with this label.
    #[field(max = 500)]
    label: Option<String>,
    /// Those that are explained.
    #[field(default = false)]
    explained: bool,
    /// Where to go on: the `nextPageToken` of the page before.
    #[field(max = 100)]
    page_token: Option<String>,
    /// Stay for those that come, one a line.
    #[field(default = false)]
    follow: bool,
}

impl Look {
    fn fits(&self, row: &Value) -> bool {
        let is = |name: &str, wanted: Option<u64>| wanted.is_none_or(|it| row[name].as_u64() == Some(it));
        let says = |value: &Value, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|it| value.as_str() == Some(it.as_str()))
        };
        is("version", self.version)
            && is("revision", self.revision)
            && says(&row["id"], &self.prediction)
            && says(&row["caller"], &self.caller)
            && says(&row["outputs"]["label"], &self.label)
            && (!self.explained || row.get("contributions").is_some())
    }
}

async fn predictions(cx: Cx, it: Object<Endpoint>, ask: Look) -> Result<Output> {
    if ask.follow { follow(cx, it, ask).await } else { page(&cx, &it, ask).await.map(Output::Json) }
}

/// A page of rows, newest first.
async fn page(cx: &Cx, it: &Object<Endpoint>, ask: Look) -> Result<Value> {
    let before = match &ask.page_token {
        None => None,
        Some(token) => Some(token.parse().map_err(|_| {
            Error::bad_request("bad-page-token", "this token is none of a page before").at("pageToken")
        })?),
    };
    let span = Span { since: ask.since, until: ask.until, before, newest_first: true, ..Span::default() };
    let limit = ask.limit as usize;
    let mut items = read(cx, it, span, limit + 1, ask).await?;
    let mut metadata = json!({});
    if items.len() > limit {
        items.truncate(limit);
        metadata["nextPageToken"] = items.last().map_or(Value::Null, |row| row["number"].to_string().into());
    }
    let truths = truths(cx, it).await?;
    for row in &mut items {
        let key = (row["id"].as_str().unwrap_or_default().to_owned(), row["row"].as_u64().unwrap_or(0));
        if let Some(truth) = truths.get(&key) {
            row["truth"] = truth.clone();
        }
    }
    Ok(json!({"metadata": metadata, "items": items}))
}

async fn truths(cx: &Cx, it: &Object<Endpoint>) -> Result<Arc<requestlog::Truths>> {
    let (log, uid) = (cx.port::<dyn RequestLog>()?, it.metadata.uid.clone());
    cx.blocking(move || log.truths(&uid)).await
}

/// Rows of a span that fit, in its order.
async fn read(cx: &Cx, it: &Object<Endpoint>, span: Span, limit: usize, ask: Look) -> Result<Vec<Value>> {
    let (log, uid) = (cx.port::<dyn RequestLog>()?, it.metadata.uid.clone());
    cx.blocking(move || {
        let mut items = Vec::new();
        log.scan(&uid, span, &mut |table: Table| {
            let row = |at: usize| {
                let at = if span.newest_first { table.rows - 1 - at } else { at };
                requestlog::shown(&table, at)
            };
            let left = limit - items.len();
            items.extend((0..table.rows).map(row).filter(|row| ask.fits(row)).take(left));
            Ok(items.len() < limit)
        })?;
        Ok(items)
    })
    .await
}

/// How often is looked for new rows.
const LOOK: std::time::Duration = std::time::Duration::from_millis(250);
/// For how long a log is followed.
const FOLLOW_S: i64 = 3_600;
/// Rows that are sent at once.
const PIECE: usize = 1_000;

/// Rows as they come, one a line; at first those since the moment asked for, else none.
async fn follow(cx: Cx, it: Object<Endpoint>, ask: Look) -> Result<Output> {
    let after = match ask.since {
        Some(_) => None,
        None => extent_of(&cx, &it).await?.next.checked_sub(1),
    };
    let until = cx.now().plus_s(FOLLOW_S);
    let lines = stream::unfold(Some(after), move |state| {
        let (cx, it, ask) = (cx.clone(), it.clone(), ask.clone());
        async move {
            let after = state?;
            loop {
                let span = Span { since: ask.since, until: ask.until, after, ..Span::default() };
                let rows = match read(&cx, &it, span, PIECE, ask.clone()).await {
                    Ok(rows) => rows,
                    Err(error) => return Some((Err(error), None)),
                };
                if let Some(last) = rows.last() {
                    let next = last["number"].as_u64();
                    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
                    return Some((Ok(Bytes::from(text)), Some(next)));
                }
                if cx.now() > until {
                    return None;
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    });
    Ok(Output::Bytes { media: "application/jsonl".to_owned(), filename: None, bytes: Box::pin(lines) })
}

async fn extent_of(cx: &Cx, it: &Object<Endpoint>) -> Result<requestlog::Extent> {
    let (log, uid) = (cx.port::<dyn RequestLog>()?, it.metadata.uid.clone());
    cx.blocking(move || log.extent(&uid)).await
}

async fn extent(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let extent = extent_of(&cx, &it).await?;
    Ok(json!({
        "rows": extent.rows,
        "bytes": extent.bytes,
        "files": extent.files,
        "oldest": extent.oldest,
        "newest": extent.newest,
        "feedback": extent.truths,
    }))
}

/// What is told of one row.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Told {
    /// The prediction, as its answer named it.
    #[field(max = 100)]
    id: String,
    /// The place of the row in it, from 0.
    #[field(default = 0)]
    row: u64,
    /// What turned out to be true: the class, or the number.
    truth: Value,
}

/// What is told: of one row, or of many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Feedback {
    /// The prediction, as its answer named it.
    #[field(max = 100)]
    id: Option<String>,
    /// The place of the row in it, from 0.
    #[field(default = 0)]
    row: u64,
    /// What turned out to be true: the class, or the number.
    truth: Option<Value>,
    /// The same of many rows.
    #[field(max = 10000)]
    #[serde(default)]
    items: Vec<Told>,
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Taken {
    /// Rows told of for the first time.
    accepted: u64,
    /// Rows told of before, and the same.
    repeated: u64,
    /// Rows told of otherwise before; the last word counts.
    changed: u64,
    /// How many rows are not in the log.
    missing: u64,
    /// The first hundred of these, as `id/row`.
    unknown: Vec<String>,
}

/// Takes what turned out to be true.
async fn feedback(cx: Cx, it: Object<Endpoint>, ask: Feedback) -> Result<Taken> {
    let mut told = ask.items;
    match (ask.id, ask.truth) {
        (Some(id), Some(truth)) => told.push(Told { id, row: ask.row, truth }),
        (None, None) if !told.is_empty() => {}
        _ => {
            return Err(Error::invalid(
                "missing-field",
                "tell `id` and `truth`, or a list of them as `items`",
            )
            .at("id"));
        }
    }
    let single = |value: &Value| match value {
        Value::String(text) => !text.is_empty() && text.len() <= 500,
        Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    };
    if let Some(at) = told.iter().position(|it| !single(&it.truth)) {
        let field = if told.len() == 1 { "truth".to_owned() } else { format!("items[{at}].truth") };
        return Err(Error::invalid("wrong-type", "the truth is a class or a number").at(field));
    }
    let truths: Vec<Truth> =
        told.into_iter().map(|it| Truth { id: it.id, row: it.row, value: it.truth }).collect();
    let (log, uid) = (cx.port::<dyn RequestLog>()?, it.metadata.uid.clone());
    let mut heard = cx.blocking(move || log.hear(&uid, &truths)).await?;
    let missing = heard.unknown.len() as u64;
    heard.unknown.truncate(100);
    Ok(Taken {
        accepted: heard.accepted,
        repeated: heard.repeated,
        changed: heard.changed,
        missing,
        unknown: heard.unknown,
    })
}

/// Lets go of what is too old or too much: what is done again and again.
pub async fn trim(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<Endpoint>().await? {
        let Some(logging) = it.spec.logging else { continue };
        let (log, uid, now) = (cx.port::<dyn RequestLog>()?, it.metadata.uid, cx.now());
        let gone = cx.blocking(move || log.trim(&uid, &logging.policy(), now)).await?;
        if gone > 0 {
            tracing::debug!(rows = gone, "logged requests were let go");
        }
    }
    Ok(())
}

/// Lets go of the log of an endpoint that is gone for good.
pub async fn forget(cx: Cx, change: Change) -> Result<()> {
    if change.verb != journal::PURGE {
        return Ok(());
    }
    let log = cx.port::<dyn RequestLog>()?;
    cx.blocking(move || log.forget(&change.uid)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_requests_is_drawn_and_all_and_none_are_exact() {
        let drawn = |rate: f64| {
            let logging = Logging { rate, explain_rate: 0.0, redact: Vec::new(), days: 1, megabytes: 1 };
            let sampling = Sampling::new(&logging, 42);
            let is = |turn: &u64| {
                sampling.kept == u64::MAX || Chance::from(sampling.salt ^ turn).bits() < sampling.kept
            };
            (0..100_000_u64).filter(is).count()
        };
        assert_eq!((drawn(0.0), drawn(1.0)), (0, 100_000));
        assert!((9_700..10_300).contains(&drawn(0.1)), "{}", drawn(0.1));
    }
}
