//! A comparison: models, versions, endpoints or benchmarks side by side, as they were when somebody looked.

use std::collections::BTreeMap;

use asking::Row;
use base::Unwatched;
use kernel::prelude::*;

use crate::{rows::Source, subject};

mod agreement;
pub mod facts;

use agreement::Agreement;
use facts::{Facts, Metric};

/// What comparisons serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Comparison>) -> KindBuilder<Comparison> {
    kind.also_at("system/comparison")
        .without(&["create", "update", "clone", "import"])
        .action_on_all("compare", "Sets things side by side and keeps what was seen.", compare)
        .needs("create")
        .view_of_all(
            "metrics",
            "What things of the project can be compared by, and where it comes from.",
            metrics,
        )
        .needs("list")
        .action_on_all("metrics", "What is known of things, side by side; nothing is kept.", told)
        .needs("list")
}

/// Things side by side, as they were when somebody looked.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "comparison", prefix = "cpr", status = "Status")]
pub struct Comparison {
    /// What stands side by side; differences are from the first.
    #[field(min = 2, max = 20, immutable)]
    pub subjects: Vec<Thing>,
    /// The metrics that are compared; all there are when there are none.
    #[field(max = 100, immutable)]
    pub metrics: Vec<String>,
    /// How many days back answers are counted.
    #[field(min = 1, max = 90, default = 30, immutable)]
    pub days: u32,
    /// The version of a dataset whose rows all of them were asked for.
    #[field(reference = "catalog.dataset-versions", immutable)]
    pub dataset_version: Option<Ref>,
}

/// A model (its version in use), a version, an endpoint or a benchmark.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Thing {
    /// A model: its version in production, else its latest.
    #[field(reference = "catalog.models")]
    pub model: Option<Ref>,
    /// A version of a model.
    #[field(reference = "catalog.model-versions")]
    pub model_version: Option<Ref>,
    /// An endpoint.
    #[field(reference = "catalog.endpoints")]
    pub endpoint: Option<Ref>,
    /// A benchmark.
    #[field(reference = "system.benchmarks")]
    pub benchmark: Option<Ref>,
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What is known of each, in the order they were named.
    pub items: Vec<Facts>,
    /// How they differ, metric by metric.
    pub differences: Vec<Difference>,
    /// How alike each two of them predicted, where rows were given.
    pub agreement: Vec<Agreement>,
    /// How many rows all of them were asked for.
    pub rows: Option<u64>,
    /// When that was.
    pub seen_at: Option<Time>,
}

/// How things differ in one metric.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The metric.
    pub metric: String,
    /// Whether more of it is better; nothing where nobody knows.
    pub more_is_better: Option<bool>,
    /// The values in the order of the things; nothing where it is not known.
    pub values: Vec<Option<f64>>,
    /// How much each is above the first.
    pub from_first: Vec<Option<f64>>,
    /// The same as a share of the first.
    pub relative: Vec<Option<f64>>,
    /// The place of the best, from 0.
    pub best: Option<u64>,
}

/// What to set side by side.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Ask {
    /// What the comparison is called; a fresh name when not given.
    #[field(max = 253)]
    name: Option<Name>,
    /// What stands side by side; differences are from the first.
    #[field(min = 2, max = 20)]
    subjects: Vec<Thing>,
    /// The metrics that are compared; all there are when there are none.
    #[field(max = 100)]
    metrics: Vec<String>,
    /// How many days back answers are counted.
    #[field(min = 1, max = 90, default = 30)]
    days: u32,
    /// Rows that all of them are asked for.
    #[field(max = 1000)]
    rows: Vec<Value>,
    /// The dataset whose rows all of them are asked for, instead.
    #[field(max = 253)]
    dataset: Option<Name>,
    /// The number of its version; the latest when not given.
    dataset_version: Option<u64>,
    /// How many rows are drawn from it at most.
    #[field(min = 1, max = 10000, default = 1000)]
    sample: u32,
    /// What they are drawn by.
    #[field(default = 1)]
    seed: u64,
}

/// A comparison that was made.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Made {
    /// The comparison.
    comparison: String,
    /// What was seen.
    seen: Status,
}

