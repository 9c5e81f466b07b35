//! Puts what is wanted of an endpoint into service: a new revision is made, loaded and tried, and only then is anything
//! sent to it. What fails leaves the revision in service where it is.

use std::collections::BTreeMap;

use base::Watch;
use kernel::{
    journal::Change,
    prelude::*,
    runs::{Order, Phase as RunPhase, Run, StepCx, Workflow},
};
use ports::infer::{Datatype, Slot};

use crate::{
    conversion::{self, Conversion},
    endpoint::{Condition, Endpoint, Phase, counted},
    form,
    how::How,
    live::{Loaded, Serving},
    predict,
    revision::{self, Revision},
};

/// Makes a revision of what is wanted, where that is not in service already, and says how it went.
pub async fn make_ready(cx: Cx, change: Change) -> Result<()> {
    if change.deleted || change.actor.starts_with("system:endpoints") {
        return Ok(());
    }
    let Some(it) = cx.get_opt::<Endpoint>(change.uid.as_str()).await? else { return Ok(()) };
    let asked_again =
        matches!(change.verb.as_str(), "redeploy" | "deploy") && it.status.phase == Phase::Pending;
    if it.status.observed_generation == Some(it.metadata.generation) && !asked_again {
        return Ok(());
    }
    let Some(version) = it.spec.model_version.as_ref().map(ToString::to_string) else { return Ok(()) };
    if !asked_again && it.status.phase == Phase::Ready && it.status.serving.as_ref() == Some(&version) {
        return observed(&cx, &it).await;
    }
    if form::takes_a_while(&cx, &version).await? {
        return order(&cx, &it, &version).await;
    }
    let made = revision_of(&cx, &it, (&version, None), Ok(())).await?;
    in_service(&cx, &it, &made).await
}

/// Tells how a revision went, and puts it into service if it is ready.
async fn in_service(cx: &Cx, it: &Object<Endpoint>, made: &Object<Revision>) -> Result<()> {
    let version = &made.spec.model_version;
    let (event, told) = match &made.status.message {
        None => ("loaded", format!("revision {}: version {version} answers", made.spec.number)),
        Some(message) => {
            ("load-failed", format!("revision {}: version {version}: {message}", made.spec.number))
        }
    };
    counted::note(cx, &it.metadata.uid, event, &told).await?;
    took_over(cx, it, made).await
}

/// The workflow that makes a revision ready where that takes a while.
const WORKFLOW: &str = "catalog.deploy";

/// What the workflow is given.
#[derive(Serialize, Deserialize)]
struct Input {
    endpoint: Uid,
    version: String,
}

/// Deploying a version that is code: its environment, then the version in it.
pub fn deploying() -> Workflow {
    Workflow::new(WORKFLOW).step("deploy", deploy)
}

/// Orders a run that makes the revision: a controller waits for nobody.
async fn order(cx: &Cx, it: &Object<Endpoint>, version: &str) -> Result<()> {
    let input = Input { endpoint: it.metadata.uid.clone(), version: version.to_owned() };
    let mut order = Order::new(WORKFLOW, serde_json::to_value(input).map_err(Error::internal)?);
    order.subject = Some(format!("catalog.endpoints/{}", it.name()));
    let run = cx.order(order).await?.metadata.name;
    let generation = it.metadata.generation;
    let ordered = cx.doing("deploying");
    let ordered = ordered.update_status::<Endpoint>(it.metadata.uid.as_str(), |status| {
        status.observed_generation = Some(generation);
        status.message = Some(format!("version {version} is made ready by the run {run}"));
        status.run = Some(run.clone());
    });
    ordered.await.map(|_| ())
}

