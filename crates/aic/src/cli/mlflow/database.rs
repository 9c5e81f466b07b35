//! The database of an MLflow server, read without the server: its tables in the shapes of the REST API.
//!
//! The tables are those of MLflow since 2.4; what an older release does not have is passed over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use engine_rows::Database as Rows;
use serde_json::{Map, Value, json};

use super::far::{text, whole};
use super::source::{Page, Source, Tree};
use crate::failure::{Failure, Result};

mod places;
mod traces;

use places::below;

/// How many points of a history are read at once, and how many runs.
const POINTS: usize = 20_000;
const RUNS: &str = "500";

/// A database, and where the files lie that it names.
pub struct Database {
    rows: Rows,
    name: String,
    artifacts: Option<PathBuf>,
    workspace: String,
    /// Tables with their columns; one that is not there has none.
    tables: HashMap<&'static str, HashSet<String>>,
}

const TABLES: [&str; 13] = [
    "experiments",
    "inputs",
    "logged_models",
    "logged_model_metrics",
    "registered_models",
    "registered_model_aliases",
    "evaluation_datasets",
    "evaluation_dataset_records",
    "scorers",
    "trace_info",
    "spans",
    "assessments",
    "entity_associations",
];

fn failure(error: &base::Error) -> Failure {
    Failure::of(error)
}

/// A row's columns, those that say nothing left out.
fn told(row: &Value, names: &[(&str, &str)]) -> Value {
    let field = |(column, name): &(&str, &str)| {
        row.get(*column).filter(|value| !value.is_null()).map(|value| ((*name).to_owned(), value.clone()))
    };
    Value::Object(names.iter().filter_map(field).collect())
}

/// Rows gathered by a column.
fn gathered(rows: Vec<Value>, by: &str) -> HashMap<String, Vec<Value>> {
    let mut all: HashMap<String, Vec<Value>> = HashMap::new();
    for row in rows {
        all.entry(plain(&row[by])).or_default().push(row);
    }
    all
}

/// A number or a text as a text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn is_true(value: &Value) -> bool {
    *value == json!(true) || *value == json!(1)
}

/// Keys and values from the columns that hold them.
fn pairs(rows: Option<&Vec<Value>>, key: &str, value: &str) -> Vec<Value> {
    let shown = |row: &Value| json!({"key": row[key], "value": row[value].as_str().unwrap_or_default()});
    rows.into_iter().flatten().map(shown).collect()
}

fn metric(row: &Value) -> Value {
    let value = if is_true(&row["is_nan"]) { json!("NaN") } else { row["value"].clone() };
    json!({"key": row["key"], "value": value, "timestamp": row["timestamp"], "step": row["step"]})
}

const ID: &str = "CAST(CAST($1 AS TEXT) AS INTEGER)";

impl Database {
    /// Opens one.
    pub fn open(url: &str, artifacts: Option<&Path>, workspace: Option<&str>) -> Result<Self> {
        let rows = Rows::open(url).map_err(|error| failure(&error))?;
        let mut tables = HashMap::new();
        for table in TABLES {
            let columns = rows.columns(table).map_err(|error| failure(&error))?;
            tables.insert(table, columns.into_iter().collect::<HashSet<String>>());
        }
        if tables["experiments"].is_empty() {
            return Err(Failure::usage("the database is not one of MLflow: it has no table `experiments`"));
        }
        if let Some(directory) = artifacts.filter(|directory| !directory.is_dir()) {
            return Err(Failure::not_found(format!("there is no directory `{}`", directory.display())));
        }
        // A password is no part of a name.
        let name = match url.rsplit_once('@') {
            Some((_, host)) => format!("postgresql://{host}"),
            None => url.to_owned(),
        };
        let workspace = workspace.unwrap_or("default").to_owned();
        Ok(Self { rows, name, artifacts: artifacts.map(Path::to_path_buf), workspace, tables })
    }

    fn has(&self, table: &str) -> bool {
        self.tables.get(table).is_some_and(|columns| !columns.is_empty())
    }

    fn ask(&self, query: &str, texts: &[&str]) -> Result<Vec<Value>> {
        self.rows.rows(query, texts).map_err(|error| failure(&error))
    }

    /// The rows of a table that has workspaces since 3.9: those of ours.
    fn ours(&self, table: &'static str, rest: &str) -> Result<Vec<Value>> {
        if self.tables[table].contains("workspace") {
            return self
                .ask(&format!("SELECT * FROM {table} WHERE workspace = $1 {rest}"), &[&self.workspace]);
        }
        self.ask(&format!("SELECT * FROM {table} {rest}"), &[])
    }

