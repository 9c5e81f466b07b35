//! Parting a version's rows by chance: exact shares, the same for the same seed, each class in proportion if asked.

use std::collections::{BTreeMap, HashMap};

use base::Chance;
use kernel::prelude::*;
use ports::table::{Table, cells, urn::Urn};

use super::{
    Dataset, Ordered, version_of,
    written::{self, Source},
};
use crate::dataset_version::{Format, Version};

/// The most classes rows are parted by.
const CLASSES_MAX: usize = 10_000;

/// How to part.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// The number of the version; the latest when not given.
    pub version: Option<u64>,
    /// The parts by name, each with its share of the rows; the shares add up to 1.
    #[field(example = "{\"train\": 0.8, \"test\": 0.2}")]
    pub parts: BTreeMap<String, f64>,
    /// What chance starts from; the same seed gives the same parts.
    #[field(default = 7)]
    pub seed: u64,
    /// A column whose values are to be as frequent in every part as in the whole.
    #[field(max = 500)]
    pub stratify: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Input {
    version: String,
    split: Split,
}

/// Orders the run.
pub async fn order(cx: Cx, it: Object<Dataset>, ask: Split) -> Result<Ordered> {
    if !(2..=20).contains(&ask.parts.len()) {
        return Err(Error::invalid("bad-split", "name from 2 to 20 parts").at("parts"));
    }
    for name in ask.parts.keys() {
        Name::new(format!("{}-{name}", it.name())).map_err(|error| error.at(format!("parts.{name}")))?;
    }
    let sum: f64 = ask.parts.values().sum();
    if ask.parts.values().any(|share| *share <= 0.0) || (sum - 1.0).abs() > 1e-9 {
        return Err(Error::invalid("bad-split", "the shares are above 0 and add up to 1").at("parts"));
    }
    let version = version_of(&cx, &it, ask.version).await?;
    if let Some(column) = &ask.stratify {
        known(&version, column).map_err(|error| error.at("stratify"))?;
    }
    let input = Input { version: version.metadata.name.clone(), split: ask };
    let mut order = Order::new("catalog.split", serde_json::to_value(input).map_err(Error::internal)?);
    order.subject = Some(format!("catalog.dataset-versions/{}", version.name()));
    Ok(Ordered { run: cx.order(order).await?.metadata.name })
}

/// Refuses a column the version does not have.
pub fn known(version: &Object<Version>, column: &str) -> Result<()> {
    let profile = version.status.profile()?;
    if profile.columns.iter().any(|it| it.name == column) {
        return Ok(());
    }
    let names: Vec<&str> = profile.columns.iter().map(|it| it.name.as_str()).collect();
    let shown: String = column.chars().take(60).collect();
    Err(Error::invalid("unknown-column", format!("the data has no column `{shown}`"))
        .hint(format!("its columns are: {}", names.join(", "))))
}

/// The work of parting.
pub fn splitting() -> Workflow {
    Workflow::new("catalog.split").step("split", split)
}

/// Reads the rows once, or twice where classes are counted first, and writes each to its part.
async fn split(step: StepCx) -> Result<Value> {
    let input: Input = step.input()?;
    let version = step.cx.get::<Version>(&input.version).await?;
    let source = Source::of(&step.cx, &version).await?;
    let ask = input.split.clone();
    let watch = step.clone();
    let names: Vec<String> = ask.parts.keys().cloned().collect();
    let made = written::files(
        &step,
        Format::Parquet,
        names.len(),
        Box::new(move |parts, tables| {
            let mut chance = Chance::from(ask.seed);
            let shares: Vec<f64> = ask.parts.values().copied().collect();
            let mut urns = HashMap::new();
            match &ask.stratify {
                None => drop(urns.insert(None, Urn::of(source.profile.rows, &shares))),
                Some(column) => {
                    for (class, rows) in classes((tables, &watch), &source, column)? {
                        urns.insert(class, Urn::of(rows, &shares));
                    }
                }
            }
            let mut counts = vec![0; parts.len()];
            written::scan((tables, &watch), &source, &mut |table| {
                let mut rows = vec![Vec::new(); parts.len()];
                for row in 0..table.rows {
                    let class = ask.stratify.as_ref().and_then(|column| class_of(&table, column, row));
                    let urn =
                        urns.get_mut(&class).ok_or_else(|| Error::internal("rows that were not counted"))?;
                    rows[urn.draw(&mut chance)].push(row);
                }
                for (i, rows) in rows.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
                    counts[i] += rows.len() as u64;
                    parts[i].append(&cells::chosen(&table, rows))?;
                }
                Ok(())
            })?;
            Ok(counts)
        }),
    )
    .await?;
    let recipe = json!({"split": input.split});
    let mut told = BTreeMap::new();
    for (name, (stored, rows)) in names.into_iter().zip(made) {
        if rows == 0 {
            step.line(&format!("part {name} got no row, and no version"));
            continue;
        }
        let dataset = format!("{}-{name}", version.spec.dataset);
        let spec = Version {
            derived_from: Some(Ref::to(version.name())),
            recipe: Some(recipe.clone()),
            ..Version::of_file(&dataset, stored, Format::Parquet, format!("{dataset}.parquet"))
        };
        let made = written::keep(&step, &dataset, spec).await?;
        step.line(&format!("{made}: {rows} rows"));
        told.insert(name, json!({"version": made, "rows": rows}));
    }
    Ok(json!({"parts": told}))
}

/// How many rows each class has.
fn classes(
    how: (&dyn ports::table::Tables, &StepCx),
    source: &Source,
    column: &str,
) -> Result<HashMap<Option<String>, u64>> {
    let mut counts = HashMap::new();
    written::scan(how, source, &mut |table| {
        for row in 0..table.rows {
            *counts.entry(class_of(&table, column, row)).or_default() += 1;
        }
        if counts.len() > CLASSES_MAX {
            return Err(Error::invalid(
                "bad-split",
                format!("column `{column}` has more than {CLASSES_MAX} values"),
            )
            .at("stratify")
            .hint("choose a column of classes"));
        }
        Ok(())
    })?;
    Ok(counts)
}

fn class_of(table: &Table, column: &str, row: usize) -> Option<String> {
    cells::text(table.columns.iter().find(|it| it.name == column)?, row)
}
