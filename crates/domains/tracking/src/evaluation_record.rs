//! A record of an evaluation dataset: one question, and what its answer should be.

use std::collections::BTreeMap;

use kernel::prelude::*;

/// What records serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<EvaluationRecord>) -> KindBuilder<EvaluationRecord> {
    kind.admit(note_change)
}

/// One question, and what its answer should be.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "evaluation-record", prefix = "evr", status = "Status")]
pub struct EvaluationRecord {
    /// The dataset it belongs to.
    #[field(reference = "catalog.evaluation-datasets", indexed, immutable)]
    pub dataset: Ref,
    /// What goes in.
    #[field(immutable)]
    pub inputs: BTreeMap<String, Value>,
    /// What came out, where that was recorded.
    pub outputs: Option<Value>,
    /// What should come out.
    pub expectations: BTreeMap<String, Value>,
    /// Short texts about it.
    pub tags: BTreeMap<String, Value>,
    /// Where it comes from, such as a trace.
    pub source: Option<Value>,
    /// Who made it, as its client told.
    #[field(max = 256)]
    pub created_by: Option<String>,
    /// Who changed it last, as its client told.
    #[field(max = 256)]
    pub updated_by: Option<String>,
}

/// What is known of a record.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Status {
    /// When it was changed last.
    pub updated: Option<Time>,
}

/// Says when it was changed last.
async fn note_change(
    cx: Cx,
    mut it: Object<EvaluationRecord>,
    old: Option<Object<EvaluationRecord>>,
) -> Result<Object<EvaluationRecord>> {
    if it.says_more_than(old.as_ref())? {
        it.status.updated = Some(cx.now());
    }
    Ok(it)
}
