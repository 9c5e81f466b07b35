//! An endpoint: an address that answers with a model's predictions.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use forms::Inputs;
use kernel::{prelude::*, read};
use ports::infer::{
    Explanation, Tensor,
    load::{Ran, Timing, Turn},
};

use crate::{
    form, gate, graph,
    live::{Plan, Serving, Target, not_yet},
    predict::{self, Explained, Predicted, Rows},
    tensor_json,
};

pub mod counted;
pub mod engine;
mod flow;
pub mod limits;
pub mod logging;
mod operate;
pub mod routing;
mod shadow;
mod traced;
mod versions;
mod watched;

pub use engine::Engine;
pub use flow::{Flow, Manner, flow};
pub use limits::Limits;
pub use logging::{Logging, Sampled, Sampling};
pub use operate::Desired;
pub use routing::Routing;

/// What endpoints serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    let kind = counted::serve(limits::serve(routing::serve(operate::serve(kind))));
    let kind = versions::serve(watched::serve(logging::serve(kind)));
    kind.admit(resolve)
        .admit(routing::fits)
        .admit(gate::deployed)
        .action("predict", "Predicts for rows given as objects of columns.", predict_rows)
        .action(
            "explain",
            "Predicts and says what each column added; the parts sum to the margin. Exact for trees and linear models, by trial else.",
            explain_rows,
        )
        .action("infer", "Predicts for tensors: the Open Inference Protocol v2.", infer)
        .needs("predict")
        .action("test", "Predicts for the model's own example and answers the result.", test)
        .needs("predict")
        .action("redeploy", "Resolves the version again, and makes a new revision of it.", redeploy)
        .needs("update")
        .view("schema", "What the endpoint takes and gives.", schema)
        .needs("get")
        .view("health", "Whether the endpoint answers.", health)
        .needs("get")
}

/// An address that answers with a model's predictions.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "endpoint", prefix = "ept", short = "ep", status = "Status")]
pub struct Endpoint {
    /// The model.
    #[field(reference = "catalog.models", indexed)]
    pub model: Ref,
    /// The number of the version; the latest when not given.
    #[field(max = 20, example = "1")]
    pub version: Option<String>,
    /// The version that is meant, found from model and number.
    #[field(reference = "catalog.model-versions", indexed)]
    pub model_version: Option<Ref>,
    /// The versions that answer within it, where the version is a graph; found from it.
    #[field(reference = "catalog.model-versions", indexed, max = 256)]
    pub within: Vec<Ref>,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Whether it shall answer.
    #[field(indexed, default = "Serving")]
    pub desired: Desired,
    /// What callers are told when it shall not.
    #[field(max = 500)]
    pub reason: Option<String>,
    /// The most rows one request may carry.
    #[field(min = 1, max = 10000, default = 10000)]
    pub rows_max: u32,
    /// How requests are shared among revisions; all go to the one in service when this is left out.
    pub routing: Option<Routing>,
    /// What bounds its load; without it every request runs at once.
    pub limits: Option<Limits>,
    /// What runs its models; concerns the revisions made from then on, as `redeploy` does.
    pub engine: Option<Engine>,
    /// Which of its requests are logged; none without it.
    pub logging: Option<Logging>,
}

/// Where an endpoint is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Being loaded.
    #[default]
    Pending,
    /// Answering.
    Ready,
    /// Not answering.
    Failed,
}

/// How an endpoint is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// The version it answers with.
    pub serving: Option<String>,
    /// The revision in service.
    pub revision: Option<u64>,
    /// The revision that was in service before it.
    pub previous: Option<u64>,
    /// The newest revision, in service or not.
    pub latest: Option<u64>,
    /// As what the revision in service is run: `onnx`, `pyfunc` for a model that is code, `onnx-converted` for one that was
    /// converted, `server` or `graph`; the revision says why.
    pub form: Option<String>,
    /// What runs it, where it is an ONNX file: `native` or `onnxruntime`.
    pub runtime: Option<String>,
    /// The run that makes the next revision, where that takes a while.
    pub run: Option<String>,
    /// Why it does not answer, or why what was deployed last is not in service.
    pub message: Option<String>,
    /// The Kubernetes conditions: `Ready`, and `Deployed` when what was deployed last is not in service.
    pub conditions: Vec<Condition>,
    /// The generation the status is about.
    pub observed_generation: Option<u64>,
}

