//! Data outside the platform, or a dataset of the platform that other programs read and write, as OpenLineage reports it.

use kernel::prelude::*;

/// What such datasets serve beyond the verbs every kind has: they come with events.
pub fn serve(kind: KindBuilder<LineageDataset>) -> KindBuilder<LineageDataset> {
    kind.without(&["create", "clone", "import"])
}

/// Data that other programs read and write.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "lineage-dataset", prefix = "lds")]
pub struct LineageDataset {
    /// Where the name is unique, for example `postgres://db.example:5432`.
    #[field(indexed, immutable, max = 1000)]
    pub namespace: String,
    /// Its own name there.
    #[field(indexed, immutable, max = 1000)]
    pub title: String,
    /// The dataset of the platform it is; where the namespace is `aic`, the one of this name.
    #[field(reference = "catalog.datasets", indexed)]
    pub dataset: Option<Ref>,
    /// The runs that wrote it, the last ones.
    #[field(reference = "catalog.lineage-runs", indexed, max = 20)]
    #[serde(default)]
    pub producers: Vec<Ref>,
    /// What was last reported of it (OpenLineage facets).
    pub facets: Option<Value>,
}
