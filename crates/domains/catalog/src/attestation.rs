//! What proves that a version's file is the one that was registered: a statement signed with the platform's key.
//!
//! A version is signed when it is made, and verified whenever it is loaded. What was changed past the platform, in the
//! store or on disk, is not loaded.

use kernel::prelude::*;
use ports::notary::{Made, Notary};

use crate::model_version::{MODEL_MAX, Version};

fn made(it: &Object<Version>) -> Result<Option<Made>> {
    let spec = serde_json::to_value(&it.spec).map_err(Error::internal)?;
    Ok(spec.as_object().and_then(|spec| Made::of(&it.org, &it.metadata.namespace, spec)))
}

/// A version's attestation, made of its file.
pub fn of(cx: &Cx, it: &Object<Version>, bytes: &[u8]) -> Result<Option<Value>> {
    let Some(made) = made(it)? else { return Ok(None) };
    let notary = cx.port::<dyn Notary>()?;
    let envelope = notary.attest(&made.statement(&notary.sha256(bytes)));
    serde_json::to_value(envelope).map(Some).map_err(Error::internal)
}

/// Signs the version as it is now.
pub async fn sign(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Verified> {
    let bytes = cx.platform().blobs.get(it.spec.onnx()?, MODEL_MAX).await?;
    let attestation = of(&cx, &it, &bytes)?;
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

/// Whether the version is what was signed, its file read again.
pub async fn verify(cx: Cx, it: Object<Version>, _: Nothing) -> Result<Verified> {
    let blob = it.spec.onnx()?;
    let reason = match checked(&cx, &it) {
        Ok(()) => cx.platform().blobs.get(blob, MODEL_MAX).await.err(),
        Err(error) => Some(error),
    };
    let reason = reason.map(|error| error.message().to_owned());
    Ok(Verified { verified: reason.is_none(), reason, attestation: it.status.attestation })
}

/// Refuses a version that is not what was signed.
fn checked(cx: &Cx, it: &Object<Version>) -> Result<()> {
    let Some(made) = made(it)? else { return Ok(()) };
    made.check(&*cx.port::<dyn Notary>()?, it.status.attestation.as_ref())
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