/// A condition as Kubernetes has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready` or `Deployed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Time>,
}

/// What is read of how a version is.
#[derive(Deserialize)]
struct Deprecation {
    #[serde(default)]
    deprecated: bool,
}

/// Model and number become the version that is meant.
async fn resolve(
    cx: Cx,
    mut it: Object<Endpoint>,
    old: Option<Object<Endpoint>>,
) -> Result<Object<Endpoint>> {
    let changed =
        old.is_none_or(|old| old.spec.model != it.spec.model || old.spec.version != it.spec.version);
    if !changed && it.spec.model_version.is_some() {
        return Ok(it);
    }
    let name = match &it.spec.version {
        Some(number) => format!("{}.{number}", it.spec.model),
        None => {
            cx.read("catalog.models", &it.spec.model).await.map_err(|error| error.at("spec.model"))?;
            let newest = places::newest(&cx, &it.spec.model).await?.ok_or_else(|| {
                Error::conflict("model-empty", format!("model `{}` has no version yet", it.spec.model))
                    .at("spec.model")
                    .hint("train it, or register a version")
            })?;
            newest.metadata.name
        }
    };
    let version = match cx.read(gate::VERSIONS, &name).await {
        Err(error) if error.code() == "not-found" => {
            return Err(Error::invalid("bad-reference", format!("there is no version `{name}`"))
                .at("spec.version")
                .hint("`aic get model-versions` lists what there is"));
        }
        other => other?,
    };
    if version.status_as::<Deprecation>()?.deprecated {
        return Err(Error::conflict("version-deprecated", format!("version `{name}` is deprecated"))
            .at("spec.version")
            .hint("deploy a newer version"));
    }
    it.spec.within = match form::graph_of(&version)? {
        Some(graph) => graph::versions_of(&cx, &graph).await?.into_iter().map(Ref::to).collect(),
        None => Vec::new(),
    };
    it.spec.model_version = Some(Ref::to(name));
    Ok(it)
}

/// A revision that was chosen for a request.
pub struct Picked {
    plan: Arc<Plan>,
    place: usize,
    sampled: Option<Sampled>,
    /// Where is told how the request ran, where that is wanted.
    timing: Option<Arc<Timing>>,
}

impl Picked {
    /// The revision.
    pub fn target(&self) -> &Target {
        &self.plan.targets[self.place]
    }

    /// Whether a failure may be noted now.
    fn notes(&self, now: Time) -> bool {
        self.plan.notes(now)
    }

    /// What the prediction is called, where it is logged.
    pub fn prediction(&self) -> Option<&Uid> {
        self.sampled.as_ref().map(|it| &it.id)
    }

    /// Runs its model, and sends a copy to the shadow where there is one and to the log where the request was drawn.
    pub async fn run(&self, cx: &Cx, inputs: Vec<Tensor>, rows: usize) -> Result<Vec<Tensor>> {
        self.run_explained(cx, (inputs, rows), &[]).await
    }

    /// The same where it is known already what each input adds.
    pub async fn run_explained(
        &self,
        cx: &Cx,
        (inputs, rows): (Vec<Tensor>, usize),
        explanations: &[Explanation],
    ) -> Result<Vec<Tensor>> {
        let began = cx.now();
        let kept = self.sampled.as_ref().map(|_| inputs.clone());
        let copy = self.plan.shadow.filter(|place| *place != self.place).map(|place| (place, inputs.clone()));
        let outputs = match &self.target().runner {
            None => {
                let answered = predict::run(cx, &self.target().loaded, inputs, rows).await;
                self.ran(cx, began, rows);
                answered?
            }
            Some(runner) => {
                let (caller, timing) = (cx.principal.actor(), self.timing.clone());
                runner.run(inputs, Turn { caller: &caller, patience: patience(cx), timing }).await?
            }
        };
        if let Some((place, inputs)) = copy {
            shadow::send(cx, (&self.plan, place), inputs, &outputs)?;
        }
        if let Some(inputs) = kept {
            let explanations = explanations.to_vec();
            logging::keep(cx, self, logging::Done { inputs, outputs: &outputs, explanations, began })?;
        }
        Ok(outputs)
    }
}

