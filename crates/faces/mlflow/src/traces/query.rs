//! Searches of traces: MLflow's grammar, put into the words of the port.

use kernel::cx::Cx;
use ports::tracking::{
    search::{Op, Test},
    trace::{
        Condition, Matter, NAME, Order, Page, Part, Place, SOURCE_RUN, Search, Sort, TRACES_MAX, Traces,
    },
};
use serde_json::{Value, json};

use crate::{
    ask::Ask,
    experiments,
    fault::{Fault, Result},
    grammar::{self, Operand},
    objects::{self, EXPERIMENTS},
};

/// The most experiments one search is about.
const EXPERIMENTS_MAX: usize = 1_000;

/// A page of traces of experiments.
pub async fn page(cx: &Cx, ask: &Ask, experiments: Vec<String>) -> Result<Page> {
    let limit = ask.max_results(100, TRACES_MAX as usize)?;
    let order = ask.texts("order_by")?.iter().map(|text| order(text)).collect::<Result<Vec<Order>>>()?;
    if (1..order.len()).any(|at| order[..at].iter().any(|earlier| earlier.place == order[at].place)) {
        return Err(Fault::invalid("`order_by` contains duplicate fields"));
    }
    let search = Search {
        order,
        after: ask.given("page_token")?.map(str::to_owned),
        limit: u32::try_from(limit).unwrap_or(TRACES_MAX),
        ..search(cx, experiments, ask.text("filter")?.unwrap_or_default()).await?
    };
    if search.experiments.is_empty() {
        return Ok(Page::default());
    }
    Ok(cx.port::<dyn Traces>()?.find(search).await?)
}

/// A search of all traces of experiments that a filter finds. Experiments that are not there have none.
pub async fn search(cx: &Cx, experiments: Vec<String>, filter: &str) -> Result<Search> {
    if experiments.len() > EXPERIMENTS_MAX {
        return Err(Fault::invalid(format!("a search is about at most {EXPERIMENTS_MAX} experiments")));
    }
    let conditions = grammar::filter(filter)?.iter().map(condition).collect::<Result<Vec<Condition>>>()?;
    objects::may(cx, EXPERIMENTS, "list", "").await?;
    let mut found = Vec::new();
    for id in experiments {
        let it = match id.as_str() {
            "0" => Some(experiments::find(cx, "0", "get").await?),
            id => objects::whole(cx, EXPERIMENTS, id).await?,
        };
        found.extend(it.map(|it| it.metadata.uid));
    }
    found.sort();
    found.dedup();
    Ok(Search { org: cx.org.to_string(), experiments: found, conditions, limit: 1, ..Search::default() })
}

/// How much two filters have to do with each other: normalized pointwise mutual information (Bouma 2009).
pub async fn correlation(cx: &Cx, ask: &Ask) -> Result<Value> {
    let ids = ask.texts("experiment_ids")?;
    if ids.is_empty() {
        ask.required("experiment_ids")?;
    }
    let (one, two) = (ask.required("filter_string1")?, ask.required("filter_string2")?);
    let base = ask.text("base_filter")?.unwrap_or_default();
    let traces = cx.port::<dyn Traces>()?;
    let mut counts = [0_u64; 4];
    for (count, parts) in
        counts.iter_mut().zip([[base, "", ""], [base, one, ""], [base, two, ""], [base, one, two]])
    {
        let all: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
        let search = search(cx, ids.clone(), &all.join(" AND ")).await?;
        *count = if search.experiments.is_empty() { 0 } else { traces.count(search).await? };
    }
    let [total, first, second, joint] = counts;
    let mut answer = json!({
        "filter1_count": first, "filter2_count": second, "joint_count": joint, "total_count": total,
    });
    for (field, smoothing) in [("npmi", 0.0), ("npmi_smoothed", 0.5)] {
        let npmi = npmi([total, first, second, joint], smoothing);
        if !npmi.is_nan() {
            answer[field] = npmi.into();
        }
    }
    Ok(answer)
}

fn npmi([total, first, second, joint]: [u64; 4], smoothing: f64) -> f64 {
    if total == 0 || first == 0 || second == 0 {
        return f64::NAN;
    }
    if joint == 0 && smoothing == 0.0 {
        return -1.0;
    }
    let (total, first, second, joint) = (total as f64, first as f64, second as f64, joint as f64);
    if joint == first && joint == second && joint == total {
        return 1.0;
    }
    let (both, all) = (joint + smoothing, total + 4.0 * smoothing);
    let (one, two) = (first + 2.0 * smoothing, second + 2.0 * smoothing);
    let pmi = (both.ln() + all.ln()) - (one.ln() + two.ln());
    (pmi / -(both.ln() - all.ln())).clamp(-1.0, 1.0)
}

