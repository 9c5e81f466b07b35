//! Figures over many traces: counts, times, tokens, cost and what was said, by time and by what they are told apart by.

use base::Time;
use kernel::cx::Cx;
use ports::tracking::{
    search::{Op, Test},
    trace::{
        Condition, Matter, Place, SOURCE_RUN, Traces,
        measure::{Aggregate, Key, Measure, POINTS_MAX, Point, Quantity, Subject},
    },
};
use serde_json::{Map, Value, json};

use super::query;
use crate::{
    ask::{Ask, number},
    fault::{Fault, Result},
    grammar::{self, Operand},
};

/// The most filters, dimensions or aggregations of one question.
const PARTS_MAX: usize = 100;

/// A metric of a view: its name, what it is, which aggregations and dimensions it takes.
struct Metric {
    name: &'static str,
    quantity: Quantity,
    aggregations: &'static [&'static str],
    dimensions: &'static [(&'static str, Key)],
}

const COUNT: &[&str] = &["COUNT"];
const TIMES: &[&str] = &["AVG", "MAX", "MIN", "PERCENTILE"];
const SUMS: &[&str] = &["AVG", "MAX", "MIN", "PERCENTILE", "SUM"];
const NAMED: &[(&str, Key)] = &[("trace_name", Key::TraceName)];
const MODELS: &[(&str, Key)] =
    &[("span_model_name", Key::SpanModel), ("span_model_provider", Key::SpanProvider)];

fn metric(
    name: &'static str,
    quantity: Quantity,
    aggregations: &'static [&'static str],
    dimensions: &'static [(&'static str, Key)],
) -> Metric {
    Metric { name, quantity, aggregations, dimensions }
}

fn of_traces() -> Vec<Metric> {
    let tokens = ["input_tokens", "output_tokens", "total_tokens"];
    let cached = ["cache_read_input_tokens", "cache_creation_input_tokens"];
    let states = &[("trace_name", Key::TraceName), ("trace_status", Key::TraceState)];
    let mut all = vec![
        metric("trace_count", Quantity::One(Subject::Trace), COUNT, states),
        metric("session_count", Quantity::Conversations, COUNT, &[]),
        metric("latency", Quantity::Lasted(Subject::Trace), TIMES, NAMED),
    ];
    all.extend(
        tokens.into_iter().chain(cached).map(|name| metric(name, Quantity::Tokens(name), SUMS, NAMED)),
    );
    all
}

fn of_spans() -> Vec<Metric> {
    let counted = &[
        ("span_model_name", Key::SpanModel),
        ("span_model_provider", Key::SpanProvider),
        ("span_name", Key::SpanName),
        ("span_status", Key::SpanStatus),
        ("span_type", Key::SpanSort),
    ];
    let timed = &[("span_name", Key::SpanName), ("span_status", Key::SpanStatus)];
    let mut all = vec![
        metric("span_count", Quantity::One(Subject::Span), COUNT, counted),
        metric("latency", Quantity::Lasted(Subject::Span), TIMES, timed),
    ];
    let costs = ["input_cost", "output_cost", "total_cost"];
    all.extend(costs.map(|name| metric(name, Quantity::Cost(name), SUMS, MODELS)));
    all
}

fn of_assessments() -> Vec<Metric> {
    let counted = &[("assessment_name", Key::AssessmentName), ("assessment_value", Key::AssessmentValue)];
    vec![
        metric("assessment_count", Quantity::One(Subject::Assessment), COUNT, counted),
        metric("assessment_value", Quantity::Judged, TIMES, &[("assessment_name", Key::AssessmentName)]),
    ]
}

/// Answers `traces/metrics`.
pub async fn answer(cx: &Cx, ask: &Ask) -> Result<Value> {
    let experiments = ask.texts("experiment_ids")?;
    if experiments.is_empty() {
        ask.required("experiment_ids")?;
    }
    let metric = named(ask)?;
    let (aggregations, aggregates) = aggregations(ask, &metric)?;
    let dimensions = dimensions(ask, &metric)?;
    let (every_s, from_ms, until_ms) =
        (ask.whole("time_interval_seconds")?, ask.whole("start_time_ms")?, ask.whole("end_time_ms")?);
    let every_s = every_s.filter(|seconds| *seconds != 0);
    if every_s.is_some() && (from_ms.is_none() || until_ms.is_none()) {
        return Err(Fault::invalid(
            "start_time_ms and end_time_ms are required if time_interval_seconds is set",
        ));
    }
    let every_ms = every_s.map(|seconds| seconds.checked_mul(1_000).filter(|ms| *ms > 0));
    if every_ms == Some(None) {
        return Err(Fault::invalid("time_interval_seconds must be a positive number of seconds"));
    }
    let mut question = Measure {
        traces: query::search(cx, experiments, "").await?,
        is: Vec::new(),
        quantity: metric.quantity,
        aggregates,
        by: dimensions.iter().map(|(_, key)| *key).collect(),
        every_ms: every_ms.flatten(),
        from_ms,
        until_ms,
        limit: u32::try_from(ask.max_results(POINTS_MAX as usize, POINTS_MAX as usize)?)
            .unwrap_or(POINTS_MAX),
    };
    for text in parts(ask, "filters")? {
        narrow(&mut question, &text)?;
    }
    let points = match question.traces.experiments.is_empty() {
        true => Vec::new(),
        false => cx.port::<dyn Traces>()?.measure(question).await?,
    };
    let points = points.iter().filter_map(|point| shown(&metric, &dimensions, &aggregations, point));
    Ok(json!({"data_points": points.collect::<Vec<_>>()}))
}

