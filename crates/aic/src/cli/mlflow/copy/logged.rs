//! Logged models, with their files; and which points of which runs were measured of them.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::super::compare::{self, DONE};
use super::super::far::{listed, pairs, text, whole};
use super::super::ids::Ids;
use super::super::report::Fate;
use super::super::source::{Owner, Source, Tree};
use super::{Copy, Experiment, each, locked, marks, origin};
use crate::failure::{Failure, Result};
use crate::output::Output;

/// The tag in which a server notes as what a model was registered; it will note that anew.
const VERSIONS_TAG: &str = "mlflow.modelVersions";
/// The most parameters of one request.
const PARAMS: usize = 100;

/// A point that was measured of a logged model.
pub struct Link {
    /// The model, as the source calls it.
    pub model: String,
    /// The name and digest of the data it was measured on; empty when not told.
    pub data: (String, String),
    /// The point in one form.
    pub point: Value,
}

/// Such points by run and metric, as the source calls them.
pub type Links = HashMap<(String, String), Vec<Link>>;

/// A logged model over there, and the digest of what was copied.
type Known = HashMap<String, (String, Option<String>)>;

impl Copy<'_> {
    /// Copies the logged models of all experiments.
    pub(super) fn logged_models(
        &self,
        experiments: &[Experiment],
        ids: &mut Ids,
        out: &mut Output,
    ) -> Result<Links> {
        let (mut links, made) = (Links::new(), Mutex::new(HashMap::new()));
        for experiment in experiments {
            let models = self.source.logged_models(experiment.from())?;
            if models.is_empty() {
                continue;
            }
            let mut known = Known::new();
            if experiment.was_there {
                for model in Source::logged_models(self.target, &experiment.id)? {
                    if let Some((from, digest)) = origin(model["info"].get("tags")) {
                        known.insert(from, (text(&model["info"], "model_id").to_owned(), digest));
                    }
                }
            }
            for model in &models {
                link(model, &mut links);
            }
            let (count, name) = (models.len(), text(&experiment.it, "name").to_owned());
            let copy = |model: Value| {
                let from = text(&model["info"], "model_id").to_owned();
                let done =
                    self.logged_model(experiment, &model, (known.get(&from), ids)).map(|(id, fate)| {
                        locked(&made).insert(from.clone(), id);
                        fate
                    });
                self.settled("logged models", &from, done)
            };
            each(self.workers, models, &copy, &mut |done| {
                out.draw(&format!("experiment {name}: {done} of {count} logged models"));
            })?;
            out.note(&format!("experiment {name}: {count} logged models"));
        }
        ids.models = made.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(links)
    }

    fn logged_model(
        &self,
        experiment: &Experiment,
        model: &Value,
        (known, ids): (Option<&(String, Option<String>)>, &Ids),
    ) -> Result<(String, Fate)> {
        let (info, wanted) = (&model["info"], form(model, ids));
        let digest = compare::digest(&wanted);
        match known {
            Some((id, Some(done))) if *done == digest => return Ok((id.clone(), Fate::There)),
            Some((id, _)) if self.dry_run => return Ok((id.clone(), Fate::There)),
            None if self.dry_run => return Ok((String::new(), Fate::Made)),
            Some(_) | None => self.reopen(experiment)?,
        }
        let params = listed(&pairs(model["data"].get("params")));
        let (first, rest) = params.split_at(params.len().min(PARAMS));
        let mut tags = tags(info, ids);
        tags.extend(marks(text(info, "model_id"), whole(info, "creation_timestamp_ms")));
        let id = match known {
            Some((id, _)) => id.clone(),
            None => {
                let ask = json!({
                    "experiment_id": experiment.id, "name": text(info, "name"), "model_type": text(info, "model_type"),
                    "source_run_id": ids.run(text(info, "source_run_id")), "params": first, "tags": listed(&tags),
                });
                let made = self.target.make("2.0 logged-models", &ask)?;
                text(&made["model"]["info"], "model_id").to_owned()
            }
        };
        let path = format!("2.0 logged-models/{id}");
        for part in rest.chunks(PARAMS) {
            self.target.post(&format!("{path}/params"), &json!({"model_id": id, "params": part}))?;
        }
        if known.is_some() {
            self.target.patch(&format!("{path}/tags"), &json!({"model_id": id, "tags": listed(&tags)}))?;
        }
        let there = self.target.get(&path, &[])?;
        let tree = Tree {
            owner: Owner::Model(text(info, "model_id").to_owned()),
            place: text(info, "artifact_uri").to_owned(),
        };
        let files = self.files().copy(&tree, text(&there["model"]["info"], "artifact_uri"))?;
        self.report.add("files", Fate::Made, files);
        if text(info, "status") != "LOGGED_MODEL_PENDING" {
            self.target.patch(&path, &json!({"model_id": id, "status": text(info, "status")}))?;
        }
        let there = self.target.get(&path, &[])?;
        if let Some(told) = compare::difference(&wanted, &form(&there["model"], &Ids::default())) {
            return Err(Failure::failed(format!("it differs over there: {told}")));
        }
        self.target.patch(
            &format!("{path}/tags"),
            &json!({"model_id": id, "tags": [{"key": DONE, "value": digest}]}),
        )?;
        Ok((id, Fate::Made))
    }
}

fn tags(info: &Value, ids: &Ids) -> Map<String, Value> {
    let mut tags = compare::tags(info.get("tags"));
    tags.remove(VERSIONS_TAG);
    tags.iter_mut().for_each(|(key, value)| *value = compare::tag(ids, key, value));
    tags
}

/// A logged model in one form.
fn form(model: &Value, ids: &Ids) -> Value {
    let info = &model["info"];
    json!({
        "name": text(info, "name"), "type": text(info, "model_type"), "status": text(info, "status"),
        "run": ids.run(text(info, "source_run_id")), "params": pairs(model["data"].get("params")), "tags": tags(info, ids),
    })
}

fn link(model: &Value, links: &mut Links) {
    let metrics = model["data"].get("metrics").and_then(Value::as_array);
    for metric in metrics.into_iter().flatten() {
        let place = (text(metric, "run_id").to_owned(), text(metric, "key").to_owned());
        links.entry(place).or_default().push(Link {
            model: text(&model["info"], "model_id").to_owned(),
            data: (text(metric, "dataset_name").to_owned(), text(metric, "dataset_digest").to_owned()),
            point: compare::point(metric),
        });
    }
}