async fn compare(cx: Cx, ask: Ask) -> Result<Made> {
    let items = facts::of_all(&cx, &ask.subjects, ask.days).await?;
    let items: Vec<Facts> = items.into_iter().map(|it| it.only(&ask.metrics)).collect();
    let mut seen = Status { differences: differences(&items), seen_at: Some(cx.now()), ..Status::default() };
    let mut spec =
        Comparison { subjects: ask.subjects, metrics: ask.metrics, days: ask.days, dataset_version: None };
    let rows: Vec<Row> = match &ask.dataset {
        Some(dataset) => {
            let version = subject::data_of(&cx, dataset.as_str(), ask.dataset_version).await?;
            let source = Source::of(&cx, &version).await?;
            spec.dataset_version = Some(Ref::to(version));
            source.sample(&cx, Unwatched, (ask.sample as usize, ask.seed)).await?
        }
        None => ask.rows.iter().enumerate().map(row).collect::<Result<_>>()?,
    };
    if !rows.is_empty() {
        seen.rows = Some(rows.len() as u64);
        seen.agreement = agreement::of_all(&cx, &items, &rows).await?;
    }
    seen.items = items;
    let name = ask.name.map_or_else(|| format!("comparison-{}", subject::tail(&cx)), |name| name.to_string());
    let made = cx.doing("compare").create(Draft::new(name, spec).with_status(seen)).await?;
    Ok(Made { comparison: made.metadata.name, seen: made.status })
}

fn row((at, row): (usize, &Value)) -> Result<Row> {
    let row = row.as_object().cloned();
    row.ok_or_else(|| Error::invalid("wrong-type", "a row is an object of columns").at(format!("rows[{at}]")))
}

/// Of what, by what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The things.
    #[field(min = 1, max = 20)]
    subjects: Vec<Thing>,
    /// The metrics; all there are when there are none.
    #[field(max = 100)]
    metrics: Vec<String>,
    /// How many days back answers are counted.
    #[field(min = 1, max = 90, default = 30)]
    days: u32,
}

/// What is known of things.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Told {
    /// What is known of each, in the order they were named.
    items: Vec<Facts>,
    /// How they differ, metric by metric.
    differences: Vec<Difference>,
}

async fn told(cx: Cx, ask: Which) -> Result<Told> {
    let items = facts::of_all(&cx, &ask.subjects, ask.days).await?;
    let items: Vec<Facts> = items.into_iter().map(|it| it.only(&ask.metrics)).collect();
    Ok(Told { differences: differences(&items), items })
}

/// What can be compared.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Metrics {
    /// The metrics.
    items: Vec<Metric>,
}

async fn metrics(cx: Cx, _: Nothing) -> Result<Metrics> {
    Ok(Metrics { items: facts::metrics(&cx).await? })
}

/// How things differ, metric by metric: those that at least two of them have.
fn differences(items: &[Facts]) -> Vec<Difference> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for name in items.iter().flat_map(|it| it.values.keys()) {
        *names.entry(name).or_default() += 1;
    }
    let shared = names.into_iter().filter(|(_, count)| *count > 1);
    shared.map(|(metric, _)| difference(metric, items)).collect()
}

fn difference(metric: &str, items: &[Facts]) -> Difference {
    let values: Vec<Option<f64>> = items.iter().map(|it| it.values.get(metric).copied()).collect();
    let first = values.first().copied().flatten();
    let from_first: Vec<Option<f64>> = values.iter().map(|value| Some((*value)? - first?)).collect();
    let relative =
        from_first.iter().map(|it| Some((*it)? / first.filter(|first| *first != 0.0)?.abs())).collect();
    let more = facts::more_is_better(metric);
    let known = values.iter().enumerate().filter_map(|(at, value)| Some((at as u64, (*value)?)));
    let best = match more {
        Some(true) => known.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))),
        Some(false) => known.min_by(|a, b| a.1.total_cmp(&b.1)),
        None => None,
    };
    Difference {
        metric: metric.to_owned(),
        more_is_better: more,
        values,
        from_first,
        relative,
        best: best.map(|(at, _)| at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(values: &[(&str, f64)]) -> Facts {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Facts { values, ..Facts::default() }
    }

    #[test]
    fn things_differ_from_the_first_in_what_at_least_two_have() {
        let items = [
            facts(&[("heldOut/accuracy", 0.8), ("benchmark/p95Ms", 4.0)]),
            facts(&[("heldOut/accuracy", 0.9)]),
            facts(&[("benchmark/p95Ms", 3.0), ("live/calls", 1.0)]),
        ];
        let found = differences(&items);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].metric.as_str(), found[0].best), ("benchmark/p95Ms", Some(2)));
        assert_eq!(found[0].relative, [Some(0.0), None, Some(-0.25)]);
        assert_eq!((found[1].more_is_better, found[1].best), (Some(true), Some(1)));
    }
}