fn parts(ask: &Ask, name: &str) -> Result<Vec<String>> {
    let texts = ask.texts(name)?;
    if texts.len() > PARTS_MAX {
        return Err(Fault::invalid(format!("`{name}` has at most {PARTS_MAX} parts")));
    }
    Ok(texts)
}

/// The metric asked for.
fn named(ask: &Ask) -> Result<Metric> {
    let all = match ask.required("view_type")? {
        "TRACES" => of_traces(),
        "SPANS" => of_spans(),
        "ASSESSMENTS" => of_assessments(),
        other => {
            let message =
                format!("view_type must be one of ['TRACES', 'SPANS', 'ASSESSMENTS'], got '{other}'");
            return Err(Fault::invalid(message));
        }
    };
    let name = ask.required("metric_name")?;
    let names = quoted(all.iter().map(|metric| metric.name));
    let found = all.into_iter().find(|metric| metric.name == name);
    found.ok_or_else(|| Fault::invalid(format!("metric_name must be one of {names}, got '{name}'")))
}

fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", "))
}

/// How values become one: the words for it, and what they mean.
fn aggregations(ask: &Ask, metric: &Metric) -> Result<(Vec<String>, Vec<Aggregate>)> {
    let told = ask.items("aggregations")?;
    if told.is_empty() {
        ask.required("aggregations")?;
    }
    if told.len() > PARTS_MAX {
        return Err(Fault::invalid(format!("`aggregations` has at most {PARTS_MAX} parts")));
    }
    let mut wrong: Vec<&str> = Vec::new();
    let (mut words, mut all) = (Vec::new(), Vec::new());
    for it in &told {
        let sort = it.required("aggregation_type")?;
        if !metric.aggregations.contains(&sort) {
            wrong.push(sort);
            continue;
        }
        let percent = it.raw("percentile_value").and_then(number);
        let aggregate = match (sort, percent) {
            ("PERCENTILE", Some(percent)) if (0.0..=100.0).contains(&percent) => {
                Aggregate::Percentile(percent)
            }
            ("PERCENTILE", Some(percent)) => {
                return Err(Fault::invalid(format!(
                    "Percentile value must be between 0 and 100, got {percent}"
                )));
            }
            ("PERCENTILE", None) => {
                return Err(Fault::invalid("Percentile value is required for PERCENTILE aggregation"));
            }
            (_, Some(_)) => {
                return Err(Fault::invalid(format!(
                    "Percentile value is only allowed for PERCENTILE aggregation type, got {sort}"
                )));
            }
            ("COUNT", None) => Aggregate::Count,
            ("SUM", None) => Aggregate::Sum,
            ("AVG", None) => Aggregate::Mean,
            ("MIN", None) => Aggregate::Least,
            (_, None) => Aggregate::Most,
        };
        words.push(match aggregate {
            Aggregate::Percentile(percent) => format!("P{percent:?}"),
            _ => sort.to_owned(),
        });
        all.push(aggregate);
    }
    if !wrong.is_empty() {
        wrong.sort_unstable();
        wrong.dedup();
        let (wrong, right) = (quoted(wrong.into_iter()), quoted(metric.aggregations.iter().copied()));
        return Err(Fault::invalid(format!(
            "Found invalid aggregation_type(s): {wrong}. Supported aggregation types: {right}"
        )));
    }
    Ok((words, all))
}

fn dimensions(ask: &Ask, metric: &Metric) -> Result<Vec<(String, Key)>> {
    let told = parts(ask, "dimensions")?;
    let known = |name: &str| metric.dimensions.iter().find(|(known, _)| *known == name).map(|(_, key)| *key);
    let mut wrong: Vec<&str> = told.iter().map(String::as_str).filter(|name| known(name).is_none()).collect();
    if !wrong.is_empty() {
        wrong.sort_unstable();
        wrong.dedup();
        let right = quoted(metric.dimensions.iter().map(|(name, _)| *name));
        let wrong = quoted(wrong.into_iter());
        return Err(Fault::invalid(format!(
            "Found invalid dimension(s): {wrong}. Supported dimensions: {right}"
        )));
    }
    Ok(told.into_iter().filter_map(|name| known(&name).map(|key| (name, key))).collect())
}

