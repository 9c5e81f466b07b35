//! Runs: objects of `catalog.runs`; what is logged to them is kept behind the port `Tracking`.

use base::{Digest, Time, Uid};
use kernel::{cx::Cx, literal, object::Raw};
use ports::tracking::{Batch, Found, Metric, Pair, Run, State, Tracking};
use serde_json::{Value, json};

use crate::{
    Asked,
    ask::Ask,
    checks, experiments,
    fault::{Fault, Result},
    log, models, nothing,
    objects::{self, EXPERIMENTS, RUNS, Trash},
    shown::{Info, Point, Shown},
};

/// The tag that holds a run's name.
pub const NAME_TAG: &str = "mlflow.runName";
/// The tag that says as what a run is known where it was copied from.
const SOURCE_TAG: &str = "aic.source.id";

/// Answers what is asked of runs.
pub async fn answer(asked: &Asked) -> Result<Option<Value>> {
    let (cx, ask) = (&asked.cx, &asked.ask);
    let (method, path) = asked.way();
    let value = match (method, path.as_slice()) {
        ("POST", ["runs", "create"]) => create(cx, ask).await?,
        ("GET", ["runs", "get"]) => {
            let it = find(cx, named(ask)?, "get").await?;
            json!({"run": shown(&kept(cx, &it).await?)})
        }
        ("POST", ["runs", "update"]) => update(cx, ask).await?,
        ("POST", ["runs", "delete"]) => {
            let it = find(cx, named(ask)?, "delete").await?;
            if !objects::is_deleted(&it) {
                objects::delete(cx, RUNS, it.metadata.uid.as_str()).await?;
                put(cx, it.metadata.uid.as_str()).await?;
            }
            nothing()
        }
        ("POST", ["runs", "restore"]) => {
            let it = find(cx, named(ask)?, "restore").await?;
            if objects::is_deleted(&it) {
                objects::restore(cx, RUNS, it.metadata.uid.as_str()).await?;
                put(cx, it.metadata.uid.as_str()).await?;
            }
            nothing()
        }
        ("POST", ["runs", more]) => match log::answer(cx, ask, more).await? {
            Some(value) => value,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// The run a request names, by either of its fields.
pub fn named(ask: &Ask) -> Result<&str> {
    match ask.given("run_id")? {
        Some(id) => Ok(id),
        None => match ask.given("run_uuid")? {
            Some(id) => Ok(id),
            None => ask.required("run_id"),
        },
    }
}

/// A run by its id, living or in the trash, if the caller may.
pub async fn find(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    let found = objects::whole(cx, RUNS, id).await?;
    objects::may(cx, RUNS, verb, found.as_ref().map_or(id, |it| &it.metadata.name)).await?;
    found.ok_or_else(|| Fault::missing(format!("Run with id={id} not found")))
}

/// A run that is not in the trash.
pub async fn active(cx: &Cx, id: &str, verb: &str) -> Result<Raw> {
    let it = find(cx, id, verb).await?;
    if objects::is_deleted(&it) {
        return Err(Fault::invalid(format!(
            "The run {id} must be in the 'active' lifecycle_stage. Current state is deleted."
        )));
    }
    Ok(it)
}

/// The experiment a run belongs to, living or in the trash.
async fn experiment(cx: &Cx, run: &Raw) -> Result<Raw> {
    let name = objects::text(run, "experiment").unwrap_or_default();
    if let Some(it) = objects::living(cx, EXPERIMENTS, name).await? {
        return Ok(it);
    }
    let filter = format!("name = {}", literal(name));
    let mut all = objects::list(cx, EXPERIMENTS, &filter, Trash::Only).await?;
    all.pop().ok_or_else(|| Fault::missing(format!("No Experiment with id={name} exists")))
}

/// A run's attributes as the engine keeps them.
async fn attributes(cx: &Cx, it: &Raw) -> Result<Run> {
    let experiment = experiment(cx, it).await?;
    Ok(attributes_in(&experiment, it))
}

fn attributes_in(experiment: &Raw, it: &Raw) -> Run {
    let time =
        |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.parse::<Time>().ok());
    let place = experiments::place(experiment);
    let phase = it.status.get("phase").and_then(Value::as_str).unwrap_or_default();
    let started = time(it.spec.get("startedAt")).unwrap_or(it.metadata.creation_timestamp);
    Run {
        org: it.org.clone(),
        project: it.metadata.namespace.clone(),
        experiment: experiment.metadata.uid.clone(),
        id: it.metadata.uid.clone(),
        name: objects::text(it, "title").unwrap_or(&it.metadata.name).to_owned(),
        user: objects::text(it, "user").unwrap_or_default().to_owned(),
        state: State::parse(phase).unwrap_or_default(),
        started_ms: started.millis(),
        ended_ms: time(it.status.get("finishedAt")).map(Time::millis),
        deleted_ms: it.metadata.deletion_timestamp.map(Time::millis),
        artifacts: format!("{}/{}/artifacts", place.trim_end_matches('/'), it.metadata.uid),
    }
}

/// Brings the engine up to what a run's object says; answers its attributes.
async fn put(cx: &Cx, uid: &str) -> Result<Run> {
    let it = objects::whole(cx, RUNS, uid).await?;
    let it = it.ok_or_else(|| Fault::missing(format!("Run with id={uid} not found")))?;
    let run = attributes(cx, &it).await?;
    cx.port::<dyn Tracking>()?.put(run.clone()).await?;
    Ok(run)
}

/// A run with what was logged to it. One the engine does not know yet was made elsewhere.
pub async fn kept(cx: &Cx, it: &Raw) -> Result<Found> {
    let tracking = cx.port::<dyn Tracking>()?;
    if let Some(found) = tracking.run(&cx.org, &it.metadata.uid).await? {
        return Ok(found);
    }
    put(cx, it.metadata.uid.as_str()).await?;
    let found = tracking.run(&cx.org, &it.metadata.uid).await?;
    found.ok_or_else(|| Fault::missing(format!("Run with id={} not found", it.metadata.uid)))
}

/// Logs to a run, all of it or nothing.
pub async fn write(cx: &Cx, it: &Raw, batch: Batch) -> Result<()> {
    let tracking = cx.port::<dyn Tracking>()?;
    let uid = &it.metadata.uid;
    let mut done = tracking.log(&cx.org, uid, batch.clone()).await;
    if done.as_ref().is_err_and(|error| error.code() == "run-unknown") {
        put(cx, uid.as_str()).await?;
        done = tracking.log(&cx.org, uid, batch.clone()).await;
    }
    match done {
        Err(error) if error.code() == "param-differs" => Err(differs(cx, uid, &batch).await?),
        other => Ok(other?),
    }
}

/// MLflow's words for a parameter that has another value already.
async fn differs(cx: &Cx, uid: &Uid, batch: &Batch) -> Result<Fault> {
    let found = cx.port::<dyn Tracking>()?.run(&cx.org, uid).await?;
    let known = found.map(|found| found.params).unwrap_or_default();
    let other = batch.params.iter().find_map(|new| {
        let old = known.iter().find(|old| old.key == new.key && old.value != new.value)?;
        Some((old, new))
    });
    Ok(Fault::invalid(match other {
        Some((old, new)) => format!(
            "Changing param values is not allowed. Param with key='{}' was already logged with value='{}' for run ID='{uid}'. Attempted logging new value '{}'.",
            new.key, old.value, new.value
        ),
        None => {
            format!("Changing param values is not allowed. Params were already logged for run ID='{uid}'.")
        }
    }))
}

/// A name nobody gave.
pub fn made_up(cx: &Cx) -> String {
    const FIRST: [&str; 16] = [
        "able", "bold", "calm", "deep", "eager", "fair", "gentle", "happy", "keen", "light", "merry",
        "noble", "quick", "ready", "silent", "wise",
    ];
    const SECOND: [&str; 16] = [
        "ant", "bear", "crane", "deer", "elk", "finch", "goat", "hare", "ibis", "jay", "lark", "mole",
        "newt", "owl", "perch", "wren",
    ];
    let [a, b, c, d] = cx.random::<4>();
    let number = u16::from_le_bytes([c, d]) % 1_000;
    format!("{}-{}-{number}", FIRST[usize::from(a) % 16], SECOND[usize::from(b) % 16])
}

async fn create(cx: &Cx, ask: &Ask) -> Result<Value> {
    let id = ask.given("experiment_id")?.unwrap_or("0");
    let started = ask.whole("start_time")?;
    let mut tags = ask.pairs("tags")?;
    for (i, (key, value)) in tags.iter_mut().enumerate() {
        checks::key(key, &format!("tags[{i}].key"))?;
        checks::length(&format!("tags[{i}].key"), key, checks::KEY_MAX)?;
        *value = checks::cut(std::mem::take(value), checks::TAG_MAX);
    }
    let told = ask.given("run_name")?.map(str::to_owned);
    let tagged = tags.iter().find(|(key, _)| key == NAME_TAG).map(|(_, value)| value.clone());
    if let (Some(told), Some(tagged)) = (&told, &tagged)
        && told != tagged
    {
        return Err(Fault::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{told}', mlflow.runName='{tagged}')."
        )));
    }
    let title = told.or(tagged.clone().filter(|it| !it.is_empty())).unwrap_or_else(|| made_up(cx));
    if tagged.is_none() {
        tags.push((NAME_TAG.to_owned(), title.clone()));
    }
    let experiment = experiments::active(cx, id, "get").await?;
    let spec = json!({
        "experiment": experiment.metadata.name,
        "title": checks::cut(title, checks::TAG_MAX),
        "user": ask.given("user_id")?.map(|user| checks::cut(user.to_owned(), 256)),
        // MLflow takes a run that says nothing for one that began in 1970.
        "startedAt": Time::from_micros(started.unwrap_or(0).saturating_mul(1_000)),
    });
    let from = tags.iter().find(|(key, _)| key == SOURCE_TAG).map(|(_, id)| id.as_str());
    let it = begun(cx, (&experiment, from), spec).await?;
    let run = attributes_in(&experiment, &it);
    let tracking = cx.port::<dyn Tracking>()?;
    tracking.put(run.clone()).await?;
    let mut known = std::collections::BTreeMap::new();
    known.extend(tags);
    let tags: Vec<Pair> = known.into_iter().map(|(key, value)| Pair { key, value }).collect();
    tracking.log(&cx.org, &run.id, Batch { tags: tags.clone(), ..Batch::default() }).await?;
    let none = Vec::new;
    let (metrics, params, inputs, models, outputs) = (Vec::new(), none(), Vec::new(), Vec::new(), Vec::new());
    let mut shown = shown(&Found { run, metrics, params, tags, inputs, models, outputs });
    // MLflow says nothing of outputs before there can be any.
    shown.as_object_mut().and_then(|run| run.remove("outputs"));
    Ok(json!({"run": shown}))
}

