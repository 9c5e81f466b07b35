//! What a version is run as: an ONNX file in this process, a directory of one of MLflow's flavours in a program of its own,
//! a model of another server, or a graph of other versions.

use std::sync::Arc;

use kernel::{object::Raw, prelude::*, runs::StepCx};
use places::{Manifest, manifest::Signed};
use ports::infer::{
    Infer, Model, Signature, Tensor,
    flavour::{Bundle, Flavours, Started},
    remote::{self, Servers},
};

use crate::{
    gate::VERSIONS,
    graph,
    how::{How, Told},
    server::{self, Meant, ModelServer},
};

/// The largest model that is loaded, in bytes.
const MODEL_MAX: u64 = 2 << 30;

/// What a version is run as.
pub enum Form {
    /// An ONNX file.
    Onnx(Digest),
    /// An ONNX file that the files of a flavour were converted to.
    Converted(Digest),
    /// The files of a flavour.
    Flavour(Bundle),
    /// A model of another server.
    Server(Box<remote::Server>),
    /// A graph, by its name.
    Graph(String),
}

/// A version that was loaded.
pub struct Ready {
    /// The model.
    pub model: Arc<dyn Model>,
    /// A row of its own example, where it brings one.
    pub example: Option<Value>,
    /// What is told of how it was loaded.
    pub told: Told,
}

/// What is read of a version to know it.
#[derive(Deserialize)]
struct Files {
    blob: Option<Digest>,
    source: Option<String>,
    signature: Option<Value>,
}

/// What a source names that is no place of files.
enum Named<'a> {
    /// A model of a server: `model-servers:/SERVER/MODEL`.
    Server(&'a str, &'a str),
    /// A graph: `inference-graphs:/GRAPH`.
    Graph(&'a str),
}

impl Files {
    fn named(&self) -> Option<Named<'_>> {
        let source = self.source.as_deref().filter(|_| self.blob.is_none())?;
        let server =
            source.strip_prefix("model-servers:/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        let graph = source.strip_prefix("inference-graphs:/");
        server.map(|(server, model)| Named::Server(server, model)).or(graph.map(Named::Graph))
    }
}

