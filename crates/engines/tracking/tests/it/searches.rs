//! Searches find what a plain evaluation finds, in its order.

use std::{cmp::Ordering, sync::Arc};

use base::Uid;
use engine_tracking::Engine;
use ports::tracking::{
    Attribute, Batch, Condition, Data, Field, Found, Input, Op, Order, Pair, Run, Search, State, Test,
    Tracking, View,
};

use tokio::task::JoinSet;

use crate::made::{Numbers, id, metric, run};

const RUNS: u64 = 400;

fn experiments() -> Vec<Uid> {
    ["s1", "s2"].map(|it| Uid::known(format!("exp_{it}"))).to_vec()
}

fn ask(conditions: Vec<Condition>, order: Vec<Order>) -> Search {
    let org = "acme".to_owned();
    Search { org, experiments: experiments(), conditions, order, limit: 50_000, ..Search::default() }
}

async fn fill(engine: &dyn Tracking) {
    let mut numbers = Numbers(7);
    for number in 0..RUNS {
        let name = format!("s{number}");
        let made = Run {
            state: State::ALL[numbers.below(5) as usize],
            started_ms: numbers.below(50) as i64,
            ended_ms: (numbers.below(2) == 0).then_some(60),
            deleted_ms: (numbers.below(5) == 0).then_some(70),
            user: ["ada", "bob", "ADA"][numbers.below(3) as usize].to_owned(),
            ..run(["s1", "s2"][number as usize % 2], &name)
        };
        engine.put(made).await.unwrap();
        let mut batch = Batch::default();
        if numbers.below(4) > 0 {
            let value = match numbers.below(8) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => f64::NEG_INFINITY,
                other => other as f64 - 5.0,
            };
            batch.metrics.push(metric("m", value, 1));
            batch.metrics.push(metric("m", -9.0, 0));
        }
        if numbers.below(3) > 0 {
            batch.params.push(Pair::new("p", ["a", "ab", "B", "é%"][numbers.below(4) as usize]));
        }
        if numbers.below(3) > 0 {
            batch.tags.push(Pair::new("t", numbers.below(9).to_string()));
        }
        for set in 0..numbers.below(3) {
            let data = Data { name: format!("d{set}"), digest: numbers.below(3).to_string() };
            let (source_type, source) = (String::new(), String::new());
            let tags = vec![Pair::new("mlflow.data.context", ["train", "test"][set as usize])];
            batch.inputs.push(Input { data, source_type, source, schema: None, profile: None, tags });
        }
        engine.log("acme", &id(&name), batch).await.unwrap();
    }
}

/// The values a run has for a field.
fn texts(found: &Found, field: &Field) -> Vec<String> {
    let pair = |pairs: &[Pair], key: &str| {
        pairs.iter().filter(|it| it.key == key).map(|it| it.value.clone()).collect()
    };
    match field {
        Field::Attribute(Attribute::Id) => vec![found.run.id.to_string()],
        Field::Attribute(Attribute::Name) => vec![found.run.name.clone()],
        Field::Attribute(Attribute::User) => vec![found.run.user.clone()],
        Field::Attribute(Attribute::State) => vec![found.run.state.as_str().to_owned()],
        Field::Attribute(Attribute::Artifacts) => vec![found.run.artifacts.clone()],
        Field::Param(key) => pair(&found.params, key),
        Field::Tag(key) => pair(&found.tags, key),
        Field::DataName => found.inputs.iter().map(|it| it.data.name.clone()).collect(),
        Field::DataDigest => found.inputs.iter().map(|it| it.data.digest.clone()).collect(),
        Field::DataContext => found.inputs.iter().map(|it| it.tags[0].value.clone()).collect(),
        Field::Metric(_) | Field::Attribute(Attribute::Started | Attribute::Ended) => Vec::new(),
    }
}

fn number(found: &Found, field: &Field) -> Option<f64> {
    match field {
        Field::Metric(key) => found.metrics.iter().find(|it| it.key == *key).map(|it| it.value),
        Field::Attribute(Attribute::Started) => Some(found.run.started_ms as f64),
        Field::Attribute(Attribute::Ended) => found.run.ended_ms.map(|it| it as f64),
        _ => None,
    }
}

fn is_number(field: &Field) -> bool {
    matches!(field, Field::Metric(_) | Field::Attribute(Attribute::Started | Attribute::Ended))
}