/// Makes the object of a run. A copy of a run that is somewhere else is made once: whoever was broken off goes on with it.
async fn begun(cx: &Cx, (experiment, from): (&Raw, Option<&str>), spec: Value) -> Result<Raw> {
    let name = match from {
        Some(from) => {
            let digest = Digest::of(format!("{}\0{from}", experiment.metadata.uid).as_bytes()).to_string();
            format!("copy-{}", &digest[..40])
        }
        None => cx.uid("run").to_string().replace('_', "-").to_lowercase(),
    };
    let id = match objects::create(cx, RUNS, &name, spec).await {
        Err(fault) if fault.code == "RESOURCE_ALREADY_EXISTS" && from.is_some() => {
            // A run is named below its experiment.
            let name = format!("{}.{name}", experiment.metadata.name);
            objects::may(cx, RUNS, "update", &name).await?;
            name
        }
        other => other?,
    };
    let it = objects::living(cx, RUNS, &id).await?;
    it.ok_or_else(|| Fault::missing(format!("Run with id={id} not found")))
}

/// Gives a run another name, which is a tag, too.
pub async fn rename(cx: &Cx, it: &Raw, title: &str) -> Result<()> {
    objects::patch(cx, RUNS, it.metadata.uid.as_str(), json!({"title": title})).await?;
    put(cx, it.metadata.uid.as_str()).await?;
    write(cx, it, Batch { tags: vec![Pair::new(NAME_TAG, title)], ..Batch::default() }).await
}

