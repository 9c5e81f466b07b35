//! A logged model: what a run has made, with its files, before anybody registers it.
//!
//! It is `PENDING` while its files come, then `READY`, or `FAILED` when they did not all come.

use std::collections::BTreeMap;

use kernel::prelude::*;

/// What logged models serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<LoggedModel>) -> KindBuilder<LoggedModel> {
    kind.admit(note_change)
        .action("finish", "Says whether all of the model's files have come.", finish)
        .needs("update")
}

/// What a run has made, before anybody registers it.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "logged-model", prefix = "lgm", status = "Status")]
pub struct LoggedModel {
    /// The experiment it belongs to.
    #[field(reference = "catalog.experiments", indexed, immutable)]
    pub experiment: Ref,
    /// What people call it.
    #[field(max = 500, indexed)]
    pub title: Option<String>,
    /// The run that made it.
    #[field(max = 100, indexed, immutable)]
    pub source_run: Option<String>,
    /// What sort of model it is, such as `agent`.
    #[field(max = 500)]
    pub model_type: Option<String>,
    /// Where its files are.
    #[field(max = 5000, immutable)]
    pub artifact_location: Option<String>,
    /// What was set before it was made.
    pub parameters: BTreeMap<String, String>,
    /// Short texts about it.
    pub tags: BTreeMap<String, String>,
}

/// Whether a model's files are there; the words are MLflow's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// They are coming.
    #[default]
    Pending,
    /// They are there.
    Ready,
    /// They did not all come.
    Failed,
}

/// What is known of a logged model.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether its files are there.
    #[field(indexed, default = "PENDING")]
    pub phase: Phase,
    /// What went wrong, where something did.
    #[field(max = 5000)]
    pub message: Option<String>,
    /// When it was changed last.
    pub updated: Option<Time>,
}

/// Says when the model was changed last.
async fn note_change(
    cx: Cx,
    mut it: Object<LoggedModel>,
    old: Option<Object<LoggedModel>>,
) -> Result<Object<LoggedModel>> {
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}

/// How it ended.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct End {
    /// Where it is now.
    phase: Phase,
    /// What went wrong, where something did.
    #[field(max = 5000)]
    message: Option<String>,
}

/// Says whether all of the model's files have come.
async fn finish(cx: Cx, it: Object<LoggedModel>, ask: End) -> Result<Status> {
    let changed = cx.update_status::<LoggedModel>(it.metadata.uid.as_str(), |status| {
        status.phase = ask.phase;
        status.message.clone_from(&ask.message);
    });
    Ok(changed.await?.status)
}
