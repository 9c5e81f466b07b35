//! One version of a model: files that do not change, what they take and give, and where they came from.
//!
//! A version is an ONNX file that is kept here and runs here, or it names the place of a directory of any flavour; or both.

use std::collections::BTreeMap;

use kernel::{journal::Change, prelude::*};
use ports::infer::Infer;

use crate::{attestation, card, files, gate, model::Model, reference, reproduce};

/// What versions serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Version>) -> KindBuilder<Version> {
    kind.child_of("models", "model")
        .admit(runs_here)
        .admit(gate::promoted)
        .without(&["clone"])
        .action("promote", "Moves the version to a stage; the one that was there steps back.", promote)
        .action("deprecate", "Says that nobody should use the version any more.", deprecate)
        .action(
            "clear",
            "Refuses what quarantine or an enforced policy would refuse of the version, and does nothing else.",
            gate::clear,
        )
        .needs("get")
        .action(
            "reference",
            "Rows that stand for what the version was trained on: those held out of training, else rows of its data.",
            reference::reference,
        )
        .needs("get")
        .view("card", "What is recorded of the version, as a model card.", |cx, it, _: Nothing| async move {
            card::of(&cx, &it).await
        })
        .download(
            "evidence",
            "The card for people and for proof: as Markdown, as PDF, or signed.",
            card::evidence,
        )
        .needs("card")
        .action(
            "sign",
            "Signs the version as it is now; who does so has looked where it came from.",
            attestation::sign,
        )
        .view("verify", "Whether the version is what was signed when it was made.", attestation::verify)
        .needs("get")
        .view_of_all(
            "signing-key",
            "The public key that versions and cards are signed with.",
            attestation::key,
        )
        .needs("list")
        .action(
            "reproduce",
            "Learns the version again from what is recorded, and compares.",
            reproduce::again,
        )
        .download("download", "The ONNX file.", download)
}

/// Files that do not change.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "model-version", prefix = "mdv", short = "mv", status = "Status")]
pub struct Version {
    /// The model.
    #[field(reference = "catalog.models", indexed, immutable)]
    pub model: Ref,
    /// Its number, from 1; found when not given.
    #[field(indexed, immutable, default = 0)]
    pub number: u64,
    /// The digest of the ONNX file, where the version has one.
    #[field(indexed, immutable)]
    pub blob: Option<Digest>,
    /// Where its files are, such as `models:/m-…` or `mlflow-artifacts:/…`, where it is more than an ONNX file.
    #[field(max = 5000, immutable)]
    pub source: Option<String>,
    /// The logged model it was made of.
    #[field(max = 100, indexed, immutable)]
    pub logged_model: Option<String>,
    /// The run it came from, where that is kept elsewhere.
    #[field(max = 100, indexed, immutable)]
    pub foreign_run: Option<String>,
    /// Where that run can be looked at.
    #[field(max = 5000, immutable)]
    pub run_link: Option<String>,
    /// Short texts about it.
    pub tags: BTreeMap<String, String>,
    /// What it takes and gives; read from the file when not given.
    pub signature: Option<Value>,
    /// A row it can be tried with.
    pub input_example: Option<Value>,
    /// What it is for: `binary`, `multiclass` or `regression`.
    #[field(indexed)]
    pub task: Option<String>,
    /// The column it predicts.
    pub target: Option<String>,
    /// Metrics on the held-out rows.
    pub metrics: BTreeMap<String, f64>,
    /// The experiment run it came from.
    #[field(reference = "catalog.runs", indexed, immutable)]
    pub run: Option<Ref>,
    /// The data it learned from.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub dataset_version: Option<Ref>,
    /// The digest of that data.
    #[field(immutable)]
    pub dataset_digest: Option<Digest>,
    /// What is good to know of it.
    #[field(max = 10000)]
    pub description: Option<String>,
}

/// How far a version has come; the words are MLflow's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Stage {
    /// Nowhere yet.
    #[default]
    None,
    /// Being tried.
    Staging,
    /// In use.
    Production,
    /// No longer in use.
    Archived,
}

/// What is known of a version.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How far it has come.
    #[field(indexed, default = "None")]
    pub stage: Stage,
    /// Whether nobody should use it any more.
    #[field(default = false)]
    pub deprecated: bool,
    /// The length of the ONNX file in bytes.
    pub bytes: Option<u64>,
    /// When it was changed last.
    pub updated: Option<Time>,
    /// What was signed of it when it was made: a statement of in-toto in an envelope of DSSE.
    pub attestation: Option<Value>,
}

/// The largest model that is loaded, in bytes.
pub const MODEL_MAX: u64 = 2 << 30;

