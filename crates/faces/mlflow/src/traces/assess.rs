//! Assessments: feedback, expectations and known issues that people, judges and code say of traces.

use std::collections::BTreeMap;

use base::Digest;
use kernel::cx::Cx;
use ports::tracking::trace::{Assessment, Edit, Judged, Reassessment, Traces};
use serde_json::{Value, json};

use super::info;
use crate::{
    Asked,
    ask::{Ask, whole, wrong},
    checks,
    fault::{Fault, Result},
    nothing,
};

const SOURCES: [&str; 4] = ["SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE"];
/// The most bytes of a value.
const VALUE_MAX: usize = 1 << 20;
/// The most characters of a reason.
const RATIONALE_MAX: usize = 100_000;

/// Answers what is asked of a trace's assessments.
pub async fn answer(asked: &Asked, trace: &str, rest: &[&str]) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let value = match (asked.method.as_str(), rest) {
        ("POST", []) => {
            let told = Ask::of_item(needed(ask, "assessment")?.clone(), "assessment")?;
            let it = super::one(cx, trace, "update").await?;
            let assessment = read(cx, &told)?;
            let id = assessment.id.clone();
            let edit = Edit::Assess(Box::new(assessment));
            let changed = cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, edit).await?;
            json!({"assessment": found(&changed, &id)?})
        }
        ("GET", [id]) => json!({"assessment": found(&super::one(cx, trace, "get").await?, id)?}),
        ("PATCH", [id]) => {
            let it = super::one(cx, trace, "update").await?;
            found(&it, id)?;
            let edit = Edit::Reassess((*id).to_owned(), Box::new(change(ask)?), cx.now().millis());
            let changed = cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, edit).await?;
            json!({"assessment": found(&changed, id)?})
        }
        ("DELETE", [id]) => {
            let it = super::one(cx, trace, "update").await?;
            cx.port::<dyn Traces>()?.edit(&cx.org, &it.id, Edit::Unassess((*id).to_owned())).await?;
            nothing()
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

fn needed<'a>(ask: &'a Ask, name: &str) -> Result<&'a Value> {
    ask.raw(name).ok_or_else(|| {
        Fault::invalid(format!(
            "Missing value for required parameter '{name}'. See the API docs for more information about request parameters."
        ))
    })
}

fn found(trace: &ports::tracking::trace::Trace, id: &str) -> Result<Value> {
    let it = trace.assessments.iter().find(|it| it.id == id);
    let it = it.ok_or_else(|| {
        Fault::missing(format!("Assessment with ID '{id}' not found for trace '{}'", trace.id))
    })?;
    Ok(shown(&trace.id, it))
}

/// An assessment as MLflow answers it.
pub fn shown(trace: &str, it: &Assessment) -> Value {
    let mut shown = json!({
        "assessment_id": it.id,
        "assessment_name": it.name,
        "trace_id": trace,
        "source": {"source_type": it.source},
        "create_time": info::time(it.created_ms),
        "last_update_time": info::time(it.updated_ms),
        "valid": it.valid,
    });
    if let Some(id) = &it.source_id {
        shown["source"]["source_id"] = id.as_str().into();
    }
    match &it.judged {
        Judged::Feedback { value, error } => {
            shown["feedback"] = json!({"value": value});
            if let Some(error) = error {
                shown["feedback"]["error"] = error.clone();
            }
        }
        Judged::Expectation(value @ (Value::Array(_) | Value::Object(_))) => {
            let value = super::span::spaced(value);
            shown["expectation"] =
                json!({"serialized_value": {"serialization_format": "JSON_FORMAT", "value": value}});
        }
        Judged::Expectation(value) => shown["expectation"] = json!({"value": value}),
        Judged::Issue(name) => shown["issue"] = json!({"issue_name": name}),
    }
    for (field, text) in [("span_id", &it.span), ("rationale", &it.rationale), ("overrides", &it.overrides)] {
        if let Some(text) = text {
            shown[field] = text.as_str().into();
        }
    }
    if !it.metadata.is_empty() {
        shown["metadata"] = json!(it.metadata);
    }
    shown
}

/// An assessment that is told.
pub fn read(cx: &Cx, told: &Ask) -> Result<Assessment> {
    let now = cx.now().millis();
    let source = source(told)?;
    let judged = judged(told)?.ok_or_else(|| Fault::invalid("Unknown assessment type: None"))?;
    let at = |name: &str| told.raw(name).map(|told| info::time_ms(name, told)).transpose();
    let id = match told.given("assessment_id")? {
        Some(id) => info::id(id)?.to_owned(),
        None => format!("a-{}", &Digest::of(cx.uid("a").as_str().as_bytes()).to_string()[..32]),
    };
    let text = |name: &str, most: usize| -> Result<Option<String>> {
        let text = told.given(name)?;
        text.map_or(Ok(()), |text| checks::length(name, text, most))?;
        Ok(text.map(clean))
    };
    Ok(Assessment {
        id,
        name: text("assessment_name", checks::KEY_MAX)?.unwrap_or_default(),
        judged,
        span: text("span_id", 50)?,
        source: source.0,
        source_id: source.1,
        rationale: text("rationale", RATIONALE_MAX)?,
        metadata: metadata(told)?,
        created_ms: at("create_time")?.unwrap_or(now),
        updated_ms: at("last_update_time")?.unwrap_or(now),
        overrides: text("overrides", 50)?,
        valid: true,
    })
}

