//! The port on top of the tables: searches over columns, histories out of blocks.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base::{Digest, Error, Result, Uid};
use ports::{
    Later,
    tracking::{
        Batch, Field, Found, Measured, Metric, POINTS_MAX, Page, Piece, Points, RUNS_MAX, Run,
        SAMPLE_RUNS_MAX, Sample, Search, Series, Tracking,
        file::{Artifacts, ENTRIES_MAX, Entry, File, Place},
    },
};

use crate::{
    block::{self, Point},
    disk::{Disk, Part},
    doc::Doc,
    export,
    ledger::Task,
    page::{self, Row},
    table::Table,
};

/// Records read at once to fill columns.
const RECORDS: u32 = 2_000;
/// How often a search whose columns were thrown out for another one's tries again.
const TRIES: u32 = 5;
/// The most steps of a sample.
const SAMPLE_POINTS_MAX: u32 = 10_000;

type Held = Arc<Mutex<Table>>;

/// What is logged to runs.
pub struct Engine {
    pub(crate) disk: Box<dyn Disk>,
    tables: Mutex<HashMap<i64, (Held, u64)>>,
    columns_bytes: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    pub(crate) fn new(disk: Box<dyn Disk>, columns_bytes: usize) -> Self {
        Self { disk, tables: Mutex::default(), columns_bytes }
    }

    /// Bytes of columns in memory.
    pub fn columns_bytes(&self) -> usize {
        let tables: Vec<Held> = locked(&self.tables).values().map(|(held, _)| Arc::clone(held)).collect();
        tables.iter().map(|held| locked(held).bytes()).sum()
    }

    fn table(&self, experiment: i64) -> Held {
        let mut tables = locked(&self.tables);
        let clock = tables.values().map(|(_, used)| *used).max().unwrap_or(0) + 1;
        let (held, used) = tables.entry(experiment).or_default();
        *used = clock;
        Arc::clone(held)
    }

    /// Forgets columns, the least lately used first, until they fit in the memory they may have.
    /// What the last search needs stays, whatever it takes.
    fn shrink(&self) {
        while self.columns_bytes() > self.columns_bytes {
            let mut tables = locked(&self.tables);
            let newest = tables.values().map(|(_, used)| *used).max();
            let oldest = tables.iter().min_by_key(|(_, (_, used))| *used);
            let Some((experiment, held, used)) =
                oldest.map(|(at, (held, used))| (*at, Arc::clone(held), *used))
            else {
                return;
            };
            if Some(used) != newest {
                tables.remove(&experiment);
                continue;
            }
            drop(tables);
            if !locked(&held).shrink() {
                return;
            }
        }
    }

    /// Brings the columns of an experiment up to date.
    async fn follow(&self, experiment: i64, held: &Held, fields: &[Field]) -> Result<()> {
        let (missing, mut after) = {
            let mut table = locked(held);
            let missing = table.prepare(fields);
            (missing, if missing { (0, 0) } else { table.seen })
        };
        loop {
            let records = self.disk.changed(experiment, after, RECORDS).await?;
            let Some(last) = records.last() else { break };
            after = (last.change, last.number);
            let mut table = locked(held);
            for record in &records {
                table.take(record)?;
            }
            table.seen = table.seen.max(after);
            if records.len() < RECORDS as usize {
                break;
            }
        }
        if missing {
            locked(held).ready(fields);
        }
        Ok(())
    }

    async fn first(&self, experiment: i64, ask: &Arc<Search>, after: Option<&Row>) -> Result<Vec<Row>> {
        let fields: Vec<Field> = (ask.conditions.iter().map(|it| &it.field))
            .chain(ask.order.iter().map(|it| &it.field))
            .cloned()
            .collect();
        for _ in 0..TRIES {
            let held = self.table(experiment);
            self.follow(experiment, &held, &fields).await?;
            let (ask, fields, after) = (Arc::clone(ask), fields.clone(), after.cloned());
            let look = move || {
                let table = locked(&held);
                table.has(&fields).then(|| page::first(&table, experiment, &ask, after.as_ref()))
            };
            if let Some(rows) = tokio::task::spawn_blocking(look).await.map_err(Error::internal)? {
                return Ok(rows);
            }
        }
        Err(Error::unavailable("search-crowded", "more is searched for at once than fits in memory")
            .hint("try again, or give the columns of searches more memory")
            .retry_after(1))
    }

