//! Searches of runs: MLflow's grammar, put into the words of the port.

use kernel::cx::Cx;
use ports::tracking::{Attribute, Condition, Field, Order, Search, Test, Tracking, View};
use serde_json::Value;

use crate::{
    ask::{Ask, wrong},
    fault::{Fault, Result},
    grammar::{self, Operand},
    objects::{self, EXPERIMENTS, RUNS},
    shown::{Page, Shown},
};

/// The most runs one page has.
const PAGE_MAX: usize = 50_000;
/// The most experiments one search is about.
const EXPERIMENTS_MAX: usize = 10_000;

/// How many runs a page shall have.
fn most(ask: &Ask) -> Result<usize> {
    match ask.whole("max_results")? {
        Some(asked) if asked > PAGE_MAX as i64 => Err(wrong("max_results", &asked.into())),
        _ => ask.max_results(1_000, PAGE_MAX),
    }
}

/// Answers a page of runs, as the text of a JSON object.
pub async fn runs(cx: &Cx, ask: &Ask) -> Result<String> {
    let limit = most(ask)?;
    let conditions = grammar::filter(ask.text("filter")?.unwrap_or_default())?;
    let conditions = conditions.iter().map(condition).collect::<Result<Vec<Condition>>>()?;
    let order = ask.texts("order_by")?.iter().map(|text| order(text)).collect::<Result<Vec<Order>>>()?;
    let view = view(ask.raw("run_view_type"))?;
    objects::may(cx, RUNS, "list", "").await?;
    let ids = ask.texts("experiment_ids")?;
    if ids.len() > EXPERIMENTS_MAX {
        return Err(Fault::invalid(format!("a search is about at most {EXPERIMENTS_MAX} experiments")));
    }
    let mut experiments = Vec::new();
    for id in ids {
        let found = if id == "0" {
            Some(crate::experiments::find(cx, "0", "get").await?)
        } else {
            objects::whole(cx, EXPERIMENTS, &id).await?
        };
        // The runs of an experiment in the trash are in the trash with it.
        let is_meant = |deleted: bool| view != View::Active || !deleted;
        experiments.extend(found.filter(|it| is_meant(objects::is_deleted(it))).map(|it| it.metadata.uid));
    }
    experiments.sort();
    experiments.dedup();
    if experiments.is_empty() {
        return Ok("{}".to_owned());
    }
    let ask = Search {
        org: cx.org.to_string(),
        experiments,
        conditions,
        view,
        order,
        after: ask.given("page_token")?.map(str::to_owned),
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    };
    let page = cx.port::<dyn Tracking>()?.search(ask).await?;
    let next_page_token = page.next.as_deref();
    let shown = Page { runs: page.runs.iter().map(Shown::of).collect(), next_page_token };
    serde_json::to_string(&shown).map_err(|error| base::Error::internal(error).into())
}

fn view(view: Option<&Value>) -> Result<View> {
    Ok(match objects::Trash::of(view)? {
        objects::Trash::Without => View::Active,
        objects::Trash::Only => View::Deleted,
        objects::Trash::With => View::All,
    })
}

const ATTRIBUTES: [(&str, Attribute); 13] = [
    ("run_id", Attribute::Id),
    ("run_name", Attribute::Name),
    ("run name", Attribute::Name),
    ("Run name", Attribute::Name),
    ("Run Name", Attribute::Name),
    ("user_id", Attribute::User),
    ("status", Attribute::State),
    ("start_time", Attribute::Started),
    ("created", Attribute::Started),
    ("Created", Attribute::Started),
    ("end_time", Attribute::Ended),
    ("artifact_uri", Attribute::Artifacts),
    ("run_uuid", Attribute::Id),
];

/// What a key is about.
fn field(entity: &str, key: &str, place: &str) -> Result<Field> {
    Ok(match entity {
        "metric" | "metrics" => Field::Metric(key.to_owned()),
        "parameter" | "parameters" | "param" | "params" => Field::Param(key.to_owned()),
        "tag" | "tags" => Field::Tag(key.to_owned()),
        "dataset" | "datasets" => match key {
            "name" => Field::DataName,
            "digest" => Field::DataDigest,
            "context" => Field::DataContext,
            _ => {
                return Err(Fault::invalid(format!(
                    "Invalid dataset key '{key}' specified. Valid keys are '{{'name', 'digest', 'context'}}'{place}"
                )));
            }
        },
        "attribute" | "attributes" | "attr" | "run" => {
            let found = ATTRIBUTES.iter().find(|(known, _)| *known == key);
            let (_, attribute) = found.ok_or_else(|| {
                let known: Vec<&str> = ATTRIBUTES.iter().map(|(known, _)| *known).collect();
                Fault::invalid(format!(
                    "Invalid attribute key '{key}' specified. Valid keys are '{known:?}'{place}"
                ))
            })?;
            Field::Attribute(*attribute)
        }
        _ => {
            return Err(Fault::invalid(format!(
                "Invalid entity type '{entity}'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']{place}"
            )));
        }
    })
}

