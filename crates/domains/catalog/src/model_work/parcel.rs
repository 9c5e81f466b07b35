//! A version as one file that can be taken elsewhere: an archive of the model, its card and a manifest that has
//! the digest of each, so that nothing is taken in that is not what was sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::{StreamExt, stream};
use kernel::{declare::ByteStream, kind, prelude::*, validate};

use super::{
    facts::Facts,
    tar::{self, Reader},
};
use crate::{
    attestation, card, files,
    model::Model,
    model_version::{self, Version},
};

/// How archives of this form are told from others.
const FORM: &str = "aic.dev/model-archive/v1";
/// The most bytes of a manifest or a card.
const TEXT_MAX: u64 = 16 << 20;

/// What stands first in an archive.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    form: String,
    model: String,
    version: u64,
    /// The digest of each file behind the manifest.
    files: BTreeMap<String, Digest>,
    /// What the version was declared with, as far as it holds elsewhere.
    spec: BTreeMap<String, Value>,
}

/// What of a version's spec holds elsewhere.
const CARRIED: [&str; 7] =
    ["signature", "inputExample", "task", "target", "metrics", "datasetDigest", "description"];

/// Which version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Its number; the latest when not given.
    version: Option<u64>,
}

/// A version as one file.
pub async fn export(cx: Cx, it: Object<Model>, ask: Which) -> Result<Output> {
    let facts = Facts::of_model(&cx, &it, ask.version).await?;
    let blob = facts.onnx()?;
    let version = cx.get::<Version>(&facts.name).await?;
    attestation::loadable(&cx, &version).await?;
    let raw = cx.read(super::facts::VERSIONS, &facts.name).await?;
    let card = serde_json::to_vec_pretty(&card::of(&cx, &version).await?).map_err(Error::internal)?;
    let carried = |name: &&str| Some(((*name).to_owned(), raw.spec.get(*name)?.clone()));
    let manifest = Manifest {
        form: FORM.to_owned(),
        model: it.name().to_owned(),
        version: facts.spec.number,
        files: BTreeMap::from([("card.json".to_owned(), Digest::of(&card)), ("model.onnx".to_owned(), blob)]),
        spec: CARRIED.iter().filter_map(carried).collect(),
    };
    let manifest = serde_json::to_vec_pretty(&manifest).map_err(Error::internal)?;
    let length = cx.platform().blobs.length(blob).await?;
    let mut front = Vec::new();
    for (name, bytes) in [("manifest.json", &manifest), ("card.json", &card)] {
        front.extend(tar::header(name, bytes.len() as u64)?);
        front.extend(bytes);
        front.resize(front.len() + tar::filling(bytes.len() as u64), 0);
    }
    front.extend(tar::header("model.onnx", length)?);
    let end = vec![0; tar::filling(length) + 2 * tar::BLOCK];
    let Output::Bytes { bytes: model, .. } = files::give(&cx, blob, "", String::new()) else {
        return Err(Error::internal("a blob is bytes"));
    };
    let piece = |bytes: Vec<u8>| stream::once(std::future::ready(Ok(Bytes::from(bytes))));
    let bytes: ByteStream = Box::pin(piece(front).chain(model).chain(piece(end)));
    usage::count(&cx, &it.metadata.uid, &[("downloads", 1.0)]).await?;
    let filename = Some(format!("{}.tar", facts.name));
    Ok(Output::Bytes { media: "application/x-tar".to_owned(), filename, bytes })
}

/// What came of an import.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Imported {
    /// The version made.
    version: String,
    /// The digest of its ONNX file.
    digest: Digest,
    /// Where it came from, as the archive says.
    from: String,
}

fn broken(what: &str) -> Error {
    Error::invalid("bad-archive", format!("this is no archive of a model: {what}"))
        .hint("send what `export` wrote, unchanged")
}

/// Keeps one file of an archive.
async fn keep(cx: &Cx, reader: &mut Reader, length: u64) -> Result<Digest> {
    let mut upload = cx.platform().blobs.create().await?;
    let mut rest = length as usize;
    while rest > 0 {
        let piece = reader.some(rest).await?;
        if piece.is_empty() {
            return Err(broken("it ends too early"));
        }
        rest -= piece.len();
        upload.write(piece.to_vec()).await?;
    }
    reader.skip_filling(length).await?;
    Ok(upload.finish().await?.digest)
}

/// Takes what `export` wrote as the next version, if every digest holds.
pub async fn import(cx: Cx, it: Object<Model>, _: Nothing, incoming: Incoming) -> Result<Imported> {
    let mut reader = Reader::new(incoming.bytes);
    let first = reader.next().await?;
    let Some((_, length)) = first.filter(|(name, length)| name == "manifest.json" && *length <= TEXT_MAX)
    else {
        return Err(broken("the manifest does not come first"));
    };
    let text = reader.exactly(length as usize).await?;
    reader.skip_filling(length).await?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| broken("the manifest cannot be read").because(error))?;
    if manifest.form != FORM {
        return Err(broken("the manifest is of another form"));
    }
    let mut model = None;
    while let Some((name, length)) = reader.next().await? {
        let Some(wanted) = manifest.files.get(&name) else {
            return Err(broken("it has a file the manifest does not name"));
        };
        let limit = if name == "model.onnx" { model_version::MODEL_MAX } else { TEXT_MAX };
        if length > limit {
            return Err(Error::too_large("body-too-large", format!("`{name}` is larger than is taken")));
        }
        let digest = keep(&cx, &mut reader, length).await?;
        if digest != *wanted {
            return Err(broken("a file is not what the manifest says"));
        }
        if name == "model.onnx" {
            model = Some(digest);
        }
    }
    let digest = model.ok_or_else(|| broken("it has no model"))?;
    let mut spec: serde_json::Map<String, Value> =
        manifest.spec.into_iter().filter(|(name, _)| CARRIED.contains(&name.as_str())).collect();
    spec.insert("model".to_owned(), json!(it.name()));
    spec.insert("blob".to_owned(), json!(digest));
    validate::accept(<Version as kind::Fields>::FIELDS, &mut spec, "spec")?;
    let spec: Version = serde_json::from_value(Value::Object(spec))
        .map_err(|error| broken("the manifest does not fit a version").because(error))?;
    let version = model_version::register(&cx, spec).await?;
    Ok(Imported {
        version: version.metadata.name,
        digest,
        from: format!("{} version {}", manifest.model, manifest.version),
    })
}
