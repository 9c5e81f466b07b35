//! The work of a batch prediction: parts are predicted and kept, then put together as a version of a dataset.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use asking::{Predicted, Row};
use base::Quiet;
use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc, executor::block_on, join};
use kernel::{
    access::Principal,
    declare::Body,
    dispatch::{self, Answer, Call, Verb},
    prelude::*,
};
use ports::table::{Column, ColumnProfile, ColumnType, Format, Profile, Table, Tables, Values, cells};

use super::{BatchPrediction, DATASET_VERSIONS, DATASETS, Part, Source};
use crate::sight::{self, Watched};

/// Rows of a part, about.
const PART_ROWS: usize = 20_000;
/// Bytes that are handed on at once.
const PIECE: usize = 1 << 20;

/// The work of predicting.
pub fn predicting() -> Workflow {
    Workflow::new("catalog.batch-predict")
        .step("prepare", prepare)
        .step("predict", predict)
        .step("write", write)
}

#[derive(Deserialize)]
struct Input {
    batch: String,
}

/// Waits until the version can be asked: one that is code may need an environment first.
async fn prepare(step: StepCx) -> Result<Value> {
    let it = step.cx.get::<BatchPrediction>(&step.input::<Input>()?.batch).await?;
    let version = version_of(&it)?.to_string();
    asking::prepare(&step, it, &version, |status| &mut status.preparing).await
}

fn version_of(it: &Object<BatchPrediction>) -> Result<&Ref> {
    it.spec.model_version.as_ref().ok_or_else(|| Error::internal("no version was resolved"))
}

/// Predicts part by part; those that a try before this one has predicted are passed over.
async fn predict(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let it = cx.get::<BatchPrediction>(&step.input::<Input>()?.batch).await?;
    let raw = cx.read(DATASET_VERSIONS, &it.spec.dataset_version).await?;
    let (source, profile) = (raw.spec_as::<Source>()?, profile(raw.status.get("profile"))?);
    let watched = model(cx, &it).await?;
    let path = cx.platform().blobs.local(source.blob).await?;
    let (tables, rows) = (cx.port::<dyn Tables>()?, profile.rows);
    let skip = it.status.done;
    let (mut told, heard) = mpsc::channel::<Table>(1);
    let watch = step.clone();
    let reading = cx.blocking(move || {
        let mut seen = 0;
        tables.scan((source.format, &path), &profile, &Quiet(watch), &mut |table| {
            let begins = seen;
            seen += table.rows as u64;
            if seen <= skip {
                return Ok(());
            }
            let from = skip.saturating_sub(begins) as usize;
            let rest: Vec<usize> = (from..table.rows).collect();
            let table = if from == 0 { table } else { cells::chosen(&table, &rest) };
            // Whoever no longer listens has failed, and says so.
            block_on(told.send(table)).map_err(|_| Error::internal("nobody predicts any more"))
        })
    });
    let predicting = async {
        // It goes when predicting ends, so that the reader does not wait for ever where that failed.
        let mut heard = heard;
        let (mut done, mut waiting) = (skip, Vec::new());
        while let Some(table) = heard.next().await {
            waiting.push(table);
            if waiting.iter().map(|it| it.rows).sum::<usize>() >= PART_ROWS {
                done += part(&step, &it, &watched, std::mem::take(&mut waiting)).await?;
                step.progress(done, rows, "predicting rows");
            }
        }
        if !waiting.is_empty() {
            done += part(&step, &it, &watched, waiting).await?;
        }
        step.progress(done, rows, "predicted all rows");
        Ok::<u64, Error>(done)
    };
    let (read, done) = join!(reading, predicting);
    let done = done?;
    read?;
    step.line(&format!("{done} rows predicted with {}", watched.version));
    Ok(json!({"rows": done}))
}

