//! Everything kept, a part at a time: runs with their histories, then traces with their spans, then files.

use base::{Result, Uid};
use ports::tracking::{Batch, Metric, Piece};

use crate::{block, disk::Disk, doc::Doc, page::bad_token};

/// Runs of a part.
const RUNS: u32 = 50;
/// Points of a piece.
const POINTS: usize = 1_000;
/// After so many points a part ends.
const PART: usize = 20_000;
/// Files of a part.
const FILES: u32 = 1_000;

/// Traces of a part; each may have thousands of spans.
const TRACES: u32 = 50;

/// Where an export goes on: behind a run; within it, from a metric and a block on; behind a trace; or behind a file.
enum Place {
    Run(i64),
    Trace(i64),
    Within(i64, usize, usize),
    File([String; 3]),
}

impl Place {
    fn parse(text: Option<String>) -> Option<Self> {
        let Some(text) = text else { return Some(Self::Run(0)) };
        let mut parts = text.split('\u{0}');
        let place = match parts.next()? {
            "run" => Self::Run(parts.next()?.parse().ok()?),
            "within" => Self::Within(
                parts.next()?.parse().ok()?,
                parts.next()?.parse().ok()?,
                parts.next()?.parse().ok()?,
            ),
            "trace" => Self::Trace(parts.next()?.parse().ok()?),
            "file" => Self::File([parts.next()?.into(), parts.next()?.into(), parts.next()?.into()]),
            _ => return None,
        };
        Some(place)
    }

    fn text(&self) -> String {
        match self {
            Self::Run(run) => format!("run\u{0}{run}"),
            Self::Within(run, metric, block) => format!("within\u{0}{run}\u{0}{metric}\u{0}{block}"),
            Self::Trace(trace) => format!("trace\u{0}{trace}"),
            Self::File([org, tree, path]) => format!("file\u{0}{org}\u{0}{tree}\u{0}{path}"),
        }
    }
}

/// A part, and where the next one begins.
pub async fn part(disk: &dyn Disk, after: Option<String>) -> Result<(Vec<Piece>, Option<String>)> {
    let (pieces, next) = match Place::parse(after).ok_or_else(bad_token)? {
        Place::Run(run) => runs(disk, run, None).await?,
        Place::Within(run, metric, block) => runs(disk, run - 1, Some((metric, block))).await?,
        Place::Trace(after) => traces(disk, after).await?,
        Place::File(after) => files(disk, after).await?,
    };
    Ok((pieces, next.map(|place| place.text())))
}

async fn runs(
    disk: &dyn Disk,
    after: i64,
    mut within: Option<(usize, usize)>,
) -> Result<(Vec<Piece>, Option<Place>)> {
    let (mut pieces, mut points, mut last) = (Vec::new(), 0, None);
    for (number, doc) in disk.scan(after, RUNS).await? {
        last = Some(number);
        if doc.is_empty() {
            continue;
        }
        let doc = Doc::decode(&doc)?;
        let (org, run) = (doc.run.org.clone(), doc.run.id.clone());
        let (from, mut block) = within.take().unwrap_or_else(|| {
            pieces.extend(front(&doc));
            (0, 0)
        });
        for (at, latest) in doc.metrics.iter().enumerate().skip(from) {
            let key = &latest.metric.key;
            let blocks = disk.blocks(number, key).await?;
            let mut found = Vec::new();
            while block < blocks.len() && points + found.len() < PART {
                block::decode(&blocks[block], &mut found)?;
                block += 1;
            }
            points += found.len();
            let metrics: Vec<Metric> = found.into_iter().map(|point| point.metric(key)).collect();
            pieces.extend(metrics.chunks(POINTS).map(|part| logged(&org, &run, part)));
            if points >= PART {
                return Ok((pieces, Some(Place::Within(number, at, block))));
            }
            block = 0;
        }
    }
    Ok((pieces, Some(last.map_or(Place::Trace(0), Place::Run))))
}

async fn traces(disk: &dyn Disk, after: i64) -> Result<(Vec<Piece>, Option<Place>)> {
    let (mut pieces, mut last) = (Vec::new(), None);
    for (number, trace) in disk.all_traces(after, TRACES).await? {
        last = Some(number);
        let spans = disk.spans(&trace.org, &trace.id).await?;
        let (org, id) = (trace.org.clone(), trace.id.clone());
        pieces.push(Piece::Trace(Box::new(trace)));
        pieces.extend((!spans.is_empty()).then(|| Piece::Spans(org, id, spans)));
    }
    let next = last.map_or_else(|| Place::File(Default::default()), Place::Trace);
    Ok((pieces, Some(next)))
}

/// A run without its histories.
fn front(doc: &Doc) -> [Piece; 2] {
    let Doc { run, params, tags, inputs, models, outputs, .. } = doc.clone();
    let (org, id) = (run.org.clone(), run.id.clone());
    let batch = Batch { params, tags, inputs, models, outputs, ..Batch::default() };
    [Piece::Run(run), Piece::Logged(org, id, Box::new(batch))]
}

fn logged(org: &str, run: &Uid, metrics: &[Metric]) -> Piece {
    let batch = Batch { metrics: metrics.to_vec(), ..Batch::default() };
    Piece::Logged(org.to_owned(), run.clone(), Box::new(batch))
}

async fn files(disk: &dyn Disk, after: [String; 3]) -> Result<(Vec<Piece>, Option<Place>)> {
    let found = disk.all_files(after, FILES).await?;
    let next =
        found.last().map(|(org, file)| Place::File([org.clone(), file.tree.to_string(), file.path.clone()]));
    Ok((found.into_iter().map(|(org, file)| Piece::File(org, file)).collect(), next))
}
