//! One version of a dataset: a file that does not change, and its profile.

use kernel::{blob::Stored, prelude::*, runs::Run};
use ports::table::{self, Column, Profile, Tables, cells};

use crate::{
    dataset::{Dataset, contract},
    files,
};

/// The formats that are read.
pub const FORMATS: [&str; 2] = ["csv", "parquet"];

/// What versions serve beyond the verbs every kind has; they are made by uploading.
pub fn serve(kind: KindBuilder<Version>) -> KindBuilder<Version> {
    kind.child_of("datasets", "dataset")
        .without(&["create", "clone", "import"])
        .action("tag", "Adds words to find the version by.", tag)
        .needs("update")
        .action("untag", "Takes such words away.", untag)
        .needs("update")
        .download("download", "The file.", |cx, it, _: Nothing| async move { file(&cx, &it) })
        .view("sample", "The first rows.", |cx, it, ask: Sample| async move {
            let rows = rows(&cx, &it, ask.skip, u64::from(ask.limit)).await?;
            Ok(json!({"rows": rows}))
        })
}

/// How a version's file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// A file that does not change.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dataset-version", prefix = "dsv", status = "Status")]
pub struct Version {
    /// The dataset.
    #[field(reference = "catalog.datasets", indexed, immutable)]
    pub dataset: Ref,
    /// Its number, from 1.
    #[field(indexed, immutable)]
    pub number: u64,
    /// The digest of the file.
    #[field(indexed, immutable)]
    pub blob: Digest,
    /// The file's length in bytes.
    #[field(immutable)]
    pub bytes: u64,
    /// How it is written.
    #[field(immutable)]
    pub format: Format,
    /// What it was called.
    #[field(immutable, max = 255)]
    pub filename: String,
    /// The version it was made from.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub derived_from: Option<Ref>,
    /// How it was made from that.
    #[field(immutable)]
    pub recipe: Option<Value>,
    /// The run that made it.
    #[field(indexed, immutable, max = 300)]
    pub work: Option<String>,
    /// What is good to know of it.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[field(max = 100, indexed)]
    pub tags: Vec<String>,
}

impl Version {
    /// A version as a file makes it.
    pub fn of_file(dataset: &str, stored: Stored, format: Format, filename: String) -> Self {
        Self {
            dataset: Ref::to(dataset),
            number: 0,
            blob: stored.digest,
            bytes: stored.bytes,
            format,
            filename,
            derived_from: None,
            recipe: None,
            work: None,
            description: None,
            tags: Vec::new(),
        }
    }
}

/// Words.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Words {
    /// The words.
    #[field(min = 1, max = 100)]
    tags: Vec<String>,
}

/// Adds words to find the version by.
async fn tag(cx: Cx, mut it: Object<Version>, ask: Words) -> Result<Words> {
    for word in ask.tags {
        if word.trim().is_empty() || word.chars().count() > 128 {
            return Err(Error::invalid("too-long", "a tag has from 1 to 128 characters").at("tags"));
        }
        if !it.spec.tags.contains(&word) {
            it.spec.tags.push(word);
        }
    }
    if it.spec.tags.len() > 100 {
        return Err(Error::invalid("too-long", "a version has at most 100 tags").at("tags"));
    }
    Ok(Words { tags: cx.save(&it).await?.spec.tags })
}

/// Takes such words away.
async fn untag(cx: Cx, mut it: Object<Version>, ask: Words) -> Result<Words> {
    it.spec.tags.retain(|word| !ask.tags.contains(word));
    Ok(Words { tags: cx.save(&it).await?.spec.tags })
}

/// Where a version is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Being profiled.
    #[default]
    Pending,
    /// Profiled.
    Ready,
    /// Not readable.
    Failed,
}

/// What is known of a version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// Its rows.
    pub rows: Option<u64>,
    /// What is known of it: rows and one entry a column.
    pub profile: Option<Value>,
    /// Why it is not readable.
    pub message: Option<String>,
    /// What of it differs from the dataset's contract.
    pub breaches: Vec<contract::Breach>,
}

impl Status {
    /// The profile's columns.
    pub fn columns(&self) -> Vec<Value> {
        let columns = self.profile.as_ref().and_then(|profile| profile["columns"].as_array());
        columns.cloned().unwrap_or_default()
    }

    /// The profile as the engine made it.
    pub fn profile(&self) -> Result<Profile> {
        let profile = self.profile.clone().ok_or_else(|| {
            Error::conflict("version-not-ready", "this version has not been profiled")
                .hint("wait for its run")
        })?;
        serde_json::from_value(profile).map_err(Error::internal)
    }
}

/// How many rows.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Sample {
    /// How many rows.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
    /// How many to leave out first.
    #[field(default = 0)]
    skip: u64,
}

/// The format a name or a media type tells.
pub fn format_of(filename: &str, media: &str) -> Result<Format> {
    let ending = filename.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match (ending.as_deref(), media) {
        (Some("csv"), _) | (_, "text/csv") => Ok(Format::Csv),
        (Some("parquet"), _) | (_, "application/vnd.apache.parquet") => Ok(Format::Parquet),
        _ => Err(Error::new(
            base::Status::UnsupportedMedia,
            "unsupported-format",
            "neither the file's name nor its media type tells a format",
        )
        .at("filename")
        .hint("send `?filename=NAME.csv` or `.parquet`, or `Content-Type: text/csv`")),
    }
}

/// The engine's word for a format.
pub fn engine_format(format: Format) -> table::Format {
    match format {
        Format::Csv => table::Format::Csv,
        Format::Parquet => table::Format::Parquet,
    }
}

