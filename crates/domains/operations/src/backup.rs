//! A backup: everything the platform holds as of one position of the journal, in one checksummed file.

use kernel::{prelude::*, runs::Run};
use ports::archive::Archive;

use crate::maintenance;

/// What backups serve beyond the verbs every kind has; they are made by taking them.
pub fn serve(kind: KindBuilder<Backup>) -> KindBuilder<Backup> {
    kind.without(&["create", "update", "clone", "import"])
        .leave(remove)
        .action_on_all("take", "Orders a backup of everything; a run writes it while the platform goes on.", take)
        .needs("create")
        .action("check", "Reads the file from its first byte to its last, and holds it against its check sum.", check)
        .needs("get")
        .action(
            "prepare-restore",
            "Verifies the backup and lets the next start begin with it. What is there now is set aside, not removed.",
            prepare_restore,
        )
}

/// The work of taking one.
pub fn taking() -> Workflow {
    Workflow::new("admin.backup").step("write", write)
}

/// Everything as of one position.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "backup", prefix = "bck", scope = "platform", status = "Status")]
pub struct Backup {
    /// Why it was taken.
    #[field(max = 1000)]
    pub note: Option<String>,
    /// The schedule that took it.
    #[field(indexed)]
    pub schedule: Option<String>,
}

/// Where a backup is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Being written.
    #[default]
    Pending,
    /// Whole.
    Succeeded,
    /// Given up.
    Failed,
}

/// How a backup is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "Pending")]
    pub phase: Phase,
    /// The run that writes it.
    pub run: Option<String>,
    /// The file, in the directory of backups.
    pub file: Option<String>,
    /// Its length.
    pub bytes: Option<u64>,
    /// The BLAKE3 digest of its bytes.
    pub digest: Option<String>,
    /// The position of the journal it holds everything up to.
    pub position: Option<u64>,
    /// When it was whole.
    pub finished: Option<Time>,
    /// When the next start was told to begin with it.
    pub restore_prepared: Option<Time>,
}

/// What is said of a new backup.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Wanted {
    /// Why it is taken.
    #[field(max = 1000)]
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Input {
    backup: String,
}

/// Orders a backup.
async fn take(cx: Cx, ask: Wanted) -> Result<Value> {
    let made = ordered(&cx, Backup { note: ask.note, schedule: None }).await?;
    Ok(json!({"backup": made.name(), "run": made.status.run}))
}

/// Makes the object and orders the run that writes the file.
pub async fn ordered(cx: &Cx, spec: Backup) -> Result<Object<Backup>> {
    // Without a place to write to there is nothing to order.
    cx.port::<dyn Archive>()?;
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let made = cx.doing("create").create(Draft::new(format!("backup-{id}"), spec)).await?;
    let mut order = Order::new(
        "admin.backup",
        serde_json::to_value(Input { backup: made.name().to_owned() }).map_err(Error::internal)?,
    );
    order.subject = Some(format!("admin.backups/{}", made.name()));
    let run: Object<Run> = cx.order(order).await?;
    let name = run.metadata.name;
    cx.update_status::<Backup>(made.metadata.uid.as_str(), |status| status.run = Some(name.clone())).await
}

/// Writes the file; a try after a crash writes it anew.
async fn write(step: StepCx) -> Result<Value> {
    let name = step.input::<Input>()?.backup;
    let Some(it) = step.cx.get_opt::<Backup>(&name).await? else {
        return Ok(json!({"removed": true}));
    };
    let file = format!("{}.aic-backup", it.name());
    step.line(&format!("writing {file}"));
    let written = step.cx.port::<dyn Archive>()?.write(&file).await;
    let now = step.cx.now();
    let outcome = written.as_ref().ok().cloned();
    step.cx
        .update_status::<Backup>(it.metadata.uid.as_str(), |status| match &outcome {
            Some(written) => {
                status.phase = Phase::Succeeded;
                status.file = Some(file.clone());
                status.bytes = Some(written.bytes);
                status.digest = Some(written.digest.clone());
                status.position = Some(written.position);
                status.finished = Some(now);
            }
            None => status.phase = Phase::Failed,
        })
        .await?;
    let written = written?;
    Ok(json!({"file": file, "bytes": written.bytes, "digest": written.digest, "position": written.position}))
}

fn file(it: &Object<Backup>) -> Result<String> {
    it.status.file.clone().ok_or_else(|| {
        Error::conflict("backup-unfinished", "the backup is not whole").hint("wait for its run to end")
    })
}

/// Whether a backup holds.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Verdict {
    /// Its length.
    bytes: u64,
    /// The digest of its bytes, as it was when it was taken.
    digest: String,
    /// The position of the journal it holds everything up to.
    position: u64,
}

async fn checked(cx: &Cx, it: &Object<Backup>) -> Result<Verdict> {
    let found = cx.port::<dyn Archive>()?.check(&file(it)?).await?;
    if it.status.digest.as_deref() != Some(found.digest.as_str()) {
        return Err(Error::invalid("backup-broken", "the file is not the one that was taken")
            .hint("use another copy of the file"));
    }
    Ok(Verdict { bytes: found.bytes, digest: found.digest, position: found.position })
}

/// Reads the file from its first byte to its last.
async fn check(cx: Cx, it: Object<Backup>, _: Nothing) -> Result<Verdict> {
    checked(&cx, &it).await
}

/// Lets the next start begin with the backup.
async fn prepare_restore(cx: Cx, it: Object<Backup>, _: Nothing) -> Result<Value> {
    let found = checked(&cx, &it).await?;
    cx.port::<dyn Archive>()?.restore_at_start(&file(&it)?).await?;
    let now = cx.now();
    cx.update_status::<Backup>(it.metadata.uid.as_str(), |status| status.restore_prepared = Some(now))
        .await?;
    let head = *cx.platform().store.head().borrow();
    let maintenance = maintenance::state(cx.platform()).await?.is_some();
    Ok(json!({
        "backup": it.name(),
        "position": found.position,
        "lostEntries": head.saturating_sub(found.position),
        "maintenance": maintenance,
        "next": "start the server again; what is there now is set aside in its data directory",
    }))
}

/// A backup that is deleted takes its file with it.
async fn remove(cx: Cx, it: Object<Backup>) -> Result<()> {
    match (&it.status.file, cx.dry_run) {
        (Some(file), false) => cx.port::<dyn Archive>()?.remove(file).await,
        (Some(_) | None, _) => Ok(()),
    }
}
