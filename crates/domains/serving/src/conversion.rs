//! Converting a model that is code to ONNX: served instead where both say the same to the model's own example.
//!
//! What is converted is the version, once: the revision that was made first names the file, and later ones of the version take it.

use kernel::{prelude::*, runs::StepCx};
use ports::infer::{
    Infer,
    flavour::{Bundle, Flavours},
};

use crate::{
    endpoint::{Endpoint, engine::Conversion as Setting},
    form::Form,
    gate::VERSIONS,
    revision::Revision,
};

/// What became of converting a model that is code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Conversion {
    /// The ONNX file that serves instead of the code.
    pub blob: Option<Digest>,
    /// The digest of the files that it was made of.
    pub files: Option<Digest>,
    /// Why the code itself serves.
    pub reason: Option<String>,
    /// How many rows both answered alike: those of the model's example, and others made like them.
    pub rows: u64,
    /// How far their numbers were apart at most, of the larger of them and 1.
    pub apart: f64,
    /// A row of the model's own example.
    pub example: Option<Value>,
}

/// Converts a version for an endpoint; nothing for what is no code. What stands in the way is told and fails nothing.
pub async fn of(step: &StepCx, it: &Object<Endpoint>, version: &str) -> Result<Option<Conversion>> {
    let cx = &step.cx;
    let Form::Flavour(bundle) = Form::of(cx, &cx.read(VERSIONS, version).await?).await? else {
        return Ok(None);
    };
    let setting = it.spec.engine.as_ref().map(|it| it.conversion).unwrap_or_default();
    let made = match setting {
        Setting::Off => Err("the endpoint wants the code itself".to_owned()),
        Setting::Auto => match known(cx, version, &bundle).await? {
            Some(known) => Ok(known),
            None => made(step, &bundle).await,
        },
    };
    step.check()?;
    let told = made.unwrap_or_else(|reason| Conversion { reason: Some(reason), ..Conversion::default() });
    step.line(&match &told.reason {
        Some(reason) => format!("it is not served as ONNX: {reason}"),
        None => format!("it is served as ONNX: {} rows answered alike, {:.1e} apart", told.rows, told.apart),
    });
    Ok(Some(told))
}

/// What an earlier revision of the version was converted to, where the files are the same and it is still there.
async fn known(cx: &Cx, version: &str, bundle: &Bundle) -> Result<Option<Conversion>> {
    let filter = format!("spec.modelVersion = \"{version}\"");
    for it in cx.list::<Revision>(&filter, 1_000).await? {
        let Some(known) = it.status.conversion.filter(|it| it.files == Some(bundle.digest)) else { continue };
        if let Some(blob) = known.blob
            && cx.platform().blobs.length(blob).await.is_ok()
        {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

async fn made(step: &StepCx, bundle: &Bundle) -> Result<Conversion, String> {
    let cx = &step.cx;
    let words = |error: Error| error.message().to_owned();
    let (flavours, infer) =
        (cx.port::<dyn Flavours>().map_err(words)?, cx.port::<dyn Infer>().map_err(words)?);
    let (watch, files) = (step.clone(), bundle.clone());
    step.line("converting it to ONNX");
    let held = cx.blocking(move || {
        let converted = flavours.convert(&files, &watch)?;
        Ok(converted.alike(&*infer).map(|alike| (alike, converted.example)))
    });
    let (alike, example) = held.await.map_err(words)??;
    Ok(Conversion {
        blob: Some(cx.platform().blobs.put(alike.file).await.map_err(words)?.digest),
        files: Some(bundle.digest),
        reason: None,
        rows: alike.rows as u64,
        apart: alike.apart,
        example,
    })
}