/// A new version has a number, and its ONNX file loads here.
async fn runs_here(cx: Cx, mut it: Object<Version>, old: Option<Object<Version>>) -> Result<Object<Version>> {
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    if old.is_some() {
        return Ok(it);
    }
    if it.spec.number == 0 {
        it.spec.number = places::largest(&cx, "catalog.model-versions", ("model", &it.spec.model)).await? + 1;
    }
    it.metadata.name = format!("{}.{}", it.spec.model, it.spec.number);
    let Some(blob) = it.spec.blob else {
        if it.spec.source.is_none() {
            return Err(without_files());
        }
        it.status.attestation = attestation::of(&cx, &it, None).await?;
        return Ok(it);
    };
    let bytes = cx.platform().blobs.get(blob, MODEL_MAX).await.map_err(|error| error.at("spec.blob"))?;
    it.status.bytes = Some(bytes.len() as u64);
    it.status.attestation = attestation::of(&cx, &it, Some(&bytes)).await?;
    let infer = cx.port::<dyn Infer>()?;
    let model = cx.blocking(move || infer.load(&bytes)).await.map_err(|error| error.at("spec.blob"))?;
    if it.spec.signature.is_none() {
        it.spec.signature = Some(serde_json::to_value(model.signature()).map_err(Error::internal)?);
    }
    Ok(it)
}

fn without_files() -> Error {
    Error::invalid("version-without-files", "a version has an ONNX file, or a place its files are at")
        .at("spec.blob")
        .hint("name the file's digest in `spec.blob`, or the place in `spec.source`")
}

impl Version {
    /// The ONNX file that can be run here.
    pub fn onnx(&self) -> Result<Digest> {
        self.blob.ok_or_else(|| {
            Error::conflict("version-not-onnx", "the version has no ONNX file")
                .hint("download its files by MLflow's client, or save the model as ONNX too")
        })
    }
}

/// Makes the next version of a model and notes it there.
pub async fn register(cx: &Cx, spec: Version) -> Result<Object<Version>> {
    let kind = cx.platform().kind("catalog.models")?;
    let owner = cx.read("catalog.models", &spec.model).await?.owner(&kind);
    let mut tries = 0;
    let made = loop {
        // The number and with it the name are found on admission.
        let mut draft = Draft::new("new", spec.clone());
        draft.owners.push(owner.clone());
        match cx.doing("register").create(draft).await {
            Err(error) if error.code() == "already-exists" && tries < 100 => tries += 1,
            other => break other?,
        }
    };
    let (name, task) = (made.metadata.name.clone(), made.spec.task.clone());
    cx.doing("register")
        .update_status::<Model>(&made.spec.model, |status| {
            status.latest = Some(name.clone());
            status.task.clone_from(&task);
        })
        .await?;
    Ok(made)
}

/// Keeps at the model which of its versions is the newest, whoever made or deleted one.
pub async fn latest(cx: Cx, change: Change) -> Result<()> {
    let Some((model, _)) = change.name.rsplit_once('.') else { return Ok(()) };
    let Some(it) = cx.get_opt::<Model>(model).await? else { return Ok(()) };
    let newest = places::newest(&cx, model).await?.map(|raw| raw.typed::<Version>()).transpose()?;
    let name = newest.as_ref().map(|it| it.metadata.name.clone());
    if it.status.latest == name {
        return Ok(());
    }
    let task = newest.and_then(|it| it.spec.task);
    let noted = cx.doing("latest");
    let noted = noted.update_status::<Model>(it.metadata.uid.as_str(), |status| {
        status.latest.clone_from(&name);
        status.task.clone_from(&task);
    });
    noted.await.map(|_| ())
}

/// Where to.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Promotion {
    /// The stage.
    stage: Stage,
    /// Whether the versions that are there are archived; in `Production` they are when this is left out.
    archive_others: Option<bool>,
}

/// Moves the version to a stage.
async fn promote(cx: Cx, it: Object<Version>, ask: Promotion) -> Result<Status> {
    if it.status.deprecated && ask.stage != Stage::Archived {
        return Err(Error::conflict("version-deprecated", "a deprecated version is not promoted")
            .hint("register a new version"));
    }
    let alone = ask.archive_others.unwrap_or(ask.stage == Stage::Production);
    if alone && matches!(ask.stage, Stage::Staging | Stage::Production) {
        let filter = format!("spec.model = \"{}\" AND status.stage = \"{:?}\"", it.spec.model, ask.stage);
        for other in cx.list::<Version>(&filter, 1000).await? {
            if other.metadata.uid != it.metadata.uid {
                cx.update_status::<Version>(other.metadata.uid.as_str(), |status| {
                    status.stage = Stage::Archived
                })
                .await?;
            }
        }
    }
    let changed = cx.update_status::<Version>(it.metadata.uid.as_str(), |status| status.stage = ask.stage);
    Ok(changed.await?.status)
}

/// Says that nobody should use the version any more.
async fn deprecate(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Status> {
    let changed = cx.update_status::<Version>(it.metadata.uid.as_str(), |status| status.deprecated = true);
    Ok(changed.await?.status)
}

/// The ONNX file.
async fn download(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Output> {
    let blob = it.spec.onnx()?;
    attestation::loadable(&cx, &it).await?;
    Ok(files::give(&cx, blob, "application/octet-stream", format!("{}.onnx", it.name())))
}
