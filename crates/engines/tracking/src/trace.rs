//! What becomes of a trace, decided in memory: who told it first, what spans add, what was said of it.

use std::collections::{BTreeMap, BTreeSet};

use base::{Error, Result};
use ports::tracking::trace::{
    self, Assessment, COST, Edit, Judged, Reassessment, SETTLED, Span, Spans, State, Trace, USAGE, Which,
};

pub mod measure;
mod port;
pub mod select;
pub mod statement;
pub mod usage;

/// One thing to do with traces in the next transaction.
#[derive(Clone, Debug)]
pub enum Act {
    /// Keep a trace as whoever made it tells it.
    Begin(Box<Trace>),
    /// Keep spans.
    Spans(Vec<Spans>),
    /// Change a trace: its organization, its identifier, how.
    Edit(String, String, Edit),
    /// Forget traces: of an organization, of an experiment, which.
    Forget(String, base::Uid, Which),
}

/// A trace as whoever made it tells it, with what spans have told of it already.
pub fn begun(known: Option<Trace>, told: Trace) -> Result<Trace> {
    let trace = match known {
        None => told,
        Some(known) => merged(known, told),
    };
    trace::check(&trace)?;
    Ok(trace)
}

fn merged(known: Trace, told: Trace) -> Trace {
    let mut trace = Trace {
        request: told.request.or(known.request),
        response: told.response.or(known.response),
        tags: known.tags,
        metadata: known.metadata,
        assessments: known.assessments,
        runs: known.runs,
        prompts: known.prompts,
        ..told
    };
    trace.tags.extend(told.tags);
    trace.metadata.extend(told.metadata);
    trace.runs.extend(told.runs);
    trace.prompts.extend(told.prompts);
    for assessment in told.assessments {
        match trace.assessments.iter_mut().find(|it| it.id == assessment.id) {
            Some(it) => *it = assessment,
            None => trace.assessments.push(assessment),
        }
    }
    trace
}

/// What is kept of a trace that was linked to a run before anybody told of it: that link, and no experiment, so that
/// nothing finds it until somebody tells.
pub fn awaited(org: &str, id: &str, edit: &Edit) -> Option<Trace> {
    match edit {
        Edit::LinkRun(run) => {
            let mut trace = Trace::new(org, base::Uid::known(""), id);
            trace.runs.insert(run.clone());
            Some(trace)
        }
        _ => None,
    }
}

/// Whether somebody is still to tell of a trace.
pub fn is_awaited(trace: &Trace) -> bool {
    trace.experiment.as_str().is_empty()
}

/// A trace with what spans say of it; `before` are those that are kept of it, and one told again replaces its own.
pub fn with_spans(known: Option<Trace>, before: &[Span], told: &Spans) -> Result<Trace> {
    let is_told = |id: &str| told.spans.iter().any(|span| span.id == id);
    let all: Vec<usage::Node> =
        before.iter().filter(|span| !is_told(&span.id)).chain(&told.spans).map(node).collect();
    let began_ms = told.spans.iter().map(|span| span.began_ns).min().unwrap_or(0) / 1_000_000;
    let ended_ms = told.spans.iter().filter_map(|span| span.ended_ns).max().map(|ns| ns / 1_000_000);
    let (known, linked) = match known {
        Some(it) if is_awaited(&it) => (None, it.runs),
        known => (known, BTreeSet::new()),
    };
    let is_new = known.is_none();
    let mut trace = known.unwrap_or_else(|| Trace {
        state: State::InProgress,
        began_ms,
        ..Trace::new(told.org.clone(), told.experiment.clone(), told.trace.clone())
    });
    trace.runs.extend(linked);
    let settled = trace.metadata.contains_key(SETTLED);
    if !settled {
        let before = trace.began_ms + trace.lasted_ms.unwrap_or(0);
        trace.began_ms = trace.began_ms.min(began_ms);
        trace.lasted_ms = match ended_ms {
            Some(ended_ms) => Some(if is_new { ended_ms } else { ended_ms.max(before) } - trace.began_ms),
            None => trace.lasted_ms,
        };
    }
    if matches!(trace.state, State::InProgress | State::StateUnspecified) {
        trace.state = told.state.unwrap_or(trace.state);
    }
    trace.request = trace.request.or_else(|| told.request.clone());
    trace.response = trace.response.or_else(|| told.response.clone());
    trace.tags.extend(told.tags.clone());
    for (key, value) in &told.metadata {
        trace.metadata.entry(key.clone()).or_insert_with(|| value.clone());
    }
    for (key, counts, of) in [(USAGE, usage::COUNTED, usage::Of::Usage), (COST, usage::PAID, usage::Of::Cost)]
    {
        if settled && trace.metadata.contains_key(key) {
            continue;
        }
        if let Some(total) = usage::total(&all, counts, of) {
            trace.metadata.insert(key.to_owned(), total);
        }
    }
    trace::check(&trace)?;
    Ok(trace)
}