/// Makes the revision, and puts it into service if it is still the one that is wanted.
async fn deploy(step: StepCx) -> Result<Value> {
    let (cx, input) = (&step.cx, step.input::<Input>()?);
    let is_wanted =
        |it: &Object<Endpoint>| it.spec.model_version.as_ref().is_some_and(|it| **it == *input.version);
    let find = || cx.get_opt::<Endpoint>(input.endpoint.as_str());
    let Some(it) = find().await?.filter(is_wanted) else { return Ok(json!({"revision": null})) };
    let made = revision_in_run(&step, &it, &input.version).await?;
    let Some(it) = find().await?.filter(is_wanted) else { return Ok(json!({"revision": made.spec.number})) };
    in_service(cx, &it, &made).await?;
    match &made.status.message {
        None => Ok(json!({"revision": made.spec.number})),
        Some(why) => Err(Error::conflict("deploy-failed", why.clone())),
    }
}

/// What was being made ready is not any more, when its run was stopped.
pub async fn end(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    let Some(run) = cx.get_opt::<Run>(change.uid.as_str()).await? else { return Ok(()) };
    let is_over = matches!(run.status.phase, RunPhase::Failed | RunPhase::Cancelled);
    if run.spec.workflow != WORKFLOW || !is_over {
        return Ok(());
    }
    let endpoint = run.spec.input["endpoint"].as_str().unwrap_or_default();
    let Some(it) = cx.get_opt::<Endpoint>(endpoint).await? else { return Ok(()) };
    if it.status.run.as_deref() != Some(run.name()) {
        return Ok(());
    }
    let why = run.status.error.clone().map_or_else(|| "it was cancelled".to_owned(), |error| error.message);
    let told = format!("the run {} that made the next revision ready has ended: {why}", run.name());
    let ended = cx.doing("deploy-ended");
    let ended = ended.update_status::<Endpoint>(it.metadata.uid.as_str(), |status| {
        status.message = Some(told.clone());
        status.run = None;
        if status.revision.is_none() {
            status.phase = Phase::Failed;
        }
    });
    ended.await.map(|_| ())
}

/// What was changed of the endpoint asks for no revision.
async fn observed(cx: &Cx, it: &Object<Endpoint>) -> Result<()> {
    let generation = it.metadata.generation;
    let uid = it.metadata.uid.as_str();
    let seen = cx.doing("observe");
    seen.update_status::<Endpoint>(uid, |status| status.observed_generation = Some(generation))
        .await
        .map(|_| ())
}

/// The revision is in service if it is ready; else the one before goes on.
async fn took_over(cx: &Cx, it: &Object<Endpoint>, made: &Object<Revision>) -> Result<()> {
    let (now, generation) = (cx.now(), it.metadata.generation);
    let condition = |kind: &str, failure: Option<&String>| Condition {
        kind: kind.to_owned(),
        status: if failure.is_none() { "True" } else { "False" }.to_owned(),
        reason: if failure.is_none() { "Loaded" } else { "LoadFailed" }.to_owned(),
        message: failure.cloned().unwrap_or_default(),
        last_transition_time: Some(now),
    };
    let failure = made.status.message.as_ref();
    cx.doing("ready")
        .update_status::<Endpoint>(it.metadata.uid.as_str(), |status| {
            status.latest = Some(made.spec.number);
            status.message = failure.cloned();
            status.run = None;
            status.observed_generation = Some(generation);
            match failure {
                None => {
                    status.previous =
                        status.revision.filter(|number| *number != made.spec.number).or(status.previous);
                    status.revision = Some(made.spec.number);
                    status.serving = Some(made.spec.model_version.to_string());
                    status.form = made.status.form.clone();
                    status.runtime = made.status.runtime.clone();
                    status.phase = Phase::Ready;
                    status.conditions = vec![condition("Ready", None)];
                }
                // Whoever is in service stays so.
                Some(_) if status.revision.is_some() => {
                    status.phase = Phase::Ready;
                    status.conditions = vec![condition("Ready", None), condition("Deployed", failure)];
                }
                Some(_) => {
                    status.phase = Phase::Failed;
                    status.serving = None;
                    status.conditions = vec![condition("Ready", failure)];
                }
            }
        })
        .await?;
    Ok(())
}