impl Picked {
    /// Tells how a request ran that waited for nobody.
    fn ran(&self, cx: &Cx, began: Time, rows: usize) {
        if let Some(timing) = &self.timing {
            let took = Duration::from_secs_f64(cx.now().seconds_since(began).max(0.0));
            // It is told once, and by nobody else.
            let _ = timing.set(Ran { took, rows, requests: 1, queued: Duration::ZERO });
        }
    }
}

/// How long the caller still waits.
fn patience(cx: &Cx) -> Duration {
    const LONGEST_S: f64 = 60.0;
    let left = cx.deadline.map_or(LONGEST_S, |deadline| deadline.seconds_since(cx.now()));
    Duration::from_secs_f64(left.clamp(0.0, LONGEST_S))
}

/// The revision that answers a request.
async fn pick(cx: &Cx, it: &Object<Endpoint>, carried: shares::Carried<'_>) -> Result<Picked> {
    operate::in_service(it)?;
    if it.spec.model_version.is_none() {
        return Err(not_yet());
    }
    if it.status.phase == Phase::Failed {
        let message = it.status.message.clone().unwrap_or_default();
        return Err(Error::unavailable(
            "endpoint-failed",
            format!("the endpoint does not answer: {message}"),
        )
        .hint("deploy another version, or `redeploy` once the cause is mended"));
    }
    let plan = cx.port::<Serving>()?.plan(cx, it).await?;
    plan.asked(cx.now());
    let caller = cx.principal.actor();
    let place = plan.choice.place(carried, (it.metadata.uid.as_str(), &caller), &plan.turn);
    Ok(Picked { plan, place, sampled: None, timing: None })
}

/// The same for a request of a caller, which may be drawn into the log.
async fn pick_logged(cx: &Cx, it: &Object<Endpoint>, carried: shares::Carried<'_>) -> Result<Picked> {
    let picked = pick(cx, it, carried).await?;
    let Some(sampling) = &picked.plan.sampling else { return Ok(picked) };
    let turn = picked.plan.logged.fetch_add(1, Ordering::Relaxed);
    Ok(Picked { sampled: sampling.sampled(cx, turn), ..picked })
}

/// A request as a face hands it in.
pub struct Ask<'a> {
    /// What is predicted for.
    pub inputs: Inputs,
    /// The outputs wanted; all when there are none.
    pub outputs: &'a [String],
    /// What it carries beside them, by name: parameters, headers.
    pub carried: shares::Carried<'a>,
    /// The number of the version the caller insists on.
    pub version: Option<&'a str>,
}

/// The answer to a face.
pub struct Answered {
    /// The tensors.
    pub outputs: Vec<Tensor>,
    /// The number of the version that answered.
    pub version: u64,
    /// The number of the revision that answered.
    pub revision: u64,
    /// What the prediction is called, where it is logged.
    pub prediction: Option<Uid>,
}

/// Answers a face's request: who may, then which revision, then what it says.
///
/// # Errors
/// `forbidden`, `not-found`, what stands in the way of the endpoint, what the model refuses.
pub async fn answer(cx: &Cx, name: &str, ask: Ask<'_>) -> Result<Answered> {
    cx.check_deadline()?;
    let (cx, it) = &allowed(cx, name).await?;
    let rows = ask.inputs.rows();
    few_enough(it, rows)?;
    let picked = match (pick_logged(cx, it, ask.carried).await, ask.version) {
        (Ok(picked), Some(wanted)) => insisted(picked, wanted),
        (picked, _) => picked,
    };
    counted::call(cx, it, (rows, picked), async |picked| {
        let inputs = ask.inputs.tensors(&picked.target().loaded.signature)?;
        let outputs = picked.run(cx, inputs, rows).await?;
        let outputs = forms::outputs::wanted(outputs, ask.outputs)?;
        let target = picked.target();
        let prediction = picked.prediction().cloned();
        Ok(Answered { outputs, version: target.loaded.number, revision: target.number, prediction })
    })
    .await
}

/// An endpoint that the caller may ask, and the context of the project it is in.
async fn allowed(cx: &Cx, name: &str) -> Result<(Cx, Arc<Object<Endpoint>>)> {
    const PERMISSION: &str = "catalog.endpoints.predict";
    if Uid::looks_like(name) {
        // Named by its uid it is decided where it lives, and by its name.
        let it = cx.port::<Serving>()?.endpoint(cx, name).await?;
        let cx = cx.in_project(&it.metadata.namespace);
        return match cx.decide_on(PERMISSION, (&cx.project, it.name())).await?.allowed {
            true => Ok((cx, it)),
            false => Err(kernel::access::denied(PERMISSION)),
        };
    }
    if !cx.decide_on(PERMISSION, (&cx.project, name)).await?.allowed {
        return Err(kernel::access::denied(PERMISSION));
    }
    Ok((cx.clone(), cx.port::<Serving>()?.endpoint(cx, name).await?))
}

