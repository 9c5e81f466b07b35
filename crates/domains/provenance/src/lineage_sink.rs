//! A sink of OpenLineage: a catalogue elsewhere, such as Marquez or DataHub, that is told of the project's own trainings.
//!
//! Events are sent in the order of the journal, at least once; receivers know a run by its `runId` and add up what they
//! are told. What a training has made is told when it is there: another `COMPLETE` of the same run.

use std::collections::BTreeSet;

use kernel::{access::Principal, journal::Change, object::Raw, prelude::*, store::reader};
use ports::fetch::{self, Fetch};

use crate::export;

/// What sinks serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<LineageSink>) -> KindBuilder<LineageSink> {
    kind.admit(begin).action("flush", "Sends what waits now, not at the next turn.", flush).needs("update")
}

/// A catalogue elsewhere that is told.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "lineage-sink", prefix = "lsk", status = "Status")]
pub struct LineageSink {
    /// Where events are posted to, such as `https://marquez.example/api/v1/lineage`.
    #[field(max = 2000)]
    pub url: String,
    /// What to show as `Authorization: Bearer`.
    #[field(max = 1000, write_only)]
    pub token: Option<Secret>,
    /// Whether all trainings are told; otherwise those since the sink was made.
    #[field(default = false, immutable)]
    pub from_beginning: bool,
    /// Whether it is told.
    #[field(default = true)]
    pub enabled: bool,
}

/// How a sink is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Why it did not take the last events; nothing when it did.
    pub error: Option<String>,
    /// Since when.
    pub since: Option<Time>,
}

/// Where the positions sinks have taken are kept.
const SPACE: &str = "lineage-sink";
/// Entries of the journal read at once, and how often in one turn, so that a new sink does not keep others waiting.
const BATCH: u32 = 500;
const BATCHES_MAX: u32 = 20;

const RUNS: &str = "catalog.runs";
const VERSIONS: &str = "catalog.model-versions";

async fn begin(
    cx: Cx,
    it: Object<LineageSink>,
    old: Option<Object<LineageSink>>,
) -> Result<Object<LineageSink>> {
    fetch::check_url(&it.spec.url).map_err(|error| error.at("spec.url"))?;
    if old.is_none() && !it.spec.from_beginning && !cx.dry_run {
        let head = *cx.platform().store.head().borrow();
        keep(&cx, &it.metadata.uid, head).await?;
    }
    Ok(it)
}

async fn kept(cx: &Cx, uid: &Uid) -> Result<u64> {
    reader::position(&*cx.platform().store, (SPACE, uid), cx.now()).await
}

async fn keep(cx: &Cx, uid: &Uid, position: u64) -> Result<()> {
    reader::keep(&*cx.platform().store, (SPACE, uid), position).await
}

/// How far a sink is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Position {
    /// Everything up to this entry of the journal was told.
    position: u64,
}

/// Sends what waits now.
async fn flush(cx: Cx, it: Object<LineageSink>, _: Nothing) -> Result<Position> {
    send(&cx, &it).await?;
    Ok(Position { position: kept(&cx, &it.metadata.uid).await? })
}

/// Tells every sink of every organization what it has not been told yet: what is done again and again.
pub async fn send_all(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<LineageSink>().await? {
        if !it.spec.enabled {
            continue;
        }
        let system = Principal::system("lineage-sinks", &it.org);
        let inside = cx.platform().cx_of(system, &it.metadata.namespace).doing("send");
        let error = send(&inside, &it).await.err().map(|error| error.message().to_owned());
        if error != it.status.error {
            let now = inside.now();
            let noted = inside.update_status::<LineageSink>(it.metadata.uid.as_str(), |status| {
                status.error.clone_from(&error);
                status.since = Some(now);
            });
            if let Err(error) = noted.await {
                tracing::warn!(sink = it.name(), ?error, "how a sink is was not noted");
            }
        }
    }
    Ok(())
}

/// Tells a sink what it has not been told yet. The position is kept after each batch, so a crash tells some twice.
async fn send(cx: &Cx, it: &Object<LineageSink>) -> Result<()> {
    let mut position = kept(cx, &it.metadata.uid).await?;
    for _ in 0..BATCHES_MAX {
        let changes = cx.platform().store.changes(position, BATCH).await?;
        let Some(last) = changes.last().map(|change| change.position) else { break };
        let told = tell(cx, it, &changes).await?;
        // With nothing of one's own behind it a position is worth no write; it is found again.
        if told > 0 || changes.len() == BATCH as usize {
            keep(cx, &it.metadata.uid, last).await?;
        }
        position = last;
    }
    Ok(())
}

/// Posts the events of runs that changes are about; answers how many.
async fn tell(cx: &Cx, it: &Object<LineageSink>, changes: &[Change]) -> Result<u64> {
    let Ok(kind) = cx.platform().kind(RUNS) else { return Ok(0) };
    let mut seen = BTreeSet::new();
    let mut told = 0;
    for change in changes {
        let is_own = change.org == it.org && change.project == it.metadata.namespace && !change.deleted;
        if !is_own || (change.kind != RUNS && change.kind != VERSIONS) {
            continue;
        }
        let Ok(body) = serde_json::from_str::<Value>(&change.body) else { continue };
        let (run, phase) = match change.kind.as_str() {
            RUNS => (Some(change.uid.as_str()), body["status"]["phase"].as_str()),
            _ => (body["spec"]["run"].as_str(), Some("FINISHED")),
        };
        let Some(run) = run else { continue };
        let has_ended = !matches!(phase, Some("RUNNING" | "SCHEDULED") | None);
        // A version is worth telling even where the run's end was just told without it.
        if !seen.insert((run.to_owned(), has_ended, change.kind == VERSIONS)) {
            continue;
        }
        let run: Raw = match cx.read(&kind.id(), run).await {
            Ok(run) => run,
            Err(error) if error.code() == "not-found" => continue,
            Err(error) => return Err(error),
        };
        let events = export::of_run(cx, &run).await?;
        let event = if has_ended { events.get(1) } else { events.first() };
        if let Some(event) = event {
            post(cx, it, event).await?;
            told += 1;
        }
    }
    Ok(told)
}

async fn post(cx: &Cx, it: &Object<LineageSink>, event: &Value) -> Result<()> {
    let token = it.spec.token.as_ref().map(Secret::reveal);
    let by = cx.port::<dyn Fetch>()?;
    fetch::post(&*by, &it.spec.url, token, ("application/json", event.to_string().into_bytes())).await
}
