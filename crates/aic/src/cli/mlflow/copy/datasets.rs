//! Evaluation datasets and their records.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::super::compare::{ID, plain};
use super::super::far::text;
use super::super::ids::Ids;
use super::super::report::Fate;
use super::super::source::Source;
use super::Copy;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// How many records a request carries.
const RECORDS: usize = 200;

fn tags(dataset: &Value) -> Map<String, Value> {
    serde_json::from_str(text(dataset, "tags")).unwrap_or_default()
}

/// A record without what no two servers share.
fn form(record: &Value) -> Value {
    let field =
        |name: &str| record.get(name).filter(|value| **value != json!({}) && !value.is_null()).cloned();
    json!({"inputs": field("inputs"), "outputs": field("outputs"), "expectations": field("expectations"), "tags": field("tags")})
}

impl Copy<'_> {
    /// Copies them all.
    pub(super) fn datasets(&self, ids: &Ids, out: &mut Output) -> Result<()> {
        let datasets = self.source.datasets()?;
        let mut there = HashMap::new();
        if !datasets.is_empty() {
            for dataset in Source::datasets(self.target)? {
                if let Some(from) = tags(&dataset).get(ID).and_then(Value::as_str) {
                    there.insert(from.to_owned(), text(&dataset, "dataset_id").to_owned());
                }
            }
        }
        for dataset in &datasets {
            let known = there.get(text(dataset, "dataset_id"));
            let done = self.dataset(dataset, known, ids);
            self.settled("evaluation datasets", text(dataset, "name"), done)?;
        }
        out.note(&format!("{} evaluation datasets", datasets.len()));
        Ok(())
    }

    fn dataset(&self, dataset: &Value, known: Option<&String>, ids: &Ids) -> Result<Fate> {
        let fate = if known.is_some() { Fate::There } else { Fate::Made };
        if self.dry_run {
            return Ok(fate);
        }
        let from = text(dataset, "dataset_id");
        let id = match known {
            Some(id) => id.clone(),
            None => {
                let mut tags = tags(dataset);
                tags.retain(|key, _| !key.starts_with("aic.source."));
                tags.insert(ID.to_owned(), json!(from));
                let experiments = dataset.get("experiment_ids").and_then(Value::as_array);
                let experiments: Vec<&String> = experiments
                    .into_iter()
                    .flatten()
                    .filter_map(|id| ids.experiments.get(id.as_str()?))
                    .collect();
                let ask = json!({
                    "name": text(dataset, "name"), "experiment_ids": experiments, "tags": Value::Object(tags).to_string(),
                });
                let made = self.target.make("3.0 datasets/create", &ask)?;
                text(&made["dataset"], "dataset_id").to_owned()
            }
        };
        let mut there = HashMap::new();
        Source::records(self.target, &id, &mut |records| {
            there.extend(records.iter().map(|record| (plain(&record["inputs"]), form(record))));
            Ok(())
        })?;
        let mut wanted = HashMap::new();
        self.source.records(from, &mut |records| {
            let new = |record: &&Value| there.get(&plain(&record["inputs"])) != Some(&form(record));
            let new: Vec<&Value> = records.iter().filter(new).collect();
            for part in new.chunks(RECORDS) {
                let told: Vec<Value> = part.iter().map(|record| sent(record)).collect();
                let ask = json!({"records": Value::from(told).to_string()});
                self.target.post(&format!("3.0 datasets/{id}/records"), &ask)?;
            }
            self.report.add("evaluation records", Fate::Made, new.len() as u64);
            self.report.add("evaluation records", Fate::There, (records.len() - new.len()) as u64);
            wanted.extend(records.iter().map(|record| (plain(&record["inputs"]), form(record))));
            Ok(())
        })?;
        let mut found = HashMap::new();
        Source::records(self.target, &id, &mut |records| {
            found.extend(records.iter().map(|record| (plain(&record["inputs"]), form(record))));
            Ok(())
        })?;
        match wanted.iter().find(|(inputs, record)| found.get(*inputs) != Some(record)) {
            Some((inputs, _)) => {
                let short: String = inputs.chars().take(80).collect();
                Err(Failure::failed(format!("the record of {short} differs over there")))
            }
            None => Ok(fate),
        }
    }
}

/// A record as it is sent.
fn sent(record: &Value) -> Value {
    let fields = ["inputs", "outputs", "expectations", "tags", "source"];
    let given = |field: &&&str| record.get(**field).is_some_and(|value| !value.is_null());
    let fields = fields.iter().filter(given).map(|field| ((*field).to_owned(), record[*field].clone()));
    Value::Object(fields.collect())
}
