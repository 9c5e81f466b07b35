//! From the words MLflow has for where files are (`runs:/…`, `models:/…`) to the place itself.

use base::Result;
use kernel::{cx::Cx, literal, object::Raw};
use serde_json::Value;

use crate::{EXPERIMENTS, LOGGED, MODELS, RUNS, VERSIONS, living, missing, number, text, title, whole};

/// How long a way from version to version may be.
const WAY_MAX: u32 = 20;
/// The most versions of a model that are looked at for the one in a stage.
const VERSIONS_MAX: u32 = 100_000;

/// Where an experiment's files are.
pub fn of_experiment(it: &Raw) -> String {
    match text(it, "artifactLocation") {
        Some(place) => place.to_owned(),
        None => format!("mlflow-artifacts:/{}", it.metadata.uid),
    }
}

/// Where a run's files are.
///
/// # Errors
/// Those of the store.
pub async fn of_run(cx: &Cx, run: &Raw) -> Result<String> {
    let name = text(run, "experiment").unwrap_or_default();
    let experiment = match living(cx, EXPERIMENTS, name).await? {
        Some(it) => Some(it),
        None => {
            let all = cx.list_with_trash(EXPERIMENTS, "", VERSIONS_MAX).await?;
            all.into_iter().find(|it| it.metadata.name == name)
        }
    };
    let root = experiment.map_or_else(|| "mlflow-artifacts:/".to_owned(), |it| of_experiment(&it));
    Ok(format!("{}/{}/artifacts", root.trim_end_matches('/'), run.metadata.uid))
}

/// Where a logged model's files are, if there is such a model.
///
/// # Errors
/// Those of the store.
pub async fn of_logged(cx: &Cx, id: &str) -> Result<Option<String>> {
    let found = living(cx, LOGGED, id).await?;
    Ok(found.and_then(|it| text(&it, "artifactLocation").map(str::to_owned)))
}

/// The model and the version that `NAME/VERSION`, `NAME/STAGE` or `NAME@ALIAS` means; nothing when it is a logged model.
///
/// # Errors
/// `not-found` (404) in MLflow's words.
pub async fn version_of(cx: &Cx, uri: &str) -> Result<Option<(Raw, Raw)>> {
    let (model, found) = if let Some((name, which)) = uri.split_once('/') {
        let model = titled(cx, name).await?;
        let found = match which.parse::<u64>() {
            Ok(number) => Some(number),
            Err(_) => in_stage(cx, &model, which).await?,
        };
        (model, found)
    } else if let Some((name, alias)) = uri.rsplit_once('@') {
        let model = titled(cx, name).await?;
        let found = model.spec.get("aliases").and_then(|all| all.get(alias)).and_then(Value::as_u64);
        (model, found)
    } else {
        return Ok(None);
    };
    let found = found.ok_or_else(|| missing(format!("No versions of model with '{uri}' found")))?;
    let version = living(cx, VERSIONS, &format!("{}.{found}", model.metadata.name)).await?;
    let version = version.ok_or_else(|| {
        missing(format!("Model Version (name={}, version={found}) not found", title(&model)))
    })?;
    Ok(Some((model, version)))
}

/// A model by what people call it.
async fn titled(cx: &Cx, name: &str) -> Result<Raw> {
    let filter = format!("spec.title = {}", literal(name));
    if let Some(it) = cx.list_raw(MODELS, &filter, 1).await?.pop() {
        return Ok(it);
    }
    let named = living(cx, MODELS, name).await?.filter(|it| title(it) == name);
    named.ok_or_else(|| missing(format!("Registered Model with name={name} not found")))
}

/// The number of the latest version in a stage, or of all.
async fn in_stage(cx: &Cx, model: &Raw, which: &str) -> Result<Option<u64>> {
    let filter = format!("spec.model = {}", literal(&model.metadata.name));
    let all = cx.list_raw(VERSIONS, &filter, VERSIONS_MAX).await?;
    let is_meant = |it: &&Raw| {
        let stage = it.status.get("stage").and_then(Value::as_str).unwrap_or("None");
        which.eq_ignore_ascii_case("latest") || stage.eq_ignore_ascii_case(which)
    };
    Ok(all.iter().filter(is_meant).map(number).max())
}

/// Where files are, whatever words were used for it.
///
/// # Errors
/// `not-found` (404) in MLflow's words.
pub async fn resolved(cx: &Cx, source: &str) -> Result<String> {
    let mut source = source.to_owned();
    // A version of a version of a version; none of them can be its own.
    for _ in 0..WAY_MAX {
        let Some(uri) = source.strip_prefix("models:/") else { break };
        match version_of(cx, uri).await? {
            Some((_, version)) => source = text(&version, "source").unwrap_or_default().to_owned(),
            None => {
                let found = of_logged(cx, uri).await?;
                return found.ok_or_else(|| missing(format!("Logged model with ID '{uri}' not found.")));
            }
        }
    }
    if let Some(rest) = source.strip_prefix("runs:/") {
        let (run, path) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(it) = whole(cx, RUNS, run).await? {
            let root = of_run(cx, &it).await?;
            return Ok(format!("{root}/{path}").trim_end_matches('/').to_owned());
        }
    }
    Ok(source)
}
