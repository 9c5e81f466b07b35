//! Where everything is read from: in the shapes of MLflow's REST API, whoever answers.

use std::io::Read;

use serde_json::{Value, json};

use super::far::{PAGE, Server, address, taken, text};
use super::spans;
use crate::client::encoded;
use crate::failure::{Exit, Failure, Result};

/// Whose files.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What they belong to.
    pub owner: Owner,
    /// Where the server says that they are.
    pub place: String,
}

/// What files belong to.
#[derive(Clone, Debug)]
pub enum Owner {
    /// A run.
    Run(String),
    /// A logged model.
    Model(String),
}

/// A page of runs, and the token of the next one.
pub type Page = (Vec<Value>, Option<String>);

/// Everything there is to copy.
pub trait Source: Sync {
    /// What it is called.
    fn name(&self) -> String;

    /// All experiments, those in the trash, too.
    fn experiments(&self) -> Result<Vec<Value>>;

    /// Runs of an experiment, those in the trash, too, as a search answers them.
    fn runs(&self, experiment: &str, page: Option<&str>) -> Result<Page>;

    /// A run with all there is to know of it, where a search answers less.
    fn whole(&self, run: Value) -> Result<Value>;

    /// A metric's history, in pieces as they come.
    fn history(&self, run: &str, key: &str, each: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()>;

    /// The logged models of an experiment.
    fn logged_models(&self, experiment: &str) -> Result<Vec<Value>>;

    /// All registered models, prompts included.
    fn models(&self) -> Result<Vec<Value>>;

    /// The versions of a registered model.
    fn versions(&self, model: &Value) -> Result<Vec<Value>>;

    /// All evaluation datasets, each with its `experiment_ids`.
    fn datasets(&self) -> Result<Vec<Value>>;

    /// The records of a dataset, in pieces.
    fn records(&self, dataset: &str, each: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()>;

    /// All versions of all scorers of an experiment, oldest first.
    fn scorers(&self, experiment: &str) -> Result<Vec<Value>>;

    /// Traces of an experiment with their assessments, as a search answers them.
    fn traces(&self, experiment: &str, page: Option<&str>) -> Result<Page>;

    /// The spans of a trace, as OTLP has them in JSON.
    fn spans(&self, trace: &Value) -> Result<Vec<Value>>;

    /// The traces of an experiment that a run is linked to, those it told itself included.
    fn linked(&self, experiment: &str, run: &str) -> Result<Vec<String>>;

    /// The paths of the files of a tree.
    fn files(&self, tree: &Tree) -> Result<Vec<String>>;

    /// A file's bytes.
    fn open(&self, tree: &Tree, path: &str) -> Result<Box<dyn Read>>;
}

/// The tag by which a prompt is told from a model.
pub const PROMPT: &str = "mlflow.prompt.is_prompt";

/// Whether something registered is a prompt.
pub fn is_prompt(it: &Value) -> bool {
    super::far::pairs(it.get("tags")).get(PROMPT).is_some_and(|value| value.as_str() == Some("true"))
}

/// Whether the spans of a trace are kept in the server's database; earlier releases kept them in a file.
pub fn has_rows(trace: &Value) -> bool {
    trace["tags"]["mlflow.trace.spansLocation"] == "TRACKING_STORE"
}

/// The spans that a trace's file tells of.
pub fn of_file(told: &Value) -> Result<Vec<Value>> {
    let kept = told["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let known = kept.iter().map(spans::of_kept).collect::<Option<Vec<Value>>>();
    known.ok_or_else(|| {
        Failure::failed("its spans are written as MLflow did before 3.0")
            .hint("open it with a newer release of MLflow and log it again")
    })
}

/// A text within a filter.
fn quoted(text: &str) -> String {
    let mark = if text.contains('\'') { '"' } else { '\'' };
    format!("{mark}{text}{mark}")
}

/// Where the proxy keeps the files of a place, if it does.
pub fn proxied(place: &str) -> Option<String> {
    let rest = place.strip_prefix("mlflow-artifacts:")?;
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    Some(path.trim_matches('/').to_owned())
}

impl Server {
    /// What lies in one directory of a tree.
    fn directory(&self, tree: &Tree, below: &str) -> Result<Vec<Value>> {
        let mut answer = match (&tree.owner, proxied(&tree.place)) {
            (_, Some(root)) => {
                let path = format!("{root}/{below}");
                let list = "/api/2.0/mlflow-artifacts/artifacts";
                self.get(list, &[("path", path.trim_end_matches('/'))])?
            }
            (Owner::Run(run), None) => self.get("2.0 artifacts/list", &[("run_id", run), ("path", below)])?,
            (Owner::Model(model), None) => {
                let path = format!("2.0 logged-models/{model}/artifacts/directories");
                self.get(&path, &[("artifact_directory_path", below)])?
            }
        };
        let mut files = taken(&mut answer, "files");
        // The proxy tells names, the others whole paths.
        if proxied(&tree.place).is_some() && !below.is_empty() {
            files.iter_mut().for_each(|file| file["path"] = json!(format!("{below}/{}", text(file, "path"))));
        }
        Ok(files)
    }
}

impl Source for Server {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn experiments(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let ask = json!({"view_type": "ALL", "max_results": PAGE, "order_by": ["creation_time ASC", "experiment_id ASC"]});
        self.search("2.0 experiments/search", (&ask, "experiments"), &mut |page| {
            all.extend(page);
            Ok(())
        })?;
        Ok(all)
    }

    fn runs(&self, experiment: &str, page: Option<&str>) -> Result<Page> {
        let mut ask = json!({
            "experiment_ids": [experiment], "run_view_type": "ALL", "max_results": PAGE,
            "order_by": ["attributes.start_time ASC"],
        });
        if let Some(page) = page {
            ask["page_token"] = json!(page);
        }
        let mut answer = self.post("2.0 runs/search", &ask)?;
        let next = Some(text(&answer, "next_page_token").to_owned()).filter(|token| !token.is_empty());
        Ok((taken(&mut answer, "runs"), next))
    }

    fn whole(&self, run: Value) -> Result<Value> {
        // A stock server leaves out of a search which logged models went in.
        let mut answer = self.get("2.0 runs/get", &[("run_id", text(&run["info"], "run_id"))])?;
        Ok(answer["run"].take())
    }

    fn history(&self, run: &str, key: &str, each: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut token = String::new();
        loop {
            let mut query = vec![("run_id", run), ("metric_key", key), ("max_results", "20000")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let mut answer = self.get("2.0 metrics/get-history", &query)?;
            each(taken(&mut answer, "metrics"))?;
            match text(&answer, "next_page_token") {
                "" => return Ok(()),
                next => token = next.to_owned(),
            }
        }
    }

    fn logged_models(&self, experiment: &str) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let ask = json!({"experiment_ids": [experiment], "max_results": 100,
            "order_by": [{"field_name": "creation_time", "ascending": true}]});
        let found = self.search("2.0 logged-models/search", (&ask, "models"), &mut |page| {
            all.extend(page);
            Ok(())
        });
        // Releases before 3.0 have none, and a server may not search an experiment in the trash.
        let done = match found {
            Err(failure) if failure.exit == Exit::NotFound => Ok(()),
            other => other,
        };
        done.map(|()| all)
    }

    fn models(&self) -> Result<Vec<Value>> {
        let search = |filter: &str| {
            let query = [("max_results", "1000"), ("filter", filter)];
            self.list("2.0 registered-models/search", &query, "registered_models")
        };
        let mut all = search("")?;
        all.extend(search(&format!("tags.`{PROMPT}` = 'true'"))?.into_iter().filter(is_prompt));
        let mut seen = std::collections::HashSet::new();
        all.retain(|model| seen.insert(text(model, "name").to_owned()));
        Ok(all)
    }

    fn versions(&self, model: &Value) -> Result<Vec<Value>> {
        let mut filter = format!("name = {}", quoted(text(model, "name")));
        if is_prompt(model) {
            filter += &format!(" AND tags.`{PROMPT}` = 'true'");
        }
        let query = [("max_results", "10000"), ("filter", filter.as_str())];
        let mut all = self.list("2.0 model-versions/search", &query, "model_versions")?;
        all.sort_by_key(|version| super::far::whole(version, "version"));
        Ok(all)
    }

    fn datasets(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let ask = json!({"max_results": 500});
        let found = self.search("3.0 datasets/search", (&ask, "datasets"), &mut |page| {
            all.extend(page);
            Ok(())
        });
        match found {
            Err(failure) if failure.exit == Exit::NotFound => return Ok(all),
            other => other?,
        }
        for dataset in &mut all {
            let path = format!("3.0 datasets/{}/experiment-ids", text(dataset, "dataset_id"));
            let answer = self.get(&path, &[])?;
            dataset["experiment_ids"] = answer.get("experiment_ids").cloned().unwrap_or_else(|| json!([]));
        }
        Ok(all)
    }

    fn records(&self, dataset: &str, each: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let (path, mut token) = (format!("3.0 datasets/{dataset}/records"), String::new());
        loop {
            let mut query = vec![("max_results", "500")];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let answer = self.get(&path, &query)?;
            let told: Vec<Value> = serde_json::from_str(text(&answer, "records")).unwrap_or_default();
            each(told)?;
            match text(&answer, "next_page_token") {
                "" => return Ok(()),
                next => token = next.to_owned(),
            }
        }
    }

    fn scorers(&self, experiment: &str) -> Result<Vec<Value>> {
        let listed = match self.get("3.0 scorers/list", &[("experiment_id", experiment)]) {
            Err(failure) if failure.exit == Exit::NotFound || failure.status == Some(400) => {
                return Ok(Vec::new());
            }
            other => taken(&mut other?, "scorers"),
        };
        let mut all = Vec::new();
        for scorer in listed {
            let query = [("experiment_id", experiment), ("name", text(&scorer, "scorer_name"))];
            let mut versions = taken(&mut self.get("3.0 scorers/versions", &query)?, "scorers");
            versions.sort_by_key(|version| super::far::whole(version, "scorer_version"));
            all.extend(versions);
        }
        Ok(all)
    }

    fn traces(&self, experiment: &str, page: Option<&str>) -> Result<Page> {
        let place = json!({"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}});
        let mut ask =
            json!({"locations": [place], "max_results": PAGE, "order_by": ["attributes.timestamp_ms ASC"]});
        if let Some(page) = page {
            ask["page_token"] = json!(page);
        }
        let mut answer = match self.post("3.0 traces/search", &ask) {
            // Releases before 3.0 ask otherwise, and those before 2.14 have none.
            Err(failure) if failure.exit == Exit::NotFound => return Ok((Vec::new(), None)),
            other => other?,
        };
        let next = Some(text(&answer, "next_page_token").to_owned()).filter(|token| !token.is_empty());
        Ok((taken(&mut answer, "traces"), next))
    }

    fn spans(&self, trace: &Value) -> Result<Vec<Value>> {
        let id = text(trace, "trace_id");
        if has_rows(trace) {
            let mut answer = self.get("3.0 traces/get", &[("trace_id", id), ("allow_partial", "true")])?;
            return Ok(taken(&mut answer["trace"], "spans").iter().map(spans::of_answer).collect());
        }
        match self.get("/ajax-api/3.0/mlflow/get-trace-artifact", &[("request_id", id)]) {
            // None were told yet.
            Err(failure) if failure.exit == Exit::NotFound => Ok(Vec::new()),
            other => of_file(&other?),
        }
    }

    fn linked(&self, experiment: &str, run: &str) -> Result<Vec<String>> {
        let place = json!({"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}});
        let filter = format!("attributes.run_id = '{run}'");
        let ask = json!({"locations": [place], "max_results": PAGE, "filter": filter});
        let mut all = Vec::new();
        self.search("3.0 traces/search", (&ask, "traces"), &mut |page| {
            all.extend(page.iter().map(|trace| text(trace, "trace_id").to_owned()));
            Ok(())
        })?;
        Ok(all)
    }

    fn files(&self, tree: &Tree) -> Result<Vec<String>> {
        let (mut files, mut directories) = (Vec::new(), vec![String::new()]);
        while let Some(below) = directories.pop() {
            for entry in self.directory(tree, &below)? {
                let path = text(&entry, "path").to_owned();
                if entry.get("is_dir").and_then(Value::as_bool).unwrap_or(false) {
                    directories.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        Ok(files)
    }

    fn open(&self, tree: &Tree, path: &str) -> Result<Box<dyn Read>> {
        self.fetch(&match (&tree.owner, proxied(&tree.place)) {
            (_, Some(root)) => {
                format!("/api/2.0/mlflow-artifacts/artifacts/{}", address(&format!("{root}/{path}")))
            }
            (Owner::Run(run), None) => format!("/get-artifact?run_id={run}&path={}", encoded(path)),
            (Owner::Model(model), None) => {
                format!(
                    "/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path={}",
                    encoded(path)
                )
            }
        })
    }
}

/// The refusal of a server whose artifacts are not kept by itself.
pub fn elsewhere(place: &str) -> Failure {
    Failure::failed(format!("its files would be at `{place}`, which the server does not keep itself"))
        .hint("start the server with `--artifacts-destination`, so that it takes in files itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_the_proxy_are_known_by_their_scheme() {
        assert_eq!(proxied("mlflow-artifacts:/1/2/artifacts").as_deref(), Some("1/2/artifacts"));
        assert_eq!(proxied("mlflow-artifacts://host:5000/1/2").as_deref(), Some("1/2"));
        assert_eq!(proxied("s3://bucket/1"), None);
        assert_eq!(quoted("it's"), "\"it's\"");
    }
}
