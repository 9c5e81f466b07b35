//! `aic deploy`: from files to an endpoint that answers, in front of the user.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Cx, endpoint, follow, mlflow};
use crate::client::{Ask, encoded};
use crate::failure::{Exit, Failure, Result};
use crate::output::text;

/// Arguments of `aic deploy`.
#[derive(clap::Args)]
pub struct Deploy {
    /// An ONNX file, or a directory that MLflow saved (it has a file `MLmodel`).
    path: PathBuf,
    /// What to call the model and its endpoint; without it, as the file.
    #[arg(short, long)]
    name: Option<String>,
    /// Do not wait until it answers.
    #[arg(long)]
    detach: bool,
}

/// Registers a version of what the files are, and lets the endpoint of its name answer with it.
pub fn deploy(cx: &mut Cx, it: &Deploy) -> Result<()> {
    if cx.settings.dry_run {
        return Err(Failure::usage("an upload has no dry run"));
    }
    let name = it.name.clone().map_or_else(|| named(&it.path), Ok)?;
    let version = match it.path.join("MLmodel").is_file() {
        true => mlflow::register(cx, &it.path, &name)?,
        false => upload(cx, &it.path, &name)?,
    };
    let put = endpoint::deploy(cx, &name, &json!({"model": name, "version": version}))?;
    let done = if it.detach { put } else { ready(cx, &name, &version)? };
    cx.out.value(&done, |_| {
        let state = if it.detach { "is being made ready" } else { "answers" };
        format!(
            "endpoint/{name} {state} with {name} version {version}\nnext: aic predict {name} --row '{{…}}'\n"
        )
    })
}

/// The name that a file gives: small letters, digits and hyphens.
fn named(path: &Path) -> Result<String> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String = stem.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
    let name = plain.trim_matches('-').to_owned();
    if name.is_empty() {
        return Err(Failure::usage(format!("`{}` gives no name", path.display())).hint("say --name NAME"));
    }
    Ok(name)
}

/// Uploads an ONNX file as the next version of a model that is made where it is not there.
fn upload(cx: &mut Cx, path: &Path, name: &str) -> Result<String> {
    let wrong = |error| Failure::file(path.display(), &error);
    let file = File::open(path).map_err(wrong)?;
    let told = file.metadata().map_err(wrong)?;
    if told.is_dir() {
        return Err(Failure::usage(format!("`{}` has no file `MLmodel`", path.display()))
            .hint("name an ONNX file, or a directory that `mlflow.….save_model` wrote"));
    }
    match cx.client.json(Ask::post("/api/v1/catalog/models").json(&json!({"metadata": {"name": name}}))) {
        Err(failure) if failure.exit == Exit::Conflict => {}
        other => other.map(|_| ())?,
    }
    let meter = cx.out.meter("sent", Some(told.len()));
    let ask = Ask::post(format!("/api/v1/catalog/models/{}/upload", encoded(name)));
    let made = cx.client.json(ask.stream("application/octet-stream", told.len(), meter.reading(file)))?;
    // A version is called by its model and its number.
    Ok(text(&made, "version").rsplit('.').next().unwrap_or_default().to_owned())
}

/// Waits until the endpoint answers with the version, or says why it does not.
fn ready(cx: &mut Cx, name: &str, version: &str) -> Result<Value> {
    /// An endpoint without a run is ready at once or never.
    const LOOKS: u32 = 600;
    for look in 0..LOOKS {
        let it = cx.client.json(Ask::get(endpoint::item(name)))?;
        let run = text(&it, "status.run");
        if !run.is_empty() {
            follow::follow(cx, &run)?;
            continue;
        }
        let is_seen = it["status"]["observedGeneration"] == it["metadata"]["generation"];
        if is_seen && text(&it, "status.serving") == format!("{name}.{version}") {
            return Ok(it);
        }
        if is_seen && text(&it, "status.phase") != "Pending" {
            return Err(Failure::failed(format!(
                "version {version} does not answer: {}",
                text(&it, "status.message")
            )));
        }
        follow::pause(Duration::from_millis(if look < 50 { 20 } else { 500 }));
    }
    Err(Failure::unavailable(format!("endpoint/{name} is not ready yet"))
        .hint(format!("look with `aic get endpoint {name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_a_name() {
        for (path, name) in
            [("churn.onnx", "churn"), ("./My Model_v2.onnx", "my-model-v2"), ("models/forest", "forest")]
        {
            assert_eq!(named(Path::new(path)).unwrap(), name);
        }
        assert!(named(Path::new("..")).is_err());
        assert!(named(Path::new("___.onnx")).is_err());
    }
}
