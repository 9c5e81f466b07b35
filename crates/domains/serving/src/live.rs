//! What is in memory of the endpoints that are asked: models, one for each version; and plans, one for each endpoint.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use kernel::prelude::*;
use ports::infer::{
    Model, Signature, Tensor,
    choice::Runtime,
    load::{Runner, Runners},
};
use shares::{Choice, PARTS, Rule};
use tokio::sync::{OnceCell, Semaphore};

use crate::{
    endpoint::{Endpoint, Limits, Phase, Sampling},
    form::{Form, Ready},
    gate::VERSIONS,
    how::{How, Told},
    revision::{self, Revision},
};

mod resting;

/// A model ready to answer.
pub struct Loaded {
    /// The engine's handle.
    pub model: Arc<dyn Model>,
    /// The version's name, `credit.1`.
    pub version: String,
    /// The model's name.
    pub name: String,
    /// The model's uid.
    pub model_uid: Uid,
    /// The version's number.
    pub number: u64,
    /// What it takes and gives.
    pub signature: Signature,
    /// A row it can be tried with.
    pub example: Option<Value>,
    /// The classes in the order of the probabilities.
    pub classes: Arc<[String]>,
    /// The servers that answer for it, as `ORGANIZATION/PROJECT/NAME`.
    pub servers: Vec<String>,
    /// What is told of how it was loaded.
    pub told: Told,
    /// Rows that explanations by trial compare with, read when the first is asked for.
    pub background: OnceCell<Vec<Tensor>>,
}

/// What this process counted of a revision since it started, for whoever scrapes.
#[derive(Default)]
pub struct Series {
    /// The organization, the project, the endpoint, and the number of the revision.
    pub labels: (String, String, String, u64),
    /// Calls that were answered.
    pub answered: AtomicU64,
    /// Calls refused as the caller's mistake.
    pub refused: AtomicU64,
    /// Calls that failed here.
    pub failed: AtomicU64,
    /// Rows answered for.
    pub rows: AtomicU64,
    /// Microseconds of all calls together.
    pub micros: AtomicU64,
    /// Requests handed to the log.
    pub logged: AtomicU64,
    /// Requests that the log had no room for.
    pub log_dropped: AtomicU64,
}

impl Series {
    /// Counts one call.
    pub fn add(&self, outcome: &str, rows: u64, seconds: f64) {
        let count = match outcome {
            "answered" => &self.answered,
            "refused" => &self.refused,
            _ => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.micros.fetch_add((seconds * 1e6) as u64, Ordering::Relaxed);
    }
}

/// A revision that requests are sent to.
pub struct Target {
    /// Its number; 0 of an endpoint that was made before there were revisions.
    pub number: u64,
    /// What its use is counted under.
    pub uid: Uid,
    /// Its model.
    pub loaded: Arc<Loaded>,
    /// What is counted of it.
    pub series: Arc<Series>,
    /// What it runs behind, where its load is bounded.
    pub runner: Option<Arc<dyn Runner>>,
}

/// Where the requests of an endpoint go, worked out once for each change of it.
pub struct Plan {
    /// The endpoint.
    pub endpoint: Uid,
    /// The change.
    version: u64,
    /// The revisions that get requests.
    pub targets: Vec<Target>,
    /// How they are shared.
    pub choice: Choice,
    /// The place of the revision that is sent copies.
    pub shadow: Option<usize>,
    /// How many requests were shared by weight.
    pub turn: Arc<AtomicU64>,
    /// Which requests are logged.
    pub sampling: Option<Sampling>,
    /// How many requests were drawn about.
    pub logged: AtomicU64,
    /// After how many seconds without a request it rests.
    idle_s: Option<u32>,
    /// When it was last asked, in microseconds.
    asked: AtomicI64,
    /// When a failure was last noted, in microseconds: a failing model must not fill its log.
    pub noted: AtomicI64,
}

/// The organization, and project and version.
type Key = (String, String);

/// The limits of a revision, and what it runs behind because of them.
type Bounded = (Limits, Arc<dyn Runner>);

/// The models and plans of this process.
pub struct Serving {
    /// A model is loaded once, however many ask for it at the same time.
    models: RwLock<HashMap<Key, Arc<OnceCell<Arc<Loaded>>>>>,
    /// Which runtime was chosen for those that were tried.
    chosen: RwLock<HashMap<Key, Runtime>>,
    runners: RwLock<HashMap<Uid, Bounded>>,
    plans: RwLock<HashMap<Uid, Arc<Plan>>>,
    endpoints: RwLock<HashMap<Uid, Arc<Object<Endpoint>>>>,
    series: RwLock<HashMap<Uid, Arc<Series>>>,
    /// Places for copies of requests; there is no queue behind them.
    pub shadows: Arc<Semaphore>,
    /// Places for logged requests to be explained; there is no queue behind them.
    pub explains: Arc<Semaphore>,
    /// Places for answers in parts of endpoints whose load is not bounded; there is no queue before them.
    pub flows: Arc<Semaphore>,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            models: RwLock::default(),
            chosen: RwLock::default(),
            runners: RwLock::default(),
            plans: RwLock::default(),
            endpoints: RwLock::default(),
            series: RwLock::default(),
            shadows: Arc::new(Semaphore::new(SHADOWS_MAX)),
            explains: Arc::new(Semaphore::new(EXPLAINS_MAX)),
            flows: Arc::new(Semaphore::new(FLOWS_MAX)),
        }
    }
}