    /// What rows of runs lack: the latest metrics, parameters, tags and what went in and came out.
    fn completed(&self, runs: Vec<Value>, texts: &[&str; 3]) -> Result<Vec<Value>> {
        let of = |table: &str| {
            let query = format!(
                "SELECT t.* FROM {table} t JOIN runs r ON r.run_uuid = t.run_uuid WHERE r.experiment_id = {ID} AND r.run_uuid > $2 AND r.run_uuid <= $3"
            );
            self.ask(&query, texts).map(|rows| gathered(rows, "run_uuid"))
        };
        let (metrics, params, tags) = (of("latest_metrics")?, of("params")?, of("tags")?);
        let range = &texts[1..];
        let (data, marks, models) = self.inputs(range)?;
        let shown = |row: &Value| {
            let id = text(row, "run_uuid");
            let mut info = told(
                row,
                &[
                    ("user_id", "user_id"),
                    ("status", "status"),
                    ("start_time", "start_time"),
                    ("end_time", "end_time"),
                    ("lifecycle_stage", "lifecycle_stage"),
                    ("artifact_uri", "artifact_uri"),
                    ("name", "run_name"),
                ],
            );
            info["run_id"] = json!(id);
            let latest: Vec<Value> = metrics.get(id).into_iter().flatten().map(metric).collect();
            let dataset = |row: &Value| {
                let fields = [
                    ("name", "name"),
                    ("digest", "digest"),
                    ("dataset_source_type", "source_type"),
                    ("dataset_source", "source"),
                    ("dataset_schema", "schema"),
                    ("dataset_profile", "profile"),
                ];
                json!({"dataset": told(row, &fields), "tags": pairs(marks.get(text(row, "input_uuid")), "name", "value")})
            };
            let inputs: Vec<Value> = data.get(id).into_iter().flatten().map(dataset).collect();
            let of_sort = |sort: &str| -> Vec<Value> {
                let rows =
                    models.get(id).into_iter().flatten().filter(|row| text(row, "source_type") == sort);
                rows.map(
                    |row| json!({"model_id": row["destination_id"], "step": whole(row, "step").unwrap_or(0)}),
                )
                .collect()
            };
            json!({
                "info": info,
                "data": {"metrics": latest, "params": pairs(params.get(id), "key", "value"), "tags": pairs(tags.get(id), "key", "value")},
                "inputs": {"dataset_inputs": inputs, "model_inputs": of_sort("RUN_INPUT")},
                "outputs": {"model_outputs": of_sort("RUN_OUTPUT")},
            })
        };
        Ok(runs.iter().map(shown).collect())
    }

    /// Data by run, their tags by input, and logged models by run.
    #[expect(clippy::type_complexity, reason = "three tables by their key, for one caller")]
    fn inputs(
        &self,
        range: &[&str],
    ) -> Result<(HashMap<String, Vec<Value>>, HashMap<String, Vec<Value>>, HashMap<String, Vec<Value>>)> {
        if !self.has("inputs") {
            return Ok(Default::default());
        }
        let data = self.ask(
            "SELECT i.destination_id, i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile \
             FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id \
             WHERE i.destination_type = 'RUN' AND i.source_type = 'DATASET' AND i.destination_id > $1 AND i.destination_id <= $2",
            range,
        )?;
        let tags = self.ask(
            "SELECT t.* FROM input_tags t JOIN inputs i ON i.input_uuid = t.input_uuid \
             WHERE i.destination_type = 'RUN' AND i.destination_id > $1 AND i.destination_id <= $2",
            range,
        )?;
        let models = self.ask(
            "SELECT * FROM inputs WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id > $1 AND source_id <= $2",
            range,
        )?;
        Ok((gathered(data, "destination_id"), gathered(tags, "input_uuid"), gathered(models, "source_id")))
    }
}

impl Source for Database {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn experiments(&self) -> Result<Vec<Value>> {
        let tags = gathered(self.ask("SELECT * FROM experiment_tags", &[])?, "experiment_id");
        let rows = self.ours("experiments", "ORDER BY experiment_id")?;
        let shown = |row: &Value| {
            let id = plain(&row["experiment_id"]);
            let mut it = told(
                row,
                &[
                    ("name", "name"),
                    ("artifact_location", "artifact_location"),
                    ("lifecycle_stage", "lifecycle_stage"),
                    ("creation_time", "creation_time"),
                ],
            );
            it["tags"] = json!(pairs(tags.get(&id), "key", "value"));
            it["experiment_id"] = json!(id);
            it
        };
        Ok(rows.iter().map(shown).collect())
    }

    fn runs(&self, experiment: &str, page: Option<&str>) -> Result<Page> {
        let after = page.unwrap_or_default();
        let query = format!(
            "SELECT * FROM runs WHERE experiment_id = {ID} AND run_uuid > $2 ORDER BY run_uuid LIMIT {RUNS}"
        );
        let rows = self.ask(&query, &[experiment, after])?;
        let Some(last) = rows.last().map(|row| text(row, "run_uuid").to_owned()) else {
            return Ok((Vec::new(), None));
        };
        let runs = self.completed(rows, &[experiment, after, &last])?;
        Ok((runs, Some(last)))
    }