    async fn page(&self, ask: Search) -> Result<Page> {
        let ask = Arc::new(Search { limit: ask.limit.clamp(1, RUNS_MAX), ..ask });
        let after = page::row_of(&ask)?;
        let mut rows = Vec::new();
        let experiments: BTreeSet<&Uid> = ask.experiments.iter().collect();
        for id in experiments {
            if let Some(experiment) = self.disk.experiment(&ask.org, id).await? {
                rows.extend(self.first(experiment, &ask, after.as_ref()).await?);
            }
        }
        self.shrink();
        rows.sort_by(|a, b| a.compare(b, &ask.order));
        let more = rows.len() > ask.limit as usize;
        rows.truncate(ask.limit as usize);
        let next = rows.last().filter(|_| more).map(|row| page::token(&ask, row));
        let docs = self.disk.docs(rows.iter().map(|row| row.number).collect()).await?;
        let docs = docs.iter().filter(|doc| !doc.is_empty());
        let runs = docs.map(|doc| Ok(Doc::decode(doc)?.found())).collect::<Result<_>>()?;
        Ok(Page { runs, next })
    }

    async fn points(&self, org: &str, series: Series<'_>) -> Result<Vec<Point>> {
        let Some((run, _)) = self.disk.doc(org, series.run).await? else { return Ok(Vec::new()) };
        let blocks = self.disk.blocks(run, series.key).await?;
        let decode = move || {
            let mut points = Vec::new();
            for block in &blocks {
                block::decode(block, &mut points)?;
            }
            block::settle(&mut points);
            Ok(points)
        };
        tokio::task::spawn_blocking(decode).await.map_err(Error::internal)?
    }

    async fn part(&self, org: &str, series: Series<'_>, after: Option<&str>, limit: u32) -> Result<Points> {
        let from: usize = after.map_or(Ok(0), |after| after.parse().map_err(|_| page::bad_token()))?;
        let limit = limit.clamp(1, POINTS_MAX) as usize;
        let points = self.points(org, series).await?;
        let next = (points.len() > from.saturating_add(limit)).then(|| (from + limit).to_string());
        let points = points.into_iter().skip(from).take(limit).map(|point| point.metric(series.key));
        Ok(Points { points: points.collect(), next })
    }

    async fn sample(&self, org: &str, ask: Sample) -> Result<Vec<(Uid, Vec<Metric>)>> {
        let wanted = ask.points.clamp(1, SAMPLE_POINTS_MAX) as usize;
        let mut found = Vec::new();
        for run in ask.runs.iter().take(SAMPLE_RUNS_MAX) {
            let mut points = self.points(org, Series { run, key: &ask.key }).await?;
            let (from, to) = (ask.from.unwrap_or(i64::MIN), ask.to.unwrap_or(i64::MAX));
            points.retain(|point| (from..=to).contains(&point.step));
            points.sort_by_key(|point| point.step);
            let chosen: Vec<Metric> =
                places(points.len(), wanted).map(|at| points[at].clone().metric(&ask.key)).collect();
            if !chosen.is_empty() {
                found.push((run.clone(), chosen));
            }
        }
        Ok(found)
    }
}

/// Which of so many points: the first of each of `wanted` parts that are as long as each other but for one point (the
/// longer ones first, as `NTILE` of SQL cuts them), and the last point in place of the last part's first.
fn places(points: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let parts = wanted.min(points);
    let (length, longer) = points.checked_div(parts).map_or((0, 0), |length| (length, points % parts));
    (0..parts).map(move |part| match part + 1 == parts {
        true => points - 1,
        false => part * length + part.min(longer),
    })
}

