//! The search for logged models of experiments, by their attributes and by what was measured of them.

use std::collections::BTreeMap;

use kernel::{
    cx::Cx,
    object::Raw,
    predicate::{Place, Predicate},
};
use ports::tracking::{Data, Measured};
use serde_json::Value;

use super::{measured, phase, shown};
use crate::{
    ask::Ask,
    experiments,
    fault::{Fault, Result},
    grammar::{self, Condition, Operand},
    matching::{self, Cell},
    objects::{self, EXPERIMENTS, LOGGED},
    walk::{self, Best, Key, Start, Walk},
};

/// The most models one page has.
const PAGE_MAX: usize = 1_000;
/// The most experiments one search is about.
const EXPERIMENTS_MAX: usize = 1_000;

/// Data that a search is about: its name, and its digest where that is told.
type Wanted = (String, Option<String>);

/// A model on its way through a search.
struct Candidate {
    it: Raw,
    experiment: String,
    measured: Vec<Measured>,
}

impl Candidate {
    fn attribute(&self, key: &str) -> Option<Cell> {
        Some(match key {
            "name" => Cell::text(objects::text(&self.it, "title")),
            "model_id" => Cell::Text(self.it.metadata.name.clone()),
            "model_type" => Cell::Text(objects::text(&self.it, "modelType").unwrap_or_default().to_owned()),
            "source_run_id" => {
                Cell::Text(objects::text(&self.it, "sourceRun").unwrap_or_default().to_owned())
            }
            "experiment_id" => Cell::Text(self.experiment.clone()),
            "status" => Cell::Text(phase(&self.it).trim_start_matches("LOGGED_MODEL_").to_owned()),
            "creation_timestamp" | "creation_time" | "creation_timestamp_ms" => {
                Cell::Number(objects::created_ms(&self.it) as f64)
            }
            "last_updated_timestamp" | "last_updated_time" | "last_updated_timestamp_ms" => {
                Cell::Number(objects::updated_ms(&self.it) as f64)
            }
            _ => return None,
        })
    }

    /// The values of a metric, on the data that is meant, the latest first.
    fn metric(&self, key: &str, wanted: &[Wanted]) -> Vec<f64> {
        let mut found: Vec<&Measured> = self
            .measured
            .iter()
            .filter(|it| it.metric.key == key && is_on(it.metric.data.as_ref(), wanted))
            .collect();
        found.sort_by_key(|it| (-it.metric.time_ms, -it.metric.step, it.run.to_string()));
        found.iter().map(|it| it.metric.value).collect()
    }

    /// Where it stands in the order of a search.
    fn key(&self, orders: &[Ordered]) -> Key {
        let cell = |(key, _, on): &Ordered| match key.strip_prefix("metrics.") {
            Some(metric) => {
                self.metric(metric, on).first().map_or(Cell::Nothing, |value| Cell::Number(*value))
            }
            None => self.attribute(key).unwrap_or(Cell::Nothing),
        };
        let mut cells: Vec<Cell> = orders.iter().map(cell).collect();
        cells.push(Cell::Number(objects::created_ms(&self.it) as f64));
        cells.push(Cell::Text(self.it.metadata.name.clone()));
        Key { cells, uid: self.it.metadata.uid.to_string() }
    }

    fn fits(&self, condition: &Condition, wanted: &[Wanted]) -> Result<bool> {
        let map = |field: &str| {
            let found = objects::texts(&self.it, field).find(|(key, _)| *key == condition.key);
            Ok(matching::holds(condition, &Cell::text(found.map(|(_, value)| value))))
        };
        match condition.entity.as_str() {
            "metrics" => {
                let values = self.metric(&condition.key, wanted);
                Ok(values.into_iter().any(|value| matching::holds(condition, &Cell::Number(value))))
            }
            "params" => map("parameters"),
            "tags" => map("tags"),
            _ => {
                let cell =
                    self.attribute(&condition.key).ok_or_else(|| unknown(&condition.key, condition.at))?;
                Ok(matching::holds(condition, &cell))
            }
        }
    }
}