/// One condition in the port's words.
fn condition(it: &grammar::Condition) -> Result<Condition> {
    let place = format!(" at position {}", it.at);
    let field = field(&it.entity, &it.key, &place)?;
    let is_number =
        matches!(field, Field::Metric(_) | Field::Attribute(Attribute::Started | Attribute::Ended));
    let bad_op = || Fault::invalid(format!("Invalid comparator '{}' for '{}'{place}", it.op.word(), it.key));
    let test = match &it.value {
        Operand::Number(number, _) if is_number => {
            Test::Number(it.op.compared().ok_or_else(bad_op)?, *number)
        }
        _ if is_number => {
            let what = if matches!(field, Field::Metric(_)) { "metric" } else { "numeric attribute" };
            return Err(Fault::invalid(format!("Expected numeric value type for {what}: {}{place}", it.key)));
        }
        Operand::Number(number, _) => {
            return Err(Fault::invalid(format!(
                "Expected a quoted string value for {} (e.g. 'my-value'). Got value {number}{place}",
                it.entity
            )));
        }
        Operand::Text(text) => match it.op {
            grammar::Op::Like => Test::Like(text.clone()),
            grammar::Op::Ilike => Test::LikeAnyCase(text.clone()),
            op if op.is_textual() => Test::Text(op.compared().ok_or_else(bad_op)?, text.clone()),
            _ => return Err(bad_op()),
        },
        Operand::Texts(texts) => {
            let takes_lists = matches!(
                field,
                Field::Attribute(Attribute::Id) | Field::DataName | Field::DataDigest | Field::DataContext
            );
            if !takes_lists {
                return Err(Fault::invalid(format!(
                    "Only ['run_id'] attributes support comparison with a list of quoted string values.{place}"
                )));
            }
            match it.op {
                grammar::Op::In => Test::In(texts.clone()),
                grammar::Op::NotIn => Test::NotIn(texts.clone()),
                _ => return Err(bad_op()),
            }
        }
        Operand::Nothing => {
            if !matches!(field, Field::Tag(_) | Field::Param(_)) {
                return Err(Fault::invalid(format!(
                    "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}'{place}",
                    it.key
                )));
            }
            if it.op == grammar::Op::IsNull { Test::Missing } else { Test::Present }
        }
    };
    Ok(Condition { field, test })
}

fn order(text: &str) -> Result<Order> {
    let order = grammar::order(text)?;
    let field = field(&order.entity, &order.key, "")?;
    if matches!(field, Field::DataName | Field::DataDigest | Field::DataContext) {
        return Err(Fault::invalid(format!("Invalid identifier type '{}'", order.entity)));
    }
    Ok(Order { field, descending: !order.ascending })
}

#[cfg(test)]
mod tests {
    use ports::tracking::Op;

    use super::*;

    fn read(text: &str) -> Result<Vec<Condition>> {
        grammar::filter(text)?.iter().map(condition).collect()
    }

    #[test]
    fn what_can_be_asked_of_runs() {
        let found =
            read("metrics.acc >= 0.5 AND params.lr = '0.1' AND tags.x IS NULL AND start_time > 5").unwrap();
        assert_eq!(found[0].test, Test::Number(Op::AtLeast, 0.5));
        assert_eq!(found[1].field, Field::Param("lr".to_owned()));
        assert_eq!(found[2].test, Test::Missing);
        assert_eq!(found[3].field, Field::Attribute(Attribute::Started));
        assert_eq!(read("dataset.context IN ('train')").unwrap()[0].field, Field::DataContext);
        assert_eq!(
            read("attributes.status ILIKE 'fin%'").unwrap()[0].test,
            Test::LikeAnyCase("fin%".to_owned())
        );
    }

    #[test]
    fn what_cannot_is_refused_with_its_place() {
        for bad in [
            "metrics.a = 'x'",
            "params.a > 'x'",
            "params.a = 1",
            "start_time = 'x'",
            "foo.a = 1",
            "attr.foo = 'x'",
            "metrics.a LIKE 'x'",
            "tags.a IN ('x')",
            "metrics.a IS NULL",
            "dataset.foo = 'x'",
        ] {
            let fault = read(bad).unwrap_err();
            assert!(fault.message.contains("position 1"), "{bad}: {}", fault.message);
        }
    }
}
