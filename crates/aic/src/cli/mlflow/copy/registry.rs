//! Registered models and prompts, their versions with the same numbers, aliases and stages.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::compare;
use super::super::far::{listed, pairs, text, whole};
use super::super::ids::Ids;
use super::super::report::Fate;
use super::super::source::{Source, is_prompt};
use super::{Copy, each, marks, origin};
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

impl Copy<'_> {
    /// Copies everything that is registered.
    pub(super) fn registry(&self, ids: &Ids, out: &mut Output) -> Result<()> {
        let models = self.source.models()?;
        let count = models.len();
        let copy = |model: Value| {
            let name = text(&model, "name").to_owned();
            let sort = if is_prompt(&model) { "prompts" } else { "registered models" };
            let done = self.model(&model, ids);
            self.settled(sort, &name, done)
        };
        each(self.workers, models, &copy, &mut |done| {
            out.draw(&format!("{done} of {count} registered models"))
        })?;
        out.note(&format!("{count} registered models and prompts"));
        Ok(())
    }

    fn model(&self, model: &Value, ids: &Ids) -> Result<Fate> {
        let name = text(model, "name");
        let mut tags = compare::tags(model.get("tags"));
        tags.extend(marks(name, whole(model, "creation_timestamp")));
        let found = match self.target.get("2.0 registered-models/get", &[("name", name)]) {
            Err(failure) if failure.exit == Exit::NotFound => None,
            other => Some(other?["registered_model"].take()),
        };
        if let Some(found) = &found
            && origin(found.get("tags")).is_none()
        {
            return Err(Failure::failed("one of that name is there already, which is not a copy")
                .hint("rename it there, or delete it"));
        }
        if self.dry_run {
            let fate = if found.is_some() { Fate::There } else { Fate::Made };
            self.report.add("model versions", fate, self.source.versions(model)?.len() as u64);
            return Ok(fate);
        }
        let known = found.as_ref().map(|it| pairs(it.get("tags"))).unwrap_or_default();
        if found.is_none() {
            let ask = json!({"name": name, "tags": listed(&tags), "description": text(model, "description")});
            self.target.make("2.0 registered-models/create", &ask)?;
        } else {
            for (key, value) in tags.iter().filter(|(key, value)| known.get(*key) != Some(value)) {
                self.target.post(
                    "2.0 registered-models/set-tag",
                    &json!({"name": name, "key": key, "value": value}),
                )?;
            }
        }
        self.versions(model, ids)?;
        let aliases = |it: &Value| -> Map<String, Value> {
            let items = it.get("aliases").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            items.iter().map(|it| (text(it, "alias").to_owned(), json!(text(it, "version")))).collect()
        };
        let there = found.as_ref().map(aliases).unwrap_or_default();
        for (alias, version) in
            aliases(model).iter().filter(|(alias, version)| there.get(*alias) != Some(version))
        {
            let ask = json!({"name": name, "alias": alias, "version": version});
            self.target.post("2.0 registered-models/alias", &ask)?;
        }
        let mut after = self.target.get("2.0 registered-models/get", &[("name", name)])?;
        let after = after["registered_model"].take();
        let form = |it: &Value| json!({"description": text(it, "description"), "tags": compare::tags(it.get("tags")), "aliases": aliases(it)});
        match compare::difference(&form(model), &form(&after)) {
            Some(told) => Err(Failure::failed(format!("it differs over there: {told}"))),
            None => Ok(if found.is_some() { Fate::There } else { Fate::Made }),
        }
    }

    /// Makes the versions that are not there, with the numbers they have.
    fn versions(&self, model: &Value, ids: &Ids) -> Result<()> {
        let name = text(model, "name");
        let there: BTreeMap<i64, Value> = Source::versions(self.target, model)?
            .into_iter()
            .filter_map(|version| Some((whole(&version, "version")?, version)))
            .collect();
        let mut stopgaps: Vec<i64> =
            there.iter().filter(|(_, it)| is_stopgap(it)).map(|(number, _)| *number).collect();
        let mut last = there.keys().next_back().copied();
        for version in self.source.versions(model)? {
            let number = whole(&version, "version").unwrap_or(0);
            if let Some(known) = there.get(&number) {
                let done = self.version_state(name, &version, known).map(|()| Fate::There);
                self.settled("model versions", &format!("{name}/{number}"), done)?;
                continue;
            }
            // Numbers that are missing were deleted; the next one over there is found by counting.
            while last.is_none_or(|last| last + 1 < number) && number > 1 {
                let stopgap = self.stopgap(model)?;
                stopgaps.push(stopgap);
                last = Some(stopgap);
                if stopgap >= number {
                    break;
                }
            }
            let done = self.version(name, &version, ids);
            let is_made = done.is_ok();
            self.settled("model versions", &format!("{name}/{number}"), done)?;
            if !is_made {
                // Those behind it would get its number.
                self.report.remark(format!("versions of `{name}` behind {number} wait for it"));
                break;
            }
            last = Some(number);
        }
        for number in stopgaps {
            let ask = json!({"name": name, "version": number.to_string()});
            self.target.delete("2.0 model-versions/delete", &ask)?;
        }
        Ok(())
    }

    /// A version that only takes a number which must not be given again.
    fn stopgap(&self, model: &Value) -> Result<i64> {
        let mut tags = vec![json!({"key": "aic.source.stopgap", "value": "true"})];
        if is_prompt(model) {
            tags.push(json!({"key": super::super::source::PROMPT, "value": "true"}));
            tags.push(json!({"key": "mlflow.prompt.text", "value": ""}));
        }
        let ask = json!({"name": text(model, "name"), "source": "s3://deleted/version", "tags": tags});
        let made = self.target.make("2.0 model-versions/create", &ask)?;
        whole(&made["model_version"], "version")
            .ok_or_else(|| Failure::failed("a version was made without a number"))
    }

    fn version(&self, name: &str, version: &Value, ids: &Ids) -> Result<Fate> {
        let number = text(version, "version");
        let mut tags = compare::tags(version.get("tags"));
        tags.extend(marks(&format!("{name}/{number}"), whole(version, "creation_timestamp")));
        let mut ask = json!({
            "name": name, "source": ids.place(text(version, "source")), "tags": listed(&tags),
            "description": text(version, "description"),
        });
        for (field, value) in [
            ("run_id", ids.run(text(version, "run_id"))),
            ("run_link", text(version, "run_link").to_owned()),
            ("model_id", ids.model(logged(version))),
        ] {
            if !value.is_empty() {
                ask[field] = json!(value);
            }
        }
        let made = self.target.make("2.0 model-versions/create", &ask)?["model_version"].take();
        if text(&made, "version") != number {
            let ask = json!({"name": name, "version": text(&made, "version")});
            self.target.delete("2.0 model-versions/delete", &ask)?;
            return Err(Failure::failed(format!("it would have become version {}", text(&made, "version"))));
        }
        self.version_state(name, version, &made)?;
        Ok(Fate::Made)
    }

    /// Brings a version's stage over, and sees whether the rest is the same.
    fn version_state(&self, name: &str, version: &Value, there: &Value) -> Result<()> {
        let (stage, number) = (text(version, "current_stage"), text(version, "version"));
        if !stage.is_empty() && stage != text(there, "current_stage") {
            let ask =
                json!({"name": name, "version": number, "stage": stage, "archive_existing_versions": false});
            self.target.post("2.0 model-versions/transition-stage", &ask)?;
        }
        let form = |it: &Value| json!({"description": text(it, "description"), "tags": compare::tags(it.get("tags"))});
        match compare::difference(&form(version), &form(there)) {
            Some(told) => Err(Failure::failed(format!("it differs over there: {told}"))),
            None => Ok(()),
        }
    }
}

/// The logged model a version was made of. A stock server tells it by the place of the files only.
fn logged(version: &Value) -> &str {
    let place = text(version, "source").strip_prefix("models:/").unwrap_or_default();
    match text(version, "model_id") {
        "" if place.starts_with("m-") && !place.contains(['/', '@']) => place,
        told => told,
    }
}

fn is_stopgap(version: &Value) -> bool {
    pairs(version.get("tags")).contains_key("aic.source.stopgap")
}
