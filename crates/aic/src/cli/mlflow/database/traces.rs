//! The traces of a database, with what became columns of its own since 3.12 put back where the REST API has it.

use std::fs;

use base::Time;
use serde_json::{Map, Value, json};

use super::super::far::{text, whole};
use super::super::source::{Page, has_rows, of_file};
use super::places::below;
use super::{Database, ID, gathered, is_true, told};
use crate::failure::{Failure, Result};

/// How many traces are read at once.
const TRACES: &str = "500";
/// Columns of counts, and the metadata they are.
const COUNTS: [(&str, &[&str]); 2] = [
    (
        "mlflow.trace.tokenUsage",
        &[
            "input_tokens",
            "output_tokens",
            "total_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "cache_creation_input_tokens_above_1hr",
        ],
    ),
    ("mlflow.trace.cost", &["input_cost", "output_cost", "total_cost"]),
];
/// Columns of texts, and the metadata or tag they are.
const TEXTS: [(&str, &str, &str); 2] =
    [("session_id", "trace_metadata", "mlflow.trace.session"), ("trace_name", "tags", "mlflow.traceName")];

fn time(row: &Value, column: &str) -> Value {
    let ms = whole(row, column).unwrap_or(0);
    Time::from_micros(ms.saturating_mul(1_000)).to_string().into()
}

fn map(rows: Option<&Vec<Value>>) -> Map<String, Value> {
    let pair = |row: &Value| (text(row, "key").to_owned(), text(row, "value").into());
    rows.into_iter().flatten().map(pair).collect()
}

fn parsed(row: &Value, column: &str) -> Value {
    serde_json::from_str(text(row, column)).unwrap_or_default()
}

/// An assessment's row as the API answers it.
fn assessment(row: &Value) -> Value {
    let fields = [
        ("assessment_id", "assessment_id"),
        ("name", "assessment_name"),
        ("trace_id", "trace_id"),
        ("span_id", "span_id"),
        ("rationale", "rationale"),
        ("overrides", "overrides"),
    ];
    let mut it = told(row, &fields);
    it["source"] = told(row, &[("source_type", "source_type"), ("source_id", "source_id")]);
    it["create_time"] = time(row, "created_timestamp");
    it["last_update_time"] = time(row, "last_updated_timestamp");
    it["valid"] = is_true(&row["valid"]).into();
    it["metadata"] = match parsed(row, "assessment_metadata") {
        Value::Null => json!({}),
        metadata => metadata,
    };
    let value = parsed(row, "value");
    match (text(row, "assessment_type"), value) {
        ("feedback", value) => {
            it["feedback"] = json!({"value": value});
            if let Value::Object(mut error) = parsed(row, "error") {
                error.retain(|_, value| !value.is_null());
                it["feedback"]["error"] = error.into();
            }
        }
        ("issue", value) => it["issue"] = json!({"issue_name": value["issue_name"]}),
        (_, value @ (Value::Array(_) | Value::Object(_))) => {
            let value = json!({"serialization_format": "JSON_FORMAT", "value": value.to_string()});
            it["expectation"] = json!({"serialized_value": value});
        }
        (_, value) => it["expectation"] = json!({"value": value}),
    }
    it
}

