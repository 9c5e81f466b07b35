//! Making a version from another by a short list of steps, each over all rows, in one pass.

use std::collections::{BTreeMap, HashSet};

use kernel::prelude::*;
use ports::table::{Column, ColumnProfile, ColumnType, Profile, Table, Values, cells};

use super::{
    Dataset, Ordered,
    contract::Type,
    version_of,
    written::{self, Source},
};
use crate::dataset_version::{Format, Version};

/// The most different rows that `dedupe` remembers.
const DISTINCT_MAX: usize = 50_000_000;

/// What to make.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Transform {
    /// The number of the version; the latest when not given.
    pub version: Option<u64>,
    /// The dataset the result becomes a version of; the same when not given.
    pub into: Option<Name>,
    /// The steps, in order.
    #[field(min = 1, max = 100)]
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The column it is about: of `rename`, `cast`, `filter` and `fill`.
    #[field(max = 500)]
    pub column: Option<String>,
    /// The columns it is about: of `select`, `drop` and `dedupe` (all, when empty).
    #[field(max = 2000)]
    #[serde(default)]
    pub columns: Vec<String>,
    /// The new name, of `rename`.
    #[field(min = 1, max = 500)]
    pub to: Option<String>,
    /// The new type, of `cast`.
    #[serde(rename = "type")]
    pub kind: Option<Type>,
    /// How values are compared, of `filter`.
    pub compare: Option<Compare>,
    /// What they are compared with, or what a missing value becomes.
    pub value: Option<Value>,
    /// What a missing value becomes, of `fill`, where no value is given.
    pub with: Option<With>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Keeps some columns, in the order given.
    Select,
    /// Leaves some columns out.
    Drop,
    /// Gives a column another name.
    Rename,
    /// Gives a column another type; what does not fit becomes missing.
    Cast,
    /// Keeps the rows whose value compares.
    Filter,
    /// Gives missing values a value.
    Fill,
    /// Keeps the first of equal rows.
    Dedupe,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// They are equal.
    Equal,
    /// They differ.
    NotEqual,
    /// The row's is smaller.
    Below,
    /// The row's is smaller or equal.
    AtMost,
    /// The row's is larger.
    Above,
    /// The row's is larger or equal.
    AtLeast,
    /// The row's is one of a list.
    In,
    /// The row has none.
    Missing,
    /// The row has one.
    Present,
}

impl Compare {
    /// The word of those who compare.
    fn plain(self) -> cells::Compare {
        match self {
            Self::Equal => cells::Compare::Equal,
            Self::NotEqual => cells::Compare::NotEqual,
            Self::Below => cells::Compare::Below,
            Self::AtMost => cells::Compare::AtMost,
            Self::Above => cells::Compare::Above,
            Self::AtLeast => cells::Compare::AtLeast,
            Self::In => cells::Compare::In,
            Self::Missing => cells::Compare::Missing,
            Self::Present => cells::Compare::Present,
        }
    }
}

/// What a missing value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum With {
    /// The arithmetic mean of the column's numbers, as profiled.
    Mean,
    /// Their median, as profiled.
    Median,
    /// The most frequent value, as profiled.
    MostFrequent,
}

#[derive(Serialize, Deserialize)]
struct Input {
    version: String,
    transform: Transform,
}

/// Orders the run, if the steps fit the columns.
pub async fn order(cx: Cx, it: Object<Dataset>, ask: Transform) -> Result<Ordered> {
    let version = version_of(&cx, &it, ask.version).await?;
    let profile = version.status.profile()?;
    // The steps are tried on a table without rows: what does not fit is refused before any work.
    let empty = profile.columns.iter().map(|column| Column {
        name: column.name.clone(),
        kind: column.kind,
        values: match column.kind {
            ColumnType::Text => Values::Texts { codes: Vec::new(), distinct: Vec::new() },
            _ => Values::Numbers(Vec::new()),
        },
    });
    let mut table = Table { rows: 0, columns: empty.collect() };
    let mut work = Work::new(&ask.steps, &profile);
    for at in 0..ask.steps.len() {
        table = work.step(at, table).map_err(|error| error.at(format!("steps[{at}]")))?;
    }
    let input = Input { version: version.metadata.name.clone(), transform: ask };
    let mut order = Order::new("catalog.transform", serde_json::to_value(input).map_err(Error::internal)?);
    order.subject = Some(format!("catalog.dataset-versions/{}", version.name()));
    Ok(Ordered { run: cx.order(order).await?.metadata.name })
}