fn passes(found: &Found, condition: &Condition) -> bool {
    let compare = |op: Op, order: Option<Ordering>| match op {
        Op::Is => order == Some(Ordering::Equal),
        Op::IsNot => order != Some(Ordering::Equal),
        Op::Less => order == Some(Ordering::Less),
        Op::AtMost => order.is_some_and(Ordering::is_le),
        Op::More => order == Some(Ordering::Greater),
        Op::AtLeast => order.is_some_and(Ordering::is_ge),
    };
    let values = texts(found, &condition.field);
    let number = number(found, &condition.field);
    match &condition.test {
        Test::Number(op, bound) => number.is_some_and(|it| compare(*op, it.partial_cmp(bound))),
        Test::Text(op, bound) => values.iter().any(|it| compare(*op, it.partial_cmp(bound))),
        Test::Like(pattern) => values.iter().any(|it| it.starts_with(pattern.trim_end_matches('%'))),
        Test::LikeAnyCase(pattern) => values
            .iter()
            .any(|it| it.to_lowercase().starts_with(pattern.to_lowercase().trim_end_matches('%'))),
        Test::In(wanted) => values.iter().any(|it| wanted.contains(it)),
        Test::NotIn(wanted) => values.iter().any(|it| !wanted.contains(it)),
        Test::Missing => values.is_empty() && number.is_none(),
        // No search of runs asks this.
        Test::Matches(_) => false,
        Test::Present => !values.is_empty() || number.is_some(),
    }
}

fn ordered(a: &Found, b: &Found, order: &[Order]) -> Ordering {
    for part in order {
        let turned = |it: Ordering| if part.descending { it.reverse() } else { it };
        let order = if is_number(&part.field) {
            let class = |it: Option<f64>| it.map_or(2, |it| u8::from(it.is_nan()));
            let (a, b) = (number(a, &part.field), number(b, &part.field));
            class(a).cmp(&class(b)).then_with(|| match (a, b) {
                (Some(a), Some(b)) => turned(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
                _ => Ordering::Equal,
            })
        } else {
            let (a, b) = (texts(a, &part.field), texts(b, &part.field));
            a.is_empty().cmp(&b.is_empty()).then_with(|| turned(a.cmp(&b)))
        };
        if order.is_ne() {
            return order;
        }
    }
    b.run.started_ms.cmp(&a.run.started_ms).then_with(|| a.run.id.cmp(&b.run.id))
}

fn questions() -> Vec<Vec<Condition>> {
    let one = |field: Field, test: Test| vec![Condition { field, test }];
    let (m, p, t) = (Field::Metric("m".into()), Field::Param("p".into()), Field::Tag("t".into()));
    let mut all = vec![Vec::new()];
    for op in [Op::Is, Op::IsNot, Op::Less, Op::AtMost, Op::More, Op::AtLeast] {
        all.push(one(m.clone(), Test::Number(op, 0.0)));
        all.push(one(m.clone(), Test::Number(op, f64::INFINITY)));
        all.push(one(Field::Attribute(Attribute::Started), Test::Number(op, 25.0)));
        all.push(one(Field::Attribute(Attribute::Ended), Test::Number(op, 60.0)));
        all.push(one(t.clone(), Test::Text(op, "4".into())));
        all.push(one(Field::Attribute(Attribute::State), Test::Text(op, "FAILED".into())));
    }
    for test in [Test::Missing, Test::Present] {
        for field in [&m, &p, &t] {
            all.push(one(field.clone(), test.clone()));
        }
    }
    all.push(one(p.clone(), Test::Like("a%".into())));
    all.push(one(p.clone(), Test::LikeAnyCase("b%".into())));
    all.push(one(p.clone(), Test::In(vec!["a".into(), "é%".into()])));
    all.push(one(p.clone(), Test::NotIn(vec!["a".into()])));
    all.push(one(Field::Attribute(Attribute::User), Test::LikeAnyCase("ada".into())));
    all.push(one(Field::Attribute(Attribute::Id), Test::In(vec!["xrn_s3".into(), "xrn_s4".into()])));
    all.push(one(Field::Attribute(Attribute::Name), Test::Like("s1%".into())));
    all.push(one(Field::DataName, Test::Text(Op::Is, "d1".into())));
    all.push(one(Field::DataDigest, Test::Text(Op::IsNot, "1".into())));
    all.push(one(Field::DataContext, Test::Text(Op::Is, "test".into())));
    all.push(
        [
            one(m, Test::Number(Op::More, -3.0)),
            one(p, Test::Present),
            one(t, Test::Text(Op::IsNot, "1".into())),
        ]
        .concat(),
    );
    all
}

fn orders() -> Vec<Vec<Order>> {
    let mut all = vec![Vec::new()];
    for descending in [false, true] {
        let by = |field: Field| Order { field, descending };
        for field in [Attribute::Started, Attribute::Ended, Attribute::Id, Attribute::State, Attribute::User]
        {
            all.push(vec![by(Field::Attribute(field))]);
        }
        all.push(vec![by(Field::Metric("m".into()))]);
        all.push(vec![by(Field::Param("p".into())), by(Field::Tag("t".into()))]);
    }
    all
}

fn ids(runs: &[Found]) -> Vec<String> {
    runs.iter().map(|it| it.run.id.to_string()).collect()
}

pub async fn a_search_finds_what_a_plain_one_does(engine: &dyn Tracking) {
    fill(engine).await;
    let mut every = Vec::new();
    for number in 0..RUNS {
        every.push(engine.run("acme", &id(&format!("s{number}"))).await.unwrap().unwrap());
    }
    let orders = orders();
    for (at, conditions) in questions().into_iter().enumerate() {
        for (view, wanted) in [(View::Active, Some(false)), (View::Deleted, Some(true)), (View::All, None)] {
            let order = orders[at % orders.len()].clone();
            let mut expected: Vec<Found> = (every.iter())
                .filter(|it| wanted.is_none_or(|wanted| it.run.deleted_ms.is_some() == wanted))
                .filter(|it| conditions.iter().all(|condition| passes(it, condition)))
                .cloned()
                .collect();
            expected.sort_by(|a, b| ordered(a, b, &order));
            let ask = Search { view, ..ask(conditions.clone(), order) };
            let found = engine.search(ask.clone()).await.unwrap();
            assert_eq!(ids(&found.runs), ids(&expected), "{ask:?}");
            assert_eq!(found.next, None);
        }
    }
}

pub async fn pages_meet_without_gap_or_twin(engine: &dyn Tracking) {
    for order in orders() {
        let whole = engine.search(ask(Vec::new(), order.clone())).await.unwrap();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = Search { limit: 37, after, ..ask(Vec::new(), order.clone()) };
            let page = engine.search(page).await.unwrap();
            assert!(page.runs.len() <= 37);
            found.extend(ids(&page.runs));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, ids(&whole.runs), "{order:?}");
    }
}

