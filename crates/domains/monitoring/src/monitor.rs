//! A monitor: what of an endpoint is watched and when, and how it was when it was last looked at.

use std::collections::BTreeMap;

use kernel::{access::Principal, prelude::*};

use crate::{
    alarm::{self, Alarm},
    baseline,
    drift::{self, Drifted, Test},
    importance, quality,
    sight::{self, Watched},
};

/// What monitors serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Monitor>) -> KindBuilder<Monitor> {
    kind.admit(alarm::may)
        .leave(|cx, it| async move { alarm::end(&cx, &it).await })
        .action("evaluate", "Looks at the endpoint now, not when it is due.", evaluate)
        .action_on_all(
            "drift",
            "How far an endpoint's inputs and predictions are from its baseline.",
            drift_of,
        )
        .needs("list")
        .action_on_all("performance", "How right an endpoint's predictions turned out to be.", performance)
        .needs("list")
        .action_on_all("fairness", "How an endpoint treats groups, and how far they are apart.", fairness)
        .needs("list")
        .action_on_all("importance", "How much an endpoint's model depends on each column.", permuted)
        .needs("list")
        .action_on_all("partial-dependence", "What a model answers on average by one column.", dependence)
        .needs("list")
        .view_of_all("of-model", "How far the endpoints of a model are from their baselines.", of_model)
        .needs("list")
        .view_of_all("quality", "How all that is watched was when it was last looked at.", overview)
        .needs("list")
}

/// What of an endpoint is watched.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "monitor", prefix = "mon", status = "Status")]
pub struct Monitor {
    /// The endpoint; its requests must be logged.
    #[field(reference = "catalog.endpoints", indexed, immutable)]
    pub endpoint: Ref,
    /// What it is for.
    #[field(max = 1000)]
    pub description: Option<String>,
    /// How many seconds back are looked at.
    #[field(min = 10, max = 31536000, default = 86400)]
    pub window_seconds: u32,
    /// How often.
    #[field(min = 5, max = 604800, default = 300)]
    pub every_seconds: u32,
    /// Fewer rows in the window are not judged.
    #[field(min = 1, max = 20000, default = 100)]
    pub rows_min: u32,
    /// The version of a dataset to compare with; when not given, the rows that training held out, else its data.
    #[field(reference = "catalog.dataset-versions")]
    pub baseline: Option<Ref>,
    /// The columns that are compared; all inputs when there are none. The prediction always is.
    #[field(max = 1000)]
    #[serde(default)]
    pub columns: Vec<String>,
    /// By which number a column is said to have drifted.
    #[field(default = "Auto")]
    pub test: Test,
    /// What that number is held against; 0.1 for distances and 0.05 for probabilities when not given.
    #[field(min = 0, max = 100)]
    pub threshold: Option<f64>,
    /// The share of inputs that may drift.
    #[field(min = 0, max = 1, default = 0.5)]
    pub drift_share_max: f64,
    /// Whether a drift of the prediction is a breach by itself.
    #[field(default = false)]
    pub prediction_drift: bool,
    /// Bounds of live metrics, once the truth of enough rows is known.
    #[field(max = 20)]
    #[serde(default)]
    pub bounds: Vec<Bound>,
    /// Which groups shall be treated alike.
    pub fairness: Option<Groups>,
    /// Whom a breach is told; nobody when not given.
    pub alert: Option<Alarm>,
    /// Whether it is evaluated.
    #[field(default = true)]
    pub enabled: bool,
}

/// A bound of a live metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Bound {
    /// `accuracy`, `balanced_accuracy`, `f1`, `auc` or `logloss` of classes; `rmse`, `mae` or `r2` of numbers.
    #[field(max = 50)]
    pub metric: String,
    /// Less is a breach.
    pub min: Option<f64>,
    /// More is a breach.
    pub max: Option<f64>,
}

/// Groups that shall be treated alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Groups {
    /// The column that tells the groups.
    #[field(max = 500)]
    pub column: String,
    /// The class that is to be wished for.
    #[field(max = 500)]
    pub favourable: String,
    /// How far selection rates may be apart. It is a breach once the interval of the difference is above it.
    #[field(min = 0, max = 1, default = 0.1)]
    pub difference_max: f64,
    /// How sure that must be.
    #[field(min = 0.5, max = 0.9999, default = 0.95)]
    pub confidence: f64,
}

/// Where a monitor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum State {
    /// Not looked at yet.
    #[default]
    Pending,
    /// There are too few rows to judge by.
    Waiting,
    /// All is as it should be.
    Healthy,
    /// Something is not as it should be.
    Breached,
    /// It cannot be told.
    Failed,
}