impl Tracking for Engine {
    fn put<'a>(&'a self, run: Run) -> Later<'a, ()> {
        Box::pin(async move { self.disk.write(Task::Put(run)).await.map(drop) })
    }

    fn log<'a>(&'a self, org: &'a str, run: &'a Uid, batch: Batch) -> Later<'a, ()> {
        let task = Task::Log(org.to_owned(), run.clone(), Box::new(batch));
        Box::pin(async move { self.disk.write(task).await.map(drop) })
    }

    fn run<'a>(&'a self, org: &'a str, id: &'a Uid) -> Later<'a, Option<Found>> {
        Box::pin(async move {
            let doc = self.disk.doc(org, id).await?.filter(|(_, doc)| !doc.is_empty());
            doc.map(|(_, doc)| Ok(Doc::decode(&doc)?.found())).transpose()
        })
    }

    fn search<'a>(&'a self, ask: Search) -> Later<'a, Page> {
        Box::pin(self.page(ask))
    }

    fn history<'a>(
        &'a self,
        org: &'a str,
        series: Series<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Later<'a, Points> {
        Box::pin(self.part(org, series, after, limit))
    }

    fn sampled<'a>(&'a self, org: &'a str, ask: Sample) -> Later<'a, Vec<(Uid, Vec<Metric>)>> {
        Box::pin(self.sample(org, ask))
    }

    fn measured<'a>(&'a self, org: &'a str, models: &'a [String]) -> Later<'a, Vec<Measured>> {
        Box::pin(async move {
            let mut found = Vec::new();
            for doc in self.disk.measuring(org, models).await?.iter().filter(|doc| !doc.is_empty()) {
                let doc = Doc::decode(doc)?;
                let wanted = |metric: &Metric| metric.model.as_ref().is_some_and(|it| models.contains(it));
                let metrics = doc.measured.into_iter().filter(wanted);
                found.extend(metrics.map(|metric| Measured { run: doc.run.id.clone(), metric }));
            }
            found.sort_by(|a, b| place_of(a).cmp(&place_of(b)));
            Ok(found)
        })
    }

    fn forget<'a>(&'a self, org: &'a str, run: &'a Uid) -> Later<'a, ()> {
        let task = Task::Forget(org.to_owned(), run.clone());
        Box::pin(async move { self.disk.write(task).await.map(drop) })
    }

    fn export<'a>(&'a self, after: Option<String>) -> Later<'a, (Vec<Piece>, Option<String>)> {
        Box::pin(export::part(&*self.disk, after))
    }

    fn import<'a>(&'a self, pieces: Vec<Piece>) -> Later<'a, ()> {
        Box::pin(async move { self.disk.write(Task::Import(pieces)).await.map(drop) })
    }
}

fn place_of(it: &Measured) -> (Option<&String>, &Uid, Option<&ports::tracking::Data>, &String) {
    (it.metric.model.as_ref(), &it.run, it.metric.data.as_ref(), &it.metric.key)
}

fn part(org: &str, place: Place<'_>, after: &str, limit: u32) -> Part {
    let (tree, path) = (place.tree.clone(), place.path.to_owned());
    Part { org: org.to_owned(), tree, path, after: after.to_owned(), limit: limit.clamp(1, ENTRIES_MAX) }
}

impl Artifacts for Engine {
    fn place<'a>(&'a self, org: &'a str, files: Vec<File>) -> Later<'a, ()> {
        Box::pin(async move { self.disk.write(Task::Place(org.to_owned(), files)).await.map(drop) })
    }

    fn entries<'a>(
        &'a self,
        org: &'a str,
        directory: Place<'a>,
        after: &'a str,
        limit: u32,
    ) -> Later<'a, Vec<Entry>> {
        self.disk.entries(part(org, directory, after, limit))
    }

    fn files<'a>(
        &'a self,
        org: &'a str,
        under: Place<'a>,
        after: &'a str,
        limit: u32,
    ) -> Later<'a, Vec<File>> {
        self.disk.files(part(org, under, after, limit))
    }

    fn file<'a>(&'a self, org: &'a str, at: Place<'a>) -> Later<'a, Option<File>> {
        Box::pin(async move {
            let found = self.disk.files(part(org, at, "", 1)).await?;
            Ok(found.into_iter().find(|file| file.path == at.path))
        })
    }

    fn remove<'a>(&'a self, org: &'a str, at: Place<'a>) -> Later<'a, u64> {
        self.disk.write(Task::Remove(org.to_owned(), at.tree.clone(), at.path.to_owned()))
    }

    fn blobs<'a>(&'a self, after: Option<Digest>, limit: u32) -> Later<'a, Vec<Digest>> {
        self.disk.blobs(after, limit)
    }
}
