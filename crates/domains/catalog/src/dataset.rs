//! A dataset: a table under a name. Each upload makes a version; versions do not change.

use std::collections::BTreeMap;

use kernel::prelude::*;

use crate::{
    dataset_version::{self, Version},
    files,
};

mod consumers;
pub mod contract;
pub mod quality_check;
pub mod quality_rule;
pub mod split;
pub mod transform;
mod written;

/// What datasets serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Dataset>) -> KindBuilder<Dataset> {
    kind.upload("upload", "Takes a CSV or Parquet file as the next version, and profiles it.", upload)
        .view("schema", "The columns of the latest version and their types.", schema)
        .view("statistics", "What is known of each column of the latest version.", statistics)
        .view("sample", "The first rows of the latest version.", sample)
        .action("sample", "The first rows of the latest version.", sample)
        .download("download", "The file of the latest version.", download)
        .action("set-schema", "Settles the contract that versions are held against.", contract::set)
        .needs("update")
        .action("validate", "Holds a version against the contract.", contract::validate)
        .needs("get")
        .view("quality", "The rules, and what the last check of them found.", quality_check::latest)
        .needs("get")
        .action("check-quality", "Checks every rule over all rows of a version.", quality_check::order)
        .action("split", "Parts a version's rows by chance into datasets of their own.", split::order)
        .action("transform", "Makes a version from another by a list of steps.", transform::order)
        .view("consumers", "What was made with the dataset.", consumers::consumers)
        .needs("get")
        .view("derived", "The versions of other datasets that were made from it.", consumers::derived)
        .needs("get")
        .view("usage", "How often it was read, changed and learned from.", consumers::usage)
        .needs("get")
        .action("archive", "Marks the dataset as no longer in use.", archive)
        .action("profile", "Profiles the latest version again.", profile)
        .view_of_all("types", "The formats the latest versions have, and how many datasets each has.", types)
        .needs("list")
        .view_of_all("formats", "The file formats that are read.", formats)
        .needs("list")
}

/// A table under a name.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dataset", prefix = "dst", short = "ds", status = "Status")]
pub struct Dataset {
    /// What the table holds and where it comes from.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// Under which terms it may be used.
    #[field(max = 200, example = "CC-BY-4.0")]
    pub license: Option<String>,
    /// Whether it is no longer in use.
    #[field(default = false, indexed)]
    pub archived: bool,
    /// What every version's columns must be; set by `PUT …/schema`.
    pub contract: Option<contract::Contract>,
}

/// What is known of a dataset.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The latest version that was profiled.
    pub latest: Option<String>,
    /// Its rows.
    pub rows: Option<u64>,
    /// Its columns.
    pub columns: Option<u64>,
}

/// How a file is told.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct File {
    /// The file's name; its ending tells the format where the media type does not.
    #[field(max = 255, example = "churn.csv")]
    filename: Option<String>,
    /// The version of a dataset that it was made from.
    #[field(max = 253)]
    #[serde(rename = "derivedFrom")]
    derived_from: Option<String>,
}

/// What came of an upload.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Uploaded {
    /// The version made.
    version: String,
    /// The run that profiles it.
    run: String,
    /// The digest of the file.
    digest: Digest,
    /// Its length.
    bytes: u64,
}

/// Takes a file as the next version.
async fn upload(cx: Cx, it: Object<Dataset>, file: File, incoming: Incoming) -> Result<Uploaded> {
    let filename = file.filename.unwrap_or_default();
    let format = dataset_version::format_of(&filename, &incoming.media)?;
    let stored = files::keep(&cx, incoming.bytes).await?;
    if stored.bytes == 0 {
        return Err(Error::invalid("table-empty", "the file is empty"));
    }
    let derived_from = file.derived_from.map(Ref::to);
    let spec = Version { derived_from, ..Version::of_file(it.name(), stored, format, filename) };
    let version = dataset_version::create(&cx, spec).await?;
    let run = dataset_version::order_profile(&cx, &version).await?;
    let digest = stored.digest;
    Ok(Uploaded { version: version.metadata.name, run: run.metadata.name, digest, bytes: stored.bytes })
}

