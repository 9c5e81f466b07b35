//! A schedule of backups: how often one is taken, and how many are kept.

use kernel::{access::Principal, prelude::*};

use crate::backup::{self, Backup};

/// What schedules serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Schedule>) -> KindBuilder<Schedule> {
    kind
}

/// How often a backup is taken.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "backup-schedule", prefix = "bks", scope = "platform", status = "Status")]
pub struct Schedule {
    /// Seconds from one to the next.
    #[field(min = 60, max = 31536000, default = 86400)]
    pub every_seconds: u32,
    /// How many whole ones are kept; older ones are deleted, and their files with them.
    #[field(min = 1, max = 1000, default = 7)]
    pub keep: u32,
    /// Whether it is followed.
    #[field(default = true)]
    pub enabled: bool,
}

/// How a schedule is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it took the last one.
    pub last: Option<Time>,
}

/// The project the runs of scheduled backups live in, of the organization every platform has.
const HOME: &str = "default";

/// Takes what is due, and deletes what is kept too long: what is done again and again.
pub async fn follow(cx: Cx) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("backups", HOME), HOME).doing("schedule");
    for it in inside.list::<Schedule>("", 100).await? {
        let now = inside.now();
        let due =
            it.status.last.is_none_or(|last| now.seconds_since(last) >= f64::from(it.spec.every_seconds));
        if !it.spec.enabled || !due {
            continue;
        }
        let spec = Backup { note: None, schedule: Some(it.name().to_owned()) };
        backup::ordered(&inside, spec).await?;
        inside.update_status::<Schedule>(it.metadata.uid.as_str(), |status| status.last = Some(now)).await?;
        prune(&inside, &it).await?;
    }
    Ok(())
}

/// Deletes the oldest whole backups of a schedule beyond those that are kept.
async fn prune(cx: &Cx, it: &Object<Schedule>) -> Result<()> {
    let filter = format!("spec.schedule = \"{}\" AND status.phase = \"Succeeded\"", it.name());
    let whole = cx.list::<Backup>(&filter, 1000).await?;
    let surplus = whole.len().saturating_sub(it.spec.keep as usize);
    for old in whole.iter().take(surplus) {
        cx.delete::<Backup>(old.metadata.uid.as_str()).await?;
    }
    Ok(())
}
