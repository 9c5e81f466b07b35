//! One execution of a job of another program, as OpenLineage reports it.

use kernel::prelude::*;

/// What such runs serve beyond the verbs every kind has: they come with events.
pub fn serve(kind: KindBuilder<LineageRun>) -> KindBuilder<LineageRun> {
    kind.without(&["create", "clone", "import"]).child_of("lineage-jobs", "job")
}

/// One execution of a job of another program.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "lineage-run", prefix = "lrn")]
pub struct LineageRun {
    /// The job.
    #[field(reference = "catalog.lineage-jobs", indexed, immutable)]
    pub job: Ref,
    /// What it read.
    #[field(reference = "catalog.lineage-datasets", indexed, max = 1000)]
    #[serde(default)]
    pub inputs: Vec<Ref>,
    /// What it wrote, by their names; each of them names this run.
    #[field(max = 1000)]
    #[serde(default)]
    pub outputs: Vec<String>,
    /// The run it was a part of.
    #[field(reference = "catalog.lineage-runs", indexed)]
    pub parent: Option<Ref>,
    /// `START`, `RUNNING`, `COMPLETE`, `ABORT`, `FAIL` or `OTHER`, as reported last.
    #[field(indexed, max = 20)]
    pub state: String,
    /// When it was first heard of.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// What was last reported of it (OpenLineage facets).
    pub facets: Option<Value>,
}