/// The version that predicts, as what is watched.
async fn model(cx: &Cx, it: &Object<BatchPrediction>) -> Result<Watched> {
    sight::of_version(cx, version_of(it)?).await
}

fn profile(told: Option<&Value>) -> Result<Profile> {
    serde_json::from_value(told.cloned().unwrap_or_default()).map_err(Error::internal)
}

/// Predicts some rows and keeps them with their predictions; answers how many.
async fn part(
    step: &StepCx,
    it: &Object<BatchPrediction>,
    watched: &Watched,
    tables: Vec<Table>,
) -> Result<u64> {
    step.check()?;
    let cx = &step.cx;
    let (engine, file) = (cx.port::<dyn Tables>()?, Shared::default());
    let mut written = engine.begin(Format::Parquet, Box::new(file.clone()));
    let mut count = 0;
    for mut table in tables {
        let names = || table.columns.iter().map(|it| it.name.as_str());
        let shown: Vec<&Column> =
            table.columns.iter().filter(|it| watched.known.takes(&it.name, names())).collect();
        let row = |at: usize| shown.iter().map(|it| (it.name.clone(), cells::value(it, at))).collect();
        let rows: Vec<Row> = (0..table.rows).map(row).collect();
        let predictions = watched.known.predicted(cx, &watched.version, &rows).await?;
        table.columns.extend(columns(watched, &predictions));
        count += table.rows as u64;
        let appended = cx.blocking(move || {
            written.append(&table)?;
            Ok(written)
        });
        written = appended.await?;
    }
    cx.blocking(move || written.finish()).await?;
    let stored = cx.platform().blobs.put(file.take()).await?;
    cx.update_status::<BatchPrediction>(it.metadata.uid.as_str(), |status| {
        status.parts.push(Part { blob: stored.digest, rows: count });
        status.done = status.parts.iter().map(|it| it.rows).sum();
    })
    .await?;
    Ok(count)
}

/// The columns predictions become.
fn columns(watched: &Watched, predictions: &[Predicted]) -> Vec<Column> {
    let numbers = |name: String, of: &dyn Fn(&Predicted) -> Option<f64>| Column {
        name,
        kind: ColumnType::Number,
        values: Values::Numbers(predictions.iter().map(|it| of(it).unwrap_or(f64::NAN)).collect()),
    };
    if watched.known.classes.is_empty() && predictions.iter().all(|it| it.label.is_none()) {
        return vec![numbers("prediction".to_owned(), &|it| it.prediction)];
    }
    let mut distinct: Vec<String> = Vec::new();
    let codes = predictions.iter().map(|it| {
        let label = it.label.as_ref()?;
        let place = distinct.iter().position(|known| known == label).unwrap_or_else(|| {
            distinct.push(label.clone());
            distinct.len() - 1
        });
        Some(place as u32)
    });
    let codes = codes.collect();
    let label = Column {
        name: "prediction".to_owned(),
        kind: ColumnType::Text,
        values: Values::Texts { codes, distinct },
    };
    let chances = watched
        .known
        .classes
        .iter()
        .map(|class| numbers(format!("probability_{class}"), &|it| it.probabilities.get(class).copied()));
    std::iter::once(label).chain(chances).collect()
}

/// A file in memory: that of a part.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A file that is sent on as it is written.
struct Sent {
    to: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
}

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        if piece.is_empty() {
            return Ok(());
        }
        block_on(self.to.send(piece)).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        // Whoever waits at the other end learns of a failure from the work itself.
        let _ = self.flush();
    }
}

/// Puts the parts together as a version of a dataset.
async fn write(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let it = cx.get::<BatchPrediction>(&step.input::<Input>()?.batch).await?;
    let into = it.spec.into.as_ref().ok_or_else(|| Error::internal("no dataset was resolved"))?.to_string();
    let version = match made_before(cx, &it, &into).await? {
        Some(version) => version,
        None => upload(cx, &it, &into).await?,
    };
    cx.update_status::<BatchPrediction>(it.metadata.uid.as_str(), |status| {
        status.version = Some(version.clone());
    })
    .await?;
    step.line(&format!("{version}: {} rows", it.status.done));
    Ok(json!({"version": version, "rows": it.status.done}))
}