/// Adds what a filter asks: one comparison, for equality.
fn narrow(question: &mut Measure, text: &str) -> Result<()> {
    let found = grammar::filter(text)?;
    let [it] = found.as_slice() else {
        return Err(Fault::invalid(format!("Invalid filter: '{text}'. Expected one filter clause.")));
    };
    if it.op != grammar::Op::Equal {
        return Err(Fault::invalid(format!(
            "Invalid comparator: '{}', only '=' operator is supported",
            it.op.word()
        )));
    }
    let Operand::Text(value) = &it.value else {
        return Err(Fault::invalid(format!(
            "Expected a quoted string value for {} value (e.g. 'my-value').",
            it.key
        )));
    };
    let subject = question.quantity.subject();
    let only = |view: &str, name: &str| {
        Fault::invalid(format!("Filtering by {name} is only supported for {view} view type"))
    };
    let key = match (it.entity.as_str(), it.key.as_str()) {
        ("trace", "status") => Key::TraceState,
        ("trace", key) => {
            question.traces.conditions.push(of_trace(key, value)?);
            return Ok(());
        }
        ("span", _) if subject != Subject::Span => return Err(only("SPANS", "span")),
        ("span", "name") => Key::SpanName,
        ("span", "status") => Key::SpanStatus,
        ("span", "type") => Key::SpanSort,
        ("assessment", _) if subject != Subject::Assessment => return Err(only("ASSESSMENTS", "assessment")),
        ("assessment", "name") => Key::AssessmentName,
        ("assessment", "type") => Key::AssessmentSort,
        (view @ ("span" | "assessment"), key) => {
            return Err(Fault::invalid(format!("Invalid entity '{key}' specified for view type '{view}'.")));
        }
        (view, _) => {
            return Err(Fault::invalid(format!(
                "Invalid view type '{view}'. Valid values are dict_keys(['trace', 'span', 'assessment'])"
            )));
        }
    };
    question.is.push((key, value.clone()));
    Ok(())
}

/// A condition on a tag or metadata of the trace.
fn of_trace(key: &str, value: &str) -> Result<Condition> {
    let plain = |key: &str| key.trim_matches(['`', '"']).to_owned();
    let matter = match key.split_once('.') {
        Some(("tag", key)) => Matter::Place(Place::Tag(plain(key))),
        Some(("metadata", key)) if plain(key) == SOURCE_RUN => Matter::Run,
        Some(("metadata", key)) => Matter::Place(Place::Metadata(plain(key))),
        None if matches!(key, "tag" | "metadata") => {
            return Err(Fault::invalid(format!(
                "Filtering by {key} requires a key, e.g. 'trace.{key}.<key> = <value>'"
            )));
        }
        _ => {
            return Err(Fault::invalid(format!(
                "Invalid entity '{key}' specified for view type 'trace'. Valid entities are ['status', 'tag', 'metadata']"
            )));
        }
    };
    Ok(Condition { matter, test: Test::Text(Op::Is, value.to_owned()) })
}

/// A point as MLflow shows it; none when nothing had a value.
fn shown(metric: &Metric, dimensions: &[(String, Key)], words: &[String], point: &Point) -> Option<Value> {
    let values: Map<String, Value> = words
        .iter()
        .zip(&point.values)
        .filter_map(|(word, value)| value.map(|value| (word.clone(), Value::from(value))))
        .collect();
    if values.is_empty() {
        return None;
    }
    let at = point.at_ms.map(|ms| ("time_bucket".to_owned(), Value::from(moment(ms))));
    let by =
        dimensions.iter().zip(&point.by).map(|((name, _), text)| (name.clone(), Value::from(text.as_str())));
    let by: Map<String, Value> = at.into_iter().chain(by).collect();
    let mut shown = json!({"metric_name": metric.name, "values": values});
    if !by.is_empty() {
        shown["dimensions"] = by.into();
    }
    Some(shown)
}

/// A time as Python writes it (ISO 8601), in UTC.
fn moment(ms: i64) -> String {
    Time::from_micros(ms.saturating_mul(1_000)).to_string().trim_end_matches(".000000Z").to_owned() + "+00:00"
}

#[cfg(test)]
mod tests {
    use ports::tracking::trace::NAME;

    use super::*;

    #[test]
    fn a_name_is_a_tag_here_as_elsewhere() {
        let told = of_trace("tag.`mlflow.traceName`", "chat").unwrap();
        assert_eq!(told.matter, Matter::Place(Place::Tag(NAME.to_owned())));
        assert!(of_trace("tag", "chat").is_err());
        assert!(of_trace("owner", "me").is_err());
    }

    #[test]
    fn times_are_written_as_python_writes_them() {
        assert_eq!(moment(1_700_000_000_000), "2023-11-14T22:13:20+00:00");
    }
}
