//! What is recorded of one version, read as far as it is needed here, and whether it holds.

use std::collections::BTreeMap;

use kernel::prelude::*;
use ports::infer::{Infer, Signature};

use crate::{
    attestation,
    model::Model,
    model_version::{self, Version},
};

/// The kind of versions.
pub const VERSIONS: &str = "catalog.model-versions";

/// The part of a version's spec that is needed here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Its number.
    pub number: u64,
    /// The digest of its ONNX file.
    pub blob: Option<Digest>,
    /// What it takes and gives.
    pub signature: Option<Value>,
    /// What it is for.
    pub task: Option<String>,
    /// Its metrics.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
}

/// What is recorded of one version.
pub struct Facts {
    /// Its name, `churn.1`.
    pub name: String,
    /// What was declared.
    pub spec: Spec,
    /// How far it has come.
    pub stage: Value,
    /// The length of its ONNX file.
    pub bytes: Option<u64>,
}

impl Facts {
    /// The facts of a version by its name.
    pub async fn of(cx: &Cx, name: &str) -> Result<Self> {
        let raw = cx.read(VERSIONS, name).await?;
        Ok(Self {
            name: raw.metadata.name.clone(),
            spec: raw.spec_as()?,
            stage: raw.status.get("stage").cloned().unwrap_or_default(),
            bytes: raw.status.get("bytes").and_then(Value::as_u64),
        })
    }

    /// The facts of a model's version by its number, or of the latest.
    pub async fn of_model(cx: &Cx, it: &Object<Model>, number: Option<u64>) -> Result<Self> {
        let latest = || it.status.latest.clone();
        let name =
            number.map(|number| format!("{}.{number}", it.name())).or_else(latest).ok_or_else(|| {
                Error::conflict("model-empty", format!("model `{}` has no version yet", it.name()))
                    .hint("train it, or upload a version")
            })?;
        Self::of(cx, &name).await.map_err(|error| error.at("version"))
    }

    /// The digest of the ONNX file, which not every version has.
    pub fn onnx(&self) -> Result<Digest> {
        self.spec.blob.ok_or_else(|| {
            Error::conflict("model-empty", format!("version `{}` has no ONNX file", self.name))
        })
    }

    /// What wrote the model: the producer an ONNX file names in its first fields.
    pub async fn framework(&self, cx: &Cx) -> Result<String> {
        let Some(blob) = self.spec.blob else { return Ok("other".to_owned()) };
        let front = cx.platform().blobs.range(blob, 0, 1024).await?;
        Ok(producer(&front).unwrap_or_else(|| "onnx".to_owned()))
    }
}

/// The field `producer_name` (2) of an ONNX `ModelProto`, which comes behind `ir_version` (1).
fn producer(mut bytes: &[u8]) -> Option<String> {
    fn varint(bytes: &mut &[u8]) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
    loop {
        let tag = varint(&mut bytes)?;
        match (tag >> 3, tag & 7) {
            (2, 2) => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let name = std::str::from_utf8(bytes.get(..length)?).ok()?.trim();
                let shown: String = name.chars().take(100).collect();
                return Some(shown).filter(|name| !name.is_empty());
            }
            (_, 0) => drop(varint(&mut bytes)?),
            (_, 2) => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                bytes = bytes.get(length..)?;
            }
            (_, _) => return None,
        }
    }
}

/// Metrics of a version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Measured {
    /// The number of the version; the latest when not given.
    version: Option<u64>,
    /// The metrics by name; those of the same name are replaced.
    metrics: BTreeMap<String, f64>,
}

/// Adds measured metrics to a version.
pub async fn add_metrics(cx: Cx, it: Object<Model>, ask: Measured) -> Result<Value> {
    if ask.metrics.is_empty() {
        return Err(Error::invalid("too-short", "name at least one metric").at("metrics"));
    }
    let facts = Facts::of_model(&cx, &it, ask.version).await?;
    let mut version = cx.get::<Version>(&facts.name).await?;
    version.spec.metrics.extend(ask.metrics);
    let saved = cx.doing("add-metrics").save(&version).await?;
    Ok(json!({"version": saved.spec.number, "metrics": saved.spec.metrics}))
}

/// Of which version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Its number; the latest when not given.
    version: Option<u64>,
}

/// Tries whether a version is whole, loads and predicts for its example.
pub async fn validate(cx: Cx, it: Object<Model>, ask: Which) -> Result<Value> {
    let facts = Facts::of_model(&cx, &it, ask.version).await?;
    let mut checks = Vec::new();
    let mut note = |check: &str, outcome: Result<String>| {
        let (passed, message) = match outcome {
            Ok(message) => (true, message),
            Err(error) => (false, error.message().to_owned()),
        };
        checks.push(json!({"check": check, "passed": passed, "message": message}));
        passed
    };
    let blob = facts.onnx()?;
    let bytes = cx.platform().blobs.get(blob, model_version::MODEL_MAX).await;
    note(
        "digest",
        bytes.as_ref().map(|it| format!("{} bytes are those of {blob}", it.len())).map_err(Clone::clone),
    );
    let version = cx.get::<Version>(&facts.name).await?;
    let signed = attestation::checked(&cx, &version).await;
    note("signed", signed.map(|_| "it is what was signed".to_owned()));
    let infer = cx.port::<dyn Infer>()?;
    let loaded = match bytes {
        Ok(bytes) => cx.blocking(move || infer.load(&bytes)).await,
        Err(error) => Err(error),
    };
    let model = loaded.as_ref().ok().cloned();
    note("loads", loaded.map(|_| "the file loads here".to_owned()));
    if let Some(model) = model {
        let inputs = model.signature().inputs.len();
        let declared = facts.spec.signature.clone().unwrap_or_default();
        let declared: Option<Signature> = serde_json::from_value(declared).ok();
        let same = declared.is_some_and(|declared| names(&declared) == names(model.signature()));
        let told = if same {
            Ok(format!("{inputs} inputs as declared"))
        } else {
            Err(Error::conflict("tensor-wrong-shape", "the declared signature is not that of the file"))
        };
        note("signature", told);
        let predicted = super::tried(&cx, &facts.name, None).await;
        note("example", predicted.map(|_| "it predicts for the example".to_owned()));
    }
    let valid = checks.iter().all(|check| check["passed"] == true);
    Ok(json!({"version": facts.spec.number, "valid": valid, "checks": checks}))
}

/// The names of what a model takes and gives.
fn names(signature: &Signature) -> (Vec<&str>, Vec<&str>) {
    (
        signature.inputs.iter().map(|slot| slot.name.as_str()).collect(),
        signature.outputs.iter().map(|slot| slot.name.as_str()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_producer_is_read_from_the_first_fields() {
        assert_eq!(producer(b"\x08\x08\x12\x07skl2onn").as_deref(), Some("skl2onn"));
        assert_eq!(producer(b"\x08\x08\x12\x00"), None);
        assert_eq!(producer(b"\x08\x08\x12\x7fshort"), None);
        assert_eq!(producer(b""), None);
    }
}
