//! The copy itself: from a source to a server, in the order in which one thing names another.
//!
//! Everything made over there carries the tag `aic.source.id`, so that whoever begins again finds it; what was copied
//! whole and was read back the same carries `aic.source.digest`, too, and is passed over next time.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use serde_json::{Value, json};

use super::compare::{CREATED, DONE, ID};
use super::far::{Server, pairs, text, whole};
use super::files::Files;
use super::ids::Ids;
use super::report::{Fate, Report};
use super::source::Source;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

mod content;
mod datasets;
mod logged;
mod registry;
mod runs;
mod traces;

/// What is copied from where to where.
pub struct Copy<'a> {
    /// Where from.
    pub source: &'a dyn Source,
    /// Where to.
    pub target: &'a Server,
    /// Only experiments with these names; all of them when empty.
    pub only: &'a [String],
    /// How much is done at once.
    pub workers: usize,
    /// Whether nothing is to be changed.
    pub dry_run: bool,
    /// Where a file may lie for a moment.
    pub scratch: PathBuf,
    /// What came of it.
    pub report: Report,
}

/// An experiment and what has become of it over there.
pub struct Experiment {
    /// As the source tells it.
    pub it: Value,
    /// Its identifier over there; empty in a rehearsal.
    pub id: String,
    /// Whether it was there before.
    pub was_there: bool,
    /// Whether it is in the trash over there.
    is_closed: Mutex<bool>,
}

impl Experiment {
    /// Its identifier at the source.
    pub fn from(&self) -> &str {
        text(&self.it, "experiment_id")
    }

