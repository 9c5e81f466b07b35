//! An evaluation dataset: questions, and what their answers should be, that agents and models are held against.

use std::collections::BTreeMap;

use kernel::prelude::*;

/// What evaluation datasets serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<EvaluationDataset>) -> KindBuilder<EvaluationDataset> {
    kind.admit(note_change)
}

/// Questions, and what their answers should be.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "evaluation-dataset", prefix = "evd", status = "Status")]
pub struct EvaluationDataset {
    /// What people call it.
    #[field(max = 500, indexed)]
    pub title: Option<String>,
    /// The experiments it is used in, by uid.
    #[field(reference = "catalog.experiments", indexed, max = 1000)]
    pub experiments: Vec<Ref>,
    /// Short texts about it.
    pub tags: BTreeMap<String, String>,
    /// The fields its records have had, with their types.
    pub schema: Option<Value>,
    /// Who made it, as its client told.
    #[field(max = 256)]
    pub created_by: Option<String>,
    /// Who changed its records last, as their client told.
    #[field(max = 256)]
    pub updated_by: Option<String>,
}

/// What is known of an evaluation dataset.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Status {
    /// When it was changed last.
    pub updated: Option<Time>,
}

/// Says when it was changed last.
async fn note_change(
    cx: Cx,
    mut it: Object<EvaluationDataset>,
    old: Option<Object<EvaluationDataset>>,
) -> Result<Object<EvaluationDataset>> {
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}