/// The work of transforming.
pub fn transforming() -> Workflow {
    Workflow::new("catalog.transform").step("transform", transform)
}

async fn transform(step: StepCx) -> Result<Value> {
    let input: Input = step.input()?;
    let version = step.cx.get::<Version>(&input.version).await?;
    let source = Source::of(&step.cx, &version).await?;
    let (steps, watch) = (input.transform.steps.clone(), step.clone());
    let work = move |files: &mut [Box<dyn ports::table::Rows>], tables: &dyn ports::table::Tables| {
        let mut work = Work::new(&steps, &source.profile);
        let mut rows = 0;
        written::scan((tables, &watch), &source, &mut |mut table| {
            for at in 0..steps.len() {
                table = work.step(at, table)?;
            }
            if table.rows == 0 {
                return Ok(());
            }
            rows += table.rows as u64;
            files[0].append(&table)
        })?;
        Ok(vec![rows])
    };
    let made = written::files(&step, Format::Parquet, 1, Box::new(work)).await?;
    let Some((stored, rows)) = made.into_iter().next().filter(|(_, rows)| *rows > 0) else {
        return Err(Error::invalid("table-empty", "the steps leave no row"));
    };
    let into = input.transform.into.as_ref().map_or(&*version.spec.dataset, Name::as_str).to_owned();
    let spec = Version {
        derived_from: Some(Ref::to(version.name())),
        recipe: Some(json!({"transform": input.transform.steps})),
        ..Version::of_file(&into, stored, Format::Parquet, format!("{into}.parquet"))
    };
    let made = written::keep(&step, &into, spec).await?;
    step.line(&format!("{made}: {rows} rows"));
    Ok(json!({"version": made, "rows": rows}))
}

/// The steps at work, with what `dedupe` has seen.
struct Work<'a> {
    steps: &'a [Step],
    profile: &'a Profile,
    /// The name each column had in the file, by the name it has now.
    origin: BTreeMap<usize, BTreeMap<String, String>>,
    seen: Vec<HashSet<[u8; 16]>>,
}