    /// Whether it is in the trash at the source.
    pub fn is_deleted(&self) -> bool {
        text(&self.it, "lifecycle_stage") == "deleted"
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does something with each of many things, several at once; the first failure ends it.
pub fn each<T: Send>(
    workers: usize,
    items: Vec<T>,
    work: &(dyn Fn(T) -> Result<()> + Sync),
    done: &mut dyn FnMut(usize),
) -> Result<()> {
    let (queue, failed) = (Mutex::new(items.into_iter()), Mutex::new(None));
    let (tell, told) = mpsc::channel();
    let one = |tell: mpsc::Sender<()>| {
        while locked(&failed).is_none() {
            let Some(item) = locked(&queue).next() else { return };
            match work(item) {
                // Nobody listens any more only when the whole copy has ended.
                Ok(()) => drop(tell.send(())),
                Err(failure) => {
                    locked(&failed).get_or_insert(failure);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers {
            let tell = tell.clone();
            scope.spawn(|| one(tell));
        }
        drop(tell);
        let mut count = 0;
        while told.recv().is_ok() {
            count += 1;
            done(count);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

impl Copy<'_> {
    /// Copies everything.
    pub fn run(&self, out: &mut Output) -> Result<()> {
        let mut ids = Ids::default();
        let experiments = self.experiments(&mut ids, out)?;
        let known = self.shells(&experiments, &mut ids, out)?;
        let links = self.logged_models(&experiments, &mut ids, out)?;
        self.contents(&experiments, (&known, &links, &ids), out)?;
        self.traces(&experiments, &ids, out)?;
        self.registry(&ids, out)?;
        self.datasets(&ids, out)?;
        self.scorers(&experiments, out)?;
        self.close(&experiments)
    }

    /// The files of trees, copied.
    fn files(&self) -> Files<'_> {
        Files { source: self.source, target: self.target, scratch: &self.scratch }
    }

    /// What concerns one thing only is noted, and the rest goes on; whatever else ends the copy.
    fn settled(&self, sort: &'static str, name: &str, done: Result<Fate>) -> Result<()> {
        match done {
            Ok(fate) => {
                self.report.count(sort, fate);
                Ok(())
            }
            Err(failure) if matches!(failure.exit, Exit::Unavailable | Exit::NotAllowed) => Err(failure),
            Err(failure) => {
                let told = failure.to_string();
                let told = told.lines().next().unwrap_or_default().to_owned();
                self.report.remark(format!("{sort} `{name}` was left out: {told}"));
                self.report.count(sort, Fate::Left);
                Ok(())
            }
        }
    }

    fn experiments(&self, ids: &mut Ids, out: &mut Output) -> Result<Vec<Experiment>> {
        let mut all = Vec::new();
        let mut wanted = self.source.experiments()?;
        wanted.retain(|it| self.only.is_empty() || self.only.iter().any(|name| name == text(it, "name")));
        let mut only = self.only.iter();
        if let Some(name) = only.find(|name| !wanted.iter().any(|it| text(it, "name") == name.as_str())) {
            let message = format!("there is no experiment `{name}` at {}", self.source.name());
            return Err(Failure::not_found(message).hint("its name is written as MLflow shows it"));
        }
        for it in wanted {
            let name = text(&it, "name").to_owned();
            match self.experiment(it) {
                Ok(experiment) => {
                    ids.experiments.insert(experiment.from().to_owned(), experiment.id.clone());
                    let fate = if experiment.was_there { Fate::There } else { Fate::Made };
                    self.report.count("experiments", fate);
                    all.push(experiment);
                }
                Err(failure) => self.settled("experiments", &name, Err(failure))?,
            }
        }
        out.note(&format!("{} experiments", all.len()));
        Ok(all)
    }

    /// Finds an experiment over there by its name, or makes it.
    fn experiment(&self, it: Value) -> Result<Experiment> {
        let name = text(&it, "name");
        let found = match self.target.get("2.0 experiments/get-by-name", &[("experiment_name", name)]) {
            Err(failure) if failure.exit == Exit::NotFound => None,
            other => Some(other?["experiment"].take()),
        };
        if let Some(found) = found {
            let is_closed = Mutex::new(text(&found, "lifecycle_stage") == "deleted");
            let experiment =
                Experiment { id: text(&found, "experiment_id").to_owned(), it, was_there: true, is_closed };
            self.experiment_tags(&experiment, &found)?;
            return Ok(experiment);
        }
        if self.dry_run {
            return Ok(Experiment { it, id: String::new(), was_there: false, is_closed: Mutex::new(false) });
        }
        let mut tags = super::compare::tags(it.get("tags"));
        tags.insert(ID.to_owned(), json!(text(&it, "experiment_id")));
        if let Some(made) = whole(&it, "creation_time") {
            tags.insert(CREATED.to_owned(), json!(made.to_string()));
        }
        let made = self
            .target
            .make("2.0 experiments/create", &json!({"name": name, "tags": super::far::listed(&tags)}))?;
        let id = text(&made, "experiment_id").to_owned();
        Ok(Experiment { it, id, was_there: false, is_closed: Mutex::new(false) })
    }

    /// Sets the tags that one that was there does not have yet.
    fn experiment_tags(&self, experiment: &Experiment, found: &Value) -> Result<()> {
        let known = pairs(found.get("tags"));
        for (key, value) in super::compare::tags(experiment.it.get("tags")) {
            if known.get(&key) != Some(&value) && !self.dry_run {
                self.reopen(experiment)?;
                let ask = json!({"experiment_id": experiment.id, "key": key, "value": value});
                self.target.post("2.0 experiments/set-experiment-tag", &ask)?;
            }
        }
        Ok(())
    }

    /// Takes an experiment out of the trash for as long as something is written to it.
    fn reopen(&self, experiment: &Experiment) -> Result<()> {
        let mut is_closed = locked(&experiment.is_closed);
        if *is_closed {
            self.target.post("2.0 experiments/restore", &json!({"experiment_id": experiment.id}))?;
            *is_closed = false;
        }
        Ok(())
    }

    /// Puts those in the trash that are there at the source.
    fn close(&self, experiments: &[Experiment]) -> Result<()> {
        for experiment in experiments.iter().filter(|it| it.is_deleted() && !self.dry_run) {
            let mut is_closed = locked(&experiment.is_closed);
            if !*is_closed {
                self.target.post("2.0 experiments/delete", &json!({"experiment_id": experiment.id}))?;
                *is_closed = true;
            }
        }
        Ok(())
    }

    fn scorers(&self, experiments: &[Experiment], out: &mut Output) -> Result<()> {
        for experiment in experiments.iter().filter(|it| !it.is_deleted()) {
            let mut there = Vec::new();
            if experiment.was_there {
                there = Source::scorers(self.target, &experiment.id)?;
            }
            for scorer in self.source.scorers(experiment.from())? {
                let name = text(&scorer, "scorer_name");
                let number = whole(&scorer, "scorer_version");
                let same =
                    |it: &&Value| text(it, "scorer_name") == name && whole(it, "scorer_version") == number;
                let done = match there.iter().find(same) {
                    Some(_) => Ok(Fate::There),
                    None if self.dry_run => Ok(Fate::Made),
                    None => self.scorer(experiment, &scorer),
                };
                self.settled("scorer versions", name, done)?;
            }
        }
        out.note("scorers");
        Ok(())
    }

    fn scorer(&self, experiment: &Experiment, scorer: &Value) -> Result<Fate> {
        let name = text(scorer, "scorer_name");
        let ask = json!({"experiment_id": experiment.id, "name": name, "serialized_scorer": scorer.get("serialized_scorer")});
        let made = self.target.make("3.0 scorers/register", &ask)?;
        if whole(&made, "version") != whole(scorer, "scorer_version") {
            self.report.remark(format!(
                "scorer `{name}`: version {} became {}, because others are missing or were there",
                whole(scorer, "scorer_version").unwrap_or(0),
                whole(&made, "version").unwrap_or(0)
            ));
        }
        Ok(Fate::Made)
    }
}

/// Tags with which something is found again.
pub fn marks(from: &str, made_ms: Option<i64>) -> Vec<(String, Value)> {
    let mut marks = vec![(ID.to_owned(), json!(from))];
    marks.extend(made_ms.map(|made| (CREATED.to_owned(), json!(made.to_string()))));
    marks
}

/// What a thing over there says of its origin: the identifier there, and the digest of what was copied.
pub fn origin(tags: Option<&Value>) -> Option<(String, Option<String>)> {
    let tags = pairs(tags);
    let text = |key: &str| tags.get(key).and_then(Value::as_str).map(str::to_owned);
    text(ID).map(|id| (id, text(DONE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_done_once_and_the_first_failure_ends_it() {
        let sum = Mutex::new(0);
        let mut ticks = 0;
        each(
            4,
            (1..=100).collect(),
            &|it: u32| {
                *locked(&sum) += it;
                Ok(())
            },
            &mut |_| ticks += 1,
        )
        .unwrap();
        assert_eq!((*locked(&sum), ticks), (5050, 100));
        let failing = |it: u32| if it == 3 { Err(Failure::failed("no")) } else { Ok(()) };
        assert!(each(2, (1..=100).collect(), &failing, &mut |_| {}).is_err());
    }

    #[test]
    fn an_origin_is_read_from_tags() {
        let tags = json!([{"key": ID, "value": "7"}, {"key": "a", "value": "b"}]);
        assert_eq!(origin(Some(&tags)), Some(("7".to_owned(), None)));
        assert_eq!(origin(Some(&json!([]))), None);
        assert_eq!(marks("7", Some(5)).len(), 2);
    }
}