/// How many models stay loaded before all that nobody uses are let go.
const LOADED_MAX: usize = 1_000;
/// How many choices are remembered before all are made anew.
const CHOSEN_MAX: usize = 10_000;
/// How many plans, and how many endpoints, are kept before all are worked out anew.
const PLANS_MAX: usize = 10_000;
/// How many copies of requests are answered at once.
const SHADOWS_MAX: usize = 16;
/// How many answers in parts are under way at once without a queue.
const FLOWS_MAX: usize = 64;
/// How many logged requests are explained at once.
const EXPLAINS_MAX: usize = 4;
/// What is read of a version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    model: String,
    number: u64,
    signature: Option<Value>,
    input_example: Option<Value>,
}

impl Serving {
    /// A version's model, loaded on first use.
    pub async fn model(&self, cx: &Cx, version: &str, how: &How) -> Result<Arc<Loaded>> {
        let key = |how: &How| (cx.org.to_string(), format!("{}/{version}/{}", cx.project, how.key()));
        let chosen = self.chosen.read().unwrap_or_else(PoisonError::into_inner).get(&key(how)).copied();
        let how = &chosen.map_or_else(|| how.clone(), |runtime| how.by(runtime));
        let cell = self.cell(key(how));
        let loaded = cell.get_or_try_init(|| Self::load(cx, version, how)).await.map(Arc::clone)?;
        if let Some(runtime) = loaded.told.runtime.filter(|it| *it != how.runtime) {
            self.choose(key(how), runtime);
            self.cell(key(&how.by(runtime))).get_or_init(async || Arc::clone(&loaded)).await;
        }
        Ok(loaded)
    }

    /// A model is found as what was chosen from now on.
    fn choose(&self, key: Key, runtime: Runtime) {
        self.models.write().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let mut chosen = self.chosen.write().unwrap_or_else(PoisonError::into_inner);
        if chosen.len() >= CHOSEN_MAX {
            chosen.clear();
        }
        chosen.insert(key, runtime);
    }

    /// A revision's model, as it was settled when it was made.
    pub async fn revision(&self, cx: &Cx, made: &Object<Revision>) -> Result<Arc<Loaded>> {
        let (version, how) = (&made.spec.model_version, How::settled(made));
        match self.model(cx, version, &how).await {
            // A machine without the library answers all the same, where it can.
            Err(error) if error.code() == "runtime-missing" => {
                tracing::warn!(version = %version, "onnxruntime is not here, so the platform's own runtime answers");
                self.model(cx, version, &how.by(Runtime::Native)).await
            }
            other => other,
        }
    }

