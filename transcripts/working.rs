//! A run while it works: its log, read while it is written, and being asked to stop.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use base::{Error, Result, Watch};
use futures::StreamExt;
use kernel::{
    access::{Principal, Sort},
    cx::Cx,
    declare::{Body, Output},
    dispatch::{Answer, Call, Verb, call},
    domain::Domain,
    platform::Platform,
    runs::{Order, RUNS, StepCx, Workflow},
    store::log::LINES_MAX,
};
use serde_json::{Value, json};
use testing::Stage;
use tokio::sync::Notify;

/// A step that says something, waits to be told, says something more, and fails the first time it is run.
fn talking(told: &Arc<Notify>) -> Domain {
    let (told, tries) = (Arc::clone(told), Arc::new(AtomicU32::new(0)));
    let act = move |step: StepCx| {
        let (told, tries) = (Arc::clone(&told), Arc::clone(&tries));
        async move {
            let attempt = tries.fetch_add(1, Ordering::Relaxed);
            step.line(&format!("attempt {attempt} begins"));
            told.notified().await;
            step.line("the last words");
            if attempt == 0 { Err(Error::conflict("not-yet", "not yet")) } else { Ok(Value::Null) }
        }
    };
    Domain::new("talk").workflow(Workflow::new("talk.talk").step("talk", act))
}

/// Asks one thing of a run.
async fn ask(cx: &Cx, name: &str, verb: Verb, params: &[&str]) -> Result<Answer> {
    let kind = cx.platform().kind(RUNS)?;
    let params = params.iter().map(|&it| (it.to_owned(), "true".to_owned())).collect();
    let id = Some(name.to_owned());
    call(cx.clone(), Call { kind, verb, id, parent: None, params, body: Body::Empty, if_match: None }).await
}

/// What a log says from where its reader is on.
async fn rest(mut log: kernel::declare::ByteStream) -> Result<String> {
    let mut text = String::new();
    while let Some(bytes) = log.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes?));
    }
    Ok(text)
}

async fn log(cx: &Cx, name: &str, params: &[&str]) -> Result<kernel::declare::ByteStream> {
    match ask(cx, name, Verb::View("logs".to_owned()), params).await? {
        Answer::Bytes(Output::Bytes { bytes, .. }) => Ok(bytes),
        _ => panic!("a log is bytes"),
    }
}

async fn follow(platform: Arc<Platform>, told: Arc<Notify>) -> Result<()> {
    let cx = platform.cx_of(Principal::of(Sort::User, "admin", "acme"), "default");
    let run = cx.order(Order::new("talk.talk", json!({}))).await?.metadata.name;

    // The reader has the first line when the run ends and its stream goes.
    let mut reader = log(&cx, &run, &["follow"]).await?;
    let first = reader.next().await.expect("a line")?;
    assert_eq!(first, "attempt 0 begins\n");
    told.notify_one();
    platform.settle().await?;
    let failed = "the last words\nstep talk failed: not-yet: not yet\n";
    assert_eq!(rest(reader).await?, failed);

    // Taken up again, it goes on in the same log.
    ask(&cx, &run, Verb::Act("retry".to_owned()), &[]).await?;
    let reader = log(&cx, &run, &["follow"]).await?;
    told.notify_one();
    platform.settle().await?;
    let whole = format!("attempt 0 begins\n{failed}attempt 1 begins\nthe last words\n");
    assert_eq!(rest(reader).await?, whole);
    assert_eq!(rest(log(&cx, &run, &[]).await?).await?, whole);
    let timed = rest(log(&cx, &run, &["timestamps"]).await?).await?;
    let now = cx.now();
    let expected: String = whole.lines().map(|line| format!("{now} {line}\n")).collect();
    assert_eq!(timed, expected);
    Ok(())
}

#[test]
fn a_follower_is_told_every_line_of_a_run_that_ends_meanwhile() {
    let told = Arc::new(Notify::new());
    Stage::of("system", talking(&told)).prepared(move |platform| Box::pin(follow(platform, told))).play("");
}

/// Two steps, the first of which waits to be told.
fn patient(told: &Arc<Notify>) -> Domain {
    let told = Arc::clone(told);
    let first = move |_: StepCx| {
        let told = Arc::clone(&told);
        async move {
            told.notified().await;
            Ok(Value::Null)
        }
    };
    let second = |_: StepCx| async { Err(Error::internal("nobody should have come here")) };
    Domain::new("talk").workflow(Workflow::new("talk.wait").step("first", first).step("second", second))
}