/// Neither store takes a NUL, and no text needs one.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn source(told: &Ask) -> Result<(String, Option<String>)> {
    let source = Ask::of_item(told.raw("source").cloned().unwrap_or_else(|| json!({})), "source")?;
    let sort = match source.raw("source_type") {
        None => SOURCES[0],
        Some(Value::String(word)) if word == "AI_JUDGE" => "LLM_JUDGE",
        Some(Value::String(word)) => {
            let known = SOURCES.into_iter().find(|known| *known == word);
            known.ok_or_else(|| wrong("source_type", &json!(word)))?
        }
        Some(other) => {
            let at = whole(other).and_then(|number| usize::try_from(number).ok());
            at.and_then(|at| SOURCES.get(at).copied()).ok_or_else(|| wrong("source_type", other))?
        }
    };
    let id = source.given("source_id")?;
    id.map_or(Ok(()), |id| checks::length("source_id", id, checks::KEY_MAX))?;
    Ok((sort.to_owned(), id.map(clean)))
}

fn metadata(told: &Ask) -> Result<BTreeMap<String, String>> {
    match told.raw("metadata") {
        None => Ok(BTreeMap::new()),
        Some(Value::Object(fields)) => {
            let pair = |(key, value): (&String, &Value)| match value {
                Value::String(text) => info::pair(key, text),
                other => Err(wrong("metadata", other)),
            };
            fields.iter().map(pair).collect()
        }
        Some(other) => Err(wrong("metadata", other)),
    }
}

/// What is said, if anything is.
fn judged(told: &Ask) -> Result<Option<Judged>> {
    let sorts: Vec<&str> =
        ["feedback", "expectation", "issue"].into_iter().filter(|sort| told.raw(sort).is_some()).collect();
    let [sort] = sorts[..] else {
        return match sorts.is_empty() {
            true => Ok(None),
            false => Err(Fault::invalid(
                "Exactly one of `expectation`, `feedback`, or `issue` should be specified.",
            )),
        };
    };
    let it = Ask::of_item(told.raw(sort).cloned().unwrap_or_default(), sort)?;
    let value = it.raw("value").cloned();
    let judged = match sort {
        "feedback" => {
            let error =
                it.raw("error").map(|error| Ask::of_item(error.clone(), "error").map(|_| error.clone()));
            Judged::Feedback { value: value.unwrap_or_default(), error: error.transpose()? }
        }
        "expectation" => Judged::Expectation(match it.raw("serialized_value") {
            None => value.ok_or_else(|| Fault::invalid("The `value` field must be specified."))?,
            Some(told) => {
                let told = Ask::of_item(told.clone(), "serialized_value")?;
                let format = told.text("serialization_format")?.unwrap_or_default();
                if format != "JSON_FORMAT" {
                    return Err(Fault::invalid(format!(
                        "Unknown serialization format: {format}. Only JSON_FORMAT is supported."
                    )));
                }
                let text = told.text("value")?.unwrap_or_default();
                serde_json::from_str(text).map_err(|_| wrong("serialized_value", &json!(text)))?
            }
        }),
        _ => Judged::Issue(clean(it.required("issue_name")?)),
    };
    if let Judged::Feedback { value, .. } | Judged::Expectation(value) = &judged
        && value.to_string().len() > VALUE_MAX
    {
        return Err(Fault::invalid(format!("the value of an assessment has at most {VALUE_MAX} bytes")));
    }
    Ok(Some(judged))
}

/// What an update says is to become something else.
fn change(ask: &Ask) -> Result<Reassessment> {
    let told = Ask::of_item(needed(ask, "assessment")?.clone(), "assessment")?;
    let mask = match needed(ask, "update_mask")? {
        Value::String(paths) => paths.split(',').map(|path| path.trim().to_owned()).collect(),
        Value::Object(mask) => match mask.get("paths") {
            Some(Value::Array(paths)) => {
                paths.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        },
        other => return Err(wrong("update_mask", other)),
    };
    let mut change = Reassessment::default();
    let judged = judged(&told)?;
    for path in mask {
        match path.as_str() {
            "assessmentName" | "assessment_name" => {
                let name = told.required("assessment_name")?;
                checks::length("assessment_name", name, checks::KEY_MAX)?;
                change.name = Some(clean(name));
            }
            "expectation" | "feedback" => change.judged.clone_from(&judged),
            "rationale" => {
                let rationale = told.text("rationale")?.unwrap_or_default();
                checks::length("rationale", rationale, RATIONALE_MAX)?;
                change.rationale = Some(clean(rationale));
            }
            "metadata" => change.metadata = metadata(&told)?,
            _ => {
                return Err(Fault::invalid(format!("'{path}' of an assessment cannot be updated")));
            }
        }
    }
    Ok(change)
}