/// The revision of a version the caller insists on, where it is one that gets requests.
fn insisted(picked: Picked, wanted: &str) -> Result<Picked> {
    let has = |target: &Target| target.loaded.number.to_string() == wanted;
    if has(picked.target()) {
        return Ok(picked);
    }
    match picked.plan.targets.iter().position(has) {
        Some(place) => Ok(Picked { place, ..picked }),
        None => {
            let message = format!(
                "the endpoint does not answer with version {}",
                wanted.chars().take(20).collect::<String>()
            );
            Err(Error::not_found("not-found", message))
        }
    }
}

/// Predicts for rows.
async fn predict_rows(cx: Cx, it: Object<Endpoint>, ask: Rows) -> Result<Predicted> {
    let rows = ask.rows.len();
    few_enough(&it, rows)?;
    let picked = pick_logged(&cx, &it, &|name| predict::parameter(ask.parameters.as_ref(), name)).await;
    counted::call(&cx, &it, (rows, picked), async |picked| predict::rows(&cx, picked, &ask.rows).await).await
}

/// Refuses more rows than the endpoint takes.
fn few_enough(it: &Object<Endpoint>, rows: usize) -> Result<()> {
    let most = it.spec.rows_max as usize;
    if rows <= most {
        return Ok(());
    }
    Err(Error::invalid("too-many-rows", format!("{rows} rows at once, {most} are the most here")).at("rows"))
}

/// Predicts and says what each column added.
async fn explain_rows(cx: Cx, it: Object<Endpoint>, ask: Rows) -> Result<Explained> {
    let rows = ask.rows.len();
    few_enough(&it, rows)?;
    let picked = pick_logged(&cx, &it, &|name| predict::parameter(ask.parameters.as_ref(), name)).await;
    counted::call(&cx, &it, (rows, picked), async |picked| predict::explained(&cx, picked, &ask.rows).await)
        .await
}

/// Predicts for tensors.
async fn infer(cx: Cx, it: Object<Endpoint>, ask: tensor_json::Request) -> Result<Value> {
    let rows = ask.rows();
    few_enough(&it, rows)?;
    let picked = pick_logged(&cx, &it, &|name| predict::parameter(ask.parameters.as_ref(), name)).await;
    counted::call(&cx, &it, (rows, picked), async |picked| {
        tensor_json::infer(&cx, picked, it.name(), ask).await
    })
    .await
}

/// Predicts for the model's own example.
async fn test(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Predicted> {
    let picked = pick(&cx, &it, &|_| None).await?;
    let example = picked.target().loaded.example.clone().ok_or_else(|| {
        Error::conflict("no-example", "the version has no example to try")
            .hint("predict with a row of your own")
    })?;
    predict::rows(&cx, &picked, &[example]).await
}

/// Resolves the version again, and makes a new revision of it.
async fn redeploy(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Status> {
    let saved = routing::changed(&cx, it.metadata.uid.as_str(), |it| {
        it.spec.model_version = None;
        it.status.phase = Phase::Pending;
        it.status.observed_generation = None;
    });
    Ok(saved.await?.status)
}

/// What the endpoint takes and gives.
async fn schema(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let picked = pick(&cx, &it, &|_| None).await?;
    serde_json::to_value(&picked.target().loaded.signature).map_err(Error::internal)
}

/// Whether the endpoint answers.
async fn health(cx: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let raw = cx.read("catalog.endpoints", it.name()).await?;
    let kind = cx.platform().kind("catalog.endpoints")?;
    let answers = pick(&cx, &it, &|_| None).await.is_ok();
    Ok(json!({
        "healthy": answers && it.status.phase == Phase::Ready,
        "phase": it.status.phase,
        "message": it.status.message,
        "serving": it.status.serving,
        "revision": it.status.revision,
        "resourceVersion": read::masked(&raw.shown(&kind), "metadata.resourceVersion")["metadata"]["resourceVersion"],
    }))
}
