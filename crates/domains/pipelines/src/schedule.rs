//! A schedule: when a pipeline runs by itself, and on whose behalf.

use std::collections::BTreeMap;

use behalf::Actor;
use kernel::prelude::*;

use crate::{cron::Cron, pipeline::Pipeline, run::drive};

/// What schedules serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Schedule>) -> KindBuilder<Schedule> {
    kind.child_of("pipelines", "pipeline").admit(due)
}

/// When a pipeline runs by itself.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "pipeline-schedule", prefix = "psc", status = "Status")]
pub struct Schedule {
    /// The pipeline.
    #[field(reference = "catalog.pipelines", indexed, immutable)]
    pub pipeline: Ref,
    /// Minute, hour, day, month and weekday in UTC, as cron writes them.
    #[field(max = 100, example = "30 6 * * mon-fri")]
    pub cron: String,
    /// What each run is given.
    pub parameters: BTreeMap<String, Value>,
    /// Whether it is followed.
    #[field(default = true, indexed)]
    pub enabled: bool,
}

/// How a schedule is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it is due next.
    pub next: Option<Time>,
    /// When it last was.
    pub last: Option<Time>,
    /// The run it last began.
    pub run: Option<String>,
    /// Why it last began none.
    pub message: Option<String>,
    /// On whose behalf it runs: of whoever wrote it last.
    pub actor: Option<Actor>,
}

/// Finds when it is due, and on whose behalf, whenever what is wanted changes.
async fn due(cx: Cx, mut it: Object<Schedule>, old: Option<Object<Schedule>>) -> Result<Object<Schedule>> {
    let cron = Cron::parse(&it.spec.cron).map_err(|error| error.at("spec.cron"))?;
    let same = old.is_some_and(|old| json!(old.spec) == json!(it.spec));
    if !same {
        it.status.next = cron.after(cx.now());
        it.status.actor = Some(Actor::of(&cx));
    }
    Ok(it)
}

/// When, and with what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// Minute, hour, day, month and weekday in UTC.
    #[field(max = 100, example = "@daily")]
    cron: String,
    /// The schedule's name; `default` when not given.
    name: Option<Name>,
    /// What each run is given.
    parameters: BTreeMap<String, Value>,
}

/// Runs the pipeline again and again.
pub async fn order(cx: Cx, it: Object<Pipeline>, ask: Ask) -> Result<Value> {
    let name = ask.name.as_ref().map_or("default", Name::as_str);
    let name = format!("{}.{name}", it.name());
    let spec =
        Schedule { pipeline: Ref::to(it.name()), cron: ask.cron, parameters: ask.parameters, enabled: true };
    let made = match cx.get_opt::<Schedule>(&name).await? {
        Some(mut there) => {
            there.spec = spec;
            cx.save(&there).await?
        }
        None => {
            let kind = cx.platform().kind("catalog.pipelines")?;
            let mut draft = Draft::new(name, spec);
            draft.owners.push(cx.read("catalog.pipelines", it.name()).await?.owner(&kind));
            cx.create(draft).await?
        }
    };
    Ok(json!({"schedule": made.name(), "cron": made.spec.cron, "next": made.status.next}))
}

/// Begins what is due: what is done again and again. The next moment is settled before the run is begun, so
/// that a crash leaves a run out rather than beginning it twice.
pub async fn follow(cx: Cx) -> Result<()> {
    for (inside, it) in
        drive::everywhere::<Schedule>(&cx, "catalog.pipeline-schedules", "spec.enabled = true").await?
    {
        let now = inside.now();
        if it.status.next.is_none_or(|next| next > now) {
            continue;
        }
        let archived = inside.get_opt::<Pipeline>(&it.spec.pipeline).await?.is_none_or(|it| it.spec.archived);
        let mut moved = it.clone();
        moved.status.next = Cron::parse(&it.spec.cron)?.after(now);
        moved.status.last = Some(now);
        match inside.doing("due").save(&moved).await {
            Err(error) if error.code() == "stale-version" => continue,
            other => drop(other?),
        }
        if archived {
            continue;
        }
        let actor =
            it.status.actor.as_ref().ok_or_else(|| Error::internal("a schedule on nobody's behalf"))?;
        let ask = json!({"parameters": it.spec.parameters, "schedule": it.name()});
        let begun =
            actor.cx(&inside).call_action("catalog.pipelines", Some(&it.spec.pipeline), "run", ask).await;
        inside
            .doing("due")
            .update_status::<Schedule>(it.metadata.uid.as_str(), |status| match &begun {
                Ok(begun) => {
                    status.run = begun["pipelineRun"].as_str().map(str::to_owned);
                    status.message = None;
                }
                Err(error) => status.message = Some(error.to_string()),
            })
            .await?;
    }
    Ok(())
}
