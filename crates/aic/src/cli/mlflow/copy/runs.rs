//! Runs begun over there, empty, so that everything that names a run can be told its new identifier.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::super::compare::ID;
use super::super::far::{PAGE, pairs, text, whole};
use super::super::ids::Ids;
use super::super::report::Fate;
use super::super::source::Source;
use super::{Copy, Experiment, each, locked, origin};
use crate::failure::Result;
use crate::output::Output;

/// A run that is over there.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its identifier.
    pub id: String,
    /// The digest of what was copied whole.
    pub digest: Option<String>,
    /// Whether it is in the trash.
    pub is_deleted: bool,
    /// Whether it was there before this copy began.
    pub was_there: bool,
}

/// Runs by their identifiers at the source.
pub type Runs = HashMap<String, Known>;

impl Copy<'_> {
    /// Begins the runs that are not there yet.
    pub(super) fn shells(&self, experiments: &[Experiment], ids: &mut Ids, out: &mut Output) -> Result<Runs> {
        let known = Mutex::new(Runs::new());
        for experiment in experiments {
            if experiment.was_there {
                self.find_runs(experiment, &mut locked(&known))?;
            }
            let (mut page, mut begun) = (None, 0);
            loop {
                let (runs, next) = self.source.runs(experiment.from(), page.as_deref())?;
                let missing: Vec<Value> = {
                    let known = locked(&known);
                    runs.into_iter().filter(|run| !known.contains_key(text(&run["info"], "run_id"))).collect()
                };
                begun += missing.len();
                if !self.dry_run {
                    let begin = |run: Value| self.begin(experiment, &run, &known);
                    each(self.workers, missing, &begin, &mut |_| {})?;
                }
                out.draw(&format!("experiment {}: {begun} runs begun", text(&experiment.it, "name")));
                page = next;
                if page.is_none() {
                    break;
                }
            }
        }
        let known = known.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        ids.runs.extend(known.iter().map(|(from, run)| (from.clone(), run.id.clone())));
        Ok(known)
    }

    /// Notes the runs of an experiment that a copy has begun before.
    fn find_runs(&self, experiment: &Experiment, known: &mut Runs) -> Result<()> {
        let mut page = None;
        loop {
            let (runs, next) = Source::runs(self.target, &experiment.id, page.as_deref())?;
            for run in runs {
                if let Some((from, digest)) = origin(run["data"].get("tags")) {
                    let is_deleted = text(&run["info"], "lifecycle_stage") == "deleted";
                    let id = text(&run["info"], "run_id").to_owned();
                    known.insert(from, Known { id, digest, is_deleted, was_there: true });
                }
            }
            page = next;
            if page.is_none() {
                return Ok(());
            }
        }
    }

    fn begin(&self, experiment: &Experiment, run: &Value, known: &Mutex<Runs>) -> Result<()> {
        let info = &run["info"];
        let from = text(info, "run_id");
        let begin = || {
            self.reopen(experiment)?;
            let mut ask = json!({
                "experiment_id": experiment.id,
                "start_time": whole(info, "start_time").unwrap_or(0),
                "user_id": text(info, "user_id"),
                "tags": [{"key": ID, "value": from}],
            });
            let tagged = pairs(run["data"].get("tags"));
            let name = Some(text(info, "run_name")).filter(|name| !name.is_empty());
            if let Some(name) = name.or_else(|| tagged.get("mlflow.runName")?.as_str()) {
                ask["run_name"] = json!(name);
            }
            let made = self.target.make("2.0 runs/create", &ask)?;
            let id = text(&made["run"]["info"], "run_id").to_owned();
            locked(known).insert(from.to_owned(), Known { id, ..Known::default() });
            Ok(())
        };
        match begin() {
            Ok(()) => Ok(()),
            Err(failure) => self.settled("runs", from, Err(failure)),
        }
    }

    /// Fills the runs that were begun with what was logged to them, and sees whether it is the same over there.
    pub(super) fn contents(
        &self,
        experiments: &[Experiment],
        (known, links, ids): (&Runs, &super::logged::Links, &Ids),
        out: &mut Output,
    ) -> Result<()> {
        for experiment in experiments {
            let (mut page, mut before) = (None, 0);
            let name = text(&experiment.it, "name").to_owned();
            loop {
                let (runs, next) = self.source.runs(experiment.from(), page.as_deref())?;
                let count = runs.len();
                let fill = |run: Value| {
                    let from = text(&run["info"], "run_id").to_owned();
                    if self.dry_run {
                        let fate = if known.contains_key(&from) { Fate::There } else { Fate::Made };
                        self.report.count("runs", fate);
                        return Ok(());
                    }
                    // One that could not be begun was noted then.
                    let Some(run_there) = known.get(&from) else { return Ok(()) };
                    let done = self.content(experiment, &run, (run_there, links, ids));
                    self.settled("runs", &from, done)
                };
                each(self.workers, runs, &fill, &mut |done| {
                    out.draw(&format!("experiment {name}: {} runs", before + done));
                })?;
                before += count;
                page = next;
                if before >= PAGE && page.is_some() {
                    out.draw(&format!("experiment {name}: {before} runs"));
                }
                if page.is_none() {
                    break;
                }
            }
            out.note(&format!("experiment {name}: {before} runs"));
        }
        Ok(())
    }
}
