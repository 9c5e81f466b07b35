//! What a version is run as: an ONNX file in this process, or a directory of one of MLflow's flavours in a program of its own.

use std::sync::Arc;

use kernel::{object::Raw, prelude::*, runs::StepCx};
use places::manifest::Signed;
use ports::infer::{
    Infer, Model,
    flavour::{Bundle, Flavours, Started},
};

use crate::gate::VERSIONS;

/// The largest model that is loaded, in bytes.
const MODEL_MAX: u64 = 2 << 30;

/// What a version is run as.
pub enum Form {
    /// An ONNX file.
    Onnx(Digest),
    /// The files of a flavour.
    Flavour(Bundle),
}

/// What is read of a version to know it.
#[derive(Deserialize)]
struct Files {
    blob: Option<Digest>,
    source: Option<String>,
}

/// Whether a version is code, which takes a while to be made ready.
pub async fn is_code(cx: &Cx, version: &str) -> Result<bool> {
    let files = cx.read(VERSIONS, version).await?.spec_as::<Files>()?;
    Ok(files.blob.is_none() && files.source.is_some())
}

impl Form {
    /// What a version is run as, its files held against what was signed.
    ///
    /// # Errors
    /// `version-not-runnable` where there is nothing here to run; `version-tampered` and its like.
    pub async fn of(cx: &Cx, version: &Raw) -> Result<Self> {
        let files = Signed::of(version).check(cx).await?;
        if let Some(blob) = version.spec_as::<Files>()?.blob {
            return Ok(Self::Onnx(blob));
        }
        if files.is_empty() {
            return Err(Error::conflict(
                "version-not-runnable",
                "the version has neither an ONNX file nor a directory of a model here",
            )
            .hint("log the model with MLflow's client, or save it as ONNX, and make a version of that"));
        }
        let mut bundle = Bundle { files: Vec::new(), digest: files.digest() };
        for (path, blob, _) in files.files() {
            bundle.files.push((path.clone(), cx.platform().blobs.local(*blob).await?));
        }
        Ok(Self::Flavour(bundle))
    }

    /// The model, ready to answer; and a row of its own example, where it brings one.
    pub async fn load(self, cx: &Cx) -> Result<(Arc<dyn Model>, Option<Value>)> {
        match self {
            Self::Onnx(blob) => {
                let bytes = cx.platform().blobs.get(blob, MODEL_MAX).await?;
                let infer = cx.port::<dyn Infer>()?;
                Ok((cx.blocking(move || infer.load(&bytes)).await?, None))
            }
            Self::Flavour(bundle) => {
                let flavours = cx.port::<dyn Flavours>()?;
                let Started { model, example } = cx.blocking(move || flavours.start(&bundle)).await?;
                Ok((model, example))
            }
        }
    }
}

/// Makes what a version needs beside itself, which may take minutes.
pub async fn prepare(step: &StepCx, version: &str) -> Result<()> {
    let cx = &step.cx;
    let Form::Flavour(bundle) = Form::of(cx, &cx.read(VERSIONS, version).await?).await? else {
        return Ok(());
    };
    let (flavours, watch) = (cx.port::<dyn Flavours>()?, step.clone());
    cx.blocking(move || flavours.prepare(&bundle, &watch)).await
}
