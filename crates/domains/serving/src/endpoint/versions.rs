//! What is asked of versions that need not be in service.

use kernel::prelude::*;

use super::Endpoint;
use crate::{
    how::How,
    live::Serving,
    predict::{self, Predicted},
    preparing,
};

/// Adds what is served of versions.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.action_on_all("try", "Predicts with a version of a model that need not be in service.", try_version)
        .needs("predict")
        .action_on_all(
            "signature",
            "What a version of a model takes and gives, and a row it can be tried with; it need not be in service.",
            signature,
        )
        .needs("predict")
        .action_on_all(
            "make-ready",
            "Makes what a version of a model needs beside itself, in a run where that takes a while.",
            make_ready,
        )
        .needs("predict")
}

/// With which version, for which rows.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Try {
    /// The version's name, such as `credit.3`.
    #[field(max = 253)]
    version: String,
    /// The rows; the version's own example when left out.
    #[field(max = 10000)]
    rows: Option<Vec<Value>>,
}

/// Predicts with any version.
async fn try_version(cx: Cx, ask: Try) -> Result<Predicted> {
    let loaded = cx.port::<Serving>()?.model(&cx, &ask.version, &How::wanted(None)).await?;
    let rows = match ask.rows {
        Some(rows) => rows,
        None => vec![loaded.example.clone().ok_or_else(|| {
            Error::conflict("no-example", "the version has no example to try").hint("send a row of your own")
        })?],
    };
    let predictions = predict::predicted(&cx, &loaded, &rows).await?;
    Ok(Predicted {
        predictions,
        model: loaded.name.clone(),
        version: loaded.number.to_string(),
        prediction_id: None,
    })
}

/// Which version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct OfVersion {
    /// The version's name, such as `credit.3`.
    #[field(max = 253)]
    version: String,
}

/// What any version takes and gives.
async fn signature(cx: Cx, ask: OfVersion) -> Result<Value> {
    let loaded = cx.port::<Serving>()?.model(&cx, &ask.version, &How::wanted(None)).await?;
    let mut told = serde_json::to_value(&loaded.signature).map_err(Error::internal)?;
    told["example"] = loaded.example.clone().unwrap_or_default();
    Ok(told)
}

/// Whether a version can be asked.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Readiness {
    /// Whether nothing is missing.
    ready: bool,
    /// The run that makes what is missing.
    run: Option<String>,
}

/// Orders what any version needs, where that is not there yet.
async fn make_ready(cx: Cx, ask: OfVersion) -> Result<Readiness> {
    let ready = preparing::is_prepared(&cx, &ask.version).await?;
    let run = if ready { None } else { Some(preparing::order(&cx, &ask.version).await?) };
    Ok(Readiness { ready, run })
}