/// What a key of an attribute is about.
fn attribute(key: &str) -> Option<Matter> {
    Some(Matter::Place(match key {
        "request_id" => Place::Id,
        "client_request_id" => Place::Client,
        "timestamp" | "timestamp_ms" => Place::Began,
        "execution_time" | "execution_time_ms" => Place::Lasted,
        "end_time" | "end_time_ms" => Place::Ended,
        "status" => Place::State,
        "name" => Place::Tag(NAME.to_owned()),
        "run_id" => Place::Metadata(SOURCE_RUN.to_owned()),
        "prompt" => return Some(Matter::Prompt),
        "text" => return Some(Matter::Span(Part::Body)),
        _ => return None,
    }))
}

const KEYS: &str = "['request_id', 'timestamp_ms', 'execution_time_ms', 'end_time_ms', 'status', 'client_request_id', 'name', 'run_id', 'prompt', 'text']";

fn matter(it: &grammar::Condition) -> Result<Matter> {
    let place = format!(" at position {}", it.at);
    let key = it.key.as_str();
    Ok(match it.entity.as_str() {
        "attribute" | "attributes" | "trace" => attribute(key).ok_or_else(|| {
            Fault::invalid(format!("Invalid attribute key '{key}' specified. Valid keys are '{KEYS}'{place}"))
        })?,
        "tag" | "tags" => Matter::Place(Place::Tag(key.to_owned())),
        "metadata" | "request_metadata" => Matter::Place(Place::Metadata(key.to_owned())),
        "feedback" => Matter::Assessment(Sort::Feedback, key.to_owned()),
        "expectation" => Matter::Assessment(Sort::Expectation, key.to_owned()),
        "issue" if key == "id" => Matter::Assessment(Sort::Issue, String::new()),
        "issue" => {
            return Err(Fault::invalid(format!(
                "Invalid issue attribute '{key}'. Supported attributes: id{place}"
            )));
        }
        "span" => Matter::Span(match key {
            "name" => Part::Name,
            "type" => Part::Sort,
            "status" => Part::Status,
            "content" => Part::Body,
            _ => match key.strip_prefix("attributes.").filter(|name| !name.is_empty()) {
                Some(name) => Part::Attribute(name.to_owned()),
                None => {
                    return Err(Fault::invalid(format!(
                        "Invalid span attribute '{key}'. Supported attributes: name, status, type, attributes.<attribute_name>.{place}"
                    )));
                }
            },
        }),
        other => {
            return Err(Fault::invalid(format!(
                "Invalid entity type '{other}'. Valid values are ['tag', 'metadata', 'attribute', 'trace', 'span', 'feedback', 'expectation', 'issue']{place}"
            )));
        }
    })
}

fn condition(it: &grammar::Condition) -> Result<Condition> {
    let matter = matter(it)?;
    let place = format!(" at position {}", it.at);
    let bad_op = || Fault::invalid(format!("Invalid comparator '{}' for '{}'{place}", it.op.word(), it.key));
    let is_number = matches!(&matter, Matter::Place(place) if place.is_number());
    let takes_nothing = matches!(
        &matter,
        Matter::Assessment(Sort::Feedback | Sort::Expectation, _)
            | Matter::Place(Place::Tag(_) | Place::Metadata(_))
    );
    let is_judged = matches!(&matter, Matter::Assessment(..));
    let test = match (&it.value, it.op) {
        (Operand::Number(number, _), op) if is_number || is_judged => {
            Test::Number(op.compared().ok_or_else(bad_op)?, *number)
        }
        _ if is_number => {
            return Err(Fault::invalid(format!(
                "Expected numeric value type for numeric attribute: {}{place}",
                it.key
            )));
        }
        (Operand::Number(number, _), _) => {
            return Err(Fault::invalid(format!(
                "Expected a quoted string value for {} (e.g. 'my-value'). Got value {number}{place}",
                it.entity
            )));
        }
        (Operand::Text(text), grammar::Op::Like) => Test::Like(text.clone()),
        (Operand::Text(text), grammar::Op::Ilike) => Test::LikeAnyCase(text.clone()),
        (Operand::Text(text), grammar::Op::Rlike) => Test::Matches(text.clone()),
        (Operand::Text(text), op) if op.is_textual() => {
            Test::Text(op.compared().ok_or_else(bad_op)?, text.clone())
        }
        (Operand::Texts(texts), grammar::Op::In)
            if !takes_nothing || it.key == "name" || it.key == "run_id" =>
        {
            Test::In(texts.clone())
        }
        (Operand::Texts(texts), grammar::Op::NotIn)
            if !takes_nothing || it.key == "name" || it.key == "run_id" =>
        {
            Test::NotIn(texts.clone())
        }
        (Operand::Nothing, grammar::Op::IsNull) if takes_nothing => Test::Missing,
        (Operand::Nothing, grammar::Op::IsNotNull) if takes_nothing => Test::Present,
        _ => return Err(bad_op()),
    };
    settled(matter, test, &place)
}