pub async fn a_token_of_another_search_is_refused(engine: &dyn Tracking) {
    let page = engine.search(Search { limit: 1, ..ask(Vec::new(), Vec::new()) }).await.unwrap();
    let other = Search { after: page.next.clone(), view: View::All, ..ask(Vec::new(), Vec::new()) };
    assert_eq!(engine.search(other).await.unwrap_err().code(), "bad-page-token");
    for token in ["", "x", "AAAA"] {
        let after = Some(token.to_owned());
        let error = engine.search(Search { after, ..ask(Vec::new(), Vec::new()) }).await.unwrap_err();
        assert_eq!(error.code(), "bad-page-token");
    }
    // What is begun meanwhile moves nothing.
    let next = |after| Search { limit: 5, after, ..ask(Vec::new(), Vec::new()) };
    let before = ids(&engine.search(next(page.next.clone())).await.unwrap().runs);
    engine.put(Run { started_ms: 999, ..run("s1", "newest") }).await.unwrap();
    assert_eq!(ids(&engine.search(next(page.next)).await.unwrap().runs), before);
    let first = engine.search(next(None)).await.unwrap();
    assert_eq!(first.runs[0].run.id, id("newest"), "and who wrote finds it");
    engine.forget("acme", &id("newest")).await.unwrap();
    assert_ne!(engine.search(next(None)).await.unwrap().runs[0].run.id, id("newest"));
}

pub async fn organizations_do_not_see_each_other(engine: &dyn Tracking) {
    let other = Search { org: "globex".to_owned(), ..ask(Vec::new(), Vec::new()) };
    assert!(engine.search(other).await.unwrap().runs.is_empty());
}

/// Two engines on one database.
pub async fn two_see_each_other(one: &Arc<Engine>, other: &Arc<Engine>) {
    let mut writers = JoinSet::new();
    for number in 0..60 {
        let engine = Arc::clone(if number % 2 == 0 { one } else { other });
        writers.spawn(async move {
            let name = format!("two{number}");
            engine.put(run("two", &name)).await.unwrap();
            let batch = Batch { metrics: vec![metric("m", number as f64, 0)], ..Batch::default() };
            engine.log("acme", &id(&name), batch).await.unwrap();
        });
    }
    writers.join_all().await;
    let field = Field::Metric("m".into());
    let order = vec![Order { field: field.clone(), descending: true }];
    let conditions = vec![Condition { field, test: Test::Number(Op::AtLeast, 10.0) }];
    let experiments = vec![Uid::known("exp_two")];
    let ask = Search { experiments, ..ask(conditions, order) };
    let expected: Vec<String> = (10..60).rev().map(|it| format!("xrn_two{it}")).collect();
    for engine in [one, other] {
        assert_eq!(ids(&engine.search(ask.clone()).await.unwrap().runs), expected);
    }
}