/// What of a span counts for its trace.
fn node(span: &Span) -> usage::Node {
    usage::Node {
        id: span.id.clone(),
        parent: span.parent.clone(),
        usage: span.usage.clone(),
        cost: span.cost.clone(),
    }
}

/// A trace after a change.
pub fn edited(mut trace: Trace, edit: Edit) -> Result<Trace> {
    match edit {
        Edit::Tag(key, value) => {
            trace.tags.insert(key, value);
        }
        Edit::Untag(key) => {
            if trace.tags.remove(&key).is_none() {
                let message = format!("trace `{}` has no tag `{key}`", trace.id);
                return Err(Error::not_found("tag-unknown", message).at(key));
            }
        }
        Edit::End(end) => {
            trace.lasted_ms = Some(end.at_ms.saturating_sub(trace.began_ms));
            trace.state = end.state;
            trace.tags.extend(end.tags);
            trace.metadata.extend(end.metadata);
        }
        Edit::Assess(assessment) => assess(&mut trace, *assessment)?,
        Edit::Reassess(id, change, at_ms) => reassess(&mut trace, &id, *change, at_ms)?,
        Edit::Unassess(id) => unassess(&mut trace, &id),
        Edit::LinkRun(run) => {
            trace.runs.insert(run);
        }
        Edit::LinkPrompts(prompts) => trace.prompts.extend(prompts),
    }
    trace::check(&trace)?;
    Ok(trace)
}

fn assess(trace: &mut Trace, assessment: Assessment) -> Result<()> {
    if let Some(other) = &assessment.overrides {
        let found = trace.assessments.iter_mut().find(|it| it.id == *other);
        found.ok_or_else(|| trace::no_assessment(&trace.id, other))?.valid = false;
    }
    if trace.assessments.iter().any(|it| it.id == assessment.id) {
        let message = format!("there is an assessment `{}` already", assessment.id);
        return Err(Error::conflict("already-exists", message));
    }
    trace.assessments.push(assessment);
    Ok(())
}

fn reassess(trace: &mut Trace, id: &str, change: Reassessment, at_ms: i64) -> Result<()> {
    let found = trace.assessments.iter_mut().find(|it| it.id == id);
    let it = found.ok_or_else(|| trace::no_assessment(&trace.id, id))?;
    if let Some(judged) = change.judged {
        let (old, new) = (it.judged.sort(), judged.sort());
        if old != new {
            let message = format!("assessment `{id}` is of sort `{}`, not `{}`", old.as_str(), new.as_str());
            return Err(Error::invalid("assessment-other-sort", message)
                .hint("make another assessment that overrides it"));
        }
        it.judged = judged;
    }
    it.name = change.name.unwrap_or_else(|| it.name.clone());
    // An expectation has no reason to give.
    if matches!(it.judged, Judged::Feedback { .. } | Judged::Issue(_)) {
        it.rationale = change.rationale.or_else(|| it.rationale.clone());
    }
    it.metadata.extend(change.metadata);
    it.updated_ms = at_ms;
    Ok(())
}

fn unassess(trace: &mut Trace, id: &str) {
    let Some(at) = trace.assessments.iter().position(|it| it.id == id) else { return };
    let gone = trace.assessments.remove(at);
    if let Some(it) = gone.overrides.and_then(|id| trace.assessments.iter_mut().find(|it| it.id == id)) {
        it.valid = true;
    }
}

/// The number an assessment's value is, if it is one.
pub fn number_of(judged: &Judged) -> Option<f64> {
    match judged {
        Judged::Feedback { value, .. } | Judged::Expectation(value) => {
            value.as_f64().filter(|number| number.is_finite())
        }
        Judged::Issue(_) => None,
    }
}

/// An assessment's value as JSON.
pub fn value_of(judged: &Judged) -> String {
    match judged {
        Judged::Feedback { value, .. } | Judged::Expectation(value) => value.to_string(),
        Judged::Issue(name) => serde_json::Value::from(name.as_str()).to_string(),
    }
}

/// Whether an assessment is about the whole conversation its trace is part of.
pub fn is_of_session(metadata: &BTreeMap<String, String>) -> bool {
    metadata.contains_key(trace::SESSION)
}

/// A trace's record.
pub fn written(trace: &Trace) -> Result<String> {
    serde_json::to_string(trace).map_err(Error::internal)
}