/// Whether it takes a while to make a version ready: code, programs that are started, and whatever needs them.
pub async fn takes_a_while(cx: &Cx, version: &str) -> Result<bool> {
    let files = cx.read(VERSIONS, version).await?.spec_as::<Files>()?;
    match files.named() {
        Some(Named::Server(name, _)) => Ok(cx.get::<ModelServer>(name).await?.spec.url.is_none()),
        Some(Named::Graph(name)) => {
            for version in graph::versions_of(cx, name).await? {
                if Box::pin(takes_a_while(cx, &version)).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        None => Ok(files.blob.is_none() && files.source.is_some()),
    }
}

/// The graph that a version is, if it is one.
pub fn graph_of(version: &Raw) -> Result<Option<String>> {
    Ok(match version.spec_as::<Files>()?.named() {
        Some(Named::Graph(name)) => Some(name.to_owned()),
        _ => None,
    })
}

impl Form {
    /// What a version is run as, its files held against what was signed.
    ///
    /// # Errors
    /// `version-not-runnable` where there is nothing here to run; `version-tampered` and its like.
    pub async fn of(cx: &Cx, version: &Raw) -> Result<Self> {
        let files = Signed::of(version).check(cx).await?;
        let found = version.spec_as::<Files>()?;
        if let Some(blob) = found.blob {
            return Ok(Self::Onnx(blob));
        }
        match found.named() {
            Some(Named::Graph(name)) => return Ok(Self::Graph(name.to_owned())),
            Some(Named::Server(name, model)) => {
                let signature = found.signature.clone().map(serde_json::from_value::<Signature>).transpose();
                let signature = signature.map_err(|error| {
                    Error::conflict("server-unfit", format!("the version's signature is none: {error}"))
                })?;
                return at_server(cx, name, (model, signature)).await;
            }
            None => {}
        }
        if files.is_empty() {
            return Err(Error::conflict(
                "version-not-runnable",
                "the version has neither an ONNX file nor a directory of a model here",
            )
            .hint("log the model with MLflow's client, or save it as ONNX, and make a version of that"));
        }
        Ok(Self::Flavour(Bundle { files: local(cx, &files).await?, digest: files.digest() }))
    }

    /// The server that answers, if it is one.
    pub fn server(&self) -> Option<String> {
        match self {
            Self::Server(server) => Some(server.name.clone()),
            Self::Onnx(_) | Self::Converted(_) | Self::Flavour(_) | Self::Graph(_) => None,
        }
    }

    /// The versions it is made of.
    pub async fn versions(&self, cx: &Cx) -> Result<Vec<String>> {
        match self {
            Self::Graph(name) => graph::versions_of(cx, name).await,
            Self::Onnx(_) | Self::Converted(_) | Self::Flavour(_) | Self::Server(_) => Ok(Vec::new()),
        }
    }

    /// The same as it was settled for a revision.
    pub async fn settled(cx: &Cx, version: &Raw, how: &How) -> Result<Self> {
        let Some(blob) = how.converted else { return Self::of(cx, version).await };
        Signed::of(version).check(cx).await?;
        Ok(Self::Converted(blob))
    }

    /// The model, ready to answer; `example` is a row to choose its runtime by.
    pub async fn load(self, cx: &Cx, how: &How, example: Option<Value>) -> Result<Ready> {
        let form = if matches!(self, Self::Converted(_)) { "onnx-converted" } else { "onnx" };
        match self {
            Self::Onnx(blob) | Self::Converted(blob) => {
                let bytes = cx.platform().blobs.get(blob, MODEL_MAX).await?;
                let (infer, how) = (cx.port::<dyn Infer>()?, how.clone());
                let chosen =
                    cx.blocking(move || infer.choose(&bytes, how.ask(&row(example.as_ref())))).await?;
                Ok(Ready { told: Told::of(form, &chosen), model: chosen.model, example: None })
            }
            Self::Flavour(bundle) => {
                let flavours = cx.port::<dyn Flavours>()?;
                let Started { model, example } = cx.blocking(move || flavours.start(&bundle)).await?;
                let told = Told { form: "pyfunc", ..Told::default() };
                Ok(Ready { model, example, told })
            }
            Self::Server(server) => {
                let servers = cx.port::<dyn Servers>()?;
                let model = cx.blocking(move || servers.open(*server)).await?;
                Ok(Ready { model, example: None, told: Told { form: "server", ..Told::default() } })
            }
            Self::Graph(name) => {
                let model = Box::pin(graph::load(cx, &name)).await?;
                Ok(Ready { model, example: None, told: Told { form: "graph", ..Told::default() } })
            }
        }
    }
}

/// A model of a server.
async fn at_server(cx: &Cx, name: &str, (model, signature): (&str, Option<Signature>)) -> Result<Form> {
    let it = cx.get::<ModelServer>(name).await?;
    let files = Manifest::of(cx, it.spec.files.as_deref()).await?;
    let files = local(cx, &files).await?;
    let meant = Meant { model: model.to_owned(), signature, files };
    Ok(Form::Server(Box::new(server::meant(&it, meant))))
}

/// Where files lie on this machine.
async fn local(cx: &Cx, files: &Manifest) -> Result<Vec<(String, std::path::PathBuf)>> {
    let mut found = Vec::with_capacity(files.files().len());
    for (path, blob, _) in files.files() {
        found.push((path.clone(), cx.platform().blobs.local(*blob).await?));
    }
    Ok(found)
}

/// A row as tensors, once it is known what the model takes.
fn row(example: Option<&Value>) -> impl Fn(&Signature) -> Option<Vec<Tensor>> {
    move |signature| {
        let row = example.filter(|it| it.is_object())?;
        forms::rows::tensors(signature, std::slice::from_ref(row)).ok()
    }
}

/// Makes what a version needs beside itself, which may take minutes.
pub async fn prepare(step: &StepCx, version: &str) -> Result<()> {
    let cx = &step.cx;
    let bundle = match Form::of(cx, &cx.read(VERSIONS, version).await?).await? {
        Form::Flavour(bundle) => bundle,
        Form::Graph(name) => {
            for version in graph::versions_of(cx, &name).await? {
                Box::pin(prepare(step, &version)).await?;
            }
            return Ok(());
        }
        Form::Onnx(_) | Form::Converted(_) | Form::Server(_) => return Ok(()),
    };
    let (flavours, watch) = (cx.port::<dyn Flavours>()?, step.clone());
    cx.blocking(move || flavours.prepare(&bundle, &watch)).await
}