    fn whole(&self, run: Value) -> Result<Value> {
        Ok(run)
    }

    fn history(&self, run: &str, key: &str, each: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut from = 0;
        loop {
            let query = format!(
                "SELECT * FROM metrics WHERE run_uuid = $1 AND key = $2 ORDER BY timestamp, step, value LIMIT {POINTS} OFFSET {from}"
            );
            let rows = self.ask(&query, &[run, key])?;
            let count = rows.len();
            each(rows.iter().map(metric).collect())?;
            if count < POINTS {
                return Ok(());
            }
            from += count;
        }
    }

    fn logged_models(&self, experiment: &str) -> Result<Vec<Value>> {
        if !self.has("logged_models") {
            return Ok(Vec::new());
        }
        let of = |table: &str| {
            let rows =
                self.ask(&format!("SELECT * FROM {table} WHERE experiment_id = {ID}"), &[experiment])?;
            Ok::<_, Failure>(gathered(rows, "model_id"))
        };
        let (params, tags, metrics) =
            (of("logged_model_params")?, of("logged_model_tags")?, of("logged_model_metrics")?);
        let query = format!(
            "SELECT * FROM logged_models WHERE experiment_id = {ID} AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms, model_id"
        );
        let rows = self.ask(&query, &[experiment])?;
        let shown = |row: &Value| {
            let id = text(row, "model_id");
            let mut info = told(
                row,
                &[
                    ("model_id", "model_id"),
                    ("name", "name"),
                    ("artifact_location", "artifact_uri"),
                    ("creation_timestamp_ms", "creation_timestamp_ms"),
                    ("model_type", "model_type"),
                    ("source_run_id", "source_run_id"),
                ],
            );
            info["status"] = json!(match whole(row, "status") {
                Some(2) => "LOGGED_MODEL_READY",
                Some(3) => "LOGGED_MODEL_UPLOAD_FAILED",
                _ => "LOGGED_MODEL_PENDING",
            });
            info["tags"] = json!(pairs(tags.get(id), "tag_key", "tag_value"));
            let measured: Vec<Value> = (metrics.get(id).into_iter().flatten())
                .map(|row| {
                    told(
                        row,
                        &[
                            ("metric_name", "key"),
                            ("metric_value", "value"),
                            ("metric_timestamp_ms", "timestamp"),
                            ("metric_step", "step"),
                            ("run_id", "run_id"),
                            ("dataset_name", "dataset_name"),
                            ("dataset_digest", "dataset_digest"),
                        ],
                    )
                })
                .collect();
            json!({"info": info, "data": {"params": pairs(params.get(id), "param_key", "param_value"), "metrics": measured}})
        };
        Ok(rows.iter().map(shown).collect())
    }

    fn models(&self) -> Result<Vec<Value>> {
        if !self.has("registered_models") {
            return Ok(Vec::new());
        }
        let tags = gathered(self.ask("SELECT * FROM registered_model_tags", &[])?, "name");
        let mut aliases = HashMap::new();
        if self.has("registered_model_aliases") {
            aliases = gathered(self.ours("registered_model_aliases", "")?, "name");
        }
        let rows = self.ours("registered_models", "ORDER BY name")?;
        let shown = |row: &Value| {
            let name = text(row, "name");
            let own = aliases.get(name).into_iter().flatten();
            let own: Vec<Value> =
                own.map(|row| json!({"alias": row["alias"], "version": plain(&row["version"])})).collect();
            let mut it = told(
                row,
                &[("name", "name"), ("description", "description"), ("creation_time", "creation_timestamp")],
            );
            it["tags"] = json!(pairs(tags.get(name), "key", "value"));
            it["aliases"] = json!(own);
            it
        };
        Ok(rows.iter().map(shown).collect())
    }

    fn versions(&self, model: &Value) -> Result<Vec<Value>> {
        let name = text(model, "name");
        let tags = self.ask("SELECT * FROM model_version_tags WHERE name = $1", &[name])?;
        let tags = gathered(tags, "version");
        let query = "SELECT * FROM model_versions WHERE name = $1 AND current_stage <> 'Deleted_Internal' ORDER BY version";
        let rows = self.ask(query, &[name])?;
        let shown = |row: &Value| {
            let number = plain(&row["version"]);
            let mut it = told(
                row,
                &[
                    ("name", "name"),
                    ("description", "description"),
                    ("creation_time", "creation_timestamp"),
                    ("run_id", "run_id"),
                    ("current_stage", "current_stage"),
                    ("source", "source"),
                    ("run_link", "run_link"),
                ],
            );
            it["tags"] = json!(pairs(tags.get(&number), "key", "value"));
            it["version"] = json!(number);
            it
        };
        Ok(rows.iter().map(shown).collect())
    }

