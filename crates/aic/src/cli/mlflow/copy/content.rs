//! What was logged to a run, copied and read back.

use serde_json::{Value, json};

use super::super::compare::{self, DONE, History};
use super::super::far::{listed, pairs, text, whole};
use super::super::ids::Ids;
use super::super::report::Fate;
use super::super::source::{Owner, Source, Tree};
use super::logged::Links;
use super::runs::Known;
use super::{Copy, Experiment};
use crate::failure::{Failure, Result};

/// The most metrics of one request.
const METRICS: usize = 1_000;
/// The most parameters or tags of one request; long ones may have 8,000 characters each.
const PAIRS: usize = 50;

/// A run on its way.
struct Run<'a> {
    /// As the source tells it.
    it: &'a Value,
    from: &'a str,
    id: &'a str,
    links: &'a Links,
    ids: &'a Ids,
}

impl Copy<'_> {
    /// Copies what was logged to a run, unless that was done before.
    pub(super) fn content(
        &self,
        experiment: &Experiment,
        it: &Value,
        (known, links, ids): (&Known, &Links, &Ids),
    ) -> Result<Fate> {
        let is_deleted = text(&it["info"], "lifecycle_stage") == "deleted" || experiment.is_deleted();
        let digest = compare::digest(&without_stage(compare::run(it, ids)));
        let run = Run { it, from: text(&it["info"], "run_id"), id: &known.id, links, ids };
        if known.digest.as_ref() == Some(&digest) {
            if is_deleted != known.is_deleted && !experiment.is_deleted() {
                self.reopen(experiment)?;
                self.move_run(&run, is_deleted)?;
            }
            return Ok(Fate::There);
        }
        let it = &self.source.whole(it.clone())?;
        let run = Run { it, ..run };
        self.reopen(experiment)?;
        if known.is_deleted {
            self.move_run(&run, false)?;
        }
        self.log_pairs(&run)?;
        self.log_metrics(&run)?;
        self.log_ends(&run)?;
        let place = self.target.get("2.0 runs/get", &[("run_id", run.id)])?;
        let tree = Tree {
            owner: Owner::Run(run.from.to_owned()),
            place: text(&it["info"], "artifact_uri").to_owned(),
        };
        let files = self.files().copy(&tree, text(&place["run"]["info"], "artifact_uri"))?;
        self.report.add("files", Fate::Made, files);
        self.same(&run)?;
        let tag = json!({"run_id": run.id, "key": DONE, "value": digest});
        self.target.post("2.0 runs/set-tag", &tag)?;
        if is_deleted && !experiment.is_deleted() {
            self.move_run(&run, true)?;
        }
        Ok(if known.was_there && known.digest.is_some() { Fate::There } else { Fate::Made })
    }

    /// To the trash, or out of it.
    fn move_run(&self, run: &Run<'_>, to_trash: bool) -> Result<()> {
        let path = if to_trash { "2.0 runs/delete" } else { "2.0 runs/restore" };
        self.target.post(path, &json!({"run_id": run.id})).map(|_| ())
    }

    fn log_pairs(&self, run: &Run<'_>) -> Result<()> {
        let data = &run.it["data"];
        let mut tags = compare::tags(data.get("tags"));
        tags.remove("mlflow.runName");
        tags.iter_mut().for_each(|(key, value)| *value = compare::tag(run.ids, key, value));
        for (field, all) in [("params", pairs(data.get("params"))), ("tags", tags)] {
            for part in listed(&all).chunks(PAIRS) {
                self.target.post("2.0 runs/log-batch", &json!({"run_id": run.id, field: part}))?;
            }
        }
        Ok(())
    }

    /// Copies every point of every metric, in the order in which the source tells them.
    fn log_metrics(&self, run: &Run<'_>) -> Result<()> {
        let mut ready: Vec<Value> = Vec::new();
        let flush = |ready: &mut Vec<Value>, least: usize| -> Result<()> {
            while ready.len() > least {
                let rest = ready.split_off(ready.len().min(METRICS));
                self.target.post("2.0 runs/log-batch", &json!({"run_id": run.id, "metrics": ready}))?;
                *ready = rest;
            }
            Ok(())
        };
        let mut points = 0;
        for key in keys(run.it) {
            self.source.history(run.from, &key, &mut |metrics| {
                points += metrics.len() as u64;
                for metric in metrics {
                    ready.extend(run.points(&key, metric));
                }
                flush(&mut ready, METRICS)
            })?;
        }
        flush(&mut ready, 0)?;
        self.report.add("metric points", Fate::Made, points);
        Ok(())
    }

    /// What went in and came out, and how the run ended.
    fn log_ends(&self, run: &Run<'_>) -> Result<()> {
        let (inputs, info) = (&run.it["inputs"], &run.it["info"]);
        let models = |list: Option<&Value>| -> Vec<Value> {
            let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            items
                .iter()
                .map(|it| json!({"model_id": run.ids.model(text(it, "model_id")), "step": whole(it, "step").unwrap_or(0)}))
                .collect()
        };
        let datasets = inputs.get("dataset_inputs").cloned().unwrap_or_else(|| json!([]));
        let used = models(inputs.get("model_inputs"));
        if datasets != json!([]) || !used.is_empty() {
            let used: Vec<Value> = used.iter().map(|it| json!({"model_id": it["model_id"]})).collect();
            let ask = json!({"run_id": run.id, "datasets": datasets, "models": used});
            self.target.post("2.0 runs/log-inputs", &ask)?;
        }
        let made = models(run.it["outputs"].get("model_outputs"));
        if !made.is_empty() {
            self.target.post("2.0 runs/outputs", &json!({"run_id": run.id, "models": made}))?;
        }
        let mut ask = json!({"run_id": run.id, "status": text(info, "status")});
        if let Some(end) = whole(info, "end_time").filter(|end| *end != 0) {
            ask["end_time"] = json!(end);
        }
        if text(info, "status") != "RUNNING" || ask.get("end_time").is_some() {
            self.target.post("2.0 runs/update", &ask)?;
        }
        Ok(())
    }

    /// Refuses a copy that is not what it was made of.
    fn same(&self, run: &Run<'_>) -> Result<()> {
        let mut there = self.target.get("2.0 runs/get", &[("run_id", run.id)])?;
        let mut mine = without_stage(compare::run(run.it, run.ids));
        let mut theirs = without_stage(compare::run(&there["run"].take(), &Ids::default()));
        if mine["name"] == json!("") {
            // Who has none was given one.
            theirs["name"] = json!("");
        }
        if mine["end"].is_null() {
            mine["end"] = theirs["end"].clone();
        }
        if let Some(told) = compare::difference(&mine, &theirs) {
            return Err(Failure::failed(format!("it differs over there: {told}")));
        }
        for key in keys(run.it) {
            let (mut mine, mut theirs) = (History::default(), History::default());
            self.source.history(run.from, &key, &mut |metrics| {
                mine.take(&metrics);
                Ok(())
            })?;
            Source::history(self.target, run.id, &key, &mut |metrics| {
                theirs.take(&metrics);
                Ok(())
            })?;
            if (mine.points, mine.digest()) != (theirs.points, theirs.digest()) {
                let (mine, theirs) = (mine.points, theirs.points);
                return Err(Failure::failed(format!(
                    "the history of `{key}` differs over there: {mine} points became {theirs}"
                )));
            }
        }
        Ok(())
    }
}

