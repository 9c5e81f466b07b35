//! Events of OpenLineage: what other programs report of their jobs, and what the platform tells of its own
//! (<https://openlineage.io/spec/2-0-2/OpenLineage.json>).
//!
//! An event only adds: it comes again, or in another order, and the end is the same.

use kernel::{kind, prelude::*};

use crate::{lineage_dataset::LineageDataset, lineage_job::LineageJob, lineage_run::LineageRun};

/// What is served of events.
pub fn serve(kind: KindBuilder<LineageEvent>) -> KindBuilder<LineageEvent> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .action_on_all("receive", "Takes an event of OpenLineage: a run's, a job's or a dataset's.", receive)
        .needs("create")
        .view_of_all(
            "",
            "What the platform's own trainings read and made, as events of OpenLineage, oldest first.",
            crate::export::events,
        )
        .needs("list")
}

/// An event of OpenLineage.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "lineage-event", prefix = "lev")]
pub struct LineageEvent {
    /// Which schema it follows.
    pub schema: Option<String>,
}

/// The namespace of the platform's own datasets.
pub const OWN: &str = "aic";
/// The most bytes of facets that are kept of one thing.
const FACETS_MAX: usize = 64 << 10;
/// How many producers of a dataset are remembered.
const PRODUCERS_MAX: usize = 20;
/// How often a write that met another is tried again.
const TRIES: usize = 20;

/// An event; fields that are not listed are passed over, as the specification asks of who reads.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `START`, `RUNNING`, `COMPLETE`, `ABORT`, `FAIL` or `OTHER`; of a run's event only.
    event_type: Option<Type>,
    /// When it happened.
    event_time: Time,
    /// Who reports, as an address.
    #[field(max = 2000)]
    producer: String,
    /// Which schema the event follows.
    #[serde(rename = "schemaURL")]
    #[field(max = 2000)]
    schema_url: String,
    /// The run: `{"runId": "…", "facets": {…}}`.
    run: Option<Value>,
    /// The job: `{"namespace": "…", "name": "…", "facets": {…}}`.
    job: Option<Value>,
    /// What was read: datasets as `{"namespace": "…", "name": "…", "facets": {…}}`.
    #[field(max = 1000)]
    #[serde(default)]
    inputs: Vec<Value>,
    /// What was written.
    #[field(max = 1000)]
    #[serde(default)]
    outputs: Vec<Value>,
    /// The dataset, of a dataset's event.
    dataset: Option<Value>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "UPPERCASE")]
enum Type {
    /// It has begun.
    Start,
    /// It goes on.
    Running,
    /// It has ended well.
    Complete,
    /// It was stopped.
    Abort,
    /// It has failed.
    Fail,
    /// Something else is told of it.
    Other,
}

impl Type {
    fn word(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Running => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Abort => "ABORT",
            Self::Fail => "FAIL",
            Self::Other => "OTHER",
        }
    }

    fn ends(self) -> bool {
        matches!(self, Self::Complete | Self::Abort | Self::Fail)
    }
}

/// A namespace, a name, and what is told of them.
struct Named {
    namespace: String,
    name: String,
    facets: Option<Value>,
}

fn missing(at: &str) -> Error {
    Error::invalid("missing-field", format!("an event of OpenLineage has `{at}`"))
        .at(at.to_owned())
        .hint("https://openlineage.io/spec/2-0-2/OpenLineage.json has the schema")
}

fn named(value: &Value, at: &str) -> Result<Named> {
    let text = |name: &str| {
        let found = value[name].as_str().filter(|text| !text.is_empty() && text.len() <= 1_000);
        found.map(str::to_owned).ok_or_else(|| missing(&format!("{at}.{name}")))
    };
    Ok(Named { namespace: text("namespace")?, name: text("name")?, facets: facets(value) })
}

/// What is told of something, unless it is too much to keep.
fn facets(value: &Value) -> Option<Value> {
    let told = value.get("facets").filter(|it| it.as_object().is_some_and(|it| !it.is_empty()))?;
    (told.to_string().len() <= FACETS_MAX).then(|| told.clone())
}