/// The name of the file, by which a version is known again that a try before this one made.
fn filename(it: &Object<BatchPrediction>) -> String {
    format!("{}.parquet", it.metadata.uid)
}

async fn made_before(cx: &Cx, it: &Object<BatchPrediction>, into: &str) -> Result<Option<String>> {
    let filter = format!("spec.dataset = \"{into}\"");
    let all = cx.list_raw(DATASET_VERSIONS, &filter, 1_000).await?;
    let is = |raw: &Raw| raw.spec.get("filename") == Some(&json!(filename(it)));
    Ok(all.into_iter().find(is).map(|raw| raw.metadata.name))
}

async fn upload(cx: &Cx, it: &Object<BatchPrediction>, into: &str) -> Result<String> {
    let inside = cx.platform().cx_of(Principal::system("batch-predictions", &cx.org), &cx.project);
    let call = |verb: Verb, id: Option<&str>, body: Body| -> Result<Call> {
        let mut call = Call {
            kind: inside.platform().kind(DATASETS)?,
            verb,
            id: id.map(str::to_owned),
            parent: None,
            params: std::collections::BTreeMap::new(),
            body,
            if_match: None,
        };
        if id.is_some() {
            call.params.insert("filename".to_owned(), filename(it));
            call.params.insert("derivedFrom".to_owned(), it.spec.dataset_version.to_string());
        }
        Ok(call)
    };
    if matches!(cx.read(DATASETS, into).await, Err(error) if error.code() == "not-found") {
        let description = format!("Predictions of {}.", it.spec.dataset_version);
        let body = json!({"metadata": {"name": into}, "spec": {"description": description}});
        match dispatch::call(inside.clone(), call(Verb::Create, None, Body::Json(body))?).await {
            Err(error) if error.code() == "already-exists" => {}
            other => drop(other?),
        }
    }
    let tables = cx.port::<dyn Tables>()?;
    let mut parts = Vec::new();
    for part in &it.status.parts {
        parts.push(cx.platform().blobs.local(part.blob).await?);
    }
    let (to, from) = mpsc::channel(2);
    let whole = part_profile(cx, it).await?;
    let writing = cx.blocking(move || {
        let mut file = tables.begin(Format::Parquet, Box::new(Sent { to, piece: Vec::new() }));
        for path in parts {
            let table = tables.read(Format::Parquet, &path, &whole, 0..u64::MAX)?;
            file.append(&table)?;
        }
        file.finish()
    });
    let media = "application/vnd.apache.parquet".to_owned();
    let body = Body::Bytes { media, bytes: Box::pin(from.map(Ok)) };
    let sending = dispatch::call(inside.clone(), call(Verb::Act("upload".to_owned()), Some(into), body)?);
    let (written, sent) = join!(writing, sending);
    let sent = sent?;
    written?;
    match sent {
        Answer::Value(told) => Ok(told["version"].as_str().unwrap_or_default().to_owned()),
        _ => Err(Error::internal("an upload answers JSON")),
    }
}

/// What is in the parts: the columns of the source, and those of predictions.
async fn part_profile(cx: &Cx, it: &Object<BatchPrediction>) -> Result<Profile> {
    let raw = cx.read(DATASET_VERSIONS, &it.spec.dataset_version).await?;
    let mut whole = profile(raw.status.get("profile"))?;
    let watched = model(cx, it).await?;
    let first = Predicted { label: watched.known.classes.first().cloned(), ..Default::default() };
    for column in columns(&watched, &[first]) {
        whole.columns.push(ColumnProfile::of(column.name, column.kind, whole.rows));
    }
    Ok(whole)
}
