//! Traces with their spans and assessments, and the runs they are linked to. A trace keeps its identifier.

use std::collections::{BTreeSet, HashMap};

use base::Time;
use serde_json::{Map, Value, json};

use super::super::compare::{self, DONE, ID};
use super::super::far::{Server, text};
use super::super::ids::Ids;
use super::super::report::Fate;
use super::super::source::Source;
use super::super::spans;
use super::{Copy, Experiment, each};
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// What each server notes itself.
const OWN_TAGS: [&str; 2] = ["mlflow.artifactLocation", "mlflow.trace.spansLocation"];
const OWN_METADATA: [&str; 1] = ["mlflow.trace.infoFinalized"];
/// The most spans of one request, and the most traces linked by one.
const SPANS: usize = 500;
const LINKS: usize = 100;

/// Traces over there, by their identifiers.
type There = HashMap<String, Value>;

impl Copy<'_> {
    /// Copies the traces of all experiments.
    pub(super) fn traces(&self, experiments: &[Experiment], ids: &Ids, out: &mut Output) -> Result<()> {
        for experiment in experiments {
            let mut there = There::new();
            if experiment.was_there {
                paged(self.target, &experiment.id, &mut |page| {
                    there.extend(page.into_iter().map(|it| (text(&it, "trace_id").to_owned(), it)));
                    Ok(())
                })?;
            }
            let (name, mut found) = (text(&experiment.it, "name"), BTreeSet::new());
            paged(self.source, experiment.from(), &mut |page| {
                let before = found.len();
                found.extend(page.iter().map(|it| text(it, "trace_id").to_owned()));
                let copy = |it: Value| {
                    let id = text(&it, "trace_id");
                    let done = self.trace(experiment, &it, (there.get(id), ids));
                    self.settled("traces", id, done)
                };
                each(self.workers, page, &copy, &mut |done| {
                    out.draw(&format!("experiment {name}: {} traces", before + done));
                })
            })?;
            if !found.is_empty() {
                self.links(experiment, ids)?;
                out.note(&format!("experiment {name}: {} traces", found.len()));
            }
        }
        Ok(())
    }

    fn trace(
        &self,
        experiment: &Experiment,
        it: &Value,
        (known, ids): (Option<&Value>, &Ids),
    ) -> Result<Fate> {
        let id = text(it, "trace_id");
        if self.dry_run {
            return Ok(if known.is_some() { Fate::There } else { Fate::Made });
        }
        let spans = self.source.spans(it)?;
        let wanted = form(it, &spans, ids);
        let digest = compare::digest(&wanted);
        if known.is_some_and(|known| known["tags"][DONE] == digest.as_str()) {
            return Ok(Fate::There);
        }
        if known.is_none() {
            self.is_free(id)?;
        }
        self.reopen(experiment)?;
        let mut info = it.clone();
        info["trace_location"] =
            json!({"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment.id}});
        info["trace_metadata"] = texts(it, "trace_metadata", &OWN_METADATA, ids).into();
        let mut tags = texts(it, "tags", &OWN_TAGS, ids);
        tags.insert(ID.to_owned(), id.into());
        info["tags"] = tags.into();
        // They follow one by one: a server tells from their order which of them another one replaces.
        info["assessments"] = json!([]);
        // Spans first: a server works out from them what the trace then says better, such as how long it took.
        for part in spans.chunks(SPANS) {
            self.target.spans(&experiment.id, part)?;
        }
        self.target.post("3.0 traces", &json!({"trace": {"trace_info": info}}))?;
        self.assessments(id, (it, known), ids)?;
        let (found, spans) = read(self.target, id)?;
        if let Some(told) = compare::difference(&wanted, &form(&found, &spans, &Ids::default())) {
            return Err(Failure::failed(format!("it differs over there: {told}")));
        }
        let ask = json!({"trace_id": id, "key": DONE, "value": digest});
        self.target.patch(&format!("3.0 traces/{id}/tags"), &ask)?;
        Ok(Fate::Made)
    }

    /// Refuses a trace that is over there in another experiment.
    fn is_free(&self, id: &str) -> Result<()> {
        match self.target.get(&format!("3.0 traces/{id}"), &[]) {
            Err(failure) if failure.exit == Exit::NotFound => Ok(()),
            Err(failure) => Err(failure),
            Ok(_) => Err(Failure::failed("a trace of this identifier is in another experiment over there")),
        }
    }

    /// Says of a trace what is not said of it yet; what was changed since is said anew.
    fn assessments(&self, id: &str, (it, known): (&Value, Option<&Value>), ids: &Ids) -> Result<()> {
        let path = format!("3.0 traces/{id}/assessments");
        let there = known.map(said).unwrap_or_default();
        let mut wanted = said(it);
        wanted.sort_by_key(|it| text(it, "create_time").to_owned());
        for mut assessment in wanted {
            let name = text(&assessment, "assessment_id").to_owned();
            let same = there.iter().find(|it| text(it, "assessment_id") == name);
            if same.is_some_and(|same| opinion(same, &Ids::default()) == opinion(&assessment, ids)) {
                continue;
            }
            if same.is_some() {
                self.target.delete(&format!("{path}/{name}"), &json!({}))?;
            }
            assessment["metadata"] = texts(&assessment, "metadata", &[], ids).into();
            self.target.make(&path, &json!({"assessment": assessment}))?;
        }
        Ok(())
    }

    /// Links traces to the runs that did not tell them themselves.
    fn links(&self, experiment: &Experiment, ids: &Ids) -> Result<()> {
        let mut page = None;
        loop {
            let (runs, next) = self.source.runs(experiment.from(), page.as_deref())?;
            let link = |run: Value| {
                let from = text(&run["info"], "run_id");
                let Some(to) = ids.runs.get(from).filter(|_| !self.dry_run) else { return Ok(()) };
                let linked = self.source.linked(experiment.from(), from)?;
                if linked.is_empty() {
                    return Ok(());
                }
                let there: BTreeSet<String> =
                    Source::linked(self.target, &experiment.id, to)?.into_iter().collect();
                let missing: Vec<String> = linked.into_iter().filter(|id| !there.contains(id)).collect();
                for part in missing.chunks(LINKS) {
                    let ask = json!({"trace_ids": part, "run_id": to});
                    self.target.post("2.0 traces/link-to-run", &ask)?;
                    self.report.add("links of traces", Fate::Made, part.len() as u64);
                }
                Ok(())
            };
            each(self.workers, runs, &link, &mut |_| {})?;
            page = next;
            if page.is_none() {
                return Ok(());
            }
        }
    }
}

fn paged(
    source: &dyn Source,
    experiment: &str,
    take: &mut dyn FnMut(Vec<Value>) -> Result<()>,
) -> Result<()> {
    let mut page = None;
    loop {
        let (traces, next) = source.traces(experiment, page.as_deref())?;
        take(traces)?;
        page = next;
        if page.is_none() {
            return Ok(());
        }
    }
}

/// A trace as it is over there.
fn read(target: &Server, id: &str) -> Result<(Value, Vec<Value>)> {
    let mut answer = target.get(&format!("3.0 traces/{id}"), &[])?;
    let found = answer["trace"]["trace_info"].take();
    let spans = Source::spans(target, &found)?;
    Ok((found, spans))
}

/// Tags or metadata without what a server notes itself; MLflow's own name what is over there.
fn texts(it: &Value, field: &str, own: &[&str], ids: &Ids) -> Map<String, Value> {
    let all = it[field].as_object().into_iter().flatten();
    let meant = all.filter(|(key, _)| !own.contains(&key.as_str()) && !key.starts_with("aic.source."));
    meant.map(|(key, value)| (key.clone(), compare::tag(ids, key, value))).collect()
}

fn said(it: &Value) -> Vec<Value> {
    it["assessments"].as_array().cloned().unwrap_or_default()
}

/// A time in milliseconds.
fn moment(it: &Value, field: &str) -> Option<i64> {
    text(it, field).parse::<Time>().ok().map(Time::millis)
}

fn seconds(told: &str) -> Option<f64> {
    told.strip_suffix('s')?.parse().ok()
}

/// Numbers are numbers, however they are written.
fn loose(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(loose).collect(),
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null() && **value != "");
            given.map(|(key, value)| (key.clone(), loose(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// What an assessment says, in one form.
fn judged(it: &Value) -> Value {
    let written = &it["expectation"]["serialized_value"]["value"];
    if let Some(value) = written.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        return json!({"expectation": {"value": loose(&value)}});
    }
    let sorts = ["feedback", "expectation", "issue"].into_iter();
    sorts.filter_map(|sort| Some((sort.to_owned(), loose(it.get(sort)?)))).collect::<Map<_, _>>().into()
}

/// An assessment in one form.
fn opinion(it: &Value, ids: &Ids) -> Value {
    let field = |name: &str| it.get(name).filter(|value| !value.is_null() && *value != "").cloned();
    json!({
        "id": field("assessment_id"), "name": field("assessment_name"), "source": field("source"), "judged": judged(it),
        "span": field("span_id"), "rationale": field("rationale"), "overrides": field("overrides"),
        "metadata": texts(it, "metadata", &[], ids), "created": moment(it, "create_time"),
    })
}

/// A trace in one form.
fn form(it: &Value, told: &[Value], ids: &Ids) -> Value {
    let field = |name: &str| it.get(name).filter(|value| !value.is_null() && *value != "").cloned();
    let mut metadata = texts(it, "trace_metadata", &OWN_METADATA, ids);
    for text in metadata.values_mut() {
        // Counts are JSON, which each server writes its own way.
        let count = text.as_str().and_then(|text| serde_json::from_str(text).ok());
        if let Some(count @ Value::Object(_)) = count {
            *text = count;
        }
    }
    let mut opinions: Vec<Value> = said(it).iter().map(|it| opinion(it, ids)).collect();
    opinions.sort_by_key(Value::to_string);
    let mut spans: Vec<Value> = told.iter().map(spans::form).collect();
    spans.sort_by_key(Value::to_string);
    json!({
        "time": moment(it, "request_time"), "lasted": seconds(text(it, "execution_duration")), "state": field("state"),
        "client": field("client_request_id"), "request": field("request_preview"), "response": field("response_preview"),
        "metadata": metadata, "tags": texts(it, "tags", &OWN_TAGS, ids), "assessments": opinions, "spans": spans,
    })
}
