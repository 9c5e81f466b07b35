//! Traces: told in any order, found by what is in them, changed, and forgotten.

use std::collections::BTreeMap;

use base::Uid;
use ports::tracking::{
    Op, Test,
    trace::{
        Assessment, Condition, Edit, End, Judged, Matter, Order, Part, Place, SESSION, SETTLED, SOURCE_RUN,
        Search, Sort, Span, Spans, State, Trace, Traces, Which,
        measure::{Aggregate, Key, Measure, Quantity, Subject},
    },
};

fn experiment() -> Uid {
    Uid::known("exp_traces")
}

fn span(id: &str, parent: Option<&str>, at_ms: i64) -> Span {
    let attributes = format!(
        r#"{{"model":"\"gpt-{id}\"","mlflow.llm.model":"\"gpt-{id}\"","n":"{at_ms}","mlflow.spanInputs":"{{\"q\":\"größe {id}\"}}"}}"#
    );
    Span {
        id: id.to_owned(),
        parent: parent.map(str::to_owned),
        name: format!("span {id}"),
        sort: Some(if parent.is_none() { "CHAIN" } else { "LLM" }.to_owned()),
        status: if id == "bad" { "ERROR" } else { "OK" }.to_owned(),
        began_ns: at_ms * 1_000_000,
        ended_ns: Some((at_ms + 10) * 1_000_000),
        usage: BTreeMap::from([("total_tokens".to_owned(), 3.0)]),
        cost: parent.map(|_| ("total_cost".to_owned(), 0.25)).into_iter().collect(),
        body: format!(r#"{{"name":"span {id}","attributes":{attributes}}}"#),
    }
}

fn told(trace: &str, spans: Vec<Span>) -> Spans {
    Spans {
        org: "org".to_owned(),
        experiment: experiment(),
        trace: trace.to_owned(),
        state: spans.iter().any(|span| span.parent.is_none()).then_some(State::Ok),
        request: Some(format!("asked {trace}")),
        response: None,
        tags: BTreeMap::from([("from".to_owned(), "spans".to_owned())]),
        metadata: BTreeMap::new(),
        spans,
    }
}

fn feedback(id: &str, name: &str, value: serde_json::Value, session: bool) -> Assessment {
    let metadata = session.then(|| (SESSION.to_owned(), "s".to_owned())).into_iter().collect();
    Assessment {
        id: id.to_owned(),
        name: name.to_owned(),
        judged: Judged::Feedback { value, error: None },
        span: None,
        source: "HUMAN".to_owned(),
        source_id: Some("ada".to_owned()),
        rationale: Some("because".to_owned()),
        metadata,
        created_ms: 1,
        updated_ms: 1,
        overrides: None,
        valid: true,
    }
}

fn ask(conditions: Vec<Condition>) -> Search {
    Search {
        org: "org".to_owned(),
        experiments: vec![experiment()],
        conditions,
        limit: 100,
        ..Search::default()
    }
}

async fn found(engine: &dyn Traces, conditions: Vec<Condition>) -> Vec<String> {
    let page = engine.find(ask(conditions.clone())).await.unwrap();
    assert_eq!(engine.count(ask(conditions)).await.unwrap(), page.traces.len() as u64);
    page.traces.into_iter().map(|trace| trace.id).collect()
}

fn is(place: Place, text: &str) -> Vec<Condition> {
    vec![Condition { matter: Matter::Place(place), test: Test::Text(Op::Is, text.to_owned()) }]
}

fn of_span(part: Part, test: Test) -> Condition {
    Condition { matter: Matter::Span(part), test }
}

/// Five traces, `tr-1` the oldest.
async fn five(engine: &dyn Traces) {
    for i in 1..=5_i64 {
        let mut trace = Trace::new("org", experiment(), format!("tr-{i}"));
        trace.metadata.insert(SETTLED.to_owned(), "true".to_owned());
        trace.began_ms = 1_000 * i;
        trace.lasted_ms = (i != 3).then_some(10 * (6 - i));
        trace.state = if i == 4 { State::Error } else { State::Ok };
        trace.tags.insert("odd".to_owned(), (i % 2 == 1).to_string());
        if i > 3 {
            trace.tags.insert("late".to_owned(), format!("it's {i}"));
        }
        trace.metadata.insert(SOURCE_RUN.to_owned(), format!("xrn_{}", i % 2));
        if i < 3 {
            trace.metadata.insert(SESSION.to_owned(), "s".to_owned());
        }
        let begun = engine.begin(trace).await.unwrap();
        assert_eq!(begun.began_ms, 1_000 * i);
        engine
            .spans_told(vec![told(
                &format!("tr-{i}"),
                vec![span("a", None, i), span(if i == 2 { "bad" } else { "b" }, Some("a"), i)],
            )])
            .await
            .unwrap();
    }
}

/// What is told by spans and by the maker comes together, in any order; changes are kept.
pub async fn traces_are_told_and_changed(engine: &dyn Traces) {
    five(engine).await;
    let ids = ["tr-3".to_owned(), "tr-x".to_owned(), "tr-1".to_owned()];
    let some = engine.traces("org", &ids).await.unwrap();
    assert_eq!(some.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["tr-3", "tr-1"]);
    assert_eq!(some[1].request.as_deref(), Some("asked tr-1"));
    assert_eq!((some[1].began_ms, some[1].lasted_ms, some[0].lasted_ms), (1_000, Some(50), None));
    assert_eq!(some[1].tags["from"], "spans");
    let spans = engine.spans("org", "tr-1").await.unwrap();
    assert_eq!(spans, [span("a", None, 1), span("b", Some("a"), 1)]);
    assert!(engine.spans("other", "tr-1").await.unwrap().is_empty());
    assert!(engine.traces("other", &ids).await.unwrap().is_empty());
    // Spans alone begin a trace.
    engine.spans_told(vec![told("tr-6", vec![span("b", Some("a"), 70)])]).await.unwrap();
    let alone = engine.traces("org", &["tr-6".to_owned()]).await.unwrap().remove(0);
    assert_eq!((alone.state, alone.began_ms, alone.lasted_ms), (State::InProgress, 70, Some(10)));
    let end = End { at_ms: 100, state: State::Ok, tags: BTreeMap::new(), metadata: BTreeMap::new() };
    let ended = engine.edit("org", "tr-6", Edit::End(Box::new(end))).await.unwrap();
    assert_eq!((ended.state, ended.lasted_ms), (State::Ok, Some(30)));
    assert_eq!(
        engine.edit("org", "tr-x", Edit::Untag("a".to_owned())).await.unwrap_err().code(),
        "trace-unknown"
    );
    assert_eq!(
        engine.edit("org", "tr-6", Edit::Untag("a".to_owned())).await.unwrap_err().code(),
        "tag-unknown"
    );
    // A link may come before the trace does.
    for (id, as_spans) in [("tr-7", true), ("tr-8", false)] {
        engine.edit("org", id, Edit::LinkRun("xrn_early".to_owned())).await.unwrap();
        assert!(engine.traces("org", &[id.to_owned()]).await.unwrap().is_empty());
        match as_spans {
            true => engine.spans_told(vec![told(id, vec![span("a", None, 7)])]).await.unwrap(),
            false => drop(engine.begin(Trace::new("org", experiment(), id)).await.unwrap()),
        }
        let linked = engine.traces("org", &[id.to_owned()]).await.unwrap().remove(0);
        assert_eq!((linked.experiment, linked.runs.len()), (experiment(), 1));
    }
    let early = ["tr-7".to_owned(), "tr-8".to_owned()];
    assert_eq!(engine.forget_traces("org", &experiment(), Which::Named(early.to_vec())).await.unwrap(), 2);
    assert_eq!(engine.forget_traces("org", &experiment(), Which::Named(ids.to_vec())).await.unwrap(), 2);
    assert_eq!(engine.forget_traces("org", &experiment(), Which::Oldest(2_500, 1)).await.unwrap(), 1);
    assert!(engine.spans("org", "tr-1").await.unwrap().is_empty());
    assert_eq!(found(engine, Vec::new()).await, ["tr-5", "tr-4", "tr-2"]);
    assert_eq!(engine.forget_traces("org", &experiment(), Which::All).await.unwrap(), 3);
    assert!(found(engine, Vec::new()).await.is_empty());
}

/// What is in a trace finds it.
pub async fn traces_are_found(engine: &dyn Traces) {
    five(engine).await;
    let text = |text: &str| Test::Text(Op::Is, text.to_owned());
    assert_eq!(found(engine, is(Place::Tag("odd".to_owned()), "true")).await, ["tr-5", "tr-3", "tr-1"]);
    assert_eq!(found(engine, is(Place::State, "ERROR")).await, ["tr-4"]);
    let late = |test| vec![Condition { matter: Matter::Place(Place::Tag("late".to_owned())), test }];
    assert_eq!(found(engine, late(Test::Like("it's _".to_owned()))).await, ["tr-5", "tr-4"]);
    assert_eq!(found(engine, late(Test::LikeAnyCase("IT'S 4".to_owned()))).await, ["tr-4"]);
    assert_eq!(found(engine, late(Test::Matches("s [5-9]$".to_owned()))).await, ["tr-5"]);
    assert_eq!(found(engine, late(Test::Missing)).await, ["tr-3", "tr-2", "tr-1"]);
    assert_eq!(found(engine, late(Test::Text(Op::IsNot, "it's 4".to_owned()))).await, ["tr-5"]);
    let refused = engine.find(ask(late(Test::Matches("(".to_owned())))).await.unwrap_err();
    assert_eq!(refused.code(), "bad-pattern");
    let began =
        |op, at: f64| vec![Condition { matter: Matter::Place(Place::Began), test: Test::Number(op, at) }];
    assert_eq!(found(engine, began(Op::More, 3_000.0)).await, ["tr-5", "tr-4"]);
    let run = |run: &str| vec![Condition { matter: Matter::Run, test: text(run) }];
    engine.edit("org", "tr-2", Edit::LinkRun("xrn_1".to_owned())).await.unwrap();
    engine.edit("org", "tr-2", Edit::LinkRun("xrn_1".to_owned())).await.unwrap();
    assert_eq!(found(engine, run("xrn_1")).await, ["tr-5", "tr-3", "tr-2", "tr-1"]);
    engine.edit("org", "tr-2", Edit::LinkPrompts(vec!["p/1".to_owned()])).await.unwrap();
    assert_eq!(found(engine, vec![Condition { matter: Matter::Prompt, test: text("p/1") }]).await, ["tr-2"]);
    assert_eq!(found(engine, vec![of_span(Part::Status, text("ERROR"))]).await, ["tr-2"]);
    // Both must hold for one span.
    let both = vec![of_span(Part::Status, text("ERROR")), of_span(Part::Sort, text("CHAIN"))];
    assert!(found(engine, both).await.is_empty());
    let attribute = |test| vec![of_span(Part::Attribute("model".to_owned()), test)];
    assert_eq!(found(engine, attribute(text("gpt-bad"))).await, ["tr-2"]);
    assert_eq!(found(engine, vec![of_span(Part::Attribute("n".to_owned()), text("4"))]).await, ["tr-4"]);
    assert_eq!(
        found(engine, vec![of_span(Part::Body, Test::LikeAnyCase("%GRÖSSE bad%".to_lowercase()))])
            .await
            .len(),
        0
    );
    assert_eq!(
        found(engine, vec![of_span(Part::Body, Test::Like("%größe bad%".to_owned()))]).await,
        ["tr-2"]
    );
    said(engine).await;
    pages(engine).await;
    engine.forget_traces("org", &experiment(), Which::All).await.unwrap();
}

async fn said(engine: &dyn Traces) {
    for (trace, assessment) in [
        ("tr-1", feedback("a-1", "good", true.into(), true)),
        ("tr-3", feedback("a-3", "good", "yes".into(), false)),
        ("tr-4", feedback("a-4", "good", 0.25.into(), false)),
    ] {
        engine.edit("org", trace, Edit::Assess(Box::new(assessment))).await.unwrap();
    }
    let good = |test| vec![Condition { matter: Matter::Assessment(Sort::Feedback, "good".to_owned()), test }];
    // What is said of a conversation is said of all that is part of it.
    assert_eq!(found(engine, good(Test::Text(Op::Is, "true".to_owned()))).await, ["tr-2", "tr-1"]);
    assert_eq!(found(engine, good(Test::Text(Op::Is, "yes".to_owned()))).await, ["tr-3"]);
    assert_eq!(found(engine, good(Test::Number(Op::Less, 0.5))).await, ["tr-4"]);
    assert_eq!(found(engine, good(Test::Missing)).await, ["tr-5"]);
    assert_eq!(found(engine, good(Test::Present)).await.len(), 4);
}

async fn pages(engine: &dyn Traces) {
    let order = |place, descending| vec![Order { place, descending }];
    for (order, expected) in [
        (Vec::new(), ["tr-5", "tr-4", "tr-3", "tr-2", "tr-1"]),
        (order(Place::Lasted, false), ["tr-5", "tr-4", "tr-2", "tr-1", "tr-3"]),
        (order(Place::Lasted, true), ["tr-1", "tr-2", "tr-4", "tr-5", "tr-3"]),
        (order(Place::Tag("late".to_owned()), true), ["tr-5", "tr-4", "tr-3", "tr-2", "tr-1"]),
        (order(Place::State, false), ["tr-4", "tr-5", "tr-3", "tr-2", "tr-1"]),
    ] {
        for limit in 1..=5 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let ask = Search { order: order.clone(), after, limit, ..ask(Vec::new()) };
                let page = engine.find(ask).await.unwrap();
                seen.extend(page.traces.into_iter().map(|trace| trace.id));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{order:?} by {limit}");
        }
    }
    let first = engine.find(Search { limit: 1, ..ask(Vec::new()) }).await.unwrap();
    let other = Search { after: first.next, ..ask(is(Place::State, "OK")) };
    assert_eq!(engine.find(other).await.unwrap_err().code(), "bad-page-token");
}

