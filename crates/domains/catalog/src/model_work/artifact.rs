//! A file kept with a model: a notebook, a licence, a report.

use kernel::prelude::*;

use crate::{files, model::Model};

/// What artifacts serve beyond the verbs every kind has; they are made by sending a file to the model.
pub fn serve(kind: KindBuilder<Artifact>) -> KindBuilder<Artifact> {
    kind.child_of("models", "model").without(&["create", "update", "clone", "import"]).download(
        "download",
        "The file.",
        download,
    )
}

/// A file kept with a model.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "model-artifact", prefix = "maf")]
pub struct Artifact {
    /// The model.
    #[field(reference = "catalog.models", indexed, immutable)]
    pub model: Ref,
    /// What it was called.
    #[field(max = 255, immutable)]
    pub filename: String,
    /// Its media type.
    #[field(max = 255, immutable)]
    pub media: String,
    /// The digest of its bytes.
    #[field(indexed, immutable)]
    pub blob: Digest,
    /// Its length.
    #[field(immutable)]
    pub bytes: u64,
}

/// How a file is told.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct File {
    /// What it is called.
    #[field(min = 1, max = 255, example = "report.html")]
    filename: String,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Attached {
    /// The artifact.
    artifact: String,
    /// The digest of its bytes.
    digest: Digest,
    /// Its length.
    bytes: u64,
}

/// Keeps a file with the model.
pub async fn attach(cx: Cx, it: Object<Model>, file: File, incoming: Incoming) -> Result<Attached> {
    let Some(title) = Name::from_title(&file.filename) else {
        return Err(Error::invalid("invalid-name", "the file's name has no letter or digit").at("filename"));
    };
    let media = incoming.media.chars().take(255).collect();
    let stored = files::keep(&cx, incoming.bytes).await?;
    let (digest, bytes) = (stored.digest, stored.bytes);
    let front: String = digest.to_string().chars().take(8).collect();
    let spec = Artifact { model: Ref::to(it.name()), filename: file.filename, media, blob: digest, bytes };
    let mut draft = Draft::new(format!("{}.{title}-{front}", it.name()), spec);
    let kind = cx.platform().kind("catalog.models")?;
    draft.owners.push(cx.read("catalog.models", it.name()).await?.owner(&kind));
    let made = cx.create(draft).await?;
    Ok(Attached { artifact: made.metadata.name, digest, bytes })
}

async fn download(cx: Cx, it: Object<Artifact>, _: Nothing) -> Result<Output> {
    Ok(files::give(&cx, it.spec.blob, &it.spec.media, it.spec.filename.clone()))
}