fn keys(run: &Value) -> Vec<String> {
    let metrics = run["data"].get("metrics").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    metrics.iter().map(|metric| text(metric, "key").to_owned()).collect()
}

/// Whether a run is in the trash is looked at for itself.
fn without_stage(mut run: Value) -> Value {
    if let Some(run) = run.as_object_mut() {
        run.remove("stage");
    }
    run
}

impl Run<'_> {
    /// A point as it is logged: once, or once for each logged model it was measured of.
    fn points(&self, key: &str, metric: Value) -> Vec<Value> {
        let mut plain = json!({
            "key": key, "value": metric.get("value").cloned().unwrap_or_else(|| json!(0.0)),
            "timestamp": whole(&metric, "timestamp").unwrap_or(0), "step": whole(&metric, "step").unwrap_or(0),
        });
        let name = |it: &mut Value, model: &str, data: (&str, &str)| {
            it["model_id"] = json!(self.ids.model(model));
            if !data.0.is_empty() {
                it["dataset_name"] = json!(data.0);
                it["dataset_digest"] = json!(data.1);
            }
        };
        if !text(&metric, "model_id").is_empty() {
            let data = (text(&metric, "dataset_name"), text(&metric, "dataset_digest"));
            name(&mut plain, text(&metric, "model_id"), data);
            return vec![plain];
        }
        let linked = self.links.get(&(self.from.to_owned(), key.to_owned()));
        let point = compare::point(&metric);
        let mut found: Vec<Value> = Vec::new();
        for link in linked.into_iter().flatten().filter(|link| link.point == point) {
            let mut one = plain.clone();
            name(&mut one, &link.model, (&link.data.0, &link.data.1));
            found.push(one);
        }
        if found.is_empty() { vec![plain] } else { found }
    }
}
