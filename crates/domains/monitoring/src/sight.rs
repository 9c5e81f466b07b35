//! What is seen of an endpoint: rows of its request log over a while, column by column, with what turned out to be true.

use std::collections::BTreeMap;

use asking::{ENDPOINTS, Known, VERSIONS};
use kernel::prelude::*;
use ports::{
    requestlog::{self, RequestLog, Span},
    table::{Table, Values, cells},
};

/// The most rows that are looked at; of more, the newest.
pub const ROWS_MAX: usize = 20_000;

/// Values of one column, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Series {
    /// Numbers; a missing one is no number.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

/// An endpoint and the version it answers with.
pub struct Watched {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: Uid,
    /// The version's name.
    pub version: String,
    /// The version's number.
    pub number: u64,
    /// What the version takes and gives.
    pub known: Known,
}

/// What is read of a version.
#[derive(Deserialize)]
struct Version {
    number: u64,
}

/// An endpoint that answers, or did.
pub async fn watched(cx: &Cx, endpoint: &str) -> Result<Watched> {
    let raw = cx.read(ENDPOINTS, endpoint).await?;
    let it = of_version(cx, asking::serving(&raw)?).await?;
    Ok(Watched { name: raw.metadata.name, uid: raw.metadata.uid, ..it })
}

/// A version that no endpoint need answer with.
pub async fn of_version(cx: &Cx, version: &str) -> Result<Watched> {
    let raw = cx.read(VERSIONS, version).await?;
    Ok(Watched {
        name: version.to_owned(),
        uid: raw.metadata.uid.clone(),
        version: version.to_owned(),
        number: raw.spec_as::<Version>()?.number,
        known: Known::of(cx, &raw).await?,
    })
}

/// Rows that were answered by the version in service.
pub struct Sight {
    /// Since when.
    pub since: Time,
    /// How many rows.
    pub rows: usize,
    /// Columns by their names in the log: `in.NAME`, `out.NAME`.
    pub columns: BTreeMap<String, Series>,
    /// What turned out to be true, one a row.
    pub truths: Vec<Option<Value>>,
}

/// Looks at the last seconds.
pub async fn look(cx: &Cx, it: &Watched, seconds: u32) -> Result<Sight> {
    let since = cx.now().plus_s(-i64::from(seconds));
    let (log, uid, number) = (cx.port::<dyn RequestLog>()?, it.uid.clone(), it.number as f64);
    cx.blocking(move || {
        let mut sight = Sight { since, rows: 0, columns: BTreeMap::new(), truths: Vec::new() };
        let truths = log.truths(&uid)?;
        let span = Span { since: Some(since), newest_first: true, ..Span::default() };
        log.scan(&uid, span, &mut |table: Table| {
            let Some(Values::Numbers(versions)) =
                requestlog::column(&table, "version").map(|column| &column.values)
            else {
                return Ok(true);
            };
            let rows: Vec<usize> = (0..table.rows).rev().filter(|row| versions[*row] == number).collect();
            let rows = &rows[..rows.len().min(ROWS_MAX - sight.rows)];
            sight.take(&table, rows);
            let truth = |row: &usize| truths.get(&requestlog::key(&table, *row)?).cloned();
            sight.truths.extend(rows.iter().map(truth));
            Ok(sight.rows < ROWS_MAX)
        })?;
        Ok(sight)
    })
    .await
}

impl Sight {
    /// Puts rows of a table behind those there are.
    fn take(&mut self, table: &Table, rows: &[usize]) {
        let wanted = |name: &str| name.starts_with(requestlog::INPUT) || name.starts_with(requestlog::OUTPUT);
        for column in table.columns.iter().filter(|it| wanted(&it.name)) {
            let before = self.rows;
            let values = self.columns.entry(column.name.clone()).or_insert_with(|| match column.values {
                Values::Numbers(_) => Series::Numbers(vec![f64::NAN; before]),
                Values::Texts { .. } => Series::Texts(vec![None; before]),
            });
            match (values, &column.values) {
                (Series::Numbers(all), Values::Numbers(some)) => {
                    all.extend(rows.iter().map(|row| some[*row]))
                }
                (Series::Texts(all), _) => all.extend(rows.iter().map(|row| cells::text(column, *row))),
                // What was a number once and is a text now cannot be compared with it.
                (Series::Numbers(_), Values::Texts { .. }) => {}
            }
        }
        self.rows += rows.len();
        for values in self.columns.values_mut() {
            match values {
                Series::Numbers(all) => all.resize(self.rows, f64::NAN),
                Series::Texts(all) => all.resize(self.rows, None),
            }
        }
    }

    /// The texts of a column, whatever they were.
    pub fn texts(&self, name: &str) -> Option<Vec<Option<String>>> {
        Some(match self.columns.get(name)? {
            Series::Texts(texts) => texts.clone(),
            Series::Numbers(numbers) => {
                numbers.iter().map(|x| (!x.is_nan()).then(|| x.to_string())).collect()
            }
        })
    }

    /// The column that holds the prediction: labels, else the first numbers.
    pub fn prediction(&self) -> Option<&str> {
        let named = ["out.label", "out.prediction"];
        let found = named.into_iter().find(|name| self.columns.contains_key(*name));
        found.or_else(|| {
            let other = |name: &&String| name.starts_with(requestlog::OUTPUT);
            self.columns.keys().find(other).map(String::as_str)
        })
    }
}