/// The name of an object for something called so elsewhere: any text may be a name there.
fn object_name(parts: &[&str]) -> String {
    let digest = Digest::of(parts.join("\0").as_bytes()).to_string();
    let title = Name::from_title(parts.last().copied().unwrap_or_default());
    let title = title.map(|name| name.to_string()).unwrap_or_default();
    let short: String = title.chars().take(40).collect();
    let short = short.trim_matches(['-', '.']);
    if short.is_empty() { digest[..16].to_owned() } else { format!("{short}-{}", &digest[..12]) }
}

/// Makes an object, or changes the one there is; whoever writes at the same moment is not overwritten.
async fn upsert<K: kind::Kind + Clone>(
    cx: &Cx,
    name: &str,
    fresh: K,
    change: impl Fn(&mut K) -> bool,
) -> Result<()>
where
    K::Status: Default,
{
    for _ in 0..TRIES {
        let done = match cx.get_opt::<K>(name).await? {
            None => cx.create(Draft::new(name, fresh.clone())).await.map(drop),
            Some(mut it) => match change(&mut it.spec) {
                true => cx.save(&it).await.map(drop),
                false => Ok(()),
            },
        };
        match done {
            Err(error) if matches!(error.code(), "already-exists" | "stale-version") => {}
            other => return other,
        }
    }
    Err(Error::unavailable("too-busy", "many report of the same thing at this moment").retry_after(1))
}

/// What was taken.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Taken {
    /// The name of the job's object.
    job: Option<String>,
    /// The name of the run's object.
    run: Option<String>,
    /// The names of the datasets' objects.
    datasets: Vec<String>,
}

/// Takes an event.
async fn receive(cx: Cx, ask: Event) -> Result<Taken> {
    let cx = cx.doing("report");
    if let (Some(told), None) = (&ask.dataset, &ask.job) {
        let name = dataset(&cx, &named(told, "dataset")?, None).await?;
        return Ok(Taken { datasets: vec![name], ..Taken::default() });
    }
    let job = named(ask.job.as_ref().ok_or_else(|| missing("job"))?, "job")?;
    let job_name = object_name(&[&job.namespace, &job.name]);
    let spec = LineageJob { namespace: job.namespace, title: job.name, facets: job.facets.clone() };
    upsert(&cx, &job_name, spec, |it| renewed(&mut it.facets, &job.facets)).await?;
    let mut taken = Taken { job: Some(job_name.clone()), ..Taken::default() };
    let mut inputs = Vec::new();
    for (i, told) in ask.inputs.iter().enumerate() {
        inputs.push(dataset(&cx, &named(told, &format!("inputs.{i}"))?, None).await?);
    }
    let outputs: Vec<Named> = ask
        .outputs
        .iter()
        .enumerate()
        .map(|(i, told)| named(told, &format!("outputs.{i}")))
        .collect::<Result<_>>()?;
    let run_name = match &ask.run {
        Some(told) => Some(run(&cx, &ask, told, (&job_name, &inputs, &outputs)).await?),
        // A job's event tells what it would read and write; there is no run yet.
        None => None,
    };
    taken.datasets = inputs;
    for told in &outputs {
        taken.datasets.push(dataset(&cx, told, run_name.as_deref()).await?);
    }
    taken.run = run_name;
    Ok(taken)
}

/// Whether what is told now is something else than what is kept.
fn renewed(kept: &mut Option<Value>, told: &Option<Value>) -> bool {
    if told.is_none() || kept == told {
        return false;
    }
    kept.clone_from(told);
    true
}

async fn dataset(cx: &Cx, told: &Named, producer: Option<&str>) -> Result<String> {
    let name = object_name(&[&told.namespace, &told.name]);
    let own = match told.namespace == OWN && cx.platform().kind("catalog.datasets").is_ok() {
        true => cx.read("catalog.datasets", &told.name).await.ok().map(|it| it.metadata.name),
        false => None,
    };
    let spec = LineageDataset {
        namespace: told.namespace.clone(),
        title: told.name.clone(),
        dataset: own.map(Ref::to),
        producers: producer.map(Ref::to).into_iter().collect(),
        facets: told.facets.clone(),
    };
    upsert(cx, &name, spec, |it: &mut LineageDataset| {
        let mut changed = renewed(&mut it.facets, &told.facets);
        if let Some(producer) = producer
            && !it.producers.iter().any(|known| **known == *producer)
        {
            it.producers.push(Ref::to(producer));
            let surplus = it.producers.len().saturating_sub(PRODUCERS_MAX);
            it.producers.drain(..surplus);
            changed = true;
        }
        changed
    })
    .await?;
    Ok(name)
}