fn unknown(key: &str, at: usize) -> Fault {
    Fault::invalid(format!("Invalid attribute key '{key}' specified at position {at}"))
}

fn is_on(data: Option<&Data>, wanted: &[Wanted]) -> bool {
    let same = |(name, digest): &Wanted| {
        data.is_some_and(|data| {
            data.name == *name && digest.as_ref().is_none_or(|digest| data.digest == *digest)
        })
    };
    wanted.is_empty() || wanted.iter().any(same)
}

fn wanted(name: &str, item: &Ask) -> Result<Option<Wanted>> {
    let digest = item.given("dataset_digest")?.map(str::to_owned);
    Ok(item.given(name)?.map(|name| (name.to_owned(), digest)))
}

/// Refuses a condition no logged model can be held against.
fn known(condition: &Condition) -> Result<()> {
    let at = condition.at;
    let numeric = match condition.entity.as_str() {
        "metrics" => true,
        "params" | "tags" => false,
        "attribute" | "attributes" => match condition.key.as_str() {
            "name" | "model_id" | "model_type" | "source_run_id" | "experiment_id" | "status" => false,
            "creation_timestamp"
            | "creation_time"
            | "last_updated_timestamp"
            | "last_updated_time"
            | "creation_timestamp_ms"
            | "last_updated_timestamp_ms" => true,
            key => return Err(unknown(key, at)),
        },
        other => {
            return Err(Fault::invalid(format!(
                "Invalid entity type: '{other}'. Expected one of ['attributes', 'metrics', 'params', 'tags'] at position {at}"
            )));
        }
    };
    let fits = match &condition.value {
        Operand::Number(..) => numeric,
        Operand::Text(_) => !numeric && condition.op.is_textual(),
        Operand::Texts(_) => !numeric,
        Operand::Nothing => false,
    };
    if fits {
        return Ok(());
    }
    let (key, op) = (&condition.key, condition.op.word());
    Err(Fault::invalid(format!("Invalid comparison operator for {key}: '{op}' at position {at}")))
}

/// Answers a search.
pub async fn search(cx: &Cx, ask: &Ask) -> Result<Value> {
    let ids = ask.texts("experiment_ids")?;
    if ids.is_empty() {
        ask.required("experiment_ids")?;
    }
    if ids.len() > EXPERIMENTS_MAX {
        return Err(Fault::invalid(format!("a search is about at most {EXPERIMENTS_MAX} experiments")));
    }
    let most = ask.max_results(100, PAGE_MAX)?;
    let conditions = grammar::filter(ask.text("filter")?.unwrap_or_default())?;
    conditions.iter().try_for_each(known)?;
    let mut data: Vec<Wanted> = Vec::new();
    for item in ask.items("datasets")? {
        data.push(
            wanted("dataset_name", &item)?.ok_or_else(|| {
                Fault::invalid("`dataset_name` in the `datasets` clause must be specified.")
            })?,
        );
    }
    let orders = orders(ask)?;
    let question = format!("{ids:?}{conditions:?}{data:?}{orders:?}");
    let start = Start::read(ask.text("page_token")?.unwrap_or_default(), &question)?;
    objects::may(cx, LOGGED, "list", "").await?;
    let walks = walks(cx, &ids, (&conditions, &orders), start.after()).await?;
    // The newest first, where nothing else says; then by identifier.
    let mut ascending: Vec<bool> = orders.iter().map(|(_, ascending, _)| *ascending).collect();
    ascending.extend([false, true]);
    let mut best = Best::new(ascending, start, most);
    for (experiment, mut walk) in walks {
        loop {
            let found = candidates(walk.next(cx).await?, &experiment, cx).await?;
            let Some(last) = found.last().map(|it| it.key(&orders)) else { break };
            for candidate in found {
                let on_data = data.is_empty()
                    || candidate.measured.iter().any(|it| is_on(it.metric.data.as_ref(), &data));
                let mut fits = on_data;
                for condition in &conditions {
                    fits = fits && candidate.fits(condition, &data)?;
                }
                if fits {
                    best.offer(candidate.key(&orders), candidate);
                }
            }
            if best.settle(last.cells.first().filter(|_| walk.is_ordered())) {
                break;
            }
        }
    }
    let (page, next) = best.page();
    let shown = page.iter().map(|it| shown(&it.it, &it.experiment, &it.measured)).collect();
    Ok(matching::shown_page("models", shown, next))
}

