//! Where a version's files are: checked, so that a version names nothing but what its run or logged model has.

use kernel::{cx::Cx, object::Raw};
use percent_encoding::percent_decode_str;

use crate::{
    artifacts,
    fault::{Fault, Result},
    models,
    objects::{self, MODELS, RUNS},
    tree::{self, Found},
    versions,
};

/// What a request says of where a version comes from.
pub struct Source {
    /// Where its files are.
    pub source: String,
    /// The run it came from.
    pub run: Option<String>,
    /// The logged model it was made of.
    pub model: Option<String>,
}

fn bad(source: &str, why: &str) -> Fault {
    Fault::invalid(format!("Invalid model version source: '{source}'. {why}"))
}

fn outside(source: &str, field: &str) -> Fault {
    bad(
        source,
        &format!("The {field} request parameter must identify the resource that contains the source."),
    )
}

/// Refuses a source that is none; completes what a version of a version says of its origin.
pub async fn checked(cx: &Cx, told: Source, is_prompt: bool) -> Result<Source> {
    if is_prompt {
        return Ok(told);
    }
    if told.source.len() > 5_000 {
        return Err(bad("…", "It is longer than 5000 characters."));
    }
    let told = resolved(cx, told).await?;
    let plain = unquoted(&told.source);
    if !plain.contains("://") && !plain.contains(":/") || plain.starts_with("file:") {
        return Err(bad(
            &told.source,
            "To use a local path as a model version source, the run_id request parameter has to be specified and the local path has to be contained within the artifact directory of the run specified by the run_id.",
        ));
    }
    if plain.contains('\0') || plain.split('/').any(|part| part == ".." || part == ".") {
        return Err(bad(
            &told.source,
            "If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an absolute path.",
        ));
    }
    let (field, root) = match told.model.as_deref().filter(|model| !model.is_empty()) {
        Some(model) => ("model_id", logged_place(cx, model).await?),
        None => ("run_id", run_place(cx, told.run.as_deref().unwrap_or_default()).await?),
    };
    let fits = match plain.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
        Some((scheme, rest)) if scheme == "runs" => {
            let run = rest.trim_start_matches('/').split('/').next();
            field == "run_id" && run.is_some() && run == told.run.as_deref()
        }
        Some((scheme, rest)) if scheme == "models" => match rest.strip_prefix('/') {
            Some(name) if !name.contains(['/', '@']) => {
                field == "model_id" && Some(name) == told.model.as_deref()
            }
            Some(name) => !name.starts_with('/'),
            None => false,
        },
        Some((scheme, rest)) if scheme == "mlflow-artifacts" => {
            root.as_deref().is_some_and(|root| within(rest, root.trim_start_matches("mlflow-artifacts:")))
        }
        Some((_, rest)) => !rest.contains("/mlflow-artifacts/artifacts"),
        None => false,
    };
    if fits { Ok(told) } else { Err(outside(&told.source, field)) }
}

fn within(path: &str, root: &str) -> bool {
    let parts =
        |text: &str| text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, root) = (parts(path), parts(root));
    !root.is_empty() && path.starts_with(&root)
}

fn unquoted(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..10 {
        let next = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// A version of another version comes from where that one came from.
async fn resolved(cx: &Cx, told: Source) -> Result<Source> {
    let Some(uri) = told.source.strip_prefix("models:/") else { return Ok(told) };
    if uri.starts_with('/') {
        return Err(bad(&told.source, "Registered model sources must use the active model registry."));
    }
    let Some((model, version)) = places::version_of(cx, uri).await? else { return Ok(told) };
    objects::may(cx, MODELS, "get", &model.metadata.name).await?;
    if models::is_prompt(&model) {
        return Err(bad(&told.source, "Prompt versions cannot be used as model version sources."));
    }
    let field = |name| objects::text(&version, name).map(str::to_owned);
    let (run, logged) = (field("run").or_else(|| field("foreignRun")), field("loggedModel"));
    let differs = |given: &Option<String>, known: &Option<String>| {
        given.as_ref().is_some_and(|given| given != known.as_deref().unwrap_or_default())
    };
    if differs(&told.run, &run) || differs(&told.model, &logged) {
        return Err(bad(
            &told.source,
            "The run_id and model_id request parameters must match the referenced model version.",
        ));
    }
    let source = format!("models:/{}/{}", crate::title::title_of(&model), versions::number(&version));
    Ok(Source { source, run, model: logged })
}

/// Where a run's files are, if there is such a run.
async fn run_place(cx: &Cx, run: &str) -> Result<Option<String>> {
    if run.is_empty() {
        return Ok(None);
    }
    let Some(it) = objects::whole(cx, RUNS, run).await? else { return Ok(None) };
    Ok(Some(of_run(cx, &it).await?))
}

/// Where a run's files are.
pub async fn of_run(cx: &Cx, run: &Raw) -> Result<String> {
    Ok(places::of_run(cx, run).await?)
}

/// Where a logged model's files are, if there is such a model.
pub async fn logged_place(cx: &Cx, id: &str) -> Result<Option<String>> {
    Ok(places::of_logged(cx, id).await?)
}

/// Where files are, whatever words were used for it.
pub async fn place(cx: &Cx, source: &str) -> Result<String> {
    Ok(places::resolved(cx, source).await?)
}

/// The ONNX file among a version's files, if it has one: what can also be served here.
pub async fn onnx(cx: &Cx, source: &str) -> Result<Option<base::Digest>> {
    let place = match place(cx, source).await {
        Err(fault) if fault.status == 404 => return Ok(None),
        other => other?,
    };
    // Of anything else than a place of ours, and of models whose weights lie in files beside it, there is no one file.
    let Ok(root) = artifacts::here(&place) else { return Ok(None) };
    let Found::Directory(names) = tree::find(cx, &root).await? else { return Ok(None) };
    let has_weights = names.iter().any(|(name, _)| name.ends_with(".data") || name.ends_with(".weight"));
    let file = names.iter().find(|(name, _)| name == "model.onnx").and_then(|(_, file)| *file);
    Ok(file.filter(|_| !has_weights).map(|file| file.digest))
}