async fn update(cx: &Cx, ask: &Ask) -> Result<Value> {
    let ended = ask.whole("end_time")?;
    let state = match ask.raw("status") {
        None => None,
        Some(Value::String(word)) => Some(State::parse(word).ok_or_else(|| {
            Fault::invalid(format!("Invalid value \"{word}\" for parameter 'status' supplied."))
        })?),
        // The numbers of MLflow's enumeration.
        Some(Value::Number(number)) => Some(match number.as_i64() {
            Some(1) => State::Running,
            Some(2) => State::Scheduled,
            Some(3) => State::Finished,
            Some(4) => State::Failed,
            Some(5) => State::Killed,
            _ => {
                return Err(Fault::invalid(format!(
                    "Invalid value {number} for parameter 'status' supplied."
                )));
            }
        }),
        Some(other) => return Err(crate::ask::wrong("status", other)),
    };
    let name = ask.given("run_name")?;
    let it = active(cx, named(ask)?, "update").await?;
    let uid = it.metadata.uid.as_str();
    if state.is_some() || ended.is_some() {
        let before = attributes(cx, &it).await?;
        let ended = ended.or(before.ended_ms).map(|ms| Time::from_micros(ms.saturating_mul(1_000)));
        let phase = state.unwrap_or(before.state).as_str();
        models::act(cx, RUNS, uid, ("finish", json!({"phase": phase, "finishedAt": ended}))).await?;
    }
    let run = match name {
        Some(name) => {
            let name = checks::cut(name.to_owned(), checks::TAG_MAX);
            rename(cx, &it, &name).await?;
            let it = active(cx, uid, "get").await?;
            attributes(cx, &it).await?
        }
        None => put(cx, uid).await?,
    };
    Ok(json!({"run_info": Info(&run)}))
}

/// A value of a metric as MLflow shows it.
pub fn metric(it: &Metric) -> Value {
    json!(Point::of(it))
}

/// A run as MLflow shows it.
pub fn shown(found: &Found) -> Value {
    json!(Shown::of(found))
}
