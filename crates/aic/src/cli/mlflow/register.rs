//! A directory that MLflow saved, put into the registry by the platform's own face as MLflow's client would.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    far::{Bytes, Server, address, text},
    source::proxied,
};
use crate::{
    cli::Cx,
    failure::{Failure, Result},
};

/// A file of the directory.
struct Local {
    path: PathBuf,
    length: u64,
}

impl Bytes for Local {
    fn length(&self) -> u64 {
        self.length
    }

    fn open(&self) -> Result<Box<dyn Read>> {
        let file = File::open(&self.path).map_err(|error| Failure::file(self.path.display(), &error))?;
        Ok(Box::new(file))
    }
}

/// Logs the directory as a model and makes a version of it; answers the version's number.
pub fn register(cx: &mut Cx, directory: &Path, model: &str) -> Result<String> {
    let server = Server::ours(&cx.settings)?;
    let experiment = experiment(&server, model)?;
    let ask = json!({"experiment_id": experiment, "name": model, "model_type": "", "params": [], "tags": []});
    let made = server.make("2.0 logged-models", &ask)?;
    let info = &made["model"]["info"];
    let id = text(info, "model_id").to_owned();
    let root = proxied(text(info, "artifact_uri"))
        .ok_or_else(|| Failure::failed("the server keeps no files for its clients"))?;
    let files = files(directory)?;
    for (number, (path, file)) in files.iter().enumerate() {
        cx.out.draw(&format!("sending {path} ({} of {})", number + 1, files.len()));
        let there = format!("/api/2.0/mlflow-artifacts/artifacts/{}", address(&format!("{root}/{path}")));
        server.put(&there, file)?;
    }
    server.patch(
        &format!("2.0 logged-models/{id}"),
        &json!({"model_id": id, "status": "LOGGED_MODEL_READY"}),
    )?;
    known(server.make("2.0 registered-models/create", &json!({"name": model})))?;
    let ask = json!({"name": model, "source": format!("models:/{id}"), "model_id": id});
    let version = server.make("2.0 model-versions/create", &ask)?;
    Ok(text(&version["model_version"], "version").to_owned())
}

/// The experiment that is called like the model.
fn experiment(server: &Server, model: &str) -> Result<String> {
    known(server.make("2.0 experiments/create", &json!({"name": model})))?;
    let found = server.get("2.0 experiments/get-by-name", &[("experiment_name", model)])?;
    Ok(text(&found["experiment"], "experiment_id").to_owned())
}

/// What is there already is as good as made.
fn known(made: Result<Value>) -> Result<()> {
    match made {
        Err(failure) if failure.code() == Some("RESOURCE_ALREADY_EXISTS") => Ok(()),
        other => other.map(|_| ()),
    }
}

/// All files below a directory by their paths; links are not followed.
fn files(directory: &Path) -> Result<Vec<(String, Local)>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(at) = open.pop() {
        let wrong = |error| Failure::file(at.display(), &error);
        for entry in fs::read_dir(&at).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(wrong)?);
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let length = entry.metadata().map_err(wrong)?.len();
                let below = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((below, Local { path, length }));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
