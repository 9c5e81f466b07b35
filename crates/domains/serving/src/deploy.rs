//! Puts what is wanted of an endpoint into service: a new revision is made, loaded and tried, and only then is anything
//! sent to it. What fails leaves the revision in service where it is.

use std::collections::BTreeMap;

use kernel::{journal::Change, prelude::*};
use ports::infer::{Datatype, Slot};

use crate::{
    endpoint::{Condition, Endpoint, Phase, counted},
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
    let made = revision_of(&cx, &it, &version).await?;
    let (event, told) = match &made.status.message {
        None => ("loaded", format!("revision {}: version {version} answers", made.spec.number)),
        Some(message) => {
            ("load-failed", format!("revision {}: version {version}: {message}", made.spec.number))
        }
    };
    counted::note(&cx, &it.metadata.uid, event, &told).await?;
    took_over(&cx, &it, &made).await
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
            status.observed_generation = Some(generation);
            match failure {
                None => {
                    status.previous =
                        status.revision.filter(|number| *number != made.spec.number).or(status.previous);
                    status.revision = Some(made.spec.number);
                    status.serving = Some(made.spec.model_version.to_string());
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

/// Makes the next revision of an endpoint, loads it and tries it; what failed stands in its status.
pub async fn revision_of(cx: &Cx, it: &Object<Endpoint>, version: &str) -> Result<Object<Revision>> {
    let kind = cx.platform().kind("catalog.endpoints")?;
    let mut number = it.status.latest.unwrap_or(0);
    let mut made = loop {
        number += 1;
        let spec = Revision { endpoint: Ref::to(it.name()), number, model_version: Ref::to(version) };
        let mut draft = Draft::new(revision::name_of(it.name(), number), spec);
        draft.owners.push(cx.read("catalog.endpoints", it.metadata.uid.as_str()).await?.owner(&kind));
        match cx.doing("deploy").create(draft).await {
            // A roll-out has made one meanwhile.
            Err(error) if error.code() == "already-exists" => {}
            other => break other?,
        }
    };
    let began = cx.now();
    let loaded = cx.port::<Serving>()?.model(cx, version).await;
    let load_ms = cx.now().seconds_since(began) * 1e3;
    let (tried, outcome) = match loaded {
        Ok(loaded) => {
            let tried =
                if loaded.example.as_ref().is_some_and(Value::is_object) { "example" } else { "blank" };
            (Some(tried), try_out(cx, &loaded).await)
        }
        Err(error) => (None, Err(error)),
    };
    let try_ms = cx.now().seconds_since(began) * 1e3 - load_ms;
    made.status = revision::Status {
        phase: if outcome.is_ok() { revision::Phase::Ready } else { revision::Phase::Failed },
        message: outcome.err().map(|error| error.message().to_owned()),
        tried: tried.map(str::to_owned),
        load_ms: Some(load_ms),
        try_ms: tried.map(|_| try_ms),
    };
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
        Datatype::Int32 | Datatype::Int64 | Datatype::Fp32 | Datatype::Fp64 => json!(0),
    }
}