impl Database {
    /// A page of the traces of an experiment.
    pub(super) fn trace_page(&self, experiment: &str, page: Option<&str>) -> Result<Page> {
        if !self.has("trace_info") {
            return Ok((Vec::new(), None));
        }
        let after = page.unwrap_or_default();
        let query = format!(
            "SELECT * FROM trace_info WHERE experiment_id = {ID} AND request_id > $2 ORDER BY request_id LIMIT {TRACES}"
        );
        let rows = self.ask(&query, &[experiment, after])?;
        let Some(last) = rows.last().map(|row| text(row, "request_id").to_owned()) else {
            return Ok((Vec::new(), None));
        };
        let range = [experiment, after, last.as_str()];
        let of = |table: &str, column: &str| {
            let query = format!(
                "SELECT t.* FROM {table} t JOIN trace_info i ON i.request_id = t.{column} \
                 WHERE i.experiment_id = {ID} AND i.request_id > $2 AND i.request_id <= $3"
            );
            self.ask(&query, &range).map(|rows| gathered(rows, column))
        };
        let (tags, metadata) = (of("trace_tags", "request_id")?, of("trace_request_metadata", "request_id")?);
        let assessments = match self.has("assessments") {
            true => of("assessments", "trace_id")?,
            false => Default::default(),
        };
        let shown = |row: &Value| {
            let id = text(row, "request_id");
            let fields = [
                ("request_id", "trace_id"),
                ("status", "state"),
                ("client_request_id", "client_request_id"),
                ("request_preview", "request_preview"),
                ("response_preview", "response_preview"),
            ];
            let mut it = told(row, &fields);
            it["request_time"] = time(row, "timestamp_ms");
            if let Some(ms) = whole(row, "execution_time_ms") {
                it["execution_duration"] = format!("{}.{:03}s", ms / 1_000, ms % 1_000).into();
            }
            it["tags"] = map(tags.get(id)).into();
            it["trace_metadata"] = map(metadata.get(id)).into();
            for (column, field, key) in TEXTS {
                if let Some(text) = row.get(column).and_then(Value::as_str) {
                    it[field][key] = text.into();
                }
            }
            for (key, columns) in COUNTS {
                let columns: Vec<(&str, &str)> = columns.iter().map(|it| (*it, *it)).collect();
                let counts = told(row, &columns);
                if counts != json!({}) {
                    it["trace_metadata"][key] = counts.to_string().into();
                }
            }
            let mut own = assessments.get(id).cloned().unwrap_or_default();
            own.sort_by_key(|row| whole(row, "created_timestamp"));
            it["assessments"] = own.iter().map(assessment).collect();
            it
        };
        Ok((rows.iter().map(shown).collect(), Some(last)))
    }

    /// The spans of a trace: rows, or the file of earlier releases.
    pub(super) fn trace_spans(&self, trace: &Value) -> Result<Vec<Value>> {
        let id = text(trace, "trace_id");
        if self.has("spans") {
            let query =
                "SELECT content FROM spans WHERE trace_id = $1 ORDER BY start_time_unix_nano, span_id";
            let rows = self.ask(query, &[id])?;
            if !rows.is_empty() || has_rows(trace) {
                let kept: Vec<Value> = rows.iter().map(|row| parsed(row, "content")).collect();
                return of_file(&json!({"spans": kept}));
            }
        }
        let directory = self.directory(text(&trace["tags"], "mlflow.artifactLocation"))?;
        let path = below(&directory, "traces.json")?;
        match fs::read(&path) {
            Ok(bytes) => {
                let told = serde_json::from_slice(&bytes);
                let told = told.map_err(|_| Failure::failed(format!("`{}` is no JSON", path.display())))?;
                of_file(&told)
            }
            // None were told yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Failure::file(path.display(), &error)),
        }
    }

    /// The traces of an experiment that a run told or is linked to.
    pub(super) fn traces_of(&self, run: &str) -> Result<Vec<String>> {
        if !self.has("trace_info") {
            return Ok(Vec::new());
        }
        let own =
            "SELECT request_id FROM trace_request_metadata WHERE key = 'mlflow.sourceRun' AND value = $1";
        let mut rows = self.ask(own, &[run])?;
        if self.has("entity_associations") {
            let linked = "SELECT source_id AS request_id FROM entity_associations \
                 WHERE source_type = 'trace' AND destination_type = 'run' AND destination_id = $1";
            rows.extend(self.ask(linked, &[run])?);
        }
        Ok(rows.iter().map(|row| text(row, "request_id").to_owned()).collect())
    }
}