impl<'a> Work<'a> {
    fn new(steps: &'a [Step], profile: &'a Profile) -> Self {
        let mut names: BTreeMap<String, String> =
            profile.columns.iter().map(|it| (it.name.clone(), it.name.clone())).collect();
        let mut origin = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            origin.insert(at, names.clone());
            if let (Op::Rename, Some(from), Some(to)) = (step.op, &step.column, &step.to)
                && let Some(first) = names.remove(from)
            {
                names.insert(to.clone(), first);
            }
        }
        Self { steps, profile, origin, seen: vec![HashSet::new(); steps.len()] }
    }

    /// One step over some rows.
    fn step(&mut self, at: usize, mut table: Table) -> Result<Table> {
        let step = &self.steps[at];
        match step.op {
            Op::Select | Op::Drop => {
                let wanted =
                    step.columns.iter().map(|name| place(&table, name)).collect::<Result<Vec<usize>>>()?;
                let kept: Vec<usize> = if step.op == Op::Select {
                    wanted
                } else {
                    (0..table.columns.len()).filter(|at| !wanted.contains(at)).collect()
                };
                if kept.is_empty() {
                    return Err(Error::invalid("missing-field", "no column would be left").at("columns"));
                }
                table.columns = kept.iter().map(|at| table.columns[*at].clone()).collect();
            }
            Op::Rename => {
                let to = given(step.to.as_ref(), "to")?;
                let from = place(&table, given(step.column.as_ref(), "column")?)?;
                if table.columns.iter().enumerate().any(|(i, it)| i != from && it.name == *to) {
                    let message = format!("there is a column `{to}` already");
                    return Err(Error::invalid("table-duplicate-column", message).at("to"));
                }
                table.columns[from].name.clone_from(to);
            }
            Op::Cast => {
                let kind = given(step.kind.as_ref(), "type")?.engine();
                let column = place(&table, given(step.column.as_ref(), "column")?)?;
                table.columns[column] = cells::cast(&table.columns[column], kind);
            }
            Op::Filter => {
                let compare = *given(step.compare.as_ref(), "compare")?;
                let column = place(&table, given(step.column.as_ref(), "column")?)?;
                let fits = cells::fits(&table.columns[column], compare.plain(), step.value.as_ref())?;
                let rows: Vec<usize> = (0..table.rows).filter(|row| fits(*row)).collect();
                drop(fits);
                table = cells::chosen(&table, &rows);
            }
            Op::Fill => {
                let column = place(&table, given(step.column.as_ref(), "column")?)?;
                let value = self.filling(at, &table.columns[column])?;
                cells::fill(&mut table.columns[column], &value)?;
            }
            Op::Dedupe => {
                let columns = match &step.columns[..] {
                    [] => (0..table.columns.len()).collect(),
                    names => names.iter().map(|name| place(&table, name)).collect::<Result<Vec<usize>>>()?,
                };
                let seen = &mut self.seen[at];
                let rows: Vec<usize> = (0..table.rows)
                    .filter(|row| seen.insert(cells::digest(&table, &columns, *row)))
                    .collect();
                if seen.len() > DISTINCT_MAX {
                    let message = format!("more than {DISTINCT_MAX} different rows");
                    return Err(Error::invalid("too-many-rows", message).hint("dedupe by fewer columns"));
                }
                table = cells::chosen(&table, &rows);
            }
        }
        Ok(table)
    }

    /// What a missing value becomes.
    fn filling(&self, at: usize, column: &Column) -> Result<Value> {
        let step = &self.steps[at];
        if let Some(value) = &step.value {
            return Ok(value.clone());
        }
        let origin = self.origin.get(&at).and_then(|names| names.get(&column.name));
        let profiled = origin.and_then(|name| self.profile.columns.iter().find(|it| it.name == *name));
        let with = given(step.with.as_ref(), "value")?;
        let number = |found: Option<f64>| found.map(|found| json!(found));
        let value = match (with, profiled) {
            (With::Mean, Some(it)) if column.kind != ColumnType::Integer => number(it.mean),
            (With::Mean, Some(it)) => number(it.mean.map(f64::round)),
            (With::Median, Some(it)) => number(median(it)),
            (With::MostFrequent, Some(it)) => it.top.first().map(|(value, _)| Value::String(value.clone())),
            (_, None) => None,
        };
        value.ok_or_else(|| {
            Error::invalid("no-usable-columns", format!("column `{}` has no such value", column.name))
                .at("with")
                .hint("give a `value`")
        })
    }
}

fn median(column: &ColumnProfile) -> Option<f64> {
    column.deciles.get(5).copied()
}

fn given<'a, T>(value: Option<&'a T>, field: &str) -> Result<&'a T> {
    value.ok_or_else(|| Error::invalid("missing-field", format!("this step needs `{field}`")).at(field))
}

fn place(table: &Table, name: &str) -> Result<usize> {
    table.columns.iter().position(|column| column.name == name).ok_or_else(|| {
        let names: Vec<&str> = table.columns.iter().map(|it| it.name.as_str()).collect();
        let shown: String = name.chars().take(60).collect();
        Error::invalid("unknown-column", format!("there is no column `{shown}` at this step"))
            .at("column")
            .hint(format!("the columns are: {}", names.join(", ")))
    })
}