async fn stop(platform: Arc<Platform>, told: Arc<Notify>) -> Result<()> {
    let cx = platform.cx_of(Principal::of(Sort::User, "admin", "acme"), "default");
    let run = cx.order(Order::new("talk.wait", json!({}))).await?.metadata.name;
    let phase = async || Ok::<_, Error>(cx.read(RUNS, &run).await?.status["phase"].clone());
    while phase().await? != "Running" {
        tokio::task::yield_now().await;
    }
    ask(&cx, &run, Verb::Act("cancel".to_owned()), &[]).await?;
    // The step does not look up; what comes behind it is not begun.
    told.notify_one();
    platform.settle().await?;
    assert_eq!(phase().await?, "Cancelled");
    Ok(())
}

#[test]
fn who_asks_to_stop_during_a_step_is_heard_before_the_next() {
    let told = Arc::new(Notify::new());
    Stage::of("system", patient(&told)).prepared(move |platform| Box::pin(stop(platform, told))).play("");
}

/// Orders a run and waits until it has ended.
async fn ended(platform: Arc<Platform>, workflow: &'static str) -> Result<()> {
    let cx = platform.cx_of(Principal::of(Sort::User, "admin", "acme"), "default");
    cx.order(Order::new(workflow, json!({}))).await?;
    platform.settle().await
}

/// A workflow whose step fails the first time it is run.
fn wavering() -> Domain {
    let tries = Arc::new(AtomicU32::new(0));
    let act = move |_: StepCx| {
        let attempt = tries.fetch_add(1, Ordering::Relaxed);
        async move { if attempt == 0 { Err(Error::conflict("not-yet", "not yet")) } else { Ok(Value::Null) } }
    };
    Domain::new("talk").workflow(Workflow::new("talk.waver").step("waver", act))
}

#[test]
fn a_run_that_is_taken_up_again_has_its_whole_time() {
    Stage::of("system", wavering()).prepared(|platform| Box::pin(ended(platform, "talk.waver"))).play(
        r#"
        as admin
        GET /runs?project=default
        => 200 {"items": [{"metadata": {"name": "$run"}, "status": {"phase": "Failed", "error": {"code": "not-yet"}}}]}
        # A day is what it has.
        advance 90000
        POST /runs/$run/retry
        => 200 {"phase": "Pending"}
        GET /runs/$run
        => 200 {"status": {"phase": "Succeeded"}}
        "#,
    );
}

/// Three steps in a row, each of which answers how often it was done.
fn counted() -> Domain {
    let step = || {
        let times = Arc::new(AtomicU32::new(0));
        move |_: StepCx| {
            let time = times.fetch_add(1, Ordering::Relaxed) + 1;
            async move { Ok(json!(time)) }
        }
    };
    Domain::new("talk").workflow(
        Workflow::new("talk.count").step("first", step()).step("second", step()).step("third", step()),
    )
}

#[test]
fn a_run_is_taken_up_again_from_any_step() {
    Stage::of("system", counted()).prepared(|platform| Box::pin(ended(platform, "talk.count"))).play(
        r#"
        as admin
        GET /runs?project=default
        => 200 {"items": [{"metadata": {"name": "$run"}, "status": {"phase": "Succeeded", "output": 1}}]}
        POST /runs/$run/retry {}
        => 409 {"code": "run-not-ended"}
        POST /runs/$run/retry {"from": "fourth"}
        => 422 {"code": "unknown-value", "field": "from"}

        POST /runs/$run/retry {"from": "second"}
        => 200 {"phase": "Pending"}
        GET /runs/$run
        => 200 {"status": {"phase": "Succeeded", "steps": [{"name": "first", "output": 1}, {"name": "second", "output": 2}, {"name": "third", "output": 2}]}}
        "#,
    );
}

/// A workflow whose step says more than is kept.
fn wordy() -> Domain {
    let act = |step: StepCx| async move {
        (0..LINES_MAX + 5).for_each(|line| step.line(&line.to_string()));
        Ok(Value::Null)
    };
    Domain::new("talk").workflow(Workflow::new("talk.much").step("much", act))
}

async fn listen(platform: Arc<Platform>) -> Result<()> {
    let cx = platform.cx_of(Principal::of(Sort::User, "admin", "acme"), "default");
    let run = cx.order(Order::new("talk.much", json!({}))).await?.metadata.name;
    platform.settle().await?;
    let text = rest(log(&cx, &run, &[]).await?).await?;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len() as u64, lines[99_998]), (LINES_MAX, "99998"));
    assert_eq!(lines[99_999], "no more than these 100000 lines are kept");
    Ok(())
}

#[test]
fn a_run_that_says_too_much_says_so() {
    Stage::of("system", wordy()).prepared(|platform| Box::pin(listen(platform))).play("");
}
