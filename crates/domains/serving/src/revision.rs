//! A revision of an endpoint: one version of a model, loaded and tried, that never becomes another.

use kernel::prelude::*;

use crate::{conversion::Conversion, endpoint::engine::Engine};

/// What revisions serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Revision>) -> KindBuilder<Revision> {
    kind.child_of("endpoints", "endpoint").without(&["create", "update", "delete", "clone", "import"])
}

/// One version of a model, as an endpoint answers with it. Made by deploying and by roll-outs.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "endpoint-revision", prefix = "erv", status = "Status")]
pub struct Revision {
    /// The endpoint.
    #[field(reference = "catalog.endpoints", indexed, immutable)]
    pub endpoint: Ref,
    /// Its number at the endpoint, from 1.
    #[field(indexed, immutable)]
    pub number: u64,
    /// The version of the model.
    #[field(reference = "catalog.model-versions", indexed, immutable)]
    pub model_version: Ref,
    /// What the endpoint wanted it to be run by.
    #[field(immutable)]
    pub engine: Option<Engine>,
}

/// Where a revision is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Being loaded and tried.
    #[default]
    Pending,
    /// It can answer.
    Ready,
    /// It cannot be loaded, or failed its own example.
    Failed,
}

/// How a revision is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// Why it cannot answer.
    pub message: Option<String>,
    /// How it was tried before traffic: `example` by the version's own example, `blank` by a row made up of its
    /// signature, where a refusal says nothing.
    pub tried: Option<String>,
    /// Milliseconds that loading took.
    pub load_ms: Option<f64>,
    /// Milliseconds that the try took.
    pub try_ms: Option<f64>,
    /// As what it is run: `onnx`, `pyfunc` for a model that is code, `onnx-converted` for one that was converted,
    /// `server` for a model of another server, `graph` for one of several.
    pub form: Option<String>,
    /// What runs an ONNX file: `native` or `onnxruntime`.
    pub runtime: Option<String>,
    /// Why it is that one, where something was tried.
    pub runtime_reason: Option<String>,
    /// How long both took, where there was a choice.
    pub measured: Vec<Measured>,
    /// What became of converting a model that is code to ONNX.
    pub conversion: Option<Conversion>,
}

/// How long two runtimes took for the same rows: the median of several runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// How many rows at once.
    pub rows: u64,
    /// Microseconds of the platform's own runtime.
    pub native_us: f64,
    /// Microseconds of onnxruntime.
    pub onnxruntime_us: f64,
}

/// The name of a revision by its number.
pub fn name_of(endpoint: &str, number: u64) -> String {
    format!("{endpoint}.{number}")
}

/// A revision by its number; the field is the one that named it.
pub async fn numbered(cx: &Cx, endpoint: &str, number: u64, field: &str) -> Result<Object<Revision>> {
    let found = cx.get_opt::<Revision>(&name_of(endpoint, number)).await?;
    let it = found.ok_or_else(|| {
        Error::invalid("bad-reference", format!("endpoint `{endpoint}` has no revision {number}"))
            .at(field)
            .hint(format!(
                "`aic get endpoint-revisions --filter 'spec.endpoint = \"{endpoint}\"'` lists them"
            ))
    })?;
    if it.status.phase == Phase::Ready {
        return Ok(it);
    }
    let why = it.status.message.clone().unwrap_or_else(|| "it is still being tried".to_owned());
    Err(Error::conflict("revision-not-ready", format!("revision {number} cannot answer: {why}")).at(field))
}
