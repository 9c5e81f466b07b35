//! Rows that stand for what a version was trained on: what explanations and drift are held against.

use kernel::prelude::*;

use crate::{dataset_version, model_version::Version, run::ExperimentRun};

/// How many rows.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Share {
    /// How many rows at most; they are taken evenly from all there are.
    #[field(min = 1, max = 10000, default = 1000)]
    limit: u32,
    /// The version of a dataset they are taken from, instead of what training recorded.
    #[field(max = 253)]
    dataset_version: Option<String>,
}

/// Rows, and where they come from.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// The rows, with all columns there are of them.
    pub rows: Vec<Value>,
    /// `held-out` for rows that training kept apart, else the version of the dataset.
    pub from: String,
    /// How many there are altogether.
    pub of: u64,
    /// The column that is predicted.
    pub target: Option<String>,
    /// What sort of question it asks.
    pub task: Option<String>,
}

/// The largest file of held-out rows that is read.
const HELD_OUT_MAX: u64 = 1 << 30;
/// The most rows of a version that are sampled from.
const ROWS_MAX: u64 = 200_000;

/// The rows that training held out, else rows of the data it learned from.
pub async fn reference(cx: Cx, it: Object<Version>, ask: Share) -> Result<Reference> {
    let limit = ask.limit as usize;
    let (rows, from, of) = match held_out(&cx, &it).await?.filter(|_| ask.dataset_version.is_none()) {
        Some(text) => {
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            let some = evenly(lines.len(), limit);
            let rows = some.map(|at| serde_json::from_str(lines[at]).map_err(Error::internal));
            (rows.collect::<Result<Vec<Value>>>()?, "held-out".to_owned(), lines.len() as u64)
        }
        None => of_data(&cx, &it, &ask).await?,
    };
    Ok(Reference { rows, from, of, target: it.spec.target, task: it.spec.task })
}

/// Places that lie evenly among so many.
fn evenly(count: usize, limit: usize) -> impl Iterator<Item = usize> {
    let most = count.min(limit);
    (0..most).map(move |at| at * count / most.max(1))
}

async fn held_out(cx: &Cx, it: &Object<Version>) -> Result<Option<String>> {
    let Some(run) = &it.spec.run else { return Ok(None) };
    let Some(run) = cx.get_opt::<ExperimentRun>(run).await? else { return Ok(None) };
    let Some(digest) = run.status.held_out else { return Ok(None) };
    let bytes = cx.platform().blobs.get(digest, HELD_OUT_MAX).await?;
    String::from_utf8(bytes).map(Some).map_err(Error::internal)
}

async fn of_data(cx: &Cx, it: &Object<Version>, ask: &Share) -> Result<(Vec<Value>, String, u64)> {
    let own = it.spec.dataset_version.as_ref().map(ToString::to_string);
    let name = ask.dataset_version.clone().or(own).ok_or_else(|| {
        let message = format!("nothing is recorded of what version `{}` was trained on", it.name());
        Error::conflict("no-background", message)
            .hint("train the model here, or name the version of the data it was trained on")
    })?;
    let version = cx.get::<dataset_version::Version>(&name).await?;
    let table = dataset_version::table(cx, &version, 0, ROWS_MAX).await?;
    let some = evenly(table.rows, ask.limit as usize);
    let rows = some.map(|row| dataset_version::row_of(&table.columns, row)).collect();
    Ok((rows, name, table.rows as u64))
}