/// Makes the next revision within a run, which may wait: what the version needs beside itself is made first.
pub async fn revision_in_run(
    step: &StepCx,
    it: &Object<Endpoint>,
    version: &str,
) -> Result<Object<Revision>> {
    let prepared = form::prepare(step, version).await;
    if let Err(error) = &prepared {
        step.check()?;
        step.line(&error.to_string());
    }
    let conversion = match &prepared {
        Ok(()) => conversion::of(step, it, version).await?,
        Err(_) => None,
    };
    step.line(&format!("loading version {version}"));
    let made = revision_of(&step.cx, it, (version, conversion), prepared).await?;
    let told = made.status.message.clone().unwrap_or_else(|| "it answers".to_owned());
    step.line(&format!("revision {}: {told}", made.spec.number));
    Ok(made)
}

/// Makes the next revision of an endpoint, loads it and tries it; what failed stands in its status.
async fn revision_of(
    cx: &Cx,
    it: &Object<Endpoint>,
    (version, conversion): (&str, Option<Conversion>),
    prepared: Result<()>,
) -> Result<Object<Revision>> {
    let kind = cx.platform().kind("catalog.endpoints")?;
    let mut number = it.status.latest.unwrap_or(0);
    let mut made = loop {
        number += 1;
        let spec = Revision {
            endpoint: Ref::to(it.name()),
            number,
            model_version: Ref::to(version),
            engine: it.spec.engine.clone(),
        };
        let mut draft = Draft::new(revision::name_of(it.name(), number), spec);
        draft.owners.push(cx.read("catalog.endpoints", it.metadata.uid.as_str()).await?.owner(&kind));
        match cx.doing("deploy").create(draft).await {
            // A roll-out has made one meanwhile.
            Err(error) if error.code() == "already-exists" => {}
            other => break other?,
        }
    };
    let began = cx.now();
    let loaded = match prepared {
        Ok(()) => {
            let wanted = How::wanted(it.spec.engine.as_ref()).converted(conversion.as_ref());
            cx.port::<Serving>()?.model(cx, version, &wanted).await
        }
        Err(error) => Err(error),
    };
    let load_ms = cx.now().seconds_since(began) * 1e3;
    let (tried, outcome) = match &loaded {
        Ok(loaded) => {
            let tried =
                if loaded.example.as_ref().is_some_and(Value::is_object) { "example" } else { "blank" };
            (Some(tried), try_out(cx, loaded).await)
        }
        Err(error) => (None, Err(error.clone())),
    };
    let try_ms = cx.now().seconds_since(began) * 1e3 - load_ms;
    made.status = revision::Status {
        phase: if outcome.is_ok() { revision::Phase::Ready } else { revision::Phase::Failed },
        message: outcome.err().map(|error| error.message().to_owned()),
        tried: tried.map(str::to_owned),
        load_ms: Some(load_ms),
        try_ms: tried.map(|_| try_ms),
        conversion,
        ..revision::Status::default()
    };
    if let Ok(loaded) = &loaded {
        loaded.told.note(&mut made.status);
    }
    let status = made.status.clone();
    cx.doing("tried").update_status::<Revision>(made.metadata.uid.as_str(), |it| *it = status.clone()).await
}

/// Warms a model up: the first answers are the slowest, and one that fails its own example answers nobody.
async fn try_out(cx: &Cx, loaded: &std::sync::Arc<Loaded>) -> Result<()> {
    const TIMES: usize = 3;
    if let Some(example) = loaded.example.clone().filter(Value::is_object) {
        for _ in 0..TIMES {
            predict::predicted(cx, loaded, std::slice::from_ref(&example)).await?;
        }
        return Ok(());
    }
    let blank: BTreeMap<&str, Value> =
        loaded.signature.inputs.iter().map(|slot| (slot.name.as_str(), blank(slot))).collect();
    // What is made up need not make sense to the model.
    if let Err(error) = predict::predicted(cx, loaded, &[json!(blank)]).await {
        tracing::debug!(version = loaded.version, ?error, "a made-up row was refused");
    }
    Ok(())
}

fn blank(slot: &Slot) -> Value {
    match slot.datatype {
        Datatype::Bool => json!(false),
        Datatype::Bytes => json!(slot.categories.first().map_or("", String::as_str)),
        _number => json!(0),
    }
}