    /// The place of a model.
    fn cell(&self, key: Key) -> Arc<OnceCell<Arc<Loaded>>> {
        if let Some(cell) = self.models.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(cell);
        }
        let mut all = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= LOADED_MAX {
            all.retain(|_, cell| cell.get().is_some_and(|loaded| Arc::strong_count(loaded) > 1));
        }
        Arc::clone(all.entry(key).or_default())
    }

    async fn load(cx: &Cx, version: &str, how: &How) -> Result<Arc<Loaded>> {
        let raw = cx.read(VERSIONS, version).await?;
        let found = raw.spec_as::<Version>()?;
        let form = Form::settled(cx, &raw, how).await?;
        let (behind, alone) = (form.versions(cx).await?, form.server());
        let Ready { model, example, told } = form.load(cx, how, found.input_example.clone()).await?;
        let runtime = told.runtime.map(Runtime::name);
        tracing::info!(version, form = told.form, runtime, why = told.why, "a version is loaded");
        let mut servers: Vec<String> =
            alone.map(|it| format!("{}/{}/{it}", cx.org, cx.project)).into_iter().collect();
        for version in behind {
            let loaded = Box::pin(cx.port::<Self>()?.model(cx, &version, &How::wanted(None))).await?;
            servers.extend_from_slice(&loaded.servers);
        }
        // A flavour, a server and a graph tell it themselves; what MLflow declared of a flavour is in words of its own.
        let declared = found.signature.filter(|_| told.form == "onnx");
        let signature = match declared {
            Some(declared) => serde_json::from_value(declared).map_err(Error::internal)?,
            None => model.signature().clone(),
        };
        Ok(Arc::new(Loaded {
            model,
            version: version.to_owned(),
            model_uid: cx.read("catalog.models", &found.model).await?.metadata.uid,
            name: found.model,
            number: found.number,
            classes: signature.classes.clone().into(),
            signature,
            example: found.input_example.or(example),
            servers,
            told,
            background: OnceCell::new(),
        }))
    }

    /// What a revision runs behind; the same as long as its limits are.
    fn runner(&self, cx: &Cx, uid: &Uid, loaded: &Loaded, limits: &Limits) -> Result<Arc<dyn Runner>> {
        let runners = cx.port::<dyn Runners>()?;
        let mut all = self.runners.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, runner)) = all.get(uid).filter(|(known, _)| known == limits) {
            return Ok(Arc::clone(runner));
        }
        let runner = runners.start(Arc::clone(&loaded.model), limits.engine());
        all.insert(uid.clone(), (limits.clone(), Arc::clone(&runner)));
        Ok(runner)
    }

    /// What runs and waits at an endpoint's revisions; nothing while it rests.
    pub fn busy(&self, uid: &Uid) -> Option<Vec<Value>> {
        let plan = self.plans.read().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()?;
        let one = |target: &Target| {
            let busy = target.runner.as_ref().map(|runner| runner.busy()).unwrap_or_default();
            json!({
                "revision": target.number,
                "replicas": busy.running,
                "waiting": busy.waiting,
                "batches": busy.batches,
                "requests": busy.requests,
                "refused": busy.refused,
            })
        };
        Some(plan.targets.iter().map(one).collect())
    }

    /// An endpoint as it is now; after a change it is read once, however often it is asked.
    pub async fn endpoint(&self, cx: &Cx, id: &str) -> Result<Arc<Object<Endpoint>>> {
        let raw = cx.held::<Endpoint>(id).await?;
        let uid = &raw.metadata.uid;
        let known = self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(uid).cloned();
        if let Some(it) = known.filter(|it| it.metadata.version == raw.metadata.version) {
            return Ok(it);
        }
        let it = Arc::new(raw.typed::<Endpoint>()?);
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        if endpoints.len() >= PLANS_MAX {
            endpoints.clear();
        }
        endpoints.insert(uid.clone(), Arc::clone(&it));
        Ok(it)
    }

    /// Where the requests of an endpoint go.
    pub async fn plan(&self, cx: &Cx, it: &Object<Endpoint>) -> Result<Arc<Plan>> {
        let uid = &it.metadata.uid;
        let known = self.plans.read().unwrap_or_else(PoisonError::into_inner).get(uid).cloned();
        if let Some(plan) = known.as_ref().filter(|plan| plan.version == it.metadata.version) {
            return Ok(Arc::clone(plan));
        }
        let rested =
            known.is_none() && it.spec.limits.as_ref().is_some_and(|limits| limits.replicas_min == 0);
        let began = cx.now();
        let turn = known.map(|plan| Arc::clone(&plan.turn)).unwrap_or_default();
        let plan = Arc::new(self.drawn(cx, it, turn).await?);
        if rested {
            let seconds = cx.now().seconds_since(began);
            usage::count(cx, uid, &[("wakes", 1.0), ("wake-seconds", seconds)]).await?;
        }
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        plans.insert(uid.clone(), Arc::clone(&plan));
        Ok(plan)
    }

    async fn drawn(&self, cx: &Cx, it: &Object<Endpoint>, turn: Arc<AtomicU64>) -> Result<Plan> {
        let mut targets: Vec<Target> = Vec::new();
        let routing = it.spec.routing.clone().unwrap_or_default();
        let mut shares = Vec::new();
        for share in &routing.traffic {
            let place = self.place(cx, it, &mut targets, share.revision).await?;
            shares.push((place, (share.percent * f64::from(PARTS) / 100.0).round() as u32));
        }
        if shares.is_empty() {
            let place = match it.status.revision {
                Some(number) => self.place(cx, it, &mut targets, number).await?,
                None => self.before_revisions(cx, it, &mut targets).await?,
            };
            shares.push((place, PARTS));
        }
        let mut rules = Vec::new();
        for rule in &routing.rules {
            let place = self.place(cx, it, &mut targets, rule.revision).await?;
            rules.push(Rule { name: rule.name.clone(), value: rule.value.clone(), place });
        }
        let shadow = match routing.shadow {
            Some(number) => Some(self.place(cx, it, &mut targets, number).await?),
            None => None,
        };
        let sampling = it.spec.logging.as_ref().map(|it| Sampling::new(it, cx.now().micros().unsigned_abs()));
        Ok(Plan {
            endpoint: it.metadata.uid.clone(),
            version: it.metadata.version,
            targets,
            choice: Choice::new(&shares, rules, routing.sticky_by),
            shadow,
            turn,
            sampling,
            logged: AtomicU64::new(0),
            idle_s: it.spec.limits.as_ref().filter(|it| it.replicas_min == 0).map(|it| it.idle_seconds),
            asked: AtomicI64::new(cx.now().micros()),
            noted: AtomicI64::new(0),
        })
    }

    /// The place of a revision among the targets.
    async fn place(
        &self,
        cx: &Cx,
        it: &Object<Endpoint>,
        targets: &mut Vec<Target>,
        number: u64,
    ) -> Result<usize> {
        if let Some(place) = targets.iter().position(|target| target.number == number) {
            return Ok(place);
        }
        let found = cx.get::<Revision>(&revision::name_of(it.name(), number)).await?;
        let loaded = self.revision(cx, &found).await?;
        let series = self.series_of(it, &found.metadata.uid, number);
        let runner = match &it.spec.limits {
            Some(limits) => Some(self.runner(cx, &found.metadata.uid, &loaded, limits)?),
            None => None,
        };
        targets.push(Target { number, uid: found.metadata.uid, loaded, series, runner });
        Ok(targets.len() - 1)
    }

    /// The version of an endpoint that was made before there were revisions.
    async fn before_revisions(
        &self,
        cx: &Cx,
        it: &Object<Endpoint>,
        targets: &mut Vec<Target>,
    ) -> Result<usize> {
        let version = it.spec.model_version.as_ref().filter(|_| it.status.phase == Phase::Ready);
        let version = version.ok_or_else(not_yet)?;
        let loaded = self.model(cx, version, &How::wanted(None).by(Runtime::Native)).await?;
        let series = self.series_of(it, &it.metadata.uid, 0);
        targets.push(Target { number: 0, uid: it.metadata.uid.clone(), loaded, series, runner: None });
        Ok(targets.len() - 1)
    }

    fn series_of(&self, it: &Object<Endpoint>, uid: &Uid, number: u64) -> Arc<Series> {
        let mut all = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let labels = (it.org.clone(), it.metadata.namespace.clone(), it.name().to_owned(), number);
        Arc::clone(all.entry(uid.clone()).or_insert_with(|| Arc::new(Series { labels, ..Series::default() })))
    }

    /// What was counted of every revision since the process started.
    pub fn series(&self) -> Vec<Arc<Series>> {
        self.series.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// The answer while the first revision is still being tried.
pub fn not_yet() -> Error {
    Error::unavailable("endpoint-not-ready", "the endpoint has no revision that can answer yet")
        .retry_after(1)
}

impl Plan {
    /// Somebody asks.
    pub fn asked(&self, now: Time) {
        self.asked.store(now.micros(), Ordering::Relaxed);
    }

    /// Whether a failure may be noted now: one a second.
    pub fn notes(&self, now: Time) -> bool {
        let (now, last) = (now.micros(), self.noted.load(Ordering::Relaxed));
        let due = last == 0 || now - last >= 1_000_000;
        due && self.noted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