/// By what to order: a key, whether smallest first, on which data.
type Ordered = (String, bool, Vec<Wanted>);

fn orders(ask: &Ask) -> Result<Vec<Ordered>> {
    let mut all = Vec::new();
    for item in ask.items("order_by")? {
        let key = item.required("field_name")?;
        let is_known = match key.split_once('.') {
            Some((entity, _)) => entity == "metrics",
            None => {
                let condition = Condition {
                    entity: "attribute".to_owned(),
                    key: key.to_owned(),
                    op: grammar::Op::Equal,
                    value: Operand::Number(0.0, true),
                    at: 1,
                };
                known(&condition).is_ok()
                    || known(&Condition { value: Operand::Text(String::new()), ..condition }).is_ok()
            }
        };
        if !is_known {
            return Err(Fault::invalid(format!(
                "Invalid order by field name: {key}. Only metrics are supported."
            )));
        }
        let on = wanted("dataset_name", &item)?.into_iter().collect();
        all.push((key.replace('`', ""), item.flag("ascending")?.unwrap_or(true), on));
    }
    Ok(all)
}

/// The ways through the logged models of some experiments, each with the experiment's id.
async fn walks(
    cx: &Cx,
    ids: &[String],
    (conditions, orders): (&[Condition], &[Ordered]),
    after: Option<&Cell>,
) -> Result<Vec<(String, Walk)>> {
    let holds = walk::narrowing(conditions, |key| match key {
        "name" => Some(walk::field("title")),
        "model_id" => Some(Place::Name),
        "source_run_id" => Some(walk::field("sourceRun")),
        _ => None,
    });
    // A run that is not told is an empty text to MLflow.
    let holds: Vec<Predicate> =
        if conditions.iter().any(|it| it.value == Operand::Text(String::new())) { Vec::new() } else { holds };
    let mut experiments = BTreeMap::new();
    for id in ids {
        let found = if id == "0" {
            Some(experiments::find(cx, "0", "get").await?)
        } else {
            objects::whole(cx, EXPERIMENTS, id).await?
        };
        experiments.extend(found.map(|it| (it.metadata.name, it.metadata.uid.to_string())));
    }
    let mut all = Vec::new();
    for (name, experiment) in experiments {
        let own = walk::is(walk::field("experiment"), &name);
        let walk = Walk::new(cx, LOGGED, holds.iter().cloned().chain([own]).collect())?;
        let walk = match orders.first() {
            None => walk.by_creation(false, after),
            Some((key, ascending, _)) if key.starts_with("creation_time") => {
                walk.by_creation(*ascending, after)
            }
            Some(_) => walk,
        };
        all.push((experiment, walk));
    }
    Ok(all)
}

/// Logged models with what was measured of them.
async fn candidates(found: Vec<Raw>, experiment: &str, cx: &Cx) -> Result<Vec<Candidate>> {
    let mut measured = measured(cx, &found).await?;
    let candidate = |it: Raw| {
        let measured = measured.remove(&it.metadata.name).unwrap_or_default();
        Candidate { it, experiment: experiment.to_owned(), measured }
    };
    Ok(found.into_iter().map(candidate).collect())
}