/// Whether what it is about can be asked so.
fn settled(matter: Matter, test: Test, place: &str) -> Result<Condition> {
    let bad = |what: String| Err(Fault::invalid(format!("{what}{place}")));
    match (&matter, &test) {
        (Matter::Prompt, Test::Text(Op::Is, prompt)) if prompt.matches('/').count() != 1 => bad(format!(
            "Invalid prompts filter value '{prompt}'. Expected format: prompt = \"name/version\""
        )),
        (Matter::Prompt, Test::Text(Op::Is, _)) => Ok(Condition { matter, test }),
        (Matter::Prompt, _) => bad(
            "Invalid comparator for prompts filter. Only '=' is supported with format: prompt = \"name/version\"".to_owned(),
        ),
        // The issue's identifier is the assessment's name.
        (Matter::Assessment(Sort::Issue, _), Test::Text(Op::Is, id)) => {
            Ok(Condition { matter: Matter::Assessment(Sort::Issue, id.clone()), test: Test::Present })
        }
        (Matter::Assessment(Sort::Issue, _), _) => bad("issue.id is compared by '=' only".to_owned()),
        (Matter::Span(Part::Body), Test::Like(_) | Test::LikeAnyCase(_)) => Ok(Condition { matter, test }),
        (Matter::Span(Part::Body), _) => bad("span.content comparator not one of 'LIKE', 'ILIKE'".to_owned()),
        (Matter::Place(Place::Metadata(key)), Test::Text(Op::Is, _)) if key == SOURCE_RUN => {
            Ok(Condition { matter: Matter::Run, test })
        }
        _ => Ok(Condition { matter, test }),
    }
}

fn order(text: &str) -> Result<Order> {
    let order = grammar::order(text)?;
    let place = match (order.entity.as_str(), order.key.as_str()) {
        ("attribute" | "attributes" | "trace", "experiment_id") => Some(Place::Experiment),
        ("attribute" | "attributes" | "trace", key) => match attribute(key) {
            Some(Matter::Place(place)) if place != Place::Client => Some(place),
            _ => None,
        },
        ("tag" | "tags", key) => Some(Place::Tag(key.to_owned())),
        ("metadata" | "request_metadata", key) => Some(Place::Metadata(key.to_owned())),
        _ => None,
    };
    let place =
        place.ok_or_else(|| Fault::invalid(format!("Invalid order by key '{}' specified.", order.key)))?;
    Ok(Order { place, descending: !order.ascending })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Condition> {
        condition(&grammar::filter(text)?.remove(0))
    }

    #[test]
    fn filters_are_about_what_mlflow_says() {
        assert_eq!(one("trace.status = 'OK'").unwrap().matter, Matter::Place(Place::State));
        assert_eq!(one("run_id = 'r'").unwrap().matter, Matter::Run);
        assert_eq!(one("name LIKE 'a%'").unwrap().matter, Matter::Place(Place::Tag(NAME.to_owned())));
        assert_eq!(
            one("span.attributes.`llm.model` = 'x'").unwrap().matter,
            Matter::Span(Part::Attribute("llm.model".to_owned()))
        );
        assert_eq!(
            one("issue.id = 'iss-1'").unwrap().matter,
            Matter::Assessment(Sort::Issue, "iss-1".to_owned())
        );
        assert_eq!(one("feedback.good >= 0.5").unwrap().test, Test::Number(Op::AtLeast, 0.5));
        for bad in [
            "nothing = 'a'",
            "timestamp > 'a'",
            "prompt = 'a'",
            "span.other = 'a'",
            "trace.text = 'a'",
            "odd.a = 'b'",
            "status > 'a'",
            "status IS NULL",
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_goes_together_is_one_and_what_never_does_minus_one() {
        assert_eq!(npmi([10, 10, 10, 10], 0.0), 1.0);
        assert_eq!(npmi([10, 5, 5, 0], 0.0), -1.0);
        assert!(npmi([100, 20, 50, 10], 0.0).abs() < 1e-12);
        assert!(npmi([0, 0, 0, 0], 0.5).is_nan());
        assert!((npmi([100, 20, 15, 10], 0.0) - 0.522_878_745_280_337_6).abs() < 1e-12);
    }
}