/// How it was when it was last looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub state: State,
    /// Whether something is not as it should be.
    #[field(indexed, default = false)]
    pub breached: bool,
    /// Since when it is there.
    pub since: Option<Time>,
    /// When it was last looked at.
    pub evaluated_at: Option<Time>,
    /// The version that was looked at.
    pub version: Option<String>,
    /// Rows in the window.
    pub rows: Option<u64>,
    /// Where the baseline comes from: `held-out`, or a version of a dataset.
    pub compared_with: Option<String>,
    /// The share of inputs that have drifted.
    pub drift_share: Option<f64>,
    /// Whether the prediction has.
    pub prediction_drifted: Option<bool>,
    /// How far each column is from the baseline.
    pub columns: Vec<Drifted>,
    /// Rows whose truth is known.
    pub judged: Option<u64>,
    /// How right predictions were.
    pub metrics: BTreeMap<String, f64>,
    /// How groups were treated.
    pub groups: Option<Value>,
    /// What is not as it should be.
    pub reasons: Vec<String>,
    /// Why it cannot be told.
    pub message: Option<String>,
    /// The alert that tells of it.
    pub alert: Option<String>,
}

/// Evaluates every monitor that is due: what is done again and again.
pub async fn evaluate_all(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<Monitor>().await? {
        let due = it
            .status
            .evaluated_at
            .is_none_or(|at| cx.now().seconds_since(at) >= f64::from(it.spec.every_seconds));
        if !it.spec.enabled || !due {
            continue;
        }
        let (name, org) = (it.name().to_owned(), it.org.clone());
        if let Err(error) = turn(&inside(&cx, &org, &it.metadata.namespace), it).await {
            // One that cannot be written must not keep the others from being evaluated.
            tracing::warn!(monitor = name, org, ?error, "a monitor was not evaluated");
        }
    }
    Ok(())
}

fn inside(cx: &Cx, org: &str, project: &str) -> Cx {
    cx.platform().cx_of(Principal::system("monitors", org), project).doing("evaluate")
}

async fn evaluate(cx: Cx, it: Object<Monitor>, _: Nothing) -> Result<Status> {
    let inside = inside(&cx, &cx.org, &it.metadata.namespace);
    Ok(turn(&inside, it).await?.status)
}

/// Looks at an endpoint and says how it is.
async fn turn(cx: &Cx, it: Object<Monitor>) -> Result<Object<Monitor>> {
    let now = cx.now();
    let mut status = match seen(cx, &it).await {
        Ok(status) => status,
        Err(error) => {
            let message = Some(format!("{}: {}", error.code(), error.message()));
            Status { state: State::Failed, message, ..Status::default() }
        }
    };
    match alarm::settle(cx, &it).await {
        Ok(name) => status.alert = name,
        Err(error) => status.message = Some(format!("the alert: {}: {}", error.code(), error.message())),
    }
    status.evaluated_at = Some(now);
    status.breached = status.state == State::Breached;
    let same = it.status.state == status.state;
    status.since = if same { it.status.since.or(Some(now)) } else { Some(now) };
    cx.update_status::<Monitor>(it.metadata.uid.as_str(), |old| *old = status.clone()).await
}

async fn seen(cx: &Cx, it: &Object<Monitor>) -> Result<Status> {
    let spec = &it.spec;
    let watched = sight::watched(cx, &spec.endpoint).await?;
    let sight = sight::look(cx, &watched, spec.window_seconds).await?;
    let mut status =
        Status { version: Some(watched.version.clone()), rows: Some(sight.rows as u64), ..Status::default() };
    if sight.rows < spec.rows_min as usize {
        status.state = State::Waiting;
        return Ok(status);
    }
    let measured = quality::measured(&watched, &sight);
    status.judged = Some(measured.judged);
    if measured.judged >= u64::from(spec.rows_min) {
        status.reasons.extend(spec.bounds.iter().filter_map(|bound| bound.broken(&measured.metrics)));
    }
    status.metrics = measured.metrics;
    if let Some(groups) = &spec.fairness {
        let fair = quality::fairness(&sight, (&groups.column, &groups.favourable), groups.confidence)?;
        let gap = fair.selection.as_ref().filter(|gap| gap.interval.0 > groups.difference_max);
        status.reasons.extend(gap.map(|gap| {
            let (high, low) = &gap.between;
            format!(
                "`{}` is answered for `{high}` more often than for `{low}` by {:.4}, at least {:.4} with a confidence of {}",
                groups.favourable, gap.difference, gap.interval.0, groups.confidence
            )
        }));
        status.groups = Some(quality::told(&fair, groups.confidence));
    }
    let baseline = baseline::of(cx, &watched, spec.baseline.as_deref()).await?;
    status.compared_with = Some(baseline.from.clone());
    let (how, only) = ((spec.test, spec.threshold), spec.columns.clone());
    let told = cx.blocking(move || Ok(drift::compare(&baseline, &sight, how, &only))).await?;
    if told.share > spec.drift_share_max {
        status.reasons.push(format!("{:.0} % of the inputs have drifted", told.share * 100.0));
    }
    if spec.prediction_drift && told.prediction == Some(true) {
        status.reasons.push("the prediction has drifted".to_owned());
    }
    status.drift_share = Some(told.share);
    status.prediction_drifted = told.prediction;
    status.columns = told.columns;
    status.state = if status.reasons.is_empty() { State::Healthy } else { State::Breached };
    Ok(status)
}