    fn datasets(&self) -> Result<Vec<Value>> {
        if !self.has("evaluation_datasets") {
            return Ok(Vec::new());
        }
        let tags = gathered(self.ask("SELECT * FROM evaluation_dataset_tags", &[])?, "dataset_id");
        let joined = "SELECT source_id, destination_id FROM entity_associations WHERE source_type = 'evaluation_dataset' AND destination_type = 'experiment'";
        let joined = gathered(self.ask(joined, &[])?, "source_id");
        let rows = self.ours("evaluation_datasets", "ORDER BY created_time, dataset_id")?;
        let shown = |row: &Value| {
            let id = text(row, "dataset_id");
            let own: Map<String, Value> = (tags.get(id).into_iter().flatten())
                .map(|row| (text(row, "key").to_owned(), row["value"].clone()))
                .collect();
            let experiments: Vec<&Value> =
                joined.get(id).into_iter().flatten().map(|row| &row["destination_id"]).collect();
            json!({"dataset_id": id, "name": row["name"], "tags": Value::Object(own).to_string(), "experiment_ids": experiments})
        };
        Ok(rows.iter().map(shown).collect())
    }

    fn records(&self, dataset: &str, each: &mut dyn FnMut(Vec<Value>) -> Result<()>) -> Result<()> {
        let mut after = String::new();
        loop {
            let query = "SELECT dataset_record_id, CAST(inputs AS TEXT) AS inputs, CAST(outputs AS TEXT) AS outputs, \
                 CAST(expectations AS TEXT) AS expectations, CAST(tags AS TEXT) AS tags, CAST(source AS TEXT) AS source \
                 FROM evaluation_dataset_records WHERE dataset_id = $1 AND dataset_record_id > $2 ORDER BY dataset_record_id LIMIT 500";
            let rows = self.ask(query, &[dataset, &after])?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = text(last, "dataset_record_id").to_owned();
            let field = |row: &Value, name: &str| -> Option<Value> {
                serde_json::from_str(text(row, name)).ok().filter(|value: &Value| !value.is_null())
            };
            let shown = |row: &Value| {
                let fields = ["inputs", "outputs", "expectations", "tags", "source"];
                let known = fields.iter().filter_map(|name| Some(((*name).to_owned(), field(row, name)?)));
                let mut record: BTreeMap<String, Value> = known.collect();
                // A server keeps what came out under a key of its own.
                if let Some(Value::Object(wrapped)) = record.get("outputs")
                    && let Some(inner) = wrapped.get("mlflow_wrapped")
                {
                    record.insert("outputs".to_owned(), inner.clone());
                }
                json!(record)
            };
            each(rows.iter().map(shown).collect())?;
        }
    }

    fn scorers(&self, experiment: &str) -> Result<Vec<Value>> {
        if !self.has("scorers") {
            return Ok(Vec::new());
        }
        let query = format!(
            "SELECT s.scorer_name, v.scorer_version, v.serialized_scorer FROM scorers s JOIN scorer_versions v ON v.scorer_id = s.scorer_id WHERE s.experiment_id = {ID} ORDER BY s.scorer_name, v.scorer_version"
        );
        self.ask(&query, &[experiment])
    }

    fn traces(&self, experiment: &str, page: Option<&str>) -> Result<Page> {
        self.trace_page(experiment, page)
    }

    fn spans(&self, trace: &Value) -> Result<Vec<Value>> {
        self.trace_spans(trace)
    }

    fn linked(&self, _experiment: &str, run: &str) -> Result<Vec<String>> {
        self.traces_of(run)
    }

    fn files(&self, tree: &Tree) -> Result<Vec<String>> {
        let root = self.directory(&tree.place)?;
        let (mut files, mut directories) = (Vec::new(), vec![root.clone()]);
        while let Some(directory) = directories.pop() {
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                // Nothing was ever put there.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Failure::file(directory.display(), &error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| Failure::file(directory.display(), &error))?;
                let sort =
                    entry.file_type().map_err(|error| Failure::file(entry.path().display(), &error))?;
                // What links point to belongs to somebody else.
                if sort.is_dir() {
                    directories.push(entry.path());
                } else if sort.is_file()
                    && let Ok(path) = entry.path().strip_prefix(&root)
                {
                    files.push(path.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        Ok(files)
    }

    fn open(&self, tree: &Tree, path: &str) -> Result<Box<dyn Read>> {
        let path = below(&self.directory(&tree.place)?, path)?;
        Ok(Box::new(File::open(&path).map_err(|error| Failure::file(path.display(), &error))?))
    }
}