/// Figures over traces, spans and assessments.
pub async fn traces_are_measured(engine: &dyn Traces) {
    five(engine).await;
    said(engine).await;
    let asked = |quantity, aggregates: &[Aggregate], by: &[Key]| Measure {
        traces: ask(Vec::new()),
        is: Vec::new(),
        quantity,
        aggregates: aggregates.to_vec(),
        by: by.to_vec(),
        every_ms: None,
        from_ms: None,
        until_ms: None,
        limit: 100,
    };
    let count = |subject, by: &[Key]| asked(Quantity::One(subject), &[Aggregate::Count], by);
    let states = count(Subject::Trace, &[Key::TraceState]);
    assert_eq!(points(engine, states).await, [("ERROR".to_owned(), vec![1.0]), ("OK".to_owned(), vec![4.0])]);
    let times = [Aggregate::Percentile(50.0), Aggregate::Percentile(90.0), Aggregate::Least, Aggregate::Mean];
    let lasted = asked(Quantity::Lasted(Subject::Trace), &times, &[]);
    assert_eq!(points(engine, lasted.clone()).await, [(String::new(), vec![30.0, 47.0, 10.0, 30.0])]);
    // What has no value makes no point, and a point by time begins at a multiple of its length.
    let by_time = Measure { every_ms: Some(2_000), from_ms: Some(2_000), ..lasted };
    let found: Vec<_> =
        engine.measure(by_time).await.unwrap().into_iter().map(|it| (it.at_ms, it.values[0])).collect();
    assert_eq!(found, [(Some(2_000), Some(40.0)), (Some(4_000), Some(15.0))]);
    let failed = Measure { traces: ask(is(Place::State, "ERROR")), ..count(Subject::Span, &[Key::SpanName]) };
    let expected = [("span a".to_owned(), vec![1.0]), ("span b".to_owned(), vec![1.0])];
    assert_eq!(points(engine, failed).await, expected);
    let models = Measure {
        is: vec![(Key::SpanSort, "LLM".to_owned())],
        ..asked(Quantity::Cost("total_cost"), &[Aggregate::Sum], &[Key::SpanModel])
    };
    let expected = [("gpt-b".to_owned(), vec![1.0]), ("gpt-bad".to_owned(), vec![0.25])];
    assert_eq!(points(engine, models).await, expected);
    let tokens = asked(Quantity::Tokens("total_tokens"), &[Aggregate::Sum, Aggregate::Count], &[]);
    assert_eq!(points(engine, tokens).await, [(String::new(), vec![15.0, 5.0])]);
    let spans = asked(Quantity::Lasted(Subject::Span), &[Aggregate::Most], &[Key::SpanStatus]);
    assert_eq!(
        points(engine, spans).await,
        [("ERROR".to_owned(), vec![10.0]), ("OK".to_owned(), vec![10.0])]
    );
    let talks = asked(Quantity::Conversations, &[Aggregate::Count], &[]);
    assert_eq!(points(engine, talks).await, [(String::new(), vec![1.0])]);
    let judged = asked(Quantity::Judged, &[Aggregate::Mean], &[Key::AssessmentName]);
    assert_eq!(points(engine, judged).await, [("good".to_owned(), vec![0.75])]);
    let elsewhere = Measure {
        traces: Search { org: "other".to_owned(), ..ask(Vec::new()) },
        ..count(Subject::Trace, &[])
    };
    assert_eq!(points(engine, elsewhere).await, [(String::new(), vec![0.0])]);
    engine.forget_traces("org", &experiment(), Which::All).await.unwrap();
}

async fn points(engine: &dyn Traces, ask: Measure) -> Vec<(String, Vec<f64>)> {
    let found = engine.measure(ask).await.unwrap();
    found.into_iter().map(|it| (it.by.join("/"), it.values.into_iter().flatten().collect())).collect()
}

/// Something to move between engines.
pub async fn one_to_move(engine: &dyn Traces) {
    let mut trace = Trace::new("org", Uid::known("exp_moved"), "tr-moved");
    trace.assessments.push(feedback("a-moved", "good", true.into(), false));
    engine.begin(trace).await.unwrap();
    engine.spans_told(vec![told("tr-moved", vec![span("a", None, 1)])]).await.unwrap();
}
