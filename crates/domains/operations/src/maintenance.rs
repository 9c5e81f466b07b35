//! Maintenance: while it lasts, only administrators of the platform may change anything. It survives a restart.

use std::sync::Arc;

use kernel::{access::Principal, prelude::*};

/// What is served of maintenance; there is one for the platform.
pub fn serve(kind: KindBuilder<Maintenance>) -> KindBuilder<Maintenance> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "Whether the platform is in maintenance, and until when.", status)
        .open_to(OpenTo::Caller)
        .view_of_all("status", "Whether the platform is in maintenance, and until when.", status)
        .open_to(OpenTo::Caller)
        .action_on_all("start", "Begins maintenance: changes by others are refused until it ends.", start)
        .needs("update")
        .action_on_all("stop", "Ends maintenance.", stop)
        .needs("update")
}

/// The one object of the kind.
const ONLY: &str = "maintenance";

/// Whether the platform is in maintenance.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "maintenance", plural = "maintenance", prefix = "mnt", scope = "platform")]
pub struct Maintenance {
    /// Whether it is.
    #[field(default = false)]
    pub active: bool,
    /// What people are told.
    #[field(max = 1000)]
    pub message: Option<String>,
    /// When it is announced to end. It does not end by itself.
    pub until: Option<Time>,
    /// Who began it.
    pub by: Option<String>,
    /// When it began.
    pub since: Option<Time>,
}

/// What is announced.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Announcement {
    /// What people are told.
    #[field(max = 1000, example = "moving to larger disks")]
    message: Option<String>,
    /// When it is expected to end.
    until: Option<Time>,
}

async fn found(cx: &Cx) -> Result<Option<Object<Maintenance>>> {
    cx.get_opt::<Maintenance>(ONLY).await
}

/// Whether the platform is in maintenance, and until when.
async fn status(cx: Cx, _: Nothing) -> Result<Maintenance> {
    let none = Maintenance { active: false, message: None, until: None, by: None, since: None };
    Ok(found(&cx).await?.map_or(none, |it| it.spec))
}

/// Begins maintenance.
async fn start(cx: Cx, ask: Announcement) -> Result<Maintenance> {
    if ask.until.is_some_and(|until| until <= cx.now()) {
        return Err(Error::invalid("time-passed", "the announced end is past").at("until"));
    }
    let spec = Maintenance {
        active: true,
        message: ask.message,
        until: ask.until,
        by: Some(cx.principal.actor()),
        since: Some(cx.now()),
    };
    set(&cx, spec).await
}

/// Ends maintenance.
async fn stop(cx: Cx, _: Nothing) -> Result<Maintenance> {
    set(&cx, Maintenance { active: false, message: None, until: None, by: None, since: None }).await
}

async fn set(cx: &Cx, spec: Maintenance) -> Result<Maintenance> {
    let saved = match found(cx).await? {
        Some(mut it) => {
            it.spec = spec;
            cx.save(&it).await?
        }
        None => cx.create(Draft::new(ONLY, spec)).await?,
    };
    Ok(saved.spec)
}

/// Makes the object if it is not there, so that asking for it is answered from memory.
pub async fn prepare(platform: &Arc<kernel::platform::Platform>) -> Result<()> {
    let cx = platform.cx_of(Principal::system("maintenance", ""), "").doing("prepare");
    if found(&cx).await?.is_some() {
        return Ok(());
    }
    match stop(cx, Nothing {}).await {
        Err(error) if error.code() == "already-exists" => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The maintenance that is going on, or nothing.
pub async fn state(platform: &Arc<kernel::platform::Platform>) -> Result<Option<Maintenance>> {
    let cx = platform.cx_of(Principal::system("maintenance", ""), "");
    Ok(found(&cx).await?.map(|it| it.spec).filter(|it| it.active))
}

/// Seconds after which a caller may come back when no end was announced.
const RETRY_S: i64 = 120;
/// The longest a caller is told to stay away.
const RETRY_MAX_S: i64 = 86_400;

/// The answer to a change that must wait for the end of maintenance.
pub fn refused(it: &Maintenance, now: Time) -> Error {
    let wait = it.until.map_or(RETRY_S, |until| until.seconds_since(now).ceil() as i64);
    let wait = u32::try_from(wait.clamp(1, RETRY_MAX_S)).unwrap_or(1);
    let told = it.message.as_deref().unwrap_or("the platform is in maintenance");
    let error = Error::unavailable("maintenance", told).retry_after(wait);
    match it.until {
        Some(until) => error.hint(format!("it is announced to end at {until}; reading still works")),
        None => error.hint("try again later; reading still works"),
    }
}
