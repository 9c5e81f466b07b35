//! A run while it works: its log, read while it is written, and being asked to stop.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
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
async fn ask(cx: &Cx, name: &str, verb: Verb, follow: bool) -> Result<Answer> {
    let kind = cx.platform().kind(RUNS)?;
    let params =
        if follow { BTreeMap::from([("follow".to_owned(), "true".to_owned())]) } else { BTreeMap::new() };
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

async fn log(cx: &Cx, name: &str, follow: bool) -> Result<kernel::declare::ByteStream> {
    match ask(cx, name, Verb::View("logs".to_owned()), follow).await? {
        Answer::Bytes(Output::Bytes { bytes, .. }) => Ok(bytes),
        _ => panic!("a log is bytes"),
    }
}

async fn follow(platform: Arc<Platform>, told: Arc<Notify>) -> Result<()> {
    let cx = platform.cx_of(Principal::of(Sort::User, "admin", "acme"), "default");
    let run = cx.order(Order::new("talk.talk", json!({}))).await?.metadata.name;

    // The reader has the first line when the run ends and its stream goes.
    let mut reader = log(&cx, &run, true).await?;
    let first = reader.next().await.expect("a line")?;
    assert_eq!(first, "attempt 0 begins\n");
    told.notify_one();
    platform.settle().await?;
    let failed = "the last words\nstep talk failed: not-yet: not yet\n";
    assert_eq!(rest(reader).await?, failed);

    // Taken up again, it goes on in the same log.
    ask(&cx, &run, Verb::Act("retry".to_owned()), false).await?;
    let reader = log(&cx, &run, true).await?;
    told.notify_one();
    platform.settle().await?;
    let whole = format!("attempt 0 begins\n{failed}attempt 1 begins\nthe last words\n");
    assert_eq!(rest(reader).await?, whole);
    assert_eq!(rest(log(&cx, &run, false).await?).await?, whole);
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
    ask(&cx, &run, Verb::Act("cancel".to_owned()), false).await?;
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