/// A trace out of its record.
pub fn read(doc: &str) -> Result<Trace> {
    serde_json::from_str(doc)
        .map_err(|error| Error::internal("a trace's record in the tracking store is damaged").because(error))
}

/// Refuses what breaks a limit before anything is read.
pub fn admit(act: &Act) -> Result<()> {
    match act {
        Act::Begin(trace) => trace::check(trace),
        Act::Spans(told) => trace::check_spans(told),
        Act::Edit(..) | Act::Forget(..) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use base::Uid;

    use super::*;

    fn span(id: &str, parent: Option<&str>, began_ms: i64, ended_ms: i64) -> Span {
        Span {
            id: id.to_owned(),
            parent: parent.map(str::to_owned),
            name: id.to_owned(),
            sort: None,
            status: "OK".to_owned(),
            began_ns: began_ms * 1_000_000,
            ended_ns: Some(ended_ms * 1_000_000),
            usage: BTreeMap::from([("input_tokens".to_owned(), 2.0)]),
            cost: BTreeMap::new(),
            body: "{}".to_owned(),
        }
    }

    fn told(spans: Vec<Span>) -> Spans {
        let state = spans.iter().any(|span| span.parent.is_none()).then_some(State::Ok);
        Spans {
            org: "o".to_owned(),
            experiment: Uid::known("exp_1"),
            trace: "tr-1".to_owned(),
            spans,
            state,
            request: Some("asked".to_owned()),
            response: None,
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
        }
    }

    fn after(known: Option<Trace>, spans: Vec<Span>, all: &[Span]) -> Trace {
        with_spans(known, all, &told(spans)).unwrap()
    }

    #[test]
    fn spans_in_any_order_come_to_the_same() {
        let (first, second) = (span("a", None, 10, 50), span("b", Some("a"), 20, 40));
        let both = [first.clone(), second.clone()];
        let one = after(None, both.to_vec(), &both);
        let two = after(
            Some(after(None, vec![second.clone()], std::slice::from_ref(&second))),
            vec![first.clone()],
            &both,
        );
        assert_eq!((one.began_ms, one.lasted_ms, one.state), (10, Some(40), State::Ok));
        assert_eq!(one, two);
        // A part of something that counted itself is not counted again.
        assert_eq!(one.metadata[USAGE], r#"{"input_tokens": 2, "output_tokens": 0, "total_tokens": 0}"#);
    }

    #[test]
    fn what_the_maker_told_stays() {
        let begun = begun(
            None,
            Trace {
                began_ms: 5,
                lasted_ms: Some(7),
                state: State::Ok,
                metadata: BTreeMap::from([(SETTLED.to_owned(), "true".to_owned())]),
                ..Trace::new("o", Uid::known("exp_1"), "tr-1")
            },
        )
        .unwrap();
        let spans = [span("a", None, 1, 100)];
        let later = after(Some(begun), spans.to_vec(), &spans);
        assert_eq!((later.began_ms, later.lasted_ms), (5, Some(7)));
        assert_eq!(later.request.as_deref(), Some("asked"));
    }

    #[test]
    fn an_assessment_that_is_taken_back_leaves_the_one_before_valid() {
        let says = |id: &str, overrides: Option<&str>| Assessment {
            id: id.to_owned(),
            name: "good".to_owned(),
            judged: Judged::Feedback { value: true.into(), error: None },
            span: None,
            source: "HUMAN".to_owned(),
            source_id: None,
            rationale: None,
            metadata: BTreeMap::new(),
            created_ms: 1,
            updated_ms: 1,
            overrides: overrides.map(str::to_owned),
            valid: true,
        };
        let trace = Trace::new("o", Uid::known("exp_1"), "tr-1");
        let trace = edited(trace, Edit::Assess(Box::new(says("a", None)))).unwrap();
        let trace = edited(trace, Edit::Assess(Box::new(says("b", Some("a"))))).unwrap();
        assert_eq!(trace.assessments.iter().map(|it| it.valid).collect::<Vec<_>>(), [false, true]);
        let unknown = edited(trace.clone(), Edit::Assess(Box::new(says("c", Some("x"))))).unwrap_err();
        assert_eq!(unknown.code(), "assessment-unknown");
        let trace = edited(trace, Edit::Unassess("b".to_owned())).unwrap();
        assert_eq!(trace.assessments.iter().map(|it| it.valid).collect::<Vec<_>>(), [true]);
        let other = Reassessment { judged: Some(Judged::Expectation(1.into())), ..Reassessment::default() };
        let refused = edited(trace, Edit::Reassess("a".to_owned(), Box::new(other), 2)).unwrap_err();
        assert_eq!(refused.code(), "assessment-other-sort");
    }
}
