//! A job of another program, as OpenLineage reports it.

use kernel::prelude::*;

/// What jobs serve beyond the verbs every kind has: they come with events.
pub fn serve(kind: KindBuilder<LineageJob>) -> KindBuilder<LineageJob> {
    kind.without(&["create", "clone", "import"])
}

/// A job of another program.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "lineage-job", prefix = "ljb")]
pub struct LineageJob {
    /// Where the job's name is unique, for example the scheduler's address.
    #[field(indexed, immutable, max = 1000)]
    pub namespace: String,
    /// The job's own name there.
    #[field(indexed, immutable, max = 1000)]
    pub title: String,
    /// What was last reported of it (OpenLineage facets).
    pub facets: Option<Value>,
}