impl Bound {
    /// What is to be said when the metric is out of bounds.
    fn broken(&self, metrics: &BTreeMap<String, f64>) -> Option<String> {
        let value = *metrics.get(&self.metric)?;
        if let Some(min) = self.min.filter(|min| value < *min) {
            return Some(format!("{} is {value:.4}, below {min}", self.metric));
        }
        let max = self.max.filter(|max| value > *max)?;
        Some(format!("{} is {value:.4}, above {max}", self.metric))
    }
}

/// Of which endpoint, over what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Asked {
    /// The endpoint.
    #[field(max = 253)]
    endpoint: String,
    /// Of the log: seconds back from now.
    #[field(min = 1, max = 31536000, default = 86400)]
    window_seconds: u32,
    /// The column of `partial-dependence`; of `fairness`, the one that tells the groups.
    #[field(max = 500)]
    column: Option<String>,
    /// Of `fairness`, the favourable class.
    #[field(max = 500)]
    favourable: Option<String>,
    /// Of `partial-dependence`, the class whose probability is told; the last one when not given.
    #[field(max = 500)]
    class: Option<String>,
    /// Rows of the baseline that are looked at, at most.
    #[field(min = 1, max = 10000, default = 500)]
    rows: u32,
}

impl Asked {
    /// Who may not see the endpoint is not told how it does.
    async fn watched(&self, cx: &Cx) -> Result<(Cx, Watched)> {
        const PERMISSION: &str = "catalog.endpoints.get";
        let raw = cx.read(asking::ENDPOINTS, &self.endpoint).await?;
        let cx = cx.in_project(&raw.metadata.namespace);
        if !cx.decide_on(PERMISSION, (&cx.project, &raw.metadata.name)).await?.allowed {
            return Err(kernel::access::denied(PERMISSION));
        }
        let watched = sight::watched(&cx, &self.endpoint).await?;
        let inside = inside(&cx, &cx.org, &cx.project);
        Ok((inside, watched))
    }

    fn given<'a>(value: Option<&'a String>, field: &'static str) -> Result<&'a str> {
        let missing = || Error::invalid("missing-field", format!("say which `{field}`")).at(field);
        value.map(String::as_str).ok_or_else(missing)
    }
}

async fn drift_of(cx: Cx, ask: Asked) -> Result<Value> {
    let (cx, watched) = ask.watched(&cx).await?;
    drift_told(&cx, watched, ask.window_seconds).await
}

async fn drift_told(cx: &Cx, watched: Watched, seconds: u32) -> Result<Value> {
    let sight = sight::look(cx, &watched, seconds).await?;
    let baseline = baseline::of(cx, &watched, None).await?;
    let (from, since, rows) = (baseline.from.clone(), sight.since, sight.rows);
    let told = cx.blocking(move || Ok(drift::compare(&baseline, &sight, (Test::Auto, None), &[]))).await?;
    Ok(json!({
        "endpoint": watched.name,
        "version": watched.version,
        "since": since,
        "rows": rows,
        "comparedWith": from,
        "driftShare": told.share,
        "predictionDrifted": told.prediction,
        "columns": told.columns,
    }))
}

async fn performance(cx: Cx, ask: Asked) -> Result<Value> {
    let (cx, watched) = ask.watched(&cx).await?;
    let sight = sight::look(&cx, &watched, ask.window_seconds).await?;
    let measured = quality::measured(&watched, &sight);
    Ok(json!({
        "endpoint": watched.name,
        "version": watched.version,
        "since": sight.since,
        "rows": sight.rows,
        "judged": measured.judged,
        "metrics": measured.metrics,
    }))
}