/// Makes the next version; two uploads at once get two numbers.
pub async fn create(cx: &Cx, spec: Version) -> Result<Object<Version>> {
    let dataset = cx.get::<Dataset>(&spec.dataset).await?;
    let owner = Raw::owner(
        &cx.read("catalog.datasets", dataset.name()).await?,
        &*cx.platform().kind("catalog.datasets")?,
    );
    for _ in 0..100 {
        let number = places::largest(cx, "catalog.dataset-versions", ("dataset", &spec.dataset)).await? + 1;
        let spec = Version { number, ..spec.clone() };
        let mut draft = Draft::new(format!("{}.{number}", spec.dataset), spec);
        draft.owners.push(owner.clone());
        match cx.doing("upload").create(draft).await {
            Err(error) if error.code() == "already-exists" => {}
            other => return other,
        }
    }
    Err(Error::conflict("too-busy", "others keep adding versions").hint("try again"))
}

/// Orders the run that profiles a version.
pub async fn order_profile(cx: &Cx, version: &Object<Version>) -> Result<Object<Run>> {
    let mut order = Order::new("catalog.profile", json!({"version": version.name()}));
    order.subject = Some(format!("catalog.dataset-versions/{}", version.name()));
    cx.order(order).await
}

/// The work of profiling.
pub fn profiling() -> Workflow {
    Workflow::new("catalog.profile").step("profile", profile)
}

#[derive(Deserialize)]
struct Input {
    version: String,
}

/// Reads the file once and notes what is in it.
async fn profile(step: StepCx) -> Result<Value> {
    let cx = step.cx.clone();
    let version = cx.get::<Version>(&step.input::<Input>()?.version).await?;
    let tables = cx.port::<dyn Tables>()?;
    let path = cx.platform().blobs.local(version.spec.blob).await?;
    let format = engine_format(version.spec.format);
    let watch = step.clone();
    let profiled = cx.blocking(move || tables.profile(format, &path, &watch)).await;
    let uid = version.metadata.uid.as_str();
    let profile = match profiled {
        Ok(profile) => profile,
        Err(error) => {
            let told = error.to_string();
            cx.doing("profile")
                .update_status::<Version>(uid, |status| {
                    status.phase = Phase::Failed;
                    status.message = Some(told.clone());
                })
                .await?;
            return Err(error);
        }
    };
    step.line(&format!("{} rows, {} columns", profile.rows, profile.columns.len()));
    let rows = profile.rows;
    let columns = profile.columns.len() as u64;
    let contract = cx.get::<Dataset>(&version.spec.dataset).await?.spec.contract.unwrap_or_default();
    let breaches = contract.breaches(&profile);
    for breach in &breaches {
        step.line(&format!("contract: {}", breach.message));
    }
    let refused = contract.enforced && !breaches.is_empty();
    let told = serde_json::to_value(profile).map_err(Error::internal)?;
    cx.doing("profile")
        .update_status::<Version>(uid, |status| {
            status.phase = if refused { Phase::Failed } else { Phase::Ready };
            status.rows = Some(rows);
            status.profile = Some(told.clone());
            status.message = refused.then(|| contract::refusal(&breaches));
            status.breaches.clone_from(&breaches);
        })
        .await?;
    if refused {
        return Err(Error::invalid("contract-broken", contract::refusal(&breaches))
            .hint("mend the file, or change the dataset's contract"));
    }
    note_latest(&cx, &version, (rows, columns)).await?;
    Ok(json!({"rows": rows, "columns": columns}))
}

/// Makes a version its dataset's latest unless a newer one was faster.
async fn note_latest(cx: &Cx, version: &Object<Version>, (rows, columns): (u64, u64)) -> Result<()> {
    let name = version.metadata.name.clone();
    let number = version.spec.number;
    cx.doing("profile")
        .update_status::<Dataset>(&version.spec.dataset, |status| {
            let newer =
                status.latest.as_ref().and_then(|latest| latest.rsplit('.').next()?.parse::<u64>().ok());
            if newer.is_none_or(|latest| latest <= number) {
                status.latest = Some(name.clone());
                status.rows = Some(rows);
                status.columns = Some(columns);
            }
        })
        .await?;
    Ok(())
}

/// Some rows as JSON objects; a missing value is null.
pub async fn rows(cx: &Cx, version: &Object<Version>, skip: u64, limit: u64) -> Result<Vec<Value>> {
    let table = table(cx, version, skip, limit).await?;
    Ok((0..table.rows).map(|row| row_of(&table.columns, row)).collect())
}

/// Some rows as a table in memory.
pub async fn table(cx: &Cx, version: &Object<Version>, skip: u64, limit: u64) -> Result<table::Table> {
    let profile = version.status.profile()?;
    let tables = cx.port::<dyn Tables>()?;
    let path = cx.platform().blobs.local(version.spec.blob).await?;
    let format = engine_format(version.spec.format);
    cx.blocking(move || tables.read(format, &path, &profile, skip..skip.saturating_add(limit))).await
}

/// One row as a JSON object; a missing value is null.
pub fn row_of(columns: &[Column], row: usize) -> Value {
    Value::Object(columns.iter().map(|column| (column.name.clone(), cells::value(column, row))).collect())
}

/// The file itself.
pub fn file(cx: &Cx, version: &Object<Version>) -> Result<Output> {
    let (media, ending) = match version.spec.format {
        Format::Csv => ("text/csv", "csv"),
        Format::Parquet => ("application/vnd.apache.parquet", "parquet"),
    };
    Ok(files::give(cx, version.spec.blob, media, format!("{}.{ending}", version.name())))
}
