//! A model: a name under which versions of a trained predictor are kept.

use std::collections::BTreeMap;

use kernel::prelude::*;

use crate::{
    files,
    model_version::{self, Version},
    model_work,
};

/// What models serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Model>) -> KindBuilder<Model> {
    let kind = model_work::serve(kind);
    kind.admit(note_change)
        .upload("upload", "Takes an ONNX file as the next version; it must load here.", upload)
        .view("metrics", "The metrics of each version.", metrics)
        .view("metadata", "What is known of the model and its latest version.", metadata)
        .view("dependencies", "The data and runs the versions came from.", dependencies)
        .action("compare", "Two or more versions side by side.", compare)
        .action("archive", "Marks the model as no longer in use.", archive)
        .view_of_all("types", "The tasks models are for, and how many models each has.", types)
        .needs("list")
}

/// A name under which versions are kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "model", prefix = "mdl", status = "Status")]
pub struct Model {
    /// What it predicts, for whom.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// Whether it is no longer in use.
    #[field(default = false, indexed)]
    pub archived: bool,
    /// What people call it, where that is more than a name can be.
    #[field(max = 500, indexed)]
    pub title: Option<String>,
    /// Short texts about it.
    pub tags: BTreeMap<String, String>,
    /// Names for versions, such as `champion`, each with the version's number.
    pub aliases: BTreeMap<String, u64>,
}

/// What is known of a model.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its latest version.
    pub latest: Option<String>,
    /// What its latest version is for: `binary`, `multiclass` or `regression`.
    #[field(indexed)]
    pub task: Option<String>,
    /// When it was changed last.
    pub updated: Option<Time>,
}

/// Says when the model was changed last.
async fn note_change(cx: Cx, mut it: Object<Model>, old: Option<Object<Model>>) -> Result<Object<Model>> {
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}

/// What is told of a file.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct File {
    /// What is good to know of it.
    #[field(max = 10000)]
    description: Option<String>,
    /// What it is for: `binary`, `multiclass` or `regression`.
    #[field(max = 100)]
    task: Option<String>,
    /// The column it predicts.
    #[field(max = 500)]
    target: Option<String>,
    /// The file's name; for the log only.
    #[field(max = 255)]
    filename: Option<String>,
}

/// What came of an upload.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Uploaded {
    /// The version made.
    version: String,
    /// The digest of the file.
    digest: Digest,
    /// Its length.
    bytes: u64,
}

/// Takes an ONNX file as the next version.
async fn upload(cx: Cx, it: Object<Model>, file: File, incoming: Incoming) -> Result<Uploaded> {
    let stored = files::keep(&cx, incoming.bytes).await?;
    if stored.bytes > model_version::MODEL_MAX {
        return Err(Error::too_large("body-too-large", "the model is larger than this platform loads"));
    }
    let spec = Version {
        model: Ref::to(it.name()),
        number: 0,
        blob: Some(stored.digest),
        source: None,
        logged_model: None,
        foreign_run: None,
        run_link: None,
        tags: BTreeMap::new(),
        signature: None,
        input_example: None,
        task: file.task,
        target: file.target,
        metrics: BTreeMap::new(),
        run: None,
        dataset_version: None,
        dataset_digest: None,
        description: file.description,
    };
    let version = model_version::register(&cx, spec).await?;
    Ok(Uploaded { version: version.metadata.name, digest: stored.digest, bytes: stored.bytes })
}

/// The versions of a model, oldest first.
pub async fn versions(cx: &Cx, model: &str) -> Result<Vec<Object<Version>>> {
    cx.list::<Version>(&format!("spec.model = \"{model}\""), 1000).await
}

/// The metrics of each version.
async fn metrics(cx: Cx, it: Object<Model>, _: Nothing) -> Result<Value> {
    let versions = versions(&cx, it.name()).await?;
    let items: Vec<Value> = versions
        .iter()
        .map(|version| json!({"version": version.spec.number, "metrics": version.spec.metrics}))
        .collect();
    Ok(json!({"items": items}))
}

/// What is known of the model and its latest version.
async fn metadata(cx: Cx, it: Object<Model>, _: Nothing) -> Result<Value> {
    let latest = match &it.status.latest {
        Some(name) => cx.get_opt::<Version>(name).await?,
        None => None,
    };
    Ok(json!({
        "name": it.name(),
        "description": it.spec.description,
        "task": it.status.task,
        "latest": latest.map(|version| json!({
            "version": version.spec.number,
            "signature": version.spec.signature,
            "metrics": version.spec.metrics,
            "stage": version.status.stage,
        })),
    }))
}

/// The data and runs the versions came from.
async fn dependencies(cx: Cx, it: Object<Model>, _: Nothing) -> Result<Value> {
    let versions = versions(&cx, it.name()).await?;
    let items: Vec<Value> = versions
        .iter()
        .map(|version| {
            json!({
                "version": version.spec.number,
                "run": version.spec.run,
                "datasetVersion": version.spec.dataset_version,
                "datasetDigest": version.spec.dataset_digest,
            })
        })
        .collect();
    Ok(json!({"items": items}))
}

/// Which versions.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Their numbers.
    #[field(min = 2, max = 20)]
    versions: Vec<u64>,
}

/// Two or more versions side by side.
async fn compare(cx: Cx, it: Object<Model>, ask: Which) -> Result<Value> {
    let mut items = Vec::new();
    for number in ask.versions {
        let version = cx.get::<Version>(&format!("{}.{number}", it.name())).await?;
        items.push(json!({
            "version": number,
            "metrics": version.spec.metrics,
            "stage": version.status.stage,
            "run": version.spec.run,
            "datasetDigest": version.spec.dataset_digest,
            "created": version.metadata.creation_timestamp,
        }));
    }
    Ok(json!({"items": items}))
}

/// Marks the model as no longer in use.
async fn archive(cx: Cx, mut it: Object<Model>, _: Nothing) -> Result<Nothing> {
    it.spec.archived = true;
    cx.save(&it).await?;
    Ok(Nothing {})
}

/// The tasks models are for.
async fn types(cx: Cx, _: Nothing) -> Result<Value> {
    let mut counts = BTreeMap::<String, u64>::new();
    for model in cx.list::<Model>("", 1000).await? {
        *counts.entry(model.status.task.unwrap_or_else(|| "unknown".to_owned())).or_default() += 1;
    }
    let items: Vec<Value> =
        counts.into_iter().map(|(task, count)| json!({"type": task, "count": count})).collect();
    Ok(json!({"items": items}))
}