/// The latest version that was profiled.
pub async fn latest(cx: &Cx, it: &Object<Dataset>) -> Result<Object<Version>> {
    let name = it.status.latest.as_ref().ok_or_else(|| {
        Error::conflict("dataset-empty", format!("dataset `{}` has no profiled version yet", it.name()))
            .hint("upload a file, and wait for the run that profiles it")
    })?;
    cx.get::<Version>(name).await
}

/// The columns of the latest version and their types.
async fn schema(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Value> {
    let version = latest(&cx, &it).await?;
    let columns: Vec<Value> = version
        .status
        .columns()
        .iter()
        .map(|column| json!({"name": column["name"], "type": column["type"], "nullable": column["missing"] != 0}))
        .collect();
    Ok(json!({"version": version.name(), "columns": columns, "contract": it.spec.contract}))
}

/// What is known of each column of the latest version.
async fn statistics(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Value> {
    let version = latest(&cx, &it).await?;
    Ok(json!({"version": version.name(), "rows": version.status.rows, "columns": version.status.columns()}))
}

/// How many rows.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rows {
    /// How many rows.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
    /// How many to leave out first.
    #[field(default = 0)]
    skip: u64,
}

/// The first rows of the latest version.
async fn sample(cx: Cx, it: Object<Dataset>, ask: Rows) -> Result<Value> {
    let version = latest(&cx, &it).await?;
    usage::count(&cx, &it.metadata.uid, &[("samples", 1.0)]).await?;
    let rows = dataset_version::rows(&cx, &version, ask.skip, u64::from(ask.limit)).await?;
    Ok(json!({"version": version.name(), "rows": rows}))
}

/// The file of the latest version.
async fn download(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Output> {
    let version = latest(&cx, &it).await?;
    usage::count(&cx, &it.metadata.uid, &[("downloads", 1.0)]).await?;
    dataset_version::file(&cx, &version)
}

/// Marks the dataset as no longer in use.
async fn archive(cx: Cx, mut it: Object<Dataset>, _: Nothing) -> Result<Nothing> {
    it.spec.archived = true;
    cx.save(&it).await?;
    Ok(Nothing {})
}

/// A run that was ordered.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ordered {
    /// The run.
    pub run: String,
}

/// The version an operation is about: that of a number, or the latest.
pub async fn version_of(cx: &Cx, it: &Object<Dataset>, number: Option<u64>) -> Result<Object<Version>> {
    match number {
        None => latest(cx, it).await,
        Some(number) => cx.get(&format!("{}.{number}", it.name())).await.map_err(|error| error.at("version")),
    }
}

/// The formats of the latest versions.
async fn types(cx: Cx, _: Nothing) -> Result<Value> {
    let mut counts = BTreeMap::<&str, u64>::new();
    for dataset in cx.list::<Dataset>("", 1000).await? {
        let version = match &dataset.status.latest {
            Some(name) => cx.get_opt::<Version>(name).await?,
            None => None,
        };
        let word = match version.map(|version| version.spec.format) {
            Some(dataset_version::Format::Csv) => "csv",
            Some(dataset_version::Format::Parquet) => "parquet",
            None => "empty",
        };
        *counts.entry(word).or_default() += 1;
    }
    let items: Vec<Value> =
        counts.into_iter().map(|(format, count)| json!({"type": format, "count": count})).collect();
    Ok(json!({"items": items}))
}

/// Profiles the latest version again.
async fn profile(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Ordered> {
    let filter = format!("spec.dataset = \"{}\"", it.name());
    let versions = cx.list::<Version>(&filter, 1000).await?;
    let version = versions.into_iter().max_by_key(|version| version.spec.number).ok_or_else(|| {
        Error::conflict("dataset-empty", format!("dataset `{}` has no version yet", it.name()))
            .hint("upload a file")
    })?;
    let run = dataset_version::order_profile(&cx, &version).await?;
    Ok(Ordered { run: run.metadata.name })
}

/// Formats.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Formats {
    /// Their names.
    items: Vec<String>,
}

async fn formats(_: Cx, _: Nothing) -> Result<Formats> {
    Ok(Formats { items: dataset_version::FORMATS.map(str::to_owned).to_vec() })
}
