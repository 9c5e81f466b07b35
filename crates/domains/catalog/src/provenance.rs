//! Provenance: from any object to what it came from and what came of it.

use kernel::{lineage, prelude::*};

/// What is served of provenance; every kind also answers `…/{id}/lineage`.
pub fn serve(kind: KindBuilder<Provenance>) -> KindBuilder<Provenance> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "The last changes of the project's objects, newest first.", recent)
        .needs("list")
        .view_of_all("lineage", "What an object came from and what came of it.", graph)
        .needs("list")
}

/// Where something came from.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "provenance", plural = "provenance", prefix = "prv")]
pub struct Provenance {
    /// The object.
    pub object: Option<String>,
}

/// How many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Page {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
}

async fn recent(cx: Cx, ask: Page) -> Result<Value> {
    let query = kernel::store::ChangeQuery {
        org: Some(cx.org.to_string()),
        project: Some(cx.project.to_string()),
        limit: ask.limit,
        ..Default::default()
    };
    let changes = cx.platform().store.history(&query).await?;
    Ok(json!({"items": changes.iter().map(kernel::read::brief).collect::<Vec<_>>()}))
}

/// Of what, and which way.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Ask {
    /// The object's uid.
    #[field(max = 100)]
    id: String,
    /// Which way.
    #[field(default = "both")]
    direction: lineage::Direction,
}

async fn graph(cx: Cx, ask: Ask) -> Result<Value> {
    lineage::of_uid(&cx, &ask.id, ask.direction).await
}
