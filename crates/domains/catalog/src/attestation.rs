//! What proves that a version's files are those that were registered: a statement signed with the platform's key.
//!
//! A version is signed when it is made, and verified whenever it is loaded. What was changed past the platform, in the
//! store or on disk, is not loaded. Of a directory the list of its files is signed: their paths, lengths and digests.

use kernel::prelude::*;
use places::{Manifest, manifest::Signed};
use ports::notary::{Made, Notary};

use crate::model_version::{MODEL_MAX, Version};

fn made(it: &Object<Version>) -> Result<Option<Made>> {
    let spec = serde_json::to_value(&it.spec).map_err(Error::internal)?;
    Ok(spec.as_object().and_then(|spec| Made::with_files(&it.org, &it.metadata.namespace, spec)))
}

/// A version's attestation, made of its ONNX file and of what lies in its directory; nothing where nothing is here.
pub async fn of(cx: &Cx, it: &Object<Version>, onnx: Option<&[u8]>) -> Result<Option<Value>> {
    let tree = Manifest::of(cx, it.spec.source.as_deref()).await?.tree();
    let Some(made) = made(it)?.filter(|_| onnx.is_some() || tree.is_some()) else { return Ok(None) };
    let notary = cx.port::<dyn Notary>()?;
    let sha256 = onnx.map(|bytes| notary.sha256(bytes));
    let envelope = notary.attest(&made.statement(sha256.as_deref(), tree.as_ref()));
    serde_json::to_value(envelope).map(Some).map_err(Error::internal)
}

/// Signs the version as it is now.
pub async fn sign(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Verified> {
    let onnx = match it.spec.blob {
        Some(blob) => Some(cx.platform().blobs.get(blob, MODEL_MAX).await?),
        None => None,
    };
    let attestation = of(&cx, &it, onnx.as_deref()).await?;
    let signed = cx
        .doing("sign")
        .update_status::<Version>(it.metadata.uid.as_str(), |status| {
            status.attestation.clone_from(&attestation);
        })
        .await?;
    verify(cx, signed, Nothing {}).await
}

/// Whether a version is what was signed.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Verified {
    /// Whether it is.
    verified: bool,
    /// Why not.
    reason: Option<String>,
    /// What was signed, as an envelope of DSSE around a statement of in-toto.
    attestation: Option<Value>,
}

/// Whether the version is what was signed, its files read again.
pub async fn verify(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Verified> {
    let attestation = it.status.attestation.clone();
    let reason = match checked(&cx, &it).await {
        Ok(files) if files.is_empty() && it.spec.blob.is_none() => Err(elsewhere(&it)),
        Ok(files) => read(&cx, &it, &files).await,
        Err(error) => Err(error),
    };
    let reason = reason.err().map(|error| error.message().to_owned());
    Ok(Verified { verified: reason.is_none(), reason, attestation })
}

fn elsewhere(it: &Object<Version>) -> Error {
    Error::conflict("version-unsigned", format!("none of the files of version `{}` is here", it.name()))
}

/// Reads every file of a version, each of which is verified by its digest.
async fn read(cx: &Cx, it: &Object<Version>, files: &Manifest) -> Result<()> {
    if let Some(blob) = it.spec.blob {
        cx.platform().blobs.get(blob, MODEL_MAX).await?;
    }
    files.read(cx, it.name()).await
}

/// Refuses a version that is not what was signed; answers the files of its directory.
pub async fn checked(cx: &Cx, it: &Object<Version>) -> Result<Manifest> {
    let spec = serde_json::to_value(&it.spec).map_err(Error::internal)?;
    let spec = spec.as_object().ok_or_else(|| Error::internal("a spec is an object"))?;
    let (org, project, name) = (&*it.org, &*it.metadata.namespace, it.name());
    let attestation = it.status.attestation.as_ref();
    Signed { org, project, name, spec, attestation }.check(cx).await
}

/// The same, and that the ONNX file is still what its digest says, for whoever is about to give it away.
pub async fn loadable(cx: &Cx, it: &Object<Version>) -> Result<()> {
    checked(cx, it).await?;
    match it.spec.blob {
        Some(blob) => cx.platform().blobs.local(blob).await.map(drop),
        None => Ok(()),
    }
}

/// The key others verify with.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// The public key as PEM.
    public_key: String,
}

/// The public key that versions and cards are signed with.
pub async fn key(cx: Cx, _: Nothing) -> Result<Key> {
    Ok(Key { public_key: cx.port::<dyn Notary>()?.public_pem() })
}