async fn run(
    cx: &Cx,
    event: &Event,
    told: &Value,
    (job, inputs, outputs): (&str, &[String], &[Named]),
) -> Result<String> {
    let id = told["runId"].as_str().filter(|id| is_uuid(id)).ok_or_else(|| missing("run.runId"))?;
    let name = object_name(&[job, id]);
    let kind = event.event_type.unwrap_or(Type::Other);
    let outputs: Vec<String> = outputs.iter().map(|it| object_name(&[&it.namespace, &it.name])).collect();
    let facets = facets(told);
    let parent = told.pointer("/facets/parent").and_then(parent);
    let parent = match parent {
        Some(name) => cx.get_opt::<LineageRun>(&name).await?.map(|it| it.metadata.name),
        None => None,
    };
    let spec = LineageRun {
        job: Ref::to(job),
        inputs: inputs.iter().map(Ref::to).collect(),
        outputs: outputs.clone(),
        parent: parent.clone().map(Ref::to),
        state: kind.word().to_owned(),
        started: Some(event.event_time),
        ended: kind.ends().then_some(event.event_time),
        facets: facets.clone(),
    };
    upsert(cx, &name, spec, |it: &mut LineageRun| {
        let before = serde_json::to_value(&*it).unwrap_or_default();
        for input in inputs {
            if !it.inputs.iter().any(|known| **known == **input) {
                it.inputs.push(Ref::to(input));
            }
        }
        for output in &outputs {
            if !it.outputs.contains(output) {
                it.outputs.push(output.clone());
            }
        }
        renewed(&mut it.facets, &facets);
        it.parent = it.parent.take().or_else(|| parent.clone().map(Ref::to));
        it.started = it.started.map(|known| known.min(event.event_time));
        // Events may come in any order: an end stays one.
        if kind.ends() {
            it.ended = Some(event.event_time);
            kind.word().clone_into(&mut it.state);
        } else if it.ended.is_none() && kind != Type::Other {
            kind.word().clone_into(&mut it.state);
        }
        before != serde_json::to_value(&*it).unwrap_or_default()
    })
    .await?;
    Ok(name)
}

/// The object's name of the run that a `parent` facet is about.
fn parent(facet: &Value) -> Option<String> {
    let (job, run) = (facet.get("job")?, facet.get("run")?);
    let job = object_name(&[job["namespace"].as_str()?, job["name"].as_str()?]);
    Some(object_name(&[&job, run["runId"].as_str()?]))
}

/// Something made outputs from inputs, outside the platform.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Report {
    /// What was done, as a name.
    #[field(min = 1, max = 1000, example = "monthly export")]
    activity: String,
    /// What was read, each as `{"namespace": "…", "name": "…"}`.
    #[field(max = 1000)]
    #[serde(default)]
    inputs: Vec<Value>,
    /// What was written, likewise.
    #[field(min = 1, max = 1000)]
    outputs: Vec<Value>,
}

/// The namespace of what people report by hand.
const BY_HAND: &str = "reported";

/// Reports that something outside the platform made outputs from inputs.
pub async fn record(cx: Cx, ask: Report) -> Result<Taken> {
    let event = Event {
        event_type: Some(Type::Complete),
        event_time: cx.now(),
        producer: cx.principal.signature(),
        schema_url: "https://openlineage.io/spec/2-0-2/OpenLineage.json".to_owned(),
        run: Some(json!({"runId": uuid(cx.uid("x").as_str())})),
        job: Some(json!({"namespace": BY_HAND, "name": ask.activity})),
        inputs: ask.inputs,
        outputs: ask.outputs,
        dataset: None,
    };
    receive(cx, event).await
}

/// A UUID for an identifier, always the same one (RFC 9562 section 5.8).
pub fn uuid(uid: &str) -> String {
    let digest = Digest::of(uid.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest.bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Whether a text is a UUID as it is written (RFC 9562 section 4).
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}