async fn fairness(cx: Cx, ask: Asked) -> Result<Value> {
    let (cx, watched) = ask.watched(&cx).await?;
    let column = Asked::given(ask.column.as_ref(), "column")?;
    let favourable = Asked::given(ask.favourable.as_ref(), "favourable")?;
    let sight = sight::look(&cx, &watched, ask.window_seconds).await?;
    const CONFIDENCE: f64 = 0.95;
    let mut told = quality::told(&quality::fairness(&sight, (column, favourable), CONFIDENCE)?, CONFIDENCE);
    told["endpoint"] = watched.name.into();
    told["version"] = watched.version.into();
    told["rows"] = sight.rows.into();
    Ok(told)
}

async fn permuted(cx: Cx, ask: Asked) -> Result<Value> {
    let (cx, it) = ask.watched(&cx).await?;
    let baseline = baseline::of(&cx, &it, None).await?;
    let asked = importance::Asked { it: &it, baseline: &baseline, rows: ask.rows as usize };
    importance::permuted(&cx, &asked).await
}

async fn dependence(cx: Cx, ask: Asked) -> Result<Value> {
    let (cx, it) = ask.watched(&cx).await?;
    let column = Asked::given(ask.column.as_ref(), "column")?;
    let baseline = baseline::of(&cx, &it, None).await?;
    let asked = importance::Asked { it: &it, baseline: &baseline, rows: ask.rows as usize };
    importance::dependence(&cx, &asked, (column, ask.class.as_deref())).await
}

/// Of which model, over what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct OfModel {
    /// The model.
    #[field(max = 253)]
    model: Name,
    /// Of the log: seconds back from now.
    #[field(min = 1, max = 31536000, default = 86400)]
    window_seconds: u32,
}

/// The most endpoints of a model that are looked at.
const ENDPOINTS_MAX: u32 = 50;

async fn of_model(cx: Cx, ask: OfModel) -> Result<Value> {
    cx.authorize("catalog.endpoints.list", &cx.project).await?;
    let filter = format!("spec.model = \"{}\"", ask.model);
    let mut items = Vec::new();
    for raw in cx.list_raw(asking::ENDPOINTS, &filter, ENDPOINTS_MAX).await? {
        let inside = inside(&cx, &cx.org, &raw.metadata.namespace);
        let told = match sight::watched(&inside, &raw.metadata.name).await {
            Ok(watched) => drift_told(&inside, watched, ask.window_seconds).await,
            Err(error) => Err(error),
        };
        items.push(told.unwrap_or_else(|error| {
            json!({"endpoint": raw.metadata.name, "message": format!("{}: {}", error.code(), error.message())})
        }));
    }
    Ok(json!({"model": ask.model, "items": items}))
}

/// Which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Part {
    /// All of it.
    All,
    /// How right predictions were.
    Accuracy,
    /// How far they and what was asked have drifted.
    Drift,
    /// How groups were treated.
    Fairness,
}

/// Of which part.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct OfPart {
    /// Which part of it.
    #[field(default = "all")]
    part: Part,
}

/// How everything that is watched in the project was when it was last looked at.
async fn overview(cx: Cx, ask: OfPart) -> Result<Value> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut items = Vec::new();
    for it in cx.list::<Monitor>("", 1_000).await? {
        let status = &it.status;
        *counts.entry(format!("{:?}", status.state)).or_default() += 1;
        let mut told = json!({
            "monitor": it.name(),
            "endpoint": it.spec.endpoint,
            "version": status.version,
            "state": status.state,
            "evaluatedAt": status.evaluated_at,
            "rows": status.rows,
        });
        let is = |part| ask.part == Part::All || ask.part == part;
        if is(Part::Accuracy) {
            told["judged"] = json!(status.judged);
            told["metrics"] = json!(status.metrics);
        }
        if is(Part::Drift) {
            let drifted = status.columns.iter().filter(|it| it.drifted).map(|it| &it.column);
            told["driftShare"] = json!(status.drift_share);
            told["predictionDrifted"] = json!(status.prediction_drifted);
            told["drifted"] = json!(drifted.collect::<Vec<&String>>());
        }
        if is(Part::Fairness) {
            told["groups"] = json!(status.groups);
        }
        if ask.part == Part::All {
            told["reasons"] = json!(status.reasons);
        }
        items.push(told);
    }
    Ok(json!({"counts": counts, "items": items}))
}
